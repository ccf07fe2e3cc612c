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
#include "proc.h"

#define BODY_SIZE 100000

static struct {
	char dir[32];
	char ca_file[64], key_file[64]; /* of a certificate for 127.0.0.1 that signed itself */
	char dest[64], part[80];
	unsigned int port, tls_port;             /* 127.0.0.1 */
	unsigned int other_port, other_tls_port; /* 127.0.0.2 */
	unsigned int client_port;                /* TLS with client certificates */
	unsigned int deaf_port, closed_port;
	pid_t pid;
	int in;
	char body[BODY_SIZE];
	char digest[SHA256_HEX_SIZE];
	char bases[8][64]; /* of scene_source() */
} scene = { .dir = "/tmp/pgha-test-http-XXXXXX", .pid = -1, .in = -1 };

static inline int scene_certify(const char *subject, const char *names, const char *days,
				const char *key_file, const char *cert_file)
{
	struct err err = ERR_INIT;
	const char *argv[] = { "openssl", "req",    "-x509", "-newkey", "rsa:2048", "-nodes",
			       "-days",   days,     "-subj", subject,   "-addext",  names,
			       "-keyout", key_file, "-out",  cert_file, NULL };
	struct proc proc = { .argv = argv };

	return proc_check(&proc, NULL, &err);
}

static inline int scene_start_server(const char *ca)
{
	cleanup_fclose FILE *f = NULL;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -1;
	scene.pid = fork();
	if (scene.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("python3", "python3", "tests/unit/http_server.py", scene.ca_file,
		       scene.key_file, ca, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	scene.in = in[1];
	f = fdopen(out[0], "r");
	if (!f || fscanf(f, "%u %u %u %u %u %u %u", &scene.port, &scene.tls_port, &scene.other_port,
			 &scene.other_tls_port, &scene.client_port, &scene.deaf_port,
			 &scene.closed_port) != 7)
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
	snprintf(scene.key_file, sizeof(scene.key_file), "%s/server.key", scene.dir);
	snprintf(scene.dest, sizeof(scene.dest), "%s/a/b/file", scene.dir);
	snprintf(scene.part, sizeof(scene.part), "%s.part", scene.dest);
	if (scene_certify("/CN=127.0.0.1", "subjectAltName=IP:127.0.0.1", "2", scene.key_file,
			  scene.ca_file) < 0)
		return -1;
	return scene_start_server(scene.ca_file);
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
