/* SPDX-License-Identifier: Apache-2.0 */
/* Why nothing is what a request asks for: hidden, in other versions only, under another name, unread. */
#include <stdlib.h>
#include <string.h>

#include <solv/bitmap.h>
#include <solv/evr.h>

#include "cleanup.h"
#include "pkgspec.h"
#include "solve_private.h"
#include "str.h"

#define LISTED_MAX 6 /* packages or names below a message */

void solve_add_package(const struct solve *solve, Id p, struct str *out)
{
	Pool *pool = solve->pool;
	const Solvable *s = pool_id2solvable(pool, p);
	const char *stream = NULL;

	if (s->repo == pool->installed) {
		str_addf(out, "%s (baseline)", solve_nevra(pool, p));
		return;
	}
	if (solve->modules)
		stream = modules_stream(solve->modules, pool, p);
	str_addf(out, "%s (%s%s%s)", solve_nevra(pool, p), s->repo->name, stream ? ", " : "",
		 stream ? stream : "");
}

static void detail_package(const struct solve *solve, Id p, const char *why, struct err *err)
{
	CLEANUP(str_release) struct str line = STR_INIT;

	solve_add_package(solve, p, &line);
	if (!line.failed)
		err_detail(err, "%s%s%s", line.buf, *why ? ": " : "", why);
}

/* --- what hides --------------------------------------------------------------------------------------- */

static const struct repofile_repo *source_of(const struct solve *solve, Id p)
{
	const struct metadata *md = solve->metadata;

	for (size_t i = 0; md && i < md->count; i++)
		if (md->repos[i].repo == solve->pool->solvables[p].repo)
			return md->repos[i].source;
	return NULL;
}

static const char *first_match(Pool *pool, Id p, const struct strv *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (pkgspec_match(pool, p, patterns->items[i]))
			return patterns->items[i];
	return NULL;
}

const char *solve_what_hides(const struct solve *solve, Id p, char *buf, size_t size)
{
	Pool *pool = solve->pool;
	const struct repofile_repo *source = source_of(solve, p);
	const char *pattern = NULL;
	const char *arch = NULL;

	if (MAPTST(&solve->modular, p) && solve->modules)
		return modules_explain(solve->modules, pool, p, buf, size);
	if (source && !MAPTST(pool->considered, p)) {
		const char *id = pool_id2solvable(pool, p)->repo->name;
		const char *where = source->where ? source->where : "its .repo file";

		pattern = first_match(pool, p, &source->excludepkgs);
		if (pattern)
			snprintf(buf, size,
				 "excludepkgs=%s of repository '%s' (%s) hides it: change that "
				 "option",
				 pattern, id, where);
		else
			snprintf(buf, size,
				 "includepkgs of repository '%s' (%s) leaves it out: add it there",
				 id, where);
		return buf;
	}
	arch = pool_id2str(pool, pool_id2solvable(pool, p)->arch);
	if (!strcmp(arch, "src") || !strcmp(arch, "nosrc"))
		snprintf(buf, size, "it is there as a source only");
	else
		snprintf(buf, size, "it is there for %s only, which the platform does not run",
			 arch);
	return buf;
}

void solve_tell_unread(const struct solve *solve, struct err *err)
{
	const struct metadata *md = solve->metadata;

	for (size_t i = 0; md && i < md->count; i++)
		if (!md->repos[i].repo)
			err_detail(err, "repository '%s' could not be reached and is left out (%s)",
				   md->repos[i].source->id, md->repos[i].source->where);
	for (size_t i = 0; md && md->repofiles && i < md->repofiles->count; i++)
		if (!md->repofiles->items[i].enabled)
			err_detail(err, "repository '%s' is disabled and was not read (%s)",
				   md->repofiles->items[i].id, md->repofiles->items[i].where);
}

/* --- lists of packages ---------------------------------------------------------------------------------- */

static int cmp_newest(const void *a, const void *b, void *data)
{
	Pool *pool = data;
	const Solvable *x = pool_id2solvable(pool, *(const Id *)a);
	const Solvable *y = pool_id2solvable(pool, *(const Id *)b);
	int cmp = pool_evrcmp(pool, y->evr, x->evr, EVRCMP_COMPARE);

	return cmp ? cmp : (*(const Id *)a > *(const Id *)b) - (*(const Id *)a < *(const Id *)b);
}

static void sort_newest(Pool *pool, Queue *list)
{
	solv_sort(list->elements, list->count, sizeof(Id), cmp_newest, pool);
}

static void detail_more(int more, struct err *err)
{
	if (more > 0)
		err_detail(err, "and %d more", more);
}

static void detail_list(const struct solve *solve, const Queue *list, struct err *err)
{
	for (int i = 0; i < list->count && i < LISTED_MAX; i++)
		detail_package(solve, list->elements[i], "", err);
	detail_more(list->count - LISTED_MAX, err);
}

/* The first package for each reason; none when there is just one reason and it was TOLD. */
static void detail_hidden(const struct solve *solve, const Queue *list, bool told, struct err *err)
{
	CLEANUP(strv_release) struct strv reasons = STRV_INIT;
	struct err ignored = ERR_INIT;
	Queue first;
	char why[400];

	queue_init(&first);
	for (int i = 0; i < list->count; i++) {
		solve_what_hides(solve, list->elements[i], why, sizeof(why));
		if (!strv_has(&reasons, why) && strv_add(&reasons, why, &ignored) == 0)
			queue_push(&first, list->elements[i]);
	}
	for (int i = 0; i < first.count && i < LISTED_MAX && first.count > (told ? 1 : 0); i++)
		detail_package(solve, first.elements[i], reasons.items[i], err);
	detail_more(first.count - LISTED_MAX, err);
	queue_free(&first);
}

/* --- the explanations ----------------------------------------------------------------------------------- */

/* Packages that the request means, or that provide what it means, and that are hidden. */
static void find_hidden(const struct solve *solve, const char *spec, Queue *found)
{
	Pool *pool = solve->pool;
	cleanup_free char *name = strndup(spec, strcspn(spec, " \t"));
	Id id = name ? pool_str2id(pool, name, 0) : 0;
	Id p = 0;
	Id pp = 0;

	FOR_POOL_SOLVABLES(p)
		if (name && p < solve->prepared &&
		    pool_id2solvable(pool, p)->repo != pool->installed &&
		    !pkgspec_is_visible(pool, p) && pkgspec_match(pool, p, name))
			queue_push(found, p);
	if (found->count || !id)
		return;
	FOR_PROVIDES(p, pp, id)
		if (p != SYSTEMSOLVABLE && !pkgspec_is_visible(pool, p))
			queue_push(found, p);
}

/* There are packages that the request means, and all are hidden. */
static bool tell_hidden(const struct solve *solve, const struct definition_request *request,
			struct err *err)
{
	char why[400];
	Queue found;
	int count = 0;

	queue_init(&found);
	find_hidden(solve, request->name, &found);
	sort_newest(solve->pool, &found);
	if (found.count) {
		err_set(err, ERR_NETWORK, "%s: no package '%s' (%s): %s", request->where,
			request->name, request->reason,
			solve_what_hides(solve, found.elements[0], why, sizeof(why)));
		detail_hidden(solve, &found, true, err);
	}
	count = found.count;
	queue_free(&found);
	return count > 0;
}

static void find_named(Pool *pool, Id name, Queue *found)
{
	Id p = 0;

	FOR_POOL_SOLVABLES(p)
		if (pool_id2solvable(pool, p)->name == name && pkgspec_is_visible(pool, p))
			queue_push(found, p);
}

/* The longest part of SPEC up to one of ENDS that is the name of visible packages: these. */
static void find_by_prefix(Pool *pool, const char *spec, const char *ends, Queue *found)
{
	for (size_t len = strlen(spec); !found->count && len > 0; len--) {
		Id name = strchr(ends, spec[len]) ? pool_strn2id(pool, spec, (unsigned int)len, 0)
						  : 0;

		if (name)
			find_named(pool, name, found);
	}
}

static void find_hidden_named(const struct solve *solve, Id name, Queue *found)
{
	Pool *pool = solve->pool;
	Id p = 0;

	FOR_POOL_SOLVABLES(p)
		if (pool_id2solvable(pool, p)->name == name && !pkgspec_is_visible(pool, p))
			queue_push(found, p);
	sort_newest(pool, found);
}

/* "name-version" and its like, "name >= version", "name.arch", of a name that is there. */
static bool tell_versions(const struct solve *solve, const struct definition_request *request,
			  struct err *err)
{
	Pool *pool = solve->pool;
	const char *spec = request->name;
	Queue found;
	Queue hidden;
	int count = 0;

	queue_init(&found);
	queue_init(&hidden);
	find_by_prefix(pool, spec, strpbrk(spec, " <=>") ? " " : "-.", &found);
	sort_newest(pool, &found);
	if (found.count) {
		const Solvable *s = pool_id2solvable(pool, found.elements[0]);
		const char *name = pool_id2str(pool, s->name);

		if (spec[strlen(name)] == '.')
			err_set(err, ERR_NETWORK,
				"%s: no package '%s' (%s): '%s' is there for other architectures "
				"only: ask for '%s'",
				request->where, spec, request->reason, name, name);
		else
			err_set(err, ERR_NETWORK,
				"%s: no package '%s' (%s): '%s' is there in other versions only, "
				"%s the newest: ask for one of these",
				request->where, spec, request->reason, name,
				pool_id2str(pool, s->evr));
		detail_list(solve, &found, err);
		find_hidden_named(solve, s->name, &hidden);
		detail_hidden(solve, &hidden, false, err);
	}
	count = found.count;
	queue_free(&hidden);
	queue_free(&found);
	return count > 0;
}

/* "name >= version", where NAME is something that packages provide, in other versions. */
static bool tell_provided(const struct solve *solve, const struct definition_request *request,
			  struct err *err)
{
	Pool *pool = solve->pool;
	cleanup_free char *name = strndup(request->name, strcspn(request->name, " \t"));
	struct err ignored = ERR_INIT;
	Queue found;
	int count = 0;

	queue_init(&found);
	if (name && strlen(name) < strlen(request->name) &&
	    pkgspec_find_provided(pool, name, &found, &ignored) == 0 && found.count) {
		sort_newest(pool, &found);
		err_set(err, ERR_NETWORK,
			"%s: no package '%s' (%s): '%s' is provided in other versions: ask for one "
			"that is there",
			request->where, request->name, request->reason, name);
		detail_list(solve, &found, err);
	}
	count = found.count;
	queue_free(&found);
	return count > 0;
}

/* A visible package that obsoletes NAME, or 0. */
static Id find_obsoleter(Pool *pool, Id name)
{
	Id found = 0;
	Queue deps;
	Id p = 0;

	queue_init(&deps);
	FOR_POOL_SOLVABLES(p) {
		queue_empty(&deps); /* which a list that is not there does not do */
		solvable_lookup_deparray(pool_id2solvable(pool, p), SOLVABLE_OBSOLETES, &deps, 0);
		for (int i = 0; i < deps.count; i++) {
			Id dep = deps.elements[i];

			if (ISRELDEP(dep))
				dep = GETRELDEP(pool, dep)->name;
			if (dep == name && pkgspec_is_visible(pool, p))
				found = p;
		}
	}
	queue_free(&deps);
	return found;
}

static bool tell_obsoleted(const struct solve *solve, const struct definition_request *request,
			   struct err *err)
{
	CLEANUP(str_release) struct str by = STR_INIT;
	Pool *pool = solve->pool;
	Id name = pool_str2id(pool, request->name, 0);
	Id p = name ? find_obsoleter(pool, name) : 0;

	if (!p)
		return false;
	solve_add_package(solve, p, &by);
	if (by.failed)
		return false;
	err_set(err, ERR_NETWORK,
		"%s: no package '%s' (%s): %s has taken its place (obsoletes it): ask for '%s'",
		request->where, request->name, request->reason, by.buf,
		pool_id2str(pool, pool_id2solvable(pool, p)->name));
	return true;
}

/* --- names --------------------------------------------------------------------------------------------- */

/* Every visible name once, ending with NULL; or NULL. */
static const char **all_names(Pool *pool)
{
	const char **names = calloc((size_t)pool->nsolvables + 1, sizeof(*names));
	size_t count = 0;
	Map seen;
	Id p = 0;

	if (!names)
		return NULL;
	map_init(&seen, pool->ss.nstrings);
	FOR_POOL_SOLVABLES(p) {
		Id name = pool_id2solvable(pool, p)->name;

		if (!pkgspec_is_visible(pool, p) || MAPTST(&seen, name))
			continue;
		MAPSET(&seen, name);
		names[count++] = pool_id2str(pool, name);
	}
	map_free(&seen);
	return names;
}

static int cmp_names(const void *a, const void *b)
{
	const char *x = *(const char *const *)a;
	const char *y = *(const char *const *)b;

	return strlen(x) != strlen(y) ? (strlen(x) < strlen(y) ? -1 : 1) : strcmp(x, y);
}

/* A detail with the shortest NAMES that WORD is a part of. */
static void detail_names(const char **names, const char *word, struct err *err)
{
	CLEANUP(str_release) struct str line = STR_INIT;
	size_t count = 0;

	for (size_t i = 0; names[i]; i++)
		if (strstr(names[i], word))
			names[count++] = names[i];
	qsort(names, count, sizeof(*names), cmp_names);
	for (size_t i = 0; i < count && i < LISTED_MAX; i++)
		str_addf(&line, "%s'%s'", i ? ", " : "", names[i]);
	if (count && !line.failed)
		err_detail(err, "names with it: %s%s", line.buf, count > LISTED_MAX ? " ..." : "");
}

static void tell_unknown(const struct solve *solve, const struct definition_request *request,
			 struct err *err)
{
	cleanup_free const char **names = all_names(solve->pool);
	bool glued = strpbrk(request->name, "<>=") && !strchr(request->name, ' ');
	bool plain = !glued && !pkgspec_is_file(request->name) && !strpbrk(request->name, "*?[( ");
	const char *near = names && plain ? str_nearest(request->name, names) : NULL;

	if (near)
		err_set(err, ERR_NETWORK,
			"%s: no package '%s' (%s) in any repository (did you mean '%s'?)",
			request->where, request->name, request->reason, near);
	else
		err_set(err, ERR_NETWORK, "%s: no package %s'%s' (%s) in any repository%s",
			request->where, pkgspec_is_file(request->name) ? "with the file " : "",
			request->name, request->reason,
			glued ? " (put blanks around the operator: 'NAME >= VERSION')" : "");
	if (names && plain && strlen(request->name) > 2)
		detail_names(names, request->name, err);
}

int solve_not_there(const struct solve *solve, const struct definition_request *request,
		    struct err *err)
{
	if (!tell_hidden(solve, request, err) && !tell_versions(solve, request, err) &&
	    !tell_provided(solve, request, err) && !tell_obsoleted(solve, request, err))
		tell_unknown(solve, request, err);
	solve_tell_unread(solve, err);
	return -(int)err->code;
}
