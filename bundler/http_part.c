/* SPDX-License-Identifier: Apache-2.0 */
#include "http_part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "str.h"

#define BUFFER_SIZE (64U << 10)

static int make_parent(const char *path, struct err *err)
{
	cleanup_free char *dir = NULL;
	char *slash = NULL;

	if (str_dup(&dir, path, err) < 0)
		return -err->code;
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return dir_make(dir, 0755, err);
}

static int open_file(struct http_part *part, struct err *err)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
	struct stat st;

	part->fd = open(part->path, flags | O_CLOEXEC, 0644);
	if (part->fd < 0 && errno == ENOENT) {
		if (make_parent(part->path, err) < 0)
			return -err->code;
		part->fd = open(part->path, flags | O_CLOEXEC, 0644);
	}
	if (part->fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%s'", part->path);
	/* Nothing but our own file is written: no device, and none that has another name too. */
	if (fstat(part->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink <= 1)
		return 0;
	close(steal_fd(&part->fd));
	return err_set(err, ERR_FAILED, "'%s' is no plain file: remove it, and run again",
		       part->path);
}

int http_part_open(struct http_part *part, const char *dest, bool lasting, struct err *err)
{
	struct stat by_fd, by_name;
	int r = 0;

	if (!part->path)
		r = lasting ? str_printf(&part->path, err, "%s.part", dest)
			    : str_printf(&part->path, err, "%s.%ld.part", dest, (long)getpid());
	/* Another process may rename it away between open and lock. */
	while (r == 0) {
		r = open_file(part, err);
		if (r < 0)
			break;
		if (flock(part->fd, LOCK_EX | LOCK_NB) < 0) {
			r = err_set(err, ERR_FAILED,
				    "'%s' is being downloaded by another process; run again when "
				    "that one has ended",
				    part->path);
			close(steal_fd(&part->fd));
			break;
		}
		if (fstat(part->fd, &by_fd) == 0 && stat(part->path, &by_name) == 0 &&
		    by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev)
			break;
		close(steal_fd(&part->fd));
	}
	return r;
}

int http_part_empty(struct http_part *part, struct err *err)
{
	part->buf_used = 0;
	if (ftruncate(part->fd, 0) < 0 || lseek(part->fd, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot empty '%s'", part->path);
	return 0;
}

int http_part_resume(struct http_part *part, uint64_t max_bytes, uint64_t *ret_size,
		     struct err *err)
{
	off_t size = lseek(part->fd, 0, SEEK_END);

	*ret_size = 0;
	if (size < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot examine '%s'", part->path);
	if ((uint64_t)size > max_bytes)
		return http_part_empty(part, err);
	*ret_size = (uint64_t)size;
	return 0;
}

int http_part_digest(struct http_part *part, char ret_sha256[SHA256_HEX_SIZE], struct err *err)
{
	if (http_part_flush(part, err) < 0)
		return -err->code;
	if (lseek(part->fd, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", part->path);
	return sha256_fd(part->fd, part->path, ret_sha256, NULL, err);
}

int http_part_write(struct http_part *part, const void *data, size_t size_bytes, struct err *err)
{
	const char *from = data;

	if (!part->buf)
		part->buf = malloc(BUFFER_SIZE);
	if (!part->buf)
		return err_nomem(err);
	while (size_bytes > 0) {
		size_t n = BUFFER_SIZE - part->buf_used;

		if (n > size_bytes)
			n = size_bytes;
		memcpy(part->buf + part->buf_used, from, n);
		part->buf_used += n;
		from += n;
		size_bytes -= n;
		if (part->buf_used == BUFFER_SIZE && http_part_flush(part, err) < 0)
			return -err->code;
	}
	return 0;
}

int http_part_flush(struct http_part *part, struct err *err)
{
	size_t n = part->buf_used;

	part->buf_used = 0;
	return n ? fd_write_all(part->fd, part->path, part->buf, n, err) : 0;
}

int http_part_commit(struct http_part *part, const char *dest, struct err *err)
{
	if (rename(part->path, dest) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rename '%s' to '%s'", part->path,
				 dest);
	http_part_close(part, true);
	return 0;
}

void http_part_close(struct http_part *part, bool keep)
{
	struct err ignored = ERR_INIT;

	if (part->fd < 0)
		return;
	if (!keep)
		unlink(part->path);
	else if (http_part_flush(part, &ignored) < 0)
		part->buf_used = 0;
	close(steal_fd(&part->fd));
	free(steal_ptr(&part->buf));
	part->buf_used = 0;
}

void http_part_release(struct http_part *part)
{
	http_part_close(part, true);
	free(steal_ptr(&part->path));
}
