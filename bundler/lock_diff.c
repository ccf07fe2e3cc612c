/* SPDX-License-Identifier: Apache-2.0 */
#include "lock_diff.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <solv/evr.h>
#include <solv/pool.h>

#include "cleanup.h"

const char *const lock_change_words[LOCK_CHANGE_KINDS] = {
	[LOCK_UP] = "up",           [LOCK_DOWN] = "down",         [LOCK_ADDED] = "added",
	[LOCK_REMOVED] = "removed", [LOCK_REPLACED] = "replaced",
};

/* --- versions ----------------------------------------------------------------------------------- */

void lock_nevra_release(struct lock_nevra *nevra)
{
	free(nevra->name);
	free(nevra->evr);
	free(nevra->arch);
	*nevra = (struct lock_nevra){ .name = NULL };
}

static bool match_forms(const struct lock_nevra *v, const char *evr, const char *pattern)
{
	size_t version_len = strcspn(evr, "-");

	for (unsigned int form = 0; form < 5; form++) {
		CLEANUP(str_release) struct str text = STR_INIT;

		str_add(&text, v->name);
		if (form == 2)
			str_addf(&text, "-%.*s", (int)version_len, evr);
		else if (form > 2)
			str_addf(&text, "-%s", evr);
		if (form == 1 || form == 4)
			str_addf(&text, ".%s", v->arch);
		if (!text.failed && !fnmatch(pattern, text.buf, 0))
			return true;
	}
	return false;
}

bool lock_nevra_match(const char *nevra, const char *pattern)
{
	CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
	CLEANUP(str_release) struct str evr = STR_INIT;
	struct err ignored = ERR_INIT;
	const char *colon = NULL;

	if (lock_nevra_split(nevra, &v, &ignored) < 0)
		return false;
	colon = strchr(v.evr, ':');
	if (!colon)
		str_add(&evr, "0:"); /* which people may write */
	str_add(&evr, colon ? colon + 1 : v.evr);
	return match_forms(&v, v.evr, pattern) ||
	       (!evr.failed && match_forms(&v, evr.buf, pattern));
}

static const char *last_dash(const char *start, const char *end)
{
	while (end > start && end[-1] != '-')
		end--;
	return end > start ? end - 1 : NULL;
}

int lock_nevra_split(const char *nevra, struct lock_nevra *ret, struct err *err)
{
	const char *dot = strrchr(nevra, '.');
	const char *release = dot ? last_dash(nevra, dot) : NULL;
	const char *version = release ? last_dash(nevra, release) : NULL;

	if (!version || version == nevra || version + 1 == release || release + 1 == dot || !dot[1])
		return err_set(err, ERR_CONFIG, "'%.200s' is not name-version-release.arch", nevra);
	ret->name = strndup(nevra, (size_t)(version - nevra));
	ret->evr = strndup(version + 1, (size_t)(dot - version - 1));
	ret->arch = strdup(dot + 1);
	return ret->name && ret->evr && ret->arch ? 0 : err_nomem(err);
}

/*
 * PEP 440 in rpm's terms: an epoch ends with '!', and alphas, betas, candidates and development
 * releases come before what they lead to.
 */
static void wheel_evr(const char *version, struct str *ret)
{
	bool before = false;

	for (const char *p = version; *p; p++) {
		bool letter = (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z';

		if (letter && !before && strncmp(p, "post", 4) != 0 && !strchr(version, '+')) {
			str_addc(ret, '~');
			before = true;
		} else if (!letter) {
			before = false;
		} else if (!strncmp(p, "post", 4)) {
			before = true;
		}
		str_addc(ret, (char)(*p == '!' ? ':' : *p));
	}
	str_addc(ret, '\0');
}

int lock_compare_versions(bool wheels, const char *a, const char *b)
{
	CLEANUP(str_release) struct str left = STR_INIT;
	CLEANUP(str_release) struct str right = STR_INIT;
	Pool *pool = NULL;
	int cmp = 0;

	if (!strcmp(a, b))
		return 0;
	pool = pool_create();
	pool_setdisttype(pool, DISTTYPE_RPM);
	if (wheels) {
		wheel_evr(a, &left);
		wheel_evr(b, &right);
	}
	if (!wheels || left.failed || right.failed)
		cmp = pool_evrcmp_str(pool, a, b, EVRCMP_COMPARE);
	else
		cmp = pool_evrcmp_str(pool, left.buf, right.buf, EVRCMP_COMPARE);
	pool_free(pool);
	return cmp;
}

/* --- comparing ---------------------------------------------------------------------------------- */

/* One package or wheel of a lock. */
struct item {
	struct lock_nevra v; /* of a wheel: name, version, "" */
	const struct lock_rpm *rpm;
	const struct lock_wheel *wheel;
	bool done;
};

struct side {
	struct item *items;
	size_t count;
};

static void side_release(struct side *side)
{
	for (size_t i = 0; i < side->count; i++)
		lock_nevra_release(&side->items[i].v);
	free(side->items);
}

static int read_side(const struct lock *lock, struct side *ret, struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	const struct lock_wheel *wheels = lock->wheels.items;
	int r = 0;

	ret->items = calloc(lock->rpms.count + lock->wheels.count + 1, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++) {
		struct item *item = &ret->items[ret->count++];

		item->rpm = &rpms[i];
		r = lock_nevra_split(rpms[i].nevra, &item->v, err);
	}
	for (size_t i = 0; r == 0 && i < lock->wheels.count; i++) {
		struct item *item = &ret->items[ret->count++];

		item->wheel = &wheels[i];
		r = str_dup(&item->v.name, wheels[i].name, err);
		if (r == 0)
			r = str_dup(&item->v.evr, wheels[i].version, err);
		if (r == 0)
			r = str_dup(&item->v.arch, "", err);
	}
	return r;
}

static int copy_text(char **ret, const char *text, struct err *err)
{
	return text ? str_dup(ret, text, err) : 0;
}

/* ITEM is the new side where there is one; FROM and TO are versions, NULL where there is none. */
static int add_change(struct lock_diff *diff, enum lock_change_kind kind, const struct item *item,
		      const char *from, const char *to, struct err *err)
{
	struct lock_change *change = &diff->items[diff->count++];
	int r = 0;

	*change = (struct lock_change){ .kind = kind, .wheel = item->wheel != NULL };
	diff->counts[kind]++;
	if (to && item->rpm) {
		change->nevra = item->rpm->nevra;
		if (!from)
			change->reason = item->rpm->reason;
	}
	r = str_dup(&change->name, item->v.name, err);
	if (r == 0)
		r = str_dup(&change->arch, item->v.arch, err);
	if (r == 0)
		r = copy_text(&change->from, from, err);
	if (r == 0)
		r = copy_text(&change->to, to, err);
	return r;
}

/* Things that the same files would be fetched for; a reason or a licence in other words is none. */
static bool same_file(const struct item *a, const struct item *b)
{
	if (a->rpm)
		return !strcmp(a->rpm->sha256, b->rpm->sha256) &&
		       !strcmp(a->rpm->repo, b->rpm->repo) && !strcmp(a->rpm->path, b->rpm->path);
	return !strcmp(a->wheel->sha256, b->wheel->sha256) &&
	       !strcmp(a->wheel->file, b->wheel->file);
}

static int add_pair(struct lock_diff *diff, struct item *a, struct item *b, struct err *err)
{
	int cmp = lock_compare_versions(a->wheel != NULL, a->v.evr, b->v.evr);
	enum lock_change_kind kind = cmp < 0 ? LOCK_UP : cmp > 0 ? LOCK_DOWN : LOCK_REPLACED;

	a->done = true;
	b->done = true;
	if (kind == LOCK_REPLACED && same_file(a, b))
		return 0;
	return add_change(diff, kind, b, a->v.evr, b->v.evr, err);
}

enum likeness { SAME_NEVRA, SAME_NAME_ARCH, SAME_NAME, LIKENESSES };

static bool alike(const struct item *a, const struct item *b, enum likeness how)
{
	if (!a->wheel != !b->wheel || strcmp(a->v.name, b->v.name) != 0)
		return false;
	return (how >= SAME_NAME || !strcmp(a->v.arch, b->v.arch)) &&
	       (how >= SAME_NAME_ARCH || !strcmp(a->v.evr, b->v.evr));
}

/* Equal ones first, then those of one name and architecture, then those that changed architecture. */
static int pair_up(struct side *from, struct side *to, struct lock_diff *diff, struct err *err)
{
	int r = 0;

	for (enum likeness how = SAME_NEVRA; how < LIKENESSES; how++)
		for (size_t i = 0; r == 0 && i < from->count; i++)
			for (size_t k = 0; r == 0 && !from->items[i].done && k < to->count; k++)
				if (!to->items[k].done &&
				    alike(&from->items[i], &to->items[k], how))
					r = add_pair(diff, &from->items[i], &to->items[k], err);
	for (size_t i = 0; r == 0 && i < from->count; i++)
		if (!from->items[i].done)
			r = add_change(diff, LOCK_REMOVED, &from->items[i], from->items[i].v.evr,
				       NULL, err);
	for (size_t k = 0; r == 0 && k < to->count; k++)
		if (!to->items[k].done)
			r = add_change(diff, LOCK_ADDED, &to->items[k], NULL, to->items[k].v.evr,
				       err);
	return r;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_list(const struct strv *a, const struct strv *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return a->count == b->count;
}

static bool same_repo(const struct lock_repo *a, const struct lock_repo *b)
{
	return !strcmp(a->repomd, b->repomd) && a->revision == b->revision &&
	       same_text(a->baseurl, b->baseurl) && same_list(&a->mirrors, &b->mirrors) &&
	       same_text(a->mirrorlist, b->mirrorlist) && same_text(a->metalink, b->metalink) &&
	       same_list(&a->keys, &b->keys) && same_list(&a->gpgkey, &b->gpgkey);
}

static int compare_repos(const struct lock *from, const struct lock *to, struct lock_diff *diff,
			 struct err *err)
{
	const struct lock_repo *old = from->repos.items;
	const struct lock_repo *new = to->repos.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->repos.count; i++)
		if (!lock_find_repo(to, old[i].id))
			r = strv_add(&diff->repos, old[i].id, err);
	for (size_t i = 0; r == 0 && i < to->repos.count; i++) {
		const struct lock_repo *same = lock_find_repo(from, new[i].id);

		if (!same || !same_repo(same, &new[i]))
			r = strv_add(&diff->repos, new[i].id, err);
	}
	strv_sort(&diff->repos);
	return r;
}

static int cmp_change(const void *left, const void *right)
{
	const struct lock_change *a = left;
	const struct lock_change *b = right;
	int cmp = (int)a->kind - (int)b->kind;

	if (!cmp)
		cmp = (int)a->wheel - (int)b->wheel;
	if (!cmp)
		cmp = strcmp(a->name, b->name);
	if (!cmp)
		cmp = strcmp(a->arch, b->arch);
	return cmp ? cmp : strcmp(a->to ? a->to : a->from, b->to ? b->to : b->from);
}

int lock_diff(const struct lock *from, const struct lock *to, struct lock_diff *ret,
	      struct err *err)
{
	CLEANUP(side_release) struct side old = { .items = NULL };
	CLEANUP(side_release) struct side new = { .items = NULL };
	int r = read_side(from, &old, err);

	if (r == 0)
		r = read_side(to, &new, err);
	if (r < 0)
		return r;
	ret->items = calloc(old.count + new.count + 1, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	ret->platform = !same_text(from->platform.id, to->platform.id) ||
			!same_text(from->platform.arch, to->platform.arch) ||
			!same_text(from->platform.glibc, to->platform.glibc) ||
			!same_text(from->platform.python, to->platform.python);
	r = pair_up(&old, &new, ret, err);
	if (r == 0)
		r = compare_repos(from, to, ret, err);
	qsort(ret->items, ret->count, sizeof(*ret->items), cmp_change);
	return r;
}

void lock_diff_release(struct lock_diff *diff)
{
	for (size_t i = 0; i < diff->count; i++) {
		free(diff->items[i].name);
		free(diff->items[i].arch);
		free(diff->items[i].from);
		free(diff->items[i].to);
		free(diff->items[i].cause);
	}
	free(diff->items);
	strv_release(&diff->repos);
	*diff = (struct lock_diff)LOCK_DIFF_INIT;
}

/* --- telling ------------------------------------------------------------------------------------ */

int lock_diff_summary(const struct lock_diff *diff, char **ret_text, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;

	for (size_t i = 0; i < LOCK_CHANGE_KINDS; i++)
		if (diff->counts[i])
			str_addf(&text, "%s%zu %s", text.len ? ", " : "", diff->counts[i],
				 lock_change_words[i]);
	if (!text.len)
		str_add(&text, "no package changes");
	return str_done(&text, ret_text, err);
}

/* The architecture is told where the name alone would stand twice. */
static bool is_ambiguous(const struct lock_diff *diff, size_t i)
{
	for (size_t k = 0; k < diff->count; k++)
		if (k != i && diff->items[k].wheel == diff->items[i].wheel &&
		    !strcmp(diff->items[k].name, diff->items[i].name))
			return true;
	return false;
}

static int change_line(const struct lock_change *c, const char *name, int width, struct strv *lines,
		       struct err *err)
{
	const char *why = c->cause ? c->cause : c->reason;
	cleanup_free char *what = NULL;
	int r = 0;

	if (c->from && c->to && strcmp(c->from, c->to) != 0)
		r = str_printf(&what, err, "%s -> %s", c->from, c->to);
	else
		r = str_dup(&what, c->to ? c->to : c->from, err);
	if (r < 0)
		return r;
	return strv_addf(lines, err, "%-8s  %-*s  %s%s%s%s%s", lock_change_words[c->kind], width,
			 name, what, c->wheel ? "  wheel" : "", why ? "  (" : "", why ? why : "",
			 why ? ")" : "");
}

int lock_diff_lines(const struct lock_diff *diff, struct strv *lines, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	size_t width = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < diff->count; i++) {
		const struct lock_change *c = &diff->items[i];

		if (!c->wheel && is_ambiguous(diff, i))
			r = strv_addf(&names, err, "%s.%s", c->name, c->arch);
		else
			r = strv_add(&names, c->name, err);
		if (r == 0 && strlen(names.items[i]) > width)
			width = strlen(names.items[i]);
	}
	for (size_t i = 0; r == 0 && i < diff->count; i++)
		r = change_line(&diff->items[i], names.items[i], width > 40 ? 40 : (int)width,
				lines, err);
	return r;
}

static void change_json(const struct lock_change *c, struct json *j)
{
	json_open(j, NULL, '{');
	json_string(j, "type", c->wheel ? "wheel" : "rpm");
	json_string(j, "name", c->name);
	if (!c->wheel)
		json_string(j, "arch", c->arch);
	if (c->from)
		json_string(j, "from", c->from);
	if (c->to)
		json_string(j, "to", c->to);
	if (c->reason)
		json_string(j, "reason", c->reason);
	if (c->cause)
		json_string(j, "cause", c->cause);
	json_close(j, '}');
}

void lock_diff_json(const struct lock_diff *diff, struct json *j)
{
	for (enum lock_change_kind kind = 0; kind < LOCK_CHANGE_KINDS; kind++) {
		json_open(j, lock_change_words[kind], '[');
		for (size_t i = 0; i < diff->count; i++)
			if (diff->items[i].kind == kind)
				change_json(&diff->items[i], j);
		json_close(j, ']');
	}
	json_strings(j, "repositories", &diff->repos);
}
