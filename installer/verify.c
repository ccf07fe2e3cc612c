/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"
#include "x509.h"

DEFINE_CLEANUP(struct digest *, digest_free);

void verify_release(struct verify *v)
{
	if (v->fd >= 0)
		close(v->fd);
	free(v->name);
	str_release(&v->index_text);
	str_release(&v->signature);
	index_release(&v->index);
	*v = (struct verify)VERIFY_INIT;
}

static int open_bundle(struct verify *v, const char *path, struct err *err)
{
	struct stat st;
	int r = str_dup(&v->name, path_basename(path), err);

	if (r)
		return r;
	/* Not blocking: a FIFO is refused below, it must not hold us before. */
	v->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (v->fd < 0 || fstat(v->fd, &st) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the bundle '%.300s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%.300s' is no file", path);
	v->tar = (struct tar_reader){ .fd = v->fd, .name = v->name };
	return 0;
}

static int append(void *arg, const void *data, size_t len, struct err *err)
{
	struct str *s = arg;

	str_add_len(s, data, len);
	return str_check(s, err);
}

static int read_small(struct verify *v, const char *path, uint64_t max_bytes, struct str *ret,
		      struct err *err)
{
	uint64_t size = 0;
	int r = tar_read_sized_header(&v->tar, path, max_bytes, &size, err);

	return r ? r : tar_read_contents(&v->tar, path, size, append, ret, err);
}

static int check_expiry(const struct verify *v, time_t now, struct err *err)
{
	char expires[CLOCK_TEXT_SIZE];
	char now_text[CLOCK_TEXT_SIZE];

	if (now < v->index.expires)
		return 0;
	clock_format(v->index.expires, expires);
	clock_format(now, now_text);
	return err_set(err, ERR_VERIFY,
		       "'%.200s' expired at %s (this machine's clock says %s): build a new one",
		       v->name, expires, now_text);
}

int verify_open(struct verify *v, const char *path, const char *ca_path, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	time_t now = clock_now();
	int r = 0;

	if ((r = x509_load_all(ca_path, ERR_USAGE, &cas, err)) || (r = open_bundle(v, path, err)) ||
	    (r = read_small(v, INDEX_NAME, INDEX_SIZE_MAX, &v->index_text, err)) ||
	    (r = read_small(v, INDEX_SIGNATURE_NAME, INDEX_SIGNATURE_SIZE_MAX, &v->signature, err)))
		return r;
	r = cms_verify(v->signature.buf, v->signature.len, v->index_text.buf, v->index_text.len,
		       cas, NULL, now, &v->signer, err);
	if (r)
		return err_prefix(err, "'%.200s'", v->name);
	if ((r = sha256_hex(v->index_text.buf, v->index_text.len, v->index_sha256, err)) ||
	    (r = index_parse(INDEX_NAME, v->index_text.buf, v->index_text.len, &v->index, err)))
		return r;
	return check_expiry(v, now, err);
}

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

uint64_t verify_staged_bytes(const struct index *index, const char *node)
{
	uint64_t total = 0;

	for (size_t i = 0; i < index->member_count; i++) {
		if (is_staged(index->members[i].path, node))
			total += index->members[i].size_bytes;
	}
	return total;
}

static int verify_member(struct verify *v, const struct index_member *m, int staging_fd,
			 struct stage *s, struct err *err)
{
	cleanup_close int fd = -1;
	char hex[SHA256_HEX_SIZE];
	int r = tar_read_header(&v->tar, m->path, m->size_bytes, err);

	if (!r && staging_fd >= 0)
		r = stage_create(staging_fd, m->path, &fd, err);
	if (r)
		return r;
	s->fd = fd;
	s->path = m->path;
	r = tar_read_contents(&v->tar, m->path, m->size_bytes, stage_data, s, err);
	digest_final_hex(s->digest, hex);
	if (r)
		return r;
	if (strcmp(hex, m->sha256) != 0)
		return err_set(err, ERR_VERIFY,
			       "'%.200s' is not an intact bundle: the contents of '%.200s' changed",
			       v->name, m->path);
	s->done_items++;
	return fd >= 0 ? stage_sync(fd, m->path, err) : 0;
}

static int stage_text(int staging_fd, const char *path, const struct str *text, struct err *err)
{
	cleanup_close int fd = -1;
	int r = stage_create(staging_fd, path, &fd, err);

	if (!r)
		r = fd_write_all(fd, path, text->buf, text->len, err);
	return r ? r : stage_sync(fd, path, err);
}

int verify_members(struct verify *v, int staging_fd, const char *node, struct err *err)
{
	CLEANUP(digest_freep) struct digest *digest = NULL;
	struct progress progress;
	struct stage stage = { .fd = -1, .progress = &progress };
	int r = digest_new(&digest, err);

	if (!r && staging_fd >= 0) {
		r = stage_text(staging_fd, INDEX_NAME, &v->index_text, err);
		if (!r)
			r = stage_text(staging_fd, INDEX_SIGNATURE_NAME, &v->signature, err);
	}
	if (r)
		return r;
	stage.digest = digest;
	progress_start(&progress, "verifying", index_total_bytes(&v->index),
		       (unsigned int)v->index.member_count);
	for (size_t i = 0; !r && i < v->index.member_count; i++) {
		const struct index_member *m = &v->index.members[i];

		r = verify_member(v, m, node && !is_staged(m->path, node) ? -1 : staging_fd, &stage,
				  err);
	}
	if (!r)
		r = tar_read_end(&v->tar, err);
	progress_update(&progress, stage.done_bytes, stage.done_items);
	if (r)
		progress_abort(&progress);
	else
		progress_done(&progress);
	return r;
}

int verify_find_bundle(char **ret_path, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	char self[PATH_MAX] = "";
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *found = NULL;
	char *slash = len > 0 ? strrchr(self, '/') : NULL;
	int r = 0;

	if (!slash)
		return err_set(err, ERR_USAGE, "name the bundle with --bundle");
	*slash = '\0';
	r = dir_list(self, &names, err);
	if (r)
		return r;
	for (size_t i = 0; i < names.count; i++) {
		if (!str_starts(names.items[i], "pgha-") || !str_ends(names.items[i], ".tar"))
			continue;
		if (found)
			return err_set(err, ERR_USAGE,
				       "more than one bundle in '%.300s': name one with --bundle",
				       self);
		found = names.items[i];
	}
	if (!found)
		return err_set(err, ERR_USAGE,
			       "no pgha-*.tar in '%.300s': name the bundle with --bundle", self);
	return path_join(self, found, ret_path, err);
}
