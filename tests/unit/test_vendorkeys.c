/* SPDX-License-Identifier: Apache-2.0 */
/* vendorkeys.c: keys of signed_rpms.sh behind file: URLs. */
#include "unit.h"

#include "signed_rpms.h"
#include "vendorkeys.h"

static char url[160];
static struct strv urls = { .items = (char *[]){ url, NULL }, .count = 1 };
static char fpr[PGP_FPR_SIZE];
static struct strv pins = { .items = (char *[]){ fpr, NULL }, .count = 1 };
static char cache[96];

static int clean(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(cache, &err);
}

static void pin(const char *file)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err;

	snprintf(cache, sizeof(cache), "%s/cache", signed_dir);
	assert_ok(file_read(signed_path(file), 0, ERR_FAILED, &data, &size, &err));
	assert_ok(pgp_read(file, data, size, &keys, &err));
	memcpy(fpr, keys.items[0].fpr, sizeof(fpr));
}

/* Loads from FILE of signed_rpms.sh; how many warnings there were is in *RET_WARNINGS. */
static int load_from(const char *file, struct pgp_keys *keys, size_t *ret_new, size_t *ret_warnings,
		     struct err *err)
{
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	const struct vendorkeys what = {
		.repo = "r", .pins = &pins, .gpgkey = &urls, .cache = cache
	};
	int r = 0;

	snprintf(url, sizeof(url), "file://%s/%s", signed_dir, file);
	*ret_new = 0;
	r = vendorkeys_load(&what, &warnings, keys, ret_new, err);
	*ret_warnings = warnings.count;
	return r;
}

static void keys_are_read_anew_and_kept_for_when_they_cannot_be(void **state)
{
	static const struct {
		const char *file;
		size_t new, warnings;
	} rows[] = {
		{ "both.asc", 1, 0 },     { "vendor.asc", 0, 0 },
		{ "gone.asc", 0, 1 },     /* cannot be read */
		{ "unsigned.rpm", 0, 1 }, /* no keys */
		{ "other.asc", 0, 0 },    /* the pinned one is not there any more */
	};

	(void)state;
	pin("vendor.asc");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
		size_t new = 9;
		size_t warnings = 9;
		struct err err;

		assert_ok(load_from(rows[i].file, &keys, &new, &warnings, &err));
		assert_int_equal(new, rows[i].new);
		assert_int_equal(warnings, rows[i].warnings);
		assert_non_null(pgp_find(&keys, fpr));
	}
}

static void what_was_never_there_is_missed(void **state)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	size_t new = 0;
	size_t warnings = 0;
	struct err err;

	(void)state;
	pin("vendor.asc");
	assert_fails(ERR_NETWORK, load_from("gone.asc", &keys, &new, &warnings, &err));
	urls.count = 0;
	assert_fails(ERR_VERIFY, load_from("vendor.asc", &keys, &new, &warnings, &err));
	urls.count = 1;
	assert_contains(err.msg, "gpgkey=URL");
}

static void a_revocation_that_was_seen_once_holds(void **state)
{
	static const struct {
		const char *file;
		bool revoked;
	} rows[] = {
		{ "revoked-before.asc", false },
		{ "revoked.asc", true },
		{ "revoked-before.asc", true },
		{ "gone.asc", true },
	};

	(void)state;
	pin("revoked.asc");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
		size_t new = 0;
		size_t warnings = 0;
		struct err err;

		assert_ok(load_from(rows[i].file, &keys, &new, &warnings, &err));
		assert_int_equal(pgp_find(&keys, fpr)->revoked, rows[i].revoked);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_are_read_anew_and_kept_for_when_they_cannot_be),
		TEST(what_was_never_there_is_missed),
		TEST(a_revocation_that_was_seen_once_holds),
	};

	return cmocka_run_group_tests(tests, signed_set_up, signed_tear_down);
}
