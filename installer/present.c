/* SPDX-License-Identifier: Apache-2.0 */
#include "present.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "record.h"

int present_obstacle(int root_fd, const char *path, char **ret, struct err *err)
{
	cleanup_free char *way = strdup(path);
	struct stat st;

	*ret = NULL;
	if (!way)
		return err_nomem(err);
	for (char *slash = strchr(way + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (fstatat(root_fd, way + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return 0;
		if (!S_ISDIR(st.st_mode))
			return str_dup(ret, way, err);
		*slash = '/';
	}
	return 0;
}

int present_open_parent(int root_fd, const char *path, int *ret_fd, struct err *err)
{
	const char *name = path_basename(path);
	cleanup_free char *parent = strndup(path + 1, (size_t)(name - path) - 1);
	cleanup_free char *obstacle = NULL;
	struct err ignored = ERR_INIT;
	struct stat st;
	int r = 0;

	*ret_fd = -1;
	if (!parent)
		return err_nomem(err);
	if (*parent && fstatat(root_fd, parent, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    (errno == ENOENT || errno == ENOTDIR))
		return 0;
	r = dir_open_beneath(root_fd, parent, 0, ret_fd, err);
	if (r < 0 && present_obstacle(root_fd, path, &obstacle, &ignored) == 0 && obstacle) {
		*err = ignored;
		return 0;
	}
	return r;
}

int present_look(int parent, const char *name, char **ret, struct err *err)
{
	char text[RECORD_ATTRIBUTES_SIZE];
	char target[PATH_MAX] = "";
	char sha256[SHA256_HEX_SIZE];
	cleanup_close int fd = -1;
	uint64_t size = 0;
	struct stat st;
	int r = 0;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? str_dup(ret, RECORD_ABSENT, err)
				       : err_errno(err, ERR_FAILED, errno, "cannot look at it");
	if (S_ISLNK(st.st_mode))
		return readlinkat(parent, name, target, sizeof(target) - 1) < 0
			       ? err_errno(err, ERR_FAILED, errno, "cannot read it")
			       : str_printf(ret, err, ">%s", target);
	record_attributes(text, st.st_mode, st.st_uid, st.st_gid, NULL);
	if (S_ISDIR(st.st_mode))
		return str_dup(ret, text, err);
	if (!S_ISREG(st.st_mode))
		return str_dup(ret, "no plain file", err);
	/* Whoever owns the directory may have put a pipe there meanwhile. */
	fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open it");
	if (!S_ISREG(st.st_mode))
		return str_dup(ret, "no plain file", err);
	record_attributes(text, st.st_mode, st.st_uid, st.st_gid, NULL);
	r = sha256_fd(fd, name, sha256, &size, err);
	record_attributes(text, st.st_mode, st.st_uid, st.st_gid, sha256);
	return r < 0 ? r : str_dup(ret, text, err);
}

bool present_same_content(const char *a, const char *b)
{
	char sha_a[SHA256_HEX_SIZE], sha_b[SHA256_HEX_SIZE];
	mode_t mode;
	uid_t uid;
	gid_t gid;

	if (record_parse(a, &mode, &uid, &gid, sha_a) && record_parse(b, &mode, &uid, &gid, sha_b))
		return !strcmp(sha_a, sha_b);
	return !strcmp(a, b);
}
