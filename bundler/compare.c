/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "contents_advisory.h"
#include "json.h"

static const char *const words[] = {
	[COMPARE_ADDED] = "added", [COMPARE_REMOVED] = "removed", [COMPARE_CHANGED] = "changed"
};

/* What is below these, in the order of the report. */
static const struct {
	const char *prefix, *what;
} parts[] = {
	{ "certs/", "certificates" },
	{ "manifests/", "configuration" },
	{ "keys/", "vendors' keys" },
};

void compare_release(struct compare *c)
{
	free(c->members);
	advisories_release(&c->advisories);
	lock_diff_release(&c->packages);
	certlist_release(&c->from_certs);
	certlist_release(&c->to_certs);
	contents_release(&c->from);
	contents_release(&c->to);
}

static bool is_told(const char *path)
{
	if (!strcmp(path, CONTENTS_LOCK))
		return false; /* its packages are */
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (str_starts(path, parts[i].prefix))
			return true;
	return false;
}

static void add_member(struct compare *c, enum compare_kind kind, const char *path)
{
	c->members[c->count++] =
		(struct compare_member){ .kind = kind,
					 .path = path,
					 .from = certlist_find(&c->from_certs, path),
					 .to = certlist_find(&c->to_certs, path) };
}

/* Both lists are in byte order. */
static int compare_members(struct compare *c, struct err *err)
{
	const struct index *a = &c->from.set.index, *b = &c->to.set.index;
	size_t i = 0, k = 0;

	c->members = calloc(a->member_count + b->member_count + 1, sizeof(*c->members));
	if (!c->members)
		return err_nomem(err);
	while (i < a->member_count || k < b->member_count) {
		const struct index_member *old = i < a->member_count ? &a->members[i] : NULL;
		const struct index_member *new = k < b->member_count ? &b->members[k] : NULL;
		int order = !old ? 1 : !new ? -1 : strcmp(old->path, new->path);

		i += order <= 0;
		k += order >= 0;
		if (order < 0 && is_told(old->path))
			add_member(c, COMPARE_REMOVED, old->path);
		if (order > 0 && is_told(new->path))
			add_member(c, COMPARE_ADDED, new->path);
		if (!order && is_told(old->path) && strcmp(old->sha256, new->sha256) != 0)
			add_member(c, COMPARE_CHANGED, new->path);
	}
	return 0;
}

/* Its base is one of BASES or the OTHER bundle. */
static int open_one(const char *path, const char *const *bases, const char *other,
		    struct contents *contents, struct certlist *certs, struct err *err)
{
	const char *candidates[CLI_LIST_MAX + 2] = { NULL };
	size_t count = 0;
	int r = 0;

	for (; count < CLI_LIST_MAX && bases[count]; count++)
		candidates[count] = bases[count];
	candidates[count] = other;
	r = contents_open(path, candidates, contents, err);
	if (r == 0)
		r = contents_need_all(contents, err);
	if (r == 0 && !contents->has_lock)
		return err_set(err, ERR_VERIFY, "'%s' carries no lock", path);
	return r < 0 ? r : certlist_read(contents, certs, err);
}

int compare_bundles(const char *from, const char *to, const char *const *bases, struct compare *ret,
		    struct err *err)
{
	int r = open_one(from, bases, to, &ret->from, &ret->from_certs, err);

	if (r == 0)
		r = open_one(to, bases, from, &ret->to, &ret->to_certs, err);
	if (r == 0 && bases[0] && !ret->from.base && !ret->to.base)
		r = err_set(err, ERR_USAGE, "both bundles are complete: leave --base out");
	if (r == 0)
		r = lock_diff(&ret->from.lock, &ret->to.lock, &ret->packages, err);
	if (r == 0)
		r = contents_advisories(&ret->to, &ret->from.lock, &ret->advisories, err);
	if (r == 0)
		r = compare_members(ret, err);
	ret->installer = r == 0 && strcmp(ret->from.set.index.installer_sha256,
					  ret->to.set.index.installer_sha256) != 0;
	return r;
}

/* --- text --------------------------------------------------------------------------------------- */

static void print_side(const char *what, const struct contents *c)
{
	char created[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];

	clock_format(c->set.index.created, created);
	clock_format(c->set.index.expires, expires);
	printf("%s  %s %llu, created %s, expires %s\n", what, c->set.index.cluster,
	       (unsigned long long)c->set.index.sequence, created, expires);
}

static int print_packages(const struct compare *c, struct err *err)
{
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	cleanup_free char *summary = NULL;
	int r = lock_diff_summary(&c->packages, &summary, err);

	if (r == 0)
		r = lock_diff_lines(&c->packages, &lines, err);
	if (r < 0)
		return r;
	printf("\npackages and wheels: %s\n", summary);
	for (size_t i = 0; i < lines.count; i++)
		printf("  %s\n", lines.items[i]);
	return 0;
}

static int print_advisories(const struct compare *c, struct err *err)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->advisories.count; i++) {
		CLEANUP(strv_release) struct strv lines = STRV_INIT;

		if (!c->advisories.items[i].reached)
			continue;
		if (first)
			printf("\nadvisories fixed:\n");
		first = false;
		r = advisory_lines(&c->advisories.items[i], &lines, err);
		for (size_t k = 0; k < lines.count; k++)
			printf("  %s\n", lines.items[k]);
	}
	return r;
}

static int print_certificate(const struct compare_member *m, struct err *err)
{
	const struct certlist_item *item = m->to ? m->to : m->from;
	CLEANUP(str_release) struct str line = STR_INIT;
	char until[CLOCK_TEXT_SIZE];
	int r = 0;

	if (!item)
		return 0;
	clock_format(item->facts.not_after, until);
	str_add(&line, "  ");
	str_add_plain(&line, item->facts.subject);
	str_addf(&line, ", until %s", until);
	r = str_check(&line, err);
	if (r == 0)
		cli_print(line.buf);
	return r;
}

static int print_members(const struct compare *c, const char *prefix, const char *what,
			 struct err *err)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->count; i++) {
		if (!str_starts(c->members[i].path, prefix))
			continue;
		if (first)
			printf("\n%s:\n", what);
		first = false;
		printf("  %-8s  %s", words[c->members[i].kind], c->members[i].path);
		r = print_certificate(&c->members[i], err);
		printf("\n");
	}
	return r;
}

int compare_text(const struct compare *c, struct err *err)
{
	int r = 0;

	print_side("from", &c->from);
	print_side("to  ", &c->to);
	if (c->packages.platform)
		printf("the platform is another one\n");
	if (c->installer)
		printf("the installer is another one: SHA-256 %s\n",
		       c->to.set.index.installer_sha256);
	r = print_packages(c, err);
	if (r == 0)
		r = print_advisories(c, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = print_members(c, parts[i].prefix, parts[i].what, err);
	if (r == 0 && !c->count)
		printf("\nthe same certificates, configuration and vendors' keys\n");
	printf("\nsealed files cannot be compared: passwords may have changed\n");
	return r;
}

/* --- JSON --------------------------------------------------------------------------------------- */

static void side_json(struct json *j, const char *key, const struct contents *c)
{
	char created[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];

	clock_format(c->set.index.created, created);
	clock_format(c->set.index.expires, expires);
	json_open(j, key, '{');
	json_string(j, "cluster", c->set.index.cluster);
	json_number(j, "sequence", c->set.index.sequence);
	json_string(j, "created", created);
	json_string(j, "expires", expires);
	json_string(j, "payload_sha256", c->set.index.payload_sha256);
	json_string(j, "installer_sha256", c->set.index.installer_sha256);
	json_close(j, '}');
}

static void members_json(struct json *j, const struct compare *c, const char *key,
			 const char *prefix)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct compare_member *m = &c->members[i];

		if (!str_starts(m->path, prefix))
			continue;
		json_open(j, NULL, '{');
		json_string(j, "change", words[m->kind]);
		json_string(j, "path", m->path);
		if (m->from)
			certlist_json("from", m->from, j);
		if (m->to)
			certlist_json("to", m->to, j);
		json_close(j, '}');
	}
	json_close(j, ']');
}

int compare_json(const struct compare *c, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	side_json(&j, "from", &c->from);
	side_json(&j, "to", &c->to);
	json_bool(&j, "platform", c->packages.platform);
	json_bool(&j, "installer", c->installer);
	json_open(&j, "packages", '{');
	lock_diff_json(&c->packages, &j);
	json_close(&j, '}');
	json_open(&j, "advisories", '[');
	for (size_t i = 0; i < c->advisories.count; i++)
		if (c->advisories.items[i].reached)
			advisory_json(&c->advisories.items[i], &j);
	json_close(&j, ']');
	members_json(&j, c, "certificates", "certs/");
	members_json(&j, c, "configuration", "manifests/");
	members_json(&j, c, "keys", "keys/");
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}
