/* SPDX-License-Identifier: Apache-2.0 */
/* http_option.c: what the settings of a repository make of a connection. */
#include "http_scene.h"

#include "clock.h"

static char *in_scene(const char *name)
{
	char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&path, &err, "%s/%s", scene.dir, name));
	return path;
}

/* A small body by URL; the caller releases it, also after a failure. */
static int get(const char *url, const struct http_settings *settings, struct http_transfer *ret,
	       struct err *err)
{
	*ret = (struct http_transfer){ .url = url, .settings = settings };
	return http_fetch(ret, 1, NULL, NULL, err);
}

static void a_client_certificate_of_the_right_authority_opens_the_door(void **state)
{
	cleanup_free char *cert = in_scene("client.crt");
	cleanup_free char *key = in_scene("client.key");
	cleanup_free char *strange_cert = in_scene("stranger.crt");
	cleanup_free char *strange_key = in_scene("stranger.key");
	struct http_settings settings = { .sslcacert = scene.ca_file, .retries = 1 };
	struct http_transfer t;
	struct err err = ERR_INIT;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/good/entitled", scene.client_port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_contains(err.msg, "a client certificate");
	assert_contains(err.msg, "sslclientkey");
	settings.sslclientcert = strange_cert;
	settings.sslclientkey = strange_key;
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_contains(err.msg, "another client certificate");
	assert_contains(err.msg, "sslclientkey");
	/* A key that is another certificate's, and files that hold something else. */
	settings.sslclientcert = cert;
	assert_fails(ERR_CONFIG, get(url, &settings, &t, &err));
	assert_contains(err.msg, "sslclientkey");
	settings.sslclientcert = "/etc/passwd";
	assert_fails(ERR_CONFIG, get(url, &settings, &t, &err));
	assert_contains(err.msg, "sslclientcert");
	settings = (struct http_settings){ .sslcacert = "/etc/passwd" };
	assert_fails(ERR_CONFIG, get(url, &settings, &t, &err));
	assert_contains(err.msg, "sslcacert");
	assert_int_equal(scene_requests("/good/entitled"), 0);
	settings = (struct http_settings){ .sslcacert = scene.ca_file,
					   .sslclientcert = cert,
					   .sslclientkey = key };
	assert_ok(get(url, &settings, &t, &err));
	assert_string_equal(t.got_sha256, scene.digest);
	http_transfer_release(&t);
}

static void a_server_that_hangs_up_behind_the_handshake_may_want_a_certificate(void **state)
{
	const struct {
		unsigned int port;
		const char *path;
	} rows[] = {
		{ scene.reset_port, "/good/reset" },
		{ scene.tls_port, "/shut/x" },
		{ scene.tls_port, "/shut-by-reset/x" },
	};
	struct http_settings settings = { .sslcacert = scene.ca_file, .retries = 1 };
	struct http_transfer t;
	struct err err = ERR_INIT;
	char url[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", rows[i].port, rows[i].path);
		assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
		assert_contains(err.msg, "right after the TLS handshake");
		assert_contains(err.msg, "sslclientcert");
	}
	/* Without TLS there is nothing to say about certificates, nor behind the first byte. */
	scene_url(url, sizeof(url), "/shut/plain");
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_null(strstr(err.msg, "certificate"));
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/close/x", scene.tls_port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_null(strstr(err.msg, "certificate"));
}

static void an_expired_certificate_and_another_host_are_refused(void **state)
{
	const struct http_settings settings = { .sslcacert = scene.ca_file };
	struct http_transfer t;
	struct err err = ERR_INIT;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/good/expired", scene.expired_port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_contains(err.msg, "expired");
	assert_contains(err.msg, "the clock");
	snprintf(url, sizeof(url), "https://127.0.0.2:%u/good/other", scene.other_tls_port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_contains(err.msg, "127.0.0.2");
	snprintf(url, sizeof(url), "https://localhost:%u/good/other", scene.tls_port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/good/plain", scene.port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_int_equal(scene_requests("/good/other"), 0);
	assert_int_equal(scene_requests("/good/expired"), 0);
	assert_int_equal(scene_requests("/good/plain"), 0);
}

static void a_proxy_is_used_with_its_credentials(void **state)
{
	char proxy[64], url[128], secure[128];
	struct http_settings settings = { .proxy = proxy, .sslcacert = scene.ca_file };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", scene.port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/good/by-proxy", scene.port);
	snprintf(secure, sizeof(secure), "https://127.0.0.1:%u/good/by-tunnel", scene.tls_port);
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_contains(err.msg, "407");
	assert_contains(err.msg, "proxy_username");
	assert_fails(ERR_NETWORK, get(secure, &settings, &t, &err));
	assert_contains(err.msg, "407");
	settings.proxy_username = "p";
	settings.proxy_password = "sesame";
	assert_fails(ERR_NETWORK, get(secure, &settings, &t, &err));
	assert_null(strstr(err.msg, "sesame"));
	settings.proxy_password = "word";
	assert_ok(get(url, &settings, &t, &err));
	http_transfer_release(&t);
	assert_ok(get(secure, &settings, &t, &err));
	assert_int_equal(t.body.len, BODY_SIZE);
	http_transfer_release(&t);
	assert_int_equal(scene_requests("/good/by-proxy"), 1);
	assert_int_equal(scene_requests("/good/by-tunnel"), 1);
	/* The proxy's own password went to the proxy alone. */
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/user", scene.port);
	assert_ok(get(url, &settings, &t, &err));
	assert_string_equal(t.body.buf, "nobody");
	http_transfer_release(&t);
}

static void a_proxy_gets_the_password_only_as_the_settings_say(void **state)
{
	static const struct {
		const char *method;
		bool passes;
		unsigned int without, with; /* requests with and without the password as it is */
	} rows[] = {
		{ NULL, true, 1, 1 },
		{ "basic", true, 0, 1 },
		{ "digest", false, 1, 0 },
		{ "none", false, 1, 0 },
	};
	char proxy[64], url[128], line[192];
	struct http_settings settings = {
		.proxy = proxy, .proxy_username = "p", .proxy_password = "word", .retries = 1
	};
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", scene.port);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/good/by-method/%zu", scene.port, i);
		settings.proxy_auth_method = rows[i].method;
		if (rows[i].passes)
			assert_ok(get(url, &settings, &t, &err));
		else
			assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
		http_transfer_release(&t);
		snprintf(line, sizeof(line), "proxy:127.0.0.1:%s nobody", url);
		assert_in_range(scene_requests(line), rows[i].without, 2 * rows[i].without);
		snprintf(line, sizeof(line), "proxy:127.0.0.1:%s Basic cDp3b3Jk", url);
		assert_int_equal(scene_requests(line), rows[i].with);
	}
}

static void a_proxy_over_tls_is_verified_and_may_want_a_certificate(void **state)
{
	cleanup_free char *cert = in_scene("client.crt");
	cleanup_free char *key = in_scene("client.key");
	char proxy[64], urls[2][128];
	struct http_settings settings = { .proxy = proxy,
					  .proxy_username = "p",
					  .proxy_password = "word",
					  .sslcacert = scene.ca_file,
					  .retries = 1 };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(proxy, sizeof(proxy), "https://127.0.0.1:%u", scene.tls_port);
	snprintf(urls[0], sizeof(urls[0]), "http://127.0.0.1:%u/good/by-tls-proxy", scene.port);
	snprintf(urls[1], sizeof(urls[1]), "https://127.0.0.1:%u/good/by-tls-tunnel",
		 scene.tls_port);
	for (size_t i = 0; i < 2; i++) {
		settings.proxy_sslcacert = NULL;
		assert_fails(ERR_NETWORK, get(urls[i], &settings, &t, &err));
		assert_contains(err.msg, "proxy_sslcacert");
		settings.proxy_sslcacert = scene.ca_file;
		assert_ok(get(urls[i], &settings, &t, &err));
		assert_int_equal(t.body.len, BODY_SIZE);
		http_transfer_release(&t);
	}
	/* The server's authority is another matter than the proxy's. */
	settings.sslcacert = NULL;
	assert_fails(ERR_NETWORK, get(urls[1], &settings, &t, &err));
	assert_contains(err.msg, "`sslcacert`");
	settings.sslcacert = scene.ca_file;
	snprintf(proxy, sizeof(proxy), "https://127.0.0.1:%u", scene.client_port);
	for (size_t i = 0; i < 2; i++) {
		settings.proxy_sslclientcert = settings.proxy_sslclientkey = NULL;
		assert_fails(ERR_NETWORK, get(urls[i], &settings, &t, &err));
		assert_contains(err.msg, "proxy_sslclientcert");
		settings.proxy_sslclientcert = cert;
		settings.proxy_sslclientkey = key;
		assert_ok(get(urls[i], &settings, &t, &err));
		http_transfer_release(&t);
	}
	settings.proxy_sslcacert = "/nowhere/ca.crt";
	assert_fails(ERR_CONFIG, get(urls[0], &settings, &t, &err));
	assert_contains(err.msg, "proxy_sslcacert");
	assert_int_equal(scene_requests("/good/by-tls-proxy"), 2);
	assert_int_equal(scene_requests("/good/by-tls-tunnel"), 2);
}

static void a_proxy_that_is_not_there_is_named(void **state)
{
	char proxy[64], url[128];
	struct http_settings settings = { .proxy = proxy, .retries = 1 };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://p:sesame@127.0.0.1:%u", scene.closed_port);
	scene_url(url, sizeof(url), "/good/no-proxy");
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	assert_contains(err.msg, "the proxy");
	assert_null(strstr(err.msg, "sesame"));
}

static void the_environments_proxy_serves_unless_the_settings_say_none(void **state)
{
	char proxy[64], url[128], line[160];
	struct http_settings settings = { .proxy = NULL };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.2:%u", scene.other_port);
	scene_url(url, sizeof(url), "/good/environment");
	snprintf(line, sizeof(line), "proxy:127.0.0.2:%s", url);
	assert_int_equal(setenv("http_proxy", proxy, 1), 0);
	assert_ok(get(url, &settings, &t, &err));
	http_transfer_release(&t);
	settings.proxy = "";
	assert_ok(get(url, &settings, &t, &err));
	http_transfer_release(&t);
	settings.proxy = NULL;
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	assert_ok(get(url, &settings, &t, &err));
	http_transfer_release(&t);
	unsetenv("no_proxy");
	unsetenv("http_proxy");
	assert_int_equal(scene_requests(line), 1);
	assert_int_equal(scene_requests("/good/environment"), 3);
}

static void an_unchanged_file_is_not_sent_again(void **state)
{
	struct http_transfer t, again;
	struct err err = ERR_INIT;
	char url[128];

	(void)state;
	scene_url(url, sizeof(url), "/cached/x");
	assert_ok(get(url, NULL, &t, &err));
	assert_string_equal(t.etag, "\"the-first\"");
	assert_string_equal(t.last_modified, "Sat, 01 Aug 2026 10:00:00 GMT");
	again = (struct http_transfer){ .url = url, .if_none_match = t.etag };
	assert_ok(http_fetch(&again, 1, NULL, NULL, &err));
	assert_true(again.not_modified);
	assert_false(again.downloaded);
	assert_int_equal(again.body.len, 0);
	http_transfer_release(&again);
	again = (struct http_transfer){ .url = url, .if_modified_since = t.last_modified };
	assert_ok(http_fetch(&again, 1, NULL, NULL, &err));
	assert_true(again.not_modified);
	http_transfer_release(&again);
	again = (struct http_transfer){ .url = url, .if_none_match = "\"another\"" };
	assert_ok(http_fetch(&again, 1, NULL, NULL, &err));
	assert_false(again.not_modified);
	assert_int_equal(again.body.len, BODY_SIZE);
	http_transfer_release(&again);
	/* What a damaged cache might hold does not become a header of its own. */
	again = (struct http_transfer){ .url = url, .if_none_match = "\"x\"\r\nRange: bytes=0-9" };
	assert_ok(http_fetch(&again, 1, NULL, NULL, &err));
	assert_int_equal(again.body.len, BODY_SIZE);
	http_transfer_release(&again);
	assert_int_equal(scene_requests("/cached/x -"), 5);
	http_transfer_release(&t);
}

static void user_agent_and_ip_version_are_the_settings(void **state)
{
	/* First of all: libcurl before 7.78 takes an open connection of the other kind. */
	struct http_settings settings = { .ip_version = 6, .retries = 1 };
	struct http_transfer t;
	struct err err = ERR_INIT;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "http://localhost:%u/agent", scene.port);
	/* The server listens on the older kind alone. */
	assert_fails(ERR_NETWORK, get(url, &settings, &t, &err));
	settings = (struct http_settings){ .user_agent = "libdnf (test)", .ip_version = 4 };
	assert_ok(get(url, &settings, &t, &err));
	assert_string_equal(t.body.buf, "libdnf (test)");
	http_transfer_release(&t);
	settings = (struct http_settings){ .ip_version = 0 };
	assert_ok(get(url, &settings, &t, &err));
	assert_string_equal(t.body.buf, "pgha-bundle/" PGHA_VERSION);
	http_transfer_release(&t);
}

static unsigned int connections(const char *folder)
{
	struct http_transfer t;
	struct err err = ERR_INIT;
	unsigned int n = 0;
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/connections%s", scene.port, folder);
	assert_ok(get(url, NULL, &t, &err));
	n = (unsigned int)strtoul(t.body.buf, NULL, 10);
	http_transfer_release(&t);
	return n;
}

static void connections_are_few_and_serve_the_next_call(void **state)
{
	static const struct http_limits limits = { .parallel = 6, .per_host = 3 };
	const struct http_settings settings = { .sslcacert = scene.ca_file };
	struct http_transfer t[20] = { { .url = NULL } };
	char urls[ARRAY_SIZE(t)][128];
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			snprintf(urls[i], sizeof(urls[i]), "https://127.0.0.1:%u/good/many/%zu",
				 scene.tls_port, i);
			t[i] = (struct http_transfer){ .url = urls[i], .settings = &settings };
		}
		assert_ok(http_fetch(t, ARRAY_SIZE(t), &limits, NULL, &err));
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			assert_string_equal(t[i].got_sha256, scene.digest);
			http_transfer_release(&t[i]);
		}
	}
	assert_int_equal(scene_requests("/good/many"), 40);
	assert_in_range(connections("/good/many"), 1, 3);
}

static void the_rate_is_of_all_together(void **state)
{
	static const struct http_limits limits[] = {
		{ .parallel = 4, .rate_bytes = 4 * BODY_SIZE },
		{ .parallel = 4 },
	};
	static const struct http_settings throttled = { .throttle_bytes = 4 * BODY_SIZE };
	char url[128];

	(void)state;
	scene_url(url, sizeof(url), "/good/rate");
	/* Of a run, then of a repository. */
	for (size_t k = 0; k < ARRAY_SIZE(limits); k++) {
		struct http_transfer t[12] = { { .url = NULL } };
		uint64_t start = clock_monotonic_ms();
		struct err err = ERR_INIT;

		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			t[i] = (struct http_transfer){ .url = url,
						       .settings = k ? &throttled : NULL };
		assert_ok(http_fetch(t, ARRAY_SIZE(t), &limits[k], NULL, &err));
		/* Three seconds' worth, of which one may come at once; a lower bound holds on any
		 * machine. */
		assert_true(clock_monotonic_ms() - start >= 1500);
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			assert_int_equal(t[i].body.len, BODY_SIZE);
			http_transfer_release(&t[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(a_client_certificate_of_the_right_authority_opens_the_door),
		SCENE_TEST(a_server_that_hangs_up_behind_the_handshake_may_want_a_certificate),
		SCENE_TEST(an_expired_certificate_and_another_host_are_refused),
		SCENE_TEST(a_proxy_is_used_with_its_credentials),
		SCENE_TEST(a_proxy_gets_the_password_only_as_the_settings_say),
		SCENE_TEST(a_proxy_over_tls_is_verified_and_may_want_a_certificate),
		SCENE_TEST(a_proxy_that_is_not_there_is_named),
		SCENE_TEST(the_environments_proxy_serves_unless_the_settings_say_none),
		SCENE_TEST(an_unchanged_file_is_not_sent_again),
		SCENE_TEST(user_agent_and_ip_version_are_the_settings),
		SCENE_TEST(connections_are_few_and_serve_the_next_call),
		SCENE_TEST(the_rate_is_of_all_together),
	};

	return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
