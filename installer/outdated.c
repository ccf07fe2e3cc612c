/* SPDX-License-Identifier: Apache-2.0 */
#include "outdated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "rpmtx.h"

#define QUICK_MS 60000
#define DELETED " (deleted)"
#define COMPARED 65536 /* bytes at a time */

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

/* -- a unit's processes and what they run -- */

/* proc(5): PERMISSIONS is the second word, PATH the sixth. What a process made for itself (shared memory,
 * code of a just-in-time compiler) lies elsewhere. */
static const char *code_path(const char *line)
{
	static const char *const places[] = { "/usr/", "/opt/", "/lib", "/bin/", "/sbin/" };
	const char *permissions = strchr(line, ' ');
	const char *path = strchr(line, '/');

	if (!permissions || strlen(permissions) < 5 || permissions[3] != 'x' || !path)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (str_starts(path, places[i]))
			return path;
	return NULL;
}

static bool same_content(int one, int two)
{
	char a[COMPARED], b[COMPARED];
	ssize_t n = 0;

	do {
		n = read(one, a, sizeof(a));
		if (n < 0 || read(two, b, sizeof(b)) != n || memcmp(a, b, (size_t)n) != 0)
			return false;
	} while (n > 0);
	return true;
}

/*
 * PATH ends with DELETED: whether the same bytes stand there again, as after a reinstallation. RANGE is the
 * mapping's address, by which the kernel still gives the old file (proc(5), map_files).
 */
static int was_renewed(const char *pid, const char *range, const char *path, bool *ret,
		       struct err *err)
{
	cleanup_free char *now = strndup(path, strlen(path) - strlen(DELETED));
	cleanup_free char *map = NULL;
	cleanup_close int one = -1;
	cleanup_close int two = -1;
	const char *end = strchr(range, '-') + 1;
	int r = now ? 0 : err_nomem(err);

	if (r == 0)
		r = str_printf(&map, err, "/proc/%s/map_files/%llx-%llx", pid,
			       strtoull(range, NULL, 16), strtoull(end, NULL, 16));
	if (r < 0)
		return r;
	one = open(map, O_RDONLY | O_CLOEXEC);
	two = open(now, O_RDONLY | O_CLOEXEC);
	*ret = one >= 0 && two >= 0 && same_content(one, two);
	return 0;
}

static int add_path(const char *pid, const char *line, const char *path, struct strv *paths,
		    struct err *err)
{
	bool same = false;
	int r = 0;

	if (strv_has(paths, path))
		return 0;
	if (str_ends(path, DELETED))
		r = was_renewed(pid, line, path, &same, err);
	return r < 0 || same ? r : strv_add(paths, path, err);
}

/* A process may end meanwhile: it runs nothing then. */
static int add_code(const char *pid, struct strv *paths, struct err *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *line = NULL;
	cleanup_fclose FILE *f = NULL;
	size_t size = 0;
	ssize_t n = 0;
	int r = str_printf(&name, err, "/proc/%s/maps", pid);

	if (r == 0)
		f = fopen(name, "re");
	while (r == 0 && f && (n = getline(&line, &size, f)) > 0) {
		const char *path = NULL;

		line[n - 1] = '\0';
		path = code_path(line);
		if (path)
			r = add_path(pid, line, path, paths, err);
	}
	return r;
}

/* cgroups(7): lines ID:CONTROLLERS:PATH; systemd's own hierarchy is "0::" or "name=systemd". */
static int is_in_group(const char *pid, const char *group, bool *ret, struct err *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *line = NULL;
	cleanup_fclose FILE *f = NULL;
	size_t size = 0, len = strlen(group);
	ssize_t n = 0;
	int r = str_printf(&name, err, "/proc/%s/cgroup", pid);

	*ret = false;
	if (r == 0)
		f = fopen(name, "re");
	while (r == 0 && f && !*ret && (n = getline(&line, &size, f)) > 0) {
		const char *path = strchr(line, ':');

		line[n - 1] = '\0';
		if (path && (str_starts(path, "::") || str_starts(path, ":name=systemd:"))) {
			path = strchr(path + 1, ':') + 1;
			*ret = !strncmp(path, group, len) && (!path[len] || path[len] == '/');
		}
	}
	return r;
}

static int add_group(const char *group, struct strv *paths, struct err *err)
{
	cleanup_closedir DIR *dir = opendir("/proc");
	struct dirent *entry = NULL;
	int r = 0;

	if (!dir)
		return err_errno(err, ERR_FAILED, errno, "cannot read '/proc'");
	while (r == 0 && (entry = readdir(dir))) {
		bool in = false;

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		r = is_in_group(entry->d_name, group, &in, err);
		if (r == 0 && in)
			r = add_code(entry->d_name, paths, err);
	}
	strv_sort(paths); /* not in the order of the directory */
	return r;
}

static int show(const char *unit, const char *property, char **ret, struct err *err)
{
	const char *const argv[] = { "systemctl", "show", "--value", property, "--", unit, NULL };
	const struct proc proc = { .argv = argv, .timeout_ms = QUICK_MS };
	int r = proc_check(&proc, ret, err);

	if (r == 0)
		(*ret)[strcspn(*ret, "\n")] = '\0';
	return r;
}

/* The files that UNIT's processes run, as the kernel names them. */
static int unit_code(const char *unit, bool main_only, struct strv *paths, struct err *err)
{
	cleanup_free char *value = NULL;
	int r = show(unit, main_only ? "--property=MainPID" : "--property=ControlGroup", &value,
		     err);

	if (r < 0 || !*value || !strcmp(value, "0"))
		return r;
	return main_only ? add_code(value, paths, err) : add_group(value, paths, err);
}

int outdated_unit(const char *unit, bool main_only, bool *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	int r = unit_code(unit, main_only, &paths, err);

	*ret = false;
	for (size_t i = 0; r == 0 && i < paths.count; i++)
		*ret |= str_ends(paths.items[i], DELETED);
	return r;
}

/* -- what the packages will replace -- */

static bool replaces(const struct strv *names, const char *name)
{
	return name && strv_has(names, name);
}

/* Whether one of the packages NAMES owns PATH now. */
static bool is_owned(rpmts ts, const struct strv *names, const char *path)
{
	CLEANUP(iterator_free)
	rpmdbMatchIterator it = rpmtsInitIterator(ts, RPMDBI_INSTFILENAMES, path, 0);
	Header h = NULL;
	bool owned = false;

	while (!owned && (h = rpmdbNextIterator(it)))
		owned = replaces(names, headerGetString(h, RPMTAG_NAME));
	return owned;
}

static int replaced_names(const struct plan *plan, struct strv *names, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->count; i++) {
		const struct plan_package *p = &plan->packages[i];
		char *name = NULL;

		if (!p->old) /* a reinstallation brings the same again */
			continue;
		r = plan_nevra_name(p->old, &name, err);
		if (r == 0)
			r = strv_take(names, name, err);
	}
	return r;
}

static int foresee_service(struct setup *setup, struct setup_service *service, rpmts ts,
			   const struct strv *names, bool apply, struct err *err)
{
	enum service_on_change what = service->service->restart.on_update;
	int r = 0;

	if (what == SERVICE_NONE)
		return 0;
	SERVICE_EACH(struct service_unit, unit, service->service->units)
	{
		CLEANUP(strv_release) struct strv paths = STRV_INIT;

		if (r < 0 || unit->start == SERVICE_START_NO)
			continue;
		r = unit_code(unit->name, what == SERVICE_RELOAD, &paths, err);
		for (size_t i = 0; r == 0 && i < paths.count; i++)
			if (is_owned(ts, names, paths.items[i])) {
				r = setup_want(setup, service, what, apply, err);
				break;
			}
	}
	return r;
}

static int foresee(struct setup *setup, const struct strv *names, bool apply, struct err *err)
{
	CLEANUP(ts_free) rpmts ts = rpmtsCreate();
	int r = 0;

	if (rpmtsSetRootDir(ts, setup->in->root))
		return err_set(err, ERR_HOST, "librpm does not take '%.200s' for a root",
			       setup->in->root);
	rpmtsSetVSFlags(ts, RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES);
	for (size_t i = 0; r == 0 && i < setup->count; i++)
		r = foresee_service(setup, &setup->services[i], ts, names, apply, err);
	return r;
}

int outdated_foresee(struct setup *setup, const struct plan *plan, bool apply, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	sigset_t signals;
	int r = replaced_names(plan, &names, err);

	if (r < 0 || !names.count || !install_is_live(setup->in))
		return r;
	r = rpmtx_configure(setup->in, err);
	if (r < 0)
		return r;
	rpmtx_hold_signals(&signals);
	r = foresee(setup, &names, apply, err);
	rpmtx_release_signals(&signals);
	return r;
}
