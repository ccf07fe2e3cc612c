/* SPDX-License-Identifier: Apache-2.0 */
#include "bytecode.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rpm/header.h>
#include <rpm/rpmfiles.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "eachpkg.h"
#include "file.h"
#include "present.h"

#define SOURCE ".py"
#define COMPILED ".pyc"
#define CACHE "__pycache__"

static inline void files_free(rpmfiles *files)
{
	rpmfilesFree(*files);
}

static inline void close_dirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static bool is_owned(rpmfiles files, const char *dir, const char *name, struct err *err)
{
	cleanup_free char *path = NULL;

	return str_printf(&path, err, "%s/" CACHE "/%s", dir, name) < 0 ||
	       rpmfilesFindFN(files, path) >= 0;
}

/* STEM.*.pyc in the directory behind FD. */
static int empty_cache(rpmfiles files, const char *dir, const char *stem, int fd, struct err *err)
{
	CLEANUP(close_dirp) DIR *d = fdopendir(fd);
	size_t len = strlen(stem);

	if (!d) {
		close(fd);
		return err_errno(err, ERR_FAILED, errno, "cannot read '%s/" CACHE "'", dir);
	}
	for (struct dirent *e = NULL; (e = readdir(d));) {
		if (strncmp(e->d_name, stem, len) != 0 || e->d_name[len] != '.' ||
		    !str_ends(e->d_name, COMPILED) || is_owned(files, dir, e->d_name, err))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT && errno != EISDIR)
			return err_errno(err, ERR_FAILED, errno, "cannot remove '%s/" CACHE "/%s'",
					 dir, e->d_name);
	}
	return err->code ? -(int)err->code : 0;
}

static int forget_source(rpmfiles files, int root_fd, const char *path, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *stem = NULL;
	cleanup_close int parent = -1;
	int fd = -1;
	int r = str_dup(&dir, path, err);

	if (r == 0) {
		*strrchr(dir, '/') = '\0';
		r = str_dup(&stem, path_basename(path), err);
	}
	if (r == 0) {
		stem[strlen(stem) - strlen(SOURCE)] = '\0';
		r = present_open_parent(root_fd, path, &parent, err);
	}
	if (r < 0 || parent < 0)
		return r;
	fd = openat(parent, CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	r = empty_cache(files, dir, stem, fd, err);
	/* With others' in it it stays. */
	if (r == 0 && unlinkat(parent, CACHE, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY &&
	    errno != EEXIST)
		r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s/" CACHE "'", dir);
	return r;
}

static int forget_package(Header h, const char *nevra, void *context, struct err *err)
{
	CLEANUP(files_free) rpmfiles files = NULL;
	cleanup_free char *is = headerGetAsString(h, RPMTAG_NEVRA);
	const int *root_fd = context;
	int r = 0;

	if (!is || strcmp(is, nevra) != 0)
		return 0; /* another version of it */
	files = rpmfilesNew(NULL, h, 0, RPMFI_KEEPHEADER);
	for (int i = 0; r == 0 && i < (int)rpmfilesFC(files); i++) {
		char *path = rpmfilesFN(files, i);

		if (path && *path == '/' && str_ends(path, SOURCE))
			r = forget_source(files, *root_fd, path, err);
		free(path);
	}
	return r;
}

int bytecode_remove(const struct install *in, int root_fd, const struct strv *nevras,
		    struct err *err)
{
	return eachpkg_installed(in, nevras, forget_package, &root_fd, err);
}
