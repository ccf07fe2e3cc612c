/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <solv/evr.h>

#include "cleanup.h"
#include "solve_private.h"

static bool has(const Queue *queue, Id p)
{
	for (int i = 0; queue && i < queue->count; i++)
		if (queue->elements[i] == p)
			return true;
	return false;
}

bool solve_wants_kept(Pool *pool, const struct solve_want *want,
		      const struct solve_options *options)
{
	Id p = 0;
	Id pp = 0;

	for (int i = 0; i < want->any_of.count; i++)
		if (has(options->keep, want->any_of.elements[i]))
			return true;
	if (options->keep && want->dep)
		FOR_PROVIDES(p, pp, want->dep)
			if (has(options->keep, p))
				return true;
	return false;
}

static int cmp_evr(const void *a, const void *b, void *data)
{
	Pool *pool = data;
	Id p = *(const Id *)a;
	Id q = *(const Id *)b;
	int cmp = pool_evrcmp(pool, pool_id2solvable(pool, p)->evr, pool_id2solvable(pool, q)->evr,
			      EVRCMP_COMPARE);

	return cmp ? cmp : (p > q) - (p < q);
}

/* What has the name of a kept package and is none: the oldest first. */
static void find_others(Pool *pool, const struct solve_options *options, Queue *others)
{
	Map names;
	Id p = 0;

	map_init(&names, pool->ss.nstrings);
	for (int i = 0; i < options->keep->count; i++)
		MAPSET(&names, pool_id2solvable(pool, options->keep->elements[i])->name);
	FOR_POOL_SOLVABLES(p) {
		Solvable *s = pool_id2solvable(pool, p);

		if (MAPTST(&names, s->name) && s->repo != pool->installed &&
		    pool_installable(pool, s) && !has(options->keep, p))
			queue_push(others, p);
	}
	map_free(&names);
	solv_sort(others->elements, others->count, sizeof(Id), cmp_evr, pool);
}

/*
 * The kept ones are preferred where there is a choice (libsolv looks at favoured packages before it
 * looks at versions), and others of their names are forbidden weakly: of the forbidden ones that stand
 * in the way the solver allows the last, which is the newest.
 */
void solve_keep_jobs(Pool *pool, const struct solve_options *options, Queue *jobs)
{
	Queue others;

	for (int i = 0; options->take && i < options->take->count; i++)
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, options->take->elements[i]);
	if (!options->keep)
		return;
	for (int i = 0; i < options->keep->count; i++)
		queue_push2(jobs, SOLVER_FAVOR | SOLVER_SOLVABLE, options->keep->elements[i]);
	queue_init(&others);
	find_others(pool, options, &others);
	for (int i = 0; i < others.count; i++)
		if (!has(options->take, others.elements[i]))
			queue_push2(jobs, SOLVER_ERASE | SOLVER_SOLVABLE | SOLVER_WEAK,
				    others.elements[i]);
	queue_free(&others);
}
