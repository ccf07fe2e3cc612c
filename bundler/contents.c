/* SPDX-License-Identifier: Apache-2.0 */
#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <solv/repo.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_updateinfoxml.h>

#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "tar.h"
#include "unpack.h"

#define MEMBER_MAX (512U << 20)
#define XML_MAX (UINT64_C(1) << 30)

DEFINE_CLEANUP(struct unpack *, unpack_free);

void contents_release(struct contents *c)
{
	for (size_t i = 0; c->wheels && i < c->lock.wheels.count; i++)
		wheel_meta_release(&c->wheels[i]);
	free(c->wheels);
	for (size_t i = 0; i < c->count; i++)
		str_release(&c->members[i].data);
	free(c->members);
	if (c->pool)
		pool_free(c->pool);
	lock_release(&c->lock);
	index_release(&c->index);
	str_release(&c->index_text);
	str_release(&c->signature);
	free(c->path);
	*c = (struct contents)CONTENTS_INIT;
}

const struct contents_member *contents_find(const struct contents *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->members[i].member->path, path))
			return &c->members[i];
	return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

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

static int read_member(struct tar_reader *reader, const struct index_member *m, struct contents *c,
		       struct err *err)
{
	struct contents_member *to = &c->members[c->count];
	char hex[SHA256_HEX_SIZE];
	int r = tar_read_header(reader, m->path, m->size_bytes, err);

	if (r < 0)
		return r;
	if (!is_read(m))
		return tar_skip_contents(reader, m->path, m->size_bytes, err);
	*to = (struct contents_member){ .member = m };
	c->count++;
	r = tar_read_contents(reader, m->path, m->size_bytes, append, &to->data, err);
	if (r == 0)
		r = sha256_hex(to->data.buf ? to->data.buf : "", to->data.len, hex, err);
	if (r == 0 && strcmp(hex, m->sha256) != 0)
		r = err_set(err, ERR_VERIFY,
			    "'%s': '%s' is damaged: its SHA-256 is not the index's", reader->name,
			    m->path);
	return r;
}

/* The archive at PATH with its index; RET is told of which one it is when it is a volume. */
static int read_start(int fd, const char *path, struct str *index, struct str *signature,
		      struct tar_reader *ret, struct err *err)
{
	int r = 0;

	*ret = (struct tar_reader){ .fd = fd, .name = path };
	r = tar_read_sized(ret, INDEX_NAME, INDEX_SIZE_MAX, index, err);
	return r < 0 ? r
		     : tar_read_sized(ret, INDEX_SIGNATURE_NAME, INDEX_SIGNATURE_SIZE_MAX,
				      signature, err);
}

static int read_volume(struct contents *c, const char *path, size_t volume, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(str_release) struct str index = STR_INIT;
	CLEANUP(str_release) struct str signature = STR_INIT;
	struct tar_reader reader = { .fd = -1 };
	size_t from = 0, to = 0;
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open '%s'", path);
	r = read_start(fd, path, &index, &signature, &reader, err);
	if (r == 0 && (index.len != c->index_text.len ||
		       memcmp(index.buf, c->index_text.buf, index.len) != 0))
		r = err_set(err, ERR_VERIFY, "'%s' belongs to another bundle than '%s'", path,
			    c->path);
	index_volume_range(&c->index, volume, &from, &to);
	for (size_t i = from; r == 0 && i < to; i++)
		if (!c->index.members[i].from_base)
			r = read_member(&reader, &c->index.members[i], c, err);
	return r;
}

static int read_index(struct contents *c, struct err *err)
{
	cleanup_close int fd = open(c->path, O_RDONLY | O_CLOEXEC);
	struct tar_reader reader = { .fd = -1 };
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open '%s'", c->path);
	r = read_start(fd, c->path, &c->index_text, &c->signature, &reader, err);
	if (r == 0)
		r = index_parse(c->path, c->index_text.buf, c->index_text.len, &c->index, err);
	return r;
}

static int read_volumes(struct contents *c, struct err *err)
{
	size_t count = index_volume_count(&c->index);
	int r = 0;

	c->members = calloc(c->index.member_count + 1, sizeof(*c->members));
	if (!c->members)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		CLEANUP(str_release) struct str name = STR_INIT;
		cleanup_free char *path = NULL;

		index_archive_name(&c->index, i, &name);
		r = str_check(&name, err);
		if (r == 0)
			r = count > 1 ? path_beside(c->path, name.buf, &path, err)
				      : str_dup(&path, c->path, err);
		if (r == 0)
			r = read_volume(c, path, i, err);
	}
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

	for (size_t i = 0; i < c->index.member_count; i++)
		carried += str_starts(c->index.members[i].path, "repo/Packages/") ||
			   str_ends(c->index.members[i].path, ".whl");
	for (size_t i = 0; i < c->lock.rpms.count + c->lock.wheels.count; i++) {
		bool rpm = i < c->lock.rpms.count;
		const struct lock_wheel *w = rpm ? NULL : &wheels[i - c->lock.rpms.count];
		const char *file = rpm ? path_basename(rpms[i].path) : w->file;
		const char *sha256 = rpm ? rpms[i].sha256 : w->sha256;
		const struct index_member *m = NULL;
		cleanup_free char *path = NULL;

		if (str_printf(&path, err, "%s/%s", rpm ? "repo/Packages" : "wheels", file) < 0)
			return -(int)err->code;
		m = index_find(&c->index, path);
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

int contents_open(const char *path, struct contents *ret, struct err *err)
{
	const struct contents_member *lock = NULL;
	int r = str_dup(&ret->path, path, err);

	if (r == 0)
		r = read_index(ret, err);
	if (r == 0)
		r = read_volumes(ret, err);
	for (size_t i = 0; r == 0 && i < ret->index.member_count; i++)
		if (ret->index.members[i].key) {
			ret->rpm_count++;
			ret->rpm_bytes += ret->index.members[i].size_bytes;
		}
	lock = r == 0 ? contents_find(ret, CONTENTS_LOCK) : NULL;
	if (!lock)
		return r;
	r = lock_parse(CONTENTS_LOCK, lock->data.buf, lock->data.len, &ret->lock, err);
	if (r < 0) {
		err->code = err->code == ERR_CONFIG ? ERR_VERIFY : err->code;
		return err_prefix(err, "'%s'", path);
	}
	ret->has_lock = true;
	r = compare_lock(ret, err);
	return r < 0 ? r : read_wheels(ret, err);
}

/* --- the repository --------------------------------------------------------------------------- */

/* One of the files of repo/repodata, by the end of its name; one that is not there is fine. */
static int add_metadata(struct contents *c, Repo *repo, const char *what,
			int (*add)(Repo *repo, FILE *in), struct err *err)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct contents_member *m = &c->members[i];
		CLEANUP(unpack_freep) struct unpack *unpack = NULL;
		FILE *in = NULL;
		int fd = -1;
		int r = 0;

		if (!str_starts(m->member->path, "repo/repodata/") ||
		    !strstr(path_basename(m->member->path), what))
			continue;
		fd = memfd_create("metadata", MFD_CLOEXEC);
		if (fd < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot make a file in memory");
		r = fd_write_all(fd, m->member->path, m->data.buf, m->data.len, err);
		if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
			close(fd);
			return r < 0 ? r : err_errno(err, ERR_FAILED, errno, "cannot go back");
		}
		r = unpack_open(fd, m->member->path, true, XML_MAX, &unpack, &in, err);
		if (r == 0 && add(repo, in) != 0)
			r = err_set(err, ERR_VERIFY, "'%s': '%s' cannot be read: %s", c->path,
				    m->member->path, pool_errstr(c->pool));
		if (unpack && r == 0)
			r = unpack_check(unpack, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_primary(Repo *repo, FILE *in)
{
	return repo_add_rpmmd(repo, in, NULL, 0);
}

static int add_updateinfo(Repo *repo, FILE *in)
{
	return repo_add_updateinfoxml(repo, in, 0);
}

int contents_pool(struct contents *c, struct err *err)
{
	Repo *repo = NULL;
	int r = 0;

	if (c->pool)
		return 0;
	c->pool = pool_create();
	pool_setdisttype(c->pool, DISTTYPE_RPM);
	pool_setarch(c->pool, c->index.platform.arch);
	repo = repo_create(c->pool, "bundle");
	r = add_metadata(c, repo, "primary.xml", add_primary, err);
	if (r == 0)
		r = add_metadata(c, repo, "updateinfo.xml", add_updateinfo, err);
	repo_internalize(repo);
	return r;
}

Id contents_solvable(const struct contents *c, const char *sha256)
{
	Id p = 0;

	for (p = 2; c->pool && p < c->pool->nsolvables; p++) {
		Id type = 0;
		const char *hex = c->pool->solvables[p].repo
					  ? solvable_lookup_checksum(&c->pool->solvables[p],
								     SOLVABLE_CHECKSUM, &type)
					  : NULL;

		if (hex && !strcmp(hex, sha256))
			return p;
	}
	return 0;
}

static const struct lock_rpm *find_nevra(const struct lock *lock, const char *nevra)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++)
		if (!strcmp(rpms[i].nevra, nevra))
			return &rpms[i];
	return NULL;
}

const char *contents_root_reason(const struct lock *lock, size_t rpm)
{
	const struct lock_rpm *at = &((const struct lock_rpm *)lock->rpms.items)[rpm];

	for (size_t steps = 0; at && steps <= lock->rpms.count; steps++) {
		if (!str_starts(at->reason, "package "))
			return at->reason;
		at = find_nevra(lock, at->reason + strlen("package "));
	}
	return "requested";
}
