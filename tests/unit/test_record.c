/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "record.h"

static struct install in;
static unsigned int synced;

/* In the place of the C library's. */
int fsync(int fd)
{
	synced++;
	return fdatasync(fd);
}

static int make(void **state)
{
	(void)state;
	in.state_dir = tree_new();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	tree_drop(in.state_dir);
	in.state_dir = NULL;
	return 0;
}

static struct record *open_record(uint64_t sequence)
{
	struct record *record = NULL;
	struct err err = ERR_INIT;

	assert_ok(record_open(&in, sequence, &record, &err));
	return record;
}

static void add(struct record *record, const char *path, const char *was, const char *now)
{
	struct err err = ERR_INIT;

	assert_ok(record_add(record, RECORD_LINK, path, was, now, &err));
}

/* "OBJECT WAS NOW@SEQUENCE" for each entry. */
static char *told(void)
{
	CLEANUP(record_entries_release) struct record_entries all = RECORD_ENTRIES_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	char *ret = NULL;

	assert_ok(record_load(&in, &all, &err));
	for (size_t i = 0; i < all.count; i++)
		str_addf(&text, "%s %s %s@%d\n", all.items[i].object, all.items[i].was,
			 all.items[i].now, (int)all.items[i].sequence);
	assert_ok(str_done(&text, &ret, &err));
	return ret;
}

static void assert_told(const char *expected)
{
	cleanup_free char *text = told();

	assert_string_equal(text, expected);
}

static void keep(struct record *record, const char *path, const char *text, const char *now)
{
	const struct stat st = { .st_mode = S_IFREG | 0640, .st_uid = 7, .st_gid = 8 };
	struct err err = ERR_INIT;

	assert_ok(record_add_file(record, path, &st, text, strlen(text), now, &err));
}

static void assert_kept(const char *object, const char *expected)
{
	CLEANUP(record_entries_release) struct record_entries all = RECORD_ENTRIES_INIT;
	struct err err = ERR_INIT;

	assert_ok(record_load(&in, &all, &err));
	for (size_t i = 0; i < all.count; i++) {
		cleanup_free char *path = NULL;
		cleanup_free char *text = NULL;

		if (strcmp(all.items[i].object, object) != 0)
			continue;
		assert_ok(record_kept_path(&in, &all.items[i], &path, &err));
		assert_ok(file_read(path, 0, ERR_FAILED, &text, NULL, &err));
		assert_string_equal(text, expected);
		return;
	}
	fail_msg("no entry of %s", object);
}

static void a_node_without_records_has_none(void **state)
{
	(void)state;
	assert_told("");
}

static void the_first_state_and_the_last_one_count(void **state)
{
	struct record *record = open_record(1);

	(void)state;
	add(record, "/a", RECORD_ABSENT, ">1");
	add(record, "/b", ">old", ">1");
	add(record, "/a", ">1", ">2");
	record_free(record);
	record = open_record(2);
	add(record, "/b", ">1", ">3");
	record_free(record);
	assert_told("/a - >2@1\n/b >old >3@1\n");
}

static void entries_reach_the_disk_one_by_one_or_together(void **state)
{
	struct record *record = open_record(1);
	struct err err = ERR_INIT;
	unsigned int before = synced;

	(void)state;
	add(record, "/a", RECORD_ABSENT, ">1");
	add(record, "/b", RECORD_ABSENT, ">1");
	assert_int_equal(synced - before, 2);
	record_gather(record);
	add(record, "/c", RECORD_ABSENT, ">1");
	add(record, "/d", RECORD_ABSENT, ">1");
	assert_int_equal(synced - before, 2);
	assert_ok(record_settle(record, &err));
	assert_int_equal(synced - before, 3);
	assert_ok(record_settle(record, &err));
	assert_int_equal(synced - before, 3);
	add(record, "/e", RECORD_ABSENT, ">1");
	assert_int_equal(synced - before, 4);
	record_free(record);
	assert_told("/a - >1@1\n/b - >1@1\n/c - >1@1\n/d - >1@1\n/e - >1@1\n");
}

static void what_stands_there_is_not_written_again(void **state)
{
	cleanup_free char *path = NULL;
	struct stat before, after;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(path_join(in.state_dir, "record/1/entries", &path, &err));
	for (int i = 0; i < 2; i++) {
		struct record *record = open_record(1);

		add(record, "/a", RECORD_ABSENT, ">1");
		record_free(record);
		assert_int_equal(stat(path, i ? &after : &before), 0);
	}
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void a_line_that_was_cut_short_counts_for_nothing(void **state)
{
	struct record *record = open_record(1);
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	add(record, "/a", RECORD_ABSENT, ">1");
	add(record, "/b", RECORD_ABSENT, ">1");
	record_free(record);
	assert_ok(path_join(in.state_dir, "record/1/entries", &path, &err));
	assert_int_equal(truncate(path, 20), 0);
	assert_told("/a - >1@1\n");
	record = open_record(1);
	add(record, "/c", RECORD_ABSENT, ">1");
	record_free(record);
	assert_told("/a - >1@1\n/c - >1@1\n");
}

static void a_damaged_record_is_told_and_not_believed(void **state)
{
	CLEANUP(record_entries_release) struct record_entries all = RECORD_ENTRIES_INIT;
	struct err err = ERR_INIT;

	(void)state;
	record_free(open_record(1));
	write_file(in.state_dir, "record/1/entries", "link\t/a\n", 8, 0600);
	assert_int_equal(record_load(&in, &all, &err), -ERR_FAILED);
	assert_contains(err.msg, "record/1/entries' was damaged");
}

static void a_name_with_a_line_end_is_refused(void **state)
{
	struct record *record = open_record(1);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(record_add(record, RECORD_LINK, "/a\nlink\t/etc/shadow", "-", ">1", &err),
			 -ERR_CONFIG);
	record_free(record);
	assert_told("");
}

static void a_file_keeps_its_first_content(void **state)
{
	struct record *record = open_record(1);

	(void)state;
	keep(record, "/etc/x", "first\n", "0600:0:0:now");
	keep(record, "/etc/x", "second\n", "0600:0:0:then");
	record_free(record);
	assert_kept("/etc/x", "first\n");
	assert_told("/etc/x 0640:7:8:"
		    "b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41"
		    " 0600:0:0:then@1\n");
}

static void old_records_become_one_that_remembers_the_beginning(void **state)
{
	cleanup_free char *gone = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 1; i <= 4; i++) {
		struct record *record = open_record((uint64_t)i);
		char text[8], now[8];

		snprintf(text, sizeof(text), "%d\n", i);
		snprintf(now, sizeof(now), ">%d", i);
		keep(record, "/etc/x", text, now);
		if (i == 2)
			keep(record, "/etc/late", "late\n", now);
		record_free(record);
	}
	assert_ok(record_squash(&in, 3, &err));
	assert_kept("/etc/x", "1\n");
	assert_kept("/etc/late", "late\n");
	assert_ok(path_join(in.state_dir, "record/2", &gone, &err));
	assert_int_equal(access(gone, F_OK), -1);
	cleanup_freep(&gone);
	assert_ok(path_join(in.state_dir, "record/3/files/etc/x", &gone, &err));
	assert_int_equal(access(gone, F_OK), 0);
	assert_ok(record_squash(&in, 3, &err));
	assert_ok(record_remove_all(&in, &err));
	assert_told("");
}

static void attributes_are_read_as_they_were_written(void **state)
{
	static const char *const wrong[] = { "-",      "",          "0644",
					     "0644:1", "0644:1:2:", "0644:1:2:abc",
					     ">target" };
	char text[RECORD_ATTRIBUTES_SIZE], sha256[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;
	mode_t mode;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_ok(sha256_hex("", 0, sha256, &err));
	record_attributes(text, S_IFREG | 04750, (uid_t)-2, 4294967295U, sha256);
	assert_true(record_parse(text, &mode, &uid, &gid, sha256));
	assert_int_equal(mode, 04750);
	assert_int_equal(uid, (uid_t)-2);
	assert_int_equal(gid, 4294967295U);
	assert_int_equal(strlen(sha256), 64);
	assert_true(record_parse("0755:0:0", &mode, &uid, &gid, sha256));
	assert_string_equal(sha256, "");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(record_parse(wrong[i], &mode, &uid, &gid, sha256));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_node_without_records_has_none),
		TEST(the_first_state_and_the_last_one_count),
		TEST(entries_reach_the_disk_one_by_one_or_together),
		TEST(what_stands_there_is_not_written_again),
		TEST(a_line_that_was_cut_short_counts_for_nothing),
		TEST(a_damaged_record_is_told_and_not_believed),
		TEST(a_name_with_a_line_end_is_refused),
		TEST(a_file_keeps_its_first_content),
		TEST(old_records_become_one_that_remembers_the_beginning),
		TEST(attributes_are_read_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
