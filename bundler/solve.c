/* SPDX-License-Identifier: Apache-2.0 */
#include "solve.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <solv/poolarch.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>

#include "cleanup.h"
#include "str.h"

DEFINE_CLEANUP(Solver *, solver_free);

#define PROBLEMS_MAX 4 /* that are told in words */
#define RULES_MAX 16   /* for each of them */

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

void solve_release(struct solve *solve)
{
	if (solve->pool && solve->pool->considered) {
		map_free(solve->pool->considered);
		free(steal_ptr(&solve->pool->considered));
	}
	if (solve->pool)
		pool_free(steal_ptr(&solve->pool));
	map_free(&solve->modular);
}

static const char *nevra_of(Pool *pool, Id p)
{
	return pool_solvid2str(pool, p);
}

static bool is_visible(Pool *pool, Id p)
{
	return pool_installable(pool, pool_id2solvable(pool, p));
}

/* --- names of packages, as people write them ---------------------------------------------------- */

typedef bool (*matcher)(const char *pattern, const char *text);

static bool match_glob(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, 0) == 0;
}

static bool match_exact(const char *pattern, const char *text)
{
	return strcmp(pattern, text) == 0;
}

/*
 * The forms that dnf tries beside the name alone: name.arch, name-version, name-version-release and
 * that with .arch, with or without the epoch.
 */
static bool match_forms(Pool *pool, Id p, const char *pattern, matcher match)
{
	Solvable *s = pool_id2solvable(pool, p);
	const char *name = pool_id2str(pool, s->name);
	const char *arch = pool_id2str(pool, s->arch);
	const char *evr = pool_id2str(pool, s->evr);
	const char *colon = strchr(evr, ':');
	const char *version = colon ? colon + 1 : evr;
	const char *release = strrchr(version, '-');
	int version_len = (int)(release ? release - version : (long)strlen(version));
	CLEANUP(str_release) struct str text = STR_INIT;

	str_addf(&text, "%s.%s", name, arch);
	if (!text.failed && match(pattern, text.buf))
		return true;
	for (unsigned int form = 0; form < 6; form++) {
		str_reset(&text);
		str_addf(&text, "%s-", name);
		if (form % 2)
			str_addf(&text, "%.*s:", colon ? (int)(colon - evr) : 1, colon ? evr : "0");
		if (form / 2 == 0)
			str_add_len(&text, version, (size_t)version_len);
		else
			str_add(&text, version);
		if (form / 2 == 2)
			str_addf(&text, ".%s", arch);
		if (!text.failed && match(pattern, text.buf))
			return true;
	}
	return false;
}

static bool match_package(Pool *pool, Id p, const char *pattern, matcher match)
{
	const char *name = pool_id2str(pool, pool_id2solvable(pool, p)->name);

	if (match(pattern, name))
		return true;
	return strpbrk(pattern, "-.*?[") && match_forms(pool, p, pattern, match);
}

/* --- hiding ------------------------------------------------------------------------------------- */

static bool match_any(Pool *pool, Id p, const struct strv *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (match_package(pool, p, patterns->items[i], match_glob))
			return true;
	return false;
}

static int cmp_str(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool is_artifact(Pool *pool, Id p, const struct metadata *md)
{
	const char *nevra = nevra_of(pool, p);

	/* A stream's packages are hidden in whichever repository they are, as dnf does. */
	for (size_t i = 0; i < md->count; i++)
		if (md->repos[i].artifacts->count &&
		    bsearch(nevra, md->repos[i].artifacts->items, md->repos[i].artifacts->count,
			    sizeof(char *), cmp_str))
			return true;
	return false;
}

static void hide(struct solve *solve, const struct metadata *md)
{
	Pool *pool = solve->pool;

	for (size_t i = 0; i < md->count; i++) {
		const struct repofile_repo *source = md->repos[i].source;
		Solvable *s = NULL;
		Id p = 0;

		FOR_REPO_SOLVABLES(md->repos[i].repo, p, s) {
			if ((source->includepkgs.count &&
			     !match_any(pool, p, &source->includepkgs)) ||
			    match_any(pool, p, &source->excludepkgs))
				MAPCLR(pool->considered, p);
			if (!source->module_hotfixes && is_artifact(pool, p, md)) {
				MAPCLR(pool->considered, p);
				MAPSET(&solve->modular, p);
			}
		}
	}
}

int solve_prepare(struct solve *solve, const struct metadata *metadata,
		  const struct modules *modules, struct err *err)
{
	Pool *pool = solve->pool;

	map_free(&solve->modular);
	map_init(&solve->modular, pool->nsolvables);
	pool->considered = calloc(1, sizeof(*pool->considered));
	if (!pool->considered)
		return err_nomem(err);
	map_init(pool->considered, pool->nsolvables);
	map_setall(pool->considered);
	(void)modules;
	hide(solve, metadata);
	pool_addfileprovides(pool);
	pool_createwhatprovides(pool);
	return 0;
}

/* --- what is asked for -------------------------------------------------------------------------- */

/* Visible packages of that name; failing that, visible ones that another form of it names. */
static void find_matches(Pool *pool, const char *spec, Queue *matches, bool *ret_by_name)
{
	Id name = pool_str2id(pool, spec, 0);
	Id p = 0;

	*ret_by_name = true;
	FOR_POOL_SOLVABLES(p)
		if (name && pool_id2solvable(pool, p)->name == name && is_visible(pool, p))
			queue_push(matches, p);
	if (matches->count)
		return;
	*ret_by_name = false;
	FOR_POOL_SOLVABLES(p)
		if (is_visible(pool, p) && match_forms(pool, p, spec, match_exact))
			queue_push(matches, p);
}

static bool obsoletes_one_of(Pool *pool, Id p, const Map *targets)
{
	Queue deps;
	bool found = false;

	queue_init(&deps);
	solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_OBSOLETES, &deps, 0);
	for (int i = 0; !found && i < deps.count; i++) {
		Id q = 0;
		Id pp = 0;

		FOR_PROVIDES(q, pp, deps.elements[i])
			if (MAPTST(targets, q) &&
			    pool_match_nevr(pool, pool_id2solvable(pool, q), deps.elements[i]))
				found = true;
	}
	queue_free(&deps);
	return found;
}

static void add_obsoleters(Pool *pool, Queue *matches)
{
	Map targets;
	Id p = 0;

	map_init(&targets, pool->nsolvables);
	for (int i = 0; i < matches->count; i++)
		MAPSET(&targets, matches->elements[i]);
	FOR_POOL_SOLVABLES(p)
		if (!MAPTST(&targets, p) && is_visible(pool, p) &&
		    obsoletes_one_of(pool, p, &targets))
			queue_push(matches, p);
	map_free(&targets);
}

/* The visible name nearest to WORD, or NULL. */
static const char *nearest_name(Pool *pool, const char *word)
{
	const char **names = calloc((size_t)pool->nsolvables + 1, sizeof(*names));
	const char *near = NULL;
	size_t count = 0;
	Map seen;
	Id p = 0;

	if (!names)
		return NULL;
	map_init(&seen, pool->ss.nstrings);
	FOR_POOL_SOLVABLES(p) {
		Id name = pool_id2solvable(pool, p)->name;

		if (!is_visible(pool, p) || MAPTST(&seen, name))
			continue;
		MAPSET(&seen, name);
		names[count++] = pool_id2str(pool, name);
	}
	near = str_nearest(word, names);
	map_free(&seen);
	free(names);
	return near;
}

static const char *what_hides(const struct solve *solve, Id p)
{
	if (MAPTST(&solve->modular, p))
		return "it is in module streams only, and none is enabled";
	if (!MAPTST(solve->pool->considered, p))
		return "includepkgs or excludepkgs hides it";
	return "it is there for other architectures only";
}

static int not_there(const struct solve *solve, const struct definition_request *request,
		     struct err *err)
{
	Pool *pool = solve->pool;
	Id name = pool_str2id(pool, request->name, 0);
	const char *why = NULL;
	const char *near = NULL;
	Id p = 0;

	FOR_POOL_SOLVABLES(p)
		if (name && pool_id2solvable(pool, p)->name == name)
			why = what_hides(solve, p);
	near = nearest_name(pool, request->name);
	if (why)
		err_set(err, ERR_NETWORK, "%s: no package '%s' (%s): %s", request->where,
			request->name, request->reason, why);
	else if (near)
		err_set(err, ERR_NETWORK,
			"%s: no package '%s' (%s) in any repository (did you mean "
			"'%s'?)",
			request->where, request->name, request->reason, near);
	else
		err_set(err, ERR_NETWORK, "%s: no package '%s' (%s) in any repository",
			request->where, request->name, request->reason);
	if (!name || why)
		return -(int)err->code;
	FOR_POOL_SOLVABLES(p) {
		Solvable *s = pool_id2solvable(pool, p);

		if (is_visible(pool, p) && solvable_matchesdep(s, SOLVABLE_PROVIDES, name, 0))
			err_detail(err, "%s provides '%s': ask for it by its name",
				   nevra_of(pool, p), request->name);
	}
	return -(int)err->code;
}

/* --- the reasons of a failure -------------------------------------------------------------------- */

static void tell_problem(Solver *solver, Id problem, struct err *err)
{
	CLEANUP(strv_release) struct strv told = STRV_INIT;
	struct err ignored = ERR_INIT;
	Queue rules;

	queue_init(&rules);
	solver_findallproblemrules(solver, problem, &rules);
	/* First the rule that libsolv holds for the cause, then what else is part of it. */
	if (strv_add(&told, solver_problem2str(solver, problem), &ignored) == 0)
		err_detail(err, "%s", told.items[0]);
	for (int i = 0; i < rules.count && told.count < RULES_MAX; i++) {
		Id from = 0;
		Id to = 0;
		Id dep = 0;
		SolverRuleinfo type = solver_ruleinfo(solver, rules.elements[i], &from, &to, &dep);
		const char *text = solver_problemruleinfo2str(solver, type, from, to, dep);

		if (!strv_has(&told, text) && strv_add(&told, text, &ignored) == 0)
			err_detail(err, "- %s", text);
	}
	queue_free(&rules);
}

static int no_solution(Solver *solver, int problems, struct err *err)
{
	err_set(err, ERR_NETWORK,
		"these packages cannot be installed together: change what is asked for, or the "
		"repositories");
	for (Id problem = 1; problem <= problems && problem <= PROBLEMS_MAX; problem++)
		tell_problem(solver, problem, err);
	return -(int)err->code;
}

/* --- the reasons of a choice ---------------------------------------------------------------------- */

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

		if (p <= 0 || p == SYSTEMSOLVABLE)
			continue;
		ret->items[ret->count].solvable = p;
		r = str_dup(&ret->items[ret->count++].nevra, nevra_of(pool, p), err);
	}
	queue_free(&decisions);
	if (r == 0)
		qsort(ret->items, ret->count, sizeof(*ret->items), cmp_choice);
	return r;
}

struct reasons {
	Pool *pool;
	struct solve_result *result;
	Map wanted; /* of one package: solvables that fulfil its dependencies */
	Queue next; /* indexes of result->items whose own dependencies are still to be looked at */
};

/* For a boolean dependency libsolv gives whatever may fulfil a part of it, and not its conditions. */
static void collect_wanted(struct reasons *rs, Id p)
{
	Pool *pool = rs->pool;
	Queue deps;

	queue_init(&deps);
	solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_REQUIRES, &deps, 0);
	map_empty(&rs->wanted);
	for (int i = 0; i < deps.count; i++) {
		Id q = 0;
		Id pp = 0;

		if (deps.elements[i] == SOLVABLE_PREREQMARKER)
			continue;
		FOR_PROVIDES(q, pp, deps.elements[i])
			MAPSET(&rs->wanted, q);
	}
	queue_free(&deps);
}

/* From the requested packages outwards, in the order of names: each package's reason is the first one
 * met that requires it. So it does not depend on how the solver came to its choice. */
static int follow_requires(struct reasons *rs, struct err *err)
{
	struct solve_choice *items = rs->result->items;
	int r = 0;

	while (r == 0 && rs->next.count) {
		const struct solve_choice *from = &items[queue_shift(&rs->next)];

		collect_wanted(rs, from->solvable);
		for (size_t i = 0; r == 0 && i < rs->result->count; i++) {
			if (items[i].reason || !MAPTST(&rs->wanted, items[i].solvable))
				continue;
			r = str_printf(&items[i].reason, err, "package %s", from->nevra);
			queue_push(&rs->next, (Id)i);
		}
	}
	return r;
}

static bool queue_has(const Queue *queue, Id p)
{
	for (int i = 0; i < queue->count; i++)
		if (queue->elements[i] == p)
			return true;
	return false;
}

/* MATCHES[k] is what request K allows. */
static int find_reasons(Pool *pool, const struct definition_requests *requests,
			const Queue *matches, struct solve_result *result, struct err *err)
{
	struct reasons rs = { .pool = pool, .result = result };
	int r = 0;

	map_init(&rs.wanted, pool->nsolvables);
	queue_init(&rs.next);
	for (size_t i = 0; r == 0 && i < result->count; i++) {
		struct solve_choice *item = &result->items[i];
		size_t k = 0;

		while (k < requests->count && !queue_has(&matches[k], item->solvable))
			k++;
		if (k == requests->count)
			continue;
		r = str_dup(&item->reason, requests->items[k].reason, err);
		queue_push(&rs.next, (Id)i);
	}
	if (r == 0)
		r = follow_requires(&rs, err);
	/* Nothing else brings a package in; if it ever does, the lock says that much. */
	for (size_t i = 0; r == 0 && i < result->count; i++)
		if (!result->items[i].reason)
			r = str_dup(&result->items[i].reason, "solver", err);
	queue_free(&rs.next);
	map_free(&rs.wanted);
	return r;
}

/* --- solving --------------------------------------------------------------------------------------- */

static int find_requests(const struct solve *solve, const struct definition_requests *requests,
			 Queue *matches, struct err *err)
{
	for (size_t i = 0; i < requests->count; i++) {
		bool by_name = false;

		find_matches(solve->pool, requests->items[i].name, &matches[i], &by_name);
		if (!matches[i].count)
			return not_there(solve, &requests->items[i], err);
		if (by_name)
			add_obsoleters(solve->pool, &matches[i]);
	}
	return 0;
}

static void make_jobs(Pool *pool, Queue *matches, size_t count, Queue *jobs)
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

	for (size_t i = 0; i < count; i++)
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF | SOLVER_FORCEBEST,
			    pool_queuetowhatprovides(pool, &matches[i]));
	for (size_t i = 0; i < ARRAY_SIZE(installonly); i++)
		queue_push2(jobs, SOLVER_MULTIVERSION | SOLVER_SOLVABLE_PROVIDES,
			    pool_str2id(pool, installonly[i], 1));
}

static Solver *make_solver(Pool *pool)
{
	static const int flags[] = {
		SOLVER_FLAG_IGNORE_RECOMMENDED, SOLVER_FLAG_ALLOW_VENDORCHANGE,
		SOLVER_FLAG_KEEP_ORPHANS,       SOLVER_FLAG_BEST_OBEY_POLICY,
		SOLVER_FLAG_YUM_OBSOLETES,
	};
	Solver *solver = solver_create(pool);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		solver_set_flag(solver, flags[i], 1);
	return solver;
}

static int solve_matches(struct solve *solve, const struct definition_requests *requests,
			 Queue *matches, struct solve_result *ret, struct err *err)
{
	CLEANUP(solver_freep) Solver *solver = make_solver(solve->pool);
	Queue jobs;
	int problems = 0;
	int r = 0;

	queue_init(&jobs);
	make_jobs(solve->pool, matches, requests->count, &jobs);
	problems = solver_solve(solver, &jobs);
	if (problems)
		r = no_solution(solver, problems, err);
	if (r == 0)
		r = take_choices(solve->pool, solver, ret, err);
	if (r == 0)
		r = find_reasons(solve->pool, requests, matches, ret, err);
	queue_free(&jobs);
	return r;
}

int solve_run(struct solve *solve, const struct definition_requests *requests,
	      struct solve_result *ret, struct err *err)
{
	/* A queue that is all zero is an empty one. */
	cleanup_free Queue *matches = calloc(requests->count + 1, sizeof(*matches));
	int r = 0;

	if (!matches)
		return err_nomem(err);
	r = find_requests(solve, requests, matches, err);
	if (r == 0)
		r = solve_matches(solve, requests, matches, ret, err);
	for (size_t i = 0; i < requests->count; i++)
		queue_free(&matches[i]);
	return r;
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
