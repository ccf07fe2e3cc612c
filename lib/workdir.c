/* SPDX-License-Identifier: Apache-2.0 */
#include "workdir.h"

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

#define SUFFIX_LEN 7 /* "-XXXXXX" of mkdtemp(3) */
#define TRIES_MAX 10

/* -1 unless PATH is a directory of ours that nobody has locked. */
static int lock_dir(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
	    flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	return steal_fd(&fd);
}

/* What cannot be looked at or removed is another's business. */
int workdir_sweep(const char *parent, const char *prefix, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	size_t len = strlen(prefix);
	int r = dir_list(parent, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		const char *name = names.items[i];
		cleanup_free char *path = NULL;
		cleanup_close int fd = -1;
		struct err ignored = ERR_INIT;

		if (!str_starts(name, prefix) || strlen(name) != len + SUFFIX_LEN ||
		    name[len] != '-')
			continue;
		r = path_join(parent, name, &path, err);
		if (r == 0)
			fd = lock_dir(path);
		if (fd >= 0 && tree_remove(path, &ignored) < 0)
			continue;
	}
	return r;
}

/* Another process may take a directory for abandoned before it is locked: then it is gone. */
static int make_locked(struct workdir *dir, const char *parent, const char *prefix, bool *ret_made,
		       struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	struct stat st;
	int r = str_printf(&path, err, "%s/%s-XXXXXX", parent, prefix);

	*ret_made = false;
	if (r < 0)
		return r;
	if (!mkdtemp(path))
		return err_errno(err, ERR_FAILED, errno, "cannot create a directory in '%s'",
				 parent);
	fd = lock_dir(path);
	if (fd < 0 || fstat(fd, &st) < 0 || !st.st_nlink)
		return 0;
	dir->path = steal_ptr(&path);
	dir->lock_fd = steal_fd(&fd);
	*ret_made = true;
	return 0;
}

int workdir_make(struct workdir *dir, const char *parent, const char *prefix, struct err *err)
{
	bool made = false;
	int r = workdir_sweep(parent, prefix, err);

	for (int i = 0; r == 0 && !made && i < TRIES_MAX; i++)
		r = make_locked(dir, parent, prefix, &made, err);
	if (r == 0 && !made)
		r = err_set(err, ERR_FAILED, "cannot lock a directory in '%s'", parent);
	return r;
}

int workdir_remove(struct workdir *dir, struct err *err)
{
	int r = dir->path ? tree_remove(dir->path, err) : 0;

	free(dir->path);
	cleanup_closep(&dir->lock_fd);
	*dir = (struct workdir)WORKDIR_INIT;
	return r;
}
