/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.py on loopback, and what the tests of the download engine ask of it. */
#ifndef PGHA_TESTS_HTTP_SCENE_H
#define PGHA_TESTS_HTTP_SCENE_H

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "file.h"
#include "http.h"
#include "http_part.h"
#include "x509.h"

#define BODY_SIZE 100000

/* Patience with a server: long enough for one that has to wait for a processor. */
#define SCENE_TIMEOUT_S 2

static struct {
	char dir[32];
	char ca_file[64]; /* of the authority of 127.0.0.1's certificate */
	char dest[64], part[80];
	unsigned int port, tls_port;             /* 127.0.0.1 */
	unsigned int other_port, other_tls_port; /* 127.0.0.2 */
	unsigned int client_port;                /* TLS with client certificates */
	unsigned int expired_port;               /* TLS with a certificate of yesterday */
	unsigned int reset_port;                 /* TLS, reset when the handshake is done */
	unsigned int deaf_port, closed_port;
	pid_t pid;
	int in;
	char body[BODY_SIZE];
	char digest[SHA256_HEX_SIZE];
} scene = { .dir = "/tmp/pgha-test-http-XXXXXX", .pid = -1, .in = -1 };

/* Writes NAME.crt and NAME.key into the scene's directory: for USAGE, by ISSUER (NULL: by itself), until
 * UNTIL. RET_CERT may be NULL. */
static inline int scene_certify(const char *name, unsigned int usage, X509 *issuer,
				EVP_PKEY *issuer_key, time_t until, X509 **ret_cert,
				EVP_PKEY **ret_key)
{
	static const char *const addresses[] = { "127.0.0.1", NULL };
	const struct x509_profile profile = { .organization = "test",
					      .common_name = name,
					      .sans = usage & X509_USE_SERVER ? addresses : NULL,
					      .usage = usage,
					      .not_before = until - 10 * (time_t)86400,
					      .not_after = until };
	CLEANUP(X509_freep) X509 *cert = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	char path[64];
	struct err err = ERR_INIT;

	if (x509_key_generate(X509_KEY_P256, &key, &err) < 0 ||
	    x509_create(&profile, key, issuer, issuer_key, &cert, &err) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s.crt", scene.dir, name);
	if (x509_write(path, cert, &err) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s.key", scene.dir, name);
	if (x509_key_write(path, key, &err) < 0)
		return -1;
	if (ret_cert) {
		*ret_cert = steal_ptr(&cert);
		*ret_key = steal_ptr(&key);
	}
	return 0;
}

/* "ca"; by it "server", "expired" and "client"; and "stranger", which nobody knows. */
static inline int scene_certify_all(void)
{
	CLEANUP(X509_freep) X509 *ca = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	time_t now = time(NULL), later = now + 86400;

	if (scene_certify("ca", X509_USE_CA, NULL, NULL, later, &ca, &key) < 0 ||
	    scene_certify("server", X509_USE_SERVER, ca, key, later, NULL, NULL) < 0 ||
	    scene_certify("expired", X509_USE_SERVER, ca, key, now - 86400, NULL, NULL) < 0 ||
	    scene_certify("client", X509_USE_CLIENT, ca, key, later, NULL, NULL) < 0)
		return -1;
	return scene_certify("stranger", X509_USE_CLIENT, NULL, NULL, later, NULL, NULL);
}

static inline int scene_start_server(void)
{
	cleanup_fclose FILE *f = NULL;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -1;
	scene.pid = fork();
	if (scene.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("python3", "python3", "tests/unit/http_server.py", scene.dir, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	scene.in = in[1];
	f = fdopen(out[0], "r");
	if (!f ||
	    fscanf(f, "%u %u %u %u %u %u %u %u %u", &scene.port, &scene.tls_port, &scene.other_port,
		   &scene.other_tls_port, &scene.client_port, &scene.expired_port,
		   &scene.reset_port, &scene.deaf_port, &scene.closed_port) != 9)
		return -1;
	return 0;
}

static inline int scene_set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as in our programs */
	for (size_t i = 0; i < BODY_SIZE; i++)
		scene.body[i] = (char)(i * 7 % 251);
	if (!mkdtemp(scene.dir) ||
	    sha256_hex(scene.body, sizeof(scene.body), scene.digest, &err) < 0)
		return -1;
	snprintf(scene.ca_file, sizeof(scene.ca_file), "%s/ca.crt", scene.dir);
	snprintf(scene.dest, sizeof(scene.dest), "%s/a/b/file", scene.dir);
	snprintf(scene.part, sizeof(scene.part), "%s.part", scene.dest);
	return scene_certify_all() < 0 ? -1 : scene_start_server();
}

static inline int scene_tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	close(scene.in);
	waitpid(scene.pid, NULL, 0);
	return tree_remove(scene.dir, &err);
}

/* After each test. */
static inline int scene_clean(void **state)
{
	struct err err = ERR_INIT;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/a", scene.dir);
	return tree_remove(path, &err);
}

static inline void scene_url(char *ret, size_t size, const char *path)
{
	snprintf(ret, size, "http://127.0.0.1:%u%s", scene.port, path);
}

/* How many lines of the server's log begin with START, a whole word of them. */
static inline unsigned int scene_requests(const char *start)
{
	char url[128];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;
	unsigned int n = 0;

	scene_url(url, sizeof(url), "/log");
	assert_ok(http_fetch(&t, 1, NULL, NULL, &err));
	for (char *p = t.body.buf; p && *p; p = strchr(p, '\n') + 1)
		n += str_starts(p, start) && strchr(" \n/", p[strlen(start)]);
	http_transfer_release(&t);
	return n;
}

/* A fetch of PATH into the scene's file with what is known of the good body. */
static inline int scene_fetch(const char *path, const struct http_settings *settings,
			      struct err *err)
{
	char url[128];
	struct http_transfer t = { .url = url,
				   .settings = settings,
				   .sha256 = scene.digest,
				   .size_bytes = BODY_SIZE,
				   .dest = scene.dest };
	int r;

	scene_url(url, sizeof(url), path);
	r = http_fetch(&t, 1, NULL, NULL, err);
	http_transfer_release(&t);
	return r;
}

/* A source with the given kinds of server as mirrors; "deaf" and "closed" have ports of their own. */
static inline void scene_source(struct http_source *source, const char *const *kinds)
{
	struct err err = ERR_INIT;

	for (; *kinds; kinds++) {
		unsigned int port = !strcmp(*kinds, "deaf")     ? scene.deaf_port
				    : !strcmp(*kinds, "closed") ? scene.closed_port
								: scene.port;

		assert_ok(strv_addf(&source->bases, &err, "http://127.0.0.1:%u/%s", port, *kinds));
	}
}

static inline bool scene_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline void scene_assert_good(const char *path)
{
	char got[SHA256_HEX_SIZE], part[2048];
	struct err err = ERR_INIT;

	assert_ok(sha256_file(path, got, NULL, &err));
	assert_string_equal(got, scene.digest);
	snprintf(part, sizeof(part), "%s.part", path);
	assert_false(scene_exists(part));
}

static inline void scene_write(const char *path, const void *data, size_t size)
{
	struct err err = ERR_INIT;
	char parent[64];

	snprintf(parent, sizeof(parent), "%s/a/b", scene.dir);
	assert_ok(dir_make(parent, 0755, &err));
	assert_ok(file_write_atomic(path, 0644, data, size, &err));
}

#define SCENE_TEST(name) cmocka_unit_test_teardown(name, scene_clean)

#endif
