/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "update_private.h"

#define PREFIX "package "

/* The tree of reasons: the ones that the lock had, and the ones of a fresh answer. */
struct tree {
	Pool *pool;
	struct solve_result *result;
	int *old_parent; /* index of the result's items, or -1: as the lock says, and still true */
	int *new_parent; /* -1: asked for itself, or known to no package */
	bool *done;
};

static void tree_release(struct tree *tree)
{
	free(tree->old_parent);
	free(tree->new_parent);
	free(tree->done);
}

static int find_nevra(const struct solve_result *result, const char *nevra)
{
	for (size_t i = 0; i < result->count; i++)
		if (!strcmp(result->items[i].nevra, nevra))
			return (int)i;
	return -1;
}

/* Where the name ends: lock_parse() and libsolv leave name-version-release.arch. */
static size_t name_len(const char *nevra)
{
	size_t len = strlen(nevra);

	for (int dashes = 0; len > 0; len--)
		if (nevra[len - 1] == '-' && ++dashes == 2)
			return len - 1;
	return 0;
}

bool update_same_name(const char *a, const char *b)
{
	size_t len = name_len(a);
	const char *left = strrchr(a, '.');
	const char *right = strrchr(b, '.');

	return left && right && len == name_len(b) && !memcmp(a, b, len) && !strcmp(left, right);
}

const struct lock_rpm *update_find_rpm(const struct lock *lock, const char *nevra, bool exact)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++)
		if (exact ? !strcmp(rpms[i].nevra, nevra) : update_same_name(rpms[i].nevra, nevra))
			return &rpms[i];
	return NULL;
}

bool update_depends(Pool *pool, Id p, Id key, Id on, Id except)
{
	Queue deps;
	bool found = false;

	queue_init(&deps);
	solvable_lookup_deparray(pool_id2solvable(pool, p), key, &deps, 0);
	for (int i = 0; !found && i < deps.count; i++) {
		bool other = false;
		Id q = 0;
		Id pp = 0;

		if (deps.elements[i] == SOLVABLE_PREREQMARKER)
			continue;
		FOR_PROVIDES(q, pp, deps.elements[i]) {
			found = found || q == on;
			other = other || q == except;
		}
		found = found && !other;
	}
	queue_free(&deps);
	return found;
}

/* Who brought item I in when the lock was made, if that one is there and still does. */
static int old_parent(const struct tree *tree, const struct lock *base, size_t i)
{
	const struct solve_choice *items = tree->result->items;
	const struct lock_rpm *rpm = update_find_rpm(base, items[i].nevra, true);
	const char *parent = NULL;

	if (!rpm)
		rpm = update_find_rpm(base, items[i].nevra, false);
	if (!rpm || !str_starts(rpm->reason, PREFIX))
		return -1;
	parent = rpm->reason + strlen(PREFIX);
	for (size_t k = 0; k < tree->result->count; k++) {
		Id from = items[k].solvable;

		if (k == i || !update_same_name(items[k].nevra, parent))
			continue;
		if (update_depends(tree->pool, from, SOLVABLE_REQUIRES, items[i].solvable, 0) ||
		    update_depends(tree->pool, from, SOLVABLE_RECOMMENDS, items[i].solvable, 0))
			return (int)k;
	}
	return -1;
}

static int set_parent(struct tree *tree, size_t i, int parent, struct err *err)
{
	struct solve_choice *items = tree->result->items;

	tree->done[i] = true;
	free(steal_ptr(&items[i].reason));
	return str_printf(&items[i].reason, err, PREFIX "%s", items[parent].nevra);
}

/* Whoever is done has a chain of reasons up to something that was asked for, so no circle can come:
 * what the lock says goes first, and where that leads no further, one step of the fresh answer's. */
static int grow(struct tree *tree, const int *parents, bool one, bool *ret_grown, struct err *err)
{
	*ret_grown = false;
	for (size_t i = 0; i < tree->result->count; i++) {
		int r = 0;

		if (tree->done[i] || parents[i] < 0 || !tree->done[parents[i]])
			continue;
		*ret_grown = true;
		r = set_parent(tree, i, parents[i], err);
		if (r < 0 || one)
			return r;
	}
	return 0;
}

int update_keep_reasons(Pool *pool, const struct lock *base, struct solve_result *result,
			struct err *err)
{
	CLEANUP(tree_release) struct tree tree = { .pool = pool, .result = result };
	bool grown = true;
	int r = 0;

	tree.old_parent = calloc(result->count + 1, sizeof(*tree.old_parent));
	tree.new_parent = calloc(result->count + 1, sizeof(*tree.new_parent));
	tree.done = calloc(result->count + 1, sizeof(*tree.done));
	if (!tree.old_parent || !tree.new_parent || !tree.done)
		return err_nomem(err);
	for (size_t i = 0; i < result->count; i++) {
		const char *reason = result->items[i].reason;

		tree.new_parent[i] = str_starts(reason, PREFIX)
					     ? find_nevra(result, reason + strlen(PREFIX))
					     : -1;
		tree.done[i] = tree.new_parent[i] < 0;
		tree.old_parent[i] = tree.done[i] ? -1 : old_parent(&tree, base, i);
	}
	while (r == 0 && grown) {
		r = grow(&tree, tree.old_parent, false, &grown, err);
		if (r == 0 && !grown)
			r = grow(&tree, tree.new_parent, true, &grown, err);
	}
	return r;
}
