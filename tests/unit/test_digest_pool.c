/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "digest_pool.h"
#include "file.h"

#define FILES 40

static char dir[] = "/tmp/pgha-test-pool-XXXXXX";
static char paths[FILES][64];

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	for (int i = 0; i < FILES; i++) {
		char text[32];

		snprintf(paths[i], sizeof(paths[i]), "%s/%d", dir, i);
		snprintf(text, sizeof(text), "this is file %d", i);
		if (file_write_atomic(paths[i], 0600, text, strlen(text), &err) < 0)
			return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

static void each_file_gets_its_own_digest(void **state)
{
	struct digest_job jobs[FILES] = { { .path = NULL } };
	struct digest_pool *pool = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < FILES; i++)
		jobs[i].path = paths[i];
	assert_ok(digest_pool_start(jobs, FILES, &pool, &err));
	for (int i = 0; i < FILES; i++) {
		char hex[SHA256_HEX_SIZE];
		uint64_t size = 0;

		assert_ok(digest_pool_wait(pool, (size_t)i, &err));
		assert_ok(sha256_file(paths[i], hex, &size, &err));
		assert_string_equal(jobs[i].sha256, hex);
		assert_int_equal(jobs[i].size_bytes, size);
		assert_int_equal(jobs[i].errnum, 0);
	}
	digest_pool_free(pool);
}

static void what_cannot_be_read_says_why(void **state)
{
	char gone[64], link[64];
	struct digest_job jobs[] = { { .path = gone }, { .path = link }, { .path = paths[0] } };
	struct digest_pool *pool = NULL;
	struct err err = ERR_INIT;

	(void)state;
	snprintf(gone, sizeof(gone), "%s/gone", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(paths[0], link), 0);
	assert_ok(digest_pool_start(jobs, ARRAY_SIZE(jobs), &pool, &err));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_ok(digest_pool_wait(pool, i, &err));
	digest_pool_free(pool);
	assert_int_equal(jobs[0].errnum, ENOENT);
	assert_int_equal(jobs[1].errnum, ELOOP);
	assert_int_equal(jobs[2].errnum, 0);
}

static void nothing_to_do_is_fine(void **state)
{
	struct digest_pool *pool = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(digest_pool_start(NULL, 0, &pool, &err));
	digest_pool_free(pool);
}

static void it_ends_before_all_is_done(void **state)
{
	struct digest_job jobs[FILES] = { { .path = NULL } };
	struct digest_pool *pool = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < FILES; i++)
		jobs[i].path = paths[i];
	assert_ok(digest_pool_start(jobs, FILES, &pool, &err));
	digest_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_gets_its_own_digest),
		cmocka_unit_test(what_cannot_be_read_says_why),
		cmocka_unit_test(nothing_to_do_is_fine),
		cmocka_unit_test(it_ends_before_all_is_done),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
