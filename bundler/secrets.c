/* SPDX-License-Identifier: Apache-2.0 */
#include "secrets.h"

#include "cleanup.h"
#include "file.h"

int secrets_load(const char *path, struct secrets *ret, struct err *err)
{
	cleanup_free char *services = NULL;
	struct definition *def = &ret->def;
	int r = definition_load(path, def, err);

	if (r == 0)
		r = definition_need(def, "topology", def->topology, err);
	if (r == 0)
		r = definition_need(def, "services",
				    def->services.count ? def->services.items[0] : NULL, err);
	if (r == 0)
		r = path_beside(path, "services", &services, err);
	if (r == 0)
		r = manifest_load(services, &def->services, &ret->manifest, err);
	if (r == 0)
		r = topology_load(def->topology, &def->services, &ret->topology, err);
	if (r < 0)
		return r;
	ret->cluster = (struct context_cluster){ .cluster = def->cluster,
						 .platform_id = def->platform.id,
						 .platform_arch = def->platform.arch,
						 .platform_python = def->platform.python,
						 .topology = ret->topology,
						 .manifest = ret->manifest };
	return context_declarations(&ret->cluster, &ret->declared, err);
}

void secrets_release(struct secrets *s)
{
	context_declarations_release(&s->declared);
	manifest_free(s->manifest);
	topology_free(s->topology);
	definition_release(&s->def);
}
