/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and once-steps on this machine itself, with ordinary commands; what needs systemd is
 * test_steps.c. */
#include "scene.h"

#include "once.h"
#include "probe.h"

static char base[] = "/tmp/pgha-probe-XXXXXX";

static const char service_yaml[] =
	"service: s\nlayer: words\n"
	"env: [{name: PW, secret: true}, {name: BASE}]\n"
	"command_env: {WHO: '{{node.name}}', BOTH: service, PASSWORD: '{{env.PW}}'}\n"
	"probes:\n"
	"  - {name: says, scope: node, exec: [/bin/sh, -c, 'echo $WHO $BOTH $PASSWORD'],\n"
	"     env: {BOTH: probe}, expect: '{{node.name}} probe geheim', timeout_s: 5, within_s: "
	"1}\n"
	"  - {name: reads, scope: node, exec: [/bin/cat], stdin: \"{{env.PW}}\\n\", expect: "
	"geheim}\n"
	"  - {name: friends, scope: cluster, exec: [/usr/bin/test, -e, '{{env.BASE}}/friends'],\n"
	"     within_s: 1}\n"
	"  - {name: silent, scope: cluster, exec: [/bin/echo, something], expect: nothing,\n"
	"     within_s: 1}\n"
	"  - {name: slow, scope: cluster, exec: [/bin/sleep, '60'], timeout_s: 1, within_s: 1}\n"
	"once:\n"
	"  - {name: first, when: friends, unless: [/bin/grep, -q, one, '{{env.BASE}}/words'],\n"
	"     exec: [/bin/sh, -c, 'cat >>$0', '{{env.BASE}}/words'], stdin: \"one "
	"{{env.PW}}\\n\"}\n"
	"  - {name: second, when: friends, unless: [/bin/cat, '{{env.BASE}}/words'], expect: two,\n"
	"     exec: [/bin/sh, -c, 'echo two >>$0', '{{env.BASE}}/words']}\n";

static void stage(const char *yaml)
{
	scene_put(base, SCENE_STAGING "manifests/services/s/service.yaml", yaml);
	scene_put(base, SCENE_STAGING "manifests/topology.yaml",
		  "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [s]}]\n");
}

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

	stage(yaml);
	assert_ok(capsule_add_env(&s->capsule, "PW", "geheim", &err));
	assert_ok(capsule_add_env(&s->capsule, "BASE", base, &err));
	assert_ok(scene_open(s, base, "/", &err));
}

static void node_probes_hold_with_their_environment_and_input(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, service_yaml);
	assert_ok(probe_node(s.setup, &err));
}

static void a_node_probe_that_does_not_hold_is_unhealthy_and_told(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s,
		   "service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"
		   "probes: [{name: bad, scope: node, exec: [/bin/sh, -c, 'echo why; exit 3'],\n"
		   "          within_s: 1}]\n");
	assert_fails(ERR_UNHEALTHY, probe_node(s.setup, &err));
	assert_string_equal("service 's': probe 'bad' does not hold after 1 s: "
			    "'/bin/sh' ended with status 3",
			    err.msg);
	assert_contains(err.detail, "why\n");
}

static void a_command_that_is_not_there_does_not_hold(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, "service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"
		       "probes: [{name: bad, scope: node, exec: [/nonexistent], within_s: 1}]\n");
	assert_fails(ERR_UNHEALTHY, probe_node(s.setup, &err));
	assert_contains(err.msg, "status 127");
}

static void a_node_probe_is_tried_until_it_holds(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, "service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n"
		       "probes: [{name: third, scope: node, within_s: 30, expect: xxx,\n"
		       "  exec: [/bin/sh, -c, 'printf x >>$0; cat $0', '{{env.BASE}}/tries']}]\n");
	assert_ok(probe_node(s.setup, &err));
}

static void cluster_probes_that_wait_are_pending_and_no_failure(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, service_yaml);
	assert_ok(probe_cluster(s.setup, &pending, &err));
	assert_int_equal(3, pending.count);
	assert_string_equal("words: pending: waits for friends", pending.items[0]);
	assert_string_equal("words: pending: waits for silent", pending.items[1]);
	assert_string_equal("words: pending: waits for slow", pending.items[2]);
	s.in.wait = true;
	assert_fails(ERR_UNHEALTHY, probe_cluster(s.setup, &pending, &err));
}

static size_t run_once(struct scene *s, bool apply, struct strv *pending)
{
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(once_run(s->setup, apply, &changes, pending, &err));
	return changes.count;
}

static void once_steps_wait_for_their_probe_and_run_once(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;
	cleanup_free char *words = NULL;
	cleanup_free char *friends = NULL;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, service_yaml);
	assert_int_equal(0, run_once(&s, true, &pending));
	assert_int_equal(1, pending.count);
	assert_string_equal("words: pending: first waits for friends", pending.items[0]);
	words = scene_get(base, "words");
	assert_null(words);

	s.in.wait = true;
	assert_ok(str_printf(&friends, &err, "%s/friends", base));
	{
		CLEANUP(strv_release) struct strv changes = STRV_INIT;

		assert_fails(ERR_UNHEALTHY, once_run(s.setup, true, &changes, &pending, &err));
		assert_contains(err.msg,
				"service 's': step 'first': the probe 'friends' does not hold");
	}
	s.in.wait = false;

	scene_put(base, "friends", "");
	assert_int_equal(2, run_once(&s, false, &pending));
	words = scene_get(base, "words");
	assert_null(words);
	assert_int_equal(2, run_once(&s, true, &pending));
	words = scene_get(base, "words");
	assert_string_equal("one geheim\ntwo\n", words);
	assert_int_equal(0, run_once(&s, true, &pending));
	assert_int_equal(1, pending.count);
}

#define ONCE(steps)                                                                 \
	"service: s\nlayer: words\nenv: [{name: PW, secret: true}, {name: BASE}]\n" \
	"probes: [{name: friends, scope: cluster, exec: [/usr/bin/test, -e, "       \
	"'{{env.BASE}}/friends'], within_s: 1}]\nonce:\n" steps

static void a_failing_step_stops_those_behind_it(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, ONCE("  - {name: fails, exec: [/bin/sh, -c, 'echo no >&2; exit 4']}\n"
			    "  - {name: behind, exec: [/bin/true]}\n"));
	assert_fails(ERR_FAILED, once_run(s.setup, true, &changes, &pending, &err));
	assert_string_equal("service 's': step 'fails': '/bin/sh' ended with status 4", err.msg);
	assert_contains(err.detail, "no\n");
	assert_int_equal(0, changes.count);
}

static void another_node_may_be_quicker(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;

	(void)state;
	/* The step fails, and what it should have done is there all the same. */
	open_scene(&s,
		   ONCE("  - {name: lost, unless: [/usr/bin/test, -e, '{{env.BASE}}/quick'],\n"
			"     exec: [/bin/sh, -c, 'touch $0; exit 1', '{{env.BASE}}/quick']}\n"));
	assert_int_equal(0, run_once(&s, true, &pending));
	assert_int_equal(0, pending.count);
}

static void a_cluster_that_goes_away_under_a_step_is_waited_for(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;

	(void)state;
	scene_put(base, "friends", "");
	open_scene(&s,
		   ONCE("  - {name: gone, when: friends,\n"
			"     exec: [/bin/sh, -c, 'rm $0; exit 1', '{{env.BASE}}/friends']}\n"));
	assert_int_equal(0, run_once(&s, true, &pending));
	assert_int_equal(1, pending.count);
	assert_string_equal("words: pending: gone waits for friends", pending.items[0]);
}

static void nothing_runs_for_another_root(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv pending = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s, ONCE("  - {name: fails, exec: [/bin/false]}\n"));
	s.in.root = base;
	assert_int_equal(0, run_once(&s, true, &pending));
	assert_ok(probe_node(s.setup, &err));
	assert_ok(probe_cluster(s.setup, &pending, &err));
	assert_int_equal(0, pending.count);
	s.in.root = "/";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_probes_hold_with_their_environment_and_input),
		cmocka_unit_test(a_node_probe_that_does_not_hold_is_unhealthy_and_told),
		cmocka_unit_test(a_command_that_is_not_there_does_not_hold),
		cmocka_unit_test(a_node_probe_is_tried_until_it_holds),
		cmocka_unit_test(cluster_probes_that_wait_are_pending_and_no_failure),
		cmocka_unit_test(once_steps_wait_for_their_probe_and_run_once),
		cmocka_unit_test(a_failing_step_stops_those_behind_it),
		cmocka_unit_test(another_node_may_be_quicker),
		cmocka_unit_test(a_cluster_that_goes_away_under_a_step_is_waited_for),
		cmocka_unit_test(nothing_runs_for_another_root),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
