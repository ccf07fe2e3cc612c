/* SPDX-License-Identifier: Apache-2.0 */
/* http_reader.c: what is read in a thread beside the downloads. */
#include "http_scene.h"

#include <pthread.h>

#define FILES 12U

static const struct http_settings hasty = { .timeout_s = SCENE_TIMEOUT_S, .retries = 2 };

static struct {
	struct http_transfer transfers[FILES];
	char names[FILES][24], dests[FILES][128];
	unsigned int looked[FILES];
	char digests[FILES][SHA256_HEX_SIZE]; /* of what was looked at */
	bool named[FILES];                    /* DEST was there already */
	bool by_caller[FILES];
	uint64_t fed_bytes[FILES];
	pthread_t caller;
} many;

static void feed(const struct http_transfer *transfer, uint64_t at, const void *data,
		 size_t size_bytes, void *arg)
{
	size_t i = *(const size_t *)arg;

	(void)transfer;
	if (at == 0)
		many.fed_bytes[i] = 0;
	if (at == many.fed_bytes[i] && at + size_bytes <= BODY_SIZE &&
	    !memcmp(scene.body + at, data, size_bytes))
		many.fed_bytes[i] += size_bytes;
}

/* Not an assertion in another thread: cmocka would jump out of it. */
static void look(const struct http_transfer *transfer, int fd, void *arg)
{
	size_t i = *(const size_t *)arg;
	struct err err = ERR_INIT;

	many.looked[i]++;
	many.named[i] = scene_exists(transfer->dest);
	many.by_caller[i] = pthread_equal(pthread_self(), many.caller);
	if (lseek(fd, 0, SEEK_SET) == 0 &&
	    sha256_fd(fd, transfer->dest, many.digests[i], NULL, &err) < 0)
		many.digests[i][0] = '\0';
}

/* COUNT files from servers of these KINDS. */
static int fetch_many(const char *const *kinds, size_t count, struct err *err)
{
	static size_t numbers[FILES];
	struct http_source source = HTTP_SOURCE_INIT;
	int r;

	memset(&many, 0, sizeof(many));
	many.caller = pthread_self();
	source.settings = hasty;
	scene_source(&source, kinds);
	for (size_t i = 0; i < count; i++) {
		numbers[i] = i;
		snprintf(many.names[i], sizeof(many.names[i]), "f%zu", i);
		snprintf(many.dests[i], sizeof(many.dests[i]), "%s/many/f%zu", scene.dir, i);
		many.transfers[i] = (struct http_transfer){ .source = &source,
							    .path = many.names[i],
							    .sha256 = scene.digest,
							    .size_bytes = BODY_SIZE,
							    .dest = many.dests[i],
							    .feed = feed,
							    .look = look,
							    .arg = &numbers[i] };
	}
	r = http_fetch(many.transfers, count, NULL, NULL, err);
	for (size_t i = 0; i < count; i++)
		http_transfer_release(&many.transfers[i]);
	http_source_release(&source);
	return r;
}

static void clear(void)
{
	for (size_t i = 0; i < FILES; i++)
		assert_int_equal(unlink(many.dests[i]), 0);
}

static void each_file_is_looked_at_once_before_it_has_its_name(void **state)
{
	static const char *const kinds[] = { "ranged", NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(fetch_many(kinds, FILES, &err));
	for (size_t i = 0; i < FILES; i++) {
		assert_int_equal(many.looked[i], 1);
		assert_string_equal(many.digests[i], scene.digest);
		assert_false(many.named[i]);
		assert_int_equal(many.fed_bytes[i], BODY_SIZE);
		scene_assert_good(many.dests[i]);
	}
	/* What is there nobody looks at. */
	assert_ok(fetch_many(kinds, FILES, &err));
	for (size_t i = 0; i < FILES; i++)
		assert_int_equal(many.looked[i], 0);
	clear();
}

static void wrong_content_is_not_looked_at_and_comes_from_another_server(void **state)
{
	static const char *const kinds[] = { "wrong", "changed", "ranged", NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(fetch_many(kinds, FILES, &err));
	for (size_t i = 0; i < FILES; i++) {
		assert_int_equal(many.looked[i], 1);
		assert_int_equal(many.fed_bytes[i], BODY_SIZE);
		assert_string_equal(many.digests[i], scene.digest);
		scene_assert_good(many.dests[i]);
	}
	clear();
}

static void wrong_content_leaves_nothing(void **state)
{
	static const char *const kinds[] = { "wrong", NULL };
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;
	char path[96];

	(void)state;
	assert_fails(ERR_VERIFY, fetch_many(kinds, FILES, &err));
	assert_contains(err.msg, "it has SHA-256 ");
	for (size_t i = 0; i < FILES; i++) {
		assert_int_equal(many.looked[i], 0);
		assert_false(scene_exists(many.dests[i]));
	}
	snprintf(path, sizeof(path), "%s/many", scene.dir);
	assert_ok(dir_list(path, &names, &err));
	for (size_t i = 0; i < names.count; i++) /* those under way when the first one failed */
		assert_true(str_ends(names.items[i], ".part"));
}

static void one_file_needs_no_thread(void **state)
{
	static const char *const kinds[] = { "wrong", "ranged", NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(fetch_many(kinds, 1, &err));
	assert_int_equal(many.looked[0], 1);
	assert_true(many.by_caller[0]);
	scene_assert_good(many.dests[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(each_file_is_looked_at_once_before_it_has_its_name),
		SCENE_TEST(wrong_content_is_not_looked_at_and_comes_from_another_server),
		SCENE_TEST(wrong_content_leaves_nothing),
		SCENE_TEST(one_file_needs_no_thread),
	};

	return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
