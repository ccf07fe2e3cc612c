/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: what SELinux, FIPS mode and fapolicyd will make of the installation. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "preflight_private.h"

/* --- SELinux -------------------------------------------------------------------------------- */

/* /sys/fs/selinux/booleans/NAME: "CURRENT PENDING", each 0 or 1. */
static int check_boolean(struct preflight_run *run, const struct service *service,
			 const char *boolean, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *text = NULL;
	int r = str_printf(&dir, err, "%s/fs/selinux/booleans", run->from->sys);

	if (r == 0)
		r = preflight_read(dir, boolean, &text, err);
	if (r < 0 || (text && text[0] == '1'))
		return r;
	return preflight_note(run, err, "the SELinux boolean '%s', which service '%s' wants on, %s",
			      boolean, service->name,
			      text ? "is off: it will be set"
				   : "is none of this machine's policy: it cannot be set");
}

/* The store is asked when the packages are there: semanage is on no minimal machine. */
static int tell_ports(struct preflight_run *run, const struct service *service, struct err *err)
{
	int r = 0;

	SERVICE_EACH(struct service_selinux_port, port, service->selinux.ports)
	if (r == 0)
		r = preflight_note(run, err,
				   "service '%s' wants the SELinux type '%s' for its port %s: it "
				   "will be given where it is another",
				   service->name, port->type, port->env);
	return r;
}

int preflight_selinux(struct preflight_run *run, struct err *err)
{
	const struct setup *setup = run->setup;
	cleanup_free char *text = NULL;
	int r = preflight_read(run->from->sys, "fs/selinux/enforce", &text, err);

	if (!text)
		return r; /* disabled: nothing follows */
	r = preflight_note(run, err, "SELinux is %s",
			   text[0] == '1'
				   ? "enforcing: what a service may not do is in the audit log "
				     "(ausearch -m avc)"
				   : "permissive: it refuses nothing and logs what it would");
	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		const struct service *service = setup->services[i].service;
		const struct strv *names = &service->selinux.booleans;

		for (size_t j = 0; r == 0 && j < names->count; j++)
			r = check_boolean(run, service, names->items[j], err);
		if (r == 0)
			r = tell_ports(run, service, err);
	}
	return r;
}

/* --- FIPS mode ------------------------------------------------------------------------------ */

int preflight_fips(struct preflight_run *run, struct err *err)
{
	cleanup_free char *text = NULL;
	int r = preflight_read(run->from->proc, "sys/crypto/fips_enabled", &text, err);

	if (!text || text[0] != '1')
		return r;
	r = preflight_note(
		run, err,
		"FIPS mode is on: keys, certificates and digests of the bundle are of kinds "
		"that it allows");
	/* librpm cannot check what has MD5 and SHA-1 alone there. */
	for (size_t i = 0; r == 0 && i < run->payload.weak.count; i++)
		r = preflight_problem(
			run, err,
			"FIPS mode is on and the package '%s' has no SHA-256 of its header: "
			"put a build of it into the bundle that has",
			run->payload.weak.items[i]);
	return r;
}

/* --- fapolicyd ------------------------------------------------------------------------------ */

static int is_running(const struct preflight_run *run, const char *program, bool *ret,
		      struct err *err)
{
	CLEANUP(strv_release) struct strv pids = STRV_INIT;
	struct err ignored = ERR_INIT;
	int r = 0;

	*ret = false;
	if (dir_list(run->from->proc, &pids, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && !*ret && i < pids.count; i++) {
		cleanup_free char *dir = NULL;
		cleanup_free char *comm = NULL;

		if (!isdigit((unsigned char)pids.items[i][0]))
			continue;
		r = str_printf(&dir, err, "%s/%s", run->from->proc, pids.items[i]);
		if (r == 0)
			r = preflight_read(dir, "comm", &comm, err);
		*ret = comm && !strncmp(comm, program, strlen(program)) &&
		       strchr("\n", comm[strlen(program)]);
	}
	return r;
}

/* "KEY = VALUE" in fapolicyd.conf(5): a permissive daemon logs and allows. */
static bool is_permissive(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (strncmp(line, "permissive", strlen("permissive")) != 0)
			continue;
		line += strlen("permissive");
		line += strspn(line, " \t=");
		return *line == '1';
	}
	return false;
}

/* Every rule file, one after the other: /etc/fapolicyd/rules.d/ in order, or the one of older versions. */
static int read_rules(const struct preflight_run *run, struct str *ret, struct err *err)
{
	static const char dir[] = "/etc/fapolicyd/rules.d";
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *seen = NULL;
	cleanup_free char *old = NULL;
	struct err ignored = ERR_INIT;
	int r = install_path(run->setup->in, dir, &seen, err);

	if (r < 0)
		return r;
	if (dir_list(seen, &names, &ignored) == 0) {
		for (size_t i = 0; r == 0 && i < names.count; i++) {
			cleanup_free char *text = NULL;

			if (!str_ends(names.items[i], ".rules"))
				continue;
			r = preflight_read(seen, names.items[i], &text, err);
			str_addf(ret, "%s\n", text ? text : "");
		}
		return r < 0 ? r : str_check(ret, err);
	}
	r = preflight_read_node(run, "/etc/fapolicyd/fapolicyd.rules", &old, err);
	str_addf(ret, "%s\n", old ? old : "");
	return r < 0 ? r : str_check(ret, err);
}

/* Does LINE, a rule "allow … : dir=/opt/pgha/ …", cover PATH? */
static bool rule_covers(const char *line, const char *path)
{
	const char *at = line + strspn(line, " \t");
	size_t len = strcspn(line, "\n");

	if (strncmp(at, "allow", strlen("allow")) != 0)
		return false;
	while ((at = strstr(at, "dir=")) && (size_t)(at - line) < len) {
		size_t n = 0;

		at += strlen("dir=");
		n = strcspn(at, " \t\n,");
		if (n && !strncmp(at, path, n) && (at[n - 1] == '/' || path[n] == '/'))
			return true;
	}
	return false;
}

static bool is_covered(const char *rules, const char *path)
{
	for (const char *line = rules; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (rule_covers(line, path))
			return true;
	}
	return false;
}

/* PATH runs and is of no package, so fapolicyd's trust in rpm's database does not reach it. */
static int check_path(struct preflight_run *run, const char *rules, const char *path,
		      struct strv *told, struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = str_printf(&dir, err, "%.*s", (int)(path_basename(path) - path), path);

	if (r < 0 || is_covered(rules, path) || strv_has(told, dir))
		return r;
	r = strv_add(told, dir, err);
	return r < 0 ? r
		     : preflight_problem(
			       run, err,
			       "fapolicyd runs and no rule lets programs run from '%s': put 'allow "
			       "perm=any all : dir=%s' into /etc/fapolicyd/rules.d/80-pgha.rules, "
			       "then "
			       "fagenrules --load",
			       dir, dir);
}

int preflight_fapolicyd(struct preflight_run *run, struct err *err)
{
	CLEANUP(str_release) struct str rules = STR_INIT;
	CLEANUP(strv_release) struct strv told = STRV_INIT;
	cleanup_free char *conf = NULL;
	bool running = false;
	int r = is_running(run, "fapolicyd", &running, err);

	if (r < 0 || !running)
		return r;
	if ((r = preflight_read_node(run, "/etc/fapolicyd/fapolicyd.conf", &conf, err)))
		return r;
	if (is_permissive(conf))
		return preflight_note(
			run, err,
			"fapolicyd is permissive: it refuses nothing and logs what it would");
	r = read_rules(run, &rules, err);
	for (size_t i = 0; r == 0 && i < run->setup->count; i++) {
		const struct service *service = run->setup->services[i].service;

		if (service->venv.path)
			r = check_path(run, rules.buf, service->venv.path, &told, err);
		SERVICE_EACH(struct service_file, f, service->files)
		{
			if (r == 0 && (f->mode & 0111))
				r = check_path(run, rules.buf, f->dest, &told, err);
		}
	}
	return r;
}
