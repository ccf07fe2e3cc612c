/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of an installed root that was changed since: real RPMs, no system manager. */
#include "installed.h"

#include "rpmtx.h"

static const char *const names[] = { "liba-1", "app-1", NULL };

static char *bundle;

static char *installed_root(void)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = make_root();

	if (!bundle)
		bundle = make_bundle("pgha-test-a.tar", names);
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	return root;
}

static void what_was_not_changed_is_as_installed(void **state)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	before = listing_without(root, NULL);
	assert_int_equal(RUN(&out, "status", "--root", root), 0);
	assert_string_equal(out.buf, "cluster       test\n"
				     "node          node1\n"
				     "sequence      1\n"
				     "packages      2\n"
				     "directories   1\n"
				     "files         4\n");
	after = listing_without(root, NULL);
	assert_string_equal(before, after);
	tree_drop(root);
}

static void erase(const char *root, const char *nevra)
{
	CLEANUP(install_release) struct install in = { .root = root };
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(install_init(&in, &err));
	assert_ok(strv_add(&list, nevra, &err));
	assert_ok(rpmtx_back(&in, &list, NULL, NULL, false, NULL, &err));
}

static void every_difference_is_told_by_name(void **state)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(str_release) struct str json = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	CLEANUP(str_release) struct str mended = STR_INIT;
	cleanup_free char *etc = NULL;
	cleanup_free char *key = NULL;
	cleanup_free char *cert = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	assert_ok(path_join(root, "etc/demo", &etc, &err));
	assert_ok(path_join(etc, "server.key", &key, &err));
	assert_ok(path_join(etc, "server.crt", &cert, &err));
	write_file(root, "etc/demo/demo.conf", "by hand\n", 8, 0640);
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(chmod(etc, 0755), 0);
	assert_int_equal(unlink(cert), 0);
	erase(root, "app-1-1.noarch");
	assert_int_equal(RUN(&text, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(text.buf, "packages      2, 1 not as installed\n  app: not there\n"
				  "directories   1, 1 not as installed\n"
				  "  /etc/demo: other owner or mode\n"
				  "files         4, 3 not as installed\n");
	assert_contains(text.buf, "  /etc/demo/demo.conf: changed\n");
	assert_contains(text.buf, "  /etc/demo/server.key: other owner or mode\n");
	assert_contains(text.buf, "  /etc/demo/server.crt: not there\n");
	assert_int_equal(RUN(&json, "status", "--json", "--root", root), ERR_UNHEALTHY);
	assert_contains(json.buf, "\"object\": \"app\"");
	assert_contains(json.buf, "\"found\": null");
	/* No secret, nor anything of a file's content, is told. */
	assert_null(strstr(json.buf, "s3cret"));
	/* All but the file: somebody may have had a reason. */
	assert_int_equal(INSTALL(&again, root, bundle), 0);
	assert_contains(again.buf, "kept /etc/demo/demo.conf, which was changed by hand");
	assert_int_equal(RUN(&mended, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(mended.buf, "files         4, 1 not as installed\n"
				    "  /etc/demo/demo.conf: changed\n");
	assert_int_equal(INSTALL(&again, root, bundle, "--take-ours", "/etc/demo/demo.conf"), 0);
	assert_int_equal(RUN(&mended, "status", "--root", root), 0);
	tree_drop(root);
}

static void what_an_interrupted_run_left_is_told(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = installed_root();
	write_file(root, "var/lib/pgha/packages", "app-1-1.noarch\n", 15, 0600);
	assert_int_equal(RUN(&out, "status", "--root", root), ERR_UNHEALTHY);
	assert_contains(out.buf, "unfinished    the transaction of 1 package\n");
	tree_drop(root);
}

static void a_machine_without_installation_says_so(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	char *root = make_root();

	(void)state;
	assert_int_equal(RUN(&out, "status", "--root", root), ERR_USAGE);
	assert_string_equal(out.buf, "");
	tree_drop(root);
}

static int release(void **state)
{
	free(bundle);
	return release_all(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_changed_is_as_installed),
		cmocka_unit_test(every_difference_is_told_by_name),
		cmocka_unit_test(what_an_interrupted_run_left_is_told),
		cmocka_unit_test(a_machine_without_installation_says_so),
	};

	return cmocka_run_group_tests(tests, make_all, release);
}
