/* SPDX-License-Identifier: Apache-2.0 */
#include "preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "preflight_private.h"

#define READ_MAX (16U << 20) /* /proc/net/tcp with every connection there can be */

static const struct preflight_check checks[] = {
	{ "os", preflight_os, false },
	{ "arch", preflight_arch, false },
	{ "glibc", preflight_glibc, false },
	{ "python", preflight_python, false },
	{ "packages", preflight_packages, false },
	{ "memory", preflight_memory, true },
	{ "disk", preflight_disk, false },
	{ "mounts", preflight_mounts, false },
	{ "systemd", preflight_systemd, true },
	{ "units", preflight_units, false },
	{ "ports", preflight_ports, true },
	{ "time", preflight_time, false },
	{ "certificates", preflight_certificates, false },
	{ "address", preflight_address, true },
	{ "hostname", preflight_hostname, true },
	{ "hosts", preflight_hosts, false },
	{ "selinux", preflight_selinux, true },
	{ "fips", preflight_fips, true },
	{ "fapolicyd", preflight_fapolicyd, true },
};

static int ask_space(const char *path, struct preflight_space *ret, struct err *err)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
		return err_errno(err, ERR_HOST, errno, "cannot look at the file system of '%.200s'",
				 path);
	*ret = (struct preflight_space){
		.device = st.st_dev,
		.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
		.free_files = fs.f_favail,
		.block_bytes = fs.f_frsize,
		.counts_files = fs.f_files != 0,
		.read_only = fs.f_flag & ST_RDONLY,
		.no_exec = fs.f_flag & ST_NOEXEC,
	};
	return 0;
}

const struct preflight_source preflight_machine = {
	.proc = "/proc", .sys = "/sys", .run = "/run", .space = ask_space
};

void preflight_release(struct preflight *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].text);
	free(p->items);
	*p = (struct preflight)PREFLIGHT_INIT;
}

/* --- findings ------------------------------------------------------------------------------- */

static bool is_listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

/* Owns TEXT. */
static int add(struct preflight_run *run, enum preflight_kind kind, char *text, struct err *err)
{
	struct preflight *p = run->result;
	struct preflight_finding *items = NULL;

	items = text ? reallocarray(p->items, p->count + 1, sizeof(*items)) : NULL;
	if (!items) {
		free(text);
		return err_nomem(err);
	}
	p->items = items;
	p->items[p->count++] =
		(struct preflight_finding){ .kind = kind, .name = run->check->name, .text = text };
	return 0;
}

int preflight_problem(struct preflight_run *run, struct err *err, const char *fmt, ...)
{
	bool ignored = is_listed(run->ignore, run->check->name);
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return add(run, ignored ? PREFLIGHT_IGNORED : PREFLIGHT_PROBLEM, text, err);
}

int preflight_note(struct preflight_run *run, struct err *err, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return add(run, PREFLIGHT_NOTE, text, err);
}

/* --- facts ---------------------------------------------------------------------------------- */

int preflight_read(const char *dir, const char *name, char **ret, struct err *err)
{
	cleanup_free char *path = NULL;
	struct err ignored = ERR_INIT;
	int r = str_printf(&path, err, "%s/%s", dir, name);

	if (r < 0)
		return r;
	/* A process that has ended meanwhile, a kernel without it: there is nothing to read. */
	if (file_read(path, READ_MAX, ERR_HOST, ret, NULL, &ignored) < 0)
		*ret = NULL;
	return 0;
}

/* RET_FD is -1 when there is nothing, or a symbolic link on the way. */
static int open_node(const struct preflight_run *run, const char *path, int *ret_fd,
		     struct err *err)
{
	cleanup_close int parent = -1;
	cleanup_free char *dir = NULL;
	struct err ignored = ERR_INIT;
	const char *name = path_basename(path);
	int r = 0;

	*ret_fd = -1;
	r = str_printf(&dir, err, "%.*s", (int)(name - path) - 1, path);
	if (r < 0)
		return r;
	if (dir_open_beneath(run->setup->root_fd, *dir ? dir + 1 : "", 0, &parent, &ignored) == 0)
		*ret_fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	return 0;
}

int preflight_read_node(const struct preflight_run *run, const char *path, char **ret,
			struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = -1;
	struct err ignored = ERR_INIT;
	struct stat st;
	int r = 0;

	*ret = NULL;
	if (install_is_live(run->setup->in))
		return preflight_read("", path + 1, ret, err);
	r = open_node(run, path, &fd, err);
	if (r < 0 || fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    fd_read_all(fd, path, READ_MAX, &text, &ignored) < 0)
		return r;
	return str_done(&text, ret, err);
}

bool preflight_node_has(const struct preflight_run *run, const char *path)
{
	cleanup_free char *whole = NULL;
	struct err ignored = ERR_INIT;
	struct stat st;

	if (install_path(run->setup->in, path, &whole, &ignored) < 0)
		return false;
	/* A link of another root may lead out of it, and it is there all the same. */
	return install_is_live(run->setup->in) ? stat(whole, &st) == 0 : lstat(whole, &st) == 0;
}

/* --- all together --------------------------------------------------------------------------- */

int preflight_check_names(const char *const *names, struct err *err)
{
	const char *known[ARRAY_SIZE(checks) + 1] = { NULL };
	const char *near = NULL;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		known[i] = checks[i].name;
	for (; *names && r == 0; names++) {
		CLEANUP(str_release) struct str all = STR_INIT;

		if (is_listed(known, *names))
			continue;
		near = str_nearest(*names, known);
		r = err_set(err, ERR_USAGE, "--ignore-preflight: there is no check '%.40s'%s%s%s",
			    *names, near ? " (did you mean '" : "", near ? near : "",
			    near ? "'?)" : "");
		for (size_t i = 0; known[i]; i++)
			str_addf(&all, "%s%s", i ? ", " : "", known[i]);
		err_detail(err, "the checks are %s", all.buf ? all.buf : "");
	}
	return r;
}

static int run_checks(struct preflight_run *run, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++) {
		run->check = &checks[i];
		if (checks[i].live && !run->live) {
			char *text = strdup("says nothing about another root");

			r = add(run, PREFLIGHT_SKIPPED, text, err);
			continue;
		}
		run->result->checks++;
		r = interrupt_check(err);
		if (r == 0)
			r = checks[i].run(run, err);
	}
	return r;
}

int preflight_run(const struct preflight_source *from, const struct setup *setup,
		  const struct plan *plan, const char *const *ignore, struct preflight *ret,
		  struct err *err)
{
	struct preflight_run run = { .from = from,
				     .setup = setup,
				     .plan = plan,
				     .ignore = ignore,
				     .result = ret,
				     .live = from->live || install_is_live(setup->in) };
	int r = preflight_payload_read(&run, err);

	if (r == 0)
		r = run_checks(&run, err);
	preflight_payload_release(&run.payload);
	preflight_disks_release(&run);
	return r;
}

size_t preflight_count(const struct preflight *p, enum preflight_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < p->count; i++)
		count += p->items[i].kind == kind;
	return count;
}

int preflight_verdict(const struct preflight *p, const char *node, struct err *err)
{
	size_t count = preflight_count(p, PREFLIGHT_PROBLEM);
	size_t told = 0;

	if (!count)
		return 0;
	err_set(err, ERR_HOST,
		"this machine is not fit for node '%.60s' (%zu %s): nothing was changed; solve "
		"what is listed, or pass --ignore-preflight NAME for what may stay",
		node, count, count == 1 ? "problem" : "problems");
	for (size_t i = 0; i < p->count; i++) {
		const struct preflight_finding *f = &p->items[i];

		if (f->kind != PREFLIGHT_PROBLEM)
			continue;
		/* Room for the last line. */
		if (strlen(err->detail) + strlen(f->name) + strlen(f->text) + 64 >
		    sizeof(err->detail))
			break;
		err_detail(err, "%s: %s", f->name, f->text);
		told++;
	}
	if (told < count)
		err_detail(err, "and %zu more: --json lists all", count - told);
	return -ERR_HOST;
}
