/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a bundle: hashed and staged from one buffer, read once, by all cores. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"
#include "verify.h"
#include "workers.h"

#define KEPT_CHUNK_BYTES (128U << 10)

/* What all threads share. */
struct pass {
	const struct verify *v;
	const char *node;     /* or NULL: all nodes' */
	int staging_fd;       /* or -1 */
	struct stage *stages; /* of each thread */
	unsigned int threads;
	struct progress progress;
	_Atomic uint64_t done_bytes;
	_Atomic unsigned int done_items;
};

/* A thread's member on its way: hashed, and written when FD is not -1. */
struct stage {
	struct digest *digest;
	int fd;
	const char *path;
	struct pass *pass;
};

static int stage_data(void *arg, const void *data, size_t len, struct err *err)
{
	struct stage *s = arg;
	int r = interrupt_check(err);

	if (!r && s->fd >= 0)
		r = fd_write_all(s->fd, s->path, data, len, err);
	if (r)
		return r;
	digest_update(s->digest, data, len);
	s->pass->done_bytes += len;
	return 0;
}

static int stage_create(int staging_fd, const char *path, int *ret_fd, struct err *err)
{
	cleanup_close int dir_fd = -1;
	cleanup_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int r = 0;

	if (!dir)
		return err_nomem(err);
	if (slash)
		*slash = '\0';
	r = dir_open_beneath(staging_fd, slash ? dir : "", 0700, &dir_fd, err);
	if (r)
		return r;
	*ret_fd = openat(dir_fd, path_basename(path),
			 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*ret_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot stage '%.200s'", path);
	return 0;
}

static int stage_sync(int fd, const char *path, struct err *err)
{
	if (fsync(fd) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot stage '%.200s'", path);
	return 0;
}

static bool is_staged(const char *path, const char *node)
{
	const char *rest = path + strlen("nodes/");
	size_t len = strlen(node);

	return !str_starts(path, "nodes/") || (!strncmp(rest, node, len) && rest[len] == '.');
}

uint64_t verify_staged_bytes(const struct verify *v, const char *node)
{
	const struct index *index = &v->set.index;
	uint64_t total = 0;

	for (size_t i = 0; i < index->member_count; i++) {
		const struct index_member *m = &index->members[i];

		if (is_staged(m->path, node) && !(m->from_base && v->kept_fd >= 0))
			total += m->size_bytes;
	}
	return total;
}

static int check_digest(const struct index_member *m, const char *name, struct stage *s,
			struct err *err)
{
	char hex[SHA256_HEX_SIZE];

	digest_final_hex(s->digest, hex);
	if (strcmp(hex, m->sha256) != 0)
		return err_set(err, ERR_VERIFY,
			       "'%.200s' is not an intact bundle: the contents of '%.200s' changed",
			       name, m->path);
	s->pass->done_items++;
	return s->fd >= 0 ? stage_sync(s->fd, m->path, err) : 0;
}

/* TAR stands before it. */
static int verify_archived(struct tar_reader *tar, const struct index_member *m, int staging_fd,
			   struct stage *s, struct err *err)
{
	cleanup_close int fd = -1;
	int r = tar_read_header(tar, m->path, m->size_bytes, err);

	if (!r && staging_fd >= 0)
		r = stage_create(staging_fd, m->path, &fd, err);
	if (r)
		return r;
	s->fd = fd;
	s->path = m->path;
	r = tar_read_contents(tar, m->path, m->size_bytes, stage_data, s, err);
	return r ? r : check_digest(m, tar->name, s, err);
}

static int verify_carried(const struct verify *v, size_t i, int staging_fd, struct stage *s,
			  struct err *err)
{
	struct tar_reader tar = { .fd = -1 };

	archives_reader(&v->set, i, &tar);
	if (tar.fd < 0)
		return 0;
	return verify_archived(&tar, &v->set.index.members[i], staging_fd, s, err);
}

static int verify_in_base(const struct verify *v, const struct index_member *m, int staging_fd,
			  struct stage *s, struct err *err)
{
	const struct index_member *have = index_find(&v->base.index, m->path);
	struct tar_reader tar = { .fd = -1 };

	if (have && !have->from_base && have->size_bytes == m->size_bytes)
		archives_reader(&v->base, (size_t)(have - v->base.index.members), &tar);
	if (tar.fd < 0)
		return err_set(
			err, ERR_VERIFY,
			"'%.200s' takes '%.200s' from its base, and '%.200s' does not have it: "
			"name all of the base's volumes with --base, or bring a complete bundle",
			v->set.name, m->path, v->base.name);
	return verify_archived(&tar, m, staging_fd, s, err);
}

/* What is kept is private to this program: it is hashed again, not copied. */
static int link_kept(int kept_dir_fd, int staging_fd, const char *path, int *ret_fd,
		     struct err *err)
{
	cleanup_close int dir_fd = -1;
	cleanup_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	const char *name = path_basename(path);
	int r = 0;

	if (!dir)
		return err_nomem(err);
	if (slash)
		*slash = '\0';
	r = dir_open_beneath(staging_fd, slash ? dir : "", 0700, &dir_fd, err);
	if (r)
		return r;
	if (linkat(kept_dir_fd, name, dir_fd, name, 0) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot stage '%.200s'", path);
	*ret_fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot stage '%.200s'", path);
	return 0;
}

static int open_kept_member(const struct verify *v, const char *path, int *ret_dir_fd, int *ret_fd,
			    struct err *err)
{
	cleanup_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	struct err ignored = ERR_INIT;
	struct stat st;

	if (!dir)
		return err_nomem(err);
	if (slash)
		*slash = '\0';
	if (dir_open_beneath(v->kept_fd, slash ? dir : "", 0, ret_dir_fd, &ignored) == 0)
		*ret_fd = openat(*ret_dir_fd, path_basename(path),
				 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*ret_fd < 0 || fstat(*ret_fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(
			err, ERR_VERIFY,
			"'%.200s' takes '%.200s' from sequence %" PRIu64
			", of which this machine has not kept it: name that bundle with --base",
			v->set.name, path, v->set.index.base_sequence);
	return 0;
}

static int read_all(int fd, const char *path, struct stage *s, struct err *err)
{
	cleanup_free char *buf = malloc(KEPT_CHUNK_BYTES);
	ssize_t n = 0;
	int r = 0;

	if (!buf)
		return err_nomem(err);
	while (!r && (n = read(fd, buf, KEPT_CHUNK_BYTES)) > 0)
		r = stage_data(s, buf, (size_t)n, err);
	if (!r && n < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot read '%.200s'", path);
	return r;
}

static int verify_kept(const struct verify *v, const struct index_member *m, int staging_fd,
		       struct stage *s, struct err *err)
{
	cleanup_close int dir_fd = -1;
	cleanup_close int kept_fd = -1;
	cleanup_close int linked_fd = -1;
	cleanup_close int copy_fd = -1;
	int r = open_kept_member(v, m->path, &dir_fd, &kept_fd, err);

	if (!r && staging_fd >= 0 && !v->copy_kept)
		r = link_kept(dir_fd, staging_fd, m->path, &linked_fd, err);
	else if (!r && staging_fd >= 0)
		r = stage_create(staging_fd, m->path, &copy_fd, err);
	if (r)
		return r;
	s->fd = copy_fd;
	s->path = m->path;
	r = read_all(linked_fd >= 0 ? linked_fd : kept_fd, m->path, s, err);
	return r ? r : check_digest(m, "what is kept of the base", s, err);
}

static int verify_member(void *arg, unsigned int worker, size_t i, struct err *err)
{
	struct pass *p = arg;
	const struct verify *v = p->v;
	const struct index_member *m = &v->set.index.members[i];
	struct stage *s = &p->stages[worker];
	int staging_fd = p->node && !is_staged(m->path, p->node) ? -1 : p->staging_fd;

	s->fd = -1;
	if (!m->from_base)
		return verify_carried(v, i, staging_fd, s, err);
	if (v->base.count)
		return verify_in_base(v, m, staging_fd, s, err);
	return v->kept_fd >= 0 ? verify_kept(v, m, staging_fd, s, err) : 0;
}

static int stage_text(int staging_fd, const char *path, const struct str *text, struct err *err)
{
	cleanup_close int fd = -1;
	int r = stage_create(staging_fd, path, &fd, err);

	if (!r)
		r = fd_write_all(fd, path, text->buf, text->len, err);
	return r ? r : stage_sync(fd, path, err);
}

static uint64_t bytes_to_read(const struct verify *v)
{
	bool whole = v->base.count || v->kept_fd >= 0;

	return whole ? index_total_bytes(&v->set.index) : index_carried_bytes(&v->set.index);
}

static void show_progress(void *arg)
{
	struct pass *p = arg;

	progress_update(&p->progress, p->done_bytes, p->done_items);
}

static int run_pass(struct pass *p, struct err *err)
{
	const struct index *index = &p->v->set.index;
	const struct workers plan = { .count = index->member_count,
				      .threads = p->threads,
				      .run = verify_member,
				      .tick = show_progress,
				      .arg = p };
	int r = 0;

	progress_start(&p->progress, "verifying", bytes_to_read(p->v),
		       (unsigned int)index->member_count);
	r = workers_run(&plan, err);
	if (!r)
		r = archives_end(&p->v->set, err);
	show_progress(p);
	if (r)
		progress_abort(&p->progress);
	else
		progress_done(&p->progress);
	return r;
}

static int stage_index(const struct verify *v, int staging_fd, struct err *err)
{
	int r = stage_text(staging_fd, INDEX_NAME, &v->set.index_text, err);

	return r ? r : stage_text(staging_fd, INDEX_SIGNATURE_NAME, &v->set.signature, err);
}

int verify_members(const struct verify *v, int staging_fd, const char *node, struct err *err)
{
	struct stage stages[WORKERS_MAX] = { { .digest = NULL } };
	struct pass pass = { .v = v,
			     .node = node,
			     .staging_fd = staging_fd,
			     .stages = stages,
			     .threads = workers_threads(v->set.index.member_count) };
	int r = staging_fd >= 0 ? stage_index(v, staging_fd, err) : 0;

	for (unsigned int i = 0; !r && i < pass.threads; i++) {
		stages[i].pass = &pass;
		r = digest_new(&stages[i].digest, err);
	}
	if (!r)
		r = run_pass(&pass, err);
	for (unsigned int i = 0; i < pass.threads; i++)
		digest_free(stages[i].digest);
	return r;
}
