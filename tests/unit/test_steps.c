/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps on the files and the systemd of the machine that this runs on, with
 * tests/data/services/toy. Only where PGHA_TEST_MACHINE is set: tests/lab/steps.sh boots a machine
 * and runs it there. Each test goes on where the one before ended.
 */
#include "scene.h"

#include "../../installer/unit.h"
#include "clock.h"
#include "comeback.h"
#include "hold.h"
#include "once.h"
#include "place.h"
#include "probe.h"
#include "proc.h"

#define TOY SCENE_STAGING "manifests/services/toy/"

static void open_scene(struct scene *s, const char *colour)
{
	struct err err = ERR_INIT;

	assert_ok(capsule_add_key(&s->capsule, "toy-server", "key\n", &err));
	assert_ok(capsule_add_env(&s->capsule, "TOY_PASSWORD", "it's secret", &err));
	assert_ok(capsule_add_env(&s->capsule, "TOY_COLOUR", colour, &err));
	assert_ok(scene_open(s, "", "/", &err));
}

/* What the steps up to the units said, one a line. */
static int place_all(struct scene *s, bool apply, struct str *said, struct err *ret_err)
{
	static int (*const steps[])(struct setup *, bool, struct strv *,
				    struct err *) = { place_accounts, place_directories,
						      place_certificates, place_files };
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = steps[i](s->setup, apply, &changes, ret_err);
	for (size_t i = 0; i < changes.count; i++)
		str_addf(said, "%s\n", changes.items[i]);
	str_add(said, "");
	return r;
}

static int bring_up(struct scene *s, bool apply, struct str *said, struct err *ret_err)
{
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	int r = unit_apply(s->setup, apply, &changes, ret_err);

	for (size_t i = 0; i < changes.count; i++)
		str_addf(said, "%s\n", changes.items[i]);
	str_add(said, "");
	return r;
}

/* One whole run; SAID gets what changed. */
static void run(const char *colour, bool apply, struct str *said)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct err err = ERR_INIT;

	open_scene(&s, colour);
	assert_ok(place_all(&s, apply, said, &err));
	assert_ok(bring_up(&s, apply, said, &err));
	if (apply)
		assert_ok(probe_node(s.setup, &err));
}

static void said_by(const char *const *argv, char **ret)
{
	const struct proc proc = { .argv = argv };
	struct err err = ERR_INIT;

	assert_ok(proc_check(&proc, ret, &err));
}

#define SAID_BY(ret, ...) said_by((const char *const[]){ __VA_ARGS__, NULL }, ret)

static char *main_pid(void)
{
	char *pid = NULL;

	SAID_BY(&pid, "systemctl", "show", "--property=MainPID", "--value", "toy.service");
	return pid;
}

static void replace_in(const char *path, const char *from, const char *to)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *text = scene_get("", path);
	const char *at = NULL;

	assert_non_null(text);
	at = strstr(text, from);
	assert_non_null(at);
	str_add_len(&out, text, (size_t)(at - text));
	str_add(&out, to);
	str_add(&out, at + strlen(from));
	scene_put("", path, out.buf);
}

static void a_bare_machine_gets_everything_and_the_service_runs(void **state)
{
	CLEANUP(str_release) struct str plan = STR_INIT;
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;

	(void)state;
	run("red", false, &plan);
	run("red", true, &said);
	assert_string_equal(plan.buf, said.buf);
	assert_contains(said.buf, "create group toyfans\ncreate group toy\ncreate user toy\n"
				  "add user toy to group toyfans\n");
	assert_contains(said.buf, "daemon-reload\nenable toy.service\nstart toy.service\n");
	text = scene_get("", "run/toy/state");
	assert_string_equal("running on box red\n", text);
	cleanup_freep(&text);
	SAID_BY(&text, "stat", "-c", "%U:%G %a %n", "/etc/toy/tls/server.key", "/var/lib/toy",
		"/etc/toy/tls/server.crt");
	assert_string_equal("root:toy 640 /etc/toy/tls/server.key\ntoy:toy 700 /var/lib/toy\n"
			    "root:root 644 /etc/toy/tls/server.crt\n",
			    text);
	cleanup_freep(&text);
	SAID_BY(&text, "systemctl", "is-enabled", "toy.service");
	assert_string_equal("enabled\n", text);
}

static void a_second_run_changes_nothing_at_all(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = main_pid();
	cleanup_free char *after = NULL;

	(void)state;
	run("red", true, &said);
	assert_string_equal("", said.buf);
	after = main_pid();
	assert_string_equal(before, after);
}

static void a_changed_setting_reloads(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = main_pid();
	cleanup_free char *after = NULL;
	cleanup_free char *text = NULL;

	(void)state;
	run("blue", true, &said);
	assert_string_equal("change file /etc/toy/toy.conf (0640 root:toy)\nreload toy.service\n",
			    said.buf);
	after = main_pid();
	assert_string_equal(before, after);
	/* kill(1) does not wait for the signal's handler. */
	for (int i = 0; i < 100 && (!text || !strstr(text, "reloaded")); i++) {
		cleanup_freep(&text);
		text = scene_get("", "run/toy/state");
		usleep(100000);
	}
	assert_string_equal("running on box red\nreloaded blue\n", text);
}

static void a_changed_unit_restarts(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = main_pid();
	cleanup_free char *after = NULL;

	(void)state;
	replace_in(TOY "templates/toy.service", "A toy of", "Another toy of");
	run("blue", true, &said);
	assert_string_equal("change file /etc/systemd/system/toy.service (0644 root:root)\n"
			    "daemon-reload\nrestart toy.service\n",
			    said.buf);
	after = main_pid();
	assert_string_not_equal(before, after);
}

static void a_drop_in_of_somebody_else_is_read_too(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	scene_put("", "etc/systemd/system/toy.service.d/other.conf", "[Service]\nNice=1\n");
	run("blue", true, &said);
	run("blue", true, &said);
	assert_string_equal("daemon-reload\n", said.buf);
}

static void a_run_that_was_killed_before_the_units_is_finished_by_the_next(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;

	(void)state;
	{
		CLEANUP(scene_release) struct scene s = SCENE_INIT;
		CLEANUP(str_release) struct str placed = STR_INIT;
		struct err err = ERR_INIT;

		replace_in(TOY "templates/toy.service", "Another", "A third");
		open_scene(&s, "green");
		assert_ok(place_all(&s, true, &placed, &err));
	}
	run("green", true, &said);
	assert_string_equal("daemon-reload\nrestart toy.service\n", said.buf);
	text = scene_get("", "run/toy/state");
	assert_string_equal("running on box green\n", text);
}

static void steps_wait_for_the_cluster_and_then_run_as_their_user(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, "green");
	assert_ok(once_run(s.setup, true, &changes, &pending, &err));
	assert_ok(probe_cluster(s.setup, &pending, &err));
	assert_int_equal(0, changes.count);
	assert_int_equal(2, pending.count);
	assert_string_equal("toys: pending: first word waits for friends", pending.items[0]);
	assert_string_equal("toys: pending: waits for friends", pending.items[1]);

	scene_put("", "run/toy-friends", "");
	assert_ok(once_run(s.setup, true, &changes, &pending, &err));
	assert_ok(probe_cluster(s.setup, &pending, &err));
	assert_int_equal(2, changes.count);
	assert_int_equal(2, pending.count);
	assert_ok(once_run(s.setup, true, &changes, &pending, &err));
	assert_int_equal(2, changes.count);
	text = scene_get("", "var/lib/toy/password");
	assert_string_equal("it's secret", text);
	cleanup_freep(&text);
	SAID_BY(&text, "stat", "-c", "%U:%G", "/var/lib/toy/password");
	assert_string_equal("toy:toy\n", text);
}

static void a_unit_that_does_not_start_is_unhealthy_and_its_journal_is_shown(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = scene_get("", TOY "templates/toy.service");
	struct err err = ERR_INIT;

	(void)state;
	replace_in(TOY "templates/toy.service", ". /etc/toy/toy.conf; echo",
		   "echo no toys today; exit 9; echo");
	open_scene(&s, "green");
	assert_ok(place_all(&s, true, &said, &err));
	assert_fails(ERR_UNHEALTHY, bring_up(&s, true, &said, &err));
	assert_contains(err.msg, "service 'toy': cannot restart toy.service: ");
	assert_contains(err.detail, "no toys today");
	scene_put("", TOY "templates/toy.service", before);
}

static void a_failed_unit_is_started_again_when_it_was_mended(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;

	(void)state;
	run("green", true, &said);
	assert_string_equal("change file /etc/systemd/system/toy.service (0644 root:root)\n"
			    "daemon-reload\nstart toy.service\n",
			    said.buf);
}

static void a_queued_start_is_not_awaited_and_counts_as_started(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	replace_in(TOY "service.yaml", "[{name: toy.service}]",
		   "[{name: toy.service, start: no-block}]");
	replace_in(TOY "templates/toy.service", "systemd-notify --ready;", ":;");
	open_scene(&s, "green");
	assert_ok(place_all(&s, true, &said, &err));
	assert_ok(bring_up(&s, true, &said, &err));
	SAID_BY(&text, "systemctl", "show", "--property=ActiveState", "--value", "toy.service");
	assert_true(!strcmp(text, "activating\n") || !strcmp(text, "deactivating\n"));
	/* Its restart may still be stopping the old one; once it starts, nothing is left to do. */
	for (int i = 0; i < 100 && strcmp(text, "activating\n"); i++) {
		usleep(100000);
		cleanup_freep(&text);
		SAID_BY(&text, "systemctl", "show", "--property=ActiveState", "--value",
			"toy.service");
	}
	str_reset(&said);
	assert_ok(bring_up(&s, true, &said, &err));
	assert_string_equal("", said.buf);
}

static int status_of(const char *const *argv)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	const struct proc proc = { .argv = argv };
	struct err err = ERR_INIT;

	assert_ok(proc_run(&proc, &res, &err));
	return res.status;
}

#define STATUS_OF(...) status_of((const char *const[]){ __VA_ARGS__, NULL })

static void awake(void)
{
	for (int i = 0; i < 100; i++) {
		if (STATUS_OF("systemctl", "--quiet", "is-active", "toy.service") == 0)
			return;
		usleep(100000);
	}
	fail_msg("toy.service is not active");
}

/* The tests above left it without its word that it is ready. */
static void what_was_replaced_under_a_running_unit_restarts_it(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	cleanup_free char *text = NULL;

	(void)state;
	scene_stage("", "toy", SCENE_TOY);
	run("green", true, &said);
	awake();
	str_reset(&said);
	/* The same again asks for nothing. */
	SAID_BY(&text, "sh", "-c",
		"cp -p /usr/bin/bash /usr/bin/bash.new && mv /usr/bin/bash.new /usr/bin/bash");
	run("green", true, &said);
	assert_string_equal("", said.buf);
	cleanup_freep(&text);
	SAID_BY(&text, "sh", "-c",
		"cp -p /usr/bin/bash /usr/bin/bash.new && echo >>/usr/bin/bash.new && "
		"mv /usr/bin/bash.new /usr/bin/bash");
	before = main_pid();
	run("green", true, &said);
	assert_string_equal("restart toy.service\n", said.buf);
	after = main_pid();
	assert_string_not_equal(before, after);
	str_reset(&said);
	run("green", true, &said);
	assert_string_equal("", said.buf);
}

static void a_package_cannot_restart_what_is_held(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	cleanup_free char *before = main_pid();
	cleanup_free char *held = NULL;
	cleanup_free char *after = NULL;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, "green");
	assert_ok(hold_units(s.setup, &err));
	assert_int_not_equal(0, STATUS_OF("systemctl", "try-restart", "toy.service"));
	assert_int_not_equal(0, STATUS_OF("systemctl", "restart", "toy.service"));
	held = main_pid();
	assert_string_equal(before, held);
	assert_ok(hold_release(&s.in, &err));
	assert_int_equal(0, STATUS_OF("systemctl", "try-restart", "toy.service"));
	after = main_pid();
	assert_string_not_equal(before, after);
	assert_int_not_equal(0, STATUS_OF("test", "-e", "/run/systemd/system/toy.service.d"));
}

static void a_restart_waits_for_its_guard_and_is_remembered(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = main_pid();
	cleanup_free char *held = NULL;
	cleanup_free char *after = NULL;

	(void)state;
	replace_in(TOY "service.yaml", "once:\n",
		   "restart: {before: [friends], after: [friends]}\nonce:\n");
	replace_in(TOY "templates/toy.service", "A toy of", "A guarded toy of");
	assert_int_equal(0, STATUS_OF("rm", "-f", "/run/toy-friends"));
	{
		CLEANUP(scene_release) struct scene s = SCENE_INIT;
		struct err err = ERR_INIT;

		open_scene(&s, "green");
		assert_ok(place_all(&s, true, &said, &err));
		assert_fails(ERR_UNHEALTHY, bring_up(&s, true, &said, &err));
		assert_contains(err.msg, "nothing was restarted, and the next run goes on from "
					 "here: 'friends' does not hold after 1 s");
	}
	held = main_pid();
	assert_string_equal(before, held);

	scene_put("", "run/toy-friends", "");
	str_reset(&said);
	/* systemd counts the starts of all these tests, which follow each other quickly. */
	assert_int_equal(0, STATUS_OF("systemctl", "reset-failed", "toy.service"));
	run("green", true, &said);
	assert_string_equal("restart toy.service\n", said.buf);
	after = main_pid();
	assert_string_not_equal(before, after);
	str_reset(&said);
	run("green", true, &said);
	assert_string_equal("", said.buf);
}

/* A rollback's end, on which toy.service is as it was SINCE_US ago or not. */
static int come_back(const struct scene *s, uint64_t since_us, struct strv *changes,
		     struct err *ret_err)
{
	struct record_entry unit = { .kind = RECORD_UNIT,
				     .object = (char[]){ "toy.service" },
				     .was = (char[]){ RECORD_UNIT_BOTH },
				     .now = (char[]){ RECORD_UNIT_BOTH } };
	const struct record_entries entries = { .items = &unit, .count = 1 };
	const struct comeback back = { .in = &s->in,
				       .guards = s->setup,
				       .all = &entries,
				       .of_last = &entries,
				       .since_us = since_us,
				       .apply = true,
				       .changes = changes };

	strv_release(changes);
	return comeback_units(&back, ret_err);
}

static void what_has_started_since_goes_back_behind_its_guard(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	uint64_t since_us = clock_monotonic_ms() * 1000;
	cleanup_free char *before = NULL;
	cleanup_free char *held = NULL;
	cleanup_free char *after = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, STATUS_OF("systemctl", "reset-failed", "toy.service"));
	assert_int_equal(0, STATUS_OF("rm", "-f", "/run/toy-friends"));
	open_scene(&s, "green");
	assert_ok(come_back(&s, since_us, &changes, &err));
	assert_int_equal(0, changes.count);

	assert_int_equal(0, STATUS_OF("systemctl", "reload", "toy.service"));
	assert_ok(come_back(&s, since_us, &changes, &err));
	assert_int_equal(1, changes.count);
	assert_string_equal("reload toy.service", changes.items[0]);

	assert_int_equal(0, STATUS_OF("systemctl", "restart", "toy.service"));
	before = main_pid();
	assert_fails(ERR_UNHEALTHY, come_back(&s, since_us, &changes, &err));
	assert_contains(err.msg, "nothing was restarted");
	held = main_pid();
	assert_string_equal(before, held);

	err = (struct err)ERR_INIT;
	scene_put("", "run/toy-friends", "");
	assert_ok(come_back(&s, since_us, &changes, &err));
	assert_int_equal(1, changes.count);
	assert_string_equal("restart toy.service", changes.items[0]);
	after = main_pid();
	assert_string_not_equal(before, after);

	/* What is down waits for nobody. */
	assert_int_equal(0, STATUS_OF("rm", "-f", "/run/toy-friends"));
	assert_int_equal(0, STATUS_OF("systemctl", "stop", "toy.service"));
	assert_ok(come_back(&s, since_us, &changes, &err));
	assert_string_equal("start toy.service", changes.items[0]);
}

static void without_a_machine_this_is_skipped(void **state)
{
	(void)state;
	print_message("skipped: needs a machine of its own (tests/lab/steps.sh)\n");
	skip();
}

static int stage(void **state)
{
	(void)state;
	scene_stage("", "toy", SCENE_TOY);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_machine_gets_everything_and_the_service_runs),
		cmocka_unit_test(a_second_run_changes_nothing_at_all),
		cmocka_unit_test(a_changed_setting_reloads),
		cmocka_unit_test(a_changed_unit_restarts),
		cmocka_unit_test(a_drop_in_of_somebody_else_is_read_too),
		cmocka_unit_test(a_run_that_was_killed_before_the_units_is_finished_by_the_next),
		cmocka_unit_test(steps_wait_for_the_cluster_and_then_run_as_their_user),
		cmocka_unit_test(a_unit_that_does_not_start_is_unhealthy_and_its_journal_is_shown),
		cmocka_unit_test(a_failed_unit_is_started_again_when_it_was_mended),
		cmocka_unit_test(a_queued_start_is_not_awaited_and_counts_as_started),
		cmocka_unit_test(what_was_replaced_under_a_running_unit_restarts_it),
		cmocka_unit_test(a_package_cannot_restart_what_is_held),
		cmocka_unit_test(a_restart_waits_for_its_guard_and_is_remembered),
		cmocka_unit_test(what_has_started_since_goes_back_behind_its_guard),
	};
	const struct CMUnitTest none[] = {
		cmocka_unit_test(without_a_machine_this_is_skipped),
	};

	if (!getenv("PGHA_TEST_MACHINE"))
		return cmocka_run_group_tests(none, NULL, NULL);
	return cmocka_run_group_tests(tests, stage, NULL);
}
