/* SPDX-License-Identifier: Apache-2.0 */
#include "selinux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "firewall.h"
#include "proc.h"

#define ENFORCE "/sys/fs/selinux/enforce"
#define TIMEOUT_MS \
	300000 /* the policy is put together anew, which takes its time on a small machine */
#define TYPE_MAX 128
#define MISSING 127 /* no such program */
#define ON "on"
#define OFF "off"

const char *selinux_tools;

/* --- the tools ------------------------------------------------------------------------------ */

/* ARGV[0] is a program's name. */
static int run(const char *const *argv, struct proc_result *res, struct err *err)
{
	const char *copy[10] = { NULL };
	const struct proc proc = { .argv = copy, .timeout_ms = TIMEOUT_MS };
	cleanup_free char *program = NULL;
	struct err cannot = ERR_INIT;
	int r = 0;

	if (selinux_tools)
		r = path_join(selinux_tools, argv[0], &program, err);
	if (r)
		return r;
	for (size_t i = 0; argv[i] && i + 1 < ARRAY_SIZE(copy); i++)
		copy[i] = argv[i];
	if (program)
		copy[0] = program;
	r = proc_run(&proc, res, &cannot);
	if (r == -ERR_INTERRUPTED)
		*err = cannot;
	else if (r)
		res->status = MISSING;
	return r == -ERR_INTERRUPTED ? r : 0;
}

static int no_tool(const char *program, const char *package, struct err *err)
{
	return err_set(err, ERR_HOST,
		       "SELinux is on, and '%s' is not here: have the bundle bring %s ('packages')",
		       program, package);
}

/* RET gets what it says. */
static int tell(const char *const *argv, const char *package, char **ret, struct err *err)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	int r = run(argv, &res, err);

	if (r)
		return r;
	if (res.status == MISSING)
		return no_tool(argv[0], package, err);
	if (res.status) {
		r = err_set(err, ERR_FAILED, "'%s' ended with %d", argv[0], res.status);
		err_detail(err, "%s", res.err_out.buf ? res.err_out.buf : "");
		return r;
	}
	if (ret)
		str_add(&res.out, "");
	return ret ? str_done(&res.out, ret, err) : 0;
}

static int is_on(const struct install *in, bool *ret, struct err *err)
{
	static const char *const argv[] = { "selinuxenabled", NULL };
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	int r = 0;

	*ret = false;
	if (!install_is_live(in) && !selinux_tools)
		return 0;
	r = run(argv, &res, err);
	if (!r && res.status == MISSING && !selinux_tools && access(ENFORCE, F_OK) == 0)
		r = no_tool(argv[0], "libselinux-utils", err);
	*ret = res.status == 0;
	return r;
}

/* --- booleans ------------------------------------------------------------------------------- */

/* RET is NULL when the policy has none of that name. */
static int boolean_is(const char *name, const char **ret, struct err *err)
{
	const char *const argv[] = { "getsebool", name, NULL };
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	int r = run(argv, &res, err);

	*ret = NULL;
	if (!r && res.status == MISSING)
		r = no_tool(argv[0], "libselinux-utils", err);
	if (!r && !res.status && res.out.buf)
		*ret = strstr(res.out.buf, "--> " ON) ? ON : OFF;
	return r;
}

/* For the policy's store, and at once. */
static int set_boolean(const char *name, const char *value, struct err *err)
{
	const char *const argv[] = { "setsebool", "-P", name, value, NULL };

	return tell(argv, "policycoreutils", NULL, err);
}

static int switch_on(struct setup *setup, const char *name, bool apply, struct strv *changes,
		     struct err *err)
{
	const char *is = NULL;
	int r = boolean_is(name, &is, err);

	if (r || !is || !strcmp(is, ON))
		return r;
	r = strv_addf(changes, err, "set SELinux boolean %s on", name);
	if (!r && apply)
		r = record_add(setup->in->record, RECORD_BOOLEAN, name, is, ON, err);
	return r || !apply ? r : set_boolean(name, ON, err);
}

int selinux_boolean_take_back(const struct install *in, const char *name, const char *was,
			      const char *now, bool apply, struct strv *changes, struct err *err)
{
	const char *is = NULL;
	bool on = false;
	int r = is_on(in, &on, err);

	if (!r && on)
		r = boolean_is(name, &is, err);
	if (r || !is || strcmp(is, now) != 0 || !strcmp(is, was))
		return r;
	r = strv_addf(changes, err, "set SELinux boolean %s %s", name, was);
	return r || !apply ? r : set_boolean(name, was, err);
}

/* --- ports ---------------------------------------------------------------------------------- */

struct port_types {
	char exact[TYPE_MAX]; /* of the entry for this port alone, or "" */
	bool within;          /* an entry of the wanted type has it */
};

/* "5432, 9898-9900": whether it has NUMBER, and as an entry of its own. */
static bool has_number(const char *list, unsigned long number, bool *ret_exact)
{
	bool within = false;

	*ret_exact = false;
	while (*list) {
		char *end = NULL;
		unsigned long low = strtoul(list, &end, 10), high = low;

		if (end == list)
			break;
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		within |= low <= number && number <= high;
		*ret_exact |= low == number && high == number;
		list = end + strspn(end, ", ");
	}
	return within;
}

/* A line of semanage-port(8): "postgresql_port_t              tcp      5432, 9898". */
static void read_line(const char *line, unsigned long number, const char *wanted,
		      struct port_types *ret)
{
	char type[TYPE_MAX], protocol[8];
	bool exact = false, within = false;
	int at = 0;

	if (sscanf(line, "%127s %7s %n", type, protocol, &at) < 2 || strcmp(protocol, "tcp") != 0)
		return;
	within = has_number(line + at, number, &exact);
	if (exact && !ret->exact[0])
		snprintf(ret->exact, sizeof(ret->exact), "%s", type);
	ret->within |= within && !strcmp(type, wanted);
}

static int list_types(bool local, unsigned long number, const char *wanted, struct port_types *ret,
		      struct err *err)
{
	const char *const argv[] = { "semanage", "port", "-l", "-n", local ? "-C" : NULL, NULL };
	cleanup_free char *text = NULL;
	char *next = NULL;
	int r = tell(argv, "policycoreutils-python-utils", &text, err);

	*ret = (struct port_types){ .within = false };
	for (char *line = text; !r && line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		read_line(line, number, wanted, ret);
	}
	return r;
}

/* TYPE, or back to the policy's own with RECORD_ABSENT. */
static int set_type(const char *number, const char *type, bool known, struct err *err)
{
	const char *const remove[] = { "semanage", "port", "-d", "-p", "tcp", number, NULL };
	const char *const give[] = { "semanage", "port", known ? "-m" : "-a",
				     "-t",       type,   "-p",
				     "tcp",      number, NULL };

	return tell(strcmp(type, RECORD_ABSENT) ? give : remove, "policycoreutils-python-utils",
		    NULL, err);
}

static int give_type(struct setup *setup, unsigned int number, const char *type, bool apply,
		     struct strv *changes, struct err *err)
{
	struct port_types local, all;
	char text[16], object[24];
	int r = list_types(true, number, type, &local, err);

	if (!r)
		r = list_types(false, number, type, &all, err);
	if (r)
		return r;
	if (local.exact[0] ? !strcmp(local.exact, type)
	    : all.exact[0] ? !strcmp(all.exact, type)
			   : all.within)
		return 0;
	snprintf(text, sizeof(text), "%u", number);
	snprintf(object, sizeof(object), "%s/tcp", text);
	r = strv_addf(changes, err, "give port %s the SELinux type %s", object, type);
	if (!r && apply)
		r = record_add(setup->in->record, RECORD_PORT_TYPE, object,
			       local.exact[0] ? local.exact : RECORD_ABSENT, type, err);
	return r || !apply ? r : set_type(text, type, all.exact[0] || local.exact[0], err);
}

int selinux_port_take_back(const struct install *in, const char *port, const char *was,
			   const char *now, bool apply, struct strv *changes, struct err *err)
{
	unsigned long number = strtoul(port, NULL, 10);
	struct port_types local = { .within = false }, all = { .within = false };
	const char *is = RECORD_ABSENT;
	bool on = false;
	char text[16];
	int r = is_on(in, &on, err);

	if (!r && on)
		r = list_types(true, number, "", &local, err);
	if (!r && on)
		r = list_types(false, number, "", &all, err);
	if (local.exact[0])
		is = local.exact;
	if (r || !on || strcmp(is, now) != 0 || !strcmp(is, was))
		return r;
	r = strcmp(was, RECORD_ABSENT)
		    ? strv_addf(changes, err, "give port %s the SELinux type %s", port, was)
		    : strv_addf(changes, err, "take the SELinux type %s from port %s", now, port);
	snprintf(text, sizeof(text), "%lu", number);
	return r || !apply ? r : set_type(text, was, all.exact[0] || local.exact[0], err);
}

/* --- the step ------------------------------------------------------------------------------- */

static int number_of(const struct setup *setup, const struct setup_service *s, const char *env,
		     unsigned int *ret, struct err *err)
{
	*ret = 0;
	SERVICE_EACH(struct service_port, port, s->service->ports)
	if (!strcmp(port->env, env))
		return firewall_port_number(setup, s, port, ret, err);
	return 0;
}

static int apply_service(struct setup *setup, const struct setup_service *s, bool apply,
			 struct strv *changes, struct err *err)
{
	const struct service_selinux *wanted = &s->service->selinux;
	int r = 0;

	for (size_t i = 0; !r && i < wanted->booleans.count; i++)
		r = switch_on(setup, wanted->booleans.items[i], apply, changes, err);
	SERVICE_EACH(struct service_selinux_port, port, wanted->ports)
	{
		unsigned int number = 0;

		if (!r)
			r = number_of(setup, s, port->env, &number, err);
		if (!r && number)
			r = give_type(setup, number, port->type, apply, changes, err);
	}
	return r ? err_prefix(err, "service '%s'", s->service->name) : 0;
}

int selinux_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	bool on = false;
	int r = is_on(setup->in, &on, err);

	for (size_t i = 0; !r && on && i < setup->count; i++)
		r = apply_service(setup, &setup->services[i], apply, changes, err);
	return r;
}

int selinux_declares(const struct setup *setup, enum record_kind kind, const char *object,
		     bool *ret, struct err *err)
{
	int r = 0;

	*ret = false;
	for (size_t i = 0; !r && !*ret && i < setup->count; i++) {
		const struct setup_service *s = &setup->services[i];

		if (kind == RECORD_BOOLEAN) {
			*ret = strv_has(&s->service->selinux.booleans, object);
			continue;
		}
		SERVICE_EACH(struct service_selinux_port, port, s->service->selinux.ports)
		{
			unsigned int number = 0;

			if (!r)
				r = number_of(setup, s, port->env, &number, err);
			*ret |= number && number == strtoul(object, NULL, 10);
		}
	}
	return r;
}
