/* SPDX-License-Identifier: Apache-2.0 */
/* The lock and the probes around a restart, with ordinary commands; what needs systemd is test_steps.c. */
#include "scene.h"

#include <signal.h>
#include <sys/wait.h>

#include "guard.h"

#include "../../installer/unit.h"

static char base[] = "/tmp/pgha-guard-XXXXXX";

/* flock(1) stands for the cluster's lock. */
#define LOCK                                                                                    \
	"  lock: {exec: [/usr/bin/flock, --no-fork, '{{env.BASE}}/lock', /bin/sh, -c,\n"        \
	"                'IFS= read -r word; echo \"$word $PGHA_SEQUENCE\"; exec sleep 60'],\n" \
	"         stdin: \"{{env.PW}}\\n\", expect: 'geheim 7', within_s: 1}\n"
#define SERVICE(restart)                                                                      \
	"service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"           \
	"probes:\n"                                                                           \
	"  - {name: friend, scope: step, exec: [/usr/bin/test, -e, '{{env.BASE}}/friend'],\n" \
	"     within_s: 1}\n"                                                                 \
	"  - {name: back, scope: step, exec: [/usr/bin/test, -e, '{{env.BASE}}/back'],\n"     \
	"     within_s: 1}\n"                                                                 \
	"restart:\n" restart

static int make_base(void **state)
{
	(void)state;
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(base, &err);
}

static void open_scene(struct scene *s, const char *yaml)
{
	struct err err = ERR_INIT;

	scene_put(base, SCENE_STAGING "manifests/services/s/service.yaml", yaml);
	scene_put(base, SCENE_STAGING "manifests/topology.yaml",
		  "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [s]}]\n");
	assert_ok(capsule_add_env(&s->capsule, "PW", "geheim", &err));
	assert_ok(capsule_add_env(&s->capsule, "BASE", base, &err));
	s->in.index.sequence = 7;
	assert_ok(scene_open(s, base, "/", &err));
}

static void forget(const char *name)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&path, &err, "%s/%s", base, name));
	(void)unlink(path);
}

static int enter(const struct scene *s, struct guard *guard, struct err *ret_err)
{
	return guard_enter(&s->setup->services[0], guard, ret_err);
}

static void one_at_a_time_holds_the_lock(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard first = GUARD_INIT, second = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, SERVICE(LOCK));
	assert_ok(enter(&s, &first, &err));
	assert_fails(ERR_UNHEALTHY, enter(&s, &second, &err));
	assert_contains(err.msg, "service 's' is due to restart, nothing was restarted, and the "
				 "next run goes on from here: the cluster's lock cannot be taken");
	assert_contains(err.msg, "not within 1 s");
	guard_release(&second);
	assert_ok(guard_leave(&first, &err));
	guard_release(&first);

	err = (struct err)ERR_INIT;
	assert_ok(enter(&s, &second, &err));
	guard_release(&second);
}

static void the_lock_of_a_killed_run_is_free_for_the_next(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;
	int status = 0;
	pid_t pid;

	(void)state;
	open_scene(&s, SERVICE(LOCK));
	pid = fork();
	assert_int_not_equal(-1, pid);
	if (pid == 0) {
		if (enter(&s, &guard, &err) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_ok(enter(&s, &guard, &err));
	guard_release(&guard);
}

static void a_lock_that_ends_by_itself_is_none(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, SERVICE("  lock: {exec: [/bin/sh, -c, 'echo no lock here >&2; exit 1'],\n"
			       "         expect: held, within_s: 1}\n"));
	assert_fails(ERR_UNHEALTHY, enter(&s, &guard, &err));
	assert_contains(err.msg, "it ended");
	assert_contains(err.detail, "no lock here");
	guard_release(&guard);
}

static void a_lock_that_is_lost_meanwhile_stops_the_restart(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(base, "friend", "");
	open_scene(&s,
		   "service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"
		   "probes: [{name: slow, scope: step, exec: [/bin/sleep, '1'], timeout_s: 5}]\n"
		   "restart:\n  before: [slow]\n"
		   "  lock: {exec: [/bin/echo, held], expect: held, within_s: 1}\n");
	assert_fails(ERR_UNHEALTHY, enter(&s, &guard, &err));
	assert_contains(err.msg, "the cluster's lock was lost");
	guard_release(&guard);
}

static void a_lock_that_was_lost_is_taken_again(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forget("tried");
	open_scene(&s, SERVICE("  lock: {exec: [/bin/sh, -c, 'test -e $0 || { touch $0; exit 1; }; "
			       "echo held; exec sleep 60',\n"
			       "                '{{env.BASE}}/tried'], expect: held}\n"));
	assert_ok(enter(&s, &guard, &err));
	guard_release(&guard);
}

static void a_lock_is_taken_only_when_it_is_wanted(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, SERVICE("  lock: {exec: [/bin/false], expect: held,\n"
			       "         when: '{{#nodes}}{{^first}}true{{/first}}{{/nodes}}'}\n"));
	assert_ok(enter(&s, &guard, &err));
	assert_ok(guard_leave(&guard, &err));
	guard_release(&guard);
}

static void what_must_hold_before_is_waited_for_and_told(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT, other = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forget("friend");
	open_scene(&s, SERVICE(LOCK "  before: [friend]\n"));
	assert_fails(ERR_UNHEALTHY, enter(&s, &guard, &err));
	assert_contains(err.msg, "nothing was restarted, and the next run goes on from here: "
				 "'friend' does not hold after 1 s");
	assert_true(s.in.waits); /* what was done stays */
	guard_release(&guard);
	/* The lock was given back. */
	scene_put(base, "friend", "");
	err = (struct err)ERR_INIT;
	assert_ok(enter(&s, &other, &err));
	guard_release(&other);
}

/* The friend comes once it has had the lock. */
static void who_waits_for_another_does_not_hold_the_lock_for_ever(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	cleanup_free char *command = NULL;
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	forget("friend");
	assert_ok(str_printf(&command, &err, "flock '%s/lock' touch '%s/friend'", base, base));
	open_scene(&s, "service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"
		       "probes: [{name: friend, scope: step, within_s: 60,\n"
		       "          exec: [/usr/bin/test, -e, '{{env.BASE}}/friend']}]\n"
		       "restart:\n  before: [friend]\n" LOCK);
	pid = fork();
	assert_int_not_equal(-1, pid);
	if (pid == 0) {
		sleep(1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(1);
	}
	assert_ok(enter(&s, &guard, &err));
	guard_release(&guard);
	assert_int_equal(pid, waitpid(pid, NULL, 0));
}

static void what_does_not_come_back_is_unhealthy(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forget("back");
	open_scene(&s, SERVICE(LOCK "  after: [back]\n"));
	assert_ok(enter(&s, &guard, &err));
	assert_fails(ERR_UNHEALTHY, guard_leave(&guard, &err));
	assert_contains(err.msg, "service 's' was restarted: 'back' does not hold after 1 s");
	guard_release(&guard);

	scene_put(base, "back", "");
	err = (struct err)ERR_INIT;
	assert_ok(enter(&s, &guard, &err));
	assert_ok(guard_leave(&guard, &err));
	guard_release(&guard);
}

static void an_operator_may_do_without(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard guard = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forget("friend");
	open_scene(&s, SERVICE("  before: [friend]\n  after: [friend]\n"));
	s.in.unguarded = true;
	assert_ok(enter(&s, &guard, &err));
	assert_ok(guard_leave(&guard, &err));
	guard_release(&guard);
}

/* Of a kept bundle: a lock or a probe that needs a secret is left out, the others are asked. */
static void without_secrets_the_rest_is_still_asked(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard first = GUARD_INIT, second = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forget("friend");
	open_scene(&s,
		   "service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"
		   "probes:\n"
		   "  - {name: secret, scope: step, exec: [/bin/false], env: {X: '{{env.PW}}'}}\n"
		   "  - {name: friend, scope: step, exec: [/usr/bin/test, -e, "
		   "'{{env.BASE}}/friend'],\n"
		   "     within_s: 1}\n"
		   "restart:\n" LOCK "  before: [secret, friend]\n");
	s.setup->services[0].no_secrets = true;
	assert_fails(ERR_UNHEALTHY, enter(&s, &first, &err));
	assert_contains(err.msg, "'friend' does not hold after 1 s");
	guard_release(&first);

	scene_put(base, "friend", "");
	err = (struct err)ERR_INIT;
	assert_ok(enter(&s, &first, &err));
	assert_ok(enter(&s, &second, &err)); /* nobody holds a lock */
	guard_release(&second);
	guard_release(&first);
}

/* What nobody may be there to see wait does not wait for the manifest's ten minutes. */
static void patience_bounds_every_wait(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct guard first = GUARD_INIT, second = GUARD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	forget("friend");
	open_scene(&s,
		   "service: s\nlayer: words\nenv: [{name: BASE}]\n"
		   "probes: [{name: friend, scope: step, within_s: 600,\n"
		   "          exec: [/usr/bin/test, -e, '{{env.BASE}}/friend']}]\n"
		   "restart:\n  before: [friend]\n"
		   "  lock: {exec: [/usr/bin/flock, --no-fork, '{{env.BASE}}/lock', /bin/sh, -c,\n"
		   "                'echo held; exec sleep 60'], expect: held, within_s: 600}\n");
	s.in.patience_s = 1;
	assert_fails(ERR_UNHEALTHY, enter(&s, &first, &err));
	assert_contains(err.msg, "'friend' does not hold after 1 s");
	assert_contains(err.detail, "--unguarded");
	guard_release(&first);

	scene_put(base, "friend", "");
	err = (struct err)ERR_INIT;
	assert_ok(enter(&s, &first, &err));
	assert_fails(ERR_UNHEALTHY, enter(&s, &second, &err));
	assert_contains(err.msg, "the cluster's lock cannot be taken");
	assert_contains(err.msg, "not within 1 s");
	guard_release(&second);
	guard_release(&first);
}

static void what_a_unit_said_is_shown_without_secrets(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	char line[] = "geheim: no user 'geheimgeheim', ge heim";

	(void)state;
	open_scene(&s, SERVICE("  before: [friend]\n"));
	unit_mask_secrets(s.setup, line);
	assert_string_equal("***: no user '******', ge heim", line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time_holds_the_lock),
		cmocka_unit_test(the_lock_of_a_killed_run_is_free_for_the_next),
		cmocka_unit_test(a_lock_that_ends_by_itself_is_none),
		cmocka_unit_test(a_lock_that_is_lost_meanwhile_stops_the_restart),
		cmocka_unit_test(a_lock_that_was_lost_is_taken_again),
		cmocka_unit_test(a_lock_is_taken_only_when_it_is_wanted),
		cmocka_unit_test(what_must_hold_before_is_waited_for_and_told),
		cmocka_unit_test(who_waits_for_another_does_not_hold_the_lock_for_ever),
		cmocka_unit_test(what_does_not_come_back_is_unhealthy),
		cmocka_unit_test(an_operator_may_do_without),
		cmocka_unit_test(without_secrets_the_rest_is_still_asked),
		cmocka_unit_test(patience_bounds_every_wait),
		cmocka_unit_test(what_a_unit_said_is_shown_without_secrets),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
