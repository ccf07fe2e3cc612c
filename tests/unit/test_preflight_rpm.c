/* SPDX-License-Identifier: Apache-2.0 */
/* Machines that are not fit, as the whole command sees them, and what real packages bring and want. */
#include "scene.h"

#include "installed.h"
#include "preflight.h"

/* The service as always, with MORE lines and other packages; the bundle as DIR/NAME. */
static char *bundle_with(const char *name, const char *packages, const char *more,
			 const char *const *names)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;
	const char *rest = strstr(service, "packages: [app]") + strlen("packages: [app]");
	char *path = NULL;

	assert_ok(str_printf(&text, &err, "service: demo\nlayer: demo\npackages: [%s]%s%s",
			     packages, rest, more));
	assert_ok(keys_open(keys_dir, &keys, &err));
	add_repo(&pack, names);
	add_text(&pack, "manifests/topology.yaml", topology);
	add_text(&pack, "manifests/services/demo/service.yaml", text);
	add_text(&pack, "manifests/services/demo/templates/demo.conf", template);
	add_text(&pack, "wheels/requirements.lock", "a==1\n");
	add_node(&pack, &keys, "node1");
	add_node(&pack, &keys, "node2");
	put_path(&path, name);
	deliver_as(&pack, &keys, path);
	return path;
}

static char *unfit_root(void)
{
	char *root = make_root();

	scene_put(root, "etc/os-release", "PRETTY_NAME=\"Old 7\"\nPLATFORM_ID=\"platform:el7\"\n");
	scene_put(root, "etc/hosts", "10.0.0.9 node2.test\n");
	return root;
}

static void an_unfit_machine_is_told_everything_at_once_and_left_alone(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str dry = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str json = STR_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-unfit-a.tar", names);
	root = unfit_root();
	tree_list(root, &before);
	assert_int_equal(INSTALL(&dry, root, bundle, "--dry-run"), ERR_HOST);
	tree_list(root, &after);
	assert_string_equal(before.buf, after.buf);
	assert_string_equal(dry.buf, "");
	assert_int_equal(INSTALL(&out, root, bundle), ERR_HOST);
	assert_in_root(root, "opt", NULL, 0);
	assert_in_root(root, "etc/demo", NULL, 0);
	assert_in_root(root, "var/lib/pgha/journal", NULL, 0);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
	assert_int_equal(INSTALL(&json, root, bundle, "--json", "--ignore-preflight", "os"),
			 ERR_HOST);
	one_line(&json);
	assert_contains(json.buf,
			"{\"name\": \"os\", \"kind\": \"ignored\", \"text\": \"'Old 7' is "
			"platform:el7, the bundle is for platform:el8");
	assert_contains(json.buf, "{\"name\": \"hosts\", \"kind\": \"problem\", \"text\": "
				  "\"/etc/hosts says that 'node2.test' is 10.0.0.9");
	tree_drop(root);
}

static void what_is_ignored_by_name_is_on_record(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str wrong = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-unfit-b.tar", names);
	root = unfit_root();
	assert_int_equal(INSTALL(&wrong, root, bundle, "--ignore-preflight", "host"), ERR_USAGE);
	assert_int_equal(INSTALL(&out, root, bundle, "--ignore-preflight", "os",
				 "--ignore-preflight", "hosts"),
			 0);
	assert_contains(out.buf, "install app-1-1.noarch\n");
	assert_in_root(root, "var/lib/pgha/journal", " ignored os 'Old 7' is platform:el7", 0600);
	assert_in_root(root, "var/lib/pgha/journal", " ignored hosts /etc/hosts says", 0600);
	assert_in_root(root, "var/lib/pgha/journal", "end preflight 11 checks, 2 problems ignored",
		       0600);
	tree_drop(root);
}

static void a_package_in_the_way_is_named(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", "extra-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str refused = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	first = bundle_with("pgha-unfit-c.tar", "extra", "", names);
	second = bundle_with("pgha-unfit-d.tar", "app",
			     "preflight: {conflicts: [nothing, extra]}\n", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, first), 0);
	assert_int_equal(INSTALL(&refused, root, second, "--json"), ERR_HOST);
	one_line(&refused);
	assert_contains(refused.buf, "{\"name\": \"packages\", \"kind\": \"problem\", \"text\": "
				     "\"'extra-1-1.noarch' is in the way of service 'demo'");
	assert_in_root(root, "opt/app", NULL, 0);
	assert_int_equal(INSTALL(&again, root, second, "--ignore-preflight", "packages"), 0);
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	tree_drop(root);
}

static void an_interpreter_may_come_with_the_packages(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	static const struct {
		const char *file, *venv;
		int code;
	} cases[] = {
		{ "pgha-unfit-e.tar", "venv: {path: /opt/v, python: /opt/app}\n", 0 },
		{ "pgha-unfit-f.tar", "venv: {path: /opt/v, python: /opt/extra}\n", ERR_HOST },
	};

	(void)state;
	if (!usable)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		cleanup_free char *bundle = bundle_with(cases[i].file, "app", cases[i].venv, names);
		char *root = make_root();

		assert_int_equal(INSTALL(&out, root, bundle, "--dry-run", "--json"), cases[i].code);
		if (cases[i].code)
			assert_contains(out.buf, "'/opt/extra' is neither here nor in a package");
		tree_drop(root);
	}
}

/* Without a solution the machine's own problems come first, and they are told with it. */
static void packages_that_do_not_fit_do_not_hide_the_rest(void **state)
{
	static const char *const names[] = { "broken-1", NULL };
	CLEANUP(str_release) struct str alone = STR_INIT;
	CLEANUP(str_release) struct str both = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = bundle_with("pgha-unfit-g.tar", "broken", "", names);
	root = unfit_root();
	assert_int_equal(INSTALL(&both, root, bundle), ERR_HOST);
	assert_int_equal(INSTALL(&alone, root, bundle, "--ignore-preflight", "os",
				 "--ignore-preflight", "hosts"),
			 ERR_NETWORK);
	tree_drop(root);
}

/* --- room ----------------------------------------------------------------------------------- */

#define BLOCK (UINT64_C(1) << 20)

static uint64_t free_bytes;

static int give_space(const char *path, struct preflight_space *ret, struct err *err)
{
	(void)path;
	(void)err;
	*ret = (struct preflight_space){ .device = 1,
					 .free_bytes = free_bytes,
					 .block_bytes = BLOCK,
					 .free_files = 3,
					 .counts_files = true };
	return 0;
}

static size_t ask_room(struct scene *s, const struct plan *plan, struct str *said)
{
	const struct preflight_source source = {
		.proc = "/proc", .sys = "/sys", .run = "/run", .space = give_space
	};
	static const char *const ignore[] = { "certificates", "arch", NULL };
	struct preflight p = PREFLIGHT_INIT;
	struct err err = ERR_INIT;
	size_t problems = 0;

	assert_ok(preflight_run(&source, s->setup, plan, ignore, &p, &err));
	for (size_t i = 0; i < p.count; i++)
		if (p.items[i].kind == PREFLIGHT_PROBLEM)
			str_addf(said, "%s: %s\n", p.items[i].name, p.items[i].text);
	str_add(said, "");
	problems = preflight_count(&p, PREFLIGHT_PROBLEM);
	preflight_release(&p);
	return problems;
}

/* liba-2 has two files of a block each, and the database grows. */
static void packages_need_what_their_files_take_in_blocks(void **state)
{
	static const char *const names[] = { "liba-2", "app-2", NULL };
	struct plan_package packages[] = {
		{ .nevra = (char *)"liba-2-1.noarch",
		  .file = (char *)"repo/Packages/liba-2-1.noarch.rpm" },
		{ .nevra = (char *)"app-2-1.noarch",
		  .file = (char *)"repo/Packages/app-2-1.noarch.rpm" },
	};
	struct plan plan = { .packages = packages, .count = 1 };
	CLEANUP(str_release) struct str enough = STR_INIT;
	CLEANUP(str_release) struct str less = STR_INIT;
	CLEANUP(str_release) struct str three = STR_INIT;
	struct scene s = SCENE_INIT;
	cleanup_free char *pem = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	root = make_root();
	assert_ok(str_printf(&s.in.staging, &err, "%s/" SCENE_STAGING, root));
	rpms_stage(&rpms, &s.in, names);
	install_release(&s.in);
	scene_put(root, SCENE_STAGING "manifests/services/demo/service.yaml",
		  "service: demo\nlayer: l\npackages: [liba]\n");
	scene_put(root, SCENE_STAGING "manifests/topology.yaml",
		  "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [demo]}]\n");
	assert_ok(file_read(ca_path, 0, ERR_FAILED, &pem, NULL, &err));
	scene_put(root, "ca.crt", pem);
	assert_ok(scene_open(&s, root, root, &err));
	free_bytes = 2 * BLOCK + 65536;
	if (ask_room(&s, &plan, &enough) != 0)
		fail_msg("%s", enough.buf);
	free_bytes--;
	assert_int_equal(ask_room(&s, &plan, &less), 1);
	assert_contains(less.buf,
			"disk: 1 MiB are missing on the file system of '/': 2 MiB are free, 3 "
			"MiB are needed (3 MiB for packages)");
	plan.count = 2;
	free_bytes = 100 * BLOCK;
	assert_int_equal(ask_room(&s, &plan, &three), 0);
	packages[0].file = packages[1].file = (char *)"repo/Packages/liba-2-1.noarch.rpm";
	assert_int_equal(ask_room(&s, &plan, &three), 1);
	assert_contains(three.buf, "can take 3 files more, the packages have 4");
	scene_release(&s);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unfit_machine_is_told_everything_at_once_and_left_alone),
		cmocka_unit_test(what_is_ignored_by_name_is_on_record),
		cmocka_unit_test(a_package_in_the_way_is_named),
		cmocka_unit_test(an_interpreter_may_come_with_the_packages),
		cmocka_unit_test(packages_that_do_not_fit_do_not_hide_the_rest),
		cmocka_unit_test(packages_need_what_their_files_take_in_blocks),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
