/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux's booleans and the types of ports: a policy store of files with scripts for its tools, which take and refuse what
 * setsebool(8) and semanage-port(8) do. No kernel enforces anything here.
 */
#include "steps_scene.h"

#include "leftover.h"
#include "selinux.h"

#define YAML SCENE_STAGING "manifests/services/toy/service.yaml"

static char root[] = "/tmp/pgha-selinux-XXXXXX";
static char *tools, *toy;

#define BEGIN                                           \
	"#!/bin/sh\n"                                   \
	"cd \"$(dirname \"$0\")/../store\" || exit 9\n" \
	"echo \"${0##*/} $*\" >>calls\n"

static const char selinuxenabled[] = BEGIN "[ -e on ]\n";

static const char getsebool[] = BEGIN "[ -e \"boolean.$1\" ] || exit 1\n"
				      "echo \"$1 --> $(cat \"boolean.$1\")\"\n";

static const char setsebool[] = BEGIN "[ \"$1\" = -P ] && [ -e \"boolean.$2\" ] || exit 1\n"
				      "echo \"$3\" >\"boolean.$2\"\n";

static const char semanage[] =
	BEGIN "[ \"$1\" = port ] || exit 2\n"
	      "known() { grep -qE \"tcp +([0-9, -]*, )?$1(,|\\$)\" local policy; }\n"
	      "drop() { sed -i \"/ tcp $1\\$/d\" local; }\n"
	      "case \"$2\" in\n"
	      "-l) [ \"$4\" = -C ] && cat local || cat local policy ;;\n"
	      "-a) known \"$7\" && exit 1; echo \"$4 tcp $7\" >>local ;;\n"
	      "-m) known \"$7\" || exit 1; drop \"$7\"; echo \"$4 tcp $7\" >>local ;;\n"
	      "-d) grep -q \" tcp $5\\$\" local || exit 1; drop \"$5\" ;;\n"
	      "*) exit 2 ;;\n"
	      "esac\n";

static void put_tool(const char *name, const char *text)
{
	cleanup_free char *path = NULL;
	cleanup_free char *full = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&path, &err, "tools/%s", name));
	scene_put(root, path, text);
	assert_ok(path_join(root, path, &full, &err));
	assert_int_equal(chmod(full, 0755), 0);
}

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(root));
	scene_stage(root, "toy", SCENE_TOY);
	toy = scene_get(root, YAML);
	put_tool("selinuxenabled", selinuxenabled);
	put_tool("getsebool", getsebool);
	put_tool("setsebool", setsebool);
	put_tool("semanage", semanage);
	scene_put(root, "store/calls", "");
	assert_ok(path_join(root, "tools", &tools, &err));
	return 0;
}

/* What the store has before a test, and what the service wants. */
static void begin(const char *local, const char *policy, const char *wanted)
{
	cleanup_free char *yaml = NULL;
	struct err err = ERR_INIT;

	selinux_tools = tools;
	assert_ok(str_printf(&yaml, &err, "%s\nselinux: %s\n", toy, wanted));
	scene_put(root, YAML, yaml);
	scene_put(root, "store/on", "");
	scene_put(root, "store/boolean.can_talk", "off\n");
	scene_put(root, "store/boolean.can_listen", "on\n");
	scene_put(root, "store/local", local);
	scene_put(root, "store/policy", policy);
}

static int end(void **state)
{
	cleanup_free char *record = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(path_join(root, "var/lib/pgha/record", &record, &err));
	return tree_remove(record, &err);
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	free(tools);
	free(toy);
	return tree_remove(root, &err);
}

static void assert_step(steps_scene_run step, uint64_t sequence, const char *expected)
{
	cleanup_free char *lines = steps_scene_do(root, step, sequence);

	assert_string_equal(lines, expected);
}

static void assert_store(const char *name, const char *expected)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&path, &err, "store/%s", name));
	text = scene_get(root, path);
	assert_non_null(text);
	assert_string_equal(text, expected);
}

#define BOOLEANS "{booleans: [can_talk, can_listen, unheard_of]}"
#define PORT "{ports: [{env: TOY_PORT, type: toy_port_t}]}"
#define GIVE "give port 4000/tcp the SELinux type toy_port_t\n"

static void where_selinux_is_off_nothing_is_told(void **state)
{
	cleanup_free char *on = NULL;
	struct err err = ERR_INIT;

	(void)state;
	begin("", "", BOOLEANS);
	assert_ok(path_join(root, "store/on", &on, &err));
	assert_int_equal(unlink(on), 0);
	assert_step(selinux_apply, 1, "");
	assert_store("boolean.can_talk", "off\n");
	selinux_tools = NULL;
	assert_step(selinux_apply, 1, ""); /* another root */
}

static void a_boolean_is_set_once_and_set_back(void **state)
{
	(void)state;
	begin("", "", BOOLEANS);
	assert_step(selinux_apply, 0, "set SELinux boolean can_talk on\n");
	assert_store("boolean.can_talk", "off\n");
	assert_step(selinux_apply, 1, "set SELinux boolean can_talk on\n");
	assert_store("boolean.can_talk", "on\n");
	assert_step(selinux_apply, 1, "");
	steps_scene_take_back(root, 0, "set SELinux boolean can_talk off\n");
	assert_store("boolean.can_talk", "off\n");
	assert_store("boolean.can_listen", "on\n");
	steps_scene_take_back(root, 0, "");
}

static void a_port_gets_its_type_and_the_policys_again(void **state)
{
	static const struct {
		const char *local, *policy, *line, *then;
	} cases[] = {
		{ "", "other_port_t tcp 4100\n", GIVE, "toy_port_t tcp 4000\n" },
		/* Within a wide entry of another type, and as an entry of its own. */
		{ "", "wide_port_t tcp 1024-32767\n", GIVE, "toy_port_t tcp 4000\n" },
		{ "", "other_port_t             tcp      4000, 4100-4200\n", GIVE,
		  "toy_port_t tcp 4000\n" },
		{ "other_port_t tcp 4000\n", "", GIVE, "toy_port_t tcp 4000\n" },
		{ "other_port_t tcp 4000\n", "toy_port_t tcp 4000\n", GIVE,
		  "toy_port_t tcp 4000\n" },
		{ "", "toy_port_t tcp 3990-4010\n", "", "" },
		{ "", "toy_port_t tcp 22, 4000\n", "", "" },
		{ "toy_port_t tcp 4000\n", "other_port_t tcp 4000\n", "", "toy_port_t tcp 4000\n" },
		{ "", "toy_port_t udp 4000\n", GIVE, "toy_port_t tcp 4000\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(cases[i].local, cases[i].policy, PORT);
		assert_step(selinux_apply, 1, cases[i].line);
		assert_store("local", cases[i].then);
		assert_step(selinux_apply, 1, "");
		if (*cases[i].line)
			steps_scene_take_back(
				root, 0,
				*cases[i].local
					? "give port 4000/tcp the SELinux type other_port_t\n"
					: "take the SELinux type toy_port_t from port 4000/tcp\n");
		assert_store("local", cases[i].local);
		assert_int_equal(end(state), 0);
	}
}

static void what_somebody_has_set_since_stays(void **state)
{
	(void)state;
	begin("", "", "{booleans: [can_talk], ports: [{env: TOY_PORT, type: toy_port_t}]}");
	assert_step(selinux_apply, 1, "set SELinux boolean can_talk on\n" GIVE);
	scene_put(root, "store/boolean.can_talk", "off\n");
	scene_put(root, "store/local", "mine_t tcp 4000\n");
	steps_scene_take_back(root, 0, "");
	assert_store("local", "mine_t tcp 4000\n");
}

/* The next bundle, its rollback, and an uninstallation. */
static void what_is_not_declared_any_more_is_taken_back_and_comes_again(void **state)
{
	static const char all[] =
		"{booleans: [can_talk], ports: [{env: TOY_PORT, type: toy_port_t}]}";

	(void)state;
	begin("", "", all);
	assert_step(selinux_apply, 1, "set SELinux boolean can_talk on\n" GIVE);
	assert_step(leftover_apply, 0, "");
	begin("toy_port_t tcp 4000\n", "", "{}");
	scene_put(root, "store/boolean.can_talk", "on\n");
	assert_step(leftover_apply, 0,
		    "set SELinux boolean can_talk off\n"
		    "take the SELinux type toy_port_t from port 4000/tcp\n");
	assert_store("boolean.can_talk", "on\n");
	assert_step(leftover_apply, 2,
		    "set SELinux boolean can_talk off\n"
		    "take the SELinux type toy_port_t from port 4000/tcp\n");
	assert_store("boolean.can_talk", "off\n");
	assert_store("local", "");
	assert_step(leftover_apply, 2, "");
	steps_scene_take_back(root, 2, GIVE "set SELinux boolean can_talk on\n");
	assert_store("boolean.can_talk", "on\n");
	assert_store("local", "toy_port_t tcp 4000\n");
}

/* On record, and killed before the store was told. */
static void what_was_noted_and_not_done_is_done(void **state)
{
	(void)state;
	begin("", "", BOOLEANS);
	assert_step(selinux_apply, 1, "set SELinux boolean can_talk on\n");
	begin("", "", "{}");
	scene_put(root, "store/boolean.can_talk", "on\n");
	assert_step(leftover_apply, 2, "set SELinux boolean can_talk off\n");
	scene_put(root, "store/boolean.can_talk", "on\n");
	assert_step(leftover_apply, 2, "set SELinux boolean can_talk off\n");
	assert_store("boolean.can_talk", "off\n");
}

static void tools_that_are_not_here_or_fail_are_said(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	begin("", "", PORT);
	assert_ok(path_join(root, "tools/semanage", &path, &err));
	assert_int_equal(unlink(path), 0);
	assert_ok(steps_scene_open(&s, root, &err));
	assert_fails(ERR_HOST, selinux_apply(s.setup, false, &changes, &err));
	assert_contains(err.msg, "policycoreutils-python-utils");
	put_tool("semanage", "#!/bin/sh\necho no store >&2\nexit 1\n");
	assert_fails(ERR_FAILED, selinux_apply(s.setup, false, &changes, &err));
	assert_contains(err.detail, "no store");
	put_tool("semanage", semanage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(where_selinux_is_off_nothing_is_told, end),
		cmocka_unit_test_teardown(a_boolean_is_set_once_and_set_back, end),
		cmocka_unit_test_teardown(a_port_gets_its_type_and_the_policys_again, end),
		cmocka_unit_test_teardown(what_somebody_has_set_since_stays, end),
		cmocka_unit_test_teardown(
			what_is_not_declared_any_more_is_taken_back_and_comes_again, end),
		cmocka_unit_test_teardown(what_was_noted_and_not_done_is_done, end),
		cmocka_unit_test_teardown(tools_that_are_not_here_or_fail_are_said, end),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
