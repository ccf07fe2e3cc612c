/* SPDX-License-Identifier: Apache-2.0 */
#include "solve.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <solv/poolarch.h>
#include <solv/repo.h>

#include "cleanup.h"
#include "pkgspec.h"
#include "solve_private.h"
#include "str.h"

/* --- setting up --------------------------------------------------------------------------------- */

int solve_init(struct solve *solve, const char *arch, struct err *err)
{
	Pool *pool = pool_create();

	solve->pool = pool;
	map_init(&solve->modular, 0);
	pool_setdebugmask(pool, 0);
	/* A distribution builds libsolv for its own kind of packages: say ours. */
	if (pool_setdisttype(pool, DISTTYPE_RPM) < 0)
		return err_set(err, ERR_HOST, "this libsolv was built without rpm's rules");
	pool_set_flag(pool, POOL_FLAG_OBSOLETEUSESPROVIDES, 0);
	pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESPROVIDES, 0);
	pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1);
	/* Hidden packages stay known, so that a problem can name them. */
	pool_set_flag(pool, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1);
	pool_setarch(pool, arch);
	return 0;
}

static void forget_hidden(struct solve *solve)
{
	if (solve->pool && solve->pool->considered) {
		map_free(solve->pool->considered);
		free(steal_ptr(&solve->pool->considered));
	}
	map_free(&solve->modular);
}

void solve_release(struct solve *solve)
{
	forget_hidden(solve);
	if (solve->pool)
		pool_free(steal_ptr(&solve->pool));
}

/* --- hiding ------------------------------------------------------------------------------------- */

static bool match_any(Pool *pool, Id p, const struct strv *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (pkgspec_match(pool, p, patterns->items[i]))
			return true;
	return false;
}

static bool is_hotfix(const char *repo, void *arg)
{
	const struct metadata *md = arg;

	for (size_t i = 0; i < md->count; i++)
		if (md->repos[i].repo && !strcmp(md->repos[i].repo->name, repo))
			return md->repos[i].source->module_hotfixes;
	return false;
}

static int hide(struct solve *solve, struct err *err)
{
	const struct metadata *md = solve->metadata;
	Pool *pool = solve->pool;

	for (size_t i = 0; i < md->count; i++) {
		const struct repofile_repo *source = md->repos[i].source;
		Solvable *s = NULL;
		Id p = 0;

		if (!md->repos[i].repo ||
		    (!source->includepkgs.count && !source->excludepkgs.count))
			continue;
		FOR_REPO_SOLVABLES(md->repos[i].repo, p, s) {
			if ((source->includepkgs.count &&
			     !match_any(pool, p, &source->includepkgs)) ||
			    match_any(pool, p, &source->excludepkgs))
				MAPCLR(pool->considered, p);
		}
	}
	if (!solve->modules)
		return 0;
	return modules_hide(solve->modules, pool, is_hotfix, solve->metadata, pool->considered,
			    &solve->modular, err);
}

int solve_prepare(struct solve *solve, struct metadata *metadata, const struct modules *modules,
		  struct err *err)
{
	Pool *pool = solve->pool;
	int r = 0;

	forget_hidden(solve);
	map_init(&solve->modular, pool->nsolvables);
	pool->considered = calloc(1, sizeof(*pool->considered));
	if (!pool->considered)
		return err_nomem(err);
	map_init(pool->considered, pool->nsolvables);
	map_setall(pool->considered);
	solve->metadata = metadata;
	solve->modules = modules;
	solve->prepared = pool->nsolvables;
	r = hide(solve, err);
	if (r == 0)
		solve_refresh(solve);
	return r;
}

void solve_refresh(struct solve *solve)
{
	Pool *pool = solve->pool;

	map_grow(pool->considered, pool->nsolvables);
	map_grow(&solve->modular, pool->nsolvables);
	/* What came later are groups and advisories: no packages, and nothing may choose them. */
	for (Id p = solve->prepared; p < pool->nsolvables; p++)
		MAPCLR(pool->considered, p);
	pool_addfileprovides(pool);
	pool_createwhatprovides(pool);
	solve_files_assume(solve);
}

/* --- the answer --------------------------------------------------------------------------------- */

static int cmp_choice(const void *a, const void *b)
{
	return strcmp(((const struct solve_choice *)a)->nevra,
		      ((const struct solve_choice *)b)->nevra);
}

static int take_choices(Pool *pool, Solver *solver, struct solve_result *ret, struct err *err)
{
	Queue decisions;
	int r = 0;

	queue_init(&decisions);
	solver_get_decisionqueue(solver, &decisions);
	ret->items = calloc((size_t)decisions.count + 1, sizeof(*ret->items));
	if (!ret->items)
		r = err_nomem(err);
	for (int i = 0; r == 0 && i < decisions.count; i++) {
		Id p = decisions.elements[i];

		if (p <= 0 || p == SYSTEMSOLVABLE ||
		    pool_id2solvable(pool, p)->repo == pool->installed)
			continue;
		ret->items[ret->count].solvable = p;
		r = str_dup(&ret->items[ret->count++].nevra, solve_nevra(pool, p), err);
	}
	queue_free(&decisions);
	if (r == 0)
		qsort(ret->items, ret->count, sizeof(*ret->items), cmp_choice);
	return r;
}

/* --- solving --------------------------------------------------------------------------------------- */

/* The jobs of WANTS come first, one for each. For those in OLDER (or NULL) the best need not be had. */
static int make_jobs(Pool *pool, const struct solve_wants *wants,
		     const struct solve_options *options, const Map *older, Queue *jobs,
		     struct err *err)
{
	/* Several versions of these may be installed beside each other: dnf's installonlypkgs. */
	static const char *const installonly[] = {
		"kernel",
		"kernel-PAE",
		"installonlypkg(kernel)",
		"installonlypkg(kernel-module)",
		"installonlypkg(vm)",
		"multiversion(kernel)",
	};

	for (size_t i = 0; i < wants->count; i++) {
		const struct solve_want *want = &wants->items[i];
		bool any =
			(older && MAPTST(older, (int)i)) || solve_wants_kept(pool, want, options);
		int best = any ? 0 : SOLVER_FORCEBEST;

		if (want->dep)
			queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES | best,
				    want->dep);
		else
			queue_push2(
				jobs,
				SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF | SOLVER_SETARCH |
					SOLVER_SETEVR | best,
				pool_queuetowhatprovides(pool, (Queue *)(uintptr_t)&want->any_of));
	}
	for (size_t i = 0; i < ARRAY_SIZE(installonly); i++)
		queue_push2(jobs, SOLVER_MULTIVERSION | SOLVER_SOLVABLE_PROVIDES,
			    pool_str2id(pool, installonly[i], 1));
	solve_keep_jobs(pool, options, jobs);
	solve_weak_jobs(pool, options, jobs);
	return solve_lock_jobs(pool, options, jobs, err);
}

static Solver *make_solver(Pool *pool, const struct solve_options *options)
{
	static const int flags[] = {
		SOLVER_FLAG_ALLOW_DOWNGRADE,        SOLVER_FLAG_ALLOW_VENDORCHANGE,
		SOLVER_FLAG_DUP_ALLOW_VENDORCHANGE, SOLVER_FLAG_KEEP_ORPHANS,
		SOLVER_FLAG_BEST_OBEY_POLICY,       SOLVER_FLAG_YUM_OBSOLETES,
	};
	Solver *solver = solver_create(pool);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		solver_set_flag(solver, flags[i], 1);
	solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, !options->weak_deps);
	return solver;
}

/* The packages of an answer that may take older ones of what SOLVER's problems are about. */
static bool solve_older(struct solve *solve, Solver *solver, const struct solve_wants *wants,
			const struct solve_options *options, Map *ret)
{
	struct solve_options quiet = *options;
	struct err ignored = ERR_INIT;
	bool solved = false;
	Queue queue;
	Map blamed;

	quiet.warnings = NULL;
	queue_init(&queue);
	map_init(&blamed, (int)wants->count);
	solve_find_blamed(solve, solver, wants, &blamed);
	if (make_jobs(solve->pool, wants, &quiet, &blamed, &queue, &ignored) == 0) {
		CLEANUP(solver_freep) Solver *second = make_solver(solve->pool, options);

		solved = solver_solve(second, &queue) == 0;
		if (solved)
			solver_get_decisionqueue(second, &queue);
	}
	for (int i = 0; solved && i < queue.count; i++)
		if (queue.elements[i] > 0)
			MAPSET(ret, queue.elements[i]);
	map_free(&blamed);
	queue_free(&queue);
	return solved;
}

static int no_solution(struct solve *solve, Solver *solver, const struct solve_wants *wants,
		       const struct solve_options *options, struct err *err)
{
	bool solved = false;
	Map older;
	int r = 0;

	map_init(&older, solve->pool->nsolvables);
	solved = solve_older(solve, solver, wants, options, &older);
	r = solve_no_solution(solve, solver, wants, solved ? &older : NULL, err);
	map_free(&older);
	return r;
}

static int solve_wants(struct solve *solve, struct solve_wants *wants,
		       const struct solve_options *options, struct solve_result *ret,
		       struct err *err)
{
	CLEANUP(solver_freep) Solver *solver = make_solver(solve->pool, options);
	Queue jobs;
	int r = 0;

	queue_init(&jobs);
	r = make_jobs(solve->pool, wants, options, NULL, &jobs, err);
	if (r == 0 && solver_solve(solver, &jobs) != 0)
		r = no_solution(solve, solver, wants, options, err);
	if (r == 0)
		r = take_choices(solve->pool, solver, ret, err);
	if (r == 0)
		r = solve_reasons(solve, wants, options->weak_deps, ret, err);
	queue_free(&jobs);
	return r;
}

static int solve_once(struct solve *solve, const struct definition_requests *requests,
		      const struct solve_options *options, struct solve_result *ret,
		      struct err *err)
{
	CLEANUP(solve_wants_release) struct solve_wants wants = { .items = NULL };
	int r = solve_find_wants(solve, requests, options, &wants, err);

	return r < 0 ? r : solve_wants(solve, &wants, options, ret, err);
}

int solve_run(struct solve *solve, const struct definition_requests *requests,
	      const struct solve_options *options, struct solve_result *ret, struct err *err)
{
	static const struct solve_options defaults = { .weak_deps = false };
	int r = 0;

	if (!options)
		options = &defaults;
	if (solve_files_needed(solve, options))
		r = solve_files_load(solve, err);
	if (r == 0)
		r = solve_once(solve, requests, options, ret, err);
	if (r < 0 || !solve_files_decide(solve, options, ret))
		return r;
	solve_result_release(ret);
	r = solve_files_load(solve, err);
	return r < 0 ? r : solve_once(solve, requests, options, ret, err);
}

void solve_result_release(struct solve_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		free(result->items[i].nevra);
		free(result->items[i].reason);
	}
	free(result->items);
	*result = (struct solve_result){ .items = NULL };
}
