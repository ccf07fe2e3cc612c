/* SPDX-License-Identifier: Apache-2.0 */
#include "published.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "file.h"
#include "inside.h"
#include "moduledocs.h"
#include "progress.h"
#include "repomd.h"
#include "servers.h"
#include "unpack.h"
#include "updateinfo.h"

#define REPOMD_PATH "repodata/repomd.xml"
#define REPOMD_BYTES_MAX (8U << 20)
/* As for all metadata: what unpacks to more is made to. */
#define UNPACKED_MIN (UINT64_C(32) << 20)
#define UNPACKED_TIMES 100

DEFINE_CLEANUP(struct unpack *, unpack_free);

void published_release(struct published *published)
{
	str_release(&published->updateinfo);
	str_release(&published->modules);
}

struct collector {
	const char *cache;
	struct servers servers;
	struct inside inside;
	struct moduledocs modules;
	struct published *out;
};

static void collector_release(struct collector *c)
{
	servers_release(&c->servers);
	inside_release(&c->inside);
	moduledocs_release(&c->modules);
}

/* Opens what has that digest, from the cache or by a download of PATH below repository I. */
static int open_file(struct collector *c, size_t i, const char *path, const char *sha256,
		     uint64_t size_bytes, int *ret_fd, struct err *err)
{
	CLEANUP(http_transfer_release)
	struct http_transfer transfer = { .path = path,
					  .sha256 = sha256,
					  .size_bytes = size_bytes,
					  .max_bytes = REPOMD_BYTES_MAX };
	cleanup_free char *dest = NULL;
	int r = cache_open_verified(c->cache, sha256, ret_fd, err);

	if (r < 0 || *ret_fd >= 0)
		return r;
	r = servers_open(&c->servers, err);
	if (r == 0)
		r = cache_path(c->cache, sha256, &dest, err);
	if (r < 0)
		return r;
	transfer.source = servers_source(&c->servers, i);
	transfer.dest = dest;
	r = http_fetch(&transfer, 1, c->servers.limits, NULL, err);
	if (r == 0)
		r = cache_open_verified(c->cache, sha256, ret_fd, err);
	if (r == 0 && *ret_fd < 0)
		r = err_set(err, ERR_FAILED, "'%s' has vanished from the cache", dest);
	return r;
}

static int read_updateinfo(struct collector *c, const char *name, FILE *in, struct err *err)
{
	return updateinfo_cut(name, in, &c->inside, &c->out->updateinfo, err);
}

static int read_modules(struct collector *c, const char *name, FILE *in, struct err *err)
{
	return moduledocs_choose(name, in, &c->inside, &c->modules, err);
}

static int take_file(struct collector *c, size_t i, const struct repomd_file *file,
		     int (*read)(struct collector *c, const char *name, FILE *in, struct err *err),
		     struct err *err)
{
	CLEANUP(unpack_freep) struct unpack *unpack = NULL;
	uint64_t max_bytes = file->size_bytes * UNPACKED_TIMES;
	FILE *in = NULL; /* UNPACK's */
	struct err why = ERR_INIT;
	int fd = -1;
	int r = 0;

	if (!file->location)
		return 0;
	r = open_file(c, i, file->location, file->sha256, file->size_bytes, &fd, err);
	if (r < 0)
		return r;
	if (max_bytes < UNPACKED_MIN)
		max_bytes = UNPACKED_MIN;
	r = unpack_open(fd, file->location, read == read_updateinfo, max_bytes, &unpack, &in, err);
	if (r < 0)
		return r;
	r = read(c, file->location, in, &why);
	/* What ended too early says more than what a parser thought of it. */
	if (unpack_check(unpack, err) < 0)
		return -(int)err->code;
	if (r < 0)
		*err = why;
	return r;
}

static int take_repo(struct collector *c, size_t i, const struct lock_repo *repo, struct err *err)
{
	CLEANUP(repomd_release) struct repomd repomd = { .revision = 0 };
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = -1;
	int r = open_file(c, i, REPOMD_PATH, repo->repomd, 0, &fd, err);

	if (r == 0)
		r = fd_read_all(fd, REPOMD_PATH, REPOMD_BYTES_MAX, &text, err);
	if (r == 0)
		r = repomd_parse(text.buf, text.len, &repomd, err);
	if (r == 0)
		r = take_file(c, i, &repomd.files[REPOMD_ADVISORIES], read_updateinfo, err);
	return r < 0 ? r : take_file(c, i, &repomd.files[REPOMD_MODULES], read_modules, err);
}

static bool has_packages(const struct lock *lock, const char *id)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++)
		if (!strcmp(rpms[i].repo, id))
			return true;
	return false;
}

static int warn(const struct lock_repo *repo, const struct err *why, struct err *err)
{
	if (why->code == ERR_INTERRUPTED || why->code == ERR_HOST) {
		*err = *why;
		return -(int)err->code;
	}
	warning("what repository '%s' says of advisories and modules cannot be had as of the lock "
		"(%s): "
		"the bundle's repo/ is without it; make the lock anew to have it",
		repo->id, why->msg);
	return 0;
}

int published_collect(const struct lock *lock, const char *cache, const struct http_limits *limits,
		      struct published *ret, struct err *err)
{
	CLEANUP(collector_release)
	struct collector c = { .cache = cache,
			       .servers = { .lock = lock, .cache = cache, .limits = limits },
			       .inside = INSIDE_INIT,
			       .modules = MODULEDOCS_INIT,
			       .out = ret };
	const struct lock_repo *repos = lock->repos.items;
	int r = inside_make(lock, &c.inside, err);

	for (size_t i = 0; r == 0 && i < lock->repos.count; i++) {
		const size_t updates = ret->updateinfo.len;
		const size_t documents = c.modules.text.len;
		const size_t defaults = c.modules.defaults.count;
		struct err why = ERR_INIT;

		if (!has_packages(lock, repos[i].id) || take_repo(&c, i, &repos[i], &why) == 0)
			continue;
		/* All of it or nothing. */
		ret->updateinfo.len = updates;
		c.modules.text.len = documents;
		while (c.modules.defaults.count > defaults)
			free(c.modules.defaults.items[--c.modules.defaults.count]);
		r = warn(&repos[i], &why, err);
	}
	return r < 0 ? r : moduledocs_format(&c.modules, &ret->modules, err);
}
