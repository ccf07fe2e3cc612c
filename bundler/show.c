/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "contents_advisory.h"
#include "file.h"

void show_release(struct show *show)
{
	advisories_release(&show->advisories);
	certlist_release(&show->certificates);
	contents_release(&show->contents);
}

struct check {
	const char *ca;
	struct show *show;
};

static int check_signature(const struct archives *a, void *arg, struct err *err)
{
	struct check *check = arg;
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	int r = x509_load_all(check->ca, ERR_USAGE, &cas, err);

	if (r == 0)
		r = cms_verify(a->signature.buf, a->signature.len, a->index_text.buf,
			       a->index_text.len, cas, NULL, clock_now(), &check->show->signer,
			       err);
	check->show->checked = r == 0;
	return r;
}

int show_open(const char *path, const char *ca, const char *const *bases, struct show *ret,
	      struct err *err)
{
	struct check check = { .ca = ca, .show = ret };
	int r = 0;

	ret->contents.trust = ca ? check_signature : NULL;
	ret->contents.trust_arg = &check;
	r = contents_open(path, bases, &ret->contents, err);
	ret->contents.trust_arg = NULL;
	if (r == 0 && bases[0])
		r = contents_check_bases(&ret->contents, err);
	if (r == 0)
		r = certlist_read(&ret->contents, &ret->certificates, err);
	return r < 0 ? r : contents_advisories(&ret->contents, NULL, &ret->advisories, err);
}

struct show_part show_volume(const struct index *index, size_t volume)
{
	struct show_part part = { .members = 0 };
	size_t i = 0, to = 0;

	for (index_volume_range(index, volume, &i, &to); i < to; i++) {
		part.members += !index->members[i].from_base;
		part.bytes += index->members[i].from_base ? 0 : index->members[i].size_bytes;
	}
	return part;
}

struct show_part show_carried(const struct index *index)
{
	struct show_part all = { .members = 0 };

	for (size_t i = 0; i < index_volume_count(index); i++) {
		struct show_part part = show_volume(index, i);

		all.members += part.members;
		all.bytes += part.bytes;
	}
	return all;
}

const char *show_reason_name(const char *reason)
{
	return str_starts(reason, "service ") ? reason + strlen("service ") : reason;
}

static int cmp_groups(const void *a, const void *b)
{
	return strcmp(((const struct show_group *)a)->name, ((const struct show_group *)b)->name);
}

int show_groups(const struct lock *lock, struct show_group **ret, size_t *ret_count,
		struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	struct show_group *groups = calloc(lock->rpms.count + 1, sizeof(*groups));
	size_t count = 0;

	if (!groups)
		return err_nomem(err);
	for (size_t i = 0; i < lock->rpms.count; i++) {
		const char *name = show_reason_name(contents_root_reason(lock, i));
		size_t k = 0;

		while (k < count && strcmp(groups[k].name, name) != 0)
			k++;
		if (k == count)
			groups[count++].name = name;
		groups[k].packages++;
		groups[k].bytes += rpms[i].size_bytes;
	}
	qsort(groups, count, sizeof(*groups), cmp_groups);
	*ret = groups;
	*ret_count = count;
	return 0;
}

/* --- text --------------------------------------------------------------------------------------- */

static void print_size(uint64_t bytes)
{
	printf("%10.1f KiB", (double)bytes / 1024);
}

static int print_volumes(const struct archives *set, struct err *err)
{
	int r = 0;

	if (set->index.volumes.count)
		printf("volumes    %zu\n", set->count);
	for (size_t i = 0; r == 0 && i < set->index.volumes.count; i++) {
		struct show_part part = show_volume(&set->index, i);
		CLEANUP(str_release) struct str name = STR_INIT;

		index_archive_name(&set->index, i, &name);
		r = str_check(&name, err);
		if (r < 0)
			break;
		print_size(part.bytes);
		printf("  %4zu members in %s%s\n", part.members, name.buf,
		       set->items[i].fd >= 0 ? "" : "  (not here)");
	}
	return r;
}

static void print_base(const struct index *index)
{
	struct show_part part = show_carried(index);
	uint64_t bytes = index_total_bytes(index);

	if (!index->base_sequence)
		return;
	printf("base       sequence %llu, whose index has the SHA-256 %s\n",
	       (unsigned long long)index->base_sequence, index->base_sha256);
	print_size(part.bytes);
	printf("  %4zu members are carried here\n", part.members);
	print_size(bytes - part.bytes);
	printf("  %4zu members are the base's\n", index->member_count - part.members);
}

static int print_head(const struct show *show, struct err *err)
{
	const struct index *index = &show->contents.set.index;
	char created[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];

	clock_format(index->created, created);
	clock_format(index->expires, expires);
	if (show->checked)
		printf("signer     %s, SHA-256 %s\n", show->signer.subject,
		       show->signer.fingerprint);
	else
		printf("signer     not checked: give --ca FILE\n");
	printf("cluster    %s\n", index->cluster);
	printf("sequence   %llu\n", (unsigned long long)index->sequence);
	printf("created    %s\n", created);
	printf("expires    %s%s\n", expires, index->expires < clock_now() ? " (over)" : "");
	printf("platform   %s %s\n", index->platform.id, index->platform.arch);
	printf("payload    SHA-256 %s\n", index->payload_sha256);
	printf("installer  SHA-256 %s\n", index->installer_sha256);
	print_base(index);
	return print_volumes(&show->contents.set, err);
}

static void print_parts(const struct index *index)
{
	static const struct {
		const char *prefix, *what;
	} parts[] = {
		{ "repo/Packages/", "RPM packages" },
		{ "repo/repodata/", "repository metadata" },
		{ "wheels/", "Python wheels" },
		{ "manifests/", "manifests" },
		{ "certs/", "certificates" },
		{ "keys/", "vendors' public keys" },
		{ "nodes/", "sealed files of the nodes" },
	};

	printf("\n");
	for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
		uint64_t bytes = 0;
		size_t count = 0;

		for (size_t i = 0; i < index->member_count; i++) {
			if (!str_starts(index->members[i].path, parts[p].prefix))
				continue;
			bytes += index->members[i].size_bytes;
			count++;
		}
		print_size(bytes);
		printf("  %4zu %s\n", count, parts[p].what);
	}
}

/* When the lock is not at hand: what the index says. */
static void print_members(const struct index *index)
{
	printf("\n");
	for (size_t i = 0; i < index->member_count; i++) {
		const struct index_member *m = &index->members[i];

		if (!m->key && !str_ends(m->path, ".whl"))
			continue;
		print_size(m->size_bytes);
		printf("  %s%s%s%s\n", path_basename(m->path), m->key ? "  signed by " : "",
		       m->key ? m->key : "", m->from_base ? "  (from the base)" : "");
	}
}

/* Licences come from packages, and this may be a terminal. */
static int print_plain(const char *text, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	int r = 0;

	str_add_plain(&out, text);
	r = str_check(&out, err);
	if (r == 0)
		cli_print(out.buf ? out.buf : "");
	return r;
}

static const struct index_member *member_of(const struct index *index, const struct lock_rpm *rpm)
{
	for (size_t i = 0; i < index->member_count; i++)
		if (index->members[i].key && !strcmp(index->members[i].sha256, rpm->sha256))
			return &index->members[i];
	return NULL;
}

static int print_group(const struct show *show, const struct show_group *group, struct err *err)
{
	const struct lock *lock = &show->contents.lock;
	const struct lock_rpm *rpms = lock->rpms.items;
	int r = 0;

	printf("\n%s: %zu package%s,", group->name, group->packages, str_s(group->packages));
	print_size(group->bytes);
	printf("\n");
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++) {
		const struct index_member *m = NULL;

		if (strcmp(show_reason_name(contents_root_reason(lock, i)), group->name) != 0)
			continue;
		print_size(rpms[i].size_bytes);
		printf("  %s  ", rpms[i].nevra);
		r = print_plain(rpms[i].license, err);
		m = member_of(&show->contents.set.index, &rpms[i]);
		printf("  signed by %s%s\n", m ? m->key : "nobody",
		       m && m->from_base ? "  (from the base)" : "");
	}
	return r;
}

static int print_packages(const struct show *show, struct err *err)
{
	cleanup_free struct show_group *groups = NULL;
	size_t count = 0;
	int r = show_groups(&show->contents.lock, &groups, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = print_group(show, &groups[i], err);
	return r;
}

static int print_wheels(const struct contents *c, struct err *err)
{
	const struct lock_wheel *wheels = c->lock.wheels.items;
	int r = 0;

	if (c->lock.wheels.count)
		printf("\nPython wheels: %zu\n", c->lock.wheels.count);
	for (size_t i = 0; r == 0 && i < c->lock.wheels.count; i++) {
		printf("  %s %s  ", wheels[i].name, wheels[i].version);
		r = print_plain(c->wheels[i].license ? c->wheels[i].license : "no licence told",
				err);
		printf("%s\n", wheels[i].url ? "" : "  built from source");
	}
	return r;
}

static int print_certificates(const struct certlist *list, struct err *err)
{
	int r = 0;

	if (list->count)
		printf("\ncertificates: %zu\n", list->count);
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		char until[CLOCK_TEXT_SIZE];

		clock_format(list->items[i].facts.not_after, until);
		printf("  until %s%s  %s  ", until,
		       list->items[i].facts.not_after < clock_now() ? " (over)" : "",
		       list->items[i].path);
		r = print_plain(list->items[i].facts.subject, err);
		printf("\n");
	}
	return r;
}

static int print_advisories(const struct advisories *list, struct err *err)
{
	int r = 0;

	if (list->count)
		printf("\nadvisories of these packages: %zu\n", list->count);
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const struct advisory *a = &list->items[i];
		CLEANUP(str_release) struct str line = STR_INIT;

		str_addf(&line, "  %s  %s  %s  %s  %s", a->reached ? "fixed" : "OPEN ",
			 *a->severity ? a->severity : "-", a->type, a->id, a->title);
		for (size_t k = 0; k < a->cves.count; k++)
			str_addf(&line, "  %s", a->cves.items[k]);
		r = str_check(&line, err);
		if (r == 0)
			r = print_plain(line.buf, err);
		printf("\n");
	}
	return r;
}

int show_text(const struct show *show, struct err *err)
{
	int r = print_head(show, err);

	if (r < 0)
		return r;
	print_parts(&show->contents.set.index);
	if (show->contents.has_lock) {
		r = print_packages(show, err);
		if (r == 0)
			r = print_wheels(&show->contents, err);
	} else {
		print_members(&show->contents.set.index);
	}
	if (r == 0)
		r = print_certificates(&show->certificates, err);
	return r < 0 ? r : print_advisories(&show->advisories, err);
}
