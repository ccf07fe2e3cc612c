/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <solv/bitmap.h>

#include "cleanup.h"
#include "solve_private.h"
#include "str.h"

struct reasons {
	Pool *pool;
	struct solve_result *result;
	Map wanted; /* of one package: solvables that fulfil its dependencies */
	Map there;  /* what was chosen, and what the host has */
	Queue next; /* indexes of result->items whose own dependencies are still to be looked at */
};

static void add_wanted(struct reasons *rs, Id p, Id key)
{
	Pool *pool = rs->pool;
	Queue deps;
	Queue parts;

	queue_init(&deps);
	queue_init(&parts);
	solvable_lookup_deparray(pool_id2solvable(pool, p), key, &deps, 0);
	for (int i = 0; i < deps.count; i++)
		if (deps.elements[i] != SOLVABLE_PREREQMARKER)
			solve_parts(pool, deps.elements[i], &rs->there, &parts);
	for (int i = 0; i < parts.count; i++) {
		Id q = 0;
		Id pp = 0;

		FOR_PROVIDES(q, pp, parts.elements[i])
			MAPSET(&rs->wanted, q);
	}
	queue_free(&parts);
	queue_free(&deps);
}

/* Whether a dependency KEY of P is fulfilled by a package that is in the map. */
static bool depends_on_wanted(struct reasons *rs, Id p, Id key, Id on)
{
	map_empty(&rs->wanted);
	add_wanted(rs, p, key);
	return MAPTST(&rs->wanted, on);
}

/* From the packages in NEXT outwards, in the order of names: each package's reason is the first one met
 * that requires it. So it does not depend on how the solver came to its choice. */
static int follow_requires(struct reasons *rs, struct err *err)
{
	struct solve_choice *items = rs->result->items;
	int r = 0;

	while (r == 0 && rs->next.count) {
		const struct solve_choice *from = &items[queue_shift(&rs->next)];

		map_empty(&rs->wanted);
		add_wanted(rs, from->solvable, SOLVABLE_REQUIRES);
		for (size_t i = 0; r == 0 && i < rs->result->count; i++) {
			if (items[i].reason || !MAPTST(&rs->wanted, items[i].solvable))
				continue;
			r = str_printf(&items[i].reason, err, "package %s", from->nevra);
			queue_push(&rs->next, (Id)i);
		}
	}
	return r;
}

/* One package that has none yet gets a reason through KEY: FORWARD, a chosen one has it as KEY;
 * otherwise it has a chosen one as KEY. */
static int follow_one(struct reasons *rs, Id key, bool forward, bool *ret_found, struct err *err)
{
	struct solve_choice *items = rs->result->items;

	*ret_found = false;
	for (size_t i = 0; i < rs->result->count; i++) {
		if (!items[i].reason)
			continue;
		for (size_t k = 0; k < rs->result->count; k++) {
			Id from = forward ? items[i].solvable : items[k].solvable;
			Id on = forward ? items[k].solvable : items[i].solvable;

			if (items[k].reason || !depends_on_wanted(rs, from, key, on))
				continue;
			*ret_found = true;
			queue_push(&rs->next, (Id)k);
			return str_printf(&items[k].reason, err, "package %s", items[i].nevra);
		}
	}
	return 0;
}

/*
 * What no requirement explains: weak dependencies, and packages of the baseline that go along because
 * what they require changes.
 */
static int follow_others(struct reasons *rs, bool weak_deps, struct err *err)
{
	const struct {
		Id key;
		bool forward;
		bool weak;
	} kinds[] = { { SOLVABLE_RECOMMENDS, true, true },
		      { SOLVABLE_SUPPLEMENTS, false, true },
		      { SOLVABLE_REQUIRES, false, false } };
	bool found = true;
	int r = 0;

	while (r == 0 && found) {
		found = false;
		for (size_t i = 0; r == 0 && !found && i < ARRAY_SIZE(kinds); i++)
			if (weak_deps || !kinds[i].weak)
				r = follow_one(rs, kinds[i].key, kinds[i].forward, &found, err);
		if (r == 0)
			r = follow_requires(rs, err);
	}
	return r;
}

static bool is_wanted(Pool *pool, const struct solve_want *want, Id p)
{
	Id q = 0;
	Id pp = 0;

	for (int i = 0; i < want->any_of.count; i++)
		if (want->any_of.elements[i] == p)
			return true;
	if (want->dep)
		FOR_PROVIDES(q, pp, want->dep)
			if (q == p)
				return true;
	return false;
}

static void mark_there(struct reasons *rs)
{
	Solvable *s = NULL;
	Id p = 0;

	for (size_t i = 0; i < rs->result->count; i++)
		MAPSET(&rs->there, rs->result->items[i].solvable);
	if (rs->pool->installed) {
		FOR_REPO_SOLVABLES(rs->pool->installed, p, s)
			MAPSET(&rs->there, p);
	}
}

static bool is_missing(const struct solve_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		if (!result->items[i].reason)
			return true;
	return false;
}

int solve_reasons(const struct solve *solve, const struct solve_wants *wants, bool weak_deps,
		  struct solve_result *result, struct err *err)
{
	struct reasons rs = { .pool = solve->pool, .result = result };
	int r = 0;

	map_init(&rs.wanted, solve->pool->nsolvables);
	map_init(&rs.there, solve->pool->nsolvables);
	mark_there(&rs);
	queue_init(&rs.next);
	for (size_t i = 0; r == 0 && i < result->count; i++) {
		struct solve_choice *item = &result->items[i];
		size_t k = 0;

		while (k < wants->count &&
		       !is_wanted(solve->pool, &wants->items[k], item->solvable))
			k++;
		if (k == wants->count)
			continue;
		item->request = wants->items[k].request;
		r = str_dup(&item->reason, item->request->reason, err);
		queue_push(&rs.next, (Id)i);
	}
	if (r == 0)
		r = follow_requires(&rs, err);
	if (r == 0 && is_missing(result))
		r = follow_others(&rs, weak_deps, err);
	/* Nothing else brings a package in; if it ever does, the lock says that much. */
	for (size_t i = 0; r == 0 && i < result->count; i++)
		if (!result->items[i].reason)
			r = str_dup(&result->items[i].reason, "solver", err);
	queue_free(&rs.next);
	map_free(&rs.wanted);
	map_free(&rs.there);
	return r;
}
