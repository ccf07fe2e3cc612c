/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <solv/evr.h>

#include "cleanup.h"
#include "closure.h"

struct maker {
	struct closure *closure;
	Pool *pool;
	size_t *index_of; /* of each solvable: its package, or CLOSURE_NONE */
	size_t size;      /* edges that there is room for */
	size_t start;     /* the first edge that one more capability may belong to */
};

static int add_capability(struct maker *m, size_t from, size_t to, enum closure_kind kind, Id dep,
			  struct err *err)
{
	struct closure *c = m->closure;
	struct closure_edge *edge = NULL;

	for (size_t i = m->start; !edge && i < c->edge_count; i++)
		if (c->edges[i].from == from && c->edges[i].to == to && c->edges[i].kind == kind)
			edge = &c->edges[i];
	if (!edge && c->edge_count == m->size) {
		size_t size = m->size ? 2 * m->size : 256;
		struct closure_edge *edges = reallocarray(c->edges, size, sizeof(*edges));

		if (!edges)
			return err_nomem(err);
		c->edges = edges;
		m->size = size;
	}
	if (!edge) {
		edge = &c->edges[c->edge_count++];
		*edge = (struct closure_edge){ .from = from, .to = to, .kind = kind };
	}
	if (strv_has(&edge->capabilities, pool_dep2str(m->pool, dep)))
		return 0;
	return strv_add(&edge->capabilities, pool_dep2str(m->pool, dep), err);
}

/* --- what a package depends on ---------------------------------------------------------------------- */

/* An edge to each package that fulfils PART of DEP, unless I itself or the host does already. */
static int connect_part(struct maker *m, size_t i, Id dep, Id part, enum closure_kind kind,
			struct err *err)
{
	Pool *pool = m->pool;
	Id q = 0;
	Id pp = 0;
	int r = 0;

	FOR_PROVIDES(q, pp, part)
		if (m->index_of[q] == i || MAPTST(&m->closure->stays, q))
			return 0;
	FOR_PROVIDES(q, pp, part) {
		size_t to = m->index_of[q];

		if (r == 0 && to != CLOSURE_NONE && kind == CLOSURE_SUPPLEMENTS)
			r = add_capability(m, to, i, kind, dep, err);
		else if (r == 0 && to != CLOSURE_NONE)
			r = add_capability(m, i, to, kind, dep, err);
	}
	return r;
}

static int connect_dep(struct maker *m, size_t i, Id dep, enum closure_kind kind, struct err *err)
{
	Queue parts;
	int r = 0;

	queue_init(&parts);
	solve_parts(m->pool, dep, &m->closure->there, &parts);
	for (int k = 0; r == 0 && k < parts.count; k++)
		r = connect_part(m, i, dep, parts.elements[k], kind, err);
	queue_free(&parts);
	return r;
}

static int connect_kind(struct maker *m, Id key, enum closure_kind kind, struct err *err)
{
	Queue deps;
	int r = 0;

	queue_init(&deps);
	for (size_t i = 0; r == 0 && i < m->closure->count; i++) {
		Id p = m->closure->packages[i].solvable;

		m->start = m->closure->edge_count;
		queue_empty(&deps); /* which a list that is not there does not do */
		solvable_lookup_deparray(pool_id2solvable(m->pool, p), key, &deps, 0);
		for (int k = 0; r == 0 && k < deps.count; k++)
			if (deps.elements[k] != SOLVABLE_PREREQMARKER)
				r = connect_dep(m, i, deps.elements[k], kind, err);
	}
	queue_free(&deps);
	return r;
}

/* --- what the host has ------------------------------------------------------------------------------- */

/* The package that takes the place of the installed P, or CLOSURE_NONE. */
static size_t find_replacement(const struct maker *m, Id p)
{
	Pool *pool = m->pool;
	const Solvable *s = pool_id2solvable(pool, p);
	size_t found = CLOSURE_NONE;
	Queue deps;

	queue_init(&deps);
	for (size_t i = 0; found == CLOSURE_NONE && i < m->closure->count; i++) {
		Solvable *t = pool_id2solvable(pool, m->closure->packages[i].solvable);

		if (t->name == s->name && t->arch == s->arch)
			found = i;
		queue_empty(&deps);
		solvable_lookup_deparray(t, SOLVABLE_OBSOLETES, &deps, 0);
		for (int k = 0; found == CLOSURE_NONE && k < deps.count; k++)
			if (pool_match_nevr(pool, (Solvable *)(uintptr_t)s, deps.elements[k]))
				found = i;
	}
	queue_free(&deps);
	return found;
}

/* The installed P, whose place TO takes, requires DEP: whoever provided it and no longer does is why. */
static int follow_dep(struct maker *m, Id p, size_t to, Id dep, const size_t *replaced_by,
		      struct err *err)
{
	Pool *pool = m->pool;
	size_t from = CLOSURE_NONE;
	Id q = 0;
	Id pp = 0;

	FOR_PROVIDES(q, pp, dep) {
		if (m->index_of[q] != CLOSURE_NONE || MAPTST(&m->closure->stays, q))
			return 0; /* it would still be fulfilled */
		if (q != p && pool_id2solvable(pool, q)->repo == pool->installed &&
		    replaced_by[q] != to)
			from = replaced_by[q];
	}
	return from == CLOSURE_NONE ? 0 : add_capability(m, from, to, CLOSURE_FOLLOWS, dep, err);
}

static int connect_host(struct maker *m, const size_t *replaced_by, struct err *err)
{
	Pool *pool = m->pool;
	Solvable *s = NULL;
	Queue deps;
	Id p = 0;
	int r = 0;

	m->start = m->closure->edge_count;
	queue_init(&deps);
	FOR_REPO_SOLVABLES(pool->installed, p, s) {
		queue_empty(&deps);
		if (replaced_by[p] != CLOSURE_NONE)
			solvable_lookup_deparray(s, SOLVABLE_REQUIRES, &deps, 0);
		for (int k = 0; r == 0 && k < deps.count; k++)
			if (deps.elements[k] != SOLVABLE_PREREQMARKER)
				r = follow_dep(m, p, replaced_by[p], deps.elements[k], replaced_by,
					       err);
	}
	queue_free(&deps);
	return r;
}

static void find_replaced(struct maker *m, size_t *replaced_by)
{
	Solvable *s = NULL;
	Id p = 0;

	FOR_REPO_SOLVABLES(m->pool->installed, p, s) {
		replaced_by[p] = find_replacement(m, p);
		if (replaced_by[p] != CLOSURE_NONE)
			continue;
		MAPSET(&m->closure->stays, p);
		MAPSET(&m->closure->there, p);
	}
}

/* --- what only the lock knows --------------------------------------------------------------------------- */

/* The lock's own reasons for packages to which the metadata shows no step. */
static int connect_said(struct maker *m, struct err *err)
{
	static const char prefix[] = "package ";
	struct closure *c = m->closure;
	size_t known = c->edge_count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->count; i++) {
		const char *reason = c->packages[i].rpm->reason;
		bool found = false;
		size_t from = 0;

		if (!str_starts(reason, prefix))
			continue;
		while (from < c->count &&
		       strcmp(c->packages[from].rpm->nevra, reason + strlen(prefix)) != 0)
			from++;
		for (size_t k = 0; k < known; k++)
			found = found || c->edges[k].to == i;
		m->start = c->edge_count;
		if (!found && from < c->count)
			r = add_capability(m, from, i, CLOSURE_SAID, ID_EMPTY, err);
	}
	return r;
}

/* --- all ---------------------------------------------------------------------------------------------- */

static int connect_all(struct maker *m, size_t *replaced_by, struct err *err)
{
	int r = 0;

	if (m->pool->installed)
		find_replaced(m, replaced_by);
	r = connect_kind(m, SOLVABLE_REQUIRES, CLOSURE_REQUIRES, err);
	if (r == 0)
		r = connect_kind(m, SOLVABLE_RECOMMENDS, CLOSURE_RECOMMENDS, err);
	if (r == 0)
		r = connect_kind(m, SOLVABLE_SUPPLEMENTS, CLOSURE_SUPPLEMENTS, err);
	if (r == 0 && m->pool->installed)
		r = connect_host(m, replaced_by, err);
	if (r == 0)
		r = connect_said(m, err);
	for (size_t i = 0; r == 0 && i < m->closure->edge_count; i++)
		strv_sort(&m->closure->edges[i].capabilities);
	return r;
}

static int cmp_edge(const void *a, const void *b)
{
	const struct closure_edge *x = a;
	const struct closure_edge *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

int closure_connect(struct closure *closure, struct err *err)
{
	Pool *pool = closure->resolver.solve.pool;
	struct maker m = { .closure = closure, .pool = pool };
	cleanup_free size_t *index_of = calloc((size_t)pool->nsolvables, sizeof(*index_of));
	cleanup_free size_t *replaced_by = calloc((size_t)pool->nsolvables, sizeof(*replaced_by));

	if (!index_of || !replaced_by)
		return err_nomem(err);
	for (Id p = 0; p < pool->nsolvables; p++)
		index_of[p] = replaced_by[p] = CLOSURE_NONE;
	map_init(&closure->chosen, pool->nsolvables);
	map_init(&closure->stays, pool->nsolvables);
	map_init(&closure->there, pool->nsolvables);
	for (size_t i = 0; i < closure->count; i++) {
		index_of[closure->packages[i].solvable] = i;
		MAPSET(&closure->chosen, closure->packages[i].solvable);
		MAPSET(&closure->there, closure->packages[i].solvable);
	}
	m.index_of = index_of;
	if (connect_all(&m, replaced_by, err) < 0)
		return -(int)err->code;
	if (closure->edge_count)
		qsort(closure->edges, closure->edge_count, sizeof(*closure->edges), cmp_edge);
	return 0;
}

/* --- what leads to no package of the lock --------------------------------------------------------------- */

/* Who fulfils DEP of package I outside of the lock: "" for nobody; NULL when the lock does, or I itself. */
static const char *provider_outside(const struct closure *c, size_t i, Id dep)
{
	Pool *pool = c->resolver.solve.pool;
	const char *found = "";
	Queue parts;
	Id q = 0;
	Id pp = 0;

	queue_init(&parts);
	solve_parts(pool, dep, &c->there, &parts);
	for (int k = 0; k < parts.count; k++)
		FOR_PROVIDES(q, pp, parts.elements[k]) {
			if (q == c->packages[i].solvable || MAPTST(&c->chosen, q))
				found = NULL;
			else if (found && MAPTST(&c->stays, q))
				found = pool_solvid2str(pool, q);
		}
	queue_free(&parts);
	return found;
}

int closure_outside(const struct closure *c, size_t i, bool recommends, struct strv *ret,
		    struct err *err)
{
	Pool *pool = c->resolver.solve.pool;
	Solvable *s = pool_id2solvable(pool, c->packages[i].solvable);
	Queue deps;
	int r = 0;

	queue_init(&deps);
	solvable_lookup_deparray(s, recommends ? SOLVABLE_RECOMMENDS : SOLVABLE_REQUIRES, &deps, 0);
	for (int k = 0; r == 0 && k < deps.count; k++) {
		Id dep = deps.elements[k];
		const char *provider =
			dep == SOLVABLE_PREREQMARKER ? NULL : provider_outside(c, i, dep);

		if (!provider)
			continue;
		r = strv_add(ret, provider, err);
		if (r == 0)
			r = strv_add(ret, pool_dep2str(pool, dep), err);
	}
	queue_free(&deps);
	return r;
}
