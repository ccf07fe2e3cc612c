/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

int fd_read_all(int fd, const char *name, size_t max_bytes, struct str *ret, struct err *err)
{
	char buf[16384];
	size_t total = 0;
	int r = 0;

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = err_errno(err, ERR_FAILED, errno, "cannot read '%s'", name);
			break;
		}
		if (n == 0) {
			str_add_len(ret, "", 0);
			r = str_check(ret, err);
			break;
		}
		total += (size_t)n;
		if (total > max_bytes) {
			r = err_set(err, ERR_FAILED, "'%s' is larger than %zu bytes", name,
				    max_bytes);
			break;
		}
		str_add_len(ret, buf, (size_t)n);
	}
	if (ret->secret)
		secret_cleanse(buf, sizeof(buf));
	return r;
}

int fd_write_all(int fd, const char *name, const void *data, size_t size_bytes, struct err *err)
{
	const char *p = data;

	while (size_bytes > 0) {
		ssize_t n = write(fd, p, size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot write '%s'", name);
		p += n;
		size_bytes -= (size_t)n;
	}
	return 0;
}

int file_read(const char *path, size_t max_bytes, enum err_code code, char **ret_data,
	      size_t *ret_size, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(str_release) struct str text = STR_INIT;
	struct stat st = { .st_mode = 0 };
	size_t size;
	int r;

	if (fd < 0)
		return err_errno(err, code, errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, code, errno, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, code, "'%s' is not a regular file", path);
	r = fd_read_all(fd, path, max_bytes ? max_bytes : FILE_SIZE_MAX, &text, err);
	if (r < 0)
		return r;
	size = text.len;
	r = str_done(&text, ret_data, err);
	if (r == 0 && ret_size)
		*ret_size = size;
	return r;
}

int file_temp_open(struct file_temp *t, const char *path, mode_t mode, struct err *err)
{
	int r = str_dup(&t->path, path, err);

	if (r < 0)
		return r;
	r = str_printf(&t->temp_path, err, "%s.tmp-XXXXXX", path);
	if (r < 0)
		return r;
	t->fd = mkostemp(t->temp_path, O_CLOEXEC);
	if (t->fd < 0) {
		r = err_errno(err, ERR_FAILED, errno, "cannot create a file beside '%s'", path);
		free(steal_ptr(&t->temp_path)); /* nothing to remove */
		return r;
	}
	if (fchmod(t->fd, mode) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot set the mode of '%s'", path);
	return 0;
}

static int fsync_parent(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	cleanup_close int fd = -1;

	if (!dir)
		return err_nomem(err);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot sync the directory of '%s'", path);
	return 0;
}

static int put_in_place(struct file_temp *t, struct err *err)
{
	if (rename(t->temp_path, t->path) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot put '%s' in place", t->path);
	free(steal_ptr(&t->temp_path));
	return 0;
}

int file_temp_commit(struct file_temp *t, struct err *err)
{
	if (fsync(t->fd) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot write '%s'", t->path);
	if (put_in_place(t, err) < 0)
		return -err->code;
	return fsync_parent(t->path, err);
}

int file_move(const char *from, const char *to, struct err *err)
{
	if (rename(from, to) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot put '%s' in place", to);
	return fsync_parent(to, err);
}

void file_temp_release(struct file_temp *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->temp_path)
		unlink(t->temp_path);
	free(t->temp_path);
	free(t->path);
	*t = (struct file_temp)FILE_TEMP_INIT;
}

static int write_whole(const char *path, mode_t mode, const void *data, size_t size_bytes,
		       int (*commit)(struct file_temp *t, struct err *err), struct err *err)
{
	CLEANUP(file_temp_release) struct file_temp t = FILE_TEMP_INIT;
	int r = file_temp_open(&t, path, mode, err);

	if (r == 0)
		r = fd_write_all(t.fd, path, data, size_bytes, err);
	return r == 0 ? commit(&t, err) : r;
}

int file_write_atomic(const char *path, mode_t mode, const void *data, size_t size_bytes,
		      struct err *err)
{
	return write_whole(path, mode, data, size_bytes, file_temp_commit, err);
}

int file_write_cached(const char *path, mode_t mode, const void *data, size_t size_bytes,
		      struct err *err)
{
	return write_whole(path, mode, data, size_bytes, put_in_place, err);
}

/* A link takes no name that is taken; the temporary one goes with the release. */
static int put_beside_none(struct file_temp *t, struct err *err)
{
	if (fsync(t->fd) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot write '%s'", t->path);
	if (link(t->temp_path, t->path) == 0)
		return fsync_parent(t->path, err);
	if (errno == EEXIST)
		return err_set(err, ERR_FAILED, "'%s' exists: nothing was touched", t->path);
	return err_errno(err, ERR_FAILED, errno, "cannot put '%s' in place", t->path);
}

int file_write_new(const char *path, mode_t mode, const void *data, size_t size_bytes,
		   struct err *err)
{
	return write_whole(path, mode, data, size_bytes, put_beside_none, err);
}

int dir_make(const char *path, mode_t mode, struct err *err)
{
	cleanup_free char *copy = strdup(path);
	struct stat st = { .st_mode = 0 };

	if (!copy)
		return err_nomem(err);
	for (char *p = copy + 1; *copy; p++) {
		bool end = *p == '\0';

		if (*p != '/' && !end)
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_errno(err, ERR_FAILED, errno, "cannot create directory '%s'",
					 copy);
		if (end)
			break;
		*p = '/';
	}
	if (stat(path, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot stat '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED, "'%s' is not a directory", path);
	return 0;
}

static int dirfd_list(int fd, const char *name, struct strv *ret_names, struct err *err)
{
	cleanup_closedir DIR *dir = NULL;
	cleanup_close int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct dirent *entry = NULL;
	int r;

	if (own >= 0)
		dir = fdopendir(own);
	if (!dir)
		return err_errno(err, ERR_FAILED, errno, "cannot list '%s'", name);
	(void)steal_fd(&own); /* dir's from here */
	rewinddir(dir);
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = strv_add(ret_names, entry->d_name, err);
		if (r < 0)
			return r;
	}
	if (errno)
		return err_errno(err, ERR_FAILED, errno, "cannot list '%s'", name);
	strv_sort(ret_names);
	return 0;
}

int dir_list(const char *path, struct strv *ret_names, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open directory '%s'", path);
	return dirfd_list(fd, path, ret_names, err);
}

#define TREE_DEPTH_MAX 64 /* deeper than anything that we create */

static int remove_beneath(int parent, const char *name, dev_t dev, unsigned int depth,
			  struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_close int fd = -1;
	struct stat st = { .st_mode = 0 };
	int r;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open directory '%s'", name);
	if (st.st_dev != dev)
		return err_set(err, ERR_FAILED,
			       "'%s' is on another file system and was not removed", name);
	if (depth > TREE_DEPTH_MAX)
		return err_set(err, ERR_FAILED, "'%s' is nested too deeply", name);
	r = dirfd_list(fd, name, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = remove_beneath(fd, names.items[i], dev, depth + 1, err);
	if (r < 0)
		return r;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", name);
	return 0;
}

int tree_remove_at(int dir_fd, const char *name, struct err *err)
{
	struct stat st = { .st_mode = 0 };
	int r;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_errno(err, ERR_FAILED, errno, "cannot stat '%s'", name);
	}
	r = remove_beneath(dir_fd, name, st.st_dev, 0, err);
	return r < 0 ? err_prefix(err, "'%s'", name) : 0;
}

int tree_remove(const char *path, struct err *err)
{
	return tree_remove_at(AT_FDCWD, path, err);
}

static int cannot_open(int fd, const char *part, const char *relative, struct err *err)
{
	const int why = errno;
	struct stat st;

	if ((why == ENOTDIR || why == ELOOP) && fstatat(fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode))
		return err_set(
			err, ERR_FAILED,
			"'%s' of '%s' is a symbolic link, and none is followed there: make it a "
			"directory (a bind mount, if it is to lie elsewhere)",
			part, relative);
	return err_errno(err, ERR_FAILED, why, "cannot open '%s' of '%s'", part, relative);
}

int dir_open_beneath(int root_fd, const char *relative, mode_t mode, int *ret_fd, struct err *err)
{
	cleanup_close int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	cleanup_free char *copy = strdup(relative);
	char *save = NULL;

	if (!copy)
		return err_nomem(err);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot use the root directory");
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int next;

		if (!strcmp(part, "..") || !strcmp(part, "."))
			return err_set(err, ERR_CONFIG, "'%s' may not contain '%s'", relative,
				       part);
		if (mode && mkdirat(fd, part, mode) < 0 && errno != EEXIST)
			return err_errno(err, ERR_FAILED, errno, "cannot create '%s' of '%s'", part,
					 relative);
		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return cannot_open(fd, part, relative, err);
		close(fd);
		fd = next;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int path_join(const char *dir, const char *name, char **ret_path, struct err *err)
{
	if (*name == '/' || !*dir)
		return str_dup(ret_path, name, err);
	return str_printf(ret_path, err, "%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}

int path_beside(const char *file, const char *name, char **ret_path, struct err *err)
{
	const char *slash = strrchr(file, '/');

	if (*name == '/' || !slash)
		return str_dup(ret_path, name, err);
	return str_printf(ret_path, err, "%.*s/%s", (int)(slash - file), file, name);
}

bool path_is_safe(const char *path)
{
	const char *part = path;

	if (!*path)
		return false;
	for (;;) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && *part == '.') || (len == 2 && !strncmp(part, "..", 2)))
			return false;
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f)
				return false;
		part += len;
		if (!*part)
			return true;
		part++;
	}
}

const char *path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
