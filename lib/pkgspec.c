/* SPDX-License-Identifier: Apache-2.0 */
#include "pkgspec.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include <solv/bitmap.h>
#include <solv/dataiterator.h>
#include <solv/evr.h>

#include "cleanup.h"
#include "str.h"

bool pkgspec_is_glob(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

bool pkgspec_is_file(const char *text)
{
	return text[0] == '/' || str_starts(text, "*/");
}

bool pkgspec_is_valid(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return *text && *text != ' ' && *text != '-';
}

/* --- a package's parts ---------------------------------------------------------------------------- */

struct evr {
	unsigned long epoch;
	char *version; /* owned, as the next */
	char *release;
};

static void evr_release(struct evr *evr)
{
	free(evr->version);
	free(evr->release);
}

static int evr_split(Pool *pool, Id p, struct evr *ret, struct err *err)
{
	const char *text = pool_id2str(pool, pool_id2solvable(pool, p)->evr);
	const char *colon = strchr(text, ':');
	const char *version = colon ? colon + 1 : text;
	const char *dash = strrchr(version, '-');
	int len = (int)(dash ? (size_t)(dash - version) : strlen(version));
	int r = str_printf(&ret->version, err, "%.*s", len, version);

	ret->epoch = colon ? strtoul(text, NULL, 10) : 0;
	return r < 0 ? r : str_dup(&ret->release, dash ? dash + 1 : "", err);
}

/* --- dnf's forms ---------------------------------------------------------------------------------- */

#define NAME "([^:(/=<> ]+)"
#define EPOCH "(([0-9]+):)?"
#define WORD "([^-:(/=<> ]+)"
#define ARCH "([^-:.(/=<> ]+)"

enum part { PART_NAME, PART_EPOCH, PART_VERSION, PART_RELEASE, PART_ARCH, PARTS };

/* In the order of libdnf's HY_FORMS_MOST_SPEC; groups[] are the numbers of the sub-expressions. */
static const struct form {
	const char *regex;
	unsigned char groups[PARTS];
} forms[] = {
	{ "^" NAME "-" EPOCH WORD "-" WORD "\\." ARCH "$", { 1, 3, 4, 5, 6 } },
	{ "^" NAME "\\." ARCH "$", { 1, 0, 0, 0, 2 } },
	{ "^" NAME "$", { 1, 0, 0, 0, 0 } },
	{ "^" NAME "-" EPOCH WORD "-" WORD "$", { 1, 3, 4, 5, 0 } },
	{ "^" NAME "-" EPOCH WORD "$", { 1, 3, 4, 0, 0 } },
};

struct subject {
	char *parts[PARTS]; /* owned; NULL: anything */
};

static void subject_release(struct subject *subject)
{
	for (size_t i = 0; i < PARTS; i++)
		free(subject->parts[i]);
	*subject = (struct subject){ .parts = { NULL } };
}

static int subject_parse(const struct form *form, const char *spec, struct subject *ret,
			 bool *ret_is, struct err *err)
{
	regmatch_t found[8] = { { .rm_so = 0 } };
	regex_t regex;
	int r = 0;

	if (regcomp(&regex, form->regex, REG_EXTENDED))
		return err_nomem(err);
	*ret_is = regexec(&regex, spec, ARRAY_SIZE(found), found, 0) == 0;
	for (size_t i = 0; *ret_is && r == 0 && i < PARTS; i++) {
		const regmatch_t *m = &found[form->groups[i]];
		int len = (int)(m->rm_eo - m->rm_so);

		if (form->groups[i] && m->rm_so >= 0 && !(len == 1 && spec[m->rm_so] == '*'))
			r = str_printf(&ret->parts[i], err, "%.*s", len, spec + m->rm_so);
	}
	regfree(&regex);
	return r;
}

static bool match_text(const char *pattern, const char *text)
{
	return pkgspec_is_glob(pattern) ? fnmatch(pattern, text, 0) == 0 : !strcmp(pattern, text);
}

/* "1.0" and "1.00" are the same version. */
static bool match_version(Pool *pool, const char *pattern, const char *version)
{
	return pkgspec_is_glob(pattern)
		       ? fnmatch(pattern, version, 0) == 0
		       : pool_evrcmp_str(pool, pattern, version, EVRCMP_COMPARE) == 0;
}

static int match_evr(Pool *pool, const struct subject *subject, Id p, bool *ret_match,
		     struct err *err)
{
	const char *const *parts = (const char *const *)subject->parts;
	CLEANUP(evr_release) struct evr evr = { .version = NULL };
	int r = 0;

	if (!parts[PART_EPOCH] && !parts[PART_VERSION] && !parts[PART_RELEASE])
		return 0;
	r = evr_split(pool, p, &evr, err);
	if (r == 0)
		*ret_match =
			(!parts[PART_EPOCH] || strtoul(parts[PART_EPOCH], NULL, 10) == evr.epoch) &&
			(!parts[PART_VERSION] ||
			 match_version(pool, parts[PART_VERSION], evr.version)) &&
			(!parts[PART_RELEASE] ||
			 match_version(pool, parts[PART_RELEASE], evr.release));
	return r;
}

static int find_subject(Pool *pool, const struct subject *subject, Queue *found, struct err *err)
{
	const char *name = subject->parts[PART_NAME];
	const char *arch = subject->parts[PART_ARCH];
	bool is_glob = name && pkgspec_is_glob(name);
	Id id = name && !is_glob ? pool_str2id(pool, name, 0) : 0;
	Id p = 0;
	int r = 0;

	if (name && !is_glob && !id)
		return 0;
	for (p = 2; r == 0 && p < pool->nsolvables; p++) {
		const Solvable *s = pool_id2solvable(pool, p);
		bool match = true;

		if ((id && s->name != id) || !s->repo || !pkgspec_is_visible(pool, p) ||
		    (is_glob && !match_text(name, pool_id2str(pool, s->name))) ||
		    (arch && !match_text(arch, pool_id2str(pool, s->arch))))
			continue;
		r = match_evr(pool, subject, p, &match, err);
		if (r == 0 && match)
			queue_push(found, p);
	}
	return r;
}

/* The whole of name-[epoch:]version-release.arch as one pattern; with an epoch when it has one. */
static int match_nevra(Pool *pool, const char *spec, Id p, bool *ret_match, struct err *err)
{
	const Solvable *s = pool_id2solvable(pool, p);
	CLEANUP(str_release) struct str text = STR_INIT;
	const char *evr = pool_id2str(pool, s->evr);
	const char *colon = strchr(evr, ':');

	str_addf(&text, "%s-", pool_id2str(pool, s->name));
	if (strchr(spec, ':') && !colon)
		str_add(&text, "0:");
	str_addf(&text, "%s.%s", strchr(spec, ':') || !colon ? evr : colon + 1,
		 pool_id2str(pool, s->arch));
	*ret_match = !text.failed && match_text(spec, text.buf);
	return str_check(&text, err);
}

static int find_nevra(Pool *pool, const char *spec, Queue *found, struct err *err)
{
	int r = 0;

	if (strpbrk(spec, "(/=<> ") || !strpbrk(spec, "-*?["))
		return 0;
	for (Id p = 2; r == 0 && p < pool->nsolvables; p++) {
		bool match = false;

		if (!pool_id2solvable(pool, p)->repo || !pkgspec_is_visible(pool, p))
			continue;
		r = match_nevra(pool, spec, p, &match, err);
		if (r == 0 && match)
			queue_push(found, p);
	}
	return r;
}

int pkgspec_find(Pool *pool, const char *spec, Queue *found, enum pkgspec_form *ret_form,
		 struct err *err)
{
	int r = 0;

	*ret_form = PKGSPEC_NONE;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(forms); i++) {
		CLEANUP(subject_release) struct subject subject = { .parts = { NULL } };
		const char *arch = NULL;
		bool is = false;

		r = subject_parse(&forms[i], spec, &subject, &is, err);
		if (r == 0 && is)
			r = find_subject(pool, &subject, found, err);
		if (r < 0 || !found->count)
			continue;
		arch = subject.parts[PART_ARCH];
		if (forms[i].groups[PART_ARCH] && (!arch || pkgspec_is_glob(arch)))
			*ret_form = PKGSPEC_ARCHS;
		else if (forms[i].groups[PART_VERSION] || forms[i].groups[PART_ARCH])
			*ret_form = PKGSPEC_NEVRA;
		else
			*ret_form = PKGSPEC_NAME;
		return 0;
	}
	if (r == 0)
		r = find_nevra(pool, spec, found, err);
	if (r == 0 && found->count)
		*ret_form = PKGSPEC_NEVRA;
	return r;
}

/* --- something provided, or a file ---------------------------------------------------------------- */

/* "name", or "name >= version"; the first NAME_LEN characters are the name. */
struct capability {
	const char *text;
	size_t name_len;
	const char *evr; /* borrowed; NULL: any version */
	int flags;
};

/* False when it is neither. */
static bool parse_capability(const char *text, struct capability *ret)
{
	static const struct {
		const char *text;
		int flags;
	} ops[] = { { "=", REL_EQ },           { "==", REL_EQ }, { "<=", REL_LT | REL_EQ },
		    { ">=", REL_GT | REL_EQ }, { "<", REL_LT },  { ">", REL_GT } };
	static const char blank[] = " \t";
	const char *op = text + strcspn(text, blank);
	size_t op_len = 0;

	*ret = (struct capability){ .text = text, .name_len = (size_t)(op - text) };
	op += strspn(op, blank);
	op_len = strspn(op, "<=>");
	if (!*op)
		return true;
	ret->evr = op + op_len + strspn(op + op_len, blank);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (strlen(ops[i].text) == op_len && !strncmp(ops[i].text, op, op_len))
			ret->flags = ops[i].flags;
	return ret->flags && *ret->evr && !strpbrk(ret->evr, blank);
}

static Id capability_id(Pool *pool, const struct capability *capability, Id name)
{
	if (!capability->evr)
		return name;
	return pool_rel2id(pool, name, pool_str2id(pool, capability->evr, 1), capability->flags, 1);
}

static void add_providers(Pool *pool, Id dep, Map *seen, Queue *found)
{
	Id p = 0;
	Id pp = 0;

	FOR_PROVIDES(p, pp, dep) {
		if (MAPTST(seen, p) || p == SYSTEMSOLVABLE || !pkgspec_is_visible(pool, p))
			continue;
		MAPSET(seen, p);
		queue_push(found, p);
	}
}

int pkgspec_find_provided(Pool *pool, const char *spec, Queue *found, struct err *err)
{
	struct capability capability = { .text = NULL };
	cleanup_free char *name = NULL;
	int last = pool->ss.nstrings; /* before the version becomes one */
	Map seen;

	if (!parse_capability(spec, &capability))
		return 0;
	name = strndup(spec, capability.name_len);
	if (!name)
		return err_nomem(err);
	map_init(&seen, pool->nsolvables);
	if (pkgspec_is_glob(name)) {
		for (Id id = 2; id < last; id++)
			if (fnmatch(name, pool_id2str(pool, id), 0) == 0)
				add_providers(pool, capability_id(pool, &capability, id), &seen,
					      found);
	} else if (pool_str2id(pool, name, 0)) {
		add_providers(pool, capability_id(pool, &capability, pool_str2id(pool, name, 0)),
			      &seen, found);
	}
	map_free(&seen);
	return 0;
}

void pkgspec_find_owners(Pool *pool, const char *spec, Queue *found)
{
	int flags = SEARCH_FILES | (pkgspec_is_glob(spec) ? SEARCH_GLOB : SEARCH_STRING);
	Dataiterator it;

	dataiterator_init(&it, pool, NULL, 0, SOLVABLE_FILELIST, spec, flags);
	while (dataiterator_step(&it)) {
		if (pkgspec_is_visible(pool, it.solvid))
			queue_pushunique(found, it.solvid);
		dataiterator_skip_solvable(&it);
	}
	dataiterator_free(&it);
}

/* --- one package and a pattern -------------------------------------------------------------------- */

/*
 * The forms that dnf tries beside the name alone: name.arch, name-version, name-version-release and
 * that with .arch, with or without the epoch.
 */
static bool match_forms(Pool *pool, Id p, const char *pattern)
{
	Solvable *s = pool_id2solvable(pool, p);
	const char *name = pool_id2str(pool, s->name);
	const char *arch = pool_id2str(pool, s->arch);
	const char *evr = pool_id2str(pool, s->evr);
	const char *colon = strchr(evr, ':');
	const char *version = colon ? colon + 1 : evr;
	const char *release = strrchr(version, '-');
	int version_len = (int)(release ? release - version : (long)strlen(version));
	CLEANUP(str_release) struct str text = STR_INIT;

	str_addf(&text, "%s.%s", name, arch);
	if (!text.failed && fnmatch(pattern, text.buf, 0) == 0)
		return true;
	for (unsigned int form = 0; form < 6; form++) {
		str_reset(&text);
		str_addf(&text, "%s-", name);
		if (form % 2)
			str_addf(&text, "%.*s:", colon ? (int)(colon - evr) : 1, colon ? evr : "0");
		if (form / 2 == 0)
			str_add_len(&text, version, (size_t)version_len);
		else
			str_add(&text, version);
		if (form / 2 == 2)
			str_addf(&text, ".%s", arch);
		if (!text.failed && fnmatch(pattern, text.buf, 0) == 0)
			return true;
	}
	return false;
}

bool pkgspec_match(Pool *pool, Id p, const char *pattern)
{
	const char *name = pool_id2str(pool, pool_id2solvable(pool, p)->name);

	if (fnmatch(pattern, name, 0) == 0)
		return true;
	return strpbrk(pattern, "-.*?[") && match_forms(pool, p, pattern);
}
