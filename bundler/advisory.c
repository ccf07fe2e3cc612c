/* SPDX-License-Identifier: Apache-2.0 */
#include "advisory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <solv/dataiterator.h>
#include <solv/evr.h>
#include <solv/repo.h>

#include "cleanup.h"
#include "lock_diff.h"

#define PREFIX "patch:"

void advisories_release(struct advisories *advisories)
{
	for (size_t i = 0; i < advisories->count; i++) {
		struct advisory *a = &advisories->items[i];

		free(a->id);
		free(a->type);
		free(a->severity);
		free(a->title);
		strv_release(&a->cves);
		for (size_t k = 0; k < a->count; k++) {
			free(a->packages[k].name);
			free(a->packages[k].arch);
			free(a->packages[k].locked);
			free(a->packages[k].fixed);
		}
		free(a->packages);
	}
	free(advisories->items);
	*advisories = (struct advisories){ .items = NULL };
}

/* --- the locked packages ------------------------------------------------------------------------- */

/* One locked package in the pool's terms; of several versions the newest. */
struct package {
	Id name;
	Id arch;
	Id evr;
};

struct finder {
	Pool *pool;
	struct package *locked;
	size_t locked_count;
	struct package *fresh;
	size_t fresh_count;
	Map names; /* of locked packages */
	advisory_is_active is_active;
	void *arg;
	struct advisories *ret;
};

static void finder_release(struct finder *f)
{
	free(f->locked);
	free(f->fresh);
	map_free(&f->names);
}

static int compare_evr(Pool *pool, Id a, Id b)
{
	return pool_evrcmp(pool, a, b, EVRCMP_COMPARE);
}

static int read_packages(Pool *pool, const struct lock *lock, struct package **ret,
			 size_t *ret_count, struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	struct package *list = calloc(lock->rpms.count + 1, sizeof(*list));
	size_t count = 0;

	*ret = list;
	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < lock->rpms.count; i++) {
		CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
		struct package p = { 0 };
		size_t k = 0;

		if (lock_nevra_split(rpms[i].nevra, &v, err) < 0)
			return -(int)err->code;
		p = (struct package){ .name = pool_str2id(pool, v.name, 1),
				      .arch = pool_str2id(pool, v.arch, 1),
				      .evr = pool_str2id(pool, v.evr, 1) };
		while (k < count && (list[k].name != p.name || list[k].arch != p.arch))
			k++;
		if (k == count || compare_evr(pool, list[k].evr, p.evr) < 0)
			list[k] = p;
		if (k == count)
			count++;
	}
	*ret_count = count;
	return 0;
}

static const struct package *find_locked(const struct finder *f, Id name, Id arch)
{
	for (size_t i = 0; i < f->locked_count; i++)
		if (f->locked[i].name == name && f->locked[i].arch == arch)
			return &f->locked[i];
	return NULL;
}

/* Of the same name and architecture; failing that of the same name. */
static bool is_reached(const struct finder *f, const struct package *p, Id fixed)
{
	const struct package *found = NULL;

	for (size_t i = 0; i < f->fresh_count; i++)
		if (f->fresh[i].name == p->name && (!found || f->fresh[i].arch == p->arch))
			found = &f->fresh[i];
	return !found || compare_evr(f->pool, found->evr, fixed) >= 0;
}

/* --- one advisory --------------------------------------------------------------------------------- */

static int add_package(const struct finder *f, const struct package *p, Id fixed,
		       struct advisory *a, struct err *err)
{
	Pool *pool = f->pool;
	struct advisory_package *to = NULL;
	int r = 0;

	for (size_t i = 0; i < a->count; i++) {
		to = &a->packages[i];
		if (strcmp(to->name, pool_id2str(pool, p->name)) != 0 ||
		    strcmp(to->arch, pool_id2str(pool, p->arch)) != 0)
			continue;
		/* Named by several collections: what fixes it in all of them. */
		if (lock_compare_versions(false, to->fixed, pool_id2str(pool, fixed)) >= 0)
			return 0;
		free(steal_ptr(&to->fixed));
		to->reached = is_reached(f, p, fixed);
		return str_dup(&to->fixed, pool_id2str(pool, fixed), err);
	}
	to = reallocarray(a->packages, a->count + 1, sizeof(*to));
	if (!to)
		return err_nomem(err);
	a->packages = to;
	to = &a->packages[a->count++];
	*to = (struct advisory_package){ .reached = is_reached(f, p, fixed) };
	r = str_dup(&to->name, pool_id2str(pool, p->name), err);
	if (r == 0)
		r = str_dup(&to->arch, pool_id2str(pool, p->arch), err);
	if (r == 0)
		r = str_dup(&to->locked, pool_id2str(pool, p->evr), err);
	return r < 0 ? r : str_dup(&to->fixed, pool_id2str(pool, fixed), err);
}

static const char *lookup(Pool *pool, Id key)
{
	const char *text = pool_lookup_str(pool, SOLVID_POS, key);

	return text ? text : "";
}

/* Of the collection at the pool's position: true when it names no stream, or an active one. */
static bool is_applicable(const struct finder *f)
{
	Dataiterator di;
	bool any = false;
	bool active = false;

	dataiterator_init(&di, f->pool, 0, SOLVID_POS, UPDATE_MODULE, 0, 0);
	while (!active && dataiterator_step(&di)) {
		dataiterator_setpos(&di);
		any = true;
		active = f->is_active(lookup(f->pool, UPDATE_MODULE_NAME),
				      lookup(f->pool, UPDATE_MODULE_STREAM),
				      lookup(f->pool, UPDATE_MODULE_CONTEXT), f->arg);
	}
	dataiterator_free(&di);
	return active || !any;
}

static int add_collection(const struct finder *f, struct advisory *a, struct err *err)
{
	Pool *pool = f->pool;
	Dataiterator di;
	int r = 0;

	dataiterator_init(&di, pool, 0, SOLVID_POS, UPDATE_COLLECTION, 0, 0);
	while (r == 0 && dataiterator_step(&di)) {
		const struct package *p = NULL;
		Id fixed = 0;

		dataiterator_setpos(&di);
		fixed = pool_lookup_id(pool, SOLVID_POS, UPDATE_COLLECTION_EVR);
		p = find_locked(f, pool_lookup_id(pool, SOLVID_POS, UPDATE_COLLECTION_NAME),
				pool_lookup_id(pool, SOLVID_POS, UPDATE_COLLECTION_ARCH));
		if (p && fixed && compare_evr(pool, fixed, p->evr) > 0)
			r = add_package(f, p, fixed, a, err);
	}
	dataiterator_free(&di);
	return r;
}

static int add_packages(const struct finder *f, Id id, struct advisory *a, struct err *err)
{
	Dataiterator di;
	int r = 0;

	dataiterator_init(&di, f->pool, 0, id, UPDATE_COLLECTIONLIST, 0, 0);
	while (r == 0 && dataiterator_step(&di)) {
		dataiterator_setpos(&di);
		if (!is_applicable(f))
			continue;
		dataiterator_setpos(&di);
		r = add_collection(f, a, err);
	}
	dataiterator_free(&di);
	return r;
}

static int add_cves(Pool *pool, Id id, struct advisory *a, struct err *err)
{
	Dataiterator di;
	int r = 0;

	dataiterator_init(&di, pool, 0, id, UPDATE_REFERENCE, 0, 0);
	while (r == 0 && dataiterator_step(&di)) {
		const char *cve = NULL;

		dataiterator_setpos(&di);
		cve = lookup(pool, UPDATE_REFERENCE_ID);
		if (!strcmp(lookup(pool, UPDATE_REFERENCE_TYPE), "cve") && !strv_has(&a->cves, cve))
			r = strv_add(&a->cves, cve, err);
	}
	dataiterator_free(&di);
	strv_sort(&a->cves);
	return r;
}

static int copy_text(char **ret, const char *text, struct err *err)
{
	return str_dup(ret, text ? text : "", err);
}

static int start_advisory(Solvable *s, struct advisory *a, struct err *err)
{
	Pool *pool = s->repo->pool;
	const char *severity = solvable_lookup_str(s, UPDATE_SEVERITY);
	int r = str_dup(&a->id, pool_id2str(pool, s->name) + strlen(PREFIX), err);

	if (r == 0)
		r = copy_text(&a->type, solvable_lookup_str(s, SOLVABLE_PATCHCATEGORY), err);
	if (severity && !strcasecmp(severity, "none")) /* as RHEL writes where there is none */
		severity = NULL;
	if (r == 0)
		r = copy_text(&a->severity, severity, err);
	if (r == 0)
		r = copy_text(&a->title, solvable_lookup_str(s, SOLVABLE_SUMMARY), err);
	return r;
}

/* Several repositories may have the same advisory: one entry. */
static int find_advisory(struct advisories *list, Solvable *s, struct advisory **ret,
			 struct err *err)
{
	const char *id = pool_id2str(s->repo->pool, s->name) + strlen(PREFIX);
	struct advisory *bigger = NULL;

	for (size_t i = 0; i < list->count; i++) {
		*ret = &list->items[i];
		if (!strcmp((*ret)->id, id))
			return 0;
	}
	bigger = reallocarray(list->items, list->count + 1, sizeof(*bigger));
	if (!bigger)
		return err_nomem(err);
	list->items = bigger;
	*ret = &bigger[list->count++];
	**ret = (struct advisory){ .reached = true };
	return start_advisory(s, *ret, err);
}

/* Cheap, and true of few: whether the advisory names a locked package at all (its `conflicts`). */
static bool may_concern(const struct finder *f, Solvable *s)
{
	Queue deps;
	bool found = false;

	queue_init(&deps);
	solvable_lookup_deparray(s, SOLVABLE_CONFLICTS, &deps, 0);
	for (int i = 0; !found && i < deps.count; i++) {
		Id dep = deps.elements[i];

		while (ISRELDEP(dep))
			dep = GETRELDEP(f->pool, dep)->name;
		found = dep < f->names.size * 8 && MAPTST(&f->names, dep);
	}
	queue_free(&deps);
	return found;
}

static int look_at(const struct finder *f, Id id, struct err *err)
{
	Solvable *s = pool_id2solvable(f->pool, id);
	CLEANUP(advisories_release) struct advisories one = { .items = NULL };
	struct advisory *a = NULL;
	int r = 0;

	if (!str_starts(pool_id2str(f->pool, s->name), PREFIX) || !may_concern(f, s))
		return 0;
	r = find_advisory(&one, s, &a, err);
	if (r == 0)
		r = add_packages(f, id, a, err);
	if (r < 0 || !a->count)
		return r;
	r = find_advisory(f->ret, s, &a, err);
	if (r == 0)
		r = add_packages(f, id, a, err);
	return r < 0 ? r : add_cves(f->pool, id, a, err);
}

/* --- all ------------------------------------------------------------------------------------------ */

static int rank(const struct advisory *a)
{
	static const char *const names[] = { "critical", "important", "moderate", "low" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(a->severity, names[i]))
			return (int)i;
	return ARRAY_SIZE(names) + (strcmp(a->type, "security") != 0);
}

static int cmp_advisory(const void *left, const void *right)
{
	const struct advisory *a = left;
	const struct advisory *b = right;
	int cmp = rank(a) - rank(b);

	return cmp ? cmp : strcmp(a->id, b->id);
}

static int cmp_package(const void *left, const void *right)
{
	const struct advisory_package *a = left;
	const struct advisory_package *b = right;
	int cmp = strcmp(a->name, b->name);

	return cmp ? cmp : strcmp(a->arch, b->arch);
}

static void finish(struct advisories *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct advisory *a = &list->items[i];

		for (size_t k = 0; k < a->count; k++)
			a->reached = a->reached && a->packages[k].reached;
		qsort(a->packages, a->count, sizeof(*a->packages), cmp_package);
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), cmp_advisory);
}

int advisories_find(Pool *pool, const struct lock *locked, const struct lock *fresh,
		    advisory_is_active is_active, void *arg, struct advisories *ret,
		    struct err *err)
{
	CLEANUP(finder_release)
	struct finder f = { .pool = pool, .is_active = is_active, .arg = arg, .ret = ret };
	int r = read_packages(pool, locked, &f.locked, &f.locked_count, err);
	Id p = 0;

	if (r == 0)
		r = read_packages(pool, fresh, &f.fresh, &f.fresh_count, err);
	map_init(&f.names, pool->ss.nstrings);
	for (size_t i = 0; i < f.locked_count; i++)
		MAPSET(&f.names, f.locked[i].name);
	FOR_POOL_SOLVABLES(p)
		if (r == 0)
			r = look_at(&f, p, err);
	finish(ret);
	return r;
}

/* --- telling -------------------------------------------------------------------------------------- */

static int take_line(struct str *text, struct strv *lines, struct err *err)
{
	char *line = NULL;
	int r = str_done(text, &line, err);

	return r < 0 ? r : strv_take(lines, line, err);
}

/* A column at least WIDTH wide and two blanks; "-" for what is not told. */
static void add_column(struct str *line, const char *text, size_t width)
{
	size_t end = line->len + width;

	str_add_plain(line, *text ? text : "-");
	while (!line->failed && line->len < end)
		str_addc(line, ' ');
	str_add(line, "  ");
}

int advisory_lines(const struct advisory *a, struct strv *lines, struct err *err)
{
	CLEANUP(str_release) struct str head = STR_INIT;
	CLEANUP(str_release) struct str list = STR_INIT;
	int r = 0;

	add_column(&head, a->severity, 9);
	add_column(&head, a->type, 11);
	add_column(&head, a->id, 14);
	str_add_plain(&head, a->title);
	for (size_t i = 0; i < a->cves.count; i++) {
		str_add(&list, i ? ", " : "           ");
		str_add_plain(&list, a->cves.items[i]);
	}
	r = take_line(&head, lines, err);
	if (r == 0 && a->cves.count)
		r = take_line(&list, lines, err);
	for (size_t i = 0; r == 0 && i < a->count; i++) {
		CLEANUP(str_release) struct str line = STR_INIT;

		str_add(&line, "           ");
		str_add_plain(&line, a->packages[i].name);
		str_add(&line, ".");
		str_add_plain(&line, a->packages[i].arch);
		str_add(&line, "  ");
		str_add_plain(&line, a->packages[i].locked);
		str_add(&line, " -> ");
		str_add_plain(&line, a->packages[i].fixed);
		if (!a->packages[i].reached)
			str_add(&line, "  (not in these repositories' answer)");
		r = take_line(&line, lines, err);
	}
	return r;
}

void advisory_json(const struct advisory *a, struct json *j)
{
	json_open(j, NULL, '{');
	json_string(j, "id", a->id);
	json_string(j, "type", a->type);
	json_string(j, "severity", *a->severity ? a->severity : NULL);
	json_string(j, "title", a->title);
	json_strings(j, "cves", &a->cves);
	json_bool(j, "fixed", a->reached);
	json_open(j, "packages", '[');
	for (size_t i = 0; i < a->count; i++) {
		const struct advisory_package *p = &a->packages[i];

		json_open(j, NULL, '{');
		json_string(j, "name", p->name);
		json_string(j, "arch", p->arch);
		json_string(j, "locked", p->locked);
		json_string(j, "fixed_in", p->fixed);
		json_bool(j, "fixed", p->reached);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}
