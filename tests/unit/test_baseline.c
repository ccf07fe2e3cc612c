/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <solv/solver.h>

#include <solv/testcase.h>

#include "baseline.h"
#include "compat.h"
#include "file.h"
#include "solve.h"

static char requested[] = "requested";
static char place[] = "b:1:1";
static char el8[] = "platform:el8";
static char x86_64[] = "x86_64";

/* What a host has in the cases below, in full. */
static const char host[] = "=Platform: platform:el8\n"
			   "=Pkg: app 0 1 1.el8 x86_64\n"
			   "=Ven: Somebody\n"
			   "=Prv: app = 1-1.el8\n"
			   "=Req: lib = 0:1-1.el8\n"
			   "=Req: rpmlib(FileDigests) <= 4.6.0-1\n"
			   "=Req: (one or lib)\n"
			   "(none)(none)=Fil: /usr/bin/app\n"
			   "=Fil: /\n"
			   "=Pkg: gpg-pubkey (none) 1 1 (none)\n"
			   "=Ven: nobody\n"
			   "=Pkg: lib 0 1 1.el8 x86_64\n"
			   "=Pkg: stuck 0 1 1.el8 noarch\n"
			   "=Con: other\n";

static const char repository[] = "=Pkg: app 1 1.el8 x86_64\n=Req: lib = 1-1.el8\n"
				 "=Pkg: app 2 1.el8 x86_64\n=Req: lib = 2-1.el8\n"
				 "=Pkg: lib 1 1.el8 x86_64\n"
				 "=Pkg: lib 2 1.el8 x86_64\n"
				 "=Pkg: other 1 1.el8 x86_64\n"
				 "=Pkg: user 1 1.el8 x86_64\n=Req: lib\n=Rec: new\n=Rec: old\n"
				 "=Pkg: user2 1 1.el8 x86_64\n=Req: /usr/bin/app\n"
				 "=Pkg: new 1 1.el8 x86_64\n"
				 "=Pkg: old 1 1.el8 x86_64\n"
				 "=Pkg: epoch 3:1 1.el8 x86_64\n";

struct setup {
	struct solve solve;
	struct repofile_repo source;
	struct metadata_repo repo;
	struct metadata md;
	struct strv warnings;
	struct solve_result result;
	struct err err;
	char dir[64];
};

static int set_up(void **state)
{
	struct setup *s = calloc(1, sizeof(*s));
	cleanup_fclose FILE *in = fmemopen((void *)(uintptr_t)repository, strlen(repository), "r");
	struct err err = ERR_INIT;

	assert_non_null(s);
	strcpy(s->dir, "/tmp/pgha-baseline-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_ok(solve_init(&s->solve, "x86_64", &err));
	s->source.priority = 99;
	s->repo = (struct metadata_repo){ .source = &s->source };
	s->repo.repo = repo_create(s->solve.pool, "only");
	assert_int_equal(testcase_add_testtags(s->repo.repo, in, 0), 0);
	s->md = (struct metadata){ .repos = &s->repo, .count = 1 };
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct setup *s = *state;
	struct err err = ERR_INIT;

	solve_result_release(&s->result);
	solve_release(&s->solve);
	strv_release(&s->warnings);
	assert_ok(tree_remove(s->dir, &err));
	free(s);
	return 0;
}

static int load(struct setup *s, const char *text)
{
	const struct definition_platform platform = { .id = el8, .arch = x86_64 };
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(s->dir, "host.inv", &path, &err));
	assert_ok(file_write_atomic(path, 0644, text, strlen(text), &err));
	return baseline_load(s->solve.pool, path, &platform, &s->warnings, &s->err);
}

#define assert_loaded(call)                               \
	do {                                              \
		if ((call) != 0)                          \
			fail_msg("load: %s", s->err.msg); \
	} while (0)

static int solve_for(struct setup *s, const char *name, const struct solve_options *options)
{
	struct definition_request request = { .name = (char *)(uintptr_t)name,
					      .reason = requested,
					      .where = place };
	const struct definition_requests requests = { .items = &request, .count = 1 };
	struct err err = ERR_INIT;
	int r = 0;

	assert_ok(solve_prepare(&s->solve, &s->md, NULL, &err));
	r = solve_run(&s->solve, &requests, options, &s->result, &s->err);
	for (size_t i = 0; i < s->result.count; i++) /* REQUEST goes with this function */
		s->result.items[i].request = NULL;
	return r;
}

static void assert_result(const struct setup *s, const char *want)
{
	CLEANUP(str_release) struct str got = STR_INIT;

	for (size_t i = 0; i < s->result.count; i++)
		str_addf(&got, "%s <- %s\n", s->result.items[i].nevra, s->result.items[i].reason);
	assert_string_equal(got.buf ? got.buf : s->err.msg, want);
}

static void what_is_there_already_is_not_in_the_answer(void **state)
{
	struct setup *s = *state;

	assert_loaded(load(s, host));
	assert_int_equal(solve_for(s, "user", NULL), 0);
	assert_result(s, "user-1-1.el8.x86_64 <- requested\n");
}

static void a_file_of_the_host_fulfils_a_requirement(void **state)
{
	struct setup *s = *state;

	assert_loaded(load(s, host));
	assert_int_equal(solve_for(s, "user2", NULL), 0);
	assert_result(s, "user2-1-1.el8.x86_64 <- requested\n");
}

static void an_update_brings_along_what_hangs_on_it(void **state)
{
	struct setup *s = *state;

	assert_loaded(load(s, host));
	assert_int_equal(solve_for(s, "lib", NULL), 0);
	assert_result(s, "app-2-1.el8.x86_64 <- package lib-2-1.el8.x86_64\n"
			 "lib-2-1.el8.x86_64 <- requested\n");
}

static void what_the_host_conflicts_with_cannot_come(void **state)
{
	struct setup *s = *state;

	assert_loaded(load(s, host));
	assert_int_equal(solve_for(s, "other", NULL), -ERR_NETWORK);
	assert_contains(s->err.detail, "stuck-1-1.el8.noarch");
}

static void a_locked_package_stays_or_the_request_fails(void **state)
{
	struct setup *s = *state;
	char *patterns[] = { (char *)(uintptr_t) "li?", (char *)(uintptr_t) "absent" };
	const struct strv locked = { .items = patterns, .count = 2 };
	const struct solve_options options = { .locked = &locked, .warnings = &s->warnings };

	assert_loaded(load(s, host));
	assert_int_equal(solve_for(s, "app", &options), -ERR_NETWORK);
	assert_contains(s->err.detail, "lib-1-1.el8.x86_64");
	assert_int_equal(s->warnings.count, 1);
	assert_contains(s->warnings.items[0], "'absent' is locked, and the baseline has no such");
}

static void what_the_host_did_without_is_not_recommended_to_it_again(void **state)
{
	struct setup *s = *state;
	const struct solve_options weak = { .weak_deps = true };

	if (!COMPAT_SOLVER_EXCLUDEFROMWEAK)
		skip(); /* this libsolv cannot be told */
	/* Only "old" was there to be recommended, and somebody removed it. */
	assert_loaded(load(s, "=Pkg: app 0 1 1.el8 x86_64\n=Rec: old\n"));
	assert_int_equal(solve_for(s, "user", &weak), 0);
	assert_result(s, "lib-2-1.el8.x86_64 <- package user-1-1.el8.x86_64\n"
			 "new-1-1.el8.x86_64 <- package user-1-1.el8.x86_64\n"
			 "user-1-1.el8.x86_64 <- requested\n");
}

static void a_plain_list_is_looked_up_in_the_repositories(void **state)
{
	struct setup *s = *state;

	assert_loaded(load(s, "# rpm -qa\n"
			      "app-1-1.el8.x86_64\nlib-1-1.el8.x86_64\nepoch-1-1.el8.x86_64\n"
			      "gpg-pubkey-1-1\nforeign-1-1.el8.noarch\n"));
	assert_int_equal(s->warnings.count, 1);
	assert_contains(s->warnings.items[0], "1 of its 4 packages is in no repository");
	assert_int_equal(solve_for(s, "lib", NULL), 0);
	assert_result(s, "app-2-1.el8.x86_64 <- package lib-2-1.el8.x86_64\n"
			 "lib-2-1.el8.x86_64 <- requested\n");
	solve_result_release(&s->result);
	/* The epoch came from the repository: what is there is as new. */
	assert_int_equal(solve_for(s, "epoch", NULL), 0);
	assert_int_equal(s->result.count, 0);
}

static void what_is_no_inventory_of_this_platform_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "", "names no package: is it an inventory?" },
		{ "=Platform: platform:el9\n", "host.inv:1: this is a host of 'platform:el9', and "
					       "the definition is for 'platform:el8'" },
		{ "=Pkg: app 0 1 1 x86_64\n=Prv: base-module(platform:el9)\n",
		  "host.inv:2: this is a host of 'platform:el9'" },
		{ "redhat-release-9.4-0.5.el9.x86_64\n", "host.inv:1: this is a host of "
							 "'platform:el9'" },
		{ "=Pkg: app 0 1 1 aarch64\n", "a package of architecture 'aarch64', and the "
					       "definition is for 'x86_64'" },
		{ "app-1-1.ppc64le\n", "a package of architecture 'ppc64le'" },
		{ "=Pkg: app 1 1 x86_64\n", "host.inv:1: name, epoch, version, release and arch" },
		{ "=Pkg: app 0 1 1 x86_64 x\n", "host.inv:1: name, epoch, version" },
		{ "=Pkg: app  1 1 x86_64\n", "host.inv:1: name, epoch, version" },
		{ "=Pkg: app 0 1 1 x86_64\n=Req: (a if\n", "host.inv:2: not a dependency" },
		{ "=Pkg: app 0 1 1 x86_64\n=Fil: bin/app\n", "host.inv:2: an absolute path" },
		{ "=Pkg: app 0 1 1 x86_64\n=Xyz: 1\n", "host.inv:2: unknown kind of line" },
		{ "=Pkg\n", "host.inv:1: \"=Key: value\" is expected" },
		{ "app\n", "host.inv:1: name-version-release.arch is expected" },
		{ "pgha: 1\n", "host.inv:1: name-version-release.arch is expected" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setup *s = NULL;

		tear_down(state);
		set_up(state);
		s = *state;
		if (load(s, cases[i].text) != -ERR_CONFIG || !strstr(s->err.msg, cases[i].says))
			fail_msg("'%s': %s", cases[i].text, s->err.msg);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_already_is_not_in_the_answer),
		TEST(a_file_of_the_host_fulfils_a_requirement),
		TEST(an_update_brings_along_what_hangs_on_it),
		TEST(what_the_host_conflicts_with_cannot_come),
		TEST(a_locked_package_stays_or_the_request_fails),
		TEST(what_the_host_did_without_is_not_recommended_to_it_again),
		TEST(a_plain_list_is_looked_up_in_the_repositories),
		TEST(what_is_no_inventory_of_this_platform_is_refused),
	};

	return RUN_TESTS(tests);
}
