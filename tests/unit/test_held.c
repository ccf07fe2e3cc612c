/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node "box" runs service `user`, and `store` as well where a test says so. `store` holds three of
 * the passwords in its own memory, the file BASE/known: OWN is changed there by a step, SHARED too and
 * `user` has it in its files, FIXED by hand alone. FIXED_TOO is held by nobody.
 */
#include "scene.h"

#include "held.h"
#include "once.h"
#include "verifier.h"

static char base[] = "/tmp/pgha-held-XXXXXX";

#define OLD "the old password"
#define NEW "the new password"

static const char user_yaml[] =
	"service: user\nlayer: l\n"
	"env: [{name: SHARED, secret: true}, {name: FIXED_TOO, secret: true},\n"
	"      {name: FIXED, secret: true}]\n";

static const char store_yaml[] =
	"service: store\nlayer: l\n"
	"command_env: {OWN: '{{env.OWN}}', SHARED: '{{env.SHARED}}'}\n"
	"probes:\n"
	"  - {name: leads, scope: step, exec: [/usr/bin/test, -e, '{{env.BASE}}/leads'],\n"
	"     within_s: 1}\n"
	"once:\n"
	"  - {name: new passwords, when: leads,\n"
	"     unless: [/bin/sh, -c, 'test \"$OWN $SHARED\" = \"$(cat $0)\"', "
	"'{{env.BASE}}/known'],\n"
	"     exec: [/bin/sh, -c, 'echo x >>$0.runs; echo \"$OWN $SHARED\" >$0', "
	"'{{env.BASE}}/known']}\n"
	"env:\n"
	"  - {name: OWN, secret: true, held: {change: new passwords}}\n"
	"  - {name: SHARED, secret: true, held: {change: new passwords}}\n"
	"  - {name: FIXED, secret: true, held: {by_hand: {fr: 'la clé', en: 'turn the key'}}}\n"
	"  - {name: BASE}\n";

static int make_base(void **state)
{
	(void)state;
	strcpy(base + strlen(base) - 6, "XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(base, &err);
}

struct values {
	const char *own, *shared, *fixed, *plain;
};

static const struct values old = { .own = OLD, .shared = OLD, .fixed = OLD, .plain = OLD };

static void open_scene(struct scene *s, bool store, const struct values *v)
{
	struct err err = ERR_INIT;

	scene_put(base, SCENE_STAGING "manifests/services/user/service.yaml", user_yaml);
	scene_put(base, SCENE_STAGING "manifests/services/store/service.yaml", store_yaml);
	scene_put(base, SCENE_STAGING "manifests/topology.yaml",
		  store ? "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: "
			  "[user, store]}]\n"
			: "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [user]},"
			  " {name: other, address: 10.0.0.2, datacenter: d, services: [store]}]\n");
	assert_ok(capsule_add_env(&s->capsule, "BASE", base, &err));
	if (store)
		assert_ok(capsule_add_env(&s->capsule, "OWN", v->own, &err));
	assert_ok(capsule_add_env(&s->capsule, "SHARED", v->shared, &err));
	assert_ok(capsule_add_env(&s->capsule, "FIXED", v->fixed, &err));
	assert_ok(capsule_add_env(&s->capsule, "FIXED_TOO", v->plain, &err));
	assert_ok(scene_open(s, base, "/", &err));
}

/* One run up to the cluster's steps; what is due is described in SAID. */
static int begin(const struct values *v, bool store, const char *accept, struct str *said,
		 struct err *ret_err)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	int r = 0;

	open_scene(&s, store, v);
	s.in.accept_change = accept;
	r = held_plan(s.setup, false, &lines, ret_err);
	if (r == 0)
		r = held_describe(s.setup, &lines, ret_err);
	if (r == 0)
		r = held_begin(s.setup, ret_err);
	for (size_t i = 0; i < lines.count; i++)
		str_addf(said, "%s\n", lines.items[i]);
	str_add(said, "");
	return r;
}

/* The same with the steps, and what these said instead. */
static int whole(const struct values *v, struct str *said, struct err *ret_err)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv notices = STRV_INIT;
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	int r = 0;

	open_scene(&s, true, v);
	r = held_plan(s.setup, false, &notices, ret_err);
	if (r == 0)
		r = held_begin(s.setup, ret_err);
	if (r == 0)
		r = once_run(s.setup, true, &lines, &lines, ret_err);
	str_reset(said);
	for (size_t i = 0; i < lines.count; i++)
		str_addf(said, "%s\n", lines.items[i]);
	str_add(said, "");
	return r;
}

static char *remembered(void)
{
	char *text = scene_get(base, "var/lib/pgha/secrets");

	assert_non_null(text);
	return text;
}

static void first_installation(bool store)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	assert_ok(begin(&old, store, NULL, &said, &err));
	assert_string_equal("", said.buf);
}

static void the_first_installation_remembers_no_value(void **state)
{
	cleanup_free char *text = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	first_installation(true);
	text = remembered();
	assert_contains(text, "FIXED pbkdf2-sha256:1000:");
	assert_contains(text, "\nOWN pbkdf2-sha256:1000:");
	assert_contains(text, "\nFIXED_TOO pbkdf2-sha256:1000:");
	assert_null(strstr(text, "password"));
	assert_null(strstr(text, "BASE"));
	assert_ok(path_join(base, "var/lib/pgha/secrets", &path, &err));
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0600, st.st_mode & 07777);
}

static void nothing_new_writes_nothing(void **state)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	(void)state;
	first_installation(true);
	before = remembered();
	first_installation(true);
	after = remembered();
	assert_string_equal(before, after);
}

static void a_change_without_a_step_is_refused_with_what_to_do(void **state)
{
	const struct values v = { .own = NEW, .shared = OLD, .fixed = NEW, .plain = OLD };
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct err err = ERR_INIT;

	(void)state;
	first_installation(true);
	before = remembered();
	assert_fails(ERR_CONFIG, begin(&v, true, NULL, &said, &err));
	assert_contains(err.msg, "'FIXED' changed");
	assert_contains(err.msg, "service 'store'");
	assert_contains(err.msg, "--accept-change FIXED");
	assert_contains(err.detail, "by hand: turn the key");
	assert_contains(err.detail, "la clé");
	assert_null(strstr(err.msg, "password"));
	after = remembered();
	assert_string_equal(before, after);
}

static void what_another_node_s_service_holds_is_refused_too(void **state)
{
	const struct values v = { .shared = OLD, .fixed = NEW, .plain = OLD };
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	first_installation(false);
	assert_fails(ERR_CONFIG, begin(&v, false, NULL, &said, &err));
	assert_contains(err.msg, "'FIXED' changed");
}

static void a_change_that_was_made_by_hand_is_accepted_once_and_remembered(void **state)
{
	const struct values v = { .own = OLD, .shared = OLD, .fixed = NEW, .plain = OLD };
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	first_installation(true);
	assert_fails(ERR_CONFIG, begin(&v, true, "OWN,FIXED_TOO", &said, &err));
	assert_ok(begin(&v, true, "OWN,FIXED", &said, &err));
	assert_ok(begin(&v, true, NULL, &said, &err));
	assert_string_equal("", said.buf);
	assert_fails(ERR_CONFIG, begin(&old, true, NULL, &said, &err));
}

static void only_a_secret_of_the_bundle_can_be_accepted(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_USAGE, begin(&old, true, "FIXED,BASE", &said, &err));
	assert_contains(err.msg, "'BASE'");
}

static void what_nobody_holds_may_change(void **state)
{
	const struct values v = { .own = OLD, .shared = OLD, .fixed = OLD, .plain = NEW };
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct err err = ERR_INIT;

	(void)state;
	first_installation(true);
	before = remembered();
	assert_ok(begin(&v, true, NULL, &said, &err));
	assert_string_equal("", said.buf);
	after = remembered();
	assert_string_not_equal(before, after);
}

static void a_node_without_the_holder_takes_the_change_and_says_who_makes_it(void **state)
{
	const struct values v = { .shared = NEW, .fixed = OLD, .plain = OLD };
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	first_installation(false);
	assert_ok(begin(&v, false, NULL, &said, &err));
	assert_contains(said.buf, "SHARED changes");
	assert_contains(said.buf, "service 'store'");
	text = remembered();
	assert_null(strstr(text, " changing"));
}

static void known(const char *text)
{
	scene_put(base, "known", text);
}

static void assert_runs(const char *expected)
{
	cleanup_free char *runs = scene_get(base, "known.runs");

	assert_string_equal(expected, runs ? runs : "");
}

static const struct values changed = { .own = NEW, .shared = OLD, .fixed = OLD, .plain = OLD };

static void a_step_runs_where_the_secret_changed_and_only_there(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(base, "leads", "");
	known("whatever somebody else made of it\n");
	assert_ok(whole(&old, &said, &err));
	assert_string_equal("", said.buf);
	assert_runs("");
	assert_ok(whole(&changed, &said, &err));
	assert_string_equal("store: new passwords\n", said.buf);
	assert_runs("x\n");
	text = scene_get(base, "known");
	assert_string_equal(NEW " " OLD "\n", text);
	known("whatever\n");
	assert_ok(whole(&changed, &said, &err));
	assert_string_equal("", said.buf);
	assert_runs("x\n");
}

static void the_plan_says_which_step_will_run(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	first_installation(true);
	assert_ok(begin(&changed, true, NULL, &said, &err));
	assert_contains(said.buf, "OWN changes");
	assert_contains(said.buf, "\nstore: new passwords\n");
}

static void a_node_that_may_not_make_the_change_waits_until_another_has(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	known(OLD " " OLD "\n");
	assert_ok(whole(&old, &said, &err));
	assert_ok(whole(&changed, &said, &err));
	assert_string_equal("l: pending: new passwords waits for leads\n", said.buf);
	text = remembered();
	assert_contains(text, " changing\n");
	assert_runs("");
	known(NEW " " OLD "\n");
	assert_ok(whole(&changed, &said, &err));
	assert_string_equal("", said.buf);
	assert_runs("");
	free(text);
	text = remembered();
	assert_null(strstr(text, " changing"));
}

static void a_change_that_was_cut_short_is_looked_after_by_the_next_run(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(base, "leads", "");
	assert_ok(whole(&old, &said, &err));
	/* Killed after the store had the new one; then a bundle brings the old one back. */
	assert_ok(begin(&changed, true, NULL, &said, &err));
	known(NEW " " OLD "\n");
	assert_ok(whole(&old, &said, &err));
	assert_string_equal("store: new passwords\n", said.buf);
	assert_ok(whole(&old, &said, &err));
	assert_string_equal("", said.buf);
	assert_runs("x\n");
}

static void a_step_that_changed_nothing_is_a_failure(void **state)
{
	CLEANUP(str_release) struct str said = STR_INIT;
	cleanup_free char *text = NULL;
	cleanup_free char *dir = NULL;
	struct err err = ERR_INIT;

	(void)state;
	scene_put(base, "leads", "");
	known(OLD " " OLD "\n");
	assert_ok(whole(&old, &said, &err));
	assert_ok(path_join(base, "known", &dir, &err));
	assert_int_equal(0, unlink(dir));
	assert_int_equal(0, symlink("/dev/null", dir));
	assert_fails(ERR_FAILED, whole(&changed, &said, &err));
	assert_contains(err.msg, "step 'new passwords'");
	text = remembered();
	assert_contains(text, " changing\n");
}

static void a_damaged_memory_is_told(void **state)
{
	static const char *const bad[] = { "OWN\n", "OWN rot13:avpgvat\n" };
	CLEANUP(str_release) struct str said = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		scene_put(base, "var/lib/pgha/secrets", bad[i]);
		assert_fails(ERR_FAILED, begin(&old, true, NULL, &said, &err));
		assert_contains(err.msg, "/var/lib/pgha/secrets'");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_installation_remembers_no_value),
		TEST(nothing_new_writes_nothing),
		TEST(a_change_without_a_step_is_refused_with_what_to_do),
		TEST(what_another_node_s_service_holds_is_refused_too),
		TEST(a_change_that_was_made_by_hand_is_accepted_once_and_remembered),
		TEST(only_a_secret_of_the_bundle_can_be_accepted),
		TEST(what_nobody_holds_may_change),
		TEST(a_node_without_the_holder_takes_the_change_and_says_who_makes_it),
		TEST(the_plan_says_which_step_will_run),
		TEST(a_step_runs_where_the_secret_changed_and_only_there),
		TEST(a_node_that_may_not_make_the_change_waits_until_another_has),
		TEST(a_change_that_was_cut_short_is_looked_after_by_the_next_run),
		TEST(a_step_that_changed_nothing_is_a_failure),
		TEST(a_damaged_memory_is_told),
	};

	verifier_iterations = 1000; /* there are many of them */
	return RUN_TESTS(tests);
}
