/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"
#include "x509.h"

#define KEPT_CHUNK_BYTES (128U << 10)

DEFINE_CLEANUP(struct digest *, digest_free);

void verify_release(struct verify *v)
{
	archives_release(&v->set);
	archives_release(&v->base);
	cleanup_closep(&v->kept_fd);
	*v = (struct verify)VERIFY_INIT;
}

static int check_expiry(const struct verify *v, time_t now, struct err *err)
{
	char expires[CLOCK_TEXT_SIZE];
	char now_text[CLOCK_TEXT_SIZE];

	if (now < v->set.index.expires)
		return 0;
	clock_format(v->set.index.expires, expires);
	clock_format(now, now_text);
	return err_set(err, ERR_VERIFY,
		       "'%.200s' expired at %s (this machine's clock says %s): build a new one",
		       v->set.name, expires, now_text);
}

static int trust_signature(const struct archives *a, void *arg, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	struct verify *v = arg;
	int r = x509_load_all(v->ca_path, ERR_USAGE, &cas, err);

	if (r)
		return r;
	r = cms_verify(a->signature.buf, a->signature.len, a->index_text.buf, a->index_text.len,
		       cas, NULL, clock_now(), &v->signer, err);
	return r ? err_prefix(err, "'%.200s'", a->name) : 0;
}

int verify_open(struct verify *v, const struct strv *files, const char *ca_path, struct err *err)
{
	int r = 0;

	v->ca_path = ca_path;
	if (access(ca_path, R_OK) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot read the CA '%.300s'", ca_path);
	r = archives_open(&v->set, files, trust_signature, v, err);
	return r ? r : check_expiry(v, clock_now(), err);
}

/* -- the base of a delta -- */

/* The signed index names it by its digest: its own signature, and how old it is, do not matter. */
static int trust_digest(const struct archives *a, void *arg, struct err *err)
{
	const struct verify *v = arg;
	const struct index *index = &v->set.index;

	if (strcmp(a->index_sha256, index->base_sha256) == 0)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "'%.200s' is not the base of '%.200s': that is sequence %" PRIu64
		       ", whose index has the SHA-256 %s",
		       a->name, v->set.name, index->base_sequence, index->base_sha256);
}

static int open_kept(struct verify *v, const char *dir, struct err *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int index_fd = -1;
	char hex[SHA256_HEX_SIZE];
	int r = 0;

	if (fd >= 0)
		index_fd = openat(fd, INDEX_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (index_fd < 0)
		return 0;
	r = sha256_fd(index_fd, INDEX_NAME, hex, NULL, err);
	if (!r && strcmp(hex, v->set.index.base_sha256) == 0)
		v->kept_fd = steal_fd(&fd);
	return r;
}

int verify_open_base(struct verify *v, const struct strv *files, const char *kept_dir,
		     struct err *err)
{
	if (files->count && !v->set.index.base_sequence)
		return err_set(err, ERR_USAGE, "'%.200s' is complete: leave --base out",
			       v->set.name);
	if (files->count)
		return archives_open(&v->base, files, trust_digest, v, err);
	return v->set.index.base_sequence && kept_dir ? open_kept(v, kept_dir, err) : 0;
}

int verify_need_base(const struct verify *v, struct err *err)
{
	const struct index *index = &v->set.index;

	if (!index->base_sequence || v->base.count || v->kept_fd >= 0)
		return 0;
	err_set(err, ERR_VERIFY,
		"'%.200s' is a delta on top of sequence %" PRIu64
		", which this machine does not have: name that bundle with --base, or bring a "
		"complete one",
		v->set.name, index->base_sequence);
	err_detail(err, "the base's index.yaml has the SHA-256 %s", index->base_sha256);
	return -(int)err->code;
}

/* -- members -- */

/* A member on its way: hashed, and written when FD is not -1. */
struct stage {
	struct digest *digest;
	int fd;
	const char *path;
	struct progress *progress;
	uint64_t done_bytes;
	unsigned int done_items;
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
	s->done_bytes += len;
	progress_update(s->progress, s->done_bytes, s->done_items);
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
	s->done_items++;
	return s->fd >= 0 ? stage_sync(s->fd, m->path, err) : 0;
}

/* From ARCHIVE, which stands at its contents. */
static int verify_archived(struct archive *archive, const struct index_member *m, int staging_fd,
			   struct stage *s, struct err *err)
{
	cleanup_close int fd = -1;
	int r = staging_fd >= 0 ? stage_create(staging_fd, m->path, &fd, err) : 0;

	if (r)
		return r;
	s->fd = fd;
	s->path = m->path;
	r = tar_read_contents(&archive->tar, m->path, m->size_bytes, stage_data, s, err);
	return r ? r : check_digest(m, archive->name, s, err);
}

static int verify_carried(struct verify *v, size_t i, int staging_fd, struct stage *s,
			  struct err *err)
{
	struct archive *archive = NULL;
	int r = archives_seek(&v->set, i, &archive, err);

	if (r || !archive)
		return r;
	return verify_archived(archive, &v->set.index.members[i], staging_fd, s, err);
}

static int verify_in_base(struct verify *v, const struct index_member *m, int staging_fd,
			  struct stage *s, struct err *err)
{
	const struct index_member *have = index_find(&v->base.index, m->path);
	struct archive *archive = NULL;
	int r = 0;

	if (have && !have->from_base && have->size_bytes == m->size_bytes)
		r = archives_seek(&v->base, (size_t)(have - v->base.index.members), &archive, err);
	if (r)
		return r;
	if (!archive)
		return err_set(
			err, ERR_VERIFY,
			"'%.200s' takes '%.200s' from its base, and '%.200s' does not have it: "
			"name all of the base's volumes with --base, or bring a complete bundle",
			v->set.name, m->path, v->base.name);
	return verify_archived(archive, m, staging_fd, s, err);
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

static int verify_kept(struct verify *v, const struct index_member *m, int staging_fd,
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

static int verify_member(struct verify *v, size_t i, int staging_fd, struct stage *s,
			 struct err *err)
{
	const struct index_member *m = &v->set.index.members[i];

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

int verify_members(struct verify *v, int staging_fd, const char *node, struct err *err)
{
	CLEANUP(digest_freep) struct digest *digest = NULL;
	struct progress progress;
	struct stage stage = { .fd = -1, .progress = &progress };
	int r = digest_new(&digest, err);

	if (!r && staging_fd >= 0) {
		r = stage_text(staging_fd, INDEX_NAME, &v->set.index_text, err);
		if (!r)
			r = stage_text(staging_fd, INDEX_SIGNATURE_NAME, &v->set.signature, err);
	}
	if (r)
		return r;
	stage.digest = digest;
	progress_start(&progress, "verifying", bytes_to_read(v),
		       (unsigned int)v->set.index.member_count);
	for (size_t i = 0; !r && i < v->set.index.member_count; i++) {
		const char *path = v->set.index.members[i].path;

		r = verify_member(v, i, node && !is_staged(path, node) ? -1 : staging_fd, &stage,
				  err);
	}
	if (!r)
		r = archives_end(&v->set, err);
	progress_update(&progress, stage.done_bytes, stage.done_items);
	if (r)
		progress_abort(&progress);
	else
		progress_done(&progress);
	return r;
}
