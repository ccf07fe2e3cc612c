/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dependencies on files. primary.xml has the paths below /etc and bin directories; all others are in
 * filelists, which are larger than the rest of the metadata, and hardly ever decide anything. So such a
 * path is first taken for provided by the system. An answer that holds no package which requires one is
 * the answer with filelists, too: that only makes fewer packages installable than this. So is none. Any
 * other answer is thrown away, filelists are read, and all is solved again.
 */
#include <string.h>

#include <solv/poolid.h>

#include "cleanup.h"
#include "solve_private.h"
#include "str.h"

bool solve_files_in_primary(const char *path)
{
	return str_starts(path, "/etc/") || strstr(path, "bin/") ||
	       !strcmp(path, "/usr/lib/sendmail");
}

static bool is_outside(Pool *pool, Id id)
{
	const char *text = pool_id2str(pool, id);

	return text[0] == '/' && !solve_files_in_primary(text);
}

/* Whether DEP, or a part of it (rich dependencies), is such a path. */
static bool is_part_outside(Pool *pool, Id dep)
{
	while (ISRELDEP(dep)) {
		const Reldep *rd = GETRELDEP(pool, dep);

		/* What is on the right of a comparison is a version. */
		if (rd->flags > 7 && is_part_outside(pool, rd->evr))
			return true;
		dep = rd->name;
	}
	return is_outside(pool, dep);
}

static bool has_outside(Solvable *s, Id key)
{
	Pool *pool = s->repo->pool;
	bool found = false;
	Queue deps;

	queue_init(&deps);
	solvable_lookup_deparray(s, key, &deps, 0);
	for (int i = 0; !found && i < deps.count; i++)
		found = deps.elements[i] != SOLVABLE_PREREQMARKER &&
			is_part_outside(pool, deps.elements[i]);
	queue_free(&deps);
	return found;
}

static bool are_known(const struct solve *solve)
{
	return !solve->metadata || (solve->metadata->parts & 1U << METADATA_FILELISTS);
}

void solve_files_assume(struct solve *solve)
{
	Pool *pool = solve->pool;
	Id system = 0;
	Queue one;

	if (are_known(solve))
		return;
	queue_init(&one);
	queue_push(&one, SYSTEMSOLVABLE);
	system = pool_queuetowhatprovides(pool, &one);
	queue_free(&one);
	for (Id id = 2; id < pool->ss.nstrings; id++)
		if (is_outside(pool, id))
			pool_set_whatprovides(pool, id, system);
}

/* What the system "provides" would be in conflict with it, or recommend something for it. */
bool solve_files_needed(const struct solve *solve, const struct solve_options *options)
{
	static const Id keys[] = { SOLVABLE_CONFLICTS, SOLVABLE_SUPPLEMENTS, SOLVABLE_ENHANCES };
	const size_t count = options->weak_deps ? ARRAY_SIZE(keys) : 1;
	Pool *pool = solve->pool;
	Id p = 0;

	if (are_known(solve))
		return false;
	FOR_POOL_SOLVABLES(p)
		for (size_t i = 0; i < count; i++)
			if (p != SYSTEMSOLVABLE && has_outside(pool_id2solvable(pool, p), keys[i]))
				return true;
	return false;
}

bool solve_files_decide(const struct solve *solve, const struct solve_options *options,
			const struct solve_result *result)
{
	if (are_known(solve))
		return false;
	for (size_t i = 0; i < result->count; i++) {
		Solvable *s = pool_id2solvable(solve->pool, result->items[i].solvable);

		if (has_outside(s, SOLVABLE_REQUIRES) ||
		    (options->weak_deps &&
		     (has_outside(s, SOLVABLE_RECOMMENDS) || has_outside(s, SOLVABLE_SUGGESTS))))
			return true;
	}
	return false;
}

int solve_files_load(struct solve *solve, struct err *err)
{
	int r = metadata_need(solve->metadata, METADATA_FILELISTS, err);

	if (r == 0)
		solve_refresh(solve);
	return r;
}

int solve_need_files(struct solve *solve, const struct solve_options *options,
		     const struct solve_result *result, struct err *err)
{
	return solve_files_decide(solve, options, result) ? solve_files_load(solve, err) : 0;
}
