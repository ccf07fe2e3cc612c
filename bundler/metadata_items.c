/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of metadata files, once for each content: .solv files and compiled modules. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "derived.h"
#include "file.h"
#include "interrupt.h"
#include "metadata_private.h"
#include "metafile.h"
#include "offload.h"
#include "progress.h"
#include "solvfile.h"

/* One item that has to be made. */
struct making {
	const struct metadata *md;
	struct metadata_repo *repo;
	struct metadata_item *item;
	enum repomd_type type;
	char *name; /* for messages */
	bool there; /* its file is in the cache, with the right digest */
};

struct makings {
	struct making *items;
	size_t count;
	struct http_transfer *transfers; /* of their files */
	struct offload_job *jobs;
};

static void makings_release(struct makings *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->items[i].name);
	free(m->items);
	free(m->transfers);
	free(m->jobs);
}

static const struct repomd_file *file_of(const struct making *m)
{
	return &m->repo->private->repomd.files[m->type];
}

static enum solvfile_kind kind_of(enum repomd_type type)
{
	switch (type) {
	case REPOMD_FILELISTS:
		return SOLVFILE_FILELISTS;
	case REPOMD_GROUPS:
		return SOLVFILE_GROUPS;
	case REPOMD_ADVISORIES:
		return SOLVFILE_ADVISORIES;
	default:
		return SOLVFILE_PRIMARY;
	}
}

/* --- what is in the cache ----------------------------------------------------------------------- */

static int make_key(struct metadata_repo *repo, enum repomd_type type, struct err *err)
{
	const struct repomd_file *files = repo->private->repomd.files;
	const char *inputs[] = { files[type].sha256, files[REPOMD_PRIMARY].sha256 };
	/* Paths extend the packages of one primary. */
	size_t count = type == REPOMD_FILELISTS ? 2 : 1;
	char kind[128];

	if (type == REPOMD_MODULES)
		snprintf(kind, sizeof(kind), "modules %d pgha %s", MODULES_FORMAT, PGHA_VERSION);
	else
		solvfile_key_kind(kind_of(type), kind, sizeof(kind));
	return derived_key(kind, inputs, count, repo->private->items[type].key, err);
}

/* Opens the item where it is kept; else it is one more of MAKINGS. */
static int look_up(struct metadata *md, struct metadata_repo *repo, enum repomd_type type,
		   struct makings *makings, struct err *err)
{
	struct metadata_item *item = &repo->private->items[type];
	struct making *m = &makings->items[makings->count];

	if (repo->private->skipped || !repo->private->repomd.files[type].location || item->fd >= 0)
		return 0;
	if (make_key(repo, type, err) < 0)
		return -err->code;
	item->fd = derived_open(md->options.cache, DERIVED_FILES, item->key, NULL);
	if (item->fd >= 0) {
		item->start = lseek(item->fd, 0, SEEK_CUR);
		return 0;
	}
	*m = (struct making){ .md = md, .repo = repo, .item = item, .type = type };
	makings->count++;
	return str_printf(&m->name, err, "repository '%s': %s", repo->source->id,
			  file_of(m)->location);
}

static int look_up_all(struct metadata *md, const enum repomd_type *types, size_t count,
		       struct makings *makings, struct err *err)
{
	size_t most = md->count * count + 1;
	int r = 0;

	makings->items = calloc(most, sizeof(*makings->items));
	makings->transfers = calloc(most, sizeof(*makings->transfers));
	makings->jobs = calloc(most, sizeof(*makings->jobs));
	if (!makings->items || !makings->transfers || !makings->jobs)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < md->count; i++)
		for (size_t k = 0; r == 0 && md->repos[i].private && k < count; k++)
			r = look_up(md, &md->repos[i], types[k], makings, err);
	return r;
}

/* --- downloading -------------------------------------------------------------------------------- */

/* The largest first, so that no long one is left for the end. */
static int cmp_makings(const void *a, const void *b)
{
	const struct making *x = a;
	const struct making *y = b;
	uint64_t m = file_of(x)->size_bytes;
	uint64_t n = file_of(y)->size_bytes;

	if (m != n)
		return m > n ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void plan_download(const struct making *m, bool may_skip, struct http_transfer *t)
{
	const struct repomd_file *file = file_of(m);

	*t = (struct http_transfer){ .source = &m->repo->private->upstream->source,
				     .path = file->location,
				     .sha256 = file->sha256,
				     .size_bytes = file->size_bytes,
				     .dest = m->item->path,
				     .may_fail = may_skip && m->repo->source->skip_if_unavailable };
}

/* Leaves out what belongs to repositories that are skipped. */
static void drop_skipped(struct makings *makings)
{
	size_t kept = 0;

	for (size_t i = 0; i < makings->count; i++) {
		struct making *m = &makings->items[i];

		if (m->repo->private->skipped)
			free(m->name);
		else
			makings->items[kept++] = *m;
	}
	makings->count = kept;
}

static int skip(struct making *m, const struct err *why, struct strv *warnings, struct err *err)
{
	if (why->code != ERR_NETWORK) {
		*err = *why;
		return err_prefix(err, "%s", m->name);
	}
	if (m->repo->private->skipped)
		return 0;
	m->repo->private->skipped = true;
	return strv_addf(warnings, err, "repository '%s' is skipped: %s", m->repo->source->id,
			 why->msg);
}

/* Repositories may have a file in common, and it can be downloaded once. */
static size_t plan_downloads(struct makings *makings, bool may_skip, struct making **from)
{
	size_t count = 0;

	for (size_t i = 0; i < makings->count; i++) {
		struct making *m = &makings->items[i];
		size_t k = 0;

		while (k < count && strcmp(from[k]->item->path, m->item->path) != 0)
			k++;
		if (k < count || m->there || m->repo->private->skipped)
			continue;
		from[count] = m;
		plan_download(m, may_skip, &makings->transfers[count++]);
	}
	return count;
}

/* What came for one repository is there for all. */
static void note_there(struct makings *makings, const char *path)
{
	for (size_t i = 0; i < makings->count; i++)
		if (!strcmp(makings->items[i].item->path, path))
			makings->items[i].there = true;
}

/* One step of downloads; *RET_MORE when another repository may have what one did not. */
static int download_some(struct metadata *md, struct makings *makings, const char *what,
			 struct strv *warnings, bool *ret_more, struct err *err)
{
	cleanup_free struct making **from = calloc(makings->count, sizeof(struct making *));
	size_t count = 0;
	int r = 0;

	if (!from)
		return err_nomem(err);
	count = plan_downloads(makings, warnings != NULL, from);
	*ret_more = false;
	r = http_fetch(makings->transfers, count, md->options.limits, what, err);
	for (size_t i = 0; i < count; i++) {
		if (r == 0 && makings->transfers[i].failure.code) {
			r = skip(from[i], &makings->transfers[i].failure, warnings, err);
			*ret_more = true;
		} else if (r == 0) {
			note_there(makings, from[i]->item->path);
		}
		http_transfer_release(&makings->transfers[i]);
	}
	return r;
}

/*
 * One process after the other, until *RET_FD is closed: what the first one downloads into this cache
 * the others find there. A file system without locks holds nobody up.
 */
static int lock_cache(const char *cache, int *ret_fd, struct err *err)
{
	cleanup_close int fd = -1;
	int r = dir_make(cache, 0755, err);

	if (r < 0)
		return r;
	fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", cache);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		notice("waiting for another run that downloads metadata into '%s'", cache);
		while (r == 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
			r = interrupt_check(err);
	}
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}

/* WARNINGS: NULL where no repository may be skipped any more. */
static int download(struct metadata *md, struct makings *makings, struct strv *warnings,
		    struct err *err)
{
	cleanup_close int lock = -1;
	bool missing = false;
	bool more = true;
	int r = 0;

	for (size_t i = 0; i < makings->count; i++) {
		struct making *m = &makings->items[i];

		if (!m->item->path &&
		    cache_path(md->options.cache, file_of(m)->sha256, &m->item->path, err) < 0)
			return err_prefix(err, "%s", m->name);
		missing = missing || access(m->item->path, F_OK) != 0;
	}
	if (missing)
		r = lock_cache(md->options.cache, &lock, err);
	while (r == 0 && more)
		r = download_some(md, makings, missing ? "metadata" : NULL, warnings, &more, err);
	if (r == 0)
		drop_skipped(makings);
	return r;
}

/* --- making ------------------------------------------------------------------------------------- */

static int compile_modules(FILE *in, void *arg, struct err *err)
{
	const struct making *m = arg;
	CLEANUP(str_release) struct str block = STR_INIT;
	int r = modules_compile(file_of(m)->location, in, &block, err);

	return r < 0 ? r : fd_write_all(m->item->fd, "modules", block.buf, block.len, err);
}

/* In a process of its own. */
static int make_item(void *arg, struct err *err)
{
	struct making *m = arg;
	const struct repomd_file *file = file_of(m);
	const struct metafile from = { .cache = m->md->options.cache,
				       .sha256 = file->sha256,
				       .location = file->location,
				       .size_bytes = file->size_bytes,
				       .xml = m->type != REPOMD_MODULES };
	int primary = -1;
	int r = 0;

	if (m->type == REPOMD_FILELISTS) {
		const struct metadata_item *item = &m->repo->private->items[REPOMD_PRIMARY];

		primary = item->fd;
		lseek(primary, item->start, SEEK_SET);
	}
	if (m->type == REPOMD_MODULES)
		r = metafile_read(&from, compile_modules, m, err);
	else
		r = solvfile_make(kind_of(m->type), &from, primary, m->item->fd, err);
	return r < 0 ? err_prefix(err, "%s", m->name) : 0;
}

static int make_all(struct makings *makings, struct err *err)
{
	for (size_t i = 0; i < makings->count; i++) {
		struct making *m = &makings->items[i];

		m->item->fd = memfd_create(m->item->key, MFD_CLOEXEC);
		if (m->item->fd < 0)
			return err_errno(err, ERR_HOST, errno, "cannot make a file in memory");
		m->item->start = 0;
		m->item->unsaved = true;
		makings->jobs[i] =
			(struct offload_job){ .run = make_item, .arg = m, .name = m->name };
	}
	return offload_run(makings->jobs, makings->count, err);
}

int metadata_make_items(struct metadata *md, const enum repomd_type *types, size_t count,
			struct strv *warnings, struct err *err)
{
	CLEANUP(makings_release) struct makings makings = { .items = NULL };
	int r = look_up_all(md, types, count, &makings, err);

	if (r < 0 || !makings.count)
		return r;
	qsort(makings.items, makings.count, sizeof(*makings.items), cmp_makings);
	r = download(md, &makings, warnings, err);
	return r < 0 ? r : make_all(&makings, err);
}

int metadata_save_items(struct metadata *md, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < md->count; i++) {
		for (size_t k = 0; r == 0 && k < REPOMD_TYPES; k++) {
			struct metadata_item *item = &md->repos[i].private->items[k];

			if (!item->unsaved)
				continue;
			item->unsaved = false;
			r = derived_save(md->options.cache, DERIVED_FILES, item->key, item->fd,
					 err);
		}
	}
	return r;
}
