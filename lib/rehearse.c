/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearse.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "str.h"

/* A service and the tree that its templates see on one node. */
struct part {
	const struct service *service;        /* borrowed */
	const struct mustache_value *context; /* borrowed */
};

/* --- everything rendered once --------------------------------------------------------------- */

int rehearse_render(const struct service *service, const struct mustache_value *context,
		    const struct service_file *file, bool *ret_wanted, struct str *ret,
		    struct err *err)
{
	const struct mustache_options options = { .format = file->format,
						  .strict = true,
						  .partial = service_template,
						  .context = service };
	cleanup_free char *when = NULL;
	bool wanted = true;
	int r = 0;

	if (file->when) {
		r = context_text(context, "when", file->when, false, &when, err);
		wanted = r == 0 && !strcmp(when, "true");
	}
	if (r == 0 && wanted)
		r = mustache_render(file->template, service_template(service, file->template),
				    context, &options, ret, err);
	if (r < 0)
		return err_prefix(err, "service '%s'", service->name);
	*ret_wanted = wanted;
	return 0;
}

static int try_text(const struct part *service, const char *what, const char *text, bool secrets,
		    struct err *err)
{
	cleanup_free char *rendered = NULL;
	int r = text ? context_text(service->context, what, text, secrets, &rendered, err) : 0;

	if (rendered)
		secret_cleanse(rendered, strlen(rendered));
	return r;
}

static int try_command(const struct part *service, const struct service_command *command,
		       struct err *err)
{
	int r = try_text(service, "stdin", command->stdin_text, true, err);

	for (size_t i = 0; r == 0 && i < command->exec.count; i++)
		r = try_text(service, "exec", command->exec.items[i], false, err);
	SERVICE_EACH(struct service_setting, setting, command->env)
	if (r == 0)
		r = try_text(service, setting->name, setting->value, true, err);
	return r;
}

static int try_lock(const struct part *service, struct err *err)
{
	const struct service_lock *lock = &service->service->restart.lock;
	int r = try_command(service, &lock->command, err);

	if (r == 0)
		r = try_text(service, "when", lock->when, false, err);
	if (r == 0)
		r = try_text(service, "expect", lock->expect, false, err);
	return r < 0 ? err_prefix(err, "service '%s': restart: lock", service->service->name) : 0;
}

static int try_commands(const struct part *service, struct err *err)
{
	int r = try_lock(service, err);

	if (r < 0)
		return r;

	SERVICE_EACH(struct service_setting, setting, service->service->command_env)
	if (r == 0)
		r = try_text(service, setting->name, setting->value, true, err);
	if (r < 0)
		return err_prefix(err, "service '%s': command_env", service->service->name);
	SERVICE_EACH(struct service_probe, probe, service->service->probes)
	{
		r = try_command(service, &probe->command, err);
		if (r == 0)
			r = try_text(service, "expect", probe->expect, false, err);
		if (r < 0)
			return err_prefix(err, "service '%s': probe '%s'", service->service->name,
					  probe->name);
	}
	SERVICE_EACH(struct service_once, step, service->service->once)
	{
		r = try_command(service, &step->command, err);
		for (size_t i = 0; r == 0 && i < step->unless.count; i++)
			r = try_text(service, "unless", step->unless.items[i], false, err);
		if (r == 0)
			r = try_text(service, "expect", step->expect, false, err);
		if (r < 0)
			return err_prefix(err, "service '%s': step '%s'", service->service->name,
					  step->name);
	}
	return 0;
}

static int try_service(const struct part *service, struct err *err)
{
	SERVICE_EACH(struct service_file, file, service->service->files)
	{
		CLEANUP(str_release) struct str text = STR_SECRET;
		bool wanted = false;
		int r = rehearse_render(service->service, service->context, file, &wanted, &text,
					err);

		if (r < 0)
			return r;
	}
	SERVICE_EACH(struct service_port, port, service->service->ports)
	{
		int r = try_text(service, port->env, port->when, false, err);

		if (r < 0)
			return err_prefix(err, "service '%s': port", service->service->name);
	}
	return try_commands(service, err);
}

/* --- one path, one owner -------------------------------------------------------------------- */

/* What stands at a path: two that are shared and alike agree, anything else does not. */
struct claim {
	const char *path, *owner, *group; /* borrowed */
	mode_t mode;
	bool shared; /* a directory, a CA */
	bool maybe;  /* a file with `when`: one of several */
};

struct claims {
	struct claim *items;
	size_t count;
};

static void claims_release(struct claims *claims)
{
	free(claims->items);
}

static int claim(struct claims *all, struct claim c, struct err *err)
{
	struct claim *items = NULL;

	if (!c.path)
		return 0;
	for (size_t i = 0; i < all->count; i++) {
		const struct claim *other = &all->items[i];

		if (strcmp(other->path, c.path) != 0 || (other->maybe && c.maybe))
			continue;
		if (other->shared && c.shared && other->mode == c.mode &&
		    !strcmp(other->owner, c.owner) && !strcmp(other->group, c.group))
			return 0;
		return err_set(err, ERR_CONFIG,
			       "'%s' is wanted twice on this node, and differently", c.path);
	}
	items = reallocarray(all->items, all->count + 1, sizeof(*items));
	if (!items)
		return err_nomem(err);
	all->items = items;
	items[all->count++] = c;
	return 0;
}

static int claim_certificate(struct claims *all, const struct service_certificate *c,
			     struct err *err)
{
	struct claim ca = {
		.path = c->ca, .owner = "root", .group = "root", .mode = 0644, .shared = true
	};
	struct claim own = {
		.path = c->cert, .owner = c->owner, .group = c->group, .mode = c->mode
	};
	int r = claim(all, ca, err);

	if (r == 0)
		r = claim(all, own, err);
	ca.path = c->crl;
	if (r == 0)
		r = claim(all, ca, err);
	own.path = c->key;
	if (r == 0)
		r = claim(all, own, err);
	own.path = c->bundle;
	return r < 0 ? r : claim(all, own, err);
}

static int claim_service(struct claims *all, const struct service *service, struct err *err)
{
	int r = 0;

	SERVICE_EACH(struct service_directory, d, service->directories)
	{
		const struct claim c = { .path = d->path,
					 .owner = d->owner,
					 .group = d->group,
					 .mode = d->mode,
					 .shared = true };

		if (r == 0)
			r = claim(all, c, err);
	}
	SERVICE_EACH(struct service_certificate, certificate, service->certificates)
	if (r == 0)
		r = claim_certificate(all, certificate, err);
	SERVICE_EACH(struct service_file, file, service->files)
	{
		const struct claim c = { .path = file->dest, .maybe = file->when != NULL };

		if (r == 0)
			r = claim(all, c, err);
	}
	return r < 0 ? err_prefix(err, "service '%s'", service->name) : 0;
}

static int check_paths(const struct part *parts, size_t count, struct err *err)
{
	CLEANUP(claims_release) struct claims all = { .items = NULL };
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = claim_service(&all, parts[i].service, err);
	return r;
}

/* --- a whole node --------------------------------------------------------------------------- */

static int try_parts(const struct context_cluster *cluster, const struct context_env *env,
		     const struct topology_node *node, struct part *parts, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < node->services.count; i++) {
		const struct service *service =
			manifest_find(cluster->manifest, node->services.items[i]);
		struct mustache_value *context = NULL;

		if (!service)
			return err_set(err, ERR_CONFIG,
				       "node '%s' runs service '%s', which the bundle lacks",
				       node->name, node->services.items[i]);
		r = context_build(cluster, env, node, service, &context, err);
		parts[i] = (struct part){ .service = service, .context = context };
		if (r == 0)
			r = try_service(&parts[i], err);
		mustache_free(context);
		parts[i].context = NULL;
	}
	return r < 0 ? r : check_paths(parts, node->services.count, err);
}

int rehearse_node(const struct context_cluster *cluster, const struct context_env *env,
		  const struct topology_node *node, struct err *err)
{
	struct part *parts = calloc(node->services.count + 1, sizeof(*parts));
	int r = parts ? try_parts(cluster, env, node, parts, err) : err_nomem(err);

	free(parts);
	return r;
}
