/* SPDX-License-Identifier: Apache-2.0 */
/* An installation comes upon one that was half taken back: real RPMs, no system manager. */
#include "installed.h"

#define STATE "var/lib/pgha/"
#define TEMP "etc/demo/.demo.conf.pgha-new"

static const char *const first_names[] = { "liba-1", "app-1", NULL };
static const char *const second_names[] = { "liba-2", "app-2", "extra-1", NULL };

static char *first, *second;

static char *listing(const char *root)
{
	return listing_without(root, "/var/lib/pgha/");
}

static char *read_state(const char *root, const char *name)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_ok(str_printf(&path, &err, "%s/" STATE "%s", root, name));
	assert_ok(file_read(path, 0, ERR_FAILED, &text, NULL, &err));
	return text;
}

/* The second bundle over the first one, killed before its commit, and again when its file was taken back. RET_PROMISED
 * is what the second comes to when nobody disturbs it. */
static char *half_taken_back(char **ret_promised)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *committed = NULL;
	char *root = make_root();

	if (!first)
		first = make_bundle("pgha-test-a.tar", first_names);
	if (!second)
		second = make_bundle("pgha-test-b.tar", second_names);
	assert_int_equal(INSTALL(&out, root, first), 0);
	committed = read_state(root, "committed");
	assert_int_equal(INSTALL(&out, root, second), 0);
	*ret_promised = listing(root);
	write_file(root, STATE "committed", committed, strlen(committed), 0600);
	write_file(root, STATE "record/2/undone", "begun\n", 6, 0600);
	write_file(root, TEMP, "half", 4, 0600);
	return root;
}

static void assert_whole(const char *root, const char *promised)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *after = listing(root);
	cleanup_free char *committed = read_state(root, "committed");

	assert_string_equal(promised, after);
	assert_contains(committed, "sequence: 2\n");
	assert_in_root(root, TEMP, NULL, 0);
	assert_in_root(root, STATE "record/2/undone", NULL, 0);
	assert_int_equal(RUN(&out, "status", "--root", root), 0);
}

static void what_is_half_taken_back_is_taken_back_first(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *promised = NULL;
	cleanup_free char *journal = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = half_taken_back(&promised);
	assert_int_equal(INSTALL(&out, root, second), 0);
	journal = read_state(root, "journal");
	assert_contains(journal, "begin rollback sequence 2");
	assert_contains(journal, "end rollback");
	/* What was there again is what changes. */
	assert_contains(out.buf, "upgrade app-2-1.noarch (from app-1-1.noarch)\n");
	assert_whole(root, promised);
	tree_drop(root);
}

static void what_cannot_be_taken_back_is_gone_on_from(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *promised = NULL;
	cleanup_free char *journal = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = half_taken_back(&promised);
	write_file(root, STATE "bundles/1/index.yaml", "spoilt\n", 7, 0600);
	assert_int_equal(INSTALL(&out, root, second), 0);
	assert_null(strstr(out.buf, "upgrade app"));
	journal = read_state(root, "journal");
	assert_contains(journal, "end rollback given up");
	assert_whole(root, promised);
	tree_drop(root);
}

static void a_plan_takes_nothing_back(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *promised = NULL;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = half_taken_back(&promised);
	before = listing_without(root, NULL);
	assert_int_equal(INSTALL(&out, root, second, "--dry-run"), 0);
	after = listing_without(root, NULL);
	assert_string_equal(before, after);
	tree_drop(root);
}

static int release(void **state)
{
	free(first);
	free(second);
	return release_all(state);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_half_taken_back_is_taken_back_first),
		cmocka_unit_test(what_cannot_be_taken_back_is_gone_on_from),
		cmocka_unit_test(a_plan_takes_nothing_back),
	};

	return cmocka_run_group_tests(tests, make_all, release);
}
