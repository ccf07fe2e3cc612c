/* SPDX-License-Identifier: Apache-2.0 */
/* The committed bundle asked again: what is kept of its settings, and its probes without the secrets. */
#include "scene.h"

#include "clock.h"
#include "kept.h"
#include "probe.h"

static char base[] = "/tmp/pgha-kept-XXXXXX";

static const char service_yaml[] =
	"service: s\nlayer: words\n"
	"env: [{name: PW, secret: true}, {name: BASE}, {name: WORD, default: plain}]\n"
	"ports: [{env: S_PORT, default: 4711}]\n"
	"command_env: {PASSWORD: '{{env.PW}}'}\n"
	"probes:\n"
	"  - {name: free, scope: node, exec: [/bin/echo, '{{env.WORD}} {{env.S_PORT}}'],\n"
	"     env: {PASSWORD: ''}, expect: other 4711}\n"
	"  - {name: bound, scope: node, exec: [/usr/bin/touch, '{{env.BASE}}/bound']}\n"
	"  - {name: whispers, scope: cluster, exec: [/usr/bin/touch, '{{env.BASE}}/bound'],\n"
	"     env: {PASSWORD: ''}, stdin: '{{env.PW}}'}\n"
	"  - {name: broken, scope: node, exec: [/bin/sh, -c, 'echo why; exit 3'],\n"
	"     env: {PASSWORD: ''}, within_s: 1}\n"
	"  - {name: friends, scope: cluster, exec: [/bin/false], env: {PASSWORD: ''}, within_s: "
	"1}\n";

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

static void open_scene(struct scene *s)
{
	struct err err = ERR_INIT;

	scene_put(base, SCENE_STAGING "manifests/services/s/service.yaml", service_yaml);
	scene_put(base, SCENE_STAGING "manifests/topology.yaml",
		  "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [s]}]\n");
	assert_ok(capsule_add_env(&s->capsule, "PW", "geheim", &err));
	assert_ok(capsule_add_env(&s->capsule, "BASE", base, &err));
	assert_ok(capsule_add_env(&s->capsule, "WORD", "other", &err));
	assert_ok(capsule_add_env(&s->capsule, "S_PORT", "4711", &err));
	assert_ok(scene_open(s, base, "/", &err));
	s->in.index.sequence = 7;
}

static void settings_are_kept_and_secrets_are_not(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s);
	scene_put(base, "var/lib/pgha/bundles/7/index.yaml", "");
	assert_ok(kept_save_settings(s.setup, &err));
	text = scene_get(base, "var/lib/pgha/bundles/7/" KEPT_SETTINGS);
	assert_non_null(text);
	assert_contains(text, "WORD: other\n");
	assert_contains(text, "S_PORT: 4711\n");
	assert_null(strstr(text, "geheim"));
	assert_null(strstr(text, "PW:"));
}

static void the_same_settings_are_not_written_again(void **state)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	cleanup_free char *path = NULL;
	struct stat before, after;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s);
	scene_put(base, "var/lib/pgha/bundles/7/index.yaml", "");
	assert_ok(kept_save_settings(s.setup, &err));
	assert_ok(str_printf(&path, &err, "%s/var/lib/pgha/bundles/7/" KEPT_SETTINGS, base));
	assert_int_equal(0, stat(path, &before));
	assert_ok(kept_save_settings(s.setup, &err));
	assert_int_equal(0, stat(path, &after));
	assert_int_equal(before.st_ino, after.st_ino);
}

static const struct service_probe *find_probe(const struct scene *s, const char *name)
{
	SERVICE_EACH(struct service_probe, probe, s->setup->services[0].service->probes)
	if (!strcmp(probe->name, name))
		return probe;
	fail_msg("no probe %s", name);
	return NULL;
}

static void probes_are_asked_without_secrets_and_those_that_need_one_are_not(void **state)
{
	static const struct {
		const char *name;
		bool wait;
		enum probe_state expected;
		const char *why;
	} cases[] = {
		{ "free", false, PROBE_HEALTHY, "" },
		{ "bound", false, PROBE_NOT_ASKED, "it needs a secret" },
		{ "whispers", false, PROBE_NOT_ASKED, "it needs a secret" },
		{ "broken", false, PROBE_UNHEALTHY, "'/bin/sh' ended with status 3" },
		{ "friends", false, PROBE_PENDING, "'/bin/false' ended with status 1" },
		{ "friends", true, PROBE_UNHEALTHY, "'/bin/false' ended with status 1" },
	};
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_scene(&s);
	setup_free(s.setup);
	s.setup = NULL;
	assert_ok(setup_new_kept(&s.in, &s.setup, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum probe_state is = PROBE_HEALTHY;
		struct err why = ERR_INIT;

		s.in.wait = cases[i].wait;
		assert_ok(probe_ask(s.setup, &s.setup->services[0], find_probe(&s, cases[i].name),
				    clock_monotonic_ms(), &is, &why, &err));
		assert_int_equal(cases[i].expected, is);
		assert_contains(why.msg, cases[i].why);
	}
	assert_null(scene_get(base, "bound"));
}

static void nothing_committed_is_nothing_to_open(void **state)
{
	CLEANUP(state_committed_release) struct state_committed committed = STATE_COMMITTED_INIT;
	CLEANUP(install_release) struct install in = { .root = base, .dry_run = true };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(install_init(&in, &err));
	assert_fails(ERR_USAGE, kept_open(&in, &committed, &err));
	assert_contains(err.msg, "nothing is installed here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_kept_and_secrets_are_not),
		cmocka_unit_test(the_same_settings_are_not_written_again),
		cmocka_unit_test(probes_are_asked_without_secrets_and_those_that_need_one_are_not),
		cmocka_unit_test(nothing_committed_is_nothing_to_open),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
