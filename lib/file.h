/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: reading whole ones, writing so that a reader sees the old or the new content and never
 * half of one, and walking below a root that is not trusted. Everything is opened with O_CLOEXEC.
 */
#ifndef PGHA_FILE_H
#define PGHA_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"
#include "str.h"

#define FILE_SIZE_MAX \
	(64U << 20) /* what file_read() accepts when the caller names no limit, bytes */

/*
 * Reads a whole regular file of at most MAX_BYTES (0: FILE_SIZE_MAX) into *ret_data,
 * NUL-terminated, owned by the caller; *ret_size may be NULL. CODE is the error code for a file
 * that cannot be opened: ERR_USAGE for one named as an argument, ERR_CONFIG for one named by a
 * manifest.
 */
int file_read(const char *path, size_t max_bytes, enum err_code code, char **ret_data,
	      size_t *ret_size, struct err *err) MUST_CHECK;
/* The same from an open descriptor; NAME is for messages. Appends to RET, which may be secret. */
int fd_read_all(int fd, const char *name, size_t max_bytes, struct str *ret,
		struct err *err) MUST_CHECK;
int fd_write_all(int fd, const char *name, const void *data, size_t size_bytes,
		 struct err *err) MUST_CHECK;

/*
 * Writes DATA to a temporary file beside PATH with MODE (the umask does not apply), fsyncs it,
 * renames it over PATH and fsyncs the directory. On failure PATH is as it was and no temporary file
 * is left.
 */
int file_write_atomic(const char *path, mode_t mode, const void *data, size_t size_bytes,
		      struct err *err) MUST_CHECK;
/*
 * The same without fsync, for what can be had again and is judged whenever it is read: after a loss
 * of power the file may be the old one, the new one, empty or gone.
 */
int file_write_cached(const char *path, mode_t mode, const void *data, size_t size_bytes,
		      struct err *err) MUST_CHECK;

/* As file_write_atomic(), and ERR_FAILED when PATH is there already: it is left alone, also when it
 * comes in the meantime. */
int file_write_new(const char *path, mode_t mode, const void *data, size_t size_bytes,
		   struct err *err) MUST_CHECK;

/*
 * The same in steps, for contents that are streamed. After file_temp_open() write to fd; then
 * file_temp_commit() puts it in place. file_temp_release() removes what was not committed.
 */
struct file_temp {
	int fd;
	char *path; /* final */
	char *temp_path;
};

#define FILE_TEMP_INIT   \
	{                \
		.fd = -1 \
	}

int file_temp_open(struct file_temp *t, const char *path, mode_t mode, struct err *err) MUST_CHECK;
int file_temp_commit(struct file_temp *t, struct err *err) MUST_CHECK;
void file_temp_release(struct file_temp *t);

/* Renames within one file system, so that it lasts. */
int file_move(const char *from, const char *to, struct err *err) MUST_CHECK;

/* mkdir -p with MODE for what it creates. */
int dir_make(const char *path, mode_t mode, struct err *err) MUST_CHECK;
/* Sorted names in a directory, without . and .. */
int dir_list(const char *path, struct strv *ret_names, struct err *err) MUST_CHECK;
/* rm -rf, never following a symbolic link, never crossing into another file system; a PATH that is
 * not there is fine. */
int tree_remove(const char *path, struct err *err) MUST_CHECK;
/* The same of NAME in the directory DIR_FD: however the way to that is exchanged meanwhile. */
int tree_remove_at(int dir_fd, const char *name, struct err *err) MUST_CHECK;

/*
 * Opens the directory RELATIVE below ROOT_FD one component at a time, O_NOFOLLOW: a symbolic link
 * or ".." is an error. With MODE not 0, missing directories are made with it. "" is ROOT_FD itself
 * (duplicated).
 */
int dir_open_beneath(int root_fd, const char *relative, mode_t mode, int *ret_fd,
		     struct err *err) MUST_CHECK;

/* DIR "/" NAME, one slash between; an absolute NAME stands for itself. The caller frees. */
int path_join(const char *dir, const char *name, char **ret_path, struct err *err) MUST_CHECK;
/* NAME as seen from the directory of FILE (paths in manifests are relative to the file that names
 * them). The caller frees. */
int path_beside(const char *file, const char *name, char **ret_path, struct err *err) MUST_CHECK;
/* A relative path without empty, "." or ".." components, control characters or a leading slash. */
bool path_is_safe(const char *path);
const char *path_basename(const char *path);

#endif
