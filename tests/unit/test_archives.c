/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and deltas, from the signed archives to an installed root. */
#include "installed.h"

static void make_parts(const char *out, const char *const *names, uint64_t volume_bytes,
		       const char *base, struct strv *ret_paths)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;

	assert_ok(keys_open(keys_dir, &keys, &err));
	fill_pack(&pack, &keys, names);
	deliver(&pack, &keys, out, volume_bytes, base, ret_paths);
}

static const char *const ones[] = { "liba-1", "app-1", "extra-1", NULL };
static const char *const twos[] = { "liba-1", "app-2", "extra-1", NULL };

#define VOLUME_BYTES (40U << 10) /* makes two */

static void assert_refused(const char *root, int code)
{
	assert_int_equal(code, ERR_VERIFY);
	assert_in_root(root, "opt", NULL, 0);
	assert_in_root(root, "var/lib/pgha/journal", NULL, 0);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
}

static void volumes_are_taken_from_anywhere_in_any_order(void **state)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *elsewhere = NULL;
	cleanup_free char *moved = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("volumes", ones, VOLUME_BYTES, NULL, &paths);
	assert_int_equal(paths.count, 2);
	assert_contains(paths.items[1], ".2of2.tar");
	root = make_root();
	/* Each is checked alone; one is not enough to install from. */
	assert_int_equal(RUN(&out, "verify", "--bundle", paths.items[1], "--ca", ca_path), 0);
	assert_contains(out.buf, ".2of2.tar: intact, volume 2 of 2\n");
	assert_contains(out.buf, "volume 1 of 2: not given\n");
	assert_refused(root, INSTALL(&out, root, paths.items[0]));
	assert_refused(root, INSTALL(&out, root, paths.items[1]));
	assert_int_equal(INSTALL(&out, root, paths.items[0], "--bundle", paths.items[0]),
			 ERR_USAGE);
	/* As two media. */
	put_path(&elsewhere, "medium");
	assert_ok(dir_make(elsewhere, 0755, &err));
	assert_ok(path_join(elsewhere, path_basename(paths.items[0]), &moved, &err));
	assert_int_equal(rename(paths.items[0], moved), 0);
	assert_int_equal(INSTALL(&out, root, paths.items[1], "--bundle", elsewhere), 0);
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	tree_drop(root);
}

static void volumes_of_two_bundles_are_not_mixed(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *whole = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	/* The same contents: only the secrets and the sequence differ. */
	make_parts("mixed", ones, VOLUME_BYTES, NULL, &first);
	make_parts("mixed", ones, VOLUME_BYTES, NULL, &second);
	whole = make_bundle("pgha-test-w.tar", ones);
	root = make_root();
	assert_refused(root, INSTALL(&out, root, first.items[0], "--bundle", second.items[1]));
	assert_refused(root, INSTALL(&out, root, second.items[0], "--bundle", first.items[1]));
	assert_refused(root, INSTALL(&out, root, first.items[0], "--bundle", whole));
	assert_int_equal(INSTALL(&out, root, whole, "--bundle", first.items[0]), ERR_USAGE);
	assert_int_equal(RUN(&out, "verify", "--bundle", first.items[0], "--bundle",
			     second.items[1], "--ca", ca_path),
			 ERR_VERIFY);
	tree_drop(root);
}

/* Inverts the byte of FILE at OFFSET. */
static void invert(int fd, off_t offset)
{
	char byte = 0;

	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte = (char)~byte;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
}

/* In the middle of it. */
static void damage(const char *file)
{
	cleanup_close int fd = open(file, O_RDWR | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	invert(fd, st.st_size / 2);
}

/* In the contents of the archive's first member whose path begins with PREFIX. */
static void damage_member(const char *file, const char *prefix)
{
	cleanup_close int fd = open(file, O_RDWR | O_CLOEXEC);
	char block[TAR_BLOCK + 1] = "";
	off_t offset = 0;

	assert_true(fd >= 0);
	while (!str_starts(block, prefix)) {
		assert_int_equal(pread(fd, block, TAR_BLOCK, offset), TAR_BLOCK);
		offset += TAR_BLOCK;
	}
	invert(fd, offset);
}

static void a_damaged_volume_is_refused_alone_and_with_the_others(void **state)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("damaged", ones, VOLUME_BYTES, NULL, &paths);
	root = make_root();
	for (size_t i = 0; i < paths.count; i++) {
		const char *other = paths.items[1 - i];

		damage(paths.items[i]);
		assert_int_equal(RUN(&out, "verify", "--bundle", paths.items[i], "--ca", ca_path),
				 ERR_VERIFY);
		assert_int_equal(RUN(&out, "verify", "--bundle", other, "--ca", ca_path), 0);
		assert_refused(root, INSTALL(&out, root, paths.items[i], "--bundle", other));
		damage(paths.items[i]);
	}
	/* The one in the place of the other. */
	assert_int_equal(truncate(paths.items[0], 100), 0);
	assert_int_equal(RUN(&out, "verify", "--bundle", paths.items[0], "--ca", ca_path),
			 ERR_VERIFY);
	tree_drop(root);
}

static unsigned int with_two_names;

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	with_two_names += type == FTW_F && st->st_nlink == 2 && str_ends(path, ".rpm");
	return 0;
}

static unsigned int files_with_two_names(const char *path)
{
	with_two_names = 0;
	assert_int_equal(nftw(path, count_entry, 16, FTW_PHYS), 0);
	return with_two_names;
}

static void a_delta_goes_on_top_of_what_the_machine_has_kept(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(strv_release) struct strv third = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("delta", ones, 0, NULL, &first);
	make_parts("delta", twos, 0, first.items[0], &second);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first.items[0]), 0);
	assert_int_equal(RUN(&out, "verify", "--bundle", second.items[0], "--ca", ca_path), 0);
	assert_contains(out.buf, "whose part was not looked at\n");
	assert_int_equal(INSTALL(&out, root, second.items[0], "--dry-run"), 0);
	assert_int_equal(INSTALL(&out, root, second.items[0]), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	/* What did not change is there once, and secrets are not there. */
	str_release(&out);
	tree_list(root, &out);
	assert_non_null(strstr(out.buf, "/var/lib/pgha/bundles/"));
	assert_null(strstr(out.buf, "/nodes/"));
	assert_true(files_with_two_names(root) > 0);
	/* A delta on top of a delta, because the second one is whole here. */
	make_parts("delta", ones, 0, second.items[0], &third);
	assert_int_equal(INSTALL(&out, root, third.items[0]), 0);
	tree_drop(root);
}

static void a_delta_without_its_base_is_refused(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv other = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("base", ones, VOLUME_BYTES, NULL, &first);
	make_parts("base", ones, 0, NULL, &other);
	make_parts("base", twos, 0, first.items[1], &second);
	root = make_root();
	assert_refused(root, INSTALL(&out, root, second.items[0]));
	assert_refused(root, INSTALL(&out, root, second.items[0], "--base", other.items[0]));
	assert_refused(root, INSTALL(&out, root, second.items[0], "--base", first.items[0]));
	assert_int_equal(INSTALL(&out, root, other.items[0], "--base", first.items[0]), ERR_USAGE);
	damage_member(first.items[0], "keys/");
	assert_refused(root, INSTALL(&out, root, second.items[0], "--base", first.items[0],
				     "--base", first.items[1]));
	damage_member(first.items[0], "keys/");
	assert_int_equal(INSTALL(&out, root, second.items[0], "--base", first.items[1], "--base",
				 first.items[0]),
			 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	tree_drop(root);
}

static void what_was_changed_in_what_is_kept_is_refused(void **state)
{
	CLEANUP(strv_release) struct strv first = STRV_INIT;
	CLEANUP(strv_release) struct strv second = STRV_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str list = STR_INIT;
	cleanup_free char *line = NULL;
	char *root = NULL;
	char *rpm = NULL;

	(void)state;
	if (!usable)
		skip();
	make_parts("kept", ones, 0, NULL, &first);
	make_parts("kept", twos, 0, first.items[0], &second);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first.items[0]), 0);
	tree_list(root, &list);
	rpm = strstr(list.buf, "/var/lib/pgha/bundles/");
	while (rpm && !strstr(strndupa(rpm, strcspn(rpm, "\n")), "liba-1"))
		rpm = strstr(rpm + 1, "/var/lib/pgha/bundles/");
	assert_non_null(rpm);
	line = strndup(rpm, strcspn(rpm, " "));
	assert_non_null(line);
	{
		cleanup_free char *path = NULL;
		struct err err = ERR_INIT;

		assert_ok(str_printf(&path, &err, "%s%s", root, line));
		damage(path);
		assert_int_equal(INSTALL(&out, root, second.items[0]), ERR_VERIFY);
		assert_in_root(root, "opt/app", "app 1\n", 0644);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(INSTALL(&out, root, second.items[0]), ERR_VERIFY);
	}
	assert_int_equal(INSTALL(&out, root, second.items[0], "--base", first.items[0]), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volumes_are_taken_from_anywhere_in_any_order),
		cmocka_unit_test(volumes_of_two_bundles_are_not_mixed),
		cmocka_unit_test(a_damaged_volume_is_refused_alone_and_with_the_others),
		cmocka_unit_test(a_delta_goes_on_top_of_what_the_machine_has_kept),
		cmocka_unit_test(a_delta_without_its_base_is_refused),
		cmocka_unit_test(what_was_changed_in_what_is_kept_is_refused),
	};

	return cmocka_run_group_tests_name("archives", tests, make_all, release_all);
}
