/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <solv/bitmap.h>
#include <solv/solver.h>

#include "cleanup.h"
#include "compat.h"
#include "pkgspec.h"
#include "solve_private.h"
#include "str.h"

/* --- locked packages -------------------------------------------------------------------------------- */

int solve_lock_jobs(Pool *pool, const struct solve_options *options, Queue *jobs, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && options->locked && i < options->locked->count; i++) {
		const char *pattern = options->locked->items[i];
		bool found = false;
		Solvable *s = NULL;
		Id p = 0;

		if (pool->installed) {
			FOR_REPO_SOLVABLES(pool->installed, p, s) {
				if (!pkgspec_match(pool, p, pattern))
					continue;
				queue_push2(jobs, SOLVER_LOCK | SOLVER_SOLVABLE, p);
				found = true;
			}
		}
		if (!found && options->warnings)
			r = strv_addf(options->warnings, err,
				      "'%s' is locked, and the baseline has no such package",
				      pattern);
	}
	return r;
}

/* --- what the host did without stays away ------------------------------------------------------------ */

static bool is_rich(const Pool *pool, Id dep)
{
	Id flags = ISRELDEP(dep) ? GETRELDEP(pool, dep)->flags : 0;

	return flags == REL_AND || flags == REL_OR || flags == REL_COND || flags == REL_UNLESS ||
	       flags == REL_ELSE || flags == REL_WITH || flags == REL_WITHOUT;
}

static bool is_installed(const Pool *pool, Id p)
{
	return pool->solvables[p].repo == pool->installed;
}

/* A version does not count: what is there may be an older one. */
static void exclude_recommended(Pool *pool, Id dep, Map *excluded)
{
	Id p = 0;
	Id pp = 0;

	if (ISRELDEP(dep) && GETRELDEP(pool, dep)->flags < 8)
		dep = GETRELDEP(pool, dep)->name;
	FOR_PROVIDES(p, pp, dep)
		if (is_installed(pool, p))
			return;
	FOR_PROVIDES(p, pp, dep)
		if (pkgspec_is_visible(pool, p))
			MAPSET(excluded, p);
}

static bool supplements_installed(Pool *pool, Id package)
{
	bool found = false;
	Queue deps;

	queue_init(&deps);
	solvable_lookup_deparray(pool_id2solvable(pool, package), SOLVABLE_SUPPLEMENTS, &deps, 0);
	for (int i = 0; !found && i < deps.count; i++) {
		Id p = 0;
		Id pp = 0;

		if (is_rich(pool, deps.elements[i]))
			continue;
		FOR_PROVIDES(p, pp, deps.elements[i])
			found = found || is_installed(pool, p);
	}
	queue_free(&deps);
	return found;
}

/* Goal::exclude_from_weak_autodetect() of libdnf. */
static void find_excluded(Pool *pool, Map *excluded)
{
	Map names;
	Queue deps;
	Solvable *s = NULL;
	Id p = 0;

	map_init(&names, pool->ss.nstrings);
	queue_init(&deps);
	FOR_REPO_SOLVABLES(pool->installed, p, s) {
		MAPSET(&names, s->name);
		queue_empty(&deps); /* which a list that is not there does not do */
		solvable_lookup_deparray(s, SOLVABLE_RECOMMENDS, &deps, 0);
		for (int i = 0; i < deps.count; i++)
			if (!is_rich(pool, deps.elements[i]))
				exclude_recommended(pool, deps.elements[i], excluded);
	}
	FOR_POOL_SOLVABLES(p)
		if (!MAPTST(&names, pool_id2solvable(pool, p)->name) &&
		    pkgspec_is_visible(pool, p) && supplements_installed(pool, p))
			MAPSET(excluded, p);
	queue_free(&deps);
	map_free(&names);
}

void solve_weak_jobs(Pool *pool, const struct solve_options *options, Queue *jobs)
{
	Map excluded;
	Id p = 0;

	if (!options->weak_deps || !pool->installed || !COMPAT_SOLVER_EXCLUDEFROMWEAK)
		return;
	map_init(&excluded, pool->nsolvables);
	find_excluded(pool, &excluded);
	FOR_POOL_SOLVABLES(p)
		if (MAPTST(&excluded, p))
			queue_push2(jobs, SOLVER_SOLVABLE | COMPAT_SOLVER_EXCLUDEFROMWEAK, p);
	map_free(&excluded);
}
