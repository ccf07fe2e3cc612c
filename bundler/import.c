/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"
#include "str.h"
#include "workdir.h"

#define DEPTH_MAX 64
#define UNKNOWN_SIZE_MAX (512U << 20) /* of a file whose size nobody has told, bytes */
#define COPY_SIZE (1U << 20)

struct import {
	struct import_want **wants; /* by file name */
	size_t count, left;
	const char *work; /* a private directory on the cache's file system */
	struct progress progress;
	uint64_t copied_bytes;
};

static int cmp_wants(const void *a, const void *b)
{
	return strcmp((*(struct import_want *const *)a)->file,
		      (*(struct import_want *const *)b)->file);
}

static int cmp_name(const void *name, const void *want)
{
	return strcmp(name, (*(struct import_want *const *)want)->file);
}

/* The first of those with that name, or NULL. */
static struct import_want **find_wants(const struct import *im, const char *name)
{
	struct import_want **w =
		bsearch(name, im->wants, im->count, sizeof(struct import_want *), cmp_name);

	while (w && w > im->wants && !strcmp(w[-1]->file, name))
		w--;
	return w;
}

/* -- one file -- */

/* copy_file_range(2) cannot do every pair of file systems. */
static int copy_slowly(int from, int to, const char *name, uint64_t left, struct err *err)
{
	cleanup_free char *buf = malloc(COPY_SIZE);

	if (!buf)
		return err_nomem(err);
	while (left > 0) {
		ssize_t n = read(from, buf, left < COPY_SIZE ? left : COPY_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", name);
		if (n == 0)
			break;
		if (fd_write_all(to, name, buf, (size_t)n, err) < 0)
			return -err->code;
		left -= (uint64_t)n;
	}
	return 0;
}

static int copy(int from, int to, const char *name, uint64_t size, struct err *err)
{
	uint64_t left = size;

	while (left > 0) {
		ssize_t n = copy_file_range(from, NULL, to, NULL,
					    left < COPY_SIZE ? left : COPY_SIZE, 0);

		if (interrupt_check(err) < 0)
			return -err->code;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return err_errno(err, ERR_FAILED, errno, "cannot copy '%s'", name);
		if (n <= 0)
			return copy_slowly(from, to, name, left, err);
		left -= (uint64_t)n;
	}
	return 0;
}

/* Puts WORK's copy at its place when its digest is right; *RET_SAME tells. */
static int admit_copy(const struct import_want *w, int fd, const char *from, bool *ret_same,
		      struct err *err)
{
	cleanup_free char *dir = NULL;
	char hex[SHA256_HEX_SIZE];

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rewind '%s'", from);
	if (sha256_fd(fd, from, hex, NULL, err) < 0)
		return -err->code;
	*ret_same = strcmp(hex, w->sha256) == 0;
	if (!*ret_same)
		return 0;
	if (str_dup(&dir, w->dest, err) < 0)
		return -err->code;
	*strrchr(dir, '/') = '\0';
	if (dir_make(dir, 0755, err) < 0)
		return -err->code;
	if (rename(from, w->dest) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot put '%s' in place", w->dest);
	return 0;
}

static int take(struct import *im, const struct import_want *w, int fd, const char *name,
		uint64_t size, bool *ret_same, struct err *err)
{
	cleanup_free char *copied = NULL;
	cleanup_close int to = -1;
	int r = path_join(im->work, "copy", &copied, err);

	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rewind '%s'", name);
	to = open(copied, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%s'", copied);
	r = copy(fd, to, name, size, err);
	if (r == 0)
		r = admit_copy(w, to, copied, ret_same, err);
	if (r == 0 && *ret_same)
		im->copied_bytes += size;
	return r;
}

static bool size_fits(const struct import_want *w, uint64_t size)
{
	return w->size_bytes ? size == w->size_bytes : size <= UNKNOWN_SIZE_MAX;
}

static int look_at_file(struct import *im, int dir_fd, const char *dir, const char *name,
			struct err *err)
{
	struct import_want **w = find_wants(im, name);
	cleanup_close int fd = -1;
	struct stat st;

	for (; w && w < im->wants + im->count && !strcmp((*w)->file, name); w++) {
		bool same = false;

		if ((*w)->found)
			continue;
		if (fd < 0)
			fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0) {
			warning("cannot read '%s/%s': %s", dir, name, strerror(errno));
			return 0;
		}
		if (!S_ISREG(st.st_mode))
			return 0;
		if (size_fits(*w, (uint64_t)st.st_size) &&
		    take(im, *w, fd, name, (uint64_t)st.st_size, &same, err) < 0)
			return -err->code;
		if (!same) {
			warning("'%s/%s' is another file than the lock's: not taken", dir, name);
			continue;
		}
		(*w)->found = true;
		(*w)->got_bytes = (uint64_t)st.st_size;
		im->left--;
		progress_update(&im->progress, im->copied_bytes,
				(unsigned int)(im->count - im->left));
	}
	return 0;
}

/* -- the tree -- */

static int walk(struct import *im, int fd, const char *dir, unsigned int depth, struct err *err);

static int walk_below(struct import *im, int dir_fd, const char *dir, const char *name,
		      unsigned int depth, struct err *err)
{
	cleanup_free char *path = NULL;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		warning("cannot look into '%s/%s': %s", dir, name, strerror(errno));
		return 0;
	}
	if (path_join(dir, name, &path, err) < 0) {
		close(fd);
		return -err->code;
	}
	return walk(im, fd, path, depth + 1, err);
}

static int look_at(struct import *im, int dir_fd, const char *dir, const struct dirent *entry,
		   unsigned int depth, struct err *err)
{
	unsigned char type = entry->d_type;
	struct stat st;

	if (type == DT_UNKNOWN && fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
	if (type == DT_REG)
		return look_at_file(im, dir_fd, dir, entry->d_name, err);
	if (type != DT_DIR || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return 0;
	return walk_below(im, dir_fd, dir, entry->d_name, depth, err);
}

/* Owns FD. Which of two right files is found first does not matter: they are the same. */
static int walk(struct import *im, int fd, const char *dir, unsigned int depth, struct err *err)
{
	cleanup_closedir DIR *d = fdopendir(fd);
	const struct dirent *entry = NULL;

	if (!d) {
		close(fd);
		return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", dir);
	}
	if (depth > DEPTH_MAX) {
		warning("'%s' is more than %d directories deep: not looked into", dir, DEPTH_MAX);
		return 0;
	}
	while (im->left > 0 && (entry = readdir(d)))
		if (interrupt_check(err) < 0 || look_at(im, fd, dir, entry, depth, err) < 0)
			return -err->code;
	return 0;
}

static void work_close(struct workdir *work)
{
	struct err ignored = ERR_INIT;

	if (workdir_remove(work, &ignored) < 0)
		warning("%s", ignored.msg);
}

static int import_all(struct import *im, const char *dir, uint64_t total, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot look into '%s'", dir);
	progress_start(&im->progress, "importing", total, (unsigned int)im->count);
	r = walk(im, fd, dir, 0, err);
	if (r == 0)
		progress_done(&im->progress);
	else
		progress_abort(&im->progress);
	return r;
}

int import_dir(const char *dir, const char *cache, struct import_want *wants, size_t count,
	       struct err *err)
{
	cleanup_free struct import_want **sorted = calloc(count + 1, sizeof(struct import_want *));
	CLEANUP(work_close) struct workdir work = WORKDIR_INIT;
	struct import im = { .wants = sorted, .count = count, .left = count };
	uint64_t total = 0;
	int r;

	if (!sorted)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		sorted[i] = &wants[i];
		total += wants[i].size_bytes;
	}
	qsort(sorted, count, sizeof(struct import_want *), cmp_wants);
	r = dir_make(cache, 0755, err);
	if (r == 0)
		r = workdir_make(&work, cache, ".import", err);
	im.work = work.path;
	return r < 0 ? r : import_all(&im, dir, total, err);
}
