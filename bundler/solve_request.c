/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <solv/bitmap.h>
#include <solv/evr.h>

#include "cleanup.h"
#include "pkgspec.h"
#include "solve_group.h"
#include "solve_private.h"
#include "str.h"

/* --- the list ------------------------------------------------------------------------------------- */

void solve_wants_release(struct solve_wants *wants)
{
	for (size_t i = 0; i < wants->count; i++)
		queue_free(&wants->items[i].any_of);
	free(wants->items);
	queue_free(&wants->obsoleters);
	*wants = (struct solve_wants){ .items = NULL };
}

static int add_want(struct solve_wants *wants, const struct definition_request *request,
		    struct solve_want **ret, struct err *err)
{
	struct solve_want *items = reallocarray(wants->items, wants->count + 1, sizeof(*items));

	if (!items)
		return err_nomem(err);
	wants->items = items;
	*ret = &items[wants->count++];
	**ret = (struct solve_want){ .request = request };
	queue_init(&(*ret)->any_of);
	return 0;
}

/* --- what obsoletes what was found ------------------------------------------------------------------ */

static void find_obsoleters(Pool *pool, struct solve_wants *wants)
{
	Queue deps;
	Id p = 0;

	queue_init(&deps);
	FOR_POOL_SOLVABLES(p) {
		queue_empty(&deps); /* which a list that is not there does not do */
		solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_OBSOLETES, &deps, 0);
		if (deps.count && pkgspec_is_visible(pool, p))
			queue_push(&wants->obsoleters, p);
	}
	queue_free(&deps);
	wants->obsoleters_known = true;
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

/* Appends to MATCHES whatever obsoletes one of TARGETS. */
static void add_obsoleters(Pool *pool, struct solve_wants *wants, const Queue *targets,
			   Queue *matches)
{
	Map target_map;
	Map known;

	if (!wants->obsoleters_known)
		find_obsoleters(pool, wants);
	map_init(&target_map, pool->nsolvables);
	map_init(&known, pool->nsolvables);
	for (int i = 0; i < targets->count; i++)
		MAPSET(&target_map, targets->elements[i]);
	for (int i = 0; i < matches->count; i++)
		MAPSET(&known, matches->elements[i]);
	for (int i = 0; i < wants->obsoleters.count; i++) {
		Id p = wants->obsoleters.elements[i];

		if (!MAPTST(&known, p) && obsoletes_one_of(pool, p, &target_map))
			queue_push(matches, p);
	}
	map_free(&known);
	map_free(&target_map);
}

static bool is_installed(const Pool *pool, Id p)
{
	return pool->installed && pool->solvables[p].repo == pool->installed;
}

static bool is_better(Pool *pool, Id p, Id than)
{
	const Solvable *a = pool_id2solvable(pool, p);
	const Solvable *b = pool_id2solvable(pool, than);

	if (a->name != b->name || a->arch != b->arch)
		return false;
	if (a->repo->priority != b->repo->priority)
		return a->repo->priority > b->repo->priority;
	return pool_evrcmp(pool, a->evr, b->evr, EVRCMP_COMPARE) > 0;
}

/* The newest of each name and architecture, from the repository that goes first. */
static void keep_latest(Pool *pool, const Queue *found, Queue *latest)
{
	for (int i = 0; i < found->count; i++) {
		bool best = true;

		for (int k = 0; best && k < found->count; k++)
			best = !is_better(pool, found->elements[k], found->elements[i]);
		if (best)
			queue_push(latest, found->elements[i]);
	}
}

/* --- files ------------------------------------------------------------------------------------------ */

/* Whether primary.xml holds every path that SPEC can mean: what createrepo puts there. */
static bool is_in_primary(const char *spec)
{
	cleanup_free char *fixed = strndup(spec, strcspn(spec, "*?["));

	return fixed && solve_files_in_primary(fixed);
}

static int load_part(struct solve *solve, enum metadata_part part, struct err *err)
{
	unsigned int bit = 1U << part;
	int r = 0;

	if (!solve->metadata || (solve->metadata->parts & bit))
		return 0;
	r = metadata_need(solve->metadata, part, err);
	if (r == 0)
		solve_refresh(solve);
	return r;
}

static int find_file(struct solve *solve, const char *spec, Queue *found, struct err *err)
{
	int r = 0;

	if (is_in_primary(spec))
		pkgspec_find_owners(solve->pool, spec, found);
	if (found->count)
		return 0;
	r = load_part(solve, METADATA_FILELISTS, err);
	if (r == 0)
		r = pkgspec_find_provided(solve->pool, spec, found, err);
	if (r == 0 && !found->count)
		pkgspec_find_owners(solve->pool, spec, found);
	return r;
}

/* --- one request ------------------------------------------------------------------------------------ */

static int find_packages(struct solve *solve, const char *spec, Queue *ret_found,
			 enum pkgspec_form *ret_form, struct err *err)
{
	int r = pkgspec_find(solve->pool, spec, ret_found, ret_form, err);

	if (r < 0 || ret_found->count)
		return r;
	*ret_form = PKGSPEC_OTHER;
	/* A path that packages require was looked up in all files that are known. */
	if (!pkgspec_is_file(spec) || is_in_primary(spec) || !solve->metadata)
		r = pkgspec_find_provided(solve->pool, spec, ret_found, err);
	if (r == 0 && !ret_found->count && pkgspec_is_file(spec))
		r = find_file(solve, spec, ret_found, err);
	if (!ret_found->count)
		*ret_form = PKGSPEC_NONE;
	return r;
}

static bool same_want(Pool *pool, Id p, Id q, bool with_arch)
{
	const Solvable *a = pool_id2solvable(pool, p);
	const Solvable *b = pool_id2solvable(pool, q);

	return a->name == b->name && (!with_arch || a->arch == b->arch);
}

/* A want for each name (and, WITH_ARCH, each architecture) of FOUND. */
static int add_each(Pool *pool, struct solve_wants *wants, const struct definition_request *request,
		    Queue *found, enum pkgspec_form form, struct err *err)
{
	bool with_arch = form == PKGSPEC_ARCHS;
	int r = 0;

	for (int i = 0; r == 0 && i < found->count; i++) {
		Id first = found->elements[i];
		struct solve_want *want = NULL;
		bool installed = false;
		Queue latest;

		for (int k = 0; first && k < i; k++)
			if (same_want(pool, found->elements[k], first, with_arch))
				first = 0;
		if (!first)
			continue;
		r = add_want(wants, request, &want, err);
		for (int k = i; r == 0 && k < found->count; k++) {
			Id p = found->elements[k];

			if (!same_want(pool, p, first, with_arch))
				continue;
			queue_push(&want->any_of, p);
			installed = installed || is_installed(pool, p);
		}
		if (r < 0)
			break;
		queue_init(&latest);
		if (with_arch && !installed) {
			keep_latest(pool, &want->any_of, &latest);
			add_obsoleters(pool, wants, &latest, &want->any_of);
		} else if (form == PKGSPEC_NAME) {
			queue_init_clone(&latest, &want->any_of);
			add_obsoleters(pool, wants, &latest, &want->any_of);
		}
		queue_free(&latest);
	}
	return r;
}

/* What is there already in that architecture stays as it is when a pattern names architectures. */
static void drop_installed(const Pool *pool, struct solve_wants *wants, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < wants->count; i++) {
		const Queue *any_of = &wants->items[i].any_of;
		bool installed = false;

		for (int k = 0; k < any_of->count; k++)
			installed = installed || is_installed(pool, any_of->elements[k]);
		if (installed)
			queue_free(&wants->items[i].any_of);
		else
			wants->items[kept++] = wants->items[i];
	}
	wants->count = kept;
}

static int add_one(Pool *pool, struct solve_wants *wants, const struct definition_request *request,
		   Queue *found, enum pkgspec_form form, struct err *err)
{
	struct solve_want *want = NULL;
	int r = add_want(wants, request, &want, err);

	if (r < 0)
		return r;
	queue_init_clone(&want->any_of, found);
	if (form == PKGSPEC_NAME)
		add_obsoleters(pool, wants, found, &want->any_of);
	return 0;
}

static int find_request(struct solve *solve, const struct definition_request *request,
			struct solve_wants *wants, struct err *err)
{
	bool is_glob = !pkgspec_is_file(request->name) && pkgspec_is_glob(request->name);
	enum pkgspec_form form = PKGSPEC_NONE;
	size_t before = wants->count;
	Queue found;
	int r = 0;

	queue_init(&found);
	r = find_packages(solve, request->name, &found, &form, err);
	if (r == 0 && !found.count)
		r = solve_not_there(solve, request, err);
	else if (r == 0 && (is_glob || form == PKGSPEC_ARCHS))
		r = add_each(solve->pool, wants, request, &found, form, err);
	else if (r == 0)
		r = add_one(solve->pool, wants, request, &found, form, err);
	if (r == 0 && form == PKGSPEC_ARCHS)
		drop_installed(solve->pool, wants, before);
	queue_free(&found);
	return r;
}

/* --- groups ----------------------------------------------------------------------------------------- */

/* Every package of that name and what obsoletes it, as dnf's group install does. */
static int want_member(struct solve *solve, const struct definition_request *request, Id name,
		       const struct solve_options *options, struct solve_wants *wants,
		       struct err *err)
{
	Pool *pool = solve->pool;
	struct solve_want *want = NULL;
	bool installed = false;
	Queue targets;
	Id p = 0;
	int r = add_want(wants, request, &want, err);

	if (r < 0)
		return r;
	FOR_POOL_SOLVABLES(p) {
		if (pool_id2solvable(pool, p)->name != name || !pkgspec_is_visible(pool, p))
			continue;
		queue_push(&want->any_of, p);
		installed = installed || is_installed(pool, p);
	}
	if (!want->any_of.count) {
		wants->count--;
		return options && options->warnings
			       ? strv_addf(options->warnings, err,
					   "%s: no package '%s' of group '%s': passed over, as dnf "
					   "does",
					   request->where, pool_id2str(pool, name), request->name)
			       : 0;
	}
	queue_init(&targets);
	if (installed)
		queue_init_clone(&targets, &want->any_of);
	else
		keep_latest(pool, &want->any_of, &targets);
	add_obsoleters(pool, wants, &targets, &want->any_of);
	queue_free(&targets);
	return 0;
}

static bool has_package(Pool *pool, Id name)
{
	Id p = 0;

	FOR_POOL_SOLVABLES(p)
		if (pool_id2solvable(pool, p)->name == name && pkgspec_is_visible(pool, p))
			return true;
	return false;
}

static int find_group(struct solve *solve, const struct definition_request *request,
		      const struct solve_options *options, struct solve_wants *wants,
		      struct err *err)
{
	struct solve_want *want = NULL;
	Queue members;
	int r = load_part(solve, METADATA_GROUPS, err);

	queue_init(&members);
	if (r == 0)
		r = solve_group_members(solve->pool, request, &members, err);
	for (int i = 0; r == 0 && i < members.count; i++) {
		Id member = members.elements[i];

		if (!ISRELDEP(member)) {
			r = want_member(solve, request, member, options, wants, err);
		} else if (has_package(solve->pool, GETRELDEP(solve->pool, member)->name)) {
			r = add_want(wants, request, &want, err);
			if (r == 0)
				want->dep = member;
		}
	}
	queue_free(&members);
	return r;
}

int solve_find_wants(struct solve *solve, const struct definition_requests *requests,
		     const struct solve_options *options, struct solve_wants *ret, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < requests->count; i++) {
		const struct definition_request *request = &requests->items[i];

		if (request->name[0] == '@')
			r = find_group(solve, request, options, ret, err);
		else
			r = find_request(solve, request, ret, err);
	}
	return r;
}

int solve_find_matches(struct solve *solve, const struct definition_request *request,
		       Queue *ret_matches, struct err *err)
{
	struct definition_request item = *request;
	const struct definition_requests one = { .items = &item, .count = 1 };
	CLEANUP(solve_wants_release) struct solve_wants wants = { .items = NULL };
	Pool *pool = solve->pool;
	int r = solve_find_wants(solve, &one, NULL, &wants, err);
	Id p = 0;
	Id pp = 0;

	for (size_t i = 0; r == 0 && i < wants.count; i++) {
		const struct solve_want *want = &wants.items[i];

		for (int k = 0; k < want->any_of.count; k++)
			queue_pushunique(ret_matches, want->any_of.elements[k]);
		if (want->dep)
			FOR_PROVIDES(p, pp, want->dep)
				queue_pushunique(ret_matches, p);
	}
	return r;
}
