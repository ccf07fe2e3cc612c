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
#include "file.h"
#include "unpack.h"

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
	if (c->base) {
		contents_release(c->base);
		free(c->base);
	}
	archives_release(&c->set);
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
	pool_setarch(c->pool, c->set.index.platform.arch);
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
