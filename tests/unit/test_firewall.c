/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's own settings: ports and the kernel's. A script stands in for firewall-cmd, with its options and
 * exit statuses (firewall-cmd(1)); a directory for /proc/sys.
 */
#include "steps_scene.h"

#include "firewall.h"
#include "leftover.h"
#include "place.h"
#include "sysctl.h"

static char root[] = "/tmp/pgha-firewall-XXXXXX";
static char *program, *kernel;

static const char stand_in[] = "#!/bin/sh\n"
			       "cd \"$(dirname \"$0\")\" || exit 9\n"
			       "echo \"$*\" >>calls\n"
			       "list=now\n"
			       "[ \"$1\" != --permanent ] || { list=permanent; shift; }\n"
			       "touch \"$list\"\n"
			       "case $1 in\n"
			       "--state) [ -e running ] || exit 252 ;;\n"
			       "--query-port=*) grep -qx \"${1#*=}\" \"$list\" ;;\n"
			       "--add-port=*) echo \"${1#*=}\" >>\"$list\" ;;\n"
			       "--remove-port=*) sed -i \"\\\\,^${1#*=}$,d\" \"$list\" ;;\n"
			       "*) exit 2 ;;\n"
			       "esac\n";

static void chmod_in(const char *path, mode_t mode)
{
	cleanup_free char *full = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(root, path, &full, &err));
	assert_int_equal(chmod(full, mode), 0);
}

static int set_up(void **state)
{
	CLEANUP(str_release) struct str accounts = STR_INIT;
	CLEANUP(str_release) struct str groups = STR_INIT;
	cleanup_free char *yaml = NULL;
	cleanup_free char *more = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(root));
	scene_stage(root, "toy", SCENE_TOY);
	yaml = scene_get(root, SCENE_STAGING "manifests/services/toy/service.yaml");
	assert_ok(str_printf(
		&more, &err,
		"%s\nsysctl: {vm.overcommit_memory: 2, net/ipv4/conf/eth0.1/forwarding: 1, "
		"net.ipv4.ip_local_port_range: 1000  2000}\n",
		yaml));
	scene_put(root, SCENE_STAGING "manifests/services/toy/service.yaml", more);
	str_addf(&accounts, "root:x:%d:%d::/:/bin/sh\ntoy:x:%d:%d::/:/bin/sh\n", (int)getuid(),
		 (int)getgid(), (int)getuid(), (int)getgid());
	str_addf(&groups, "root:x:%d:\ntoy:x:%d:\ntoyfans:x:77:toy\n", (int)getgid(),
		 (int)getgid());
	scene_put(root, "etc/passwd", accounts.buf);
	scene_put(root, "etc/group", groups.buf);
	scene_put(root, "fw/firewall-cmd", stand_in);
	chmod_in("fw/firewall-cmd", 0755);
	scene_put(root, "kernel/vm/overcommit_memory", "0\n");
	scene_put(root, "kernel/net/ipv4/conf/eth0.1/forwarding", "1\n");
	scene_put(root, "kernel/net/ipv4/ip_local_port_range", "1000\t2000\n");
	assert_ok(path_join(root, "fw/firewall-cmd", &program, &err));
	assert_ok(path_join(root, "kernel", &kernel, &err));
	firewall_program = program;
	sysctl_kernel = kernel;
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	free(program);
	free(kernel);
	return tree_remove(root, &err);
}

static char *run_step(steps_scene_run step, bool apply)
{
	return steps_scene_do(root, step, apply);
}

static void assert_step(steps_scene_run step, bool apply, const char *expected)
{
	cleanup_free char *lines = run_step(step, apply);

	assert_string_equal(lines, expected);
}

static void assert_text(const char *path, const char *expected)
{
	cleanup_free char *text = scene_get(root, path);

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void without_a_running_firewall_nothing_is_asked_of_it(void **state)
{
	(void)state;
	assert_step(firewall_apply, true, "");
	assert_text("fw/calls", "--state\n");
	firewall_program = "/nonexistent/firewall-cmd";
	assert_step(firewall_apply, true, "");
	firewall_program = program;
}

static void closed_ports_are_opened_and_closed_again_and_no_others(void **state)
{
	(void)state;
	scene_put(root, "fw/running", "");
	scene_put(root, "fw/permanent", "22/tcp\n");
	scene_put(root, "fw/now", "22/tcp\n");
	assert_step(firewall_apply, false, "open port 4000/tcp\n");
	assert_text("fw/now", "22/tcp\n");
	assert_step(firewall_apply, true, "open port 4000/tcp\n");
	assert_text("fw/now", "22/tcp\n4000/tcp\n");
	assert_text("fw/permanent", "22/tcp\n4000/tcp\n");
	assert_step(firewall_apply, true, "");
	steps_scene_take_back(root, 0, "close port 4000/tcp\n");
	assert_text("fw/now", "22/tcp\n");
	assert_text("fw/permanent", "22/tcp\n");
	steps_scene_take_back(root, 0, "");
}

static void the_kernel_is_set_and_gets_back_what_it_had(void **state)
{
	(void)state;
	assert_step(sysctl_apply, false, "set vm.overcommit_memory to 2 (from 0)\n");
	assert_text("kernel/vm/overcommit_memory", "0\n");
	assert_step(sysctl_apply, true, "set vm.overcommit_memory to 2 (from 0)\n");
	assert_text("kernel/vm/overcommit_memory", "2");
	assert_step(sysctl_apply, true, "");
	steps_scene_take_back(root, 0, "set vm.overcommit_memory to 0 (from 2)\n");
	assert_text("kernel/vm/overcommit_memory", "0");
	/* What somebody else has set since stays. */
	assert_step(sysctl_apply, true, "set vm.overcommit_memory to 2 (from 0)\n");
	scene_put(root, "kernel/vm/overcommit_memory", "1\n");
	steps_scene_take_back(root, 0, "");
}

/* Of a bundle whose service listens no more and has nothing to set. */
static void what_is_not_declared_any_more_is_taken_back(void **state)
{
	static const char yaml_path[] = SCENE_STAGING "manifests/services/toy/service.yaml";
	static const char lines[] = "close port 4000/tcp\n"
				    "set vm.overcommit_memory to 0 (from 2)\n";
	cleanup_free char *yaml = scene_get(root, yaml_path);
	static const char port[] = "default: 4000}";
	char *sysctl = strstr(yaml, "\nsysctl:");
	char *at = strstr(yaml, port);
	cleanup_free char *less = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(root, "fw/running", "");
	scene_put(root, "fw/permanent", "22/tcp\n");
	scene_put(root, "fw/now", "22/tcp\n");
	scene_put(root, "kernel/vm/overcommit_memory", "0\n");
	assert_step(firewall_apply, true, "open port 4000/tcp\n");
	assert_step(sysctl_apply, true, "set vm.overcommit_memory to 2 (from 0)\n");
	assert_step(leftover_apply, false, "");
	assert_true(at && sysctl > at);
	assert_ok(str_printf(&less, &err, "%.*sdefault: 4000, when: never}%.*s\n", (int)(at - yaml),
			     yaml, (int)(sysctl - at - (ptrdiff_t)strlen(port)),
			     at + strlen(port)));
	scene_put(root, yaml_path, less);
	assert_step(leftover_apply, false, lines);
	assert_text("fw/now", "22/tcp\n4000/tcp\n");
	assert_step(leftover_apply, true, lines);
	assert_text("fw/now", "22/tcp\n");
	assert_text("fw/permanent", "22/tcp\n");
	assert_text("kernel/vm/overcommit_memory", "0");
	assert_step(leftover_apply, true, "");
	scene_put(root, yaml_path, yaml);
	steps_scene_take_back(root, 0, "");
}

static void the_settings_are_kept_for_every_start(void **state)
{
	cleanup_free char *said = run_step(place_accounts, true);
	cleanup_free char *made = run_step(place_directories, true);
	cleanup_free char *files = run_step(place_files, true);

	(void)state;
	assert_contains(files, "create file /etc/sysctl.d/90-pgha-toy.conf (0644 root:root)\n");
	assert_text("etc/sysctl.d/90-pgha-toy.conf", "# toy\nvm.overcommit_memory = 2\n"
						     "net/ipv4/conf/eth0.1/forwarding = 1\n"
						     "net.ipv4.ip_local_port_range = 1000  2000\n");
}

static void a_setting_that_the_kernel_lacks_is_said(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sysctl_kernel = "/nonexistent";
	assert_ok(steps_scene_open(&s, root, &err));
	assert_fails(ERR_HOST, sysctl_apply(s.setup, false, &changes, &err));
	assert_contains(err.msg, "'vm.overcommit_memory'");
	sysctl_kernel = kernel;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_running_firewall_nothing_is_asked_of_it),
		cmocka_unit_test(closed_ports_are_opened_and_closed_again_and_no_others),
		cmocka_unit_test(the_kernel_is_set_and_gets_back_what_it_had),
		cmocka_unit_test(what_is_not_declared_any_more_is_taken_back),
		cmocka_unit_test(the_settings_are_kept_for_every_start),
		cmocka_unit_test(a_setting_that_the_kernel_lacks_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
