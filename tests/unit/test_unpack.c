/* SPDX-License-Identifier: Apache-2.0 */
/* What librpm leaves when it is killed, or when what comes after it fails: of a real package, in a root without its database. */
#include "scene.h"

#include "../../installer/unpack.h" /* the bundler has one too */
#include "plan.h"
#include "proc.h"

#define STATE "var/lib/pgha/"
#define FILE_NAME "conf-1-1.noarch.rpm"

static const char spec[] =
	"Name: conf\nVersion: 1\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n"
	"AutoReqProv: no\n%define __os_install_post %{nil}\n%description\ntest\n"
	"%install\nmkdir -p %{buildroot}/opt/conf %{buildroot}/etc\n"
	"echo 1 >%{buildroot}/opt/conf/one\necho 2 >%{buildroot}/opt/conf/two\n"
	"echo 3 >%{buildroot}/etc/conf.conf\n"
	"%files\n/opt/conf\n%config(noreplace) /etc/conf.conf\n%ghost /opt/conf/data\n";

static char root[] = "/tmp/pgha-unpack-XXXXXX";
static struct install in;
static bool usable;
static char rpm[] = FILE_NAME;
static char nevra[] = "conf-1-1.noarch";
static struct plan_package package = { .action = PLAN_INSTALL, .nevra = nevra, .file = rpm };
static const struct plan plan = { .packages = &package, .count = 1 };

static void build(void)
{
	cleanup_free char *top = NULL;
	cleanup_free char *dir = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	scene_put(root, "build/conf.spec", spec);
	assert_ok(str_printf(&top, &err, "_topdir %s/build/top", root));
	assert_ok(str_printf(&dir, &err, "_rpmdir %s/" SCENE_STAGING, root));
	assert_ok(str_printf(&path, &err, "%s/build/conf.spec", root));
	const char *argv[] = { "rpmbuild",
			       "-bb",
			       "--quiet",
			       "--define",
			       top,
			       "--define",
			       dir,
			       "--define",
			       "_rpmfilename " FILE_NAME,
			       "--define",
			       "_build_name_fmt " FILE_NAME,
			       path,
			       NULL };
	const struct proc proc = { .argv = argv, .timeout_ms = 120000 };

	assert_ok(proc_check(&proc, NULL, &err));
	assert_true(scene_has(root, SCENE_STAGING FILE_NAME));
}

static int begin(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	usable = geteuid() == 0 && access("/usr/bin/rpmbuild", X_OK) == 0;
	assert_non_null(mkdtemp(root));
	in = (struct install){ .node = "box", .root = root };
	assert_ok(install_init(&in, &err));
	scene_put(root, SCENE_STAGING "x", "");
	if (usable)
		build();
	return 0;
}

static int end(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	install_release(&in);
	assert_ok(tree_remove(root, &err));
	return 0;
}

/* Everything but what was staged. */
static void clear(void)
{
	static const char *const names[] = { "opt", "etc", STATE "unpacking" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = NULL;

		assert_ok(path_join(root, names[i], &path, &err));
		assert_ok(tree_remove(path, &err));
	}
}

static void what_was_not_renamed_goes_and_nothing_that_looks_like_it(void **state)
{
	static const struct {
		const char *path;
		bool stays;
	} cases[] = {
		{ "opt/conf/one;6b020dad", false },  { "opt/conf/one", true },
		{ "opt/conf/other;6b020dad", true }, { "opt/conf/one;6b020da", true },
		{ "opt/conf/one;6b020dadx", true },  { "etc/conf.conf;0123abcd", false },
		{ "opt/other/one;6b020dad", true },
	};
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	clear();
	assert_ok(unpack_begin(&in, &plan, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		scene_put(root, cases[i].path, "x");
	assert_ok(unpack_clean(&in, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (scene_has(root, cases[i].path) != cases[i].stays)
			fail_msg("'%s' %s", cases[i].path, cases[i].stays ? "is gone" : "stays");
}

static void what_was_new_is_taken_back_and_what_was_there_is_not(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	clear();
	scene_put(root, "etc/conf.conf", "mine\n");
	scene_put(root, "opt/conf/mine", "x");
	assert_ok(unpack_begin(&in, &plan, &err));
	scene_put(root, "opt/conf/one", "1\n");
	scene_put(root, "opt/conf/two;6b020dad", "2\n");
	scene_put(root, "opt/conf/data", "somebody's");
	scene_put(root, "etc/conf.conf.rpmnew", "3\n");
	/* Killed, and begun again: it stays new. */
	assert_ok(unpack_begin(&in, &plan, &err));
	assert_ok(unpack_take_back(&in, &err));
	assert_false(scene_has(root, "opt/conf/one"));
	assert_false(scene_has(root, "opt/conf/two;6b020dad"));
	assert_false(scene_has(root, "etc/conf.conf.rpmnew"));
	assert_true(scene_has(root, "etc/conf.conf"));
	assert_true(scene_has(root, "opt/conf/mine"));
	assert_true(scene_has(root, "opt/conf/data"));
	assert_ok(unpack_end(&in, &err));
	assert_false(scene_has(root, STATE "unpacking"));
}

static void a_directory_that_is_empty_then_goes_with_its_files(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	clear();
	assert_ok(unpack_begin(&in, &plan, &err));
	scene_put(root, "opt/conf/one", "1\n");
	assert_ok(unpack_take_back(&in, &err));
	assert_false(scene_has(root, "opt/conf"));
}

static void without_a_transaction_nothing_is_touched(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	clear();
	scene_put(root, "opt/conf/one;6b020dad", "x");
	assert_ok(unpack_clean(&in, &err));
	assert_ok(unpack_take_back(&in, &err));
	assert_ok(unpack_end(&in, &err));
	assert_true(scene_has(root, "opt/conf/one;6b020dad"));
}

/* A service declares the one, of the other nobody has said anything; a third is kept as it was changed by hand, and one was
 * there before. */
static void a_default_goes_from_beside_what_is_declared_alone(void **state)
{
	static const struct {
		bool declared, kept, before, stays;
	} cases[] = { { true, false, false, false },
		      { false, false, false, true },
		      { true, true, false, true },
		      { true, false, true, true } };
	struct service_file file = { .dest = (char *)"/etc/conf.conf" };
	struct err err = ERR_INIT;

	(void)state;
	if (!usable)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service service = { .name = (char *)"svc" };
		struct setup_service one = { .service = &service };
		struct setup setup = { .in = &in, .services = &one, .count = 1 };

		clear();
		service.files.items = &file;
		service.files.count = cases[i].declared;
		if (cases[i].kept)
			assert_ok(strv_add(&setup.kept, "/etc/conf.conf", &err));
		scene_put(root, "etc/conf.conf", "mine\n");
		if (cases[i].before)
			scene_put(root, "etc/conf.conf.rpmnew", "of another time\n");
		assert_ok(unpack_begin(&in, &plan, &err));
		scene_put(root, "etc/conf.conf.rpmnew", "3\n");
		assert_ok(unpack_settle_defaults(&setup, &err));
		assert_int_equal(scene_has(root, "etc/conf.conf.rpmnew"), cases[i].stays);
		assert_true(scene_has(root, "etc/conf.conf"));
		strv_release(&setup.kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_renamed_goes_and_nothing_that_looks_like_it),
		cmocka_unit_test(what_was_new_is_taken_back_and_what_was_there_is_not),
		cmocka_unit_test(a_directory_that_is_empty_then_goes_with_its_files),
		cmocka_unit_test(without_a_transaction_nothing_is_touched),
		cmocka_unit_test(a_default_goes_from_beside_what_is_declared_alone),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
