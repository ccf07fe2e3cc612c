/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>

#include <solv/bitmap.h>

#include "cleanup.h"
#include "pkgspec.h"
#include "solve_private.h"
#include "str.h"

#define PROBLEMS_MAX 4 /* that are told in words */
#define RULES_MAX 16   /* for each of them */

/* --- a request for what is not there ------------------------------------------------------------------ */

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

		if (!pkgspec_is_visible(pool, p) || MAPTST(&seen, name))
			continue;
		MAPSET(&seen, name);
		names[count++] = pool_id2str(pool, name);
	}
	near = str_nearest(word, names);
	map_free(&seen);
	free(names);
	return near;
}

static const char *what_hides(const struct solve *solve, Id p, char *buf, size_t size)
{
	if (MAPTST(&solve->modular, p) && solve->modules)
		return modules_explain(solve->modules, solve->pool, p, buf, size);
	if (!MAPTST(solve->pool->considered, p))
		return "includepkgs or excludepkgs hides it";
	return "it is there for other architectures only";
}

int solve_not_there(const struct solve *solve, const struct definition_request *request,
		    struct err *err)
{
	Pool *pool = solve->pool;
	Id name = pool_str2id(pool, request->name, 0);
	const char *why = NULL;
	const char *near = NULL;
	char hidden[400];
	Id p = 0;

	FOR_POOL_SOLVABLES(p)
		if (name && pool_id2solvable(pool, p)->name == name)
			why = what_hides(solve, p, hidden, sizeof(hidden));
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
	return -(int)err->code;
}

/* --- the reasons of a failure -------------------------------------------------------------------- */

/* Those of RULES that are about something nobody provides, or the others, until MOST are in TOLD. */
static void tell_rules(Solver *solver, const Queue *rules, bool missing, size_t most,
		       struct strv *told, struct err *err)
{
	struct err ignored = ERR_INIT;

	for (int i = 0; i < rules->count && told->count < most; i++) {
		Id from = 0;
		Id to = 0;
		Id dep = 0;
		SolverRuleinfo type = solver_ruleinfo(solver, rules->elements[i], &from, &to, &dep);
		const char *text = NULL;

		if ((type == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP) != missing)
			continue;
		text = solver_problemruleinfo2str(solver, type, from, to, dep);
		if (!strv_has(told, text) && strv_add(told, text, &ignored) == 0)
			err_detail(err, "- %s", text);
	}
}

static void tell_problem(Solver *solver, Id problem, struct err *err)
{
	CLEANUP(strv_release) struct strv told = STRV_INIT;
	struct err ignored = ERR_INIT;
	Queue rules;

	queue_init(&rules);
	solver_findallproblemrules(solver, problem, &rules);
	/* First the rule that libsolv holds for the cause, then what else is part of it: what nobody
	 * provides lies at the end of a chain that may be too long to be told in full. */
	if (strv_add(&told, solver_problem2str(solver, problem), &ignored) == 0)
		err_detail(err, "%s", told.items[0]);
	tell_rules(solver, &rules, true, RULES_MAX / 2, &told, err);
	tell_rules(solver, &rules, false, RULES_MAX, &told, err);
	queue_free(&rules);
}

int solve_no_solution(const struct solve *solve, Solver *solver, int problems, struct err *err)
{
	(void)solve;
	err_set(err, ERR_NETWORK,
		"these packages cannot be installed together: change what is asked for, or the "
		"repositories");
	for (Id problem = 1; problem <= problems && problem <= PROBLEMS_MAX; problem++)
		tell_problem(solver, problem, err);
	return -(int)err->code;
}
