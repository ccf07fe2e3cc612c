/* SPDX-License-Identifier: Apache-2.0 */
/* http_error.c and http_job.c: how a transfer from each kind of bad server ends, and what it leaves. */
#include "http_scene.h"

#define HALF (BODY_SIZE / 2)

static const struct http_settings hasty = { .timeout_s = SCENE_TIMEOUT_S, .retries = 2 };

/* Servers that alone cannot be fetched from. */
static const struct end {
	const char *path;
	enum err_code code;
	const char *word;      /* in the message */
	unsigned int requests; /* that it is asked for at most */
	off_t part_size;       /* left on disk */
} ends[] = {
	{ "/missing", ERR_NETWORK, "run `pgha-bundle resolve` again", 1, 0 },
	{ "/forbidden", ERR_NETWORK, "entitlement", 1, 0 },
	{ "/down", ERR_NETWORK, "status 500 (2 tries)", 2, 0 },
	{ "/busy-long", ERR_NETWORK, "asks to come back in 86400 s", 1, 0 },
	{ "/down-for-ever", ERR_NETWORK, "status 404", 1, 0 },
	{ "/down-and-out", ERR_NETWORK, "status 404", 1, 0 },
	{ "/wrong", ERR_VERIFY, "it has SHA-256 ", 1, 0 },
	{ "/long", ERR_VERIFY, "longer than the 100000 bytes", 1, 0 },
	{ "/endless", ERR_VERIFY, "longer than the 100000 bytes", 1, 0 },
	{ "/truncated", ERR_VERIFY, "it has 50000 bytes instead of 100000", 4, 0 },
	{ "/changed", ERR_VERIFY, "it has SHA-256 ", 3, 0 },
	{ "/boasting-wrong", ERR_VERIFY, "it has SHA-256 ", 1, 0 },
	{ "/empty", ERR_NETWORK, "status 204", 1, 0 },
	{ "/unasked", ERR_NETWORK, "status 304", 1, 0 },
	{ "/headers", ERR_NETWORK, "its headers do not end", 1, 0 },
	{ "/slow-headers", ERR_NETWORK, "run again", 1, 0 },
	{ "/close", ERR_NETWORK, "run again", 2, 0 },
	/* libcurl itself asks once more where a connection was open already. */
	{ "/shut", ERR_NETWORK, "run again", 4, 0 },
	{ "/shut-by-reset", ERR_NETWORK, "run again", 4, 0 },
	{ "/garbage", ERR_NETWORK, "", 1, 0 },
	{ "/silent", ERR_NETWORK, "run again: what was received is kept", 1, 0 },
	{ "/stall", ERR_NETWORK, "run again: what was received is kept", 1, HALF },
	{ "/loop", ERR_NETWORK, "redirects", 11, 0 },
	{ "/to-file", ERR_NETWORK, "redirects to something else than http and https", 1, 0 },
	{ "/to-https-to-http", ERR_NETWORK, "", 1, 0 },
	{ "/endless-redirect", ERR_VERIFY, "longer", 1, 0 },
};

static void each_bad_server_ends_as_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct end *e = &ends[i];
		struct http_settings settings = { .timeout_s = SCENE_TIMEOUT_S,
						  .retries = e->requests > 1 ? 2 : 1 };
		struct err err = ERR_INIT;
		struct stat st = { .st_size = 0 };
		unsigned int asked;

		assert_fails(e->code, scene_fetch(e->path, &settings, &err));
		assert_contains(err.msg, e->path);
		assert_contains(err.msg, e->word);
		assert_string_equal(err.detail, "");
		assert_false(scene_exists(scene.dest));
		assert_int_equal(stat(scene.part, &st) == 0, e->part_size != 0);
		assert_int_equal(st.st_size, e->part_size);
		unlink(scene.part);
		asked = scene_requests(e->path);
		assert_in_range(asked, 1, e->requests);
	}
}

static void a_drip_is_given_up_and_kept(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	assert_fails(ERR_NETWORK, scene_fetch("/drip", &hasty, &err));
	assert_contains(err.msg, "too slow");
	assert_int_equal(stat(scene.part, &st), 0);
	assert_in_range(st.st_size, 1, 1000);
}

/* The same, when the settings say that it may be so slow. */
static void minrate_is_the_settings(void **state)
{
	static const struct http_settings patient = { .timeout_s = SCENE_TIMEOUT_S,
						      .minrate_bytes = 1000 };
	static const struct http_settings strict = { .timeout_s = SCENE_TIMEOUT_S,
						     .minrate_bytes = 10U << 20,
						     .retries = 1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_NETWORK, scene_fetch("/slow/40000/strict", &strict, &err));
	assert_ok(scene_fetch("/slow/40000/patient", &patient, &err));
	scene_assert_good(scene.dest);
	assert_int_equal(scene_requests("/slow/40000/patient -"), 0); /* it went on */
}

/* Servers from which the file can be had all the same: alone, with at most so many requests. */
static const struct {
	const char *path;
	unsigned int requests;
} goods[] = {
	{ "/cut", 2 },     { "/reset", 2 },    { "/flaky", 2 },
	{ "/busy", 2 },    { "/short", 2 },    { "/to-good", 1 },
	{ "/mended/", 3 }, { "/boasting", 1 }, { "/boasting-on", 1 },
};

static void what_can_be_had_is_had(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		struct err err = ERR_INIT;

		assert_ok(scene_fetch(goods[i].path, &hasty, &err));
		scene_assert_good(scene.dest);
		assert_int_equal(unlink(scene.dest), 0);
		assert_int_equal(scene_requests(goods[i].path), goods[i].requests);
	}
}

/* What an earlier run left, and what it is good for. */
static const struct {
	const char *path;
	size_t size;
	bool wrong;
	unsigned int whole; /* requests for all of it */
} parts[] = {
	{ "/ranged/part", 1000, false, 0 },
	{ "/ranged/wrong-part", 1000, true, 1 },
	{ "/ranged/whole-part", BODY_SIZE, false, 0 },
	{ "/ranged/wrong-whole-part", BODY_SIZE, true, 1 },
	{ "/ranged/long-part", BODY_SIZE + 1, false, 1 },
	{ "/shifted/part", 1000, false, 1 },
	{ "/good/part", 1000, false, 0 }, /* knows no ranges: answers with all of it */
	{ "/good/wrong-part", 1000, true, 0 },
};

static void a_part_is_used_for_what_it_is_worth(void **state)
{
	static char left[BODY_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct err err = ERR_INIT;
		char line[64];

		memcpy(left, scene.body, BODY_SIZE);
		left[500] = (char)(left[500] ^ (parts[i].wrong ? 1 : 0));
		scene_write(scene.part, left, parts[i].size);
		assert_ok(scene_fetch(parts[i].path, &hasty, &err));
		scene_assert_good(scene.dest);
		assert_int_equal(unlink(scene.dest), 0);
		snprintf(line, sizeof(line), "%s -", parts[i].path);
		assert_int_equal(scene_requests(line), parts[i].whole);
	}
	assert_int_equal(scene_requests("/ranged/whole-part"), 0);
	assert_int_equal(scene_requests("/good/part"), 1);
}

static void a_part_in_use_is_left_alone(void **state)
{
	struct err err = ERR_INIT;
	int gate[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct http_part part = HTTP_PART_INIT;

		if (http_part_open(&part, scene.dest, true, &err) == 0)
			(void)!write(gate[1], "x", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(gate[0], &byte, 1), 1);
	assert_fails(ERR_FAILED, scene_fetch("/good/locked", &hasty, &err));
	assert_contains(err.msg, "by another process");
	assert_int_equal(scene_requests("/good/locked"), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	waitpid(pid, NULL, 0);
	assert_ok(scene_fetch("/good/locked", &hasty, &err));
	close(gate[0]);
	close(gate[1]);
}

static void a_body_in_memory_starts_anew_after_a_cut(void **state)
{
	char url[128];
	struct http_transfer t = { .url = url, .settings = &hasty, .sha256 = scene.digest };
	struct err err = ERR_INIT;

	(void)state;
	scene_url(url, sizeof(url), "/mended/in-memory");
	assert_ok(http_fetch(&t, 1, NULL, NULL, &err));
	assert_int_equal(t.body.len, BODY_SIZE);
	assert_memory_equal(t.body.buf, scene.body, BODY_SIZE);
	http_transfer_release(&t);
}

static void a_full_disk_is_the_hosts_fault(void **state)
{
	struct err err = ERR_INIT;
	char url[128];
	struct http_transfer t = {
		.url = url, .sha256 = scene.digest, .may_fail = true, .dest = "/proc/self/pgha"
	};

	(void)state;
	scene_url(url, sizeof(url), "/good");
	assert_fails(ERR_FAILED, http_fetch(&t, 1, NULL, NULL, &err));
	assert_contains(err.msg, "/proc/self/pgha.part");
	scene_write(scene.dest, "x", 1);
	assert_int_equal(symlink("/dev/full", scene.part), 0); /* and a link is not followed */
	assert_fails(ERR_FAILED, scene_fetch("/good", NULL, &err));
	assert_contains(err.msg, scene.part);
	http_transfer_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(each_bad_server_ends_as_it_should),
		SCENE_TEST(a_drip_is_given_up_and_kept),
		SCENE_TEST(minrate_is_the_settings),
		SCENE_TEST(what_can_be_had_is_had),
		SCENE_TEST(a_part_is_used_for_what_it_is_worth),
		SCENE_TEST(a_part_in_use_is_left_alone),
		SCENE_TEST(a_body_in_memory_starts_anew_after_a_cut),
		SCENE_TEST(a_full_disk_is_the_hosts_fault),
	};

	return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
