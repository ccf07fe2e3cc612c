/* SPDX-License-Identifier: Apache-2.0 */
#include "solve_group.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <solv/knownid.h>
#include <solv/repo.h>

#include "cleanup.h"
#include "str.h"

enum type { MANDATORY = 1, DEFAULT = 2, CONDITIONAL = 4, OPTIONAL = 8 };

static const char group_prefix[] = "group:";
static const char environment_prefix[] = "environment:";

/* The id without its prefix, or NULL when P is neither a group nor an environment. */
static const char *group_id(Pool *pool, Id p)
{
	const Solvable *s = pool_id2solvable(pool, p);
	const char *name = s->repo ? pool_id2str(pool, s->name) : "";

	if (str_starts(name, group_prefix))
		return name + sizeof(group_prefix) - 1;
	return str_starts(name, environment_prefix) ? name + sizeof(environment_prefix) - 1 : NULL;
}

static const char *group_name(Pool *pool, Id p)
{
	const char *name = solvable_lookup_str(pool_id2solvable(pool, p), SOLVABLE_SUMMARY);

	return name ? name : "";
}

static void find_groups(Pool *pool, const char *pattern, Queue *found)
{
	for (Id p = 2; p < pool->nsolvables; p++) {
		const char *id = group_id(pool, p);

		if (id && (!strcmp(id, pattern) || !strcmp(group_name(pool, p), pattern)))
			queue_push(found, p);
	}
	if (found->count)
		return;
	for (Id p = 2; p < pool->nsolvables; p++) {
		const char *id = group_id(pool, p);

		if (id && (fnmatch(pattern, id, FNM_CASEFOLD) == 0 ||
			   fnmatch(pattern, group_name(pool, p), FNM_CASEFOLD) == 0))
			queue_push(found, p);
	}
}

static int parse_types(const struct definition_request *request, const char *list,
		       unsigned int *ret_types, struct err *err)
{
	static const struct {
		const char *name;
		enum type type;
	} names[] = {
		{ "mandatory", MANDATORY },
		{ "default", DEFAULT },
		{ "conditional", CONDITIONAL },
		{ "optional", OPTIONAL },
	};

	*ret_types = 0;
	while (*list) {
		size_t len = strcspn(list, ",");
		size_t i = 0;

		while (i < ARRAY_SIZE(names) &&
		       (strlen(names[i].name) != len || strncmp(names[i].name, list, len) != 0))
			i++;
		if (i == ARRAY_SIZE(names))
			return err_set(err, ERR_CONFIG,
				       "%s: '%.*s' of '%s' is none of mandatory, default, "
				       "conditional and optional",
				       request->where, (int)len, list, request->name);
		*ret_types |= names[i].type;
		list += len + (list[len] == ',');
	}
	return 0;
}

static int not_there(Pool *pool, const struct definition_request *request, const char *pattern,
		     struct err *err)
{
	cleanup_free const char **ids = calloc((size_t)pool->nsolvables + 1, sizeof(*ids));
	const char *near = NULL;
	size_t count = 0;

	if (!ids)
		return err_nomem(err);
	for (Id p = 2; p < pool->nsolvables; p++) {
		const char *id = group_id(pool, p);

		if (id)
			ids[count++] = id;
	}
	near = str_nearest(pattern, ids);
	if (near)
		return err_set(err, ERR_NETWORK,
			       "%s: no group '%s' (%s) in any repository (did you mean '@%s'?)",
			       request->where, pattern, request->reason, near);
	return err_set(err, ERR_NETWORK, "%s: no group '%s' (%s) in %s", request->where, pattern,
		       request->reason,
		       count ? "any repository" : "any repository: none of them has groups");
}

/* --- members ---------------------------------------------------------------------------------------- */

static void add_deps(Pool *pool, Id group, Id key, unsigned int types, Queue *members)
{
	Queue deps;

	queue_init(&deps);
	solvable_lookup_deparray(pool_id2solvable(pool, group), key, &deps, 0);
	for (int i = 0; i < deps.count; i++) {
		unsigned int type = MANDATORY;

		if (key == SOLVABLE_RECOMMENDS)
			type = ISRELDEP(deps.elements[i]) ? CONDITIONAL : DEFAULT;
		else if (key == SOLVABLE_SUGGESTS)
			type = OPTIONAL;
		if (types & type)
			queue_pushunique(members, deps.elements[i]);
	}
	queue_free(&deps);
}

static void add_members(Pool *pool, Id group, unsigned int types, Queue *members)
{
	add_deps(pool, group, SOLVABLE_REQUIRES, types, members);
	add_deps(pool, group, SOLVABLE_RECOMMENDS, types, members);
	add_deps(pool, group, SOLVABLE_SUGGESTS, types, members);
}

/* An environment's mandatory groups, in whichever repository they are. */
static void add_environment(Pool *pool, Id environment, unsigned int types, Queue *members)
{
	Queue groups;

	queue_init(&groups);
	solvable_lookup_deparray(pool_id2solvable(pool, environment), SOLVABLE_REQUIRES, &groups,
				 0);
	for (int i = 0; i < groups.count; i++)
		for (Id p = 2; p < pool->nsolvables; p++)
			if (pool->solvables[p].repo &&
			    pool->solvables[p].name == groups.elements[i])
				add_members(pool, p, types, members);
	queue_free(&groups);
}

int solve_group_members(Pool *pool, const struct definition_request *request, Queue *ret_members,
			struct err *err)
{
	unsigned int types = MANDATORY | DEFAULT | CONDITIONAL;
	const char *spec = request->name + 1;
	const char *slash = strchr(spec, '/');
	cleanup_free char *pattern = strndup(spec, strcspn(spec, "/"));
	Queue groups;
	int r = 0;

	if (!pattern)
		return err_nomem(err);
	if (slash)
		r = parse_types(request, slash + 1, &types, err);
	if (r < 0)
		return r;
	queue_init(&groups);
	find_groups(pool, pattern, &groups);
	for (int i = 0; i < groups.count; i++) {
		Id p = groups.elements[i];
		const char *name = pool_id2str(pool, pool_id2solvable(pool, p)->name);

		if (str_starts(name, group_prefix))
			add_members(pool, p, types, ret_members);
		else
			add_environment(pool, p, types, ret_members);
	}
	if (!groups.count)
		r = not_there(pool, request, pattern, err);
	queue_free(&groups);
	return r;
}
