/* SPDX-License-Identifier: Apache-2.0 */
/* derived.c: what is kept is believed only when it is exactly what was kept, for exactly that key. */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "derived.h"
#include "file.h"

static char cache[] = "/tmp/pgha-test-derived-XXXXXX";
static char key[SHA256_HEX_SIZE], other_key[SHA256_HEX_SIZE];

static int set_up(void **state)
{
	const char *inputs[] = { "a", "b" };
	struct err err = ERR_INIT;

	(void)state;
	strcpy(cache + strlen(cache) - 6, "XXXXXX");
	if (!mkdtemp(cache) || derived_key("kind", inputs, 2, key, &err) < 0)
		return -1;
	return derived_key("kind", inputs, 1, other_key, &err);
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(cache, &err);
}

static void save(const char *under, const char *text)
{
	cleanup_close int fd = memfd_create("test", MFD_CLOEXEC);
	struct err err;

	assert_ok(fd_write_all(fd, "test", text, strlen(text), &err));
	assert_ok(derived_save(cache, DERIVED_FILES, under, fd, &err));
}

/* The content under KEY, or NULL. */
static char *content(const char *under)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = derived_open(cache, DERIVED_FILES, under, NULL);
	char *ret = NULL;
	struct err err;

	if (fd < 0)
		return NULL;
	assert_ok(fd_read_all(fd, "test", 1000, &text, &err));
	assert_ok(str_done(&text, &ret, &err));
	return ret;
}

static void assert_content(const char *under, const char *expected)
{
	cleanup_free char *text = content(under);

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
}

static void path_of(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s/derived/%s", cache, name);
}

static void what_was_kept_comes_back(void **state)
{
	(void)state;
	assert_content(key, NULL);
	save(key, "one");
	assert_content(key, "one");
	assert_content(other_key, NULL);
	save(key, "two");
	assert_content(key, "two");
	save(other_key, "");
	assert_content(other_key, "");
}

static void other_inputs_have_other_keys(void **state)
{
	static const struct {
		const char *kind, *inputs[2];
		size_t count;
	} rows[] = {
		{ "kind", { "a", "b" }, 2 }, { "kind", { "b", "a" }, 2 },
		{ "kind", { "ab", "" }, 2 }, { "kind", { "a", "b" }, 1 },
		{ "kin", { "da", "b" }, 2 }, { "kind a", { "b" }, 1 },
	};
	char keys[ARRAY_SIZE(rows)][SHA256_HEX_SIZE];
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_ok(derived_key(rows[i].kind, rows[i].inputs, rows[i].count, keys[i], &err));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(keys[i], keys[k]);
	}
}

/* Every byte of a file flipped, and every shorter file; in place, a copy would not count anyway. */
static void a_damaged_file_counts_as_not_there(void **state)
{
	size_t size = 1;
	char path[160];

	(void)state;
	path_of(key, path, sizeof(path));
	for (size_t i = 0; i < size; i++) {
		cleanup_close int fd = -1;
		struct stat st;
		char byte = 0;

		save(key, "some content");
		fd = open(path, O_RDWR | O_CLOEXEC);
		assert_int_equal(fstat(fd, &st), 0);
		size = (size_t)st.st_size;
		assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
		assert_content(key, NULL);
		assert_int_equal(access(path, F_OK), -1); /* thrown away */
		save(key, "some content");
		assert_int_equal(truncate(path, (off_t)i), 0);
		assert_content(key, NULL);
	}
	assert_true(size > 200);
	save(key, "some content");
	assert_content(key, "some content");
}

/* Whoever makes a cache can make its digests too. */
static void a_file_from_elsewhere_counts_only_where_that_is_told(void **state)
{
	cleanup_free char *good = NULL;
	cleanup_close int here = -1, there = -1;
	bool foreign = true;
	size_t size = 0;
	char path[160];
	struct err err;

	(void)state;
	save(key, "some content");
	here = derived_open(cache, DERIVED_FILES, key, &foreign);
	assert_true(here >= 0);
	assert_false(foreign);
	path_of(key, path, sizeof(path));
	assert_ok(file_read(path, 0, ERR_FAILED, &good, &size, &err));
	assert_ok(file_write_atomic(path, 0600, good, size, &err));
	there = derived_open(cache, DERIVED_FILES, key, &foreign);
	assert_true(there >= 0);
	assert_true(foreign);
	assert_content(key, NULL);
}

static void a_file_under_anothers_name_counts_as_not_there(void **state)
{
	char from[160], to[160];

	(void)state;
	save(key, "one");
	path_of(key, from, sizeof(from));
	path_of(other_key, to, sizeof(to));
	assert_int_equal(rename(from, to), 0);
	assert_content(other_key, NULL);
}

/* A process in another container may have our number, and the same cache. */
static void a_file_that_another_process_is_writing_stays(void **state)
{
	char path[200], name[100];

	(void)state;
	save(other_key, "so that the directory is there");
	snprintf(name, sizeof(name), "%s.%ld", key, (long)getpid());
	path_of(name, path, sizeof(path));
	close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	save(key, "one");
	assert_int_equal(access(path, F_OK), 0);
	assert_content(key, "one");
}

static void a_link_or_a_pipe_counts_as_not_there(void **state)
{
	char path[160], from[160];

	(void)state;
	save(other_key, "one");
	save(key, "one");
	path_of(key, path, sizeof(path));
	path_of("elsewhere", from, sizeof(from));
	assert_int_equal(rename(path, from), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_content(key, NULL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_content(key, NULL);
	save(key, "two");
	assert_content(key, "two");
	assert_int_equal(access(from, F_OK), 0);
}

static void what_others_can_write_is_not_used(void **state)
{
	char path[160], dir[160];
	struct stat st;

	(void)state;
	save(key, "one");
	path_of(key, path, sizeof(path));
	path_of("", dir, sizeof(dir));
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(chmod(path, 0620), 0);
	assert_content(key, NULL);
	assert_int_equal(chmod(path, 0600), 0);
	assert_content(key, "one");
	for (mode_t mode = 0002; mode <= 0020; mode <<= 3) {
		cleanup_close int fd = memfd_create("test", MFD_CLOEXEC);
		struct err err;

		assert_int_equal(chmod(dir, 0700 | mode), 0);
		assert_content(key, NULL);
		assert_fails(ERR_FAILED, derived_save(cache, DERIVED_FILES, key, fd, &err));
	}
	assert_int_equal(chmod(dir, 0700), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(dir, 1, 1), 0);
	assert_content(key, NULL);
}

static void what_was_not_used_for_long_is_removed(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char path[160], used[160];
	struct stat st;

	(void)state;
	save(key, "one");
	save(other_key, "two");
	path_of(key, path, sizeof(path));
	path_of(other_key, used, sizeof(used));
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, used, old, 0), 0);
	assert_content(other_key, "two");
	assert_int_equal(stat(used, &st), 0);
	assert_true(st.st_mtime > 1);
	save(other_key, "three");
	assert_int_equal(access(path, F_OK), -1);
	assert_content(other_key, "three");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_kept_comes_back),
		TEST(other_inputs_have_other_keys),
		TEST(a_damaged_file_counts_as_not_there),
		TEST(a_file_from_elsewhere_counts_only_where_that_is_told),
		TEST(a_file_under_anothers_name_counts_as_not_there),
		TEST(a_file_that_another_process_is_writing_stays),
		TEST(a_link_or_a_pipe_counts_as_not_there),
		TEST(what_others_can_write_is_not_used),
		TEST(what_was_not_used_for_long_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
