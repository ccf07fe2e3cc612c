/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cache.h"
#include "file.h"

static char dir[] = "/tmp/pgha-test-cache-XXXXXX";
/* FIPS 180-4: SHA-256 of "abc". */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

static void what_was_put_is_found_by_its_digest(void **state)
{
	cleanup_close int fd = -1;
	char hex[SHA256_HEX_SIZE], buf[8] = "";
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cache_put(dir, "abc", 3, hex, &err), 0);
	assert_string_equal(hex, abc);
	assert_int_equal(cache_open_verified(dir, abc, &fd, &err), 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "abc", 3);
}

static void a_path_has_two_levels_and_never_leaves_the_cache(void **state)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	static const char *const bad[] = {
		"", "ba78", "../../../../../../../../../../../../../../../../../etc/passwd/////x",
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
	};

	(void)state;
	assert_int_equal(cache_path("/c", abc, &path, &err), 0);
	assert_string_equal(
		path,
		"/c/sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cache_path("/c", bad[i], &path, &err), -ERR_VERIFY);
}

static void a_damaged_file_is_refused_and_removed(void **state)
{
	cleanup_free char *path = NULL;
	char hex[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(cache_put(dir, "abc", 3, hex, &err), 0);
	assert_int_equal(cache_path(dir, abc, &path, &err), 0);
	assert_int_equal(file_write_atomic(path, 0644, "abd", 3, &err), 0);
	assert_int_equal(cache_open_verified(dir, abc, &fd, &err), -ERR_VERIFY);
	assert_int_equal(fd, -1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(cache_open_verified(dir, abc, &fd, &err), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(cache_remove(dir, abc, &err), 0);
}

static void a_symbolic_link_is_not_followed(void **state)
{
	cleanup_free char *path = NULL;
	char hex[SHA256_HEX_SIZE], real[64];
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	snprintf(real, sizeof(real), "%s/real", dir);
	assert_int_equal(file_write_atomic(real, 0644, "abc", 3, &err), 0);
	assert_int_equal(cache_put(dir, "abc", 3, hex, &err), 0);
	assert_int_equal(cache_path(dir, abc, &path, &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(real, path), 0);
	assert_int_equal(cache_open_verified(dir, abc, &fd, &err), -ERR_FAILED);
	assert_int_equal(fd, -1);
}

static void the_directory_comes_from_option_environment_or_home(void **state)
{
	char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	setenv("HOME", "/h", 1);
	unsetenv("PGHA_CACHE_DIR");
	assert_int_equal(cache_dir(NULL, &path, &err), 0);
	assert_string_equal(path, "/h/.cache/pgha");
	free(path);
	setenv("PGHA_CACHE_DIR", "/e", 1);
	assert_int_equal(cache_dir(NULL, &path, &err), 0);
	assert_string_equal(path, "/e");
	free(path);
	assert_int_equal(cache_dir("/o", &path, &err), 0);
	assert_string_equal(path, "/o");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_by_its_digest),
		cmocka_unit_test(a_path_has_two_levels_and_never_leaves_the_cache),
		cmocka_unit_test(a_damaged_file_is_refused_and_removed),
		cmocka_unit_test(a_symbolic_link_is_not_followed),
		cmocka_unit_test(the_directory_comes_from_option_environment_or_home),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
