/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: room for packages, virtual environments and data, added up by file system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "preflight_private.h"
#include "venv.h"

#define MIB (UINT64_C(1) << 20)
/* Wheels unpacked and compiled, by what they weigh packed. */
#define VENV_FACTOR 5
#define VENV_BYTES (16 * MIB)

void preflight_disks_release(struct preflight_run *run)
{
	for (size_t i = 0; i < run->disk_count; i++) {
		free(run->disks[i].path);
		str_release(&run->disks[i].data);
	}
	free(run->disks);
}

/* --- which file system ---------------------------------------------------------------------- */

/* In another root a symbolic link is no way: it may lead out of that root. */
static bool is_directory(const struct preflight_run *run, const char *path)
{
	const struct install *in = run->setup->in;
	struct err ignored = ERR_INIT;
	cleanup_close int fd = -1;
	struct stat st;

	if (install_is_live(in))
		return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	path += strlen(in->root);
	path += *path == '/';
	return dir_open_beneath(run->setup->root_fd, path, 0, &fd, &ignored) == 0;
}

/* Cuts the last part of PATH, as the installer sees it; false when it is the root already. */
static bool go_up(const struct install *in, char *path)
{
	size_t root_len = install_is_live(in) ? 1 : strlen(in->root);
	char *slash = strrchr(path, '/');

	if (strlen(path) <= root_len)
		return false;
	if (slash < path + root_len)
		path[root_len] = '\0';
	else
		*slash = '\0';
	return true;
}

/* A directory that is mounted over itself, read-only, is on the same device. */
static bool is_same(const struct preflight_space *a, const struct preflight_space *b)
{
	return a->device == b->device && a->read_only == b->read_only && a->no_exec == b->no_exec;
}

static struct preflight_disk *find(struct preflight_run *run, const struct preflight_space *space)
{
	for (size_t i = 0; i < run->disk_count; i++)
		if (is_same(&run->disks[i].space, space))
			return &run->disks[i];
	return NULL;
}

/* Named by the highest directory that is on it, which PATH is cut to. */
static int add_disk(struct preflight_run *run, const struct preflight_space *space, char *path,
		    struct preflight_disk **ret, struct err *err)
{
	const struct install *in = run->setup->in;
	struct preflight_disk *disks =
		reallocarray(run->disks, run->disk_count + 1, sizeof(*disks));
	cleanup_free char *above = strdup(path);
	const char *shown = NULL;
	int r = 0;

	if (!disks || !above) {
		run->disks = disks ? disks : run->disks;
		return err_nomem(err);
	}
	while (r == 0 && go_up(in, above)) {
		struct preflight_space other;

		r = run->from->space(above, &other, err);
		if (r == 0 && !is_same(&other, space))
			break;
		path[strlen(above)] = '\0';
	}
	shown = install_is_live(in) ? path : path + strlen(in->root);
	run->disks = disks;
	*ret = &disks[run->disk_count++];
	**ret = (struct preflight_disk){ .space = *space };
	return r < 0 ? r : str_dup(&(*ret)->path, *shown ? shown : "/", err);
}

int preflight_disk_of(struct preflight_run *run, const char *path, struct preflight_disk **ret,
		      struct err *err)
{
	cleanup_free char *seen = NULL;
	struct preflight_space space;
	int r = install_path(run->setup->in, path, &seen, err);

	if (r < 0)
		return r;
	while (!is_directory(run, seen) && go_up(run->setup->in, seen))
		;
	r = run->from->space(seen, &space, err);
	if (r < 0)
		return r;
	*ret = find(run, &space);
	return *ret ? 0 : add_disk(run, &space, seen, ret, err);
}

/* --- virtual environments ------------------------------------------------------------------- */

static int add_venvs(struct preflight_run *run, struct err *err)
{
	const struct index *index = &run->setup->in->index;
	uint64_t wheels = 0;
	int r = 0;

	for (size_t i = 0; i < index->member_count; i++)
		if (str_starts(index->members[i].path, "wheels/"))
			wheels += index->members[i].size_bytes;
	for (size_t i = 0; r == 0 && i < run->setup->count; i++) {
		const struct setup_service *s = &run->setup->services[i];
		struct preflight_disk *disk = NULL;
		bool built = false;

		if (!s->service->venv.path)
			continue;
		r = venv_is_built(run->setup, s, &built, err);
		if (r < 0 || built)
			continue;
		r = preflight_disk_of(run, s->service->venv.path, &disk, err);
		if (r < 0)
			continue;
		disk->venv_bytes += wheels * VENV_FACTOR + VENV_BYTES;
		disk->need_bytes += wheels * VENV_FACTOR + VENV_BYTES;
	}
	return r;
}

/* --- data ----------------------------------------------------------------------------------- */

/* Adds what stands below DIR_FD, which it takes over, on that file system; LIMIT is enough. */
static int add_used(int dir_fd, dev_t device, uint64_t limit, unsigned int depth, uint64_t *used,
		    struct err *err)
{
	cleanup_closedir DIR *dir = fdopendir(dir_fd);
	struct dirent *entry = NULL;
	int r = 0;

	if (!dir) {
		close(dir_fd);
		return 0;
	}
	while (r == 0 && *used < limit && (entry = readdir(dir))) {
		struct stat st;
		int fd = -1;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_dev != device)
			continue;
		*used += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || depth == 0)
			continue;
		r = interrupt_check(err);
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			r = add_used(fd, device, limit, depth - 1, used, err);
	}
	return r;
}

#define DEPTH_MAX 32

/* What the service has written there counts: a node that runs needs that much less. */
static int used_at(const struct preflight_run *run, const char *path, uint64_t limit, uint64_t *ret,
		   struct err *err)
{
	cleanup_free char *seen = NULL;
	struct stat st;
	int fd = -1;
	int r = install_path(run->setup->in, path, &seen, err);

	*ret = 0;
	if (r < 0)
		return r;
	fd = open(seen, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return 0;
	}
	return add_used(fd, st.st_dev, limit, DEPTH_MAX, ret, err);
}

static int add_data(struct preflight_run *run, const struct service *service,
		    const struct service_disk *wanted, struct err *err)
{
	struct preflight_disk *disk = NULL;
	uint64_t bytes = wanted->mib * MIB;
	uint64_t used = 0;
	int r = used_at(run, wanted->path, bytes, &used, err);

	if (r < 0 || used >= bytes)
		return r;
	r = preflight_disk_of(run, wanted->path, &disk, err);
	if (r < 0)
		return r;
	bytes -= used;
	disk->need_bytes += bytes;
	str_addf(&disk->data, ", %" PRIu64 " MiB for '%s' in '%s'", (bytes + MIB - 1) / MIB,
		 service->name, wanted->path);
	return str_check(&disk->data, err);
}

/* --- the checks ----------------------------------------------------------------------------- */

static int tell_disk(struct preflight_run *run, const struct preflight_disk *disk, struct err *err)
{
	CLEANUP(str_release) struct str why = STR_INIT;
	uint64_t have = disk->space.free_bytes;
	int r = 0;

	if (disk->space.counts_files && disk->space.free_files < disk->need_files)
		r = preflight_problem(run, err,
				      "the file system of '%s' can take %" PRIu64
				      " files more, the packages have %" PRIu64
				      ": remove what is not "
				      "needed there",
				      disk->path, disk->space.free_files, disk->need_files);
	if (r < 0 || have >= disk->need_bytes)
		return r;
	if (disk->package_bytes)
		str_addf(&why, ", %" PRIu64 " MiB for packages",
			 (disk->package_bytes + MIB - 1) / MIB);
	if (disk->venv_bytes)
		str_addf(&why, ", %" PRIu64 " MiB for virtual environments",
			 (disk->venv_bytes + MIB - 1) / MIB);
	str_add(&why, disk->data.buf ? disk->data.buf : "");
	r = str_check(&why, err);
	return r < 0 ? r
		     : preflight_problem(
			       run, err,
			       "%" PRIu64 " MiB are missing on the file system of '%s': %" PRIu64
			       " MiB are free, %" PRIu64
			       " MiB are needed (%s): make room or enlarge it",
			       (disk->need_bytes - have + MIB - 1) / MIB, disk->path, have / MIB,
			       (disk->need_bytes + MIB - 1) / MIB, why.buf ? why.buf + 2 : "");
}

int preflight_disk(struct preflight_run *run, struct err *err)
{
	int r = add_venvs(run, err);

	for (size_t i = 0; r == 0 && i < run->setup->count; i++) {
		const struct service *service = run->setup->services[i].service;

		SERVICE_EACH(struct service_disk, disk, service->preflight.disks)
		{
			if (r == 0)
				r = add_data(run, service, disk, err);
		}
	}
	for (size_t i = 0; r == 0 && i < run->disk_count; i++)
		r = tell_disk(run, &run->disks[i], err);
	return r;
}

static int note_path(struct preflight_run *run, const char *path, bool runs, struct err *err)
{
	struct preflight_disk *disk = NULL;
	int r = path ? preflight_disk_of(run, path, &disk, err) : 0;

	if (r < 0 || !disk)
		return r;
	if (!disk->written)
		disk->written = path;
	if (runs && !disk->run)
		disk->run = path;
	return 0;
}

static int note_service(struct preflight_run *run, const struct service *service, struct err *err)
{
	int r = note_path(run, service->venv.path, true, err);

	SERVICE_EACH(struct service_directory, d, service->directories)
	{
		if (r == 0)
			r = note_path(run, d->path, false, err);
	}
	SERVICE_EACH(struct service_certificate, c, service->certificates)
	{
		if (r == 0)
			r = note_path(run, c->key, false, err);
	}
	SERVICE_EACH(struct service_file, f, service->files)
	{
		if (r == 0)
			r = note_path(run, f->dest, f->mode & 0111, err);
	}
	return r;
}

int preflight_mounts(struct preflight_run *run, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->setup->count; i++)
		r = note_service(run, run->setup->services[i].service, err);
	for (size_t i = 0; r == 0 && i < run->disk_count; i++) {
		const struct preflight_disk *disk = &run->disks[i];
		const char *written = disk->written ? disk->written : disk->path;

		if (disk->space.read_only && (disk->written || disk->need_bytes))
			r = preflight_problem(
				run, err,
				"the file system of '%s' is mounted read-only: mount it "
				"read-write (mount -o remount,rw), and see why it was not",
				written);
		if (r == 0 && disk->run && disk->space.no_exec)
			r = preflight_problem(
				run, err,
				"the file system of '%s' is mounted noexec, and programs will "
				"run from there: take the option away in /etc/fstab and "
				"remount it",
				disk->run);
	}
	return r;
}
