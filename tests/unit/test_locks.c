/* SPDX-License-Identifier: Apache-2.0 */
/* What dnf's configuration on a machine holds, the installation leaves alone: the whole command. */
#include "installed.h"

#include "locks.h"

static const char *const first_names[] = { "liba-1", "app-1", "oldname-1", NULL };
static const char *const second_names[] = { "liba-2", "app-2", "newname-1", "needsnew-1", NULL };

#define VERSIONLOCK "etc/dnf/plugins/versionlock.list"
#define VERSIONLOCK_CONF "etc/dnf/plugins/versionlock.conf"
#define DNF_CONF "etc/dnf/dnf.conf"
#define PROTECTED "etc/dnf/protected.d/mine.conf"

/* A bundle whose service wants PACKAGES. */
static char *bundle_with(const char *name, const char *const *rpms_of_it, const char *packages)
{
	cleanup_free char *yaml = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&yaml, &err, "service: demo\nlayer: demo\npackages: [%s]%s", packages,
			     strstr(service, "packages: [app]") + strlen("packages: [app]")));
	return make_bundle_of(name, rpms_of_it, yaml, template);
}

static void put(const char *root, const char *path, const char *text, size_t len)
{
	cleanup_free char *whole = NULL;
	cleanup_free char *parent = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(root, path, &whole, &err));
	assert_ok(path_beside(whole, ".", &parent, &err));
	assert_ok(dir_make(parent, 0755, &err));
	assert_ok(file_write_atomic(whole, 0644, text, len, &err));
}

#define PLAN(out, root, bundle, ...)                                                             \
	RUN(out, "plan", "--node", "node1", "--root", root, "--bundle", bundle, "--ca", ca_path, \
	    "--passphrase-file", passphrase_path, ##__VA_ARGS__)

static void what_is_held_stays_or_the_plan_says_no(void **state)
{
	static const struct {
		const char *path, *text;
		bool app, both; /* whether app can go up, and needsnew, which takes liba along */
	} cases[] = {
		{ VERSIONLOCK, "\n# a comment\n", true, true },
		{ VERSIONLOCK, "app-0:1-1.*\n", false, true },
		{ VERSIONLOCK, "app-1-1.noarch # by whom\n", false, true },
		{ VERSIONLOCK, "a*-1-1\n", false, true },
		{ VERSIONLOCK, "app-0:2-1.*\n", true, true },
		{ VERSIONLOCK, "app-extra-0:1-1.*\n", true, true },
		{ VERSIONLOCK, "!app-2-1.noarch\n", false, true },
		{ VERSIONLOCK, "!app-1-1.noarch\n", true, true },
		{ VERSIONLOCK, "liba-0:1-1.*\n", true, false },
		{ DNF_CONF, "[main]\nexcludepkgs=nobody,\n  app\n", false, true },
		{ DNF_CONF, "[main]\nexclude = nobody liba*\n", true, false },
		{ DNF_CONF, "[main]\n#exclude=app\nbest=True\n liba\n", true, true },
		{ DNF_CONF, "[somewhere]\nexcludepkgs=app liba\n", true, true },
		{ DNF_CONF, "[main]\nprotected_packages=app liba\n", true, true },
	};
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *app = NULL;
	cleanup_free char *both = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_with("pgha-test-a.tar", first_names, "app, oldname");
	app = bundle_with("pgha-test-b.tar", second_names, "app");
	both = bundle_with("pgha-test-c.tar", second_names, "needsnew");
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *dnf = NULL;
		struct err err = ERR_INIT;

		put(root, cases[i].path, cases[i].text, strlen(cases[i].text));
		if (PLAN(&out, root, app) != (cases[i].app ? 0 : ERR_NETWORK) ||
		    PLAN(&out, root, both) != (cases[i].both ? 0 : ERR_NETWORK))
			fail_msg("case %zu", i);
		assert_ok(path_join(root, "etc/dnf", &dnf, &err));
		assert_ok(tree_remove(dnf, &err));
	}
	/* The plugin is switched off, or has its list elsewhere. */
	put(root, VERSIONLOCK, "app-0:1-1.*\n", 12);
	put(root, VERSIONLOCK_CONF, "[main]\nenabled = 0\n", 19);
	assert_int_equal(PLAN(&out, root, app), 0);
	put(root, VERSIONLOCK_CONF, "[main]\nenabled = 1\nlocklist = /etc/other\n", 41);
	assert_int_equal(PLAN(&out, root, app), 0);
	put(root, "etc/other", "app-0:1-1.*\n", 12);
	assert_int_equal(PLAN(&out, root, app), ERR_NETWORK);
	assert_int_equal(INSTALL(&out, root, app), ERR_NETWORK);
	assert_in_root(root, "opt/app", "app 1\n", 0);
	tree_drop(root);
}

static void what_is_protected_is_not_replaced_by_another_name(void **state)
{
	static const struct {
		const char *path, *text;
		int code;
	} cases[] = {
		{ PROTECTED, "# nothing\nother\n", 0 },
		{ PROTECTED, "old*\n", ERR_NETWORK },
		{ DNF_CONF, "[main]\nprotected_packages = oldname\n", ERR_NETWORK },
		{ VERSIONLOCK, "oldname-0:1-1.*\n", ERR_NETWORK },
	};
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *next = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_with("pgha-test-d.tar", first_names, "app, oldname");
	next = bundle_with("pgha-test-e.tar", second_names, "newname");
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *dnf = NULL;
		struct err err = ERR_INIT;

		put(root, cases[i].path, cases[i].text, strlen(cases[i].text));
		if (PLAN(&out, root, next) != cases[i].code)
			fail_msg("case %zu", i);
		assert_ok(path_join(root, "etc/dnf", &dnf, &err));
		assert_ok(tree_remove(dnf, &err));
	}
	tree_drop(root);
}

static void what_is_no_such_configuration_is_refused_and_not_followed(void **state)
{
	static const char nul[] = "app-\0-1\n";
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *big = calloc(1, (1U << 20) + 2);
	cleanup_free char *list = NULL;
	char stars[400] = "";
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-f.tar", first_names);
	root = make_root();
	assert_non_null(big);
	memset(big, 'a', (1U << 20) + 1);
	memset(stars, '*', 300);
	const struct {
		const char *text;
		size_t len;
		int code;
	} cases[] = {
		{ "", 0, 0 },
		{ "=\n!\n[\n!!\n\r\n", 11, 0 },
		{ nul, sizeof(nul) - 1, 0 },
		{ "app-\033[2J\n", 9, ERR_CONFIG },
		{ "\377\376\n", 3, ERR_CONFIG },
		{ stars, 300, ERR_CONFIG },
		{ "a*a*a*a*a*a*a*a*a*b\n", 20, ERR_CONFIG },
		{ big, (1U << 20) + 1, ERR_CONFIG },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(root, VERSIONLOCK, cases[i].text, cases[i].len);
		if (PLAN(&out, root, bundle) != cases[i].code)
			fail_msg("case %zu", i);
	}
	assert_ok(path_join(root, VERSIONLOCK, &list, &err));
	assert_int_equal(unlink(list), 0);
	assert_int_equal(symlink("/etc/hostname", list), 0);
	assert_int_equal(PLAN(&out, root, bundle), ERR_CONFIG);
	assert_int_equal(unlink(list), 0);
	assert_int_equal(mkfifo(list, 0600), 0);
	assert_int_equal(PLAN(&out, root, bundle), ERR_CONFIG);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_held_stays_or_the_plan_says_no),
		cmocka_unit_test(what_is_protected_is_not_replaced_by_another_name),
		cmocka_unit_test(what_is_no_such_configuration_is_refused_and_not_followed),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
