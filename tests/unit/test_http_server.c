/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.c and http.c: which of several servers is asked, how often, and when. */
#include "http_scene.h"

#include "clock.h"
#include "http_server.h"

static const struct http_settings hasty = { .timeout_s = SCENE_TIMEOUT_S, .retries = 2 };

/* A fetch of NAME into the scene's file from servers of these KINDS. */
static int fetch_from(const char *const *kinds, const char *name, struct http_transfer *ret,
		      struct err *err)
{
	struct http_source source = HTTP_SOURCE_INIT;
	int r;

	source.settings = hasty;
	scene_source(&source, kinds);
	*ret = (struct http_transfer){ .source = &source,
				       .path = name,
				       .sha256 = scene.digest,
				       .size_bytes = BODY_SIZE,
				       .dest = scene.dest };
	r = http_fetch(ret, 1, NULL, NULL, err);
	http_source_release(&source);
	return r;
}

static void the_next_mirror_serves_what_the_first_cannot(void **state)
{
	static const char *const firsts[] = {
		"missing", "forbidden", "down",   "wrong",        "long",  "truncated",
		"closed",  "deaf",      "silent", "garbage",      "close", "loop",
		"to-file", "headers",   "empty",  "slow-headers", "drip",  "busy-long",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		const char *const kinds[] = { firsts[i], "ranged", NULL };
		struct http_transfer t;
		struct err err = ERR_INIT;
		char name[32], line[64];

		snprintf(name, sizeof(name), "after-%s", firsts[i]);
		if (fetch_from(kinds, name, &t, &err) < 0)
			fail_msg("%s: %s\n%s", firsts[i], err.msg, err.detail);
		scene_assert_good(scene.dest);
		assert_true(t.downloaded);
		assert_contains(t.from, name);
		assert_contains(t.from, "/ranged/");
		snprintf(line, sizeof(line), "/%s/%s", firsts[i], name);
		assert_in_range(scene_requests(line), 0, 3);
		http_transfer_release(&t);
		assert_int_equal(unlink(scene.dest), 0);
	}
}

static void a_dead_mirror_costs_one_timeout_and_not_one_for_each_file(void **state)
{
	static const char *const kinds[] = { "silent", "good", NULL };
	static const struct http_limits limits = { .parallel = 4, .per_host = 4 };
	struct http_source source = HTTP_SOURCE_INIT;
	struct http_transfer t[30] = { { .url = NULL } };
	char names[30][16], dests[30][64];
	struct err err = ERR_INIT;

	(void)state;
	source.settings = hasty;
	scene_source(&source, kinds);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		snprintf(names[i], sizeof(names[i]), "dead%zu", i);
		snprintf(dests[i], sizeof(dests[i]), "%s/a/%zu", scene.dir, i);
		t[i] = (struct http_transfer){ .source = &source,
					       .path = names[i],
					       .sha256 = scene.digest,
					       .dest = dests[i] };
	}
	assert_ok(http_fetch(t, ARRAY_SIZE(t), &limits, NULL, &err));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		scene_assert_good(dests[i]);
		http_transfer_release(&t[i]);
	}
	assert_int_equal(scene_requests("/silent"), 4 + 1); /* and "after-silent" above */
	/* It is remembered for the next call, too. */
	t[0].dest = scene.dest;
	assert_ok(http_fetch(t, 1, NULL, NULL, &err));
	assert_int_equal(scene_requests("/silent"), 4 + 1);
	http_transfer_release(&t[0]);
	http_source_release(&source);
}

static void a_file_goes_on_at_another_mirror(void **state)
{
	static const char *const kinds[] = { "stall", "ranged", NULL };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(fetch_from(kinds, "half", &t, &err));
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/ranged/half bytes=50000-"), 1);
	assert_int_equal(scene_requests("/ranged/half"), 1);
	http_transfer_release(&t);
}

static void what_two_mirrors_gave_and_is_wrong_comes_whole_from_another(void **state)
{
	static const char *const kinds[] = { "mended", "changed", "ranged", NULL };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(fetch_from(kinds, "mixed", &t, &err));
	scene_assert_good(scene.dest);
	http_transfer_release(&t);
}

static void all_bad_mirrors_are_named_with_their_reasons(void **state)
{
	static const char *const kinds[] = { "missing", "closed", "forbidden", NULL };
	static const char *const wrong[] = { "wrong", "missing", NULL };
	struct http_transfer t;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_NETWORK, fetch_from(kinds, "none", &t, &err));
	assert_contains(err.msg, "cannot download 'none' from any of 3 servers");
	assert_contains(err.detail, "/missing: the server answers with status 404");
	assert_contains(err.detail, "/closed: ");
	assert_contains(err.detail, "/forbidden: the server answers with status 403");
	assert_false(scene_exists(scene.part));

	assert_fails(ERR_VERIFY, fetch_from(wrong, "none", &t, &err));
	assert_contains(err.msg, "2 servers, the last one: it has SHA-256");
	assert_contains(err.detail, "status 404");
	assert_false(scene_exists(scene.part));
	assert_false(scene_exists(scene.dest));
}

static int accept_second(const struct http_transfer *t, void *arg, struct err *err)
{
	unsigned int *calls = arg;

	assert_string_equal(t->got_sha256, scene.digest);
	if (++*calls == 1)
		return err_set(err, ERR_VERIFY, "it is not to my taste");
	return 0;
}

static int accept_nothing(const struct http_transfer *t, void *arg, struct err *err)
{
	(void)t;
	return err_set(err, *(enum err_code *)arg, "it is not to my taste");
}

static void what_is_not_accepted_comes_from_the_next_mirror(void **state)
{
	static const char *const kinds[] = { "good", "ranged", NULL };
	struct http_source source = HTTP_SOURCE_INIT;
	unsigned int calls = 0;
	enum err_code codes[] = { ERR_VERIFY, ERR_NETWORK, ERR_HOST };
	struct http_transfer t = {
		.source = &source, .path = "x", .accept = accept_second, .arg = &calls
	};
	struct err err = ERR_INIT;

	(void)state;
	scene_source(&source, kinds);
	assert_ok(http_fetch(&t, 1, NULL, NULL, &err));
	assert_int_equal(calls, 2);
	assert_int_equal(t.body.len, BODY_SIZE);
	assert_contains(t.from, "/ranged/x");
	t.accept = accept_nothing;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		t.arg = &codes[i];
		assert_fails(codes[i], http_fetch(&t, 1, NULL, NULL, &err));
		assert_contains(err.msg, "not to my taste");
	}
	http_transfer_release(&t);
	http_source_release(&source);
}

static void a_busy_server_is_left_alone_as_long_as_it_asks(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(scene_fetch("/busy/x", NULL, &err));
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/busy/x"), 2);
	assert_int_equal(unlink(scene.dest), 0);
	assert_fails(ERR_NETWORK, scene_fetch("/busy-long/x", NULL, &err));
	assert_contains(err.msg, "86400 s");
	assert_int_equal(scene_requests("/busy-long/x"), 1);
}

static void what_may_pass_is_tried_as_often_as_the_settings_say(void **state)
{
	static const struct http_settings three = { .retries = 3 };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_NETWORK, scene_fetch("/down/three", &three, &err));
	assert_contains(err.msg, "status 500 (3 tries)");
	assert_int_equal(scene_requests("/down/three"), 3);
	assert_fails(ERR_NETWORK, scene_fetch("/missing/once", &three, &err));
	assert_int_equal(scene_requests("/missing/once"), 1);
	assert_fails(ERR_NETWORK, scene_fetch("/forbidden/once", &three, &err));
	assert_int_equal(scene_requests("/forbidden/once"), 1);
}

static void a_failure_that_may_be_is_in_its_own_transfer(void **state)
{
	char good[128], missing[128];
	struct http_transfer t[] = {
		{ .url = missing, .may_fail = true },
		{ .url = "ftp://127.0.0.1/x", .may_fail = true },
		{ .url = good, .may_fail = true },
	};
	struct err err = ERR_INIT;

	(void)state;
	scene_url(good, sizeof(good), "/good");
	scene_url(missing, sizeof(missing), "/missing");
	assert_ok(http_fetch(t, ARRAY_SIZE(t), NULL, NULL, &err));
	assert_int_equal(t[0].failure.code, ERR_NETWORK);
	assert_contains(t[0].failure.msg, "404");
	assert_int_equal(t[1].failure.code, ERR_CONFIG);
	assert_int_equal(t[2].failure.code, 0);
	assert_int_equal(t[2].body.len, BODY_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		http_transfer_release(&t[i]);
}

static void offline_takes_what_is_there(void **state)
{
	static const struct http_limits offline = { .offline = true };
	static const char *const kinds[] = { "good", NULL };
	struct http_source source = HTTP_SOURCE_INIT;
	struct http_transfer t = {
		.source = &source, .path = "offline", .sha256 = scene.digest, .dest = scene.dest
	};
	struct err err = ERR_INIT;

	(void)state;
	scene_source(&source, kinds);
	assert_fails(ERR_NETWORK, http_fetch(&t, 1, &offline, NULL, &err));
	assert_contains(err.msg, "not to be used");
	assert_int_equal(scene_requests("/good/offline"), 0);
	assert_false(scene_exists(scene.part));
	scene_write(scene.dest, scene.body, BODY_SIZE);
	assert_ok(http_fetch(&t, 1, &offline, NULL, &err));
	assert_false(t.downloaded);
	http_source_release(&source);
}

static void no_server_at_all_is_a_failure(void **state)
{
	struct http_source source = HTTP_SOURCE_INIT;
	struct http_transfer t = { .source = &source, .path = "x" };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_NETWORK, http_fetch(&t, 1, NULL, NULL, &err));
	assert_contains(err.msg, "no server");
	http_source_release(&source);
}

/* Mirrors of one repository: the operator has named the first one, a list the second. */
static void a_password_goes_to_no_mirror_that_a_list_has_named(void **state)
{
	char named[64], listed[64];
	const struct strv login_urls = { .items = (char *[]){ named, NULL }, .count = 1 };
	struct http_source source = HTTP_SOURCE_INIT;
	const char *got[2] = { NULL };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(named, sizeof(named), "http://127.0.0.1:%u/user", scene.port);
	snprintf(listed, sizeof(listed), "http://127.0.0.2:%u/user", scene.other_port);
	for (size_t i = 0; i < 2; i++) {
		struct http_transfer t = { .source = &source, .path = "x" };

		source.settings = (struct http_settings){ .username = "u",
							  .password = "secret",
							  .login_urls = &login_urls };
		assert_ok(strv_add(&source.bases, i ? listed : named, &err));
		assert_ok(http_fetch(&t, 1, NULL, NULL, &err));
		got[i] = !strcmp(t.body.buf, "nobody") ? "nobody" : "somebody";
		http_transfer_release(&t);
		http_source_release(&source);
	}
	assert_string_equal(got[0], "somebody");
	assert_string_equal(got[1], "nobody");
}

static void what_lies_beside_a_repository_is_asked_for_as_by_a_stranger(void **state)
{
	char cert[64], key[64], own[64], foreign[64], url[80];
	struct http_source source = HTTP_SOURCE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(cert, sizeof(cert), "%s/client.crt", scene.dir);
	snprintf(key, sizeof(key), "%s/client.key", scene.dir);
	snprintf(own, sizeof(own), "https://127.0.0.1:%u", scene.client_port);
	snprintf(foreign, sizeof(foreign), "https://127.0.0.1:%u", scene.tls_port);
	source.settings = (struct http_settings){ .sslcacert = scene.ca_file,
						  .sslclientcert = cert,
						  .sslclientkey = key,
						  .username = "u",
						  .password = "secret" };
	assert_ok(strv_add(&source.bases, own, &err));
	for (size_t i = 0; i < 4; i++) {
		bool is_own = i % 2;
		struct http_transfer t = { .url = url };
		struct http_settings settings;

		snprintf(url, sizeof(url), "%s/%s", is_own ? own : foreign,
			 i < 2 ? "user" : "certificate");
		settings = http_settings_beside(&source, url);
		t.settings = &settings;
		assert_ok(http_fetch(&t, 1, NULL, NULL, &err));
		assert_string_equal(t.body.buf, !is_own ? "nobody"
						: i < 2 ? "Basic dTpzZWNyZXQ="
							: "client");
		http_transfer_release(&t);
	}
	http_source_release(&source);
}

static void the_healthiest_of_the_least_tried_is_picked(void **state)
{
	struct http_server servers[4] = {
		{ .failed = true }, { .missing = 2, .found = 1 }, { .wrong = true }, { .found = 1 }
	};
	struct http_attempt attempts[4] = { { .tries = 0 } };

	(void)state;
	assert_int_equal(http_server_pick(servers, attempts, 4), 3);
	attempts[3].tries = 1;
	assert_int_equal(http_server_pick(servers, attempts, 4), 1);
	attempts[1].gone = true;
	assert_int_equal(http_server_pick(servers, attempts, 4), 0);
	attempts[0].tries = 1;
	assert_int_equal(http_server_pick(servers, attempts, 4), 2);
	attempts[2].tries = 1;
	assert_int_equal(http_server_pick(servers, attempts, 4), 3);
	for (size_t i = 0; i < 4; i++)
		attempts[i].gone = true;
	assert_int_equal(http_server_pick(servers, attempts, 4), 4);
	attempts[2].gone = false;
	assert_int_equal(http_server_pick(NULL, attempts, 4), 2);
}

static void a_host_is_one_for_all_its_urls(void **state)
{
	static const char *const urls[] = { "http://b.example/x",     "http://b.example:80/x",
					    "https://b.example/x",    "http://b.exampl/x",
					    "http://b.example.org?x", "file:///x" };
	struct http_host *hosts[ARRAY_SIZE(urls)], *again = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		assert_ok(http_host_get(urls[i], &hosts[i], &err));
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(hosts[i], hosts[j]);
	}
	assert_ok(http_host_get("http://b.example/y/z", &again, &err));
	assert_ptr_equal(again, hosts[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(the_next_mirror_serves_what_the_first_cannot),
		SCENE_TEST(a_dead_mirror_costs_one_timeout_and_not_one_for_each_file),
		SCENE_TEST(a_file_goes_on_at_another_mirror),
		SCENE_TEST(what_two_mirrors_gave_and_is_wrong_comes_whole_from_another),
		SCENE_TEST(all_bad_mirrors_are_named_with_their_reasons),
		SCENE_TEST(what_is_not_accepted_comes_from_the_next_mirror),
		SCENE_TEST(a_busy_server_is_left_alone_as_long_as_it_asks),
		SCENE_TEST(what_may_pass_is_tried_as_often_as_the_settings_say),
		SCENE_TEST(a_failure_that_may_be_is_in_its_own_transfer),
		SCENE_TEST(offline_takes_what_is_there),
		SCENE_TEST(no_server_at_all_is_a_failure),
		SCENE_TEST(a_password_goes_to_no_mirror_that_a_list_has_named),
		SCENE_TEST(what_lies_beside_a_repository_is_asked_for_as_by_a_stranger),
		SCENE_TEST(the_healthiest_of_the_least_tried_is_picked),
		SCENE_TEST(a_host_is_one_for_all_its_urls),
	};

	return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
