/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables a node carries and where their values come from. */
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "context_env.h"

void context_declarations_release(struct context_declarations *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->items[i].name);
		free(d->items[i].fallback);
	}
	free(d->items);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Two services may share a variable when they say the same about it. */
static int merge(struct context_declaration *old, const struct context_declaration *new,
		 struct err *err)
{
	if (old->secret != new->secret)
		return err_set(err, ERR_CONFIG,
			       "variable '%s' is secret for service '%s' and not for service '%s'",
			       new->name, (old->secret ? old : new)->service->name,
			       (old->secret ? new : old)->service->name);
	if (old->port != new->port || !same_text(old->fallback, new->fallback))
		return err_set(err, ERR_CONFIG,
			       "services '%s' and '%s' declare variable '%s' differently",
			       old->service->name, new->service->name, new->name);
	old->wanted |= new->wanted;
	if (!old->help->fr && new->help->fr) {
		old->help = new->help;
		old->service = new->service;
	}
	return 0;
}

/* Owns what D points to. */
static int declare(struct context_declarations *all, struct context_declaration d, struct err *err)
{
	cleanup_free char *name = d.name;
	cleanup_free char *fallback = d.fallback;

	if (!name)
		return err_nomem(err);
	for (size_t i = 0; i < all->count; i++)
		if (!strcmp(all->items[i].name, name))
			return merge(&all->items[i], &d, err);
	if (all->count == all->size) {
		size_t size = all->size ? all->size * 2 : 32;
		struct context_declaration *items = reallocarray(all->items, size, sizeof(*items));

		if (!items)
			return err_nomem(err);
		all->items = items;
		all->size = size;
	}
	all->items[all->count] = d;
	all->items[all->count].name = steal_ptr(&name);
	all->items[all->count++].fallback = steal_ptr(&fallback);
	return 0;
}

static int declare_port(struct context_declarations *all, const struct service *service,
			const struct service_port *port, char *name, struct err *err)
{
	struct context_declaration d = {
		.name = name, .service = service, .help = &port->help, .port = true, .wanted = true
	};

	if (port->fallback && asprintf(&d.fallback, "%u", port->fallback) < 0) {
		free(name);
		return err_nomem(err);
	}
	return declare(all, d, err);
}

static int declare_ports(struct context_declarations *all, const struct context_cluster *cluster,
			 const struct service *service, struct err *err)
{
	const struct topology *t = cluster->topology;
	int r = 0;

	SERVICE_EACH(struct service_port, port, service->ports)
	{
		if (!port->per_node)
			r = declare_port(all, service, port, strdup(port->env), err);
		for (size_t i = 0; r == 0 && port->per_node && i < t->count; i++)
			if (strv_has(&t->nodes[i].services, service->name))
				r = declare_port(all, service, port,
						 context_port_name(port->env, t->nodes[i].name),
						 err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* NODE NULL: does any node run it? */
static bool runs_on(const struct topology *t, const struct topology_node *node, const char *service)
{
	if (node)
		return strv_has(&node->services, service);
	for (size_t i = 0; i < t->count; i++)
		if (strv_has(&t->nodes[i].services, service))
			return true;
	return false;
}

static int declare_all(struct context_declarations *all, const struct context_cluster *cluster,
		       const struct topology_node *node, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < cluster->manifest->count; i++) {
		const struct service *service = cluster->manifest->services[i];
		bool here = runs_on(cluster->topology, node, service->name);

		SERVICE_EACH(struct service_variable, v, service->variables)
		{
			struct context_declaration d = { .name = strdup(v->name),
							 .service = service,
							 .help = &v->help,
							 .secret = v->secret,
							 .wanted = here || !v->secret };

			if (v->fallback) {
				d.fallback = strdup(v->fallback);
				if (!d.fallback)
					r = err_nomem(err);
			}
			if (r == 0)
				r = declare(all, d, err);
			else
				free(d.name);
			if (r < 0)
				return r;
		}
		r = declare_ports(all, cluster, service, err);
	}
	return r;
}

static int cmp_declarations(const void *a, const void *b)
{
	return strcmp(((const struct context_declaration *)a)->name,
		      ((const struct context_declaration *)b)->name);
}

/* RET_TEXT is borrowed; NULL when there is none. */
static int value_of(const struct context_declaration *d,
		    const char *(*lookup)(const void *from, const char *name), const void *from,
		    const char **ret_text, struct err *err)
{
	const char *text = lookup(from, d->name);
	struct err inner = ERR_INIT;
	uint64_t port = 0;

	if (!text || (d->secret && !*text))
		text = d->fallback;
	if (text && d->port && str_u64(&port, text, 1, 65535, &inner) < 0)
		return err_set(err, ERR_CONFIG, "variable '%s' (service '%s'): %s", d->name,
			       d->service->name, inner.msg);
	*ret_text = text;
	return 0;
}

static int missing(const struct context_declarations *all, const bool *is_missing, struct err *err)
{
	size_t count = 0, first = 0;

	for (size_t i = all->count; i > 0; i--)
		if (is_missing[i - 1]) {
			first = i - 1;
			count++;
		}
	err_set(err, ERR_CONFIG, "variable '%s' is not set: service '%s' needs it",
		all->items[first].name, all->items[first].service->name);
	for (size_t i = first + 1; count > 1 && i < all->count; i++)
		if (is_missing[i])
			err_detail(err, "and '%s' (service '%s')", all->items[i].name,
				   all->items[i].service->name);
	return -ERR_CONFIG;
}

static int fill(const struct context_declarations *all,
		const char *(*lookup)(const void *from, const char *name), const void *from,
		struct context_env *env, struct err *err)
{
	cleanup_free bool *is_missing = calloc(all->count + 1, sizeof(*is_missing));
	bool any_missing = false;

	env->items = calloc(all->count + 1, sizeof(*env->items));
	if (!env->items || !is_missing)
		return err_nomem(err);
	for (size_t i = 0; i < all->count; i++) {
		const struct context_declaration *d = &all->items[i];
		struct context_variable *v = &env->items[env->count];
		const char *text = NULL;
		int r = 0;

		if (!d->wanted)
			continue;
		r = value_of(d, lookup, from, &text, err);
		if (r < 0)
			return r;
		if (!text) {
			any_missing = is_missing[i] = true;
			continue;
		}
		env->count++;
		v->secret = d->secret;
		r = str_dup(&v->name, d->name, err);
		if (r == 0)
			r = str_dup(&v->value, text, err);
		if (r < 0)
			return r;
	}
	return any_missing ? missing(all, is_missing, err) : 0;
}

int context_declarations(const struct context_cluster *cluster, struct context_declarations *ret,
			 struct err *err)
{
	return declare_all(ret, cluster, NULL, err);
}

int context_env_resolve(const struct context_cluster *cluster, const struct topology_node *node,
			const char *(*lookup)(const void *from, const char *name), const void *from,
			struct context_env **ret, struct err *err)
{
	CLEANUP(context_declarations_release) struct context_declarations all = { .items = NULL };
	CLEANUP(context_env_freep) struct context_env *env = calloc(1, sizeof(*env));
	int r = declare_all(&all, cluster, node, err);

	if (r < 0)
		return r;
	if (!env)
		return err_nomem(err);
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), cmp_declarations);
	r = fill(&all, lookup, from, env, err);
	if (r == 0)
		*ret = steal_ptr(&env);
	return r;
}

void context_env_free(struct context_env *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->count; i++) {
		struct context_variable *v = &env->items[i];

		free(v->name);
		if (v->value)
			secret_cleanse(v->value, strlen(v->value));
		free(v->value);
	}
	free(env->items);
	free(env);
}

const struct context_variable *context_env_find(const struct context_env *env, const char *name)
{
	for (size_t i = 0; i < env->count; i++)
		if (!strcmp(env->items[i].name, name))
			return &env->items[i];
	return NULL;
}

char *context_port_name(const char *env, const char *node)
{
	char *name = NULL;

	if (asprintf(&name, "%s_%s", env, node) < 0)
		return NULL;
	for (char *p = name + strlen(env); *p; p++) {
		if (*p == '-')
			*p = '_';
		else if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	return name;
}
