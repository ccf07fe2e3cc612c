/* SPDX-License-Identifier: Apache-2.0 */
#include "label.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cleanup.h"
#include "file.h"

#define LIBRARY "libselinux.so.1"
#define ATTRIBUTE "security.selinux"

/* selinux/label.h: its header is not needed to build. */
#define SELABEL_CTX_FILE 0
#define SELABEL_OPT_PATH 3

struct selinux_opt {
	int type;
	const char *value;
};

struct label {
	void *library;
	void *handle;
	int (*is_enabled)(void);
	void *(*begin)(unsigned int backend, const struct selinux_opt *options, unsigned int count);
	int (*lookup)(void *handle, char **context, const char *path, int mode);
	void (*close)(void *handle);
	void (*freecon)(char *context);
};

const char *label_contexts;

void label_free(struct label *label)
{
	if (!label)
		return;
	if (label->handle)
		label->close(label->handle);
	if (label->library)
		dlclose(label->library);
	free(label);
}

/* False when it is not here, or has not what we need. */
static bool load(struct label *l)
{
	l->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!l->library)
		return false;
	*(void **)&l->is_enabled = dlsym(l->library, "is_selinux_enabled");
	*(void **)&l->begin = dlsym(l->library, "selabel_open");
	*(void **)&l->lookup = dlsym(l->library, "selabel_lookup_raw");
	*(void **)&l->close = dlsym(l->library, "selabel_close");
	*(void **)&l->freecon = dlsym(l->library, "freecon");
	return l->is_enabled && l->begin && l->lookup && l->close && l->freecon;
}

int label_open(const struct install *in, struct label **ret, struct err *err)
{
	const struct selinux_opt options[] = { { SELABEL_OPT_PATH, label_contexts } };
	CLEANUP(label_freep) struct label *l = NULL;

	*ret = NULL;
	if (!label_contexts && !install_is_live(in))
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_nomem(err);
	if (!load(l) || (!label_contexts && l->is_enabled() != 1))
		return 0;
	l->handle = l->begin(SELABEL_CTX_FILE, options, label_contexts ? 1 : 0);
	if (!l->handle)
		return err_errno(err, ERR_HOST, errno,
				 "SELinux is on, and its file contexts cannot be read");
	*ret = steal_ptr(&l);
	return 0;
}

/* *RET stays NULL where the policy says nothing. */
static int context_of(const struct label *label, const char *path, mode_t mode, char **ret,
		      struct err *err)
{
	if (label->lookup(label->handle, ret, path, (int)mode) == 0)
		return 0;
	*ret = NULL;
	if (errno == ENOENT)
		return 0;
	return err_errno(err, ERR_FAILED, errno, "cannot find the SELinux context of '%.200s'",
			 path);
}

static int failed(const char *path, struct err *err)
{
	if (errno == EOPNOTSUPP)
		return 0;
	return err_errno(err, ERR_FAILED, errno, "cannot set the SELinux context of '%.200s'",
			 path);
}

int label_fd(const struct label *label, int fd, const char *path, struct err *err)
{
	char *context = NULL;
	struct stat st;
	int r = 0;

	if (!label)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot look at '%.200s'", path);
	r = context_of(label, path, st.st_mode, &context, err);
	if (r || !context)
		return r;
	if (fsetxattr(fd, ATTRIBUTE, context, strlen(context) + 1, 0) < 0)
		r = failed(path, err);
	label->freecon(context);
	return r;
}

/* AT is where PATH lies for us. */
static int label_one(const struct label *label, const char *at, const char *path, mode_t mode,
		     struct err *err)
{
	char *context = NULL;
	int r = context_of(label, path, mode, &context, err);

	if (r || !context)
		return r;
	if (lsetxattr(at, ATTRIBUTE, context, strlen(context) + 1, 0) < 0)
		r = failed(path, err);
	label->freecon(context);
	return r;
}

static int label_below(const struct label *label, const char *at, const char *path, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct stat st;
	int r = 0;

	if (lstat(at, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot look at '%.200s'", path);
	r = label_one(label, at, path, st.st_mode, err);
	if (r || !S_ISDIR(st.st_mode))
		return r;
	r = dir_list(at, &names, err);
	for (size_t i = 0; !r && i < names.count; i++) {
		cleanup_free char *inner_at = NULL;
		cleanup_free char *inner = NULL;

		r = path_join(at, names.items[i], &inner_at, err);
		if (!r)
			r = path_join(path, names.items[i], &inner, err);
		if (!r)
			r = label_below(label, inner_at, inner, err);
	}
	return r;
}

int label_tree(const struct label *label, const struct install *in, const char *path,
	       struct err *err)
{
	cleanup_free char *at = NULL;
	int r = label ? install_path(in, path, &at, err) : 0;

	return r || !label ? r : label_below(label, at, path, err);
}
