/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <solv/testcase.h>

#include "solve.h"

#define WORDS_MAX 8

static const struct {
	const char *what;
	const char *repo;  /* libsolv's text form: =Pkg: name version release arch */
	const char *other; /* a second repository; or NULL */
	const char *requests[WORDS_MAX];
	const char *keep[WORDS_MAX];
	const char *take[WORDS_MAX];
	const char *result; /* NEVRAs */
} cases[] = {
	{ "a kept package stays when there is a newer one",
	  "=Pkg: app 1 1 x86_64\n=Req: lib\n=Pkg: app 2 1 x86_64\n=Req: lib\n"
	  "=Pkg: lib 1 1 x86_64\n=Pkg: lib 2 1 x86_64\n",
	  NULL,
	  { "app" },
	  { "app-1-1.x86_64" },
	  { NULL },
	  "app-1-1.x86_64 lib-2-1.x86_64 " },
	{ "what is taken moves, and of the kept ones only what it needs",
	  "=Pkg: app 1 1 x86_64\n=Req: lib\n=Req: tool\n=Pkg: app 2 1 x86_64\n=Req: lib >= 2\n"
	  "=Req: tool\n=Pkg: lib 1 1 x86_64\n=Pkg: lib 2 1 x86_64\n=Pkg: tool 1 1 x86_64\n"
	  "=Pkg: tool 2 1 x86_64\n",
	  NULL,
	  { "app" },
	  { "lib-1-1.x86_64", "tool-1-1.x86_64" },
	  { "app-2-1.x86_64" },
	  "app-2-1.x86_64 lib-2-1.x86_64 tool-1-1.x86_64 " },
	{ "a chain moves link by link, each to the newest",
	  "=Pkg: app 1 1 x86_64\n=Req: b\n=Pkg: app 2 1 x86_64\n=Req: b >= 2\n"
	  "=Pkg: b 3 1 x86_64\n=Req: c >= 2\n"
	  "=Pkg: b 1 1 x86_64\n=Req: c\n=Pkg: b 2 1 x86_64\n=Req: c\n"
	  "=Pkg: c 1 1 x86_64\n=Pkg: c 2 1 x86_64\n=Pkg: d 1 1 x86_64\n=Pkg: d 2 1 x86_64\n",
	  NULL,
	  { "app", "d" },
	  { "b-1-1.x86_64", "c-1-1.x86_64", "d-1-1.x86_64" },
	  { "app-2-1.x86_64" },
	  "app-2-1.x86_64 b-3-1.x86_64 c-2-1.x86_64 d-1-1.x86_64 " },
	{ "a new package comes in a version that leaves the kept ones alone",
	  "=Pkg: app 2 1 x86_64\n=Req: new\n=Pkg: new 1 1 x86_64\n=Req: lib\n"
	  "=Pkg: new 2 1 x86_64\n=Req: lib >= 2\n=Pkg: lib 1 1 x86_64\n=Pkg: lib 2 1 x86_64\n",
	  NULL,
	  { "app" },
	  { "lib-1-1.x86_64" },
	  { "app-2-1.x86_64" },
	  "app-2-1.x86_64 lib-1-1.x86_64 new-1-1.x86_64 " },
	{ "another package that obsoletes a kept one does not take its place",
	  "=Pkg: app 1 1 x86_64\n=Req: lib\n=Pkg: lib 1 1 x86_64\n"
	  "=Pkg: heir 1 1 x86_64\n=Obs: lib\n=Prv: lib\n=Pkg: app2 1 1 x86_64\n=Obs: app\n",
	  NULL,
	  { "app" },
	  { "app-1-1.x86_64", "lib-1-1.x86_64" },
	  { NULL },
	  "app-1-1.x86_64 lib-1-1.x86_64 " },
	{ "nor does one that provides the same",
	  "=Pkg: app 1 1 x86_64\n=Req: x\n=Pkg: a 9 1 x86_64\n=Prv: x\n=Pkg: z 1 1 x86_64\n"
	  "=Prv: x\n",
	  NULL,
	  { "app" },
	  { "app-1-1.x86_64", "z-1-1.x86_64" },
	  { NULL },
	  "app-1-1.x86_64 z-1-1.x86_64 " },
	{ "what nothing needs any more goes",
	  "=Pkg: app 1 1 x86_64\n=Req: lib\n=Pkg: app 2 1 x86_64\n=Pkg: lib 1 1 x86_64\n",
	  NULL,
	  { "app" },
	  { "lib-1-1.x86_64" },
	  { "app-2-1.x86_64" },
	  "app-2-1.x86_64 " },
	{ "a kept package stays when a repository of better priority has another",
	  "=Pkg: app 1 1 x86_64\n",
	  "=Pkg: app 1 2 x86_64\n",
	  { "app" },
	  { "app-1-1.x86_64" },
	  { NULL },
	  "app-1-1.x86_64 " },
	{ "two versions beside each other stay both",
	  "=Pkg: app 1 1 x86_64\n=Req: kernel = 1\n=Req: kernel = 2\n"
	  "=Pkg: kernel 1 1 x86_64\n=Pkg: kernel 2 1 x86_64\n=Pkg: kernel 3 1 x86_64\n",
	  NULL,
	  { "app" },
	  { "kernel-1-1.x86_64", "kernel-2-1.x86_64" },
	  { NULL },
	  "app-1-1.x86_64 kernel-1-1.x86_64 kernel-2-1.x86_64 " },
};

static void add_repo(Pool *pool, const char *name, const char *text, int priority)
{
	cleanup_fclose FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	Repo *repo = repo_create(pool, name);

	assert_non_null(in);
	repo->priority = priority;
	assert_int_equal(testcase_add_testtags(repo, in, 0), 0);
}

static void find(Pool *pool, const char *const *nevras, Queue *ret)
{
	queue_init(ret);
	for (; *nevras; nevras++) {
		Id p = 0;
		int before = ret->count;

		FOR_POOL_SOLVABLES(p)
			if (!strcmp(pool_solvid2str(pool, p), *nevras))
				queue_push(ret, p);
		assert_int_equal(ret->count, before + 1);
	}
}

static void check(size_t i)
{
	CLEANUP(str_release) struct str got = STR_INIT;
	struct definition_request items[WORDS_MAX] = { 0 };
	struct definition_requests requests = { .items = items };
	struct solve_result result = { .items = NULL };
	struct solve_options options = { .weak_deps = false };
	struct metadata md = METADATA_INIT;
	struct err err = ERR_INIT;
	struct solve solve;
	Queue keep, take;

	assert_ok(solve_init(&solve, "x86_64", &err));
	add_repo(solve.pool, "first", cases[i].repo, -99);
	if (cases[i].other)
		add_repo(solve.pool, "second", cases[i].other, -10);
	assert_ok(solve_prepare(&solve, &md, NULL, &err));
	find(solve.pool, cases[i].keep, &keep);
	find(solve.pool, cases[i].take, &take);
	options.keep = &keep;
	options.take = &take;
	for (; cases[i].requests[requests.count]; requests.count++)
		items[requests.count] = (struct definition_request){
			.name = (char *)(uintptr_t)cases[i].requests[requests.count],
			.reason = (char *)(uintptr_t) "requested",
			.where = (char *)(uintptr_t) "b:1:1"
		};
	if (solve_run(&solve, &requests, &options, &result, &err) < 0)
		fail_msg("%s: %s\n%s", cases[i].what, err.msg, err.detail);
	for (size_t k = 0; k < result.count; k++)
		str_addf(&got, "%s ", result.items[k].nevra);
	if (strcmp(got.buf, cases[i].result) != 0)
		fail_msg("%s: %s", cases[i].what, got.buf);
	solve_result_release(&result);
	queue_free(&keep);
	queue_free(&take);
	solve_release(&solve);
}

static void kept_packages_stay_unless_something_needs_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_packages_stay_unless_something_needs_another),
	};

	return RUN_TESTS(tests);
}
