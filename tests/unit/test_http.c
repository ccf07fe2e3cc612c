/* SPDX-License-Identifier: Apache-2.0 */
/* http.c: what a friendly server's files become, and what TLS and credentials do. */
#include "http_scene.h"

static void a_file_appears_whole_and_is_not_fetched_twice(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(scene_fetch("/good/once", NULL, &err), 0);
	scene_assert_good(scene.dest);
	assert_int_equal(scene_fetch("/good/once", NULL, &err), 0);
	assert_int_equal(scene_requests("/good/once"), 1);
}

static void a_damaged_file_is_fetched_anew(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	scene.body[5] ^= 1;
	scene_write(scene.dest, scene.body, sizeof(scene.body));
	scene.body[5] ^= 1;
	assert_int_equal(scene_fetch("/good", NULL, &err), 0);
	scene_assert_good(scene.dest);
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
		scene_url(urls[i], sizeof(urls[i]), "/good");
		snprintf(dests[i], sizeof(dests[i]), "%s/a/%zu", scene.dir, i);
		t[i] = (struct http_transfer){ .url = urls[i],
					       .sha256 = scene.digest,
					       .dest = dests[i] };
	}
	assert_int_equal(http_fetch(t, ARRAY_SIZE(t), NULL, NULL, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(sha256_file(dests[i], got, NULL, &err), 0);
		assert_string_equal(got, scene.digest);
		assert_true(t[i].downloaded);
		http_transfer_release(&t[i]);
	}
}

static void a_body_comes_into_memory_with_its_digest(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;

	(void)state;
	scene_url(url, sizeof(url), "/to-good");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_int_equal(t.body.len, BODY_SIZE);
	assert_memory_equal(t.body.buf, scene.body, BODY_SIZE);
	assert_string_equal(t.got_sha256, scene.digest);
	http_transfer_release(&t);
}

static void a_file_without_a_known_digest_replaces_the_old_one(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url, .dest = scene.dest };
	struct err err = ERR_INIT;

	(void)state;
	scene_write(scene.dest, "old", 3);
	scene_url(url, sizeof(url), "/good");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	scene_assert_good(scene.dest);
	http_transfer_release(&t);
}

static void file_urls_are_read(void **state)
{
	char url[128], source[64];
	struct http_transfer t = { .url = url, .sha256 = scene.digest, .dest = scene.dest };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(source, sizeof(source), "%s/source", scene.dir);
	scene_write(source, scene.body, sizeof(scene.body));
	snprintf(url, sizeof(url), "file://%s", source);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	scene_assert_good(scene.dest);
	http_transfer_release(&t);
}

static const struct refusal {
	const char *path;
	enum err_code code;
	const char *word; /* in the message */
} refusals[] = {
	{ "/wrong", ERR_VERIFY, "SHA-256" },      { "/long", ERR_VERIFY, "" },
	{ "/endless", ERR_VERIFY, "longer" },     { "/empty", ERR_NETWORK, "204" },
	{ "/missing", ERR_NETWORK, "resolve" },   { "/to-file", ERR_NETWORK, "redirects" },
	{ "/to-https-to-http", ERR_NETWORK, "" },
};

static void what_is_wrong_is_refused_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(scene_fetch(refusals[i].path, NULL, &err), -(int)refusals[i].code);
		assert_non_null(strstr(err.msg, refusals[i].path));
		assert_non_null(strstr(err.msg, refusals[i].word));
		assert_false(scene_exists(scene.dest));
		assert_false(scene_exists(scene.part));
	}
}

static void a_body_is_cut_off_at_the_limit(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url, .max_bytes = BODY_SIZE - 1 };
	struct err err = ERR_INIT;

	(void)state;
	scene_url(url, sizeof(url), "/endless");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_VERIFY);
	assert_true(t.body.len < BODY_SIZE);
	http_transfer_release(&t);
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
	assert_int_equal(scene_fetch("/flaky", NULL, &err), 0);
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/flaky"), 2);
}

static void a_cut_connection_goes_on_where_it_ended(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(scene_fetch("/cut", NULL, &err), 0);
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/cut bytes=50000-"), 1);
}

static void an_earlier_part_is_resumed(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	scene_write(scene.part, scene.body, 1000);
	assert_int_equal(scene_fetch("/ranged/resumed", NULL, &err), 0);
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/ranged/resumed bytes=1000-"), 1);
	assert_int_equal(scene_requests("/ranged/resumed -"), 0);
}

static void a_wrong_part_and_a_server_without_ranges_start_anew(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	scene_write(scene.part, scene.body + 1, 2000);
	assert_int_equal(scene_fetch("/ranged/wrong-part", NULL, &err), 0);
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/ranged/wrong-part -"), 1);

	assert_int_equal(unlink(scene.dest), 0);
	scene_write(scene.part, scene.body, 3000);
	assert_int_equal(scene_fetch("/good/no-ranges", NULL, &err), 0);
	scene_assert_good(scene.dest);
}

static void tls_needs_the_right_authority(void **state)
{
	char url[128];
	struct http_settings settings = { .sslcacert = scene.ca_file };
	struct http_transfer t = { .url = url, .sha256 = scene.digest, .dest = scene.dest };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/good", scene.tls_port);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "sslcacert"));
	t.settings = &settings;
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	scene_assert_good(scene.dest);

	/* An address that is not in the certificate. */
	snprintf(url, sizeof(url), "https://127.0.0.2:%u/good", scene.other_tls_port);
	assert_int_equal(unlink(scene.dest), 0);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "certificate"));
	settings.sslcacert = "/nonexistent/ca";
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_CONFIG);
	http_transfer_release(&t);
}

static void redirects_from_https_to_http_are_refused(void **state)
{
	char url[128];
	struct http_settings settings = { .sslcacert = scene.ca_file };
	struct http_transfer t = { .url = url, .settings = &settings };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/to-http", scene.tls_port);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "from https to http"));
	scene_url(url, sizeof(url), "/to-https-to-http"); /* in the middle of a chain */
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_non_null(strstr(err.msg, "from https to http"));
	assert_int_equal(t.body.len, 0);
	http_transfer_release(&t);
}

static void credentials_go_to_their_own_host_and_not_into_messages(void **state)
{
	char url[128];
	struct http_settings settings = { .username = "u", .password = "secret" };
	struct http_transfer t = { .url = url, .settings = &settings };
	struct err err = ERR_INIT;

	(void)state;
	scene_url(url, sizeof(url), "/user");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_string_equal(t.body.buf, "Basic dTpzZWNyZXQ=");
	scene_url(url, sizeof(url), "/user-elsewhere");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_string_equal(t.body.buf, "nobody");
	settings.sslcacert = scene.ca_file;
	scene_url(url, sizeof(url), "/user-at-another-port");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	assert_string_equal(t.body.buf, "nobody");
	snprintf(url, sizeof(url), "http://u:secret@127.0.0.1:%u/missing", scene.port);
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), -ERR_NETWORK);
	assert_null(strstr(err.msg, "secret"));
	http_transfer_release(&t);
}

static void netrc_is_not_honoured(void **state)
{
	static const char netrc[] = "machine 127.0.0.1 login u password secret\n";
	char url[128], path[64], old_home[256];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(old_home, sizeof(old_home), "%s", getenv("HOME") ? getenv("HOME") : "/");
	snprintf(path, sizeof(path), "%s/.netrc", scene.dir);
	assert_int_equal(file_write_atomic(path, 0600, netrc, strlen(netrc), &err), 0);
	setenv("HOME", scene.dir, 1);
	scene_url(url, sizeof(url), "/user");
	assert_int_equal(http_fetch(&t, 1, NULL, NULL, &err), 0);
	setenv("HOME", old_home, 1);
	assert_string_equal(t.body.buf, "nobody");
	http_transfer_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(a_file_appears_whole_and_is_not_fetched_twice),
		SCENE_TEST(a_damaged_file_is_fetched_anew),
		SCENE_TEST(many_transfers_run_together),
		SCENE_TEST(a_body_comes_into_memory_with_its_digest),
		SCENE_TEST(a_file_without_a_known_digest_replaces_the_old_one),
		SCENE_TEST(file_urls_are_read),
		SCENE_TEST(what_is_wrong_is_refused_and_leaves_nothing),
		SCENE_TEST(a_body_is_cut_off_at_the_limit),
		SCENE_TEST(other_schemes_are_configuration_errors),
		SCENE_TEST(a_transient_failure_is_tried_once_more),
		SCENE_TEST(a_cut_connection_goes_on_where_it_ended),
		SCENE_TEST(an_earlier_part_is_resumed),
		SCENE_TEST(a_wrong_part_and_a_server_without_ranges_start_anew),
		SCENE_TEST(tls_needs_the_right_authority),
		SCENE_TEST(redirects_from_https_to_http_are_refused),
		SCENE_TEST(credentials_go_to_their_own_host_and_not_into_messages),
		SCENE_TEST(netrc_is_not_honoured),
	};

	return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
