/* SPDX-License-Identifier: Apache-2.0 */
/* Boolean dependencies: libsolv takes everything for a provider that may fulfil a part of one. */
#include <stdbool.h>

#include <solv/bitmap.h>

#include "solve.h"

static const Reldep *rich(const Pool *pool, Id dep, Id flags)
{
	const Reldep *rd = ISRELDEP(dep) ? GETRELDEP(pool, dep) : NULL;

	return rd && rd->flags == flags ? rd : NULL;
}

static bool holds(Pool *pool, Id dep, const Map *there)
{
	const Reldep *rd = NULL;
	Id q = 0;
	Id pp = 0;

	if ((rd = rich(pool, dep, REL_AND)))
		return holds(pool, rd->name, there) && holds(pool, rd->evr, there);
	if ((rd = rich(pool, dep, REL_OR)))
		return holds(pool, rd->name, there) || holds(pool, rd->evr, there);
	FOR_PROVIDES(q, pp, dep)
		if (MAPTST(there, q))
			return true;
	return false;
}

void solve_parts(Pool *pool, Id dep, const Map *there, Queue *parts)
{
	const Reldep *rd = NULL;
	const Reldep *otherwise = NULL;
	bool is_if = false;

	if ((rd = rich(pool, dep, REL_AND)) || (rd = rich(pool, dep, REL_OR))) {
		solve_parts(pool, rd->name, there, parts);
		solve_parts(pool, rd->evr, there, parts);
		return;
	}
	rd = rich(pool, dep, REL_COND);
	is_if = rd != NULL;
	if (!rd)
		rd = rich(pool, dep, REL_UNLESS);
	if (!rd) {
		queue_push(parts, dep);
		return;
	}
	otherwise = rich(pool, rd->evr, REL_ELSE);
	if (holds(pool, otherwise ? otherwise->name : rd->evr, there) == is_if)
		solve_parts(pool, rd->name, there, parts);
	else if (otherwise)
		solve_parts(pool, otherwise->evr, there, parts);
}
