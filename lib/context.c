/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "context_env.h"

/* --- trees ---------------------------------------------------------------------------------- */

/* Remembers the first failure, so that building reads as what is built. */
struct build {
	const struct context_cluster *cluster;
	const struct context_env *env;
	struct err *err;
	int r;
};

static void put(struct build *b, struct mustache_value *map, const char *key,
		struct mustache_value *value)
{
	if (b->r < 0)
		mustache_free(value);
	else
		b->r = mustache_set(map, key, value, b->err);
}

static void put_text(struct build *b, struct mustache_value *map, const char *key, const char *text)
{
	put(b, map, key, mustache_scalar(text ? text : ""));
}

static void append(struct build *b, struct mustache_value *list, struct mustache_value *value)
{
	if (b->r < 0)
		mustache_free(value);
	else
		b->r = mustache_append(list, value, b->err);
}

static bool runs(const struct topology_node *node, const char *service)
{
	return strv_has(&node->services, service);
}

/* Every name that some node's vars have: those that a node does not have are empty there. */
static struct mustache_value *vars_of(struct build *b, const struct topology_node *node)
{
	const struct topology *t = b->cluster->topology;
	struct mustache_value *vars = mustache_map();

	mustache_mark_open(vars);
	for (size_t i = 0; i < t->count; i++)
		SERVICE_EACH(struct topology_var, var, t->nodes[i].vars)
	put_text(b, vars, var->name, "");
	SERVICE_EACH(struct topology_var, var, node->vars)
	put_text(b, vars, var->name, var->value);
	return vars;
}

static struct mustache_value *ports_of(struct build *b, const struct topology_node *node)
{
	struct mustache_value *ports = mustache_map();

	for (size_t i = 0; i < b->cluster->manifest->count; i++) {
		const struct service *service = b->cluster->manifest->services[i];

		SERVICE_EACH(struct service_port, port, service->ports)
		{
			cleanup_free char *name = NULL;
			const struct context_variable *v = NULL;

			if (!port->per_node || !runs(node, service->name))
				continue;
			name = context_port_name(port->env, node->name);
			v = name ? context_env_find(b->env, name) : NULL;
			if (v)
				put_text(b, ports, port->env, v->value);
		}
	}
	return ports;
}

static struct mustache_value *node_of(struct build *b, const struct topology_node *node)
{
	const char *domain = b->cluster->topology->domain;
	bool v6 = strchr(node->address, ':') != NULL;
	struct mustache_value *map = mustache_map();
	struct mustache_value *services = mustache_list();
	char text[512];

	put_text(b, map, "name", node->name);
	snprintf(text, sizeof(text), "%s%s%s", node->name, *domain ? "." : "", domain);
	put_text(b, map, "fqdn", text);
	put_text(b, map, "address", node->address);
	snprintf(text, sizeof(text), "%s%s%s", v6 ? "[" : "", node->address, v6 ? "]" : "");
	put_text(b, map, "host", text);
	snprintf(text, sizeof(text), "%s/%s", node->address, v6 ? "128" : "32");
	put_text(b, map, "cidr", text);
	put_text(b, map, "datacenter", node->datacenter);
	snprintf(text, sizeof(text), "%u", node->priority);
	put_text(b, map, "priority", text);
	put(b, map, "vars", vars_of(b, node));
	put(b, map, "ports", ports_of(b, node));
	for (size_t i = 0; i < node->services.count; i++)
		append(b, services, mustache_string(node->services.items[i]));
	put(b, map, "services", services);
	return map;
}

/* The nodes that run SERVICE; NULL: all. */
static struct mustache_value *nodes_of(struct build *b, const struct topology_node *self,
				       const char *service)
{
	const struct topology *t = b->cluster->topology;
	struct mustache_value *list = mustache_list();
	struct mustache_value *last = NULL;
	bool first = true;

	for (size_t i = 0; i < t->count; i++) {
		struct mustache_value *node = NULL;

		if (service && !runs(&t->nodes[i], service))
			continue;
		node = node_of(b, &t->nodes[i]);
		put(b, node, "self", mustache_bool(&t->nodes[i] == self));
		put(b, node, "first", mustache_bool(first));
		put(b, node, "last", mustache_bool(false));
		append(b, list, node);
		if (b->r < 0)
			return list;
		last = node;
		first = false;
	}
	if (last)
		put(b, last, "last", mustache_bool(true));
	return list;
}

static struct mustache_value *services_of(struct build *b, const struct topology_node *self)
{
	struct mustache_value *map = mustache_map();

	for (size_t i = 0; i < b->cluster->manifest->count; i++) {
		const char *name = b->cluster->manifest->services[i]->name;
		struct mustache_value *service = mustache_map();

		put(b, service, "nodes", nodes_of(b, self, name));
		put(b, service, "here", mustache_bool(self && runs(self, name)));
		put(b, map, name, service);
	}
	return map;
}

static struct mustache_value *env_of(struct build *b, const struct service *service)
{
	struct mustache_value *map = mustache_map();

	for (size_t i = 0; i < b->env->count; i++) {
		const struct context_variable *v = &b->env->items[i];
		struct mustache_value *value = NULL;

		if (!v->secret) {
			put_text(b, map, v->name, v->value);
		} else if (service_has_secret(service, v->name)) {
			value = mustache_string(v->value);
			mustache_mark_secret(value);
			put(b, map, v->name, value);
		}
	}
	return map;
}

static struct mustache_value *certs_of(struct build *b, const struct service *service)
{
	struct mustache_value *map = mustache_map();

	SERVICE_EACH(struct service_certificate, cert, service->certificates)
	{
		struct mustache_value *paths = mustache_map();

		put_text(b, paths, "cert", cert->cert);
		put_text(b, paths, "key", cert->key);
		put_text(b, paths, "ca", cert->ca);
		put_text(b, paths, "bundle", cert->bundle);
		put_text(b, paths, "crl", b->cluster->has_crl ? cert->crl : NULL);
		put(b, map, cert->name, paths);
	}
	return map;
}

static struct mustache_value *platform_of(struct build *b)
{
	struct mustache_value *map = mustache_map();

	put(b, map, "id", mustache_string(b->cluster->platform_id));
	put(b, map, "arch", mustache_string(b->cluster->platform_arch));
	/* Absent, so that strict rendering tells whoever needs it that the definition lacks it. */
	if (b->cluster->platform_python)
		put(b, map, "python", mustache_string(b->cluster->platform_python));
	return map;
}

static void put_venv(struct build *b, struct mustache_value *root, const struct service *service)
{
	struct mustache_value *venv = NULL;
	cleanup_free char *python = NULL;

	if (!service->venv.path || b->r < 0)
		return;
	b->r = context_text(root, "venv", service->venv.python, false, &python, b->err);
	if (b->r == 0 && python[0] != '/')
		b->r = err_set(b->err, ERR_CONFIG, "venv: python '%.80s' is no absolute path",
			       python);
	if (b->r < 0) {
		err_prefix(b->err, "service '%s'", service->name);
		return;
	}
	venv = mustache_map();
	put_text(b, venv, "path", service->venv.path);
	put_text(b, venv, "python", python);
	put(b, root, "venv", venv);
}

int context_build(const struct context_cluster *cluster, const struct context_env *env,
		  const struct topology_node *node, const struct service *service,
		  struct mustache_value **ret, struct err *err)
{
	CLEANUP(mustache_freep) struct mustache_value *root = mustache_map();
	struct build b = { .cluster = cluster, .env = env, .err = err };

	put_text(&b, root, "cluster", cluster->cluster);
	put_text(&b, root, "domain", cluster->topology->domain);
	put_text(&b, root, "vip", cluster->topology->vip);
	put(&b, root, "node", node_of(&b, node));
	put(&b, root, "nodes", nodes_of(&b, node, NULL));
	put(&b, root, "services", services_of(&b, node));
	put(&b, root, "env", env_of(&b, service));
	put(&b, root, "certs", certs_of(&b, service));
	put(&b, root, "platform", platform_of(&b));
	put_venv(&b, root, service);
	if (b.r == 0)
		*ret = steal_ptr(&root);
	return b.r;
}

int context_text(const struct mustache_value *context, const char *what, const char *text,
		 bool secrets, char **ret, struct err *err)
{
	const struct mustache_options options = { .strict = true, .no_secrets = !secrets };
	CLEANUP(str_release) struct str out = STR_SECRET;
	int r = mustache_render(what, text, context, &options, &out, err);

	return r < 0 ? r : str_done(&out, ret, err);
}

int context_packages(const struct context_cluster *cluster, const struct service *service,
		     struct strv *ret_names, struct err *err)
{
	CLEANUP(mustache_freep) struct mustache_value *root = mustache_map();
	struct build b = { .cluster = cluster, .err = err };

	put(&b, root, "platform", platform_of(&b));
	for (size_t i = 0; b.r == 0 && i < service->packages.count; i++) {
		char *name = NULL;

		b.r = context_text(root, "packages", service->packages.items[i], false, &name, err);
		if (b.r == 0)
			b.r = strv_take(ret_names, name, err);
		else
			err_prefix(err, "service '%s'", service->name);
	}
	return b.r;
}

/* --- certificates --------------------------------------------------------------------------- */

void context_certificates_free(struct context_certificates *certificates)
{
	if (!certificates)
		return;
	for (size_t i = 0; i < certificates->count; i++) {
		struct context_certificate *c = &certificates->items[i];

		free(c->id);
		free(c->o);
		free(c->ou);
		free(c->cn);
		strv_release(&c->sans);
	}
	free(certificates->items);
	free(certificates);
}

static int add_san(struct context_certificate *c, const char *name, struct err *err)
{
	unsigned char buf[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, name, buf) != 1 && inet_pton(AF_INET6, name, buf) != 1 &&
	    !str_is_word(name, ".-*"))
		return err_set(err, ERR_CONFIG, "'%.80s' is neither a host's name nor an address",
			       name);
	return strv_has(&c->sans, name) ? 0 : strv_add(&c->sans, name, err);
}

/* TEXT holds none, one or more names with white space between. */
static int add_sans(struct context_certificate *c, char *text, struct err *err)
{
	char *rest = NULL;
	int r = 0;

	for (char *name = strtok_r(text, " \t\r\n", &rest); r == 0 && name;
	     name = strtok_r(NULL, " \t\r\n", &rest))
		r = add_san(c, name, err);
	return r;
}

static int own_names(struct context_certificate *c, const struct mustache_value *context,
		     struct err *err)
{
	static const char own[] =
		"{{node.name}} {{node.fqdn}} {{node.address}} localhost 127.0.0.1";
	cleanup_free char *text = NULL;
	int r = context_text(context, "names", own, false, &text, err);

	return r < 0 ? r : add_sans(c, text, err);
}

static int subject_part(const struct mustache_value *context, const char *text, char **ret,
			struct err *err)
{
	return text ? context_text(context, "subject", text, false, ret, err) : 0;
}

static int fill_certificate(struct context_certificate *c, const struct service *service,
			    const struct service_certificate *spec,
			    const struct mustache_value *context, struct err *err)
{
	int r = str_printf(&c->id, err, "%s-%s", service->name, spec->name);

	c->spec = spec;
	if (r == 0)
		r = subject_part(context, spec->subject.o, &c->o, err);
	if (r == 0)
		r = subject_part(context, spec->subject.ou, &c->ou, err);
	if (r == 0)
		r = subject_part(context, spec->subject.cn, &c->cn, err);
	if (r == 0 && (spec->usage & SERVICE_USAGE_SERVER))
		r = own_names(c, context, err);
	for (size_t i = 0; r == 0 && i < spec->sans.count; i++) {
		cleanup_free char *text = NULL;

		r = context_text(context, "sans", spec->sans.items[i], false, &text, err);
		if (r == 0)
			r = add_sans(c, text, err);
	}
	return r < 0 ? err_prefix(err, "service '%s': certificate '%s'", service->name, spec->name)
		     : 0;
}

static int add_certificates(struct context_certificates *all, const struct service *service,
			    const struct mustache_value *context, struct err *err)
{
	struct context_certificate *items = reallocarray(
		all->items, all->count + service->certificates.count + 1, sizeof(*items));

	if (!items)
		return err_nomem(err);
	all->items = items;
	SERVICE_EACH(struct service_certificate, spec, service->certificates)
	{
		struct context_certificate *c = &items[all->count++];
		int r = 0;

		*c = (struct context_certificate){ .spec = spec };
		r = fill_certificate(c, service, spec, context, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i + 1 < all->count; i++)
			if (!strcmp(items[i].id, c->id))
				return err_set(err, ERR_CONFIG,
					       "two certificates of one node would be named '%s'",
					       c->id);
	}
	return 0;
}

int context_certificates(const struct context_cluster *cluster, const struct context_env *env,
			 const struct topology_node *node, struct context_certificates **ret,
			 struct err *err)
{
	CLEANUP(context_certificates_freep)
	struct context_certificates *all = calloc(1, sizeof(*all));

	if (!all)
		return err_nomem(err);
	for (size_t i = 0; i < cluster->manifest->count; i++) {
		const struct service *service = cluster->manifest->services[i];
		CLEANUP(mustache_freep) struct mustache_value *context = NULL;
		int r = 0;

		if (!runs(node, service->name))
			continue;
		r = context_build(cluster, env, node, service, &context, err);
		if (r == 0)
			r = add_certificates(all, service, context, err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(&all);
	return 0;
}
