/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: whether the ports of this node's services are free, by proc(5). */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "context_env.h"
#include "file.h"
#include "preflight_private.h"

#define STATE_LISTEN 0x0a /* TCP_LISTEN of the kernel's tcp_states.h */

/* A port that a service of this node listens on. */
struct port {
	const struct service *service; /* borrowed */
	const char *name;              /* of the variable, borrowed from the environment */
	unsigned int number;
};

/* A socket that listens on one. */
struct listener {
	const struct port *port; /* borrowed */
	uint64_t inode;
	char address[INET6_ADDRSTRLEN];
	long pid; /* 0: whose it is cannot be seen */
	char program[64];
	char *cgroup; /* of the process */
};

struct table {
	struct port *ports;
	size_t port_count;
	struct listener *listeners;
	size_t listener_count;
};

static void table_release(struct table *t)
{
	for (size_t i = 0; i < t->listener_count; i++)
		free(t->listeners[i].cgroup);
	free(t->listeners);
	free(t->ports);
}

/* --- the ports ------------------------------------------------------------------------------ */

static bool is_used(const struct setup_service *s, const struct service_port *port)
{
	cleanup_free char *text = NULL;
	struct err ignored = ERR_INIT; /* rehearsed */

	return !port->when ||
	       (context_text(s->context, "when", port->when, false, &text, &ignored) == 0 &&
		!strcmp(text, "true"));
}

static int add_port(const struct preflight_run *run, struct table *t, const struct setup_service *s,
		    const struct service_port *port, struct err *err)
{
	cleanup_free char *name = NULL;
	const struct context_variable *v = NULL;
	struct port *ports = NULL;

	if (port->per_node)
		name = context_port_name(port->env, run->setup->node->name);
	else
		name = strdup(port->env);
	if (!name)
		return err_nomem(err);
	v = context_env_find(run->setup->env, name);
	if (!v || !is_used(s, port))
		return 0;
	ports = reallocarray(t->ports, t->port_count + 1, sizeof(*ports));
	if (!ports)
		return err_nomem(err);
	t->ports = ports;
	ports[t->port_count++] =
		(struct port){ .service = s->service,
			       .name = v->name,
			       .number = (unsigned int)strtoul(v->value, NULL, 10) };
	return 0;
}

static int list_ports(const struct preflight_run *run, struct table *t, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->setup->count; i++) {
		SERVICE_EACH(struct service_port, port, run->setup->services[i].service->ports)
		{
			if (r == 0)
				r = add_port(run, t, &run->setup->services[i], port, err);
		}
	}
	return r;
}

static int check_twice(struct preflight_run *run, const struct table *t, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->port_count; i++) {
		for (size_t j = 0; r == 0 && j < i; j++) {
			if (t->ports[i].number == t->ports[j].number &&
			    strcmp(t->ports[i].name, t->ports[j].name) != 0)
				r = preflight_problem(
					run, err,
					"TCP port %u is both %s and %s on this node: change "
					"one of them in .env and build the bundle again",
					t->ports[i].number, t->ports[j].name, t->ports[i].name);
		}
	}
	return r;
}

/* --- who listens ---------------------------------------------------------------------------- */

/* Addresses stand in host order, 32 bits at a time. */
static void read_address(const char *hex, size_t len, char ret[INET6_ADDRSTRLEN])
{
	uint32_t words[4] = { 0 };

	snprintf(ret, INET6_ADDRSTRLEN, "?");
	if (len != 8 && len != 32)
		return;
	for (size_t i = 0; i < len / 8; i++) {
		char part[9] = { 0 };

		memcpy(part, hex + i * 8, 8);
		words[i] = (uint32_t)strtoul(part, NULL, 16);
	}
	inet_ntop(len == 8 ? AF_INET : AF_INET6, words, ret, INET6_ADDRSTRLEN);
}

/* A line of /proc/net/tcp: "  0: 0100007F:1538 00000000:0000 0A … uid timeout inode". */
static int read_line(struct table *t, char *line, struct err *err)
{
	char *fields[10] = { NULL };
	size_t count = 0;
	char *rest = NULL;
	const char *colon = NULL;
	unsigned long number = 0;

	for (char *f = strtok_r(line, " ", &rest); f && count < ARRAY_SIZE(fields);
	     f = strtok_r(NULL, " ", &rest))
		fields[count++] = f;
	if (count < ARRAY_SIZE(fields) || strtoul(fields[3], NULL, 16) != STATE_LISTEN)
		return 0;
	colon = strchr(fields[1], ':');
	if (!colon)
		return 0;
	number = strtoul(colon + 1, NULL, 16);
	for (size_t i = 0; i < t->port_count; i++) {
		struct listener *l = NULL;

		if (t->ports[i].number != number)
			continue;
		l = reallocarray(t->listeners, t->listener_count + 1, sizeof(*l));
		if (!l)
			return err_nomem(err);
		t->listeners = l;
		l += t->listener_count++;
		*l = (struct listener){ .port = &t->ports[i],
					.inode = strtoull(fields[9], NULL, 10) };
		read_address(fields[1], (size_t)(colon - fields[1]), l->address);
	}
	return 0;
}

static int list_listeners(const struct preflight_run *run, const char *name, struct table *t,
			  bool *ret_seen, struct err *err)
{
	cleanup_free char *text = NULL;
	char *rest = NULL;
	int r = preflight_read(run->from->proc, name, &text, err);

	if (!text)
		return r;
	*ret_seen = true;
	for (char *line = strtok_r(text, "\n", &rest); r == 0 && line;
	     line = strtok_r(NULL, "\n", &rest))
		r = read_line(t, line, err);
	return r;
}

/* --- whose they are ------------------------------------------------------------------------- */

static int note_owner(const struct preflight_run *run, const char *pid, struct listener *l,
		      struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *comm = NULL;
	int r = str_printf(&dir, err, "%s/%s", run->from->proc, pid);

	if (r == 0)
		r = preflight_read(dir, "comm", &comm, err);
	if (r == 0)
		r = preflight_read(dir, "cgroup", &l->cgroup, err);
	if (r < 0)
		return r;
	l->pid = strtol(pid, NULL, 10);
	snprintf(l->program, sizeof(l->program), "%.*s", comm ? (int)strcspn(comm, "\n") : 1,
		 comm ? comm : "?");
	return 0;
}

/* Looks through the descriptors of one process. */
static int look_into(const struct preflight_run *run, const char *pid, struct table *t,
		     struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_closedir DIR *dir = NULL;
	struct dirent *entry = NULL;
	int r = str_printf(&path, err, "%s/%s/fd", run->from->proc, pid);

	dir = r == 0 ? opendir(path) : NULL;
	while (r == 0 && dir && (entry = readdir(dir))) {
		char target[64];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		uint64_t inode = 0;

		target[n < 0 ? 0 : n] = '\0';
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
			continue;
		for (size_t i = 0; r == 0 && i < t->listener_count; i++)
			if (t->listeners[i].inode == inode && !t->listeners[i].pid)
				r = note_owner(run, pid, &t->listeners[i], err);
	}
	return r;
}

/* The lowest process number first: the parent, where children inherit the socket. */
static int by_number(const void *a, const void *b)
{
	long x = strtol(*(char *const *)a, NULL, 10);
	long y = strtol(*(char *const *)b, NULL, 10);

	return (x > y) - (x < y);
}

static int find_owners(const struct preflight_run *run, struct table *t, struct err *err)
{
	CLEANUP(strv_release) struct strv pids = STRV_INIT;
	int r = 0;

	if (!t->listener_count)
		return 0;
	r = dir_list(run->from->proc, &pids, err);
	if (r == 0 && pids.count)
		qsort(pids.items, pids.count, sizeof(*pids.items), by_number);
	for (size_t i = 0; r == 0 && i < pids.count; i++)
		if (isdigit((unsigned char)pids.items[i][0]))
			r = look_into(run, pids.items[i], t, err);
	return r;
}

/* Whether PATH of a control group has UNIT for one of its parts: "0::/system.slice/x.service". */
static bool is_in_unit(const char *cgroup, const char *unit)
{
	size_t len = strlen(unit);

	for (const char *at = cgroup; at && (at = strstr(at, unit)); at += len)
		if (at > cgroup && at[-1] == '/' && strchr("/\n", at[len]))
			return true;
	return false;
}

static bool is_own(const struct listener *l)
{
	SERVICE_EACH(struct service_unit, unit, l->port->service->units)
	{
		if (is_in_unit(l->cgroup, unit->name))
			return true;
		/* systemd itself listens for a socket unit. */
		if (l->pid == 1 && str_ends(unit->name, ".socket"))
			return true;
	}
	return false;
}

/* Its unit, for the operator; "" when there is none. */
static void unit_of(const struct listener *l, char *ret, size_t size)
{
	const char *end = l->cgroup ? strstr(l->cgroup, ".service") : NULL;
	const char *begin = end;

	*ret = '\0';
	while (begin && begin > l->cgroup && begin[-1] != '/')
		begin--;
	if (end && strchr("/\n", end[strlen(".service")]))
		snprintf(ret, size, ", %.*s.service", (int)(end - begin), begin);
}

static int tell(struct preflight_run *run, const struct listener *l, struct err *err)
{
	char unit[128];
	char who[256];

	unit_of(l, unit, sizeof(unit));
	if (l->pid)
		snprintf(who, sizeof(who), "process %ld (%s%s)", l->pid, l->program, unit);
	else
		snprintf(who, sizeof(who), "a process that cannot be seen from here");
	return preflight_problem(
		run, err,
		"TCP port %u (%s of service '%s') is taken on %s by %s: stop and disable "
		"that, or change %s in .env and build the bundle again",
		l->port->number, l->port->name, l->port->service->name, l->address, who,
		l->port->name);
}

int preflight_ports(struct preflight_run *run, struct err *err)
{
	CLEANUP(table_release) struct table t = { .ports = NULL };
	bool seen = false;
	int r = list_ports(run, &t, err);

	if (r == 0)
		r = check_twice(run, &t, err);
	if (r == 0)
		r = list_listeners(run, "net/tcp", &t, &seen, err);
	if (r == 0)
		r = list_listeners(run, "net/tcp6", &t, &seen, err);
	if (r == 0 && !seen && t.port_count)
		return preflight_note(run, err,
				      "'%s/net/tcp' cannot be read: who listens is not known",
				      run->from->proc);
	if (r == 0)
		r = find_owners(run, &t, err);
	for (size_t i = 0; r == 0 && i < t.listener_count; i++) {
		const struct listener *l = &t.listeners[i];
		bool told = is_own(l);

		/* One process on several addresses is one problem. */
		for (size_t j = 0; !told && l->pid && j < i; j++)
			told = t.listeners[j].port == l->port && t.listeners[j].pid == l->pid;
		if (!told)
			r = tell(run, l, err);
	}
	return r;
}
