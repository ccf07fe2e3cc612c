/* SPDX-License-Identifier: Apache-2.0 */
/* Back to the bundle before, and out of an installation that failed: real RPMs, no system manager. */
#include "installed.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include "label.h"
#include "record.h"

/* Of linux/fs.h, which does not go together with an older sys/mount.h. */
#define GET_FLAGS _IOR('f', 1, long)
#define SET_FLAGS _IOW('f', 2, long)
#define IMMUTABLE 0x10

static const char *const first_names[] = { "liba-1", "app-1", NULL };
static const char *const second_names[] = { "liba-2", "app-2", "extra-1", NULL };

static char *first, *second;

#define ROLLBACK(out, root, ...) \
	RUN(out, "rollback", "--node", "node1", "--root", root, ##__VA_ARGS__)
#define UNINSTALL(out, root) RUN(out, "uninstall", "--node", "node1", "--root", root)

/* What stays by promise: the journal and the logs. */
static char *listing(const char *root)
{
	return listing_without(root, "/var/lib/pgha");
}

static void assert_in_journal(const char *root, const char *text)
{
	cleanup_free char *path = NULL;
	cleanup_free char *journal = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(root, "var/lib/pgha/journal", &path, &err));
	assert_ok(file_read(path, 0, ERR_FAILED, &journal, NULL, &err));
	assert_contains(journal, text);
}

static char *installed_root(void)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = make_root();

	if (!first)
		first = make_bundle("pgha-test-a.tar", first_names);
	if (!second)
		second = make_bundle("pgha-test-b.tar", second_names);
	assert_int_equal(INSTALL(&out, root, first), 0);
	return root;
}

static void assert_status(const char *root, const char *sequence)
{
	CLEANUP(str_release) struct str out = STR_INIT;

	assert_int_equal(RUN(&out, "status", "--root", root), 0);
	assert_contains(out.buf, sequence);
}

static void the_bundle_before_is_back(void **state)
{
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str dry = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	CLEANUP(str_release) struct str none = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	cleanup_free char *before = NULL;
	cleanup_free char *between = NULL;
	cleanup_free char *still = NULL;
	cleanup_free char *after = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	before = listing(root);
	assert_int_equal(INSTALL(&up, root, second), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	between = listing(root);
	assert_int_equal(ROLLBACK(&dry, root, "--dry-run"), 0);
	still = listing(root);
	assert_string_equal(between, still);
	assert_int_equal(ROLLBACK(&back, root, "--unguarded"), 0);
	assert_in_journal(root, "begin unguarded");
	assert_string_equal(dry.buf, back.buf);
	assert_contains(back.buf, "put back app-1-1.noarch\n");
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	after = listing(root);
	assert_string_equal(before, after);
	assert_status(root, "sequence      1\n");
	/* The first bundle is uninstalled, not rolled back. */
	assert_int_equal(ROLLBACK(&none, root), ERR_USAGE);
	assert_int_equal(INSTALL(&again, root, second), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	assert_status(root, "sequence      2\n");
	tree_drop(root);
}

/* Of a file that no manifest declares. */
static void what_librpm_put_beside_goes_with_the_bundle_that_brought_it(void **state)
{
	static const char *const names[][5] = { { "liba-1", "app-1", "conf-1", NULL },
						{ "liba-2", "app-2", "conf-2", "extra-1", NULL } };
	static const char wants_app[] = "packages: [app]";
	cleanup_free char *text = NULL;
	char *bundles[2] = { NULL, NULL };
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	assert_ok(str_printf(&text, &err, "service: demo\nlayer: demo\npackages: [app, conf]%s",
			     strstr(service, wants_app) + strlen(wants_app)));
	bundles[0] = make_bundle_of("pgha-test-r1.tar", names[0], text, template);
	bundles[1] = make_bundle_of("pgha-test-r2.tar", names[1], text, template);
	for (int edited = 0; edited < 2; edited++) {
		CLEANUP(str_release) struct str in = STR_INIT;
		CLEANUP(str_release) struct str up = STR_INIT;
		CLEANUP(str_release) struct str again = STR_INIT;
		CLEANUP(str_release) struct str out = STR_INIT;
		cleanup_free char *before = NULL;
		cleanup_free char *after = NULL;
		char *root = make_root();

		assert_int_equal(INSTALL(&in, root, bundles[0]), 0);
		write_file(root, "etc/conf.conf", "mine\n", 5, 0644);
		before = listing(root);
		assert_int_equal(INSTALL(&up, root, bundles[1]), 0);
		assert_in_root(root, "etc/conf.conf.rpmnew", "default 2\n", 0644);
		assert_int_equal(INSTALL(&again, root, bundles[1]), 0);
		assert_contains(again.buf, "nothing to do");
		/* What somebody has begun to merge is his. */
		if (edited) {
			write_file(root, "etc/conf.conf.rpmnew", "merging\n", 8, 0644);
			assert_int_equal(UNINSTALL(&out, root), 0);
			assert_in_root(root, "etc/conf.conf.rpmnew", "merging\n", 0644);
		} else {
			assert_int_equal(ROLLBACK(&out, root), 0);
			assert_contains(out.buf, "remove /etc/conf.conf.rpmnew\n");
			after = listing(root);
			assert_string_equal(before, after);
			assert_in_root(root, "etc/conf.conf", "mine\n", 0644);
		}
		tree_drop(root);
	}
	free(bundles[0]);
	free(bundles[1]);
}

/* As chattr +i and -i; false where the file system has no such thing. */
static bool set_immutable(const char *path, bool on)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags = 0;

	assert_true(fd >= 0);
	if (ioctl(fd, GET_FLAGS, &flags) < 0)
		return false;
	flags = on ? flags | IMMUTABLE : flags & ~IMMUTABLE;
	return ioctl(fd, SET_FLAGS, &flags) == 0;
}

static bool set_read_only(const char *path, bool on)
{
	if (!on)
		return umount(path) == 0;
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(path, path, NULL, MS_BIND, NULL) == 0 &&
	       mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0;
}

/* The code of the preflight, which finds the same before an installation. */
static void a_machine_that_cannot_be_written_to_is_unfit(void **state)
{
	static bool (*const set[])(const char *path, bool on) = { set_immutable, set_read_only };
	CLEANUP(str_release) struct str up = STR_INIT;
	cleanup_free char *between = NULL;
	cleanup_free char *opt = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;
	size_t tried = 0;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	assert_int_equal(INSTALL(&up, root, second), 0);
	between = listing(root);
	assert_ok(path_join(root, "opt", &opt, &err));
	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		CLEANUP(str_release) struct str refused = STR_INIT;
		cleanup_free char *still = NULL;
		int code = 0;

		if (!set[i](opt, true))
			continue;
		code = ROLLBACK(&refused, root);
		assert_true(set[i](opt, false));
		assert_int_equal(code, ERR_HOST);
		assert_contains(told, "cannot write in '");
		still = listing(root);
		assert_string_equal(between, still);
		tried++;
	}
	tree_drop(root);
	if (!tried)
		skip();
}

/* As a run leaves it that is killed before the commit. */
static void an_installation_that_failed_is_undone(void **state)
{
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	cleanup_free char *committed = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	size_t size = 0;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	before = listing(root);
	assert_ok(path_join(root, "var/lib/pgha/committed", &path, &err));
	assert_ok(file_read(path, 0, ERR_FAILED, &committed, &size, &err));
	assert_int_equal(INSTALL(&up, root, second), 0);
	write_file(root, "var/lib/pgha/committed", committed, size, 0600);
	assert_int_equal(ROLLBACK(&back, root), 0);
	after = listing(root);
	assert_string_equal(before, after);
	assert_status(root, "sequence      1\n");
	tree_drop(root);
}

/* As a run leaves it that is killed before librpm has begun. */
static void a_transaction_that_never_ran_needs_no_way_back(void **state)
{
	CLEANUP(str_release) struct str back = STR_INIT;
	struct install in = { .root = NULL };
	struct record *record = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	in.root = root;
	assert_ok(install_init(&in, &err));
	assert_ok(record_open(&in, 2, &record, &err));
	assert_ok(record_add(record, RECORD_PACKAGE, "app", "app-1-1.noarch", "app-2-1.noarch",
			     &err));
	record_free(record);
	install_release(&in);
	write_file(root, "var/lib/pgha/packages", "app-2-1.noarch\n", 15, 0600);
	assert_int_equal(ROLLBACK(&back, root), 0);
	assert_status(root, "sequence      1\n");
	tree_drop(root);
}

/* Nothing is half taken back. */
/* It fails when everything but its end is done; FOR_GOOD: so does what ends it for the installation that follows. */
static void go_forward_again(const char *root, const char *bundle, const char *committed,
			     bool for_good)
{
	CLEANUP(str_release) struct str plan = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;

	assert_int_equal(ROLLBACK(&out, root), ERR_FAILED);
	assert_in_root(root, "etc/demo/demo.conf", "port = 1234\n", 0640);
	assert_int_equal(RUN(&out, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(told, "the rollback was interrupted, or failed");
	if (!for_good)
		assert_true(set_immutable(committed, false));
	/* The kept bundle has it. */
	assert_int_equal(INSTALL(&plan, root, bundle, "--dry-run"), 0);
	assert_null(strstr(plan.buf, "app-1-1.noarch goes"));
	str_reset(&out);
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	assert_true(set_immutable(committed, false));
	/* What the rollback has put back is nobody's change. */
	assert_null(strstr(out.buf, "changed by hand"));
	assert_in_root(root, "etc/demo/demo.conf", "new = 1\n", 0640);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	assert_int_equal(RUN(&out, "status", "--root", root), 0);
}

static void after_a_rollback_that_failed_both_ways_are_open(void **state)
{
	static const char text_2[] = "node = {{node.name}}\nnew = 1\n";
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *other = NULL;
	cleanup_free char *committed = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	other = make_bundle_of("pgha-test-c.tar", second_names, service, text_2);
	assert_ok(path_join(root, "var/lib/pgha/committed", &committed, &err));
	assert_int_equal(INSTALL(&out, root, other), 0);
	for (size_t i = 0; i < 2 && set_immutable(committed, true); i++)
		go_forward_again(root, other, committed, i == 0);
	if (set_immutable(committed, true)) {
		assert_int_equal(ROLLBACK(&out, root), ERR_FAILED);
		assert_true(set_immutable(committed, false));
	}
	assert_int_equal(ROLLBACK(&out, root), 0);
	assert_in_root(root, "etc/demo/demo.conf", "port = 1234\n", 0640);
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	assert_int_equal(RUN(&out, "status", "--root", root), 0);
	tree_drop(root);
}

static void what_librpm_would_refuse_is_refused_before_a_file_is_touched(void **state)
{
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	struct install in = { .root = NULL };
	struct record *record = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	assert_int_equal(INSTALL(&up, root, second), 0);
	in.root = root;
	assert_ok(install_init(&in, &err));
	assert_ok(record_open(&in, 2, &record, &err));
	/* The application stays, and needs it. */
	assert_ok(record_remove(&in, 2, &err));
	record_free(record);
	assert_ok(record_open(&in, 2, &record, &err));
	assert_ok(record_add(record, RECORD_PACKAGE, "liba", "-", "liba-2-1.noarch", &err));
	assert_ok(record_add(record, RECORD_PACKAGE, "liba", "-", "liba-1-1.noarch", &err));
	assert_ok(record_add(record, RECORD_FILE, "/etc/demo/demo.conf", "-", "0640:0:0", &err));
	record_free(record);
	install_release(&in);
	assert_int_equal(ROLLBACK(&back, root), ERR_FAILED);
	assert_in_root(root, "etc/demo/demo.conf", "node = node1\n", 0640);
	tree_drop(root);
}

static void a_former_version_that_is_not_kept_stays_and_is_told(void **state)
{
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	struct install in = { .root = NULL };
	struct record *record = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	assert_int_equal(INSTALL(&up, root, second), 0);
	in.root = root;
	assert_ok(install_init(&in, &err));
	assert_ok(record_open(&in, 2, &record, &err));
	assert_ok(record_add(record, RECORD_PACKAGE, "old", "old-1-1.noarch", "old-2-1.noarch",
			     &err));
	record_free(record);
	install_release(&in);
	assert_int_equal(ROLLBACK(&back, root), 0);
	assert_contains(back.buf, "stays: the package that replaced old-1-1.noarch");
	tree_drop(root);
}

static void a_password_that_the_cluster_holds_is_not_taken_back(void **state)
{
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	struct install in = { .root = NULL };
	struct record *record = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	assert_int_equal(INSTALL(&up, root, second), 0);
	in.root = root;
	assert_ok(install_init(&in, &err));
	assert_ok(record_open(&in, 2, &record, &err));
	assert_ok(record_add(record, RECORD_HELD, "DEMO_PASSWORD", "old", "new", &err));
	record_free(record);
	install_release(&in);
	assert_int_equal(ROLLBACK(&back, root), ERR_CONFIG);
	assert_in_root(root, "opt/app", "app 2\n", 0644);
	tree_drop(root);
}

/* A kept file changes, whose place must then be named. */
static void spoil(const char *root, const char *name)
{
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&path, &err, "%s/var/lib/pgha/bundles/1/%s", root, name));
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\n", 1), 1);
}

static void a_kept_bundle_that_has_changed_is_not_used(void **state)
{
	static const char *const names[] = { "index.yaml", "index.yaml.p7s",
					     "manifests/topology.yaml",
					     "repo/Packages/app-1-1.noarch.rpm" };

	(void)state;
	if (!usable)
		skip();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CLEANUP(str_release) struct str up = STR_INIT;
		CLEANUP(str_release) struct str back = STR_INIT;
		cleanup_free char *before = NULL;
		cleanup_free char *after = NULL;
		char *root = installed_root();

		assert_int_equal(INSTALL(&up, root, second), 0);
		spoil(root, names[i]);
		before = listing(root);
		assert_int_equal(ROLLBACK(&back, root), ERR_VERIFY);
		after = listing(root);
		assert_string_equal(before, after);
		tree_drop(root);
	}
}

static void what_is_put_back_gets_the_context_of_the_policy(void **state)
{
	static const char expected[] = "system_u:object_r:etc_t:s0";
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	CLEANUP(label_freep) struct label *label = NULL;
	const struct install in = { .root = "/" };
	cleanup_free char *contexts = NULL;
	cleanup_free char *other = NULL;
	cleanup_free char *file = NULL;
	struct err err = ERR_INIT;
	char context[128] = "";
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	other = make_bundle_of("pgha-test-c.tar", second_names, service, "other\n");
	assert_int_equal(INSTALL(&up, root, other), 0);
	write_file(root, "contexts", "/etc/demo(/.*)? system_u:object_r:etc_t:s0\n", 43, 0644);
	assert_ok(path_join(root, "contexts", &contexts, &err));
	assert_ok(path_join(root, "etc/demo/demo.conf", &file, &err));
	label_contexts = contexts;
	assert_ok(label_open(&in, &label, &err));
	assert_int_equal(ROLLBACK(&back, root), 0);
	label_contexts = NULL;
	assert_contains(back.buf, "restore /etc/demo/demo.conf\n");
	if (!label)
		skip(); /* no libselinux here */
	assert_true(lgetxattr(file, "security.selinux", context, sizeof(context) - 1) > 0);
	assert_string_equal(context, expected);
	tree_drop(root);
}

/* Its packages may be gone: that is no state to go back to. */
static void a_bundle_that_was_half_uninstalled_does_not_come_back(void **state)
{
	CLEANUP(str_release) struct str up = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	write_file(root, "var/lib/pgha/undone", "begun\nfiles\n", 12, 0600);
	assert_int_equal(INSTALL(&up, root, second), 0);
	assert_int_equal(ROLLBACK(&back, root), ERR_USAGE);
	assert_contains(told, "is the first that this machine knows");
	assert_status(root, "sequence      2\n");
	tree_drop(root);
}

static void without_an_installation_there_is_nothing_to_take_back(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = make_root();

	(void)state;
	assert_int_equal(ROLLBACK(&out, root), ERR_USAGE);
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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bundle_before_is_back),
		cmocka_unit_test(what_librpm_put_beside_goes_with_the_bundle_that_brought_it),
		cmocka_unit_test(a_machine_that_cannot_be_written_to_is_unfit),
		cmocka_unit_test(an_installation_that_failed_is_undone),
		cmocka_unit_test(a_transaction_that_never_ran_needs_no_way_back),
		cmocka_unit_test(after_a_rollback_that_failed_both_ways_are_open),
		cmocka_unit_test(what_librpm_would_refuse_is_refused_before_a_file_is_touched),
		cmocka_unit_test(a_former_version_that_is_not_kept_stays_and_is_told),
		cmocka_unit_test(a_password_that_the_cluster_holds_is_not_taken_back),
		cmocka_unit_test(a_kept_bundle_that_has_changed_is_not_used),
		cmocka_unit_test(what_is_put_back_gets_the_context_of_the_policy),
		cmocka_unit_test(a_bundle_that_was_half_uninstalled_does_not_come_back),
		cmocka_unit_test(without_an_installation_there_is_nothing_to_take_back),
	};

	return cmocka_run_group_tests(tests, make_all, release);
}
