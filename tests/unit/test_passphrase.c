/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "passphrase.h"

static char path[] = "/tmp/pgha-passphrase-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void put(const char *text, size_t len, mode_t mode)
{
	struct err err = ERR_INIT;

	assert_ok(file_write_atomic(path, mode, text, len, &err));
}

static void the_first_line_of_a_file_is_the_passphrase(void **state)
{
	static const char *const texts[] = { "a word", "a word\n", "a word\r\nmore\n" };
	const struct passphrase_source from = { .file = path };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP(str_release) struct str text = STR_SECRET;

		put(texts[i], strlen(texts[i]), 0600);
		assert_ok(passphrase_read(&from, "x", &text, &err));
		assert_string_equal(text.buf, "a word");
		assert_int_equal(text.len, 6);
	}
}

static void a_file_that_others_may_read_or_that_is_empty_is_refused(void **state)
{
	const struct passphrase_source from = { .file = path };
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	put("secret words", 12, 0640);
	assert_fails(ERR_CONFIG, passphrase_read(&from, "x", &text, &err));
	assert_contains(err.msg, "chmod 600");
	put("\n", 1, 0600);
	assert_fails(ERR_CONFIG, passphrase_read(&from, "x", &text, &err));
	assert_contains(err.msg, "holds no passphrase");
}

static void a_descriptor_gives_one_line_and_no_more(void **state)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct passphrase_source from = { .fd = NULL };
	struct err err = ERR_INIT;
	char number[16];
	char rest[8] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "first\nrest", 10), 10);
	snprintf(number, sizeof(number), "%d", fds[0]);
	from.fd = number;
	assert_ok(passphrase_read(&from, "x", &text, &err));
	assert_string_equal(text.buf, "first");
	assert_int_equal(read(fds[0], rest, sizeof(rest)), 4);
	assert_memory_equal(rest, "rest", 4);
	close(fds[0]);
	close(fds[1]);
	assert_fails(ERR_USAGE, passphrase_read(&from, "x", &text, &err));
	from.fd = "-1";
	assert_fails(ERR_USAGE, passphrase_read(&from, "x", &text, &err));
	from.file = path;
	assert_fails(ERR_USAGE, passphrase_read(&from, "x", &text, &err));
	assert_contains(err.msg, "not from both");
}

static void what_would_be_refused_is_refused_before_anything_is_read(void **state)
{
	static const struct {
		const char *file, *fd;
		enum err_code code;
		const char *says;
	} cases[] = {
		{ "/nonexistent", NULL, ERR_USAGE, "cannot open the passphrase file" },
		{ "/tmp", NULL, ERR_USAGE, "is a directory" },
		{ path, NULL, ERR_CONFIG, "holds no passphrase" },
		{ NULL, "x", ERR_USAGE, "is a number from 0 to 1023, not 'x'" },
		{ NULL, "-1", ERR_USAGE, "is a number" },
		{ NULL, "999999", ERR_USAGE, "is a number" },
		{ NULL, "987", ERR_USAGE, "descriptor 987 is not open" },
		{ path, "0", ERR_USAGE, "not from both" },
	};
	struct err err = ERR_INIT;

	(void)state;
	put("", 0, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct passphrase_source from = { .file = cases[i].file, .fd = cases[i].fd };

		if (passphrase_check(&from, "x", &err) != -(int)cases[i].code)
			fail_msg("case %zu: %d %s", i, err.code, err.msg);
		assert_contains(err.msg, cases[i].says);
	}
	assert_ok(passphrase_check(&(struct passphrase_source){ .file = NULL }, "x", &err));
}

static void checking_a_descriptor_takes_nothing_from_it(void **state)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct passphrase_source from = { .fd = NULL };
	struct err err = ERR_INIT;
	char number[16];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "words\n", 6), 6);
	snprintf(number, sizeof(number), "%d", fds[0]);
	from.fd = number;
	assert_ok(passphrase_check(&from, "x", &err));
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_ok(passphrase_read(&from, "x", &text, &err));
	assert_string_equal(text.buf, "words");
	/* One that is closed on exec was not given to us. */
	assert_fails(ERR_USAGE, passphrase_check(&from, "x", &err));
	assert_contains(err.msg, "is not open");
	snprintf(number, sizeof(number), "%d", fds[1]);
	assert_fails(ERR_USAGE, passphrase_check(&from, "x", &err));
	assert_contains(err.msg, "not open for reading");
	close(fds[0]);
	close(fds[1]);
}

static void characters_count_and_not_bytes(void **state)
{
	const struct passphrase_source from = { .file = path };
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(passphrase_length("\xc3\xa9t\xc3\xa9"), 3);
	put("\xc3\xa9\xc3\xa9\xc3\xa9", 6, 0600);
	assert_fails(ERR_CONFIG, passphrase_read_new(&from, "x", 4, &text, &err));
	assert_contains(err.msg, "shorter than 4");
	str_reset(&text);
	assert_ok(passphrase_read_new(&from, "x", 3, &text, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_of_a_file_is_the_passphrase),
		cmocka_unit_test(a_file_that_others_may_read_or_that_is_empty_is_refused),
		cmocka_unit_test(a_descriptor_gives_one_line_and_no_more),
		cmocka_unit_test(what_would_be_refused_is_refused_before_anything_is_read),
		cmocka_unit_test(checking_a_descriptor_takes_nothing_from_it),
		cmocka_unit_test(characters_count_and_not_bytes),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
