/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <solv/chksum.h>

#include "cleanup.h"
#include "lock_diff.h"
#include "update_private.h"

void update_release(struct update *update)
{
	strv_release(&update->causes);
	*update = (struct update)UPDATE_INIT;
}

/* --- names -------------------------------------------------------------------------------------- */

/* As people write a distribution's name: PEP 503 sees no difference between '-', '_' and '.'. */
static bool match_wheel(const char *pattern, const char *name)
{
	cleanup_free char *plain = strdup(pattern);

	for (char *p = plain; p && *p; p++)
		if (*p == '_' || *p == '.')
			*p = '-';
	return plain && !fnmatch(plain, name, FNM_CASEFOLD);
}

bool update_names_rpm(const struct update *update, const char *nevra)
{
	for (size_t i = 0; i < update->names->count; i++)
		if (lock_nevra_match(nevra, update->names->items[i]))
			return true;
	return false;
}

bool update_names_wheel(const struct update *update, const char *name)
{
	for (size_t i = 0; i < update->names->count; i++)
		if (match_wheel(update->names->items[i], name))
			return true;
	return false;
}

static bool is_known(const struct update *update, const struct definition_requests *requests,
		     const char *pattern)
{
	const struct lock_rpm *rpms = update->base->rpms.items;
	const struct lock_wheel *wheels = update->base->wheels.items;

	for (size_t i = 0; i < update->base->rpms.count; i++)
		if (lock_nevra_match(rpms[i].nevra, pattern))
			return true;
	for (size_t i = 0; i < update->base->wheels.count; i++)
		if (match_wheel(pattern, wheels[i].name))
			return true;
	for (size_t i = 0; i < requests->count; i++)
		if (!fnmatch(pattern, requests->items[i].name, 0))
			return true;
	return false;
}

static int not_known(const struct update *update, const char *pattern, struct err *err)
{
	const struct lock_rpm *rpms = update->base->rpms.items;
	const struct lock_wheel *wheels = update->base->wheels.items;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	const char *near = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < update->base->rpms.count; i++) {
		CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };

		r = lock_nevra_split(rpms[i].nevra, &v, err);
		if (r == 0)
			r = strv_add(&names, v.name, err);
	}
	for (size_t i = 0; r == 0 && i < update->base->wheels.count; i++)
		r = strv_add(&names, wheels[i].name, err);
	if (r < 0)
		return r;
	if (names.count)
		near = str_nearest(pattern, (const char *const *)names.items);
	if (near)
		return err_set(err, ERR_NETWORK,
			       "the lock has no package or wheel '%.100s' (did you mean '%s'?)",
			       pattern, near);
	return err_set(err, ERR_NETWORK, "the lock has no package or wheel '%.100s'", pattern);
}

int update_check(const struct update *update, const struct definition *def, struct err *err)
{
	CLEANUP(definition_requests_release) struct definition_requests requests = { .count = 0 };
	int r = definition_requests(def, &requests, err);

	for (size_t i = 0; r == 0 && i < update->names->count; i++)
		if (!is_known(update, &requests, update->names->items[i]))
			r = not_known(update, update->names->items[i], err);
	return r;
}

/* --- what stays --------------------------------------------------------------------------------- */

static int score_of(Solvable *s, const struct lock_rpm *rpm)
{
	Id type = 0;
	const char *sha256 = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);

	return 2 * (sha256 && !strcmp(sha256, rpm->sha256)) + !strcmp(s->repo->name, rpm->repo);
}

/* The visible package that RPM is: of several with its NEVRA the same file, else the same repository. */
static int find_package(Pool *pool, const struct lock_rpm *rpm, Id *ret, bool *ret_hidden,
			struct err *err)
{
	CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
	int r = lock_nevra_split(rpm->nevra, &v, err);
	Id name = r == 0 ? pool_str2id(pool, v.name, 0) : 0;
	int best = -1;
	Id p = 0;

	*ret = 0;
	*ret_hidden = false;
	if (!name)
		return r;
	FOR_POOL_SOLVABLES(p) {
		Solvable *s = pool_id2solvable(pool, p);

		if (s->name != name || s->repo == pool->installed ||
		    strcmp(pool_solvid2str(pool, p), rpm->nevra) != 0)
			continue;
		if (!pool_installable(pool, s)) {
			*ret_hidden = true;
		} else if (score_of(s, rpm) > best) {
			best = score_of(s, rpm);
			*ret = p;
		}
	}
	return 0;
}

struct hold {
	struct update *update;
	struct resolver *resolver;
	Queue keep;         /* packages that stay */
	Queue take;         /* packages that are named */
	struct strv gone;   /* NEVRAs that should stay and are nowhere */
	struct strv hidden; /* NEVRAs that should stay and cannot be seen */
};

static void hold_release(struct hold *h)
{
	queue_free(&h->keep);
	queue_free(&h->take);
	strv_release(&h->gone);
	strv_release(&h->hidden);
}

static int find_kept(struct hold *h, struct err *err)
{
	const struct lock *base = h->update->base;
	const struct lock_rpm *rpms = base->rpms.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < base->rpms.count; i++) {
		bool hidden = false;
		Id p = 0;

		if (update_names_rpm(h->update, rpms[i].nevra))
			continue;
		r = find_package(h->resolver->solve.pool, &rpms[i], &p, &hidden, err);
		if (p)
			queue_push(&h->keep, p);
		else if (r == 0)
			r = strv_add(hidden ? &h->hidden : &h->gone, rpms[i].nevra, err);
	}
	return r;
}

/* Something else came for a package that should stay: whether it is there is not ours to decide. */
static int check_gone(const struct hold *h, const struct strv *list, const char *what,
		      const struct solve_result *result, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < result->count; k++) {
			const char *nevra = list->items[i];
			CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };

			if (!update_same_name(nevra, result->items[k].nevra) ||
			    update_find_rpm(h->update->base, result->items[k].nevra, true))
				continue;
			if (lock_nevra_split(nevra, &v, err) < 0)
				return -(int)err->code;
			return err_set(err, ERR_NETWORK,
				       "'%s', which the lock has, %s: let it move too (name '%s' "
				       "after --update), or bring back a repository that has it",
				       nevra, what, v.name);
		}
	return 0;
}

/* --- why others moved --------------------------------------------------------------------------- */

static bool is_new(const struct update *update, const struct solve_choice *choice)
{
	return !update_find_rpm(update->base, choice->nevra, true);
}

static int add_cause(struct hold *h, const struct solve_result *result, size_t i, Id before,
		     struct err *err)
{
	Pool *pool = h->resolver->solve.pool;
	const struct solve_choice *items = result->items;
	int r = strv_add(&h->update->causes, items[i].nevra, err);

	if (r < 0)
		return r;
	for (size_t k = 0; k < result->count; k++)
		if (k != i && is_new(h->update, &items[k]) &&
		    update_depends(pool, items[k].solvable, SOLVABLE_REQUIRES, items[i].solvable,
				   before))
			return strv_addf(&h->update->causes, err, "needed by %s", items[k].nevra);
	for (size_t k = 0; k < result->count; k++)
		if (k != i && before &&
		    update_depends(pool, items[k].solvable, SOLVABLE_CONFLICTS, before, 0))
			return strv_addf(&h->update->causes, err,
					 "%s conflicts with the one before", items[k].nevra);
	return strv_add(&h->update->causes, "what is named cannot be without it", err);
}

static int find_causes(struct hold *h, const struct solve_result *result, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < result->count; i++) {
		const struct solve_choice *item = &result->items[i];
		const struct lock_rpm *rpm = update_find_rpm(h->update->base, item->nevra, false);
		bool hidden = false;
		Id before = 0;

		if (!rpm || !is_new(h->update, item) || update_names_rpm(h->update, item->nevra))
			continue;
		r = find_package(h->resolver->solve.pool, rpm, &before, &hidden, err);
		if (r == 0)
			r = add_cause(h, result, i, before, err);
	}
	return r;
}

/* --- solving ------------------------------------------------------------------------------------ */

/* FRESH is what the answer would be if everything could move: there the named ones go. */
static int solve_holding(struct hold *h, const struct solve_result *fresh, struct solve_result *ret,
			 struct err *err)
{
	int r = find_kept(h, err);

	for (size_t i = 0; i < fresh->count; i++)
		if (update_names_rpm(h->update, fresh->items[i].nevra))
			queue_push(&h->take, fresh->items[i].solvable);
	if (r == 0)
		r = resolver_solve_keeping(h->resolver, &h->keep, &h->take, ret, err);
	if (r == 0)
		r = check_gone(h, &h->gone, "is in no repository any more", ret, err);
	if (r == 0)
		r = check_gone(h, &h->hidden,
			       "is hidden now (by module streams, includepkgs or excludepkgs)", ret,
			       err);
	if (r == 0)
		r = find_causes(h, ret, err);
	return r;
}

int update_solve(struct update *update, struct resolver *resolver, struct solve_result *ret,
		 struct err *err)
{
	CLEANUP(hold_release) struct hold h = { .update = update, .resolver = resolver };
	CLEANUP(solve_result_release) struct solve_result fresh = { .items = NULL };
	struct strv *warnings = resolver->warnings;
	int r = 0;

	if (update->names->count)
		resolver->warnings = NULL; /* the second solving says the same */
	r = resolver_solve(resolver, &fresh, err);
	resolver->warnings = warnings;
	if (update->names->count && (r == 0 || err->code == ERR_NETWORK)) {
		/* What cannot be had anew may well stay as it is: then nothing is taken. */
		*err = (struct err)ERR_INIT;
		r = solve_holding(&h, &fresh, ret, err);
	} else if (r == 0) {
		*ret = fresh;
		fresh = (struct solve_result){ .items = NULL };
	}
	if (r == 0)
		r = update_keep_reasons(resolver->solve.pool, update->base, ret, err);
	return r;
}
