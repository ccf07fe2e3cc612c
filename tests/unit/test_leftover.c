/* SPDX-License-Identifier: Apache-2.0 */
/* Files that somebody has changed, and what the next bundle does not want any more: the whole command. */
#include "installed.h"

static const char *const names[] = { "liba-1", "app-1", NULL };

static const char head[] = "service: demo\nlayer: demo\npackages: [app]\n"
			   "env:\n  - {name: DEMO_PASSWORD, secret: true}\n"
			   "ports:\n  - {env: DEMO_PORT, default: 1234}\n";

#define FILE_AT(path, more)                                                                       \
	"  - {template: demo.conf, dest: " path ", owner: root, group: root, mode: \"0640\"" more \
	"}\n"

static const char text_1[] = "port = {{env.DEMO_PORT}}\npassword = {{env.DEMO_PASSWORD}}\n";
static const char text_2[] =
	"port = {{env.DEMO_PORT}}\npassword = {{env.DEMO_PASSWORD}}\nnew = 1\n";

static char *bundle_of(const char *name, const char *rest, const char *text)
{
	cleanup_free char *yaml = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&yaml, &err, "%s%s", head, rest));
	return make_bundle_of(name, names, yaml, text);
}

#define PLAN(out, root, bundle, ...)                                                             \
	RUN(out, "plan", "--node", "node1", "--root", root, "--bundle", bundle, "--ca", ca_path, \
	    "--passphrase-file", passphrase_path, ##__VA_ARGS__)

static void put(const char *root, const char *path, const char *text)
{
	write_file(root, path, text, strlen(text), 0640);
}

/* What the run says, and that another one says nothing more but what it KEEPS. */
static void install_twice(const char *root, const char *bundle, const char *says, const char *keeps)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	CLEANUP(str_release) struct str expected = STR_INIT;

	assert_int_equal(INSTALL(&out, root, bundle), 0);
	str_addf(&expected, "%s%s", says, keeps);
	assert_string_equal(expected.buf, out.buf);
	str_reset(&expected);
	str_addf(&expected, "node1: nothing to do\n%s", keeps);
	assert_int_equal(INSTALL(&again, root, bundle), 0);
	assert_string_equal(expected.buf, again.buf);
}

static void what_somebody_changed_stays_with_the_new_one_beside_until_told(void **state)
{
	static const char files[] = "files:\n" FILE_AT("/etc/demo.conf", "");
	static const char kept[] = "kept /etc/demo.conf, which was changed by hand "
				   "('--take-ours' replaces it)\n";
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str plan = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	cleanup_free char *third = NULL;
	cleanup_free char *beside = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_of("pgha-test-a.tar", files, text_1);
	second = bundle_of("pgha-test-b.tar", files, text_2);
	third = bundle_of("pgha-test-c.tar", files, text_2);
	root = make_root();
	/* Not ours: it is replaced, and kept as always. */
	put(root, "etc/demo.conf", "a package's\n");
	assert_int_equal(INSTALL(&out, root, first), 0);
	assert_in_root(root, "etc/demo.conf", "port = 1234\npassword = s3cret\n", 0640);
	assert_in_root(root, "var/lib/pgha/previous/etc/demo.conf", "a package's\n", 0);
	put(root, "etc/demo.conf", "port = 99\npassword = s3cret\n");
	/* The bundle has nothing new for it. */
	install_twice(root, first, "node1: nothing to do\n", kept);
	assert_in_root(root, "etc/demo.conf.pgha-new", NULL, 0);
	assert_int_equal(PLAN(&plan, root, second), 0);
	assert_contains(plan.buf,
			"files\n  create file /etc/demo.conf.pgha-new (0640 root:root)\n");
	assert_contains(plan.buf, "kept, as changed by hand\n  keep file /etc/demo.conf\n"
				  "    --- /etc/demo.conf\n    +++ /etc/demo.conf\n"
				  "    @@ -1,2 +1,3 @@\n    -port = 99\n    +port = 1234\n"
				  "     password = ********\n    +new = 1\n");
	install_twice(root, second, "create file /etc/demo.conf.pgha-new (0640 root:root)\n", kept);
	assert_in_root(root, "etc/demo.conf", "port = 99\n", 0640);
	assert_in_root(root, "etc/demo.conf.pgha-new", "new = 1\n", 0640);
	/* Who has read it may remove it: it does not come again, and is no drift. */
	assert_ok(path_join(root, "etc/demo.conf.pgha-new", &beside, &err));
	assert_int_equal(unlink(beside), 0);
	install_twice(root, third, "node1: nothing to do\n", kept);
	str_reset(&out);
	assert_int_equal(RUN(&out, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(out.buf, "1 not as installed\n  /etc/demo.conf: changed\n");
	assert_int_equal(INSTALL(&out, root, third, "--take-ours", "/etc/demo.cnf"), ERR_USAGE);
	assert_int_equal(INSTALL(&out, root, third, "--take-ours", "/etc/demo.conf"), 0);
	assert_in_root(root, "etc/demo.conf", "port = 1234\n", 0640);
	assert_int_equal(RUN(&out, "status", "--root", root), 0);
	tree_drop(root);
}

static void it_can_stay_without_the_new_one_and_a_merged_one_is_done(void **state)
{
	static const char files[] = "files:\n" FILE_AT("/etc/demo.conf", "");
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_of("pgha-test-d.tar", files, text_1);
	second = bundle_of("pgha-test-e.tar", files, text_2);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first), 0);
	put(root, "etc/demo.conf", "mine\n");
	assert_int_equal(INSTALL(&out, root, second, "--keep-theirs", "all"), 0);
	assert_in_root(root, "etc/demo.conf.pgha-new", NULL, 0);
	assert_in_root(root, "etc/demo.conf", "mine\n", 0640);
	assert_int_equal(INSTALL(&out, root, second), 0);
	assert_in_root(root, "etc/demo.conf.pgha-new", "new = 1\n", 0640);
	/* The administrator has taken it over by hand. */
	put(root, "etc/demo.conf", "port = 1234\npassword = s3cret\nnew = 1\n");
	install_twice(root, second, "remove /etc/demo.conf.pgha-new\n", "");
	assert_in_root(root, "etc/demo.conf.pgha-new", NULL, 0);
	tree_drop(root);
}

static void a_key_is_not_replaced_beside_a_certificate_that_stays(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str plan = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = make_bundle("pgha-test-f.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first), 0);
	put(root, "etc/demo/server.crt", "our company's\n");
	put(root, "etc/demo/server.key", "and its key\n");
	second = make_bundle("pgha-test-g.tar", names);
	assert_int_equal(PLAN(&plan, root, second), 0);
	assert_contains(plan.buf, "keep file /etc/demo/server.crt\n");
	assert_contains(plan.buf, "keep file /etc/demo/server.key\n"
				  "    (a private key is not shown)\n");
	assert_contains(plan.buf, "narrow file /etc/demo/server.key (mode 0640 to 0600)\n");
	assert_int_equal(INSTALL(&out, root, second), 0);
	assert_contains(out.buf, "narrow file /etc/demo/server.key (mode 0640 to 0600)\n");
	assert_null(strstr(out.buf, "narrow file /etc/demo/server.crt"));
	assert_in_root(root, "etc/demo/server.crt", "our company's\n", 0);
	assert_in_root(root, "etc/demo/server.key", "and its key\n", 0600);
	tree_drop(root);
}

static void what_a_bundle_does_not_declare_any_more_is_taken_back(void **state)
{
	static const char all[] = "directories:\n"
				  "  - {path: /etc/old, owner: root, group: root, mode: \"0750\"}\n"
				  "files:\n" FILE_AT("/etc/demo.conf", "")
					  FILE_AT("/etc/old/a.conf", "") FILE_AT("/etc/b.conf", "");
	static const char less[] = "files:\n" FILE_AT("/etc/demo.conf", "")
		FILE_AT("/etc/b.conf", ", when: \"false\"");
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	CLEANUP(str_release) struct str gone = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	cleanup_free char *before = NULL;
	cleanup_free char *between = NULL;
	cleanup_free char *restored = NULL;
	cleanup_free char *after = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_of("pgha-test-h.tar", all, text_1);
	second = bundle_of("pgha-test-i.tar", less, text_1);
	root = make_root();
	put(root, "etc/b.conf", "a package's\n");
	before = listing_without(root, "/var");
	assert_int_equal(INSTALL(&out, root, first), 0);
	between = listing_without(root, "/var/lib/pgha");
	install_twice(root, second,
		      "remove /etc/old/a.conf\nrestore /etc/b.conf\nremove directory /etc/old\n",
		      "");
	assert_in_root(root, "etc/old", NULL, 0);
	assert_in_root(root, "etc/b.conf", "a package's\n", 0640);
	str_reset(&out);
	assert_int_equal(RUN(&out, "status", "--root", root), 0);
	/* Both ways back are as they would have been. */
	assert_int_equal(RUN(&back, "rollback", "--node", "node1", "--root", root), 0);
	restored = listing_without(root, "/var/lib/pgha");
	assert_string_equal(between, restored);
	assert_int_equal(INSTALL(&out, root, second), 0);
	assert_int_equal(RUN(&gone, "uninstall", "--node", "node1", "--root", root), 0);
	after = listing_without(root, "/var");
	assert_string_equal(before, after);
	tree_drop(root);
}

static void what_was_changed_by_hand_is_not_taken_back_either(void **state)
{
	static const char all[] =
		"files:\n" FILE_AT("/etc/demo.conf", "") FILE_AT("/etc/old/a.conf", "");
	static const char less[] = "files:\n" FILE_AT("/etc/demo.conf", "");
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str plan = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_of("pgha-test-j.tar", all, text_1);
	second = bundle_of("pgha-test-k.tar", less, text_1);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first), 0);
	put(root, "etc/old/a.conf", "mine\n");
	assert_int_equal(PLAN(&plan, root, second), 0);
	assert_contains(plan.buf,
			"kept, as changed by hand\n"
			"  keep file /etc/old/a.conf (the bundle does not want it any more)\n");
	install_twice(
		root, second, "node1: nothing to do\n",
		"kept /etc/old/a.conf, which was changed by hand ('--take-ours' replaces it)\n");
	assert_in_root(root, "etc/old/a.conf", "mine\n", 0);
	str_reset(&out);
	assert_int_equal(INSTALL(&out, root, second, "--take-ours", "/etc/old/a.conf"), 0);
	assert_contains(out.buf, "remove /etc/old/a.conf\nremove directory /etc/old\n");
	assert_in_root(root, "etc/old", NULL, 0);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_somebody_changed_stays_with_the_new_one_beside_until_told),
		cmocka_unit_test(it_can_stay_without_the_new_one_and_a_merged_one_is_done),
		cmocka_unit_test(a_key_is_not_replaced_beside_a_certificate_that_stays),
		cmocka_unit_test(what_a_bundle_does_not_declare_any_more_is_taken_back),
		cmocka_unit_test(what_was_changed_by_hand_is_not_taken_back_either),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
