/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "file.h"
#include "wheel_inside.h"

#define METADATA "a_b-1.0.dist-info/METADATA"
#define IS_A_B "Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\n\nName: other\n"

struct entry {
	const char *name, *text;
	unsigned int type; /* AE_IFREG when 0 */
	uint32_t claims;   /* bytes, by the central directory; 0: the text's length */
};

static void write_wheel(const char *path, const struct entry *entries)
{
	struct archive *archive = archive_write_new();

	archive_write_set_format_zip(archive);
	assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
	for (; entries->name; entries++) {
		struct archive_entry *entry = archive_entry_new();
		size_t len = strlen(entries->text);

		archive_entry_set_pathname(entry, entries->name);
		archive_entry_set_filetype(entry, entries->type ? entries->type : AE_IFREG);
		if (entries->type == AE_IFLNK)
			archive_entry_set_symlink(entry, entries->text);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, (la_int64_t)len);
		assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
		if (!entries->type)
			archive_write_data(archive, entries->text, len);
		archive_entry_free(entry);
	}
	assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

/* The sizes that pip and libarchive go by stand in the central directory. */
static void claim(const char *path, const struct entry *entries)
{
	unsigned char text[8192];
	FILE *file = fopen(path, "r+b");
	size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
	unsigned char *at = text;

	assert_in_range(len, 1, sizeof(text) - 1);
	for (; entries->name; entries++) {
		at = memmem(at, len - (size_t)(at - text), "PK\1\2", 4);
		assert_non_null(at);
		for (unsigned int i = 0; entries->claims && i < 4; i++)
			at[24 + i] = (unsigned char)(entries->claims >> 8 * i);
		at++;
	}
	rewind(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static int check(const struct entry *entries, struct err *err)
{
	char dir[] = "/tmp/pgha-inside-XXXXXX";
	struct lock_wheel wheel = { .file = (char *)"a_b-1.0-py3-none-any.whl",
				    .name = (char *)"a-b",
				    .version = (char *)"1.0" };
	struct err ignored = ERR_INIT;
	char path[64];
	int r = 0;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/wheel", dir);
	write_wheel(path, entries);
	claim(path, entries);
	r = wheel_inside_check(path, &wheel, err);
	assert_int_equal(tree_remove(dir, &ignored), 0);
	return r;
}

static void an_honest_wheel_passes(void **state)
{
	static const struct entry entries[] = { { "a_b/", "", AE_IFDIR, 0 },
						{ "a_b/__init__.py", "x = 1\n", 0, 0 },
						{ "a_b/d\xc3\xa9j\xc3\xa0.txt", "x\n", 0, 0 },
						{ METADATA, IS_A_B, 0, 0 },
						{ NULL, NULL, 0, 0 } };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(check(entries, &err));
}

static void what_a_wheel_may_not_hold_is_named(void **state)
{
	static const struct {
		struct entry entries[4];
		const char *message;
	} cases[] = {
		{ { { "../x.py", "", 0, 0 }, { METADATA, IS_A_B, 0, 0 } },
		  "'../x.py', which leads out" },
		{ { { "/etc/x", "", 0, 0 }, { METADATA, IS_A_B, 0, 0 } }, "which leads out" },
		{ { { "a_b-1.0.data/scripts/../../../x", "", 0, 0 }, { METADATA, IS_A_B, 0, 0 } },
		  "which leads out" },
		{ { { "x", "/etc/passwd", AE_IFLNK, 0 }, { METADATA, IS_A_B, 0, 0 } },
		  "'x', which is no file" },
		{ { { "x.py", "1", 0, 0 }, { METADATA, IS_A_B, 0, 0 }, { "x.py", "2", 0, 0 } },
		  "holds 'x.py' twice" },
		{ { { METADATA, IS_A_B, 0, 0 }, { "z.dist-info/METADATA", IS_A_B, 0, 0 } },
		  "holds METADATA twice" },
		{ { { "x.py", "1", 0, 0 } }, "holds no METADATA" },
		{ { { METADATA, "Name: evil\nVersion: 1.0\n", 0, 0 } },
		  "says that it is 'evil' 1.0, and the lock names 'a-b' 1.0" },
		{ { { METADATA, "Name: a-b\nVersion: 1.1\n", 0, 0 } },
		  "says that it is 'a-b' 1.1" },
		{ { { METADATA, "\nName: a-b\nVersion: 1.0\n", 0, 0 } }, "says that it is ''" },
		{ { { "bomb", "", 0, 0x90000000U }, { METADATA, IS_A_B, 0, 0 } },
		  "more than 200000 files or 2 GiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;

		assert_fails(ERR_VERIFY, check(cases[i].entries, &err));
		assert_contains(err.msg, cases[i].message);
	}
}

static void what_is_no_archive_is_no_wheel(void **state)
{
	struct lock_wheel wheel = { .file = (char *)"a",
				    .name = (char *)"a",
				    .version = (char *)"1" };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_VERIFY, wheel_inside_check("/proc/self/exe", &wheel, &err));
	assert_fails(ERR_VERIFY, wheel_inside_check("/nonexistent", &wheel, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_wheel_passes),
		cmocka_unit_test(what_a_wheel_may_not_hold_is_named),
		cmocka_unit_test(what_is_no_archive_is_no_wheel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
