/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "contents.h"
#include "digest.h"
#include "file.h"

#define MEMBER_MAX (512U << 20)
#define MEMBERS_MAX (UINT64_C(1) << 30) /* bytes, together */

/* --- which files -------------------------------------------------------------------------------- */

/* Who wants the signature looked at says so: see contents.h. A base is named by its digest. */
static int trust_any(const struct archives *a, void *arg, struct err *err)
{
	(void)a;
	(void)arg;
	(void)err;
	return 0;
}

/* PATH is a volume of A: the others beside it. Whatever name it has, what has its own is left out. */
static int add_volumes(const struct archives *a, const char *path, struct strv *files,
		       struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	bool listed = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->count; i++) {
		CLEANUP(str_release) struct str name = STR_INIT;

		index_archive_name(&a->index, i, &name);
		r = str_check(&name, err);
		if (r == 0)
			r = strv_add(&names, name.buf, err);
		listed = listed || (r == 0 && !strcmp(name.buf, path_basename(path)));
	}
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *beside = NULL;
		bool own =
			listed ? !strcmp(names.items[i], path_basename(path)) : a->items[i].fd >= 0;

		r = own ? 0 : path_beside(path, names.items[i], &beside, err);
		if (r == 0 && beside && access(beside, F_OK) == 0)
			r = strv_add(files, beside, err);
	}
	return r;
}

static int open_archives(const char *path, archives_trust trust, void *arg, struct archives *ret,
			 struct err *err)
{
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	const char *const paths[] = { path, NULL };
	int r = archives_find(paths, &files, err);
	struct stat st;

	if (r == 0)
		r = archives_open(ret, &files, trust, arg, err);
	if (r < 0 || !ret->index.volumes.count || stat(path, &st) < 0 || S_ISDIR(st.st_mode))
		return r;
	r = add_volumes(ret, path, &files, err);
	if (r < 0 || files.count == 1)
		return r;
	archives_release(ret);
	return archives_open(ret, &files, trust, arg, err);
}

/* The one of BASES whose index has the digest that C's names. */
static int open_base(struct contents *c, const char *const *bases, struct err *err)
{
	for (size_t i = 0; bases && bases[i]; i++) {
		CLEANUP(archives_release) struct archives archives = ARCHIVES_INIT;
		int r = open_archives(bases[i], trust_any, NULL, &archives, err);

		if (r < 0)
			return r;
		if (strcmp(archives.index_sha256, c->set.index.base_sha256) != 0)
			continue;
		c->base = malloc(sizeof(*c->base));
		if (!c->base)
			return err_nomem(err);
		*c->base = (struct contents)CONTENTS_INIT;
		r = contents_open(bases[i], bases, c->base, err);
		return r < 0 ? r : contents_need_all(c->base, err);
	}
	return 0;
}

int contents_need_all(const struct contents *c, struct err *err)
{
	const struct index *index = &c->set.index;

	for (size_t i = 0; i < c->set.count; i++) {
		CLEANUP(str_release) struct str name = STR_INIT;

		if (c->set.items[i].fd >= 0)
			continue;
		index_archive_name(index, i, &name);
		if (str_check(&name, err) < 0)
			return -(int)err->code;
		return err_set(
			err, ERR_USAGE,
			"'%.200s' is a bundle in %zu volumes, and '%.200s' is not there: put "
			"them all into one directory, and name that",
			c->path, c->set.count, name.buf);
	}
	if (!index->base_sequence || c->base)
		return 0;
	err_set(err, ERR_USAGE,
		"'%.200s' is a delta on top of sequence %llu: name that bundle with --base",
		c->path, (unsigned long long)index->base_sequence);
	err_detail(err, "the base's index.yaml has the SHA-256 %s", index->base_sha256);
	return -(int)err->code;
}

int contents_check_bases(const struct contents *c, struct err *err)
{
	const struct index *index = &c->set.index;

	if (!index->base_sequence)
		return err_set(err, ERR_USAGE, "'%.200s' is complete: leave --base out", c->path);
	if (c->base)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "--base does not name the base of '%.200s': that is sequence %llu, whose "
		       "index has the SHA-256 %s",
		       c->path, (unsigned long long)index->base_sequence, index->base_sha256);
}

/* --- members ------------------------------------------------------------------------------------ */

static int append(void *arg, const void *data, size_t len, struct err *err)
{
	str_add_len(arg, data, len);
	return str_check(arg, err);
}

/* Packages are large and sealed files say nothing. */
static bool is_read(const struct index_member *m)
{
	return !m->key && !str_starts(m->path, "nodes/") && m->size_bytes <= MEMBER_MAX;
}

/* Of the base, which has checked the digest that its own index gives. */
static int take_from_base(const struct contents *c, const struct index_member *m, struct str *ret,
			  struct err *err)
{
	const struct contents_member *have = contents_find(c->base, m->path);

	if (!have || strcmp(have->member->sha256, m->sha256) != 0)
		return err_set(
			err, ERR_VERIFY,
			"'%.200s' takes '%.200s' from its base, and '%.200s' does not have it",
			c->path, m->path, c->base->path);
	str_add_len(ret, have->data.buf, have->data.len);
	return str_check(ret, err);
}

static int read_carried(struct tar_reader *tar, const struct index_member *m, struct str *ret,
			struct err *err)
{
	char hex[SHA256_HEX_SIZE];
	int r = tar_read_header(tar, m->path, m->size_bytes, err);

	if (r == 0)
		r = tar_read_contents(tar, m->path, m->size_bytes, append, ret, err);
	if (r == 0)
		r = sha256_hex(ret->buf ? ret->buf : "", ret->len, hex, err);
	if (r == 0 && strcmp(hex, m->sha256) != 0)
		r = err_set(err, ERR_VERIFY,
			    "'%s': '%s' is damaged: its SHA-256 is not the index's", tar->name,
			    m->path);
	return r;
}

/* What is in a volume or a base that is not at hand is left out. */
static int read_member(struct contents *c, size_t i, struct err *err)
{
	const struct index_member *m = &c->set.index.members[i];
	struct contents_member *to = &c->members[c->count];
	struct tar_reader tar = { .fd = -1 };

	if (!m->from_base)
		archives_reader(&c->set, i, &tar);
	if (m->from_base ? !c->base : tar.fd < 0)
		return 0;
	*to = (struct contents_member){ .member = m };
	c->count++;
	return m->from_base ? take_from_base(c, m, &to->data, err)
			    : read_carried(&tar, m, &to->data, err);
}

static int read_members(struct contents *c, struct err *err)
{
	uint64_t bytes = 0;
	int r = 0;

	for (size_t i = 0; i < c->set.index.member_count; i++)
		if (is_read(&c->set.index.members[i]))
			bytes += c->set.index.members[i].size_bytes;
	if (bytes > MEMBERS_MAX)
		return err_set(
			err, ERR_VERIFY,
			"'%.200s' has %llu MiB beside its packages, and more than %llu MiB are "
			"not looked at: 'pgha-install verify' checks it all the same",
			c->path, (unsigned long long)(bytes >> 20),
			(unsigned long long)(MEMBERS_MAX >> 20));
	c->members = calloc(c->set.index.member_count + 1, sizeof(*c->members));
	if (!c->members)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < c->set.index.member_count; i++)
		if (is_read(&c->set.index.members[i]))
			r = read_member(c, i, err);
	return r;
}

static int read_wheels(struct contents *c, struct err *err)
{
	const struct lock_wheel *wheels = c->lock.wheels.items;
	int r = 0;

	c->wheels = calloc(c->lock.wheels.count + 1, sizeof(*c->wheels));
	if (!c->wheels)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < c->lock.wheels.count; i++) {
		const struct contents_member *m = NULL;
		cleanup_free char *path = NULL;

		r = str_printf(&path, err, "wheels/%s", wheels[i].file);
		if (r == 0 && (m = contents_find(c, path)))
			r = wheel_meta_read(wheels[i].file, m->data.buf, m->data.len, &c->wheels[i],
					    err);
	}
	return r;
}

/* The lock says the origin, the index what is there: they must speak of the same. */
static int compare_lock(const struct contents *c, struct err *err)
{
	const struct lock_rpm *rpms = c->lock.rpms.items;
	const struct lock_wheel *wheels = c->lock.wheels.items;
	size_t carried = 0;

	for (size_t i = 0; i < c->set.index.member_count; i++)
		carried += str_starts(c->set.index.members[i].path, "repo/Packages/") ||
			   str_ends(c->set.index.members[i].path, ".whl");
	for (size_t i = 0; i < c->lock.rpms.count + c->lock.wheels.count; i++) {
		bool rpm = i < c->lock.rpms.count;
		const struct lock_wheel *w = rpm ? NULL : &wheels[i - c->lock.rpms.count];
		const char *file = rpm ? path_basename(rpms[i].path) : w->file;
		const char *sha256 = rpm ? rpms[i].sha256 : w->sha256;
		const struct index_member *m = NULL;
		cleanup_free char *path = NULL;

		if (str_printf(&path, err, "%s/%s", rpm ? "repo/Packages" : "wheels", file) < 0)
			return -(int)err->code;
		m = index_find(&c->set.index, path);
		if (!m || strcmp(m->sha256, sha256) != 0)
			return err_set(err, ERR_VERIFY, "'%s': '%s' is not as its lock says",
				       c->path, path);
	}
	if (carried != c->lock.rpms.count + c->lock.wheels.count)
		return err_set(err, ERR_VERIFY,
			       "'%s' has %zu packages and wheels, and its lock names %zu", c->path,
			       carried, c->lock.rpms.count + c->lock.wheels.count);
	return 0;
}

static int read_lock(struct contents *c, struct err *err)
{
	const struct contents_member *lock = contents_find(c, CONTENTS_LOCK);
	int r = 0;

	if (!lock)
		return 0;
	r = lock_parse(CONTENTS_LOCK, lock->data.buf, lock->data.len, &c->lock, err);
	if (r < 0) {
		err->code = err->code == ERR_CONFIG ? ERR_VERIFY : err->code;
		return err_prefix(err, "'%s'", c->path);
	}
	c->has_lock = true;
	r = compare_lock(c, err);
	return r < 0 ? r : read_wheels(c, err);
}

int contents_open(const char *path, const char *const *bases, struct contents *ret, struct err *err)
{
	int r = str_dup(&ret->path, path, err);

	if (r == 0)
		r = open_archives(path, ret->trust ? ret->trust : trust_any, ret->trust_arg,
				  &ret->set, err);
	if (r == 0 && ret->set.index.base_sequence)
		r = open_base(ret, bases, err);
	if (r == 0)
		r = read_members(ret, err);
	for (size_t i = 0; r == 0 && i < ret->set.index.member_count; i++)
		if (ret->set.index.members[i].key) {
			ret->rpm_count++;
			ret->rpm_bytes += ret->set.index.members[i].size_bytes;
		}
	return r < 0 ? r : read_lock(ret, err);
}
