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
		cmocka_unit_test(characters_count_and_not_bytes),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
