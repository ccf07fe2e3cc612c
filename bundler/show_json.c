/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "file.h"
#include "json.h"
#include "show.h"

static void time_json(struct json *j, const char *key, time_t t)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(t, text);
	json_string(j, key, text);
}

static void part_json(struct json *j, struct show_part part)
{
	json_number(j, "members", part.members);
	json_number(j, "size", part.bytes);
}

/* Which archives there are, whether they are at hand, and what is in none of them. */
static void archives_json(const struct archives *set, struct json *j)
{
	const struct index *index = &set->index;
	struct show_part carried = show_carried(index);

	json_open(j, "archives", '[');
	for (size_t i = 0; i < set->count; i++) {
		CLEANUP(str_release) struct str name = STR_INIT;

		index_archive_name(index, i, &name);
		json_open(j, NULL, '{');
		json_string(j, "name", name.buf);
		part_json(j, show_volume(index, i));
		json_bool(j, "here", set->items[i].fd >= 0);
		json_close(j, '}');
	}
	json_close(j, ']');
	if (!index->base_sequence)
		return;
	json_open(j, "base", '{');
	json_number(j, "sequence", index->base_sequence);
	json_string(j, "index_sha256", index->base_sha256);
	part_json(j, (struct show_part){ .members = index->member_count - carried.members,
					 .bytes = index_total_bytes(index) - carried.bytes });
	json_close(j, '}');
}

static void head_json(const struct show *show, struct json *j)
{
	const struct index *index = &show->contents.set.index;

	json_string(j, "cluster", index->cluster);
	json_number(j, "sequence", index->sequence);
	time_json(j, "created", index->created);
	time_json(j, "expires", index->expires);
	json_bool(j, "expired", index->expires < clock_now());
	json_open(j, "platform", '{');
	json_string(j, "id", index->platform.id);
	json_string(j, "arch", index->platform.arch);
	json_string(j, "glibc", index->platform.glibc);
	json_string(j, "python", index->platform.python);
	json_close(j, '}');
	json_string(j, "payload_sha256", index->payload_sha256);
	json_string(j, "installer_sha256", index->installer_sha256);
	if (index->base_sequence)
		json_number(j, "base_sequence", index->base_sequence);
	json_number(j, "volumes", index_volume_count(index));
	archives_json(&show->contents.set, j);
	if (!show->checked) {
		json_string(j, "signer", NULL);
		return;
	}
	json_open(j, "signer", '{');
	json_string(j, "subject", show->signer.subject);
	json_string(j, "sha256", show->signer.fingerprint);
	json_close(j, '}');
}

static int services_json(const struct lock *lock, struct json *j, struct err *err)
{
	cleanup_free struct show_group *groups = NULL;
	size_t count = 0;
	int r = show_groups(lock, &groups, &count, err);

	json_open(j, "services", '[');
	for (size_t i = 0; r == 0 && i < count; i++) {
		json_open(j, NULL, '{');
		json_string(j, "name", groups[i].name);
		json_number(j, "packages", groups[i].packages);
		json_number(j, "size", groups[i].bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
	return r;
}

static const struct lock_rpm *rpm_of(const struct lock *lock, const char *sha256, size_t *ret_i)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (*ret_i = 0; *ret_i < lock->rpms.count; ++*ret_i)
		if (!strcmp(rpms[*ret_i].sha256, sha256))
			return &rpms[*ret_i];
	return NULL;
}

/* From the index, which a delta has whole too; the lock adds what it knows. */
static void packages_json(const struct contents *c, struct json *j)
{
	json_open(j, "packages", '[');
	for (size_t i = 0; i < c->set.index.member_count; i++) {
		const struct index_member *m = &c->set.index.members[i];
		size_t at = 0;
		const struct lock_rpm *rpm = rpm_of(&c->lock, m->sha256, &at);

		if (!m->key)
			continue;
		json_open(j, NULL, '{');
		json_string(j, "file", path_basename(m->path));
		json_number(j, "size", m->size_bytes);
		json_string(j, "sha256", m->sha256);
		json_string(j, "key", m->key);
		if (c->set.index.base_sequence)
			json_bool(j, "carried", !m->from_base);
		if (rpm) {
			json_string(j, "nevra", rpm->nevra);
			json_string(j, "license", rpm->license);
			json_string(j, "repository", rpm->repo);
			json_string(j, "reason", rpm->reason);
			json_string(j, "for", show_reason_name(contents_root_reason(&c->lock, at)));
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void wheels_json(const struct contents *c, struct json *j)
{
	const struct lock_wheel *wheels = c->lock.wheels.items;

	json_open(j, "wheels", '[');
	for (size_t i = 0; i < c->lock.wheels.count; i++) {
		json_open(j, NULL, '{');
		json_string(j, "name", wheels[i].name);
		json_string(j, "version", wheels[i].version);
		json_string(j, "file", wheels[i].file);
		json_string(j, "sha256", wheels[i].sha256);
		json_string(j, "license", c->wheels[i].license);
		json_string(j, "url", wheels[i].url);
		if (wheels[i].sdist.url) {
			json_open(j, "sdist", '{');
			json_string(j, "url", wheels[i].sdist.url);
			json_string(j, "sha256", wheels[i].sdist.sha256);
			json_close(j, '}');
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

int show_json(const struct show *show, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	head_json(show, &j);
	r = services_json(&show->contents.lock, &j, err);
	packages_json(&show->contents, &j);
	wheels_json(&show->contents, &j);
	json_open(&j, "certificates", '[');
	for (size_t i = 0; i < show->certificates.count; i++)
		certlist_json(NULL, &show->certificates.items[i], &j);
	json_close(&j, ']');
	json_open(&j, "advisories", '[');
	for (size_t i = 0; i < show->advisories.count; i++)
		advisory_json(&show->advisories.items[i], &j);
	json_close(&j, ']');
	json_close(&j, '}');
	if (r == 0)
		r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}
