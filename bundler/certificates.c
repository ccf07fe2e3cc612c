/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include <string.h>
#include <unistd.h>

#include "file.h"

static int load(struct certificates *c, const char *path, struct err *err)
{
	struct definition *def = &c->def;
	cleanup_free char *services = NULL;
	int r = definition_need(def, "cluster", def->cluster, err);

	if (r == 0)
		r = definition_need(def, "topology", def->topology, err);
	if (r == 0)
		r = definition_need(def, "services",
				    def->services.count ? def->services.items[0] : NULL, err);
	if (r == 0)
		r = path_beside(path, "services", &services, err);
	if (r == 0)
		r = manifest_load(services, &def->services, &c->manifest, err);
	if (r == 0)
		r = topology_load(def->topology, &def->services, &c->topology, err);
	if (r == 0 && def->env && access(def->env, F_OK) == 0)
		r = dotenv_load(def->env, &c->env, err);
	return r;
}

int certificates_load(const char *path, struct certificates *ret, struct err *err)
{
	int r = definition_load(path, &ret->def, err);

	if (r == 0)
		r = load(ret, path, err);
	if (r < 0)
		return r;
	ret->cluster = (struct context_cluster){ .cluster = ret->def.cluster,
						 .platform_id = ret->def.platform.id,
						 .platform_arch = ret->def.platform.arch,
						 .platform_python = ret->def.platform.python,
						 .topology = ret->topology,
						 .manifest = ret->manifest };
	return 0;
}

void certificates_release(struct certificates *c)
{
	dotenv_free(c->env);
	manifest_free(c->manifest);
	topology_free(c->topology);
	definition_release(&c->def);
}

/* A secret can stand in no certificate (context_certificates() refuses it), so any value does. */
static const char *lookup(const void *from, const char *name)
{
	const struct certificates *c = from;
	const char *value = c->env ? dotenv_get(c->env, name) : NULL;

	for (size_t i = 0; !value && i < c->manifest->count; i++)
		if (service_has_secret(c->manifest->services[i], name))
			value = "not-known-here";
	return value;
}

struct x509_profile certificates_profile(const struct context_certificate *cert)
{
	unsigned int usage = cert->spec->usage;

	return (struct x509_profile){
		.organization = cert->o,
		.unit = cert->ou,
		.common_name = cert->cn,
		.sans = (const char *const *)cert->sans.items,
		.usage = (usage & SERVICE_USAGE_SERVER ? X509_USE_SERVER : 0U) |
			 (usage & SERVICE_USAGE_CLIENT ? X509_USE_CLIENT : 0U),
	};
}

static int each_of_node(const struct certificates *c, const struct topology_node *node,
			certificates_fn *fn, void *arg, struct err *err)
{
	CLEANUP(context_env_freep) struct context_env *env = NULL;
	CLEANUP(context_certificates_freep) struct context_certificates *certs = NULL;
	int r = context_env_resolve(&c->cluster, node, lookup, c, &env, err);

	if (r == 0)
		r = context_certificates(&c->cluster, env, node, &certs, err);
	for (size_t i = 0; r == 0 && i < certs->count; i++) {
		const struct x509_profile profile = certificates_profile(&certs->items[i]);

		r = fn(arg, node->name, certs->items[i].id, &profile, err);
	}
	return r < 0 ? err_prefix(err, "node '%s'", node->name) : 0;
}

int certificates_each(const struct certificates *c, certificates_fn *fn, void *arg, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->topology->count; i++)
		r = each_of_node(c, &c->topology->nodes[i], fn, arg, err);
	return r;
}

/* -- names ------------------------------------------------------------------------------------ */

struct names {
	const char *domain;
	struct strv *list;
};

static bool below(const char *name, const char *domain)
{
	size_t len = strlen(name);
	size_t tail = strlen(domain);

	return *domain && len > tail && name[len - tail - 1] == '.' &&
	       !strcasecmp(name + len - tail, domain);
}

static int collect(void *arg, const char *node, const char *id, const struct x509_profile *profile,
		   struct err *err)
{
	struct names *names = arg;
	int r = 0;

	(void)node;
	(void)id;
	for (const char *const *san = profile->sans; r == 0 && san && *san; san++)
		if (!below(*san, names->domain) && !strv_has(names->list, *san))
			r = strv_add(names->list, *san, err);
	return r;
}

int certificates_names(const struct certificates *c, struct strv *ret, struct err *err)
{
	struct names names = { c->topology->domain, ret };
	int r = *names.domain ? strv_add(ret, names.domain, err) : 0;

	if (r == 0)
		r = certificates_each(c, collect, &names, err);
	return r;
}
