/* SPDX-License-Identifier: Apache-2.0 */
#include "rootdev.h"

#include <errno.h>
#include <fcntl.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmts.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "progress.h"
#include "rpmtx.h"

static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };

static bool has_nodes(int dev)
{
	struct stat st;

	return fstatat(dev, "null", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode);
}

/* The root's own /dev, through no link. */
static int open_dev(const struct install *in, int *ret_fd, bool *ret_made, struct err *err)
{
	cleanup_close int root = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the root '%s'", in->root);
	*ret_made = mkdirat(root, "dev", 0755) == 0;
	if (!*ret_made && errno != EEXIST)
		return err_errno(err, ERR_FAILED, errno, "cannot make '%s/dev'", in->root);
	*ret_fd = openat(root, "dev", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s/dev'", in->root);
	return 0;
}

/* AT is how the kernel names the open directory: no path on the way can be exchanged. */
static int mount_nodes(const char *at, const char *path, bool *ret_mounted, struct err *err)
{
	if (mount("pgha", at, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k") < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot mount '%s'", path);
	*ret_mounted = true;
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
static int provide(const struct install *in, struct rootdev *ret, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *at = NULL;
	cleanup_close int dev = -1;
	bool made = false;
	int r = 0;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot make mounts private");
	r = open_dev(in, &dev, &made, err);
	if (r == 0)
		r = path_join(in->root, "dev", &path, err);
	if (r == 0)
		r = str_printf(&at, err, "/proc/self/fd/%d", dev);
	if (r == 0)
		r = mount_nodes(at, path, &ret->mounted, err);
	return r;
}

int rootdev_provide(const struct install *in, struct rootdev *ret, struct err *err)
{
	cleanup_close int dev = -1;
	int r = 0;

	if (install_is_live(in) || ret->in)
		return 0;
	r = open_dev(in, &dev, &ret->made, err);
	if (r < 0)
		return r;
	ret->in = in;
	if (has_nodes(dev))
		return 0;
	if (unshare(CLONE_NEWNS) < 0) {
		warning("scriptlets in '%s' have no device nodes: %s", in->root, strerror(errno));
		return 0;
	}
	return provide(in, ret, err);
}

static bool is_packaged(const struct install *in)
{
	struct err ignored = ERR_INIT;
	rpmdbMatchIterator it = NULL;
	bool found = true; /* in doubt it stays */
	sigset_t signals;
	rpmts ts = NULL;

	if (rpmtx_configure(in, &ignored) < 0)
		return true;
	if (!rpmtx_has_database(in))
		return false;
	rpmtx_hold_signals(&signals);
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root) == 0) {
		it = rpmtsInitIterator(ts, RPMDBI_INSTFILENAMES, "/dev", 0);
		found = rpmdbNextIterator(it) != NULL;
	}
	rpmdbFreeIterator(it);
	rpmtsFree(ts);
	rpmtx_release_signals(&signals);
	return found;
}

void rootdev_withdraw(struct rootdev *dev)
{
	struct err ignored = ERR_INIT; /* what stays is an empty directory */
	cleanup_free char *path = NULL;

	if (!dev->in || path_join(dev->in->root, "dev", &path, &ignored) < 0)
		return;
	if (dev->mounted)
		umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (dev->made && !is_packaged(dev->in))
		rmdir(path);
	*dev = (struct rootdev)ROOTDEV_INIT;
}
