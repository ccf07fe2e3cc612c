/* SPDX-License-Identifier: Apache-2.0 */
#include "rootdev.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "progress.h"

static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };

static bool has_nodes(int dev)
{
	struct stat st;

	return fstatat(dev, "null", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode);
}

/* The root's own /dev, through no link. */
static int open_dev(const struct install *in, int *ret_fd, struct err *err)
{
	cleanup_close int root = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the root '%s'", in->root);
	if (mkdirat(root, "dev", 0755) < 0 && errno != EEXIST)
		return err_errno(err, ERR_FAILED, errno, "cannot make '%s/dev'", in->root);
	*ret_fd = openat(root, "dev", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s/dev'", in->root);
	return 0;
}

/* AT is how the kernel names the open directory: no path on the way can be exchanged. */
static int mount_nodes(const char *at, const char *path, struct err *err)
{
	if (mount("pgha", at, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k") < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot mount '%s'", path);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		cleanup_free char *here = NULL;
		cleanup_free char *there = NULL;
		cleanup_close int fd = -1;
		int r = path_join("/dev", nodes[i], &here, err);

		if (r == 0)
			r = path_join(path, nodes[i], &there, err);
		if (r < 0)
			return r;
		if (access(here, F_OK) < 0)
			continue;
		fd = open(there, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0 || mount(here, there, NULL, MS_BIND, NULL) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot provide '%s'", there);
	}
	return 0;
}

/* In the new namespace: a directory that was opened in the former one is no place to mount on. */
static int provide(const struct install *in, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *at = NULL;
	cleanup_close int dev = -1;
	int r = 0;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot make mounts private");
	r = open_dev(in, &dev, err);
	if (r == 0)
		r = path_join(in->root, "dev", &path, err);
	if (r == 0)
		r = str_printf(&at, err, "/proc/self/fd/%d", dev);
	return r < 0 ? r : mount_nodes(at, path, err);
}

int rootdev_provide(const struct install *in, struct err *err)
{
	cleanup_close int dev = -1;
	int r = 0;

	if (install_is_live(in))
		return 0;
	r = open_dev(in, &dev, err);
	if (r < 0 || has_nodes(dev))
		return r;
	if (unshare(CLONE_NEWNS) < 0) {
		warning("scriptlets in '%s' have no device nodes: %s", in->root, strerror(errno));
		return 0;
	}
	return provide(in, err);
}
