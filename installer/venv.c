/* SPDX-License-Identifier: Apache-2.0 */
#include "venv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "file.h"
#include "label.h"
#include "place_file.h"
#include "proc.h"
#include "record.h"

#define DIGEST_CHARS 16
#define COMPLETE ".pgha-complete" /* in a version that was built to its end */
#define VENV_TIMEOUT_MS 300000
#define PIP_TIMEOUT_MS 1200000

/* Where things are. Paths of the node; SEEN is VERSION as the installer sees it. */
struct places {
	char *python;       /* the interpreter */
	char *requirements; /* requirements.lock */
	char *wheels;
	char *version; /* PATH-DIGEST */
	char *seen;
};

static void places_release(struct places *p)
{
	free(p->python);
	free(p->requirements);
	free(p->wheels);
	free(p->version);
	free(p->seen);
}

/* A path below the installer's view of the root, as the node sees it. A dry run's staging is
 * elsewhere, and nothing is built from it. */
static const char *as_node_sees(const struct install *in, const char *path)
{
	return install_is_live(in) || !str_starts(path, in->root) ? path : path + strlen(in->root);
}

/* The interpreter counts by its path: the packages' own updates keep a minor version. */
static int version_digest(const struct setup *setup, const char *python,
			  char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(str_release) struct str all = STR_INIT;
	cleanup_free char *lock = NULL;
	cleanup_free char *text = NULL;
	int r = path_join(setup->in->staging, "wheels/requirements.lock", &lock, err);

	if (r == 0)
		r = file_read(lock, 0, ERR_CONFIG, &text, NULL, err);
	if (r < 0)
		return r;
	str_addf(&all, "%s\n%s", python, text);
	r = str_check(&all, err);
	return r < 0 ? r : sha256_hex(all.buf, all.len, ret_hex, err);
}

static int find_places(const struct setup *setup, const struct setup_service *service,
		       struct places *p, struct err *err)
{
	const char *staging = as_node_sees(setup->in, setup->in->staging);
	char hex[SHA256_HEX_SIZE];
	int r = context_text(service->context, "venv", "{{{venv.python}}}", false, &p->python, err);

	if (r == 0)
		r = version_digest(setup, p->python, hex, err);
	if (r == 0)
		r = str_printf(&p->version, err, "%s-%.*s", service->service->venv.path,
			       DIGEST_CHARS, hex);
	if (r == 0)
		r = install_path(setup->in, p->version, &p->seen, err);
	if (r == 0)
		r = path_join(staging, "wheels", &p->wheels, err);
	return r < 0 ? r : path_join(staging, "wheels/requirements.lock", &p->requirements, err);
}

/* --- the link ------------------------------------------------------------------------------- */

/* What PATH points to: RET is "" when there is nothing. */
static int read_link(struct setup *setup, const char *path, char *ret, size_t size, struct err *err)
{
	cleanup_close int parent = -1;
	const char *name = NULL;
	ssize_t n = 0;
	int r = place_open_parent(setup, path, false, &parent, &name, err);

	*ret = '\0';
	if (r < 0 || parent < 0)
		return r;
	n = readlinkat(parent, name, ret, size - 1);
	if (n < 0 && errno == EINVAL)
		return err_set(err, ERR_FAILED, "'%s' is there and is no symbolic link", path);
	if (n < 0 && errno != ENOENT)
		return err_errno(err, ERR_FAILED, errno, "cannot read the link '%s'", path);
	ret[n < 0 ? 0 : n] = '\0';
	return 0;
}

static int switch_link(struct setup *setup, const char *path, const char *target, struct err *err)
{
	cleanup_close int parent = -1;
	cleanup_free char *temp = NULL;
	cleanup_free char *was = NULL;
	cleanup_free char *now = NULL;
	const char *name = NULL;
	int r = place_open_parent(setup, path, true, &parent, &name, err);

	if (r == 0)
		r = str_printf(&temp, err, INSTALL_TEMP_FORMAT, name);
	if (r == 0)
		r = place_link_was(parent, name, &was, err);
	if (r == 0)
		r = str_printf(&now, err, ">%s", target);
	if (r == 0)
		r = record_add(setup->in->record, RECORD_LINK, path, was, now, err);
	if (r < 0)
		return r;
	if ((unlinkat(parent, temp, 0) < 0 && errno != ENOENT) ||
	    symlinkat(target, parent, temp) < 0 || renameat(parent, temp, parent, name) < 0 ||
	    fsync(parent) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot switch the link '%s'", path);
	return 0;
}

/* --- building ------------------------------------------------------------------------------- */

static int is_complete(const struct places *p, bool *ret, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = path_join(p->seen, COMPLETE, &path, err);

	*ret = r == 0 && access(path, F_OK) == 0;
	return r;
}

static int run(const struct setup *setup, const char *const *argv, unsigned int timeout_ms,
	       struct err *err)
{
	/* Nothing of the administrator's pip settings: what is installed is in the bundle. */
	static const char *const env[] = { "PIP_CONFIG_FILE=/dev/null",
					   "PYTHONDONTWRITEBYTECODE=", "HOME=/nonexistent", NULL };
	const struct proc proc = { .argv = argv,
				   .env = env,
				   .root = install_is_live(setup->in) ? NULL : setup->in->root,
				   .dir = "/",
				   .timeout_ms = timeout_ms };

	return proc_check(&proc, NULL, err);
}

/*
 * pip itself is not installed: it runs from the wheel that the interpreter's ensurepip would install
 * (PEP 453; distributions keep it in WHEEL_PKG_DIR), which takes a tenth of the time.
 */
static const char pip[] =
	"import ensurepip, glob, os, runpy, sys, sysconfig\n"
	"bundled = os.path.join(os.path.dirname(ensurepip.__file__), '_bundled')\n"
	"where = sysconfig.get_config_var('WHEEL_PKG_DIR') or bundled\n"
	"found = sorted(glob.glob(os.path.join(where, 'pip-*.whl')))\n"
	"if not found:\n"
	"    sys.exit('no pip wheel in ' + where + ': install the package of Python that has it')\n"
	"sys.path.insert(0, found[-1])\n"
	"runpy.run_module('pip', run_name='__main__', alter_sys=True)\n";

static int fill(const struct setup *setup, const struct places *p, struct err *err)
{
	cleanup_free char *python = NULL;
	const char *const create[] = { p->python,       "-I",       "-m", "venv",
				       "--without-pip", p->version, NULL };
	int r = run(setup, create, VENV_TIMEOUT_MS, err);

	if (r == 0)
		r = path_join(p->version, "bin/python", &python, err);
	if (r == 0) {
		const char *const install[] = { python,
						"-I",
						"-c",
						pip,
						"install",
						"--quiet",
						"--disable-pip-version-check",
						"--no-cache-dir",
						"--no-input",
						"--no-index",
						"--only-binary=:all:",
						"--require-hashes",
						"--find-links",
						p->wheels,
						"--requirement",
						p->requirements,
						NULL };

		r = run(setup, install, PIP_TIMEOUT_MS, err);
	}
	return r;
}

/* At its final path, because its scripts carry that; complete when the mark says so. */
static int build(struct setup *setup, const struct places *p, struct err *err)
{
	cleanup_close int parent = -1;
	cleanup_free char *mark = NULL;
	const char *name = NULL;
	mode_t old_umask = 0;
	int r = place_open_parent(setup, p->version, true, &parent, &name, err);

	if (r == 0)
		r = record_add(setup->in->record, RECORD_TREE, p->version, RECORD_ABSENT, "there",
			       err);
	if (r == 0)
		r = tree_remove(p->seen, err);
	if (r < 0)
		return r;
	old_umask = umask(022);
	r = fill(setup, p, err);
	umask(old_umask);
	if (r < 0)
		return r;
	if (syncfs(parent) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot write '%s'", p->version);
	r = path_join(p->seen, COMPLETE, &mark, err);
	return r < 0 ? r : file_write_atomic(mark, 0644, "", 0, err);
}

int venv_is_built(const struct setup *setup, const struct setup_service *service, bool *ret,
		  struct err *err)
{
	CLEANUP(places_release) struct places p = { .python = NULL };
	int r = find_places(setup, service, &p, err);

	return r < 0 ? r : is_complete(&p, ret, err);
}

static int service_venv(struct setup *setup, struct setup_service *service, bool apply,
			struct strv *changes, struct err *err)
{
	CLEANUP(places_release) struct places p = { .python = NULL };
	const char *path = service->service->venv.path;
	char target[512] = "";
	bool complete = false;
	int r = find_places(setup, service, &p, err);

	if (r == 0)
		r = read_link(setup, path, target, sizeof(target), err);
	if (r == 0)
		r = is_complete(&p, &complete, err);
	if (r < 0 || (complete && !strcmp(target, path_basename(p.version))))
		return r;
	if (!complete)
		r = strv_addf(changes, err, "build virtual environment %s", p.version);
	if (r == 0)
		r = strv_addf(changes, err, "point %s to %s", path, path_basename(p.version));
	if (r == 0)
		r = setup_want(setup, service, SERVICE_RESTART, apply, err);
	if (r < 0 || !apply)
		return r;
	if (!complete)
		r = build(setup, &p, err);
	if (r == 0 && !complete)
		r = label_tree(setup->label, setup->in, p.version, err);
	return r < 0 ? r : switch_link(setup, path, path_basename(p.version), err);
}

int venv_build(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	for (size_t i = 0; i < setup->count; i++) {
		struct setup_service *service = &setup->services[i];
		int r = 0;

		if (!service->service->venv.path)
			continue;
		r = service_venv(setup, service, apply, changes, err);
		if (r < 0)
			return err_prefix(err, "service '%s': virtual environment",
					  service->service->name);
	}
	return 0;
}

/* --- old versions --------------------------------------------------------------------------- */

/* Is NAME "BASE-" and DIGEST_CHARS hexadecimal digits? */
static bool is_version(const char *name, const char *base)
{
	size_t len = strlen(base);

	return !strncmp(name, base, len) && name[len] == '-' &&
	       strlen(name + len + 1) == DIGEST_CHARS &&
	       strspn(name + len + 1, "0123456789abcdef") == DIGEST_CHARS;
}

static int service_prune(struct setup *setup, const char *path, bool apply, struct strv *changes,
			 struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	cleanup_free char *seen = NULL;
	const char *was = record_was(setup->in->record, RECORD_LINK, path);
	char target[512] = "";
	struct stat st;
	int r = path_beside(path, ".", &dir, err);

	if (r == 0)
		r = install_path(setup->in, dir, &seen, err);
	if (r == 0)
		r = read_link(setup, path, target, sizeof(target), err);
	/* Without a link nothing says which one is in use. */
	if (r < 0 || !*target || stat(seen, &st) < 0)
		return r;
	r = dir_list(seen, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *old = NULL;

		if (!is_version(names.items[i], path_basename(path)) ||
		    !strcmp(names.items[i], target) ||
		    (was && *was == '>' && !strcmp(names.items[i], was + 1)))
			continue;
		r = strv_addf(changes, err, "remove virtual environment %.*s/%s",
			      (int)(strlen(path) - strlen(path_basename(path)) - 1), path,
			      names.items[i]);
		if (r == 0 && apply) {
			r = path_join(seen, names.items[i], &old, err);
			if (r == 0)
				r = tree_remove(old, err);
		}
	}
	return r;
}

int venv_prune(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++)
		if (setup->services[i].service->venv.path)
			r = service_prune(setup, setup->services[i].service->venv.path, apply,
					  changes, err);
	return r;
}
