/* SPDX-License-Identifier: Apache-2.0 */
#include "firewall.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "context.h"
#include "context_env.h"
#include "proc.h"
#include "record.h"

#define PROGRAM "firewall-cmd"
#define TIMEOUT_MS 30000

const char *firewall_program = PROGRAM;

/* One call; ARGUMENT may be NULL. *RET is its exit status; 127: there is no such program. */
static int ask(const char *argument, const char *second, int *ret, struct err *err)
{
	const char *const argv[] = { firewall_program, argument, second, NULL };
	const struct proc proc = { .argv = argv, .timeout_ms = TIMEOUT_MS };
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	struct err cannot = ERR_INIT;
	int r = proc_run(&proc, &res, &cannot);

	*ret = 127;
	if (r == -ERR_INTERRUPTED) {
		*err = cannot;
		return r;
	}
	if (!r)
		*ret = res.status;
	return 0;
}

static int is_running(const struct install *in, bool *ret, struct err *err)
{
	int status = 127;
	int r = 0;

	*ret = false;
	if (!install_is_live(in) && !strcmp(firewall_program, PROGRAM))
		return 0;
	r = ask("--state", NULL, &status, err);
	*ret = status == 0;
	return r;
}

static int is_open(const char *port, bool permanent, bool *ret, struct err *err)
{
	cleanup_free char *query = NULL;
	int status = 127;
	int r = str_printf(&query, err, "--query-port=%s", port);

	if (!r)
		r = permanent ? ask("--permanent", query, &status, err)
			      : ask(query, NULL, &status, err);
	*ret = status == 0;
	return r;
}

static int set_port(const char *verb, const char *port, bool permanent, struct err *err)
{
	cleanup_free char *change = NULL;
	const char *argv[] = { firewall_program, NULL, NULL, NULL };
	const struct proc proc = { .argv = argv, .timeout_ms = TIMEOUT_MS };
	int r = str_printf(&change, err, "--%s-port=%s", verb, port);

	if (r)
		return r;
	argv[1] = permanent ? "--permanent" : change;
	argv[2] = permanent ? change : NULL;
	return proc_check(&proc, NULL, err);
}

static int open_port(struct setup *setup, const char *port, bool apply, struct strv *changes,
		     struct err *err)
{
	bool now = false, permanent = false;
	int r = is_open(port, false, &now, err);

	if (!r)
		r = is_open(port, true, &permanent, err);
	if (r || (now && permanent))
		return r;
	r = strv_addf(changes, err, "open port %s", port);
	if (r || !apply)
		return r;
	if (!permanent)
		r = record_add(setup->in->record, RECORD_PORT, port, RECORD_PORT_CLOSED,
			       RECORD_PORT_OPEN, err);
	if (!r && !permanent)
		r = set_port("add", port, true, err);
	if (!r && !now)
		r = set_port("add", port, false, err);
	return r;
}

int firewall_port_number(const struct setup *setup, const struct setup_service *s,
			 const struct service_port *port, unsigned int *ret, struct err *err)
{
	cleanup_free char *name = port->per_node ? context_port_name(port->env, setup->node->name)
						 : strdup(port->env);
	const struct context_variable *v = NULL;
	cleanup_free char *when = NULL;
	int r = 0;

	*ret = 0;
	if (!name)
		return err_nomem(err);
	if (port->when)
		r = context_text(s->context, "when", port->when, false, &when, err);
	if (r || (when && strcmp(when, "true") != 0))
		return r;
	v = context_env_find(setup->env, name);
	*ret = v ? (unsigned int)strtoul(v->value, NULL, 10) : 0;
	return 0;
}

static int open_service(struct setup *setup, const struct setup_service *s, bool apply,
			struct strv *changes, struct err *err)
{
	int r = 0;

	SERVICE_EACH(struct service_port, port, s->service->ports)
	{
		cleanup_free char *text = NULL;
		unsigned int number = 0;

		if (r)
			break;
		r = firewall_port_number(setup, s, port, &number, err);
		if (!r && number)
			r = str_printf(&text, err, "%u/tcp", number);
		if (!r && number)
			r = open_port(setup, text, apply, changes, err);
	}
	return r;
}

int firewall_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	bool running = false;
	int r = is_running(setup->in, &running, err);

	for (size_t i = 0; !r && running && i < setup->count; i++)
		r = open_service(setup, &setup->services[i], apply, changes, err);
	return r;
}

int firewall_take_back(const struct install *in, const char *port, const char *was, const char *now,
		       bool apply, struct strv *changes, struct err *err)
{
	bool running = false, at_once = false, permanent = false;
	bool open = !strcmp(was, RECORD_PORT_OPEN);
	const char *verb = open ? "add" : "remove";
	int r = is_running(in, &running, err);

	(void)now;
	if (r || !running)
		return r;
	r = is_open(port, false, &at_once, err);
	if (!r)
		r = is_open(port, true, &permanent, err);
	if (r || (at_once == open && permanent == open))
		return r;
	r = strv_addf(changes, err, "%s port %s", open ? "open" : "close", port);
	if (!r && apply && permanent != open)
		r = set_port(verb, port, true, err);
	if (!r && apply && at_once != open)
		r = set_port(verb, port, false, err);
	return r;
}

int firewall_declares(const struct setup *setup, enum record_kind kind, const char *port, bool *ret,
		      struct err *err)
{
	int r = 0;

	(void)kind;
	*ret = false;
	for (size_t i = 0; i < setup->count; i++) {
		const struct setup_service *s = &setup->services[i];

		SERVICE_EACH(struct service_port, declared, s->service->ports)
		{
			unsigned int number = 0;

			if (!r)
				r = firewall_port_number(setup, s, declared, &number, err);
			*ret |= number && number == strtoul(port, NULL, 10);
		}
	}
	return r;
}
