/* SPDX-License-Identifier: Apache-2.0 */
/* http.c against http_server.py on loopback. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "file.h"
#include "http.h"
#include "proc.h"

#define BODY_SIZE 100000

static char dir[] = "/tmp/pgha-test-http-XXXXXX";
static char ca_file[64], dest[64], part[80];
static unsigned int port, tls_port, other_port, other_tls_port;
static pid_t server_pid = -1;
static int server_stdin = -1;
static char body[BODY_SIZE];
static char digest[SHA256_HEX_SIZE];

static int make_certificate(void)
{
	static char key_file[64];
	struct err err = ERR_INIT;
	const char *argv[] = { "openssl",       "req",      "-x509",
			       "-newkey",       "rsa:2048", "-nodes",
			       "-days",         "2",        "-subj",
			       "/CN=127.0.0.1", "-addext",  "subjectAltName=IP:127.0.0.1",
			       "-keyout",       key_file,   "-out",
			       ca_file,         NULL };
	struct proc proc = { .argv = argv };

	snprintf(key_file, sizeof(key_file), "%s/server.key", dir);
	return proc_check(&proc, NULL, &err);
}

static int start_server(void)
{
	int in[2], out[2];
	FILE *f;
	char key_file[64];

	snprintf(key_file, sizeof(key_file), "%s/server.key", dir);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -1;
	server_pid = fork();
	if (server_pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("python3", "python3", "tests/unit/http_server.py", ca_file, key_file, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_stdin = in[1];
	f = fdopen(out[0], "r");
	if (!f || fscanf(f, "%u %u %u %u", &port, &tls_port, &other_port, &other_tls_port) != 4)
		return -1;
	fclose(f);
	return 0;
}

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < BODY_SIZE; i++)
		body[i] = (char)(i * 7 % 251);
	if (!mkdtemp(dir) || sha256_hex(body, sizeof(body), digest, &err) < 0)
		return -1;
	snprintf(ca_file, sizeof(ca_file), "%s/ca.crt", dir);
	snprintf(dest, sizeof(dest), "%s/a/b/file", dir);
	snprintf(part, sizeof(part), "%s.part", dest);
	return make_certificate() < 0 ? -1 : start_server();
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	close(server_stdin);
	waitpid(server_pid, NULL, 0);
	return tree_remove(dir, &err);
}

static int clean_dest(void **state)
{
	struct err err = ERR_INIT;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/a", dir);
	return tree_remove(path, &err);
}

static void url_of(char *ret, size_t size, const char *path)
{
	snprintf(ret, size, "http://127.0.0.1:%u%s", port, path);
}

/* How often PATH (with the range, "PATH RANGE", or "PATH -") was asked for. */
static unsigned int requests(const char *line)
{
	char url[128];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;
	unsigned int n = 0;

	url_of(url, sizeof(url), "/log");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	for (char *p = t.body.buf; p && (p = strstr(p, line)); p += strlen(line))
		n += p[strlen(line)] == '\n' || p[strlen(line)] == ' ';
	str_release(&t.body);
	return n;
}

/* A fetch of PATH into DEST with what is known of the good body. */
static int fetch_path(const char *path, struct err *err)
{
	char url[128];
	struct http_transfer t = {
		.url = url, .sha256 = digest, .size_bytes = BODY_SIZE, .dest = dest
	};

	url_of(url, sizeof(url), path);
	return http_fetch(&t, 1, NULL, NULL, err);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void assert_dest_is_good(void)
{
	char got[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;

	assert_int_equal(sha256_file(dest, got, NULL, &err), 0);
	assert_string_equal(got, digest);
	assert_false(exists(part));
}

static void write_file(const char *path, const void *data, size_t size)
{
	struct err err = ERR_INIT;
	char parent[64];

	snprintf(parent, sizeof(parent), "%s/a/b", dir);
	assert_int_equal(dir_make(parent, 0755, &err), 0);
	assert_int_equal(file_write_atomic(path, 0644, data, size, &err), 0);
}

static void a_file_appears_whole_and_is_not_fetched_twice(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fetch_path("/good-once", &err), 0);
	assert_dest_is_good();
	assert_int_equal(fetch_path("/good-once", &err), 0);
	assert_int_equal(requests("/good-once"), 1);
}

static void a_damaged_file_is_fetched_anew(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	body[5] ^= 1;
	write_file(dest, body, sizeof(body));
	body[5] ^= 1;
	assert_int_equal(fetch_path("/good", &err), 0);
	assert_dest_is_good();
}

static void many_transfers_run_together(void **state)
{
	char urls[40][128], dests[40][64];
	struct http_transfer t[40];
	struct err err = ERR_INIT;
	char got[SHA256_HEX_SIZE];

	(void)state;
	memset(t, 0, sizeof(t));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		url_of(urls[i], sizeof(urls[i]), "/good");
		snprintf(dests[i], sizeof(dests[i]), "%s/a/%zu", dir, i);
		t[i] = (struct http_transfer){ .url = urls[i], .sha256 = digest, .dest = dests[i] };
	}
	assert_int_equal(http_fetch(t, ARRAY_SIZE(t), NULL, NULL, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(sha256_file(dests[i], got, NULL, &err), 0);
		assert_string_equal(got, digest);
		assert_true(t[i].downloaded);
	}
}

static void a_body_comes_into_memory_with_its_digest(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;

	(void)state;
	url_of(url, sizeof(url), "/to-good");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_int_equal(t.body.len, BODY_SIZE);
	assert_memory_equal(t.body.buf, body, BODY_SIZE);
	assert_string_equal(t.got_sha256, digest);
	str_release(&t.body);
}

static void a_file_without_a_known_digest_replaces_the_old_one(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url, .dest = dest };
	struct err err = ERR_INIT;

	(void)state;
	write_file(dest, "old", 3);
	url_of(url, sizeof(url), "/good");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_dest_is_good();
}

static void file_urls_are_read(void **state)
{
	char url[128], source[64];
	struct http_transfer t = { .url = url, .sha256 = digest, .dest = dest };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(source, sizeof(source), "%s/source", dir);
	write_file(source, body, sizeof(body));
	snprintf(url, sizeof(url), "file://%s", source);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_dest_is_good();
}

static const struct refusal {
	const char *path;
	enum err_code code;
	const char *word; /* in the message */
} refusals[] = {
	{ "/wrong", ERR_VERIFY, "SHA-256" },      { "/long", ERR_VERIFY, "" },
	{ "/endless", ERR_VERIFY, "longer" },     { "/empty-204", ERR_NETWORK, "204" },
	{ "/missing", ERR_NETWORK, "resolve" },   { "/to-file", ERR_NETWORK, "redirects" },
	{ "/to-https-to-http", ERR_NETWORK, "" },
};

static void what_is_wrong_is_refused_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(fetch_path(refusals[i].path, &err), -(int)refusals[i].code);
		assert_non_null(strstr(err.msg, refusals[i].path));
		assert_non_null(strstr(err.msg, refusals[i].word));
		assert_false(exists(dest));
		assert_false(exists(part));
	}
}

static void a_body_is_cut_off_at_the_limit(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url, .max_bytes = BODY_SIZE - 1 };
	struct err err = ERR_INIT;

	(void)state;
	url_of(url, sizeof(url), "/endless");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_VERIFY);
	assert_true(t.body.len < BODY_SIZE);
	str_release(&t.body);
}

static void other_schemes_are_configuration_errors(void **state)
{
	static const char *const urls[] = { "ftp://127.0.0.1/x", "/etc/hostname", "file:hostname",
					    "scp://u:secret@h/x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct http_transfer t = { .url = urls[i] };
		struct err err = ERR_INIT;

		assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_CONFIG);
		assert_null(strstr(err.msg, "secret"));
	}
}

static void a_transient_failure_is_tried_once_more(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fetch_path("/flaky", &err), 0);
	assert_dest_is_good();
	assert_int_equal(requests("/flaky"), 2);
}

static void a_cut_connection_goes_on_where_it_ended(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fetch_path("/cut", &err), 0);
	assert_dest_is_good();
	assert_int_equal(requests("/cut bytes=50000-"), 1);
}

static void an_earlier_part_is_resumed(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	write_file(part, body, 1000);
	assert_int_equal(fetch_path("/resumable", &err), 0);
	assert_dest_is_good();
	assert_int_equal(requests("/resumable bytes=1000-"), 1);
	assert_int_equal(requests("/resumable -"), 0);
}

static void a_wrong_part_and_a_server_without_ranges_start_anew(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	write_file(part, body + 1, 2000);
	assert_int_equal(fetch_path("/resumable", &err), 0);
	assert_dest_is_good();
	assert_int_equal(requests("/resumable -"), 1);

	assert_int_equal(unlink(dest), 0);
	write_file(part, body, 3000);
	assert_int_equal(fetch_path("/good-no-ranges", &err), 0);
	assert_dest_is_good();
}

static void tls_needs_the_right_authority(void **state)
{
	char url[128];
	struct http_settings settings = { .sslcacert = ca_file };
	struct http_transfer t = { .url = url, .sha256 = digest, .dest = dest };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/good", tls_port);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "sslcacert"));
	t.settings = &settings;
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_dest_is_good();

	/* An address that is not in the certificate. */
	snprintf(url, sizeof(url), "https://127.0.0.2:%u/good", other_tls_port);
	assert_int_equal(unlink(dest), 0);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "certificate"));
	settings.sslcacert = "/nonexistent/ca";
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_CONFIG);
}

static void redirects_from_https_to_http_are_refused(void **state)
{
	char url[128];
	struct http_settings settings = { .sslcacert = ca_file };
	struct http_transfer t = { .url = url, .settings = &settings };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/to-http", tls_port);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "from https to http"));
	url_of(url, sizeof(url), "/to-https-to-http"); /* in the middle of a chain */
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "from https to http"));
	assert_int_equal(t.body.len, 0);
	str_release(&t.body);
}

static void credentials_go_to_their_own_host_and_not_into_messages(void **state)
{
	char url[128];
	struct http_settings settings = { .username = "u", .password = "secret" };
	struct http_transfer t = { .url = url, .settings = &settings };
	struct err err = ERR_INIT;

	(void)state;
	url_of(url, sizeof(url), "/user");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_string_equal(t.body.buf, "Basic dTpzZWNyZXQ=");
	url_of(url, sizeof(url), "/user-elsewhere");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_string_equal(t.body.buf, "nobody");
	snprintf(url, sizeof(url), "http://u:secret@127.0.0.1:%u/missing", port);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_null(strstr(err.msg, "secret"));
	str_release(&t.body);
}

static void netrc_is_not_honoured(void **state)
{
	static const char netrc[] = "machine 127.0.0.1 login u password secret\n";
	char url[128], path[64], old_home[256];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(old_home, sizeof(old_home), "%s", getenv("HOME") ? getenv("HOME") : "/");
	snprintf(path, sizeof(path), "%s/.netrc", dir);
	assert_int_equal(file_write_atomic(path, 0600, netrc, strlen(netrc), &err), 0);
	setenv("HOME", dir, 1);
	url_of(url, sizeof(url), "/user");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	setenv("HOME", old_home, 1);
	assert_string_equal(t.body.buf, "nobody");
	str_release(&t.body);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean_dest)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_appears_whole_and_is_not_fetched_twice),
		TEST(a_damaged_file_is_fetched_anew),
		TEST(many_transfers_run_together),
		TEST(a_body_comes_into_memory_with_its_digest),
		TEST(a_file_without_a_known_digest_replaces_the_old_one),
		TEST(file_urls_are_read),
		TEST(what_is_wrong_is_refused_and_leaves_nothing),
		TEST(a_body_is_cut_off_at_the_limit),
		TEST(other_schemes_are_configuration_errors),
		TEST(a_transient_failure_is_tried_once_more),
		TEST(a_cut_connection_goes_on_where_it_ended),
		TEST(an_earlier_part_is_resumed),
		TEST(a_wrong_part_and_a_server_without_ranges_start_anew),
		TEST(tls_needs_the_right_authority),
		TEST(redirects_from_https_to_http_are_refused),
		TEST(credentials_go_to_their_own_host_and_not_into_messages),
		TEST(netrc_is_not_honoured),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
