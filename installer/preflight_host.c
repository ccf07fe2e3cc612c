/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: the operating system and what it has. */
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"
#include "preflight_private.h"

/* The value of KEY in lines KEY=VALUE or KEY="VALUE", by os-release(5); RET stays NULL without it. */
static int setting(const char *text, const char *key, char **ret, struct err *err)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *value = NULL;

		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		value = line + len + 1;
		value += strspn(value, "\"'");
		return str_printf(ret, err, "%.*s", (int)strcspn(value, "\"'\n"), value);
	}
	return 0;
}

int preflight_os(struct preflight_run *run, struct err *err)
{
	const char *wanted = run->setup->in->index.platform.id;
	cleanup_free char *text = NULL;
	cleanup_free char *id = NULL;
	cleanup_free char *name = NULL;
	int r = preflight_read_node(run, "/etc/os-release", &text, err);

	if (r == 0 && !text)
		r = preflight_read_node(run, "/usr/lib/os-release", &text, err);
	if (r < 0)
		return r;
	if (!text && !run->live)
		return preflight_note(run, err,
				      "the root has no os-release: taken for one that is yet to be "
				      "filled");
	if (!text)
		return preflight_problem(
			run, err,
			"there is no /etc/os-release, so nothing says that this is "
			"%s: install on such a system",
			wanted);
	r = setting(text, "PLATFORM_ID", &id, err);
	if (r == 0)
		r = setting(text, "PRETTY_NAME", &name, err);
	if (r < 0 || (id && !strcmp(id, wanted)))
		return r;
	return preflight_problem(
		run, err,
		"'%.100s' is %.60s, the bundle is for %s: install on such a system, or "
		"build a bundle for this one",
		name ? name : "this system", id ? id : "of no platform that it names", wanted);
}

int preflight_arch(struct preflight_run *run, struct err *err)
{
	const char *wanted = run->setup->in->index.platform.arch;
	const char *machine = run->from->machine;
	struct utsname name;

	if (!machine) {
		if (uname(&name) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot ask for the architecture");
		machine = name.machine;
	}
	return strcmp(machine, wanted)
		       ? preflight_problem(
				 run, err,
				 "this machine is %s, the bundle is for %s: build one for %s",
				 machine, wanted, machine)
		       : 0;
}

/* "2.28" against "2.4": the numbers decide. */
static int compare_versions(const char *a, const char *b)
{
	while (*a || *b) {
		char *end_a = NULL;
		char *end_b = NULL;
		unsigned long x = strtoul(a, &end_a, 10);
		unsigned long y = strtoul(b, &end_b, 10);

		if (x != y)
			return x < y ? -1 : 1;
		a = end_a + (*end_a == '.');
		b = end_b + (*end_b == '.');
		if (end_a == a && end_b == b)
			break;
	}
	return 0;
}

int preflight_glibc(struct preflight_run *run, struct err *err)
{
	const char *wanted = run->setup->in->index.platform.glibc;
	const char *has = run->payload.glibc;

	if (!has && run->live)
		has = run->from->glibc ? run->from->glibc : gnu_get_libc_version();
	if (!wanted || !has || compare_versions(has, wanted) >= 0)
		return 0;
	return preflight_problem(
		run, err,
		"glibc is %s, the bundle is made for %s or later: update the system, or "
		"build the bundle with platform.glibc %s",
		has, wanted, has);
}

int preflight_python(struct preflight_run *run, struct err *err)
{
	int r = 0;

	/* Without a plan nobody knows what the packages bring. */
	for (size_t i = 0; r == 0 && run->plan && i < run->payload.interpreters.count; i++) {
		const char *python = run->payload.interpreters.items[i];

		if (strv_has(&run->payload.found, python) || preflight_node_has(run, python))
			continue;
		r = preflight_problem(
			run, err,
			"'%.200s' is neither here nor in a package that this node gets: name "
			"its package in the definition and build the bundle again",
			python);
	}
	return r;
}

/* --- memory --------------------------------------------------------------------------------- */

/* A line "KEY:   NUMBER kB" of /proc/meminfo, in MiB; false when there is none. */
static bool meminfo(const char *text, const char *key, unsigned long *ret_mib)
{
	const char *at = text ? strstr(text, key) : NULL;

	if (!at)
		return false;
	*ret_mib = strtoul(at + strlen(key), NULL, 10) / 1024;
	return true;
}

int preflight_memory(struct preflight_run *run, struct err *err)
{
	const struct setup *setup = run->setup;
	CLEANUP(str_release) struct str who = STR_INIT;
	cleanup_free char *text = NULL;
	unsigned long need = 0;
	unsigned long total = 0;
	int r = 0;

	for (size_t i = 0; i < setup->count; i++) {
		const struct service *service = setup->services[i].service;
		unsigned int mib = service->preflight.memory_mib;

		if (mib)
			str_addf(&who, "%s%s %u", need ? ", " : "", service->name, mib);
		need += mib;
	}
	if (!need || (r = str_check(&who, err)) ||
	    (r = preflight_read(run->from->proc, "meminfo", &text, err)))
		return r;
	if (!meminfo(text, "MemTotal:", &total))
		return preflight_note(run, err, "'%s/meminfo' does not say how much there is",
				      run->from->proc);
	if (total >= need)
		return 0;
	return preflight_problem(
		run, err,
		"this machine has %lu MiB, its services want %lu MiB (%s): give it %lu MiB "
		"more",
		total, need, who.buf, need - total);
}

/* --- systemd -------------------------------------------------------------------------------- */

int preflight_systemd(struct preflight_run *run, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = str_printf(&path, err, "%s/systemd/system", run->from->run);

	if (r < 0 || access(path, F_OK) == 0)
		return r;
	return preflight_problem(
		run, err,
		"systemd does not run this machine, so no unit can be started: boot it with "
		"systemd, or install into an image with --root");
}

/* A unit file that is a link to /dev/null: systemctl mask. */
static int check_masked(struct preflight_run *run, const char *where, const char *unit,
			struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *seen = NULL;
	char target[64];
	ssize_t n = 0;
	int r = str_printf(&path, err, "%s/%s", where, unit);

	if (r == 0)
		r = install_path(run->setup->in, path, &seen, err);
	if (r < 0)
		return r;
	n = readlink(seen, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	if (strcmp(target, "/dev/null") != 0)
		return 0;
	return preflight_problem(
		run, err,
		"the unit '%s' is masked ('%s'): see who did it and why, then systemctl "
		"unmask %s",
		unit, path, unit);
}

int preflight_units(struct preflight_run *run, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->setup->count; i++) {
		SERVICE_EACH(struct service_unit, unit, run->setup->services[i].service->units)
		{
			if (r == 0)
				r = check_masked(run, "/etc/systemd/system", unit->name, err);
			if (r == 0 && run->live)
				r = check_masked(run, "/run/systemd/system", unit->name, err);
		}
	}
	return r;
}
