/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "checked.h"
#include "file.h"

/* FIPS 180-4: SHA-256 of "abc". */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char keys[] = "0000000000000000000000000000000000000000000000000000000000000001";
static const char signer[] = "0123456789ABCDEF0123456789ABCDEF01234567";
static char cache[] = "/tmp/pgha-test-checked-XXXXXX";
static char *path, *record;

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return mkdtemp(cache) && cache_path(cache, abc, &path, &err) == 0 &&
			       path_join(cache, "checked", &record, &err) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	free(path);
	free(record);
	return tree_remove(cache, &err);
}

static int fresh(void **state)
{
	struct err err = ERR_INIT;
	char hex[SHA256_HEX_SIZE];

	(void)state;
	unlink(record);
	return chmod(cache, 0700) == 0 && cache_put(cache, "abc", 3, hex, &err) == 0 ? 0 : -1;
}

static void state_of(const char *file, struct stat *ret)
{
	assert_int_equal(lstat(file, ret), 0);
}

/* A record of the one file, written. */
static void remember(void)
{
	CLEANUP(checked_release) struct checked c = CHECKED_INIT;
	struct checked_file facts = { .key_expires = 4102444800 };
	char nevra[] = "bash-1:5.1-3.el8.x86_64";
	struct stat st;
	struct err err = ERR_INIT;

	memcpy(facts.sha256, abc, sizeof(facts.sha256));
	memcpy(facts.keys, keys, sizeof(facts.keys));
	memcpy(facts.signer, signer, sizeof(facts.signer));
	facts.nevra = nevra;
	state_of(path, &st);
	assert_ok(checked_load(cache, &c, &err));
	assert_ok(checked_put(&c, &facts, &st, &err));
	assert_ok(checked_keys_put(&c, keys, 1700000000, &err));
	assert_ok(checked_save(&c, &err));
}

/* True when the record knows the file as it is now. */
static bool is_known(void)
{
	CLEANUP(checked_release) struct checked c = CHECKED_INIT;
	struct stat st;
	struct err err = ERR_INIT;

	state_of(path, &st);
	assert_ok(checked_load(cache, &c, &err));
	return checked_find(&c, abc, &st) != NULL;
}

static void what_was_remembered_is_found_again(void **state)
{
	CLEANUP(checked_release) struct checked c = CHECKED_INIT;
	const struct checked_file *f = NULL;
	struct stat st;
	struct err err = ERR_INIT;

	(void)state;
	remember();
	state_of(path, &st);
	assert_ok(checked_load(cache, &c, &err));
	f = checked_find(&c, abc, &st);
	assert_non_null(f);
	assert_string_equal(f->keys, keys);
	assert_string_equal(f->signer, signer);
	assert_string_equal(f->nevra, "bash-1:5.1-3.el8.x86_64");
	assert_true(f->key_expires == 4102444800);
	assert_true(checked_keys_asked(&c, keys) == 1700000000);
	assert_true(checked_keys_asked(&c, abc) == 0);
}

static void a_file_that_was_touched_in_any_way_is_not_known(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct err err = ERR_INIT;
	char hex[SHA256_HEX_SIZE];
	cleanup_close int fd = -1;
	struct stat st;

	(void)state;
	remember();
	assert_true(is_known());
	/* The same content and times in another file. */
	state_of(path, &st);
	assert_ok(cache_put(cache, "abc", 3, hex, &err));
	assert_int_equal(
		utimensat(AT_FDCWD, path, (struct timespec[]){ st.st_atim, st.st_mtim }, 0), 0);
	assert_false(is_known());
	/* Another content, size and time of content as before. */
	remember();
	state_of(path, &st);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "abd", 3), 3);
	assert_int_equal(futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }), 0);
	assert_false(is_known());
	/* Another time. */
	remember();
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_false(is_known());
	/* A file that others may write. */
	assert_int_equal(chmod(path, 0666), 0);
	remember();
	assert_false(is_known());
}

static void a_cache_that_others_may_write_to_has_no_record(void **state)
{
	(void)state;
	remember();
	assert_int_equal(chmod(cache, 0770), 0);
	assert_false(is_known());
	assert_int_equal(chmod(cache, 0700), 0);
	assert_true(is_known());
	assert_int_equal(chmod(record, 0620), 0);
	assert_false(is_known());
	assert_int_equal(unlink(record), 0);
	assert_int_equal(chmod(cache, 0707), 0);
	remember();
	assert_int_equal(access(record, F_OK), -1);
}

static void a_damaged_record_is_an_empty_one(void **state)
{
	cleanup_free char *text = NULL;
	size_t size = 0;
	struct err err = ERR_INIT;

	(void)state;
	remember();
	assert_ok(file_read(record, 0, ERR_FAILED, &text, &size, &err));
	for (size_t cut = 1; cut < size; cut += 7) {
		assert_ok(file_write_atomic(record, 0600, text, size - cut, &err));
		/* Whole lines may be gone; half a line is never believed. */
		if (text[size - cut - 1] != '\n')
			assert_false(is_known());
	}
	/* Another boot: the machine may have crashed with the file half on the disk. */
	text[15] = text[15] == '0' ? '1' : '0';
	assert_ok(file_write_atomic(record, 0600, text, size, &err));
	assert_false(is_known());
	assert_ok(file_write_atomic(record, 0600, "\0\0\0", 3, &err));
	assert_false(is_known());
}

static void nothing_new_leaves_the_record_as_it_is(void **state)
{
	CLEANUP(checked_release) struct checked c = CHECKED_INIT;
	struct stat before, after, st;
	struct err err = ERR_INIT;

	(void)state;
	remember();
	state_of(record, &before);
	state_of(path, &st);
	assert_ok(checked_load(cache, &c, &err));
	assert_non_null(checked_find(&c, abc, &st));
	assert_ok(checked_save(&c, &err));
	state_of(record, &after);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void files_that_are_gone_leave_the_record(void **state)
{
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	remember();
	assert_ok(cache_remove(cache, abc, &err));
	{
		CLEANUP(checked_release) struct checked c = CHECKED_INIT;

		assert_ok(checked_load(cache, &c, &err));
		assert_ok(checked_keys_put(&c, keys, 1700000001, &err));
		assert_ok(checked_save(&c, &err));
	}
	assert_ok(file_read(record, 0, ERR_FAILED, &text, NULL, &err));
	assert_null(strstr(text, abc));
	assert_contains(text, "1700000001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_remembered_is_found_again, fresh),
		cmocka_unit_test_setup(a_file_that_was_touched_in_any_way_is_not_known, fresh),
		cmocka_unit_test_setup(a_cache_that_others_may_write_to_has_no_record, fresh),
		cmocka_unit_test_setup(a_damaged_record_is_an_empty_one, fresh),
		cmocka_unit_test_setup(nothing_new_leaves_the_record_as_it_is, fresh),
		cmocka_unit_test_setup(files_that_are_gone_leave_the_record, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
