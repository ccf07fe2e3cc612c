/* SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "yaml.h"

#define NODES_MAX 1000
#define NAME_MAX_LEN 63 /* a DNS label, RFC 1035 */
#define PRIORITY_MAX 1000

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

static bool is_host_name(const char *text, const char *extra)
{
	size_t len = strlen(text);

	for (const char *p = text; *p; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && !strchr(extra, *p))
			return false;
	return len > 0 && text[0] != '-' && text[len - 1] != '-';
}

static bool is_address(const char *text)
{
	unsigned char buf[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, buf) == 1 || inet_pton(AF_INET6, text, buf) == 1;
}

static int cmp_vars(const void *a, const void *b)
{
	return strcmp(((const struct topology_var *)a)->name,
		      ((const struct topology_var *)b)->name);
}

static int parse_vars(const struct yaml_node *node, void *member, struct err *err)
{
	struct schema_list *list = member;
	struct topology_var *vars = NULL;
	int r = 0;

	if (node->type != YAML_MAPPING)
		return yaml_error(node, err, "'vars' must be a mapping");
	if (!node->count)
		return 0;
	vars = calloc(node->count, sizeof(*vars));
	if (!vars)
		return err_nomem(err);
	list->items = vars;
	list->count = node->count;
	for (size_t i = 0; r == 0 && i < node->count; i++) {
		if (!str_is_word(node->keys[i]->text, "_-"))
			r = yaml_error(node->keys[i], err,
				       "the name of a variable may hold letters, digits, '_' and "
				       "'-' only");
		else if (node->items[i]->type != YAML_SCALAR)
			r = yaml_error(node->items[i], err, "'%s' must be a value",
				       node->keys[i]->text);
		if (r == 0)
			r = str_dup(&vars[i].name, node->keys[i]->text, err);
		if (r == 0)
			r = str_dup(&vars[i].value, node->items[i]->text, err);
	}
	if (r == 0)
		qsort(vars, list->count, sizeof(*vars), cmp_vars);
	return r;
}

static void release_vars(void *member)
{
	struct schema_list *list = member;
	struct topology_var *vars = list->items;

	for (size_t i = 0; i < list->count; i++) {
		free(vars[i].name);
		free(vars[i].value);
	}
	free(vars);
}

/* What schema_load() fills, before it becomes a struct topology. */
struct raw {
	char *domain, *vip;
	struct schema_list nodes;
};

static const struct schema_field node_fields[] = {
	SCHEMA_STRING(struct topology_node, name, "name", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct topology_node, address, "address", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct topology_node, datacenter, "datacenter",
		      SCHEMA_REQUIRED | SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_UINT(struct topology_node, priority, "priority", 0, 0, PRIORITY_MAX),
	SCHEMA_STRV(struct topology_node, services, "services", SCHEMA_REQUIRED),
	SCHEMA_CUSTOM(struct topology_node, vars, "vars", 0, parse_vars, release_vars),
	SCHEMA_END,
};

static const struct schema_field raw_fields[] = {
	SCHEMA_STRING(struct raw, domain, "domain", 0),
	SCHEMA_STRING(struct raw, vip, "vip", 0),
	SCHEMA_LIST(struct raw, nodes, "nodes", SCHEMA_REQUIRED | SCHEMA_NONEMPTY, node_fields,
		    struct topology_node),
	SCHEMA_END,
};

static void raw_release(struct raw *raw)
{
	schema_release(raw_fields, raw);
}

static int check_services(const struct topology_node *node, const struct yaml_node *where,
			  const struct strv *known, struct err *err)
{
	const struct yaml_node *services = yaml_get(where, "services");

	for (size_t i = 0; i < node->services.count; i++) {
		const char *name = node->services.items[i];
		const char *near = NULL;

		for (size_t j = 0; j < i; j++)
			if (!strcmp(node->services.items[j], name))
				return yaml_error(services->items[i], err,
						  "service '%s' stands twice", name);
		if (!known || strv_has(known, name))
			continue;
		near = known->count ? str_nearest(name, (const char *const *)known->items) : NULL;
		if (near)
			return yaml_error(services->items[i], err,
					  "unknown service '%.80s' (did you mean '%s'?)", name,
					  near);
		return yaml_error(services->items[i], err,
				  "unknown service '%.80s': the bundle's definition does not list "
				  "it",
				  name);
	}
	return 0;
}

static int check_node(const struct topology_node *nodes, size_t at, const struct yaml_node *where,
		      const struct strv *known, struct err *err)
{
	const struct topology_node *node = &nodes[at];

	if (!is_host_name(node->name, "-") || strlen(node->name) > NAME_MAX_LEN)
		return yaml_error(yaml_get(where, "name"), err,
				  "the name of a node may hold a-z, 0-9 and inner '-' only, at "
				  "most %d of them",
				  NAME_MAX_LEN);
	if (!is_address(node->address))
		return yaml_error(yaml_get(where, "address"), err,
				  "'%.80s' is no IPv4 or IPv6 address", node->address);
	for (size_t i = 0; i < at; i++) {
		if (!strcmp(nodes[i].name, node->name))
			return yaml_error(yaml_get(where, "name"), err,
					  "node '%s' stands twice (also in item %zu)", node->name,
					  i + 1);
		if (!strcmp(nodes[i].address, node->address))
			return yaml_error(yaml_get(where, "address"), err,
					  "'%s' is the address of node '%s' already", node->address,
					  nodes[i].name);
	}
	return check_services(node, where, known, err);
}

static int check(const struct raw *raw, const struct yaml_node *root, const struct strv *known,
		 struct err *err)
{
	const struct yaml_node *nodes = yaml_get(root, "nodes");
	int r = 0;

	if (raw->domain && *raw->domain && !is_host_name(raw->domain, ".-"))
		return yaml_error(yaml_get(root, "domain"), err, "'%.80s' is no domain name",
				  raw->domain);
	if (raw->vip && *raw->vip && !is_address(raw->vip))
		return yaml_error(yaml_get(root, "vip"), err, "'%.80s' is no IPv4 or IPv6 address",
				  raw->vip);
	if (raw->nodes.count > NODES_MAX)
		return yaml_error(nodes, err, "more than %d nodes", NODES_MAX);
	for (size_t i = 0; r == 0 && i < raw->nodes.count; i++)
		r = check_node(raw->nodes.items, i, nodes->items[i], known, err);
	return r;
}

static int or_empty(char **text, struct err *err)
{
	return *text ? 0 : str_dup(text, "", err);
}

int topology_load(const char *path, const struct strv *known, struct topology **ret,
		  struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	CLEANUP(raw_release) struct raw raw = { .domain = NULL };
	struct topology *topology = NULL;
	int r = yaml_load(path, ERR_CONFIG, &doc, err);

	if (r == 0)
		r = schema_load(yaml_root(doc), raw_fields, &raw, err);
	if (r == 0)
		r = check(&raw, yaml_root(doc), known, err);
	if (r == 0)
		r = or_empty(&raw.domain, err);
	if (r == 0)
		r = or_empty(&raw.vip, err);
	if (r < 0)
		return r;
	topology = calloc(1, sizeof(*topology));
	if (!topology)
		return err_nomem(err);
	topology->domain = steal_ptr(&raw.domain);
	topology->vip = steal_ptr(&raw.vip);
	topology->count = raw.nodes.count;
	topology->nodes = raw.nodes.items;
	raw.nodes = (struct schema_list){ .items = NULL };
	*ret = topology;
	return 0;
}

void topology_free(struct topology *topology)
{
	struct raw raw = { .domain = NULL };

	if (!topology)
		return;
	raw = (struct raw){ .domain = topology->domain,
			    .vip = topology->vip,
			    .nodes = { .items = topology->nodes, .count = topology->count } };
	raw_release(&raw);
	free(topology);
}

const struct topology_node *topology_find(const struct topology *topology, const char *name)
{
	for (size_t i = 0; i < topology->count; i++)
		if (!strcmp(topology->nodes[i].name, name))
			return &topology->nodes[i];
	return NULL;
}

int topology_need(const struct topology *topology, const char *name,
		  const struct topology_node **ret, struct err *err)
{
	const struct topology_node *node = topology_find(topology, name);
	CLEANUP(str_release) struct str names = STR_INIT;

	if (node) {
		*ret = node;
		return 0;
	}
	for (size_t i = 0; i < topology->count; i++)
		str_addf(&names, "%s%s", i ? ", " : "", topology->nodes[i].name);
	return err_set(err, ERR_USAGE, "no node is named '%.80s' (there are: %.300s)", name,
		       names.buf ? names.buf : "none");
}
