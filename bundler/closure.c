/* SPDX-License-Identifier: Apache-2.0 */
#include "closure.h"

#include <stdlib.h>
#include <string.h>

#include <solv/chksum.h>
#include <solv/evr.h>

#include "cleanup.h"
#include "lock_diff.h"
#include "pkgspec.h"

#define GONE_MAX 8 /* packages that are told by name */

void closure_release(struct closure *closure)
{
	for (size_t i = 0; i < closure->count; i++)
		free(closure->packages[i].stream);
	free(closure->packages);
	for (size_t i = 0; i < closure->edge_count; i++)
		strv_release(&closure->edges[i].capabilities);
	free(closure->edges);
	for (size_t i = 0; i < closure->request_count; i++)
		queue_free(&closure->requests[i].packages);
	free(closure->requests);
	map_free(&closure->chosen);
	map_free(&closure->stays);
	map_free(&closure->there);
	resolver_release(&closure->resolver);
	*closure = (struct closure)CLOSURE_INIT;
}

/* --- packages ----------------------------------------------------------------------------------------- */

/* The package that is this file: of the repository that the lock names, if it is there. Module streams
 * and excludepkgs may hide it by now; it is still what the lock has. */
static Id find_file(Pool *pool, const struct lock_rpm *rpm, Id name, bool *ret_other)
{
	Id found = 0;
	Id p = 0;

	*ret_other = false;
	FOR_POOL_SOLVABLES(p) {
		Solvable *s = pool_id2solvable(pool, p);
		const char *sha256 = NULL;
		Id type = 0;

		if (s->name != name || s->repo == pool->installed ||
		    strcmp(pool_solvid2str(pool, p), rpm->nevra) != 0)
			continue;
		sha256 = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);
		if (!sha256 || strcmp(sha256, rpm->sha256) != 0)
			*ret_other = true;
		else if (!found || !strcmp(s->repo->name, rpm->repo))
			found = p;
	}
	return found;
}

static int find_packages(struct closure *c, struct strv *gone, struct err *err)
{
	const struct lock_rpm *rpms = c->lock->rpms.items;
	Pool *pool = c->resolver.solve.pool;
	int r = 0;

	c->packages = calloc(c->lock->rpms.count + 1, sizeof(*c->packages));
	if (!c->packages)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < c->lock->rpms.count; i++) {
		CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
		struct closure_package *package = &c->packages[c->count];
		const char *stream = NULL;
		bool other = false;
		Id name = 0;

		r = lock_nevra_split(rpms[i].nevra, &v, err);
		if (r == 0)
			name = pool_str2id(pool, v.name, 0);
		package->rpm = &rpms[i];
		package->solvable = name ? find_file(pool, &rpms[i], name, &other) : 0;
		if (r == 0 && !package->solvable) {
			r = strv_addf(gone, err, "%s (%s)%s", rpms[i].nevra, rpms[i].repo,
				      other ? " is another file now" : " is not there any more");
			continue;
		}
		c->count++;
		if (r == 0 && c->resolver.modules)
			stream = modules_stream(c->resolver.modules, pool, package->solvable);
		if (stream)
			r = str_dup(&package->stream, stream, err);
	}
	return r;
}

static int tell_gone(const struct closure *c, const struct strv *gone, struct err *err)
{
	const struct metadata *md = &c->resolver.metadata;

	err_set(err, ERR_NETWORK,
		"the repositories have moved on: %zu of the lock's %zu packages cannot be looked "
		"up: carry the lock on with 'resolve --update' first",
		gone->count, c->lock->rpms.count);
	for (size_t i = 0; i < gone->count && i < GONE_MAX; i++)
		err_detail(err, "%s", gone->items[i]);
	if (gone->count > GONE_MAX)
		err_detail(err, "and %zu more", gone->count - GONE_MAX);
	for (size_t i = 0; i < md->count; i++) {
		const struct lock_repo *repo = lock_find_repo(c->lock, md->repos[i].source->id);

		if (md->repos[i].repo && repo && strcmp(repo->repomd, md->repos[i].sha256) != 0)
			err_detail(err,
				   "repository '%s': repomd.xml is %.12s, the lock was made with "
				   "%.12s",
				   repo->id, md->repos[i].sha256, repo->repomd);
	}
	return -(int)err->code;
}

/* --- requests ------------------------------------------------------------------------------------------ */

static struct closure_request *add_request(struct closure *c, const char *name, const char *reason,
					   const char *where, struct err *err)
{
	struct closure_request *items =
		reallocarray(c->requests, c->request_count + 1, sizeof(*items));
	struct closure_request *item = NULL;

	if (!items) {
		err_nomem(err);
		return NULL;
	}
	c->requests = items;
	item = &items[c->request_count++];
	*item = (struct closure_request){ .name = name, .reason = reason, .where = where };
	queue_init(&item->packages);
	return item;
}

/* What fulfils REQUEST, of the lock or of the host. */
static int find_request(struct closure *c, const struct definition_request *wanted, Map *asked,
			struct strv *warnings, struct err *err)
{
	struct solve *solve = &c->resolver.solve;
	struct closure_request *request = NULL;
	struct err not_there = ERR_INIT;
	bool installed = false;
	Queue matches;
	int r = 0;

	queue_init(&matches);
	r = solve_find_matches(solve, wanted, &matches, &not_there);
	if (r < 0 && not_there.code == ERR_NETWORK)
		r = strv_addf(warnings, err, "%s", not_there.msg);
	else if (r < 0)
		*err = not_there;
	else if (!(request = add_request(c, wanted->name, wanted->reason, wanted->where, err)))
		r = -(int)err->code;
	for (int i = 0; r == 0 && request && i < matches.count; i++) {
		Id p = matches.elements[i];

		installed = installed || solve->pool->solvables[p].repo == solve->pool->installed;
		for (size_t k = 0; k < c->count; k++) {
			if (c->packages[k].solvable != p)
				continue;
			queue_pushunique(&request->packages, (Id)k);
			MAPSET(asked, (int)k);
		}
	}
	if (r == 0 && request && matches.count && !installed && !request->packages.count)
		r = strv_addf(warnings, err,
			      "%s: the lock has nothing for '%s' (%s): it was made of another "
			      "definition; resolve again",
			      wanted->where, wanted->name, wanted->reason);
	queue_free(&matches);
	return r;
}

/* Packages that were asked for when the lock was made, and are no more. */
static int find_past_requests(struct closure *c, const Map *asked, struct err *err)
{
	size_t known = c->request_count;

	for (size_t i = 0; i < c->count; i++) {
		const char *reason = c->packages[i].rpm->reason;
		struct closure_request *request = NULL;

		if (MAPTST(asked, (int)i) || str_starts(reason, "package ") ||
		    !strcmp(reason, "solver"))
			continue;
		for (size_t k = known; k < c->request_count; k++)
			if (!strcmp(c->requests[k].reason, reason))
				request = &c->requests[k];
		if (!request)
			request = add_request(c, NULL, reason, NULL, err);
		if (!request)
			return -(int)err->code;
		queue_push(&request->packages, (Id)i);
	}
	return 0;
}

static int find_requests(struct closure *c, struct strv *warnings, struct err *err)
{
	const struct definition_requests *wanted = &c->resolver.requests;
	Map asked;
	int r = 0;

	map_init(&asked, (int)c->count);
	for (size_t i = 0; r == 0 && i < wanted->count; i++)
		r = find_request(c, &wanted->items[i], &asked, warnings, err);
	if (r == 0)
		r = find_past_requests(c, &asked, err);
	map_free(&asked);
	return r;
}

/* --- opening ------------------------------------------------------------------------------------------- */

/* Paths that packages of the lock require and only filelists have. */
static int load_files(struct closure *c, struct err *err)
{
	const struct solve_options options = { .weak_deps = c->has_weak };
	struct solve_result result = { .count = c->count };
	int r = 0;

	result.items = calloc(c->count + 1, sizeof(*result.items));
	if (!result.items)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++)
		result.items[i].solvable = c->packages[i].solvable;
	r = solve_need_files(&c->resolver.solve, &options, &result, err);
	free(result.items);
	return r;
}

static int open_once(const struct definition *def, const struct lock *lock,
		     const struct metadata_options *options, struct strv *warnings,
		     struct closure *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv gone = STRV_INIT;
	int r = resolver_open(def, options, warnings, &ret->resolver, err);

	ret->lock = lock;
	ret->has_weak = def->weak_deps;
	if (r == 0)
		r = find_packages(ret, &gone, err);
	if (r == 0 && gone.count)
		r = tell_gone(ret, &gone, err);
	if (r == 0)
		r = load_files(ret, err);
	if (r == 0)
		r = find_requests(ret, warnings, err);
	return r < 0 ? r : closure_connect(ret, err);
}

int closure_open(const struct definition *def, const struct lock *lock,
		 const struct metadata_options *options, struct strv *warnings, struct closure *ret,
		 struct err *err)
{
	struct http_limits limits =
		options->limits ? *options->limits : (struct http_limits){ .parallel = 0 };
	struct metadata_options kept = *options;
	bool offline = limits.offline;
	int r = 0;

	limits.offline = true;
	kept.limits = &limits;
	if (!options->refresh) {
		size_t before = warnings->count;

		r = open_once(def, lock, &kept, warnings, ret, err);
		if (r == 0 || offline || err->code != ERR_NETWORK)
			return r;
		closure_release(ret);
		*err = (struct err)ERR_INIT;
		while (warnings->count > before) {
			warnings->count--;
			free(steal_ptr(&warnings->items[warnings->count]));
		}
	}
	return open_once(def, lock, options, warnings, ret, err);
}

/* --- ways ---------------------------------------------------------------------------------------------- */

/* A weak step weighs more than any way of requirements, one that follows the host more than these. */
static const uint64_t weights[] = {
	[CLOSURE_REQUIRES] = 1,
	[CLOSURE_RECOMMENDS] = UINT64_C(1) << 20,
	[CLOSURE_SUPPLEMENTS] = UINT64_C(1) << 20,
	[CLOSURE_FOLLOWS] = UINT64_C(1) << 40,
	[CLOSURE_SAID] = UINT64_C(1) << 50,
};

static bool is_step(const struct closure *c, const struct closure_edge *edge)
{
	return c->has_weak ||
	       (edge->kind != CLOSURE_RECOMMENDS && edge->kind != CLOSURE_SUPPLEMENTS);
}

void closure_ways_release(struct closure_ways *ways)
{
	free(ways->next);
	free(ways->cost);
}

int closure_ways(const struct closure *c, size_t target, struct closure_ways *ret, struct err *err)
{
	bool changed = true;

	ret->next = calloc(c->count + 1, sizeof(*ret->next));
	ret->cost = calloc(c->count + 1, sizeof(*ret->cost));
	if (!ret->next || !ret->cost)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++) {
		ret->next[i] = CLOSURE_NONE;
		ret->cost[i] = UINT64_MAX;
	}
	ret->cost[target] = 0;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < c->edge_count; i++) {
			const struct closure_edge *edge = &c->edges[i];
			uint64_t cost = ret->cost[edge->to];
			size_t next = ret->next[edge->from];

			if (cost == UINT64_MAX || !is_step(c, edge))
				continue;
			cost += weights[edge->kind];
			if (cost > ret->cost[edge->from] ||
			    (cost == ret->cost[edge->from] && c->edges[next].to <= edge->to))
				continue;
			ret->cost[edge->from] = cost;
			ret->next[edge->from] = i;
			changed = true;
		}
	}
	return 0;
}

size_t closure_nearest(const struct closure_request *request, const struct closure_ways *ways)
{
	size_t nearest = CLOSURE_NONE;

	for (int i = 0; i < request->packages.count; i++) {
		size_t k = (size_t)request->packages.elements[i];

		if (ways->cost[k] != UINT64_MAX &&
		    (nearest == CLOSURE_NONE || ways->cost[k] < ways->cost[nearest]))
			nearest = k;
	}
	return nearest;
}

bool closure_is_weak(uint64_t cost)
{
	return cost >= weights[CLOSURE_RECOMMENDS];
}

/* --- finding ------------------------------------------------------------------------------------------- */

static int find_by_name(const struct closure *c, const char *spec, Queue *found)
{
	for (size_t i = 0; i < c->count; i++)
		if (lock_nevra_match(c->packages[i].rpm->nevra, spec))
			queue_push(found, (Id)i);
	return found->count;
}

static void find_indexes(const struct closure *c, const Queue *solvables, Queue *found)
{
	for (size_t i = 0; i < c->count; i++)
		for (int k = 0; k < solvables->count; k++)
			if (solvables->elements[k] == c->packages[i].solvable)
				queue_pushunique(found, (Id)i);
}

/* The name in the lock that is nearest to SPEC; otherwise why NOT_THERE, which the repositories say. */
static int not_known(const struct closure *c, const char *spec, const struct err *not_there,
		     struct err *err)
{
	const struct lock_wheel *wheels = c->lock->wheels.items;
	cleanup_free const char **names = calloc(c->count + 1, sizeof(*names));
	const char *near = NULL;

	for (size_t i = 0; names && i < c->count; i++)
		names[i] = pool_id2str(
			c->resolver.solve.pool,
			pool_id2solvable(c->resolver.solve.pool, c->packages[i].solvable)->name);
	near = names ? str_nearest(spec, names) : NULL;
	for (size_t i = 0; i < c->lock->wheels.count; i++)
		if (!strcmp(wheels[i].name, spec))
			return err_set(
				err, ERR_NETWORK,
				"the lock has no package '%.100s', but a wheel of that name, "
				"%s: pip chose it for what the definition's 'wheels' require",
				spec, wheels[i].version);
	if (near)
		return err_set(err, ERR_NETWORK,
			       "the lock has no package '%.100s' (did you mean '%s'?)", spec, near);
	err_set(err, ERR_NETWORK, "the lock has no package '%.100s'", spec);
	err_detail(err, "%s", not_there->msg);
	return -(int)err->code;
}

/* SPEC is in a repository or on the host, and not in the lock. */
static int not_in_lock(const struct closure *c, const char *spec, Id p, struct err *err)
{
	Pool *pool = c->resolver.solve.pool;
	const Solvable *s = pool_id2solvable(pool, p);

	if (s->repo == pool->installed)
		return err_set(err, ERR_NETWORK,
			       "the lock has no package '%.100s': the baseline has %s, and nothing "
			       "needs another",
			       spec, pool_solvid2str(pool, p));
	return err_set(err, ERR_NETWORK,
		       "the lock has no package '%.100s': nothing that was asked for needs %s of "
		       "repository '%s'",
		       spec, pool_solvid2str(pool, p), s->repo->name);
}

/* What the host has goes first; of what the repositories have the newest. */
static Id best_match(Pool *pool, const Queue *matches)
{
	Id best = 0;

	for (int i = 0; i < matches->count; i++) {
		Id p = matches->elements[i];
		const Solvable *s = pool_id2solvable(pool, p);

		if (s->repo == pool->installed)
			return p;
		if (!best || pool_evrcmp(pool, s->evr, pool_id2solvable(pool, best)->evr,
					 EVRCMP_COMPARE) > 0)
			best = p;
	}
	return best;
}

int closure_find(struct closure *c, const char *spec, Queue *found, struct err *err)
{
	struct definition_request request = {
		.name = (char *)(uintptr_t)spec,
		.reason = (char *)(uintptr_t) "asked for here",
		.where = (char *)(uintptr_t) "the repositories",
	};
	struct err not_there = ERR_INIT;
	Queue matches;
	int r = 0;

	if (find_by_name(c, spec, found))
		return 0;
	queue_init(&matches);
	/* As a request: something provided, a file, a group. */
	r = solve_find_matches(&c->resolver.solve, &request, &matches, &not_there);
	if (r == 0)
		find_indexes(c, &matches, found);
	if (r < 0 && not_there.code != ERR_NETWORK)
		*err = not_there;
	else if (r < 0)
		r = not_known(c, spec, &not_there, err);
	else if (!found->count && matches.count)
		r = not_in_lock(c, spec, best_match(c->resolver.solve.pool, &matches), err);
	queue_free(&matches);
	return r;
}
