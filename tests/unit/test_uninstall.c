/* SPDX-License-Identifier: Apache-2.0 */
/* What an installation did to a root is taken back: real RPMs, real keys, no system manager. */
#include "installed.h"

#include <sched.h>
#include <sys/mount.h>

#include "plan.h"

static const char *const names[] = { "liba-1", "app-1", "extra-1", NULL };

#define UNINSTALL(out, root, ...) \
	RUN(out, "uninstall", "--node", "node1", "--root", root, ##__VA_ARGS__)

/* What stays by promise: the journal and the logs. */
static char *listing(const char *root)
{
	return listing_without(root, "/var/lib/pgha");
}

/* A root with var/lib and opt there already, as every system has them: what librpm makes above a
 * package's files belongs to nobody. */
static char *installed_root(const char *bundle, char **ret_before)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *dir_path = NULL;
	char *root = make_root();
	struct err err = ERR_INIT;

	assert_ok(path_join(root, "var/lib/rpm", &dir_path, &err));
	assert_ok(dir_make(dir_path, 0755, &err));
	cleanup_freep(&dir_path);
	assert_ok(path_join(root, "opt", &dir_path, &err));
	assert_ok(dir_make(dir_path, 0755, &err));
	if (ret_before)
		*ret_before = listing(root);
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	return root;
}

static void the_file_system_is_as_it_was_before(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-a.tar", names);
	root = installed_root(bundle, &before);
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	assert_int_equal(UNINSTALL(&out, root), 0);
	assert_contains(out.buf, "remove /etc/demo/demo.conf\n");
	assert_contains(out.buf, "remove app-1-1.noarch\n");
	assert_contains(out.buf, "remove /etc/demo\n");
	assert_null(strstr(out.buf, "stays:"));
	after = listing(root);
	assert_string_equal(before, after);
	assert_in_root(root, "var/lib/pgha/committed", NULL, 0);
	assert_in_root(root, "var/lib/pgha/record", NULL, 0);
	assert_in_root(root, "var/lib/pgha/journal", " end accounts", 0600);
	assert_int_equal(UNINSTALL(&again, root), ERR_USAGE);
	tree_drop(root);
}

/* librpm would go on, and forget the packages whose files stay. */
static void nothing_is_touched_where_packages_cannot_be_removed(void **state)
{
	CLEANUP(str_release) struct str refused = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *before = NULL;
	cleanup_free char *between = NULL;
	cleanup_free char *still = NULL;
	cleanup_free char *after = NULL;
	cleanup_free char *opt = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();
	bundle = make_bundle("pgha-test-a.tar", names);
	root = installed_root(bundle, &before);
	between = listing(root);
	assert_ok(path_join(root, "opt", &opt, &err));
	assert_int_equal(mount(opt, opt, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, opt, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	assert_int_equal(UNINSTALL(&refused, root), ERR_HOST);
	assert_int_equal(umount(opt), 0);
	still = listing(root);
	assert_string_equal(between, still);
	assert_int_equal(UNINSTALL(&out, root), 0);
	after = listing(root);
	assert_string_equal(before, after);
	tree_drop(root);
}

static void one_that_was_interrupted_is_told_and_is_to_be_run_again(void **state)
{
	CLEANUP(str_release) struct str failed = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str end = STR_INIT;
	CLEANUP(str_release) struct str nothing = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *busy = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();
	bundle = make_bundle("pgha-test-i.tar", names);
	root = installed_root(bundle, NULL);
	assert_ok(path_join(root, "etc/demo/demo.conf", &busy, &err));
	assert_int_equal(mount(busy, busy, NULL, MS_BIND, NULL), 0);
	assert_int_equal(UNINSTALL(&failed, root), ERR_FAILED);
	assert_int_equal(RUN(&out, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(out.buf, "unfinished    the uninstallation\n");
	assert_contains(told, "'pgha-install uninstall --node node1' run again finishes it");
	assert_null(strstr(told, "the installation run again"));
	assert_int_equal(umount(busy), 0);
	assert_int_equal(UNINSTALL(&end, root), 0);
	assert_int_equal(RUN(&nothing, "status", "--root", root), ERR_USAGE);
	assert_null(strstr(told, "run again"));
	assert_in_root(root, "var/lib/pgha/undone", NULL, 0);
	tree_drop(root);
}

static void what_was_compiled_from_a_packages_sources_goes_with_them(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *cache = NULL;
	cleanup_free char *bundle = NULL;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-g.tar", names);
	root = installed_root(bundle, &before);
	assert_ok(path_join(root, "opt/liba-lib/__pycache__", &cache, &err));
	assert_ok(dir_make(cache, 0755, &err));
	write_file(cache, "mod.cpython-39.pyc", "x", 1, 0644);
	write_file(cache, "mod.cpython-39.opt-1.pyc", "x", 1, 0644);
	assert_int_equal(UNINSTALL(&out, root), 0);
	after = listing(root);
	assert_string_equal(before, after);
	tree_drop(root);
}

static void what_was_compiled_from_somebodys_source_stays(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *cache = NULL;
	cleanup_free char *bundle = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-h.tar", names);
	root = installed_root(bundle, NULL);
	assert_ok(path_join(root, "opt/liba-lib/__pycache__", &cache, &err));
	assert_ok(dir_make(cache, 0755, &err));
	write_file(cache, "modern.cpython-39.pyc", "x", 1, 0644);
	assert_int_equal(UNINSTALL(&out, root), 0);
	assert_in_root(root, "opt/liba-lib/__pycache__/modern.cpython-39.pyc", "x", 0644);
	tree_drop(root);
}

static void it_can_be_installed_again(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-b.tar", names);
	root = installed_root(bundle, NULL);
	assert_int_equal(UNINSTALL(&out, root), 0);
	assert_int_equal(INSTALL(&again, root, bundle), 0);
	assert_contains(again.buf, "install app-1-1.noarch\n");
	assert_in_root(root, "etc/demo/demo.conf", "password = s3cret\n", 0640);
	tree_drop(root);
}

static void a_dry_run_says_it_and_changes_nothing(void **state)
{
	CLEANUP(str_release) struct str dry = STR_INIT;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-c.tar", names);
	root = installed_root(bundle, NULL);
	before = listing_without(root, NULL);
	assert_int_equal(UNINSTALL(&dry, root, "--dry-run"), 0);
	after = listing_without(root, NULL);
	assert_string_equal(before, after);
	assert_contains(dry.buf, "remove /etc/demo, if it is empty then\n");
	assert_contains(dry.buf, "remove app-1-1.noarch\n");
	tree_drop(root);
}

static void files_that_were_there_come_back_and_edited_ones_are_saved(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str first = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *etc = NULL;
	char *root = NULL;
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-d.tar", names);
	root = make_root();
	assert_ok(path_join(root, "etc/demo", &etc, &err));
	assert_ok(dir_make(etc, 0711, &err));
	assert_int_equal(chmod(etc, 0711), 0);
	write_file(root, "etc/demo/demo.conf", "of before\n", 10, 0604);
	assert_int_equal(INSTALL(&first, root, bundle), 0);
	assert_in_root(root, "etc/demo/demo.conf", "node = node1\n", 0640);
	write_file(root, "etc/demo/server.crt", "by hand\n", 8, 0600);
	/* Of an earlier time. */
	write_file(root, "etc/demo/server.crt.pgha-save", "earlier\n", 8, 0600);
	write_file(root, "etc/demo/server.crt.pgha-save.2", "later\n", 6, 0600);
	assert_int_equal(UNINSTALL(&out, root), 0);
	assert_contains(out.buf, "restore /etc/demo/demo.conf\n");
	assert_contains(out.buf, "stays: /etc/demo/server.crt.pgha-save.3: ");
	assert_contains(out.buf, "restore /etc/demo\n");
	assert_in_root(root, "etc/demo/demo.conf", "of before\n", 0604);
	assert_in_root(root, "etc/demo/server.crt", NULL, 0);
	assert_in_root(root, "etc/demo/server.crt.pgha-save", "earlier\n", 0);
	assert_in_root(root, "etc/demo/server.crt.pgha-save.2", "later\n", 0);
	assert_in_root(root, "etc/demo/server.crt.pgha-save.3", "by hand\n", 0);
	tree_drop(root);
}

/* Whoever owns the directory above may have put it there, and what is behind it is not ours. */
static void what_is_behind_a_link_stays_and_is_told(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str first = STR_INIT;
	CLEANUP(str_release) struct str shown = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *etc = NULL;
	cleanup_free char *away = NULL;
	char *root = NULL;
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-l.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&first, root, bundle), 0);
	assert_ok(path_join(root, "etc/demo", &etc, &err));
	assert_ok(path_join(root, "etc/away", &away, &err));
	assert_int_equal(rename(etc, away), 0);
	assert_int_equal(symlink("away", etc), 0);
	assert_int_equal(RUN(&shown, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(shown.buf, "  /etc/demo: a symbolic link now\n");
	assert_contains(shown.buf, "  /etc/demo/demo.conf: not there\n");
	assert_int_equal(INSTALL(&first, root, bundle), ERR_FAILED);
	assert_contains(told,
			"is a symbolic link, and none is followed there: make it a directory");
	assert_int_equal(UNINSTALL(&out, root), 0);
	assert_contains(out.buf, "stays: what is behind /etc/demo, which is no directory any more: "
				 "/etc/demo/demo.conf was not looked for there\n");
	assert_contains(out.buf, "stays: /etc/demo: it is no directory any more\n");
	assert_in_root(root, "etc/away/demo.conf", "node = node1\n", 0640);
	assert_int_equal(UNINSTALL(&out, root), ERR_USAGE);
	tree_drop(root);
}

static void data_stays_unless_it_is_named(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str second = STR_INIT;
	CLEANUP(str_release) struct str wrong = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-e.tar", names);
	root = installed_root(bundle, NULL);
	write_file(root, "etc/demo/data", "precious\n", 9, 0600);
	assert_int_equal(UNINSTALL(&wrong, root, "--remove-data", "/etc"), ERR_USAGE);
	assert_in_root(root, "etc/demo/demo.conf", "node = node1\n", 0640);
	assert_int_equal(UNINSTALL(&out, root), 0);
	assert_contains(out.buf, "stays: /etc/demo: it is not empty\n");
	assert_in_root(root, "etc/demo/data", "precious\n", 0600);
	tree_drop(root);
	root = installed_root(bundle, NULL);
	write_file(root, "etc/demo/data", "precious\n", 9, 0600);
	assert_int_equal(UNINSTALL(&second, root, "--remove-data", "/etc/demo"), 0);
	assert_in_root(root, "etc/demo", NULL, 0);
	tree_drop(root);
}

static void another_nodes_name_is_refused(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str none = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-f.tar", names);
	root = make_root();
	assert_int_equal(UNINSTALL(&none, root), ERR_USAGE);
	assert_in_root(root, "var", NULL, 0);
	tree_drop(root);
	root = installed_root(bundle, NULL);
	assert_int_equal(RUN(&out, "uninstall", "--node", "node2", "--root", root), ERR_USAGE);
	assert_in_root(root, "etc/demo/demo.conf", "node = node1\n", 0640);
	tree_drop(root);
}

static void a_package_that_another_one_needs_stays(void **state)
{
	static const char *const some[] = { "liba-1", "app-1", NULL };
	CLEANUP(strv_release) struct strv ours = STRV_INIT;
	CLEANUP(install_release) struct install in = { .root = NULL };
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	CLEANUP(strv_release) struct strv going = STRV_INIT;
	cleanup_free char *bundle = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-g.tar", some);
	root = installed_root(bundle, NULL);
	in.root = root;
	assert_ok(install_init(&in, &err));
	/* The library alone cannot go: the application needs it. */
	assert_ok(strv_add(&ours, "liba-1-1.noarch", &err));
	assert_ok(strv_add(&ours, "nothere-1-1.noarch", &err));
	assert_ok(plan_erasable(&in, &ours, &there, &going, &err));
	assert_int_equal(there.count, 1);
	assert_int_equal(going.count, 0);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_system_is_as_it_was_before),
		cmocka_unit_test(nothing_is_touched_where_packages_cannot_be_removed),
		cmocka_unit_test(one_that_was_interrupted_is_told_and_is_to_be_run_again),
		cmocka_unit_test(what_was_compiled_from_a_packages_sources_goes_with_them),
		cmocka_unit_test(what_was_compiled_from_somebodys_source_stays),
		cmocka_unit_test(it_can_be_installed_again),
		cmocka_unit_test(a_dry_run_says_it_and_changes_nothing),
		cmocka_unit_test(files_that_were_there_come_back_and_edited_ones_are_saved),
		cmocka_unit_test(what_is_behind_a_link_stays_and_is_told),
		cmocka_unit_test(data_stays_unless_it_is_named),
		cmocka_unit_test(another_nodes_name_is_refused),
		cmocka_unit_test(a_package_that_another_one_needs_stays),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
