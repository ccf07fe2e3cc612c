/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <solv/testcase.h>

#include "solve.h"

/* Repositories in libsolv's own text form, one line a fact: =Pkg: name version release arch. */
static char requested[] = "requested";
static char place[] = "b:1:1";

struct setup {
	struct solve solve;
	struct repofile_repo sources[2];
	struct metadata_repo repos[2];
	struct modules *modules;
	struct str block; /* of the modules */
	struct definition_requests requests;
	struct solve_result result;
	struct err err;
};

static int set_up(void **state)
{
	struct setup *s = calloc(1, sizeof(*s));
	struct err err = ERR_INIT;

	assert_non_null(s);
	assert_ok(solve_init(&s->solve, "x86_64", &err));
	for (size_t i = 0; i < ARRAY_SIZE(s->repos); i++) {
		s->sources[i].priority = 99;
		s->sources[i].cost = 1000;
		s->repos[i].source = &s->sources[i];
	}
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct setup *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(s->repos); i++) {
		strv_release(&s->sources[i].includepkgs);
		strv_release(&s->sources[i].excludepkgs);
	}
	solve_result_release(&s->result);
	solve_release(&s->solve);
	modules_free(s->modules);
	str_release(&s->block);
	free(s->requests.items);
	free(s);
	return 0;
}

static void add_repo(struct setup *s, size_t i, const char *text)
{
	cleanup_fclose FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(in);
	s->repos[i].repo = repo_create(s->solve.pool, i ? "second" : "first");
	s->repos[i].repo->priority = -s->sources[i].priority;
	assert_int_equal(testcase_add_testtags(s->repos[i].repo, in, 0), 0);
}

static void add_to(struct strv *list, const char *item)
{
	struct err err = ERR_INIT;

	assert_ok(strv_add(list, item, &err));
}

/* A module stream that nobody enables has ARTIFACT. */
static void add_artifact(struct setup *s, const char *artifact)
{
	static const char format[] =
		"document: modulemd\nversion: 2\n"
		"data: {name: m, stream: '1', version: 1, context: c, arch: x86_64, summary: s,\n"
		"  description: d, license: {module: [MIT]}, artifacts: {rpms: ['%s']}}\n";
	CLEANUP(strv_release) struct strv none = STRV_INIT;
	cleanup_free char *text = NULL;
	cleanup_fclose FILE *in = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&text, &err, format, artifact));
	in = fmemopen(text, strlen(text), "r");
	assert_non_null(in);
	assert_ok(modules_new("platform:el8", "x86_64", &s->modules, &err));
	assert_ok(modules_compile("modules.yaml", in, &s->block, &err));
	assert_ok(modules_add(s->modules, "first", s->block.buf, s->block.len, &err));
	assert_ok(modules_resolve(s->modules, &none, &none, "b:1:1", &none, &err));
}

/* Solves for NAMES, which end with NULL and are borrowed. */
static int run(struct setup *s, const char *const *names)
{
	struct metadata md = { .repos = s->repos, .count = s->repos[1].repo ? 2 : 1 };
	struct err err = ERR_INIT;

	s->err = (struct err)ERR_INIT;
	s->requests.items = calloc(8, sizeof(*s->requests.items));
	assert_non_null(s->requests.items);
	for (; *names; names++)
		s->requests.items[s->requests.count++] = (struct definition_request){
			.name = (char *)(uintptr_t)*names, .reason = requested, .where = place
		};
	assert_ok(solve_prepare(&s->solve, &md, s->modules, &err));
	return solve_run(&s->solve, &s->requests, NULL, &s->result, &s->err);
}

#define RUN(s, ...) run((s), (const char *const[]){ __VA_ARGS__, NULL })

/* The result as "nevra <- reason" lines. */
static void assert_result(const struct setup *s, const char *want)
{
	CLEANUP(str_release) struct str got = STR_INIT;

	for (size_t i = 0; i < s->result.count; i++)
		str_addf(&got, "%s <- %s\n", s->result.items[i].nevra, s->result.items[i].reason);
	assert_string_equal(got.buf ? got.buf : s->err.msg, want);
}

static void the_newest_is_chosen_with_what_it_requires_and_no_more(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: app 1 1 x86_64\n"
		 "=Pkg: app 10 1 x86_64\n=Req: lib >= 2\n=Req: /usr/bin/tool\n=Rec: extra\n"
		 "=Pkg: app 10 1 i686\n"
		 "=Pkg: lib 1:2 1 x86_64\n=Req: base\n"
		 "=Pkg: tools 1 1 noarch\n=Prv: /usr/bin/tool\n=Req: base\n"
		 "=Pkg: base 1 1 x86_64\n"
		 "=Pkg: extra 1 1 x86_64\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-10-1.x86_64 <- requested\n"
			 "base-1-1.x86_64 <- package lib-1:2-1.x86_64\n"
			 "lib-1:2-1.x86_64 <- package app-10-1.x86_64\n"
			 "tools-1-1.noarch <- package app-10-1.x86_64\n");
}

static void a_better_priority_beats_a_newer_version(void **state)
{
	struct setup *s = *state;

	s->sources[1].priority = 10;
	add_repo(s, 0, "=Pkg: app 2 1 x86_64\n");
	add_repo(s, 1, "=Pkg: app 1 1 x86_64\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-1-1.x86_64 <- requested\n");
}

static void the_best_or_nothing(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: app 1 1 x86_64\n"
		 "=Pkg: app 2 1 x86_64\n=Req: absent\n");
	assert_int_equal(RUN(s, "app"), -ERR_NETWORK);
	assert_contains(s->err.msg,
			"app-2-1.x86_64 (first) requires absent, which no repository has");
}

static void an_obsoleting_package_takes_the_place_of_the_named_one(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: old 1 1 x86_64\n"
		 "=Pkg: new 1 1 x86_64\n=Obs: old < 2\n=Prv: old = 2\n");
	assert_int_equal(RUN(s, "old"), 0);
	assert_result(s, "new-1-1.x86_64 <- requested\n");
}

static void two_architectures_of_one_package_stand_beside_each_other(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: app 1 1 x86_64\n=Req: wide\n=Req: narrow\n"
		 "=Pkg: lib 1 1 x86_64\n=Prv: wide\n"
		 "=Pkg: lib 1 1 i686\n=Prv: narrow\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-1-1.x86_64 <- requested\n"
			 "lib-1-1.i686 <- package app-1-1.x86_64\n"
			 "lib-1-1.x86_64 <- package app-1-1.x86_64\n");
}

static void packages_are_obsoleted_by_name_and_not_by_what_they_provide(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: app 1 1 x86_64\n=Prv: capability = 1\n"
		 "=Pkg: new 1 1 x86_64\n=Obs: capability\n");
	assert_int_equal(RUN(s, "app", "new"), 0);
	assert_result(s, "app-1-1.x86_64 <- requested\n"
			 "new-1-1.x86_64 <- requested\n");
}

static void boolean_dependencies_are_reasons_but_their_conditions_are_not(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: app 1 1 x86_64\n"
		 "=Req: (one | other)\n=Req: ((three <IF> four) & two)\n=Req: zoo\n"
		 "=Pkg: one 1 1 x86_64\n"
		 "=Pkg: two 1 1 x86_64\n"
		 "=Pkg: three 1 1 x86_64\n"
		 "=Pkg: four 1 1 x86_64\n"
		 "=Pkg: zoo 1 1 x86_64\n=Req: four\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-1-1.x86_64 <- requested\n"
			 "four-1-1.x86_64 <- package zoo-1-1.x86_64\n"
			 "one-1-1.x86_64 <- package app-1-1.x86_64\n"
			 "three-1-1.x86_64 <- package app-1-1.x86_64\n"
			 "two-1-1.x86_64 <- package app-1-1.x86_64\n"
			 "zoo-1-1.x86_64 <- package app-1-1.x86_64\n");
}

static void no_epoch_is_epoch_0(void **state)
{
	struct setup *s = *state;

	add_to(&s->sources[0].excludepkgs, "app-0:2-1");
	add_repo(s, 0, "=Pkg: app 2 1 x86_64\n=Pkg: app 1 1 x86_64\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-1-1.x86_64 <- requested\n");
}

static void includes_and_excludes_take_every_form_of_a_name(void **state)
{
	static const char *const forms[] = { "app",
					     "a?p",
					     "app.x86_64",
					     "app-2",
					     "app-1:2",
					     "app-2-1",
					     "app-1:2-1",
					     "app-2-1.x86_64",
					     "app-1:2-1.x86_64",
					     "*-2-1.x86*",
					     "[a-b]pp-1:2-*",
					     "app-2-1.*" };
	static const char *const others[] = { "ap",    "app-2.x86_64", "app-0:2-1", "app-1",
					      "app-3", "APP",          "app.noarch" };

	for (size_t i = 0; i < ARRAY_SIZE(forms) + ARRAY_SIZE(others); i++) {
		bool hides = i < ARRAY_SIZE(forms);
		const char *form = hides ? forms[i] : others[i - ARRAY_SIZE(forms)];
		struct setup *s = NULL;

		tear_down(state);
		set_up(state);
		s = *state;
		add_to(&s->sources[0].excludepkgs, form);
		add_repo(s, 0, "=Pkg: app 1:2 1 x86_64\n");
		if (RUN(s, "app") != (hides ? -ERR_NETWORK : 0))
			fail_msg("'%s' %s", form, hides ? "hides nothing" : "hides the package");
		if (hides)
			assert_contains(s->err.msg, "cludepkgs=");
	}
}

static void includes_hold_for_their_own_repository(void **state)
{
	struct setup *s = *state;

	add_to(&s->sources[0].includepkgs, "app");
	add_repo(s, 0, "=Pkg: app 1 1 x86_64\n=Req: lib\n=Pkg: lib 2 1 x86_64\n");
	add_repo(s, 1, "=Pkg: app 2 1 x86_64\n=Req: lib\n=Pkg: lib 1 1 x86_64\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-2-1.x86_64 <- requested\n"
			 "lib-1-1.x86_64 <- package app-2-1.x86_64\n");
}

static void module_streams_are_hidden_but_for_hotfix_repositories(void **state)
{
	struct setup *s = *state;

	add_artifact(s, "app-1:2-1.x86_64");
	add_repo(s, 0, "=Pkg: app 1:2 1 x86_64\n=Pkg: app 1 1 x86_64\n");
	add_repo(s, 1, "=Pkg: app 1:2 1 x86_64\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-1-1.x86_64 <- requested\n");

	tear_down(state);
	set_up(state);
	s = *state;
	add_artifact(s, "app-1:2-1.x86_64");
	s->sources[1].module_hotfixes = true;
	add_repo(s, 0, "=Pkg: app 1:2 1 x86_64\n=Pkg: app 1 1 x86_64\n");
	add_repo(s, 1, "=Pkg: app 1:2 1 x86_64\n");
	assert_int_equal(RUN(s, "app"), 0);
	assert_result(s, "app-1:2-1.x86_64 <- requested\n");
	assert_string_equal(
		pool_id2solvable(s->solve.pool, s->result.items[0].solvable)->repo->name, "second");
}

static void what_is_not_there_is_told_with_help(void **state)
{
	static const struct {
		const char *name;
		const char *says;
	} cases[] = {
		{ "haproxi", "b:1:1: no package 'haproxi' (requested) in any repository (did you "
			     "mean 'haproxy'?)" },
		{ "zzzzzzzz", "no package 'zzzzzzzz' (requested) in any repository" },
		{ "modular", "it belongs to m:1, and that stream is not enabled" },
		{ "foreign", "it is there for aarch64 only, which the platform does not run" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setup *s = NULL;
		char said[sizeof(s->err.msg) + sizeof(s->err.detail)];

		tear_down(state);
		set_up(state);
		s = *state;
		add_artifact(s, "modular-0:1-1.x86_64");
		add_repo(s, 0,
			 "=Pkg: haproxy 1 1 x86_64\n=Prv: capability\n"
			 "=Pkg: modular 1 1 x86_64\n"
			 "=Pkg: foreign 1 1 aarch64\n"
			 "=Pkg: foreign 1 1 src\n");
		assert_int_equal(RUN(s, cases[i].name), -ERR_NETWORK);
		snprintf(said, sizeof(said), "%s\n%s", s->err.msg, s->err.detail);
		assert_contains(said, cases[i].says);
	}
}

/* What dnf's "install" understands, and what it chooses. */
static void a_request_has_many_forms(void **state)
{
	static const struct {
		const char *name;
		const char *chosen; /* NULL: not there */
	} cases[] = {
		{ "app", "app-1:2-1.x86_64" },
		{ "app.i686", "app-1:3-1.i686" },
		{ "app-1", "app-1-1.x86_64" },
		{ "app-1-1", "app-1-1.x86_64" },
		{ "app-0:1", "app-1-1.x86_64" },
		{ "app-01", "app-1-1.x86_64" },
		{ "app-1:2-1.x86_64", "app-1:2-1.x86_64" },
		{ "app-2-1.x86_64", "app-1:2-1.x86_64" },
		{ "app-0:2-1.x86_64", NULL },
		{ "app-3-1.x86_64", NULL },
		{ "app-2-?.x86*", "app-1:2-1.x86_64" },
		{ "[a]pp-1-*", "app-1-1.x86_64" },
		{ "app = 1", "app-1-1.x86_64" },
		{ "app = 1-1", "app-1-1.x86_64" },
		{ "app < 1:0", "app-1-1.x86_64" },
		{ "app <= 1:2-1", "app-1:2-1.x86_64" },
		{ "app > 1-1", "app-1:2-1.x86_64" },
		{ "app  >=  1:2", "app-1:2-1.x86_64" },
		{ "app >= 1:4", NULL },
		{ "app >", NULL },
		{ "capability", "other-1-1.noarch" },
		{ "capability >= 7", "other-1-1.noarch" },
		{ "capability >= 8", NULL },
		{ "lib.so.5()(64bit)", "other-1-1.noarch" },
		{ "lib*.so.[5]()(64bit)", "other-1-1.noarch" },
		{ "cap*ity >= 7", "other-1-1.noarch" },
		{ "cap*ity > 7", NULL },
		{ "capability <> 1", NULL },
		{ "/usr/bin/other", "other-1-1.noarch" },
		{ "*/bin/oth?r", "other-1-1.noarch" },
		{ "APP", NULL },
		{ "old", "new-1-1.x86_64" },
		{ "ol?", "new-1-1.x86_64" },
		{ "old-1", "old-1-1.x86_64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setup *s = NULL;
		int r = 0;

		tear_down(state);
		set_up(state);
		s = *state;
		add_repo(s, 0,
			 "=Pkg: app 1 1 x86_64\n=Pkg: app 1:2 1 x86_64\n=Pkg: app 1:3 1 i686\n"
			 "=Pkg: other 1 1 noarch\n=Prv: capability = 7\n"
			 "=Prv: lib.so.5()(64bit)\n=Prv: /usr/bin/other\n"
			 "=Pkg: old 1 1 x86_64\n=Pkg: new 1 1 x86_64\n=Obs: old\n=Prv: old\n");
		r = RUN(s, cases[i].name);
		if (!cases[i].chosen && r == 0)
			fail_msg("'%s' gives %s", cases[i].name, s->result.items[0].nevra);
		if (cases[i].chosen && (r || s->result.count != 1 ||
					strcmp(s->result.items[0].nevra, cases[i].chosen)))
			fail_msg("'%s' gives %s, not %s", cases[i].name,
				 r ? s->err.msg : s->result.items[0].nevra, cases[i].chosen);
	}
}

static void a_pattern_takes_every_name_and_an_architecture_pattern_every_one(void **state)
{
	static const char packages[] = "=Pkg: app-a 1 1 x86_64\n=Pkg: app-a 2 1 x86_64\n"
				       "=Pkg: app-b 1 1 x86_64\n=Pkg: lib 1 1 x86_64\n"
				       "=Pkg: lib 1 1 i686\n";
	struct setup *s = *state;

	add_repo(s, 0, packages);
	assert_int_equal(RUN(s, "app-*"), 0);
	assert_result(s, "app-a-2-1.x86_64 <- requested\napp-b-1-1.x86_64 <- requested\n");
	tear_down(state);
	set_up(state);
	s = *state;
	add_repo(s, 0, packages);
	assert_int_equal(RUN(s, "lib.*"), 0);
	assert_result(s, "lib-1-1.i686 <- requested\nlib-1-1.x86_64 <- requested\n");
}

static void a_conflict_is_told_in_words(void **state)
{
	struct setup *s = *state;

	add_repo(s, 0,
		 "=Pkg: one 1 1 x86_64\n=Con: two\n"
		 "=Pkg: two 1 1 x86_64\n");
	assert_int_equal(RUN(s, "one", "two"), -ERR_NETWORK);
	assert_contains(s->err.msg,
			"one-1-1.x86_64 (first) conflicts with two-1-1.x86_64 (first) (as 'two')");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_is_chosen_with_what_it_requires_and_no_more),
		TEST(a_better_priority_beats_a_newer_version),
		TEST(the_best_or_nothing),
		TEST(an_obsoleting_package_takes_the_place_of_the_named_one),
		TEST(two_architectures_of_one_package_stand_beside_each_other),
		TEST(packages_are_obsoleted_by_name_and_not_by_what_they_provide),
		TEST(boolean_dependencies_are_reasons_but_their_conditions_are_not),
		TEST(no_epoch_is_epoch_0),
		TEST(includes_and_excludes_take_every_form_of_a_name),
		TEST(includes_hold_for_their_own_repository),
		TEST(module_streams_are_hidden_but_for_hotfix_repositories),
		TEST(what_is_not_there_is_told_with_help),
		TEST(a_request_has_many_forms),
		TEST(a_pattern_takes_every_name_and_an_architecture_pattern_every_one),
		TEST(a_conflict_is_told_in_words),
	};

	return RUN_TESTS(tests);
}
