/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "file.h"
#include "import.h"
#include "progress.h"

static char dir[] = "/tmp/pgha-test-import-XXXXXX";
static char from[64], cache[64];

static int set_up(void **state)
{
	(void)state;
	progress_set_quiet(true);
	if (!mkdtemp(dir))
		return -1;
	snprintf(from, sizeof(from), "%s/from", dir);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	return 0;
}

static int fresh(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(from, &err) < 0 || tree_remove(cache, &err) < 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

/* FROM/NAME with TEXT. */
static void put(const char *name, const char *text)
{
	cleanup_free char *path = NULL;
	cleanup_free char *parent = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(from, name, &path, &err));
	assert_ok(str_dup(&parent, path, &err));
	*strrchr(parent, '/') = '\0';
	assert_ok(dir_make(parent, 0755, &err));
	assert_ok(file_write_atomic(path, 0644, text, strlen(text), &err));
}

/* Looks for FILE with the content TEXT; its place is CACHE/incoming/it. SIZED: the size is known. */
static bool imports(const char *file, const char *text, bool sized)
{
	char hex[SHA256_HEX_SIZE], dest[128];
	cleanup_free char *got = NULL;
	struct err err = ERR_INIT;
	struct import_want want = { .file = file, .sha256 = hex, .dest = dest };
	CLEANUP(strv_release) struct strv left = STRV_INIT;

	snprintf(dest, sizeof(dest), "%s/incoming/it", cache);
	unlink(dest);
	assert_ok(sha256_hex(text, strlen(text), hex, &err));
	want.size_bytes = sized ? strlen(text) : 0;
	assert_ok(import_dir(from, cache, &want, 1, &err));
	assert_int_equal(access(dest, F_OK), want.found ? 0 : -1);
	if (want.found) {
		assert_ok(file_read(dest, 0, ERR_FAILED, &got, NULL, &err));
		assert_string_equal(got, text);
		assert_int_equal(want.got_bytes, strlen(text));
	}
	/* No copy is left behind. */
	assert_ok(dir_list(cache, &left, &err));
	for (size_t i = 0; i < left.count; i++)
		assert_false(str_starts(left.items[i], ".import"));
	return want.found;
}

static void a_file_is_found_anywhere_below_by_its_name(void **state)
{
	(void)state;
	put("Packages/a/a-1.rpm", "the package a");
	put("b-1.rpm", "the package b");
	assert_true(imports("a-1.rpm", "the package a", true));
	assert_true(imports("b-1.rpm", "the package b", false));
	assert_false(imports("c-1.rpm", "the package a", true));
	assert_false(imports("Packages/a/a-1.rpm", "the package a", true));
}

static void another_content_under_the_name_is_not_taken(void **state)
{
	(void)state;
	put("a-1.rpm", "the package A");
	assert_false(imports("a-1.rpm", "the package a", true));
	assert_false(imports("a-1.rpm", "the package a", false));
	assert_false(imports("a-1.rpm", "the package", true));
	assert_false(imports("a-1.rpm", "the package A is longer", true));
	/* The right one lies elsewhere. */
	put("z/a-1.rpm", "the package a");
	put("y/a-1.rpm", "the package of yesterday");
	assert_true(imports("a-1.rpm", "the package a", true));
}

static void links_and_special_files_are_left_alone(void **state)
{
	char link[96], target[96];

	(void)state;
	put("b-1.rpm", "the package b");
	put("../outside/a-1.rpm", "the package a");
	snprintf(link, sizeof(link), "%s/a-1.rpm", from);
	snprintf(target, sizeof(target), "%s/outside/a-1.rpm", dir);
	assert_int_equal(symlink(target, link), 0);
	assert_false(imports("a-1.rpm", "the package a", true));
	assert_int_equal(unlink(link), 0);
	snprintf(link, sizeof(link), "%s/directory", from);
	snprintf(target, sizeof(target), "%s/outside", dir);
	assert_int_equal(symlink(target, link), 0);
	assert_false(imports("a-1.rpm", "the package a", true));
	snprintf(link, sizeof(link), "%s/a-1.rpm", from);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_false(imports("a-1.rpm", "the package a", false)); /* and it does not wait */
}

static void two_files_of_one_name_are_both_found(void **state)
{
	char first[SHA256_HEX_SIZE], second[SHA256_HEX_SIZE], dests[2][96];
	struct err err = ERR_INIT;
	struct import_want wants[2] = { { .file = "a-1.rpm", .sha256 = first, .dest = dests[0] },
					{ .file = "a-1.rpm", .sha256 = second, .dest = dests[1] } };

	(void)state;
	put("one/a-1.rpm", "of one repository");
	put("two/a-1.rpm", "of another");
	for (int i = 0; i < 2; i++)
		snprintf(dests[i], sizeof(dests[i]), "%s/incoming/%d", cache, i);
	assert_ok(sha256_hex("of one repository", 17, first, &err));
	assert_ok(sha256_hex("of another", 10, second, &err));
	assert_ok(import_dir(from, cache, wants, 2, &err));
	assert_true(wants[0].found);
	assert_true(wants[1].found);
}

static void a_directory_that_is_not_there_is_a_mistake_of_usage(void **state)
{
	struct import_want want = { .file = "a", .sha256 = "", .dest = "/nonexistent/a" };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_USAGE, import_dir("/nonexistent", cache, &want, 1, &err));
	assert_contains(err.msg, "/nonexistent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_file_is_found_anywhere_below_by_its_name, fresh),
		cmocka_unit_test_setup(another_content_under_the_name_is_not_taken, fresh),
		cmocka_unit_test_setup(links_and_special_files_are_left_alone, fresh),
		cmocka_unit_test_setup(two_files_of_one_name_are_both_found, fresh),
		cmocka_unit_test_setup(a_directory_that_is_not_there_is_a_mistake_of_usage, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
