/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps after the packages in a scratch root, with tests/data/services/toy. The root's account
 * files call us root and toy, so that the test needs no privilege.
 */
#include "scene.h"

#include <errno.h>
#include <sys/xattr.h>

#include "label.h"
#include "place.h"
#include "place_file.h"
#include "record.h"

static char root[] = "/tmp/pgha-place-XXXXXX";

static char *get(const char *path)
{
	return scene_get(root, path);
}

static mode_t mode_of(const char *path)
{
	cleanup_free char *whole = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(0, path_join(root, path, &whole, &err));
	assert_int_equal(0, lstat(whole, &st));
	return st.st_mode & 07777;
}

static void put_accounts(void)
{
	CLEANUP(str_release) struct str text = STR_INIT;

	str_addf(&text, "root:x:%d:%d::/:/bin/sh\ntoy:x:%d:%d::/:/bin/sh\n", (int)getuid(),
		 (int)getgid(), (int)getuid(), (int)getgid());
	scene_put(root, "etc/passwd", text.buf);
	str_reset(&text);
	str_addf(&text, "root:x:%d:\ntoy:x:%d:\ntoyfans:x:77:toy\n", (int)getgid(), (int)getgid());
	scene_put(root, "etc/group", text.buf);
}

static int make_root(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	put_accounts();
	scene_stage(root, "toy", SCENE_TOY);
	return 0;
}

static int remove_root(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(root, &err);
}

static int open_scene(struct scene *s, struct err *ret_err)
{
	struct err err = ERR_INIT;

	assert_ok(capsule_add_key(&s->capsule, "toy-server", "key\n", &err));
	assert_ok(capsule_add_env(&s->capsule, "TOY_PASSWORD", "it's secret", &err));
	return scene_open(s, root, root, ret_err);
}

/* All steps that need no running machine; the number of changes. */
static size_t run_steps(struct scene *s, bool apply, struct str *said)
{
	static int (*const steps[])(struct setup *, bool, struct strv *,
				    struct err *) = { place_accounts, place_directories,
						      place_certificates, place_files };
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i](s->setup, apply, &changes, &err) < 0)
			fail_msg("%s", err.msg);
	for (size_t i = 0; said && i < changes.count; i++)
		str_addf(said, "%s\n", changes.items[i]);
	return changes.count;
}

static void assert_context(const char *path, const char *expected)
{
	cleanup_free char *full = NULL;
	struct err err = ERR_INIT;
	char context[128] = "";
	ssize_t n = 0;

	assert_ok(path_join(root, path, &full, &err));
	n = lgetxattr(full, "security.selinux", context, sizeof(context) - 1);
	if (n < 0 && errno != ENODATA)
		fail_msg("%s: %s", path, strerror(errno));
	assert_string_equal(context, expected);
}

/* The contexts' own library looks them up, and they are kept without a kernel that enforces them. */
static void files_and_directories_get_the_contexts_of_the_policy(void **state)
{
	static const char *const made[] = { "etc/toy", "var/lib/toy", "etc/systemd" };
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	cleanup_free char *contexts = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		cleanup_free char *path = NULL;

		assert_ok(path_join(root, made[i], &path, &err));
		assert_ok(tree_remove(path, &err));
	}
	put_accounts();
	scene_put(root, "contexts",
		  "/etc/toy(/.*)? system_u:object_r:etc_t:s0\n"
		  "/etc/toy/tls/.*\\.key -- system_u:object_r:cert_t:s0\n"
		  "/var/lib/toy -d system_u:object_r:var_lib_t:s0\n"
		  "/var/lib/toy -- system_u:object_r:wrong_t:s0\n"
		  "/etc/systemd/system/.* <<none>>\n");
	assert_ok(path_join(root, "contexts", &contexts, &err));
	label_contexts = contexts;
	if (open_scene(&s, &err) != 0)
		fail_msg("%s", err.msg);
	label_contexts = NULL;
	if (!s.setup->label || geteuid() != 0)
		skip(); /* no libselinux here, or nobody who may set contexts */
	run_steps(&s, true, NULL);
	assert_context("etc/toy", "system_u:object_r:etc_t:s0");
	assert_context("etc/toy/toy.conf", "system_u:object_r:etc_t:s0");
	assert_context("etc/toy/tls/server.key", "system_u:object_r:cert_t:s0");
	assert_context("var/lib/toy", "system_u:object_r:var_lib_t:s0");
	assert_context("etc/systemd/system/toy.service", "");
}

static void a_tree_gets_the_contexts_of_the_policy(void **state)
{
	const struct install in = { .root = root };
	CLEANUP(label_freep) struct label *label = NULL;
	cleanup_free char *contexts = NULL;
	cleanup_free char *link = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(root, "contexts",
		  "/opt/venv(/.*)? system_u:object_r:usr_t:s0\n"
		  "/opt/venv/bin(/.*)? system_u:object_r:bin_t:s0\n");
	scene_put(root, "opt/venv/bin/tool", "#!/bin/sh\n");
	scene_put(root, "opt/venv/lib/module.py", "\n");
	scene_put(root, "outside", "\n");
	assert_ok(path_join(root, "opt/venv/lib/link", &link, &err));
	assert_int_equal(symlink("../../../outside", link), 0);
	assert_ok(path_join(root, "contexts", &contexts, &err));
	label_contexts = contexts;
	assert_ok(label_open(&in, &label, &err));
	label_contexts = NULL;
	if (!label || geteuid() != 0)
		skip();
	assert_ok(label_tree(label, &in, "/opt/venv", &err));
	assert_context("opt/venv", "system_u:object_r:usr_t:s0");
	assert_context("opt/venv/bin/tool", "system_u:object_r:bin_t:s0");
	assert_context("opt/venv/lib/module.py", "system_u:object_r:usr_t:s0");
	assert_context("opt/venv/lib/link", "system_u:object_r:usr_t:s0");
	assert_context("outside", "");
}

static void the_plan_says_everything_and_touches_nothing(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *present = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, open_scene(&s, &err));
	assert_int_equal(9, run_steps(&s, false, &said));
	assert_string_equal("create directory /etc/toy (0750 root:toy)\n"
			    "create directory /etc/toy/tls (0750 root:toy)\n"
			    "create directory /var/lib/toy (0700 toy:toy)\n"
			    "create file /etc/toy/tls/ca.crt (0644 root:root)\n"
			    "create file /etc/toy/tls/server.crt (0644 root:root)\n"
			    "create file /etc/toy/tls/server.key (0640 root:toy)\n"
			    "create file /etc/toy/tls/server.pem (0640 root:toy)\n"
			    "create file /etc/toy/toy.conf (0640 root:toy)\n"
			    "create file /etc/systemd/system/toy.service (0644 root:root)\n",
			    said.buf);
	assert_int_equal(SERVICE_RESTART, s.setup->services[0].wanted);
	present = get("etc/toy/toy.conf");
	assert_null(present);
	present = get("var/lib/pgha/changed/toy");
	assert_null(present);
}

static void a_second_run_changes_nothing(void **state)
{
	cleanup_free char *conf = NULL;
	cleanup_free char *pem = NULL;
	cleanup_free char *never = NULL;

	(void)state;
	for (int i = 0; i < 2; i++) {
		CLEANUP(scene_release) struct scene s = SCENE_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(0, open_scene(&s, &err));
		assert_int_equal(i ? 0 : 9, run_steps(&s, true, NULL));
	}
	conf = get("etc/toy/toy.conf");
	assert_string_equal("# of box\nCOLOUR='red'\nPASSWORD='it'\\''s secret'\nPORT=4000\n",
			    conf);
	pem = get("etc/toy/tls/server.pem");
	assert_string_equal("certificate\nkey\n", pem);
	assert_int_equal(0640, mode_of("etc/toy/tls/server.pem"));
	assert_int_equal(0640, mode_of("etc/toy/tls/server.key"));
	assert_int_equal(0644, mode_of("etc/toy/tls/server.crt"));
	assert_int_equal(0750, mode_of("etc/toy"));
	assert_int_equal(0755, mode_of("etc/systemd"));
	never = get("etc/toy/never.conf");
	assert_null(never);
}

static void what_the_units_need_survives_a_killed_run(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	cleanup_free char *mark = get("var/lib/pgha/changed/toy");
	struct err err = ERR_INIT;

	(void)state;
	/* The runs before never came to the units. */
	assert_string_equal("restart", mark);
	assert_int_equal(0, open_scene(&s, &err));
	assert_int_equal(SERVICE_RESTART, s.setup->services[0].wanted);
	assert_true(s.setup->units_changed);
	assert_int_equal(0, setup_done(s.setup, &s.setup->services[0], &err));
	assert_int_equal(0, setup_reload_done(s.setup, &err));
	cleanup_freep(&mark);
	mark = get("var/lib/pgha/changed/toy");
	assert_null(mark);
}

static void a_changed_file_is_put_right_and_its_previous_version_kept(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *previous = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(root, "etc/toy/toy.conf", "edited\n");
	assert_int_equal(0, open_scene(&s, &err));
	assert_int_equal(0, str_printf(&path, &err, "%s/etc/toy/tls/server.key", root));
	assert_int_equal(0, chmod(path, 0644));
	assert_int_equal(2, run_steps(&s, true, &said));
	assert_string_equal("change file /etc/toy/tls/server.key (0640 root:toy)\n"
			    "change file /etc/toy/toy.conf (0640 root:toy)\n",
			    said.buf);
	assert_int_equal(SERVICE_RELOAD, s.setup->services[0].wanted);
	assert_int_equal(0640, mode_of("etc/toy/tls/server.key"));
	previous = get("var/lib/pgha/previous/etc/toy/toy.conf");
	assert_string_equal("edited\n", previous);
	assert_int_equal(0600, mode_of("var/lib/pgha/previous/etc/toy/toy.conf"));
	assert_int_equal(0, run_steps(&s, true, NULL));
}

static void no_symbolic_link_is_followed(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	cleanup_free char *conf = NULL;
	cleanup_free char *dir = NULL;
	cleanup_free char *aside = NULL;
	cleanup_free char *victim = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(root, "victim/toy.conf", "precious\n");
	assert_int_equal(0, open_scene(&s, &err));
	assert_int_equal(0, str_printf(&conf, &err, "%s/etc/toy/toy.conf", root));
	assert_int_equal(0, unlink(conf));
	assert_int_equal(0, symlink("../../victim/toy.conf", conf));
	assert_int_equal(1, run_steps(&s, true, NULL)); /* the link itself is replaced */
	victim = get("victim/toy.conf");
	assert_string_equal("precious\n", victim);

	assert_int_equal(0, str_printf(&dir, &err, "%s/etc/toy", root));
	assert_int_equal(0, str_printf(&aside, &err, "%s/etc/aside", root));
	assert_int_equal(0, rename(dir, aside));
	assert_int_equal(0, symlink("../victim", dir));
	assert_int_equal(-ERR_FAILED, place_directories(s.setup, true, &changes, &err));
	assert_int_equal(-ERR_FAILED, place_files(s.setup, true, &changes, &err));
	cleanup_freep(&victim);
	victim = get("victim/toy.conf");
	assert_string_equal("precious\n", victim);
	assert_int_equal(0, unlink(dir));
	assert_int_equal(0, rename(aside, dir));
}

static void an_owner_who_is_not_there_is_an_error_only_when_it_matters(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(root, "etc/group", "root:x:0:\n");
	assert_int_equal(0, open_scene(&s, &err));
	assert_int_equal(0, place_directories(s.setup, false, &changes, &err));
	assert_int_equal(3, changes.count);
	assert_int_equal(-ERR_FAILED, place_directories(s.setup, true, &changes, &err));
	assert_string_equal("'/etc/toy': there is no group 'toy' on this node", err.msg);
	scene_put(root, "etc/passwd", "root:x:0:0::/:/bin/sh\n");
	strv_release(&changes);
	assert_int_equal(0, place_accounts(s.setup, false, &changes, &err));
	assert_int_equal(4, changes.count);
	assert_string_equal("create group toyfans", changes.items[0]);
	assert_string_equal("create group toy", changes.items[1]);
	assert_string_equal("create user toy", changes.items[2]);
	assert_string_equal("add user toy to group toyfans", changes.items[3]);
	put_accounts();
}

static void a_missing_key_or_secret_stops_before_anything_changes(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, open_scene(&s, &err));
	capsule_release(&s.capsule);
	assert_int_equal(-ERR_CONFIG, place_certificates(s.setup, false, &changes, &err));
	assert_non_null(strstr(err.msg, "the node's capsule holds no key 'toy-server'"));
	setup_free(s.setup);
	s.setup = NULL;
	assert_int_equal(-ERR_CONFIG, setup_new(&s.in, &s.setup, &err));
	assert_string_equal("variable 'TOY_PASSWORD' is not set: service 'toy' needs it", err.msg);
}

static void a_path_that_is_wanted_twice_and_differently_is_refused(void **state)
{
	static const struct {
		const char *yaml, *message; /* NULL: fine */
	} cases[] = {
		{ "directories: [{path: /etc/toy, owner: root, group: toy, mode: '0750'}]\n",
		  NULL },
		{ "directories: [{path: /etc/toy, owner: root, group: toy, mode: '0755'}]\n",
		  "service 'other': '/etc/toy' is wanted twice on this node, and differently" },
		{ "files: [{template: t, dest: /etc/toy/toy.conf, owner: root, group: toy,\n"
		  "  mode: '0640'}]\n",
		  "service 'other': '/etc/toy/toy.conf' is wanted twice on this node, and "
		  "differently" },
		{ "files: [{template: t, dest: /etc/toy/never.conf, owner: root, group: toy,\n"
		  "  mode: '0640', when: 'true'}]\n",
		  NULL },
	};
	cleanup_free char *topology = scene_get(root, SCENE_STAGING "manifests/topology.yaml");
	cleanup_free char *extra = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(root, SCENE_STAGING "manifests/services/other/templates/t", "x\n");
	scene_put(
		root, SCENE_STAGING "manifests/topology.yaml",
		"nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [toy, other]}]\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(scene_release) struct scene s = SCENE_INIT;
		cleanup_free char *yaml = NULL;

		assert_ok(str_printf(&yaml, &err, "service: other\nlayer: l\n%s", cases[i].yaml));
		scene_put(root, SCENE_STAGING "manifests/services/other/service.yaml", yaml);
		assert_int_equal(cases[i].message ? -ERR_CONFIG : 0, open_scene(&s, &err));
		if (cases[i].message)
			assert_string_equal(cases[i].message, err.msg);
	}
	scene_put(root, SCENE_STAGING "manifests/topology.yaml", topology);
	assert_ok(str_printf(&extra, &err, "%s/" SCENE_STAGING "manifests/services/other", root));
	assert_ok(tree_remove(extra, &err));
}

static void packages_are_what_the_services_of_the_node_want(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, open_scene(&s, &err));
	assert_int_equal(0, setup_packages(s.setup, &names, &err));
	assert_int_equal(2, names.count);
	assert_string_equal("toy3.12", names.items[0]);
	assert_string_equal("toybox", names.items[1]);
}

static void each_directory_on_the_way_is_recorded_once(void **state)
{
	static const char *const expected[] = { "/new", "/new/on", "/new/on/the-way" };
	CLEANUP(record_entries_release) struct record_entries all = RECORD_ENTRIES_INIT;
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct record *record = NULL;
	cleanup_close int fd = -1;
	const char *name = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(open_scene(&s, &err));
	assert_ok(record_open(&s.in, 77, &record, &err));
	s.in.record = record;
	assert_ok(place_open_parent(s.setup, "/new/on/the-way/file", true, &fd, &name, &err));
	s.in.record = NULL;
	record_free(record);
	assert_ok(record_load(&s.in, &all, &err));
	assert_int_equal(ARRAY_SIZE(expected), all.count);
	for (size_t i = 0; i < all.count; i++)
		assert_string_equal(expected[i], all.items[i].object);
	assert_ok(record_remove_all(&s.in, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_says_everything_and_touches_nothing),
		cmocka_unit_test(a_second_run_changes_nothing),
		cmocka_unit_test(what_the_units_need_survives_a_killed_run),
		cmocka_unit_test(a_changed_file_is_put_right_and_its_previous_version_kept),
		cmocka_unit_test(no_symbolic_link_is_followed),
		cmocka_unit_test(an_owner_who_is_not_there_is_an_error_only_when_it_matters),
		cmocka_unit_test(a_missing_key_or_secret_stops_before_anything_changes),
		cmocka_unit_test(a_path_that_is_wanted_twice_and_differently_is_refused),
		cmocka_unit_test(packages_are_what_the_services_of_the_node_want),
		cmocka_unit_test(each_directory_on_the_way_is_recorded_once),
		cmocka_unit_test(files_and_directories_get_the_contexts_of_the_policy),
		cmocka_unit_test(a_tree_gets_the_contexts_of_the_policy),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
