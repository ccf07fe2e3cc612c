/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "digest.h"
#include "file.h"
#include "proc.h"

static char dir[] = "/tmp/pgha-file-XXXXXX";

static char *in_dir(const char *name)
{
	char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(dir, name, &path, &err));
	return path;
}

static void atomic_write_replaces_whole_files_with_the_mode(void **state)
{
	cleanup_free char *path = in_dir("a");
	cleanup_free char *text = NULL;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct stat st = { .st_mode = 0 };
	struct err err = ERR_INIT;
	mode_t mask = umask(0077);

	(void)state;
	assert_ok(file_write_atomic(path, 0644, "one", 3, &err));
	assert_ok(file_write_cached(path, 0600, "two", 3, &err));
	assert_ok(file_write_atomic(path, 0640, "three", 5, &err));
	umask(mask);
	assert_ok(file_read(path, 0, ERR_USAGE, &text, NULL, &err));
	assert_string_equal(text, "three");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_ok(dir_list(dir, &names, &err));
	assert_int_equal(names.count, 1);
}

static void a_new_file_takes_no_name_that_is_taken(void **state)
{
	cleanup_free char *path = in_dir("fresh");
	cleanup_free char *dangling = in_dir("dangling");
	cleanup_free char *text = NULL;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct stat st = { .st_mode = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(file_write_new(path, 0600, "one", 3, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_fails(ERR_FAILED, file_write_new(path, 0600, "two", 3, &err));
	assert_contains(err.msg, "fresh' exists: nothing was touched");
	assert_ok(file_read(path, 0, ERR_USAGE, &text, NULL, &err));
	assert_string_equal(text, "one");
	assert_int_equal(symlink("nowhere", dangling), 0);
	assert_fails(ERR_FAILED, file_write_new(dangling, 0600, "two", 3, &err));
	assert_ok(dir_list(dir, &names, &err));
	for (size_t i = 0; i < names.count; i++)
		assert_null(strstr(names.items[i], ".tmp-"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(dangling), 0);
}

static void reading_says_what_is_wrong(void **state)
{
	cleanup_free char *path = in_dir("none");
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_USAGE, file_read(path, 0, ERR_USAGE, &text, NULL, &err));
	assert_contains(err.msg, "none': No such file or directory");
	assert_fails(ERR_CONFIG, file_read(dir, 0, ERR_CONFIG, &text, NULL, &err));
	assert_contains(err.msg, "is not a regular file");
	assert_fails(ERR_FAILED, file_read("/etc/passwd", 10, ERR_CONFIG, &text, NULL, &err));
	assert_contains(err.msg, "'/etc/passwd' is larger than 10 bytes");
	assert_null(text);
}

static void removing_a_tree_does_not_follow_links(void **state)
{
	cleanup_free char *deep = in_dir("t/x/y");
	cleanup_free char *tree = in_dir("t");
	cleanup_free char *link = in_dir("t/link");
	cleanup_free char *kept = in_dir("kept");
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(file_write_atomic(kept, 0600, "k", 1, &err));
	assert_ok(dir_make(deep, 0700, &err));
	assert_int_equal(symlink(dir, link), 0);
	assert_ok(tree_remove(tree, &err));
	assert_int_equal(access(tree, F_OK), -1);
	assert_int_equal(access(kept, F_OK), 0);
	assert_ok(tree_remove(tree, &err));
}

static void walking_beneath_a_root_refuses_links_and_dots(void **state)
{
	cleanup_free char *link = in_dir("link");
	cleanup_close int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = -1;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(symlink("/etc", link), 0);
	assert_ok(dir_open_beneath(root, "p/q", 0755, &fd, &err));
	assert_fails(ERR_FAILED, dir_open_beneath(root, "link", 0, &fd, &err));
	assert_fails(ERR_CONFIG, dir_open_beneath(root, "p/../p", 0, &fd, &err));
}

static void safe_paths_stay_where_they_are(void **state)
{
	static const struct {
		const char *path;
		bool safe;
	} cases[] = {
		{ "a", true },       { "a/b.c", true }, { "..a/b", true }, { "", false },
		{ "/a", false },     { "a//b", false }, { "a/", false },   { "..", false },
		{ "a/../b", false }, { "./a", false },  { "a\nb", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(path_is_safe(cases[i].path), cases[i].safe);
}

static void digest_of_a_file_is_what_the_standard_says(void **state)
{
	cleanup_free char *path = in_dir("abc");
	char hex[SHA256_HEX_SIZE];
	uint64_t size = 0;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(file_write_atomic(path, 0600, "abc", 3, &err));
	assert_ok(sha256_file(path, hex, &size, &err));
	/* FIPS 180-4, the one-block example */
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(size, 3);
}

static void child_gets_input_and_little_environment(void **state)
{
	static const char *const argv[] = { "sh", "-c", "cat; env; echo oops >&2; exit 3", NULL };
	static const char *const env[] = { "SECRET=s3", NULL };
	const struct proc proc = { .argv = argv, .env = env, .stdin_data = "hello\n" };
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	setenv("PGHA_TEST_LEAK", "1", 1);
	assert_ok(proc_run(&proc, &res, &err));
	assert_int_equal(res.status, 3);
	assert_contains(res.out.buf, "hello\n");
	assert_contains(res.out.buf, "SECRET=s3\n");
	assert_contains(res.out.buf, "LC_ALL=C\n");
	assert_null(strstr(res.out.buf, "PGHA_TEST_LEAK"));
	assert_string_equal(res.err_out.buf, "oops\n");
	assert_fails(ERR_FAILED, proc_check(&proc, NULL, &err));
	assert_contains(err.msg, "'sh' ended with status 3");
	assert_contains(err.detail, "oops");
}

static void child_that_takes_too_long_is_ended(void **state)
{
	static const char *const argv[] = { "sleep", "60", NULL };
	const struct proc proc = { .argv = argv, .timeout_ms = 50 };
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(proc_run(&proc, &res, &err));
	assert_true(res.timed_out);
	assert_int_equal(res.status, 128 + 9);
}

static void child_that_ignores_a_large_input_does_not_end_us(void **state)
{
	static const char *const argv[] = { "true", NULL };
	cleanup_free char *big = calloc(1, 1 << 20);
	const struct proc proc = { .argv = argv, .stdin_data = big };
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	memset(big, 'x', (1 << 20) - 1);
	assert_ok(proc_run(&proc, &res, &err));
	assert_int_equal(res.status, 0);
}

static void what_the_host_lacks_and_a_signal_have_codes_of_their_own(void **state)
{
	static const struct {
		int number;
		enum err_code code;
	} cases[] = { { ENOSPC, ERR_HOST },
		      { EDQUOT, ERR_HOST },
		      { EROFS, ERR_HOST },
		      { EINTR, ERR_INTERRUPTED },
		      { ENOENT, ERR_CONFIG } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(err_errno(&err, ERR_CONFIG, cases[i].number, "x"),
				 -(int)cases[i].code);
	}
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(atomic_write_replaces_whole_files_with_the_mode),
		cmocka_unit_test(a_new_file_takes_no_name_that_is_taken),
		cmocka_unit_test(reading_says_what_is_wrong),
		cmocka_unit_test(removing_a_tree_does_not_follow_links),
		cmocka_unit_test(walking_beneath_a_root_refuses_links_and_dots),
		cmocka_unit_test(safe_paths_stay_where_they_are),
		cmocka_unit_test(digest_of_a_file_is_what_the_standard_says),
		cmocka_unit_test(child_gets_input_and_little_environment),
		cmocka_unit_test(child_that_takes_too_long_is_ended),
		cmocka_unit_test(child_that_ignores_a_large_input_does_not_end_us),
		cmocka_unit_test(what_the_host_lacks_and_a_signal_have_codes_of_their_own),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
