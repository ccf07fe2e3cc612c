/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capsule.h"
#include "file.h"

#define CHANGED_DIR "changed" /* below STATE: a file for each service whose units need something */
#define UNIT_FILES ".unit-files" /* there: daemon-reload; no service can be named so */

static const char *const wants[] = {
	[SERVICE_NONE] = "none", [SERVICE_RELOAD] = "reload", [SERVICE_RESTART] = "restart"
};

/* --- what is still to do to the units ------------------------------------------------------- */

static int changed_path(const struct setup *setup, const char *name, char **ret, struct err *err)
{
	return str_printf(ret, err, "%s/" CHANGED_DIR "/%s", setup->in->state_dir, name);
}

static int mark(const struct setup *setup, const char *name, const char *text, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *dir = NULL;
	int r = str_printf(&dir, err, "%s/" CHANGED_DIR, setup->in->state_dir);

	if (r == 0)
		r = changed_path(setup, name, &path, err);
	if (r == 0)
		r = dir_make(dir, 0700, err);
	return r < 0 ? r : file_write_atomic(path, 0600, text, strlen(text), err);
}

static int unmark(const struct setup *setup, const char *name, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = changed_path(setup, name, &path, err);

	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
	return r;
}

/* RET_TEXT stays NULL when there is no mark. */
static int read_mark(const struct setup *setup, const char *name, char **ret_text, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = changed_path(setup, name, &path, err);

	if (r < 0 || access(path, F_OK) < 0)
		return r;
	return file_read(path, 64, ERR_FAILED, ret_text, NULL, err);
}

int setup_want(struct setup *setup, struct setup_service *service, enum service_on_change what,
	       bool apply, struct err *err)
{
	if (what <= service->wanted)
		return 0;
	service->wanted = what;
	return apply ? mark(setup, service->service->name, wants[what], err) : 0;
}

int setup_done(struct setup *setup, struct setup_service *service, struct err *err)
{
	if (service->wanted == SERVICE_NONE)
		return 0;
	service->wanted = SERVICE_NONE;
	return unmark(setup, service->service->name, err);
}

int setup_want_reload(struct setup *setup, bool apply, struct err *err)
{
	if (setup->units_changed)
		return 0;
	setup->units_changed = true;
	return apply ? mark(setup, UNIT_FILES, "changed", err) : 0;
}

int setup_reload_done(struct setup *setup, struct err *err)
{
	setup->units_changed = false;
	return unmark(setup, UNIT_FILES, err);
}

static int load_marks(struct setup *setup, struct err *err)
{
	cleanup_free char *reload = NULL;
	int r = read_mark(setup, UNIT_FILES, &reload, err);

	setup->units_changed = reload != NULL;
	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		cleanup_free char *text = NULL;

		r = read_mark(setup, setup->services[i].service->name, &text, err);
		if (text)
			setup->services[i].wanted = strcmp(text, wants[SERVICE_RELOAD])
							    ? SERVICE_RESTART
							    : SERVICE_RELOAD;
	}
	return r;
}

/* --- everything rendered once --------------------------------------------------------------- */

int setup_render(const struct setup_service *service, const struct service_file *file,
		 bool *ret_wanted, struct str *ret, struct err *err)
{
	const struct mustache_options options = { .format = file->format,
						  .strict = true,
						  .partial = service_template,
						  .context = service->service };
	cleanup_free char *when = NULL;
	bool wanted = true;
	int r = 0;

	if (file->when) {
		r = context_text(service->context, "when", file->when, false, &when, err);
		wanted = r == 0 && !strcmp(when, "true");
	}
	if (r == 0 && wanted)
		r = mustache_render(file->template,
				    service_template(service->service, file->template),
				    service->context, &options, ret, err);
	if (r < 0)
		return err_prefix(err, "service '%s'", service->service->name);
	*ret_wanted = wanted;
	return 0;
}

static int try_text(const struct setup_service *service, const char *what, const char *text,
		    bool secrets, struct err *err)
{
	cleanup_free char *rendered = NULL;
	int r = text ? context_text(service->context, what, text, secrets, &rendered, err) : 0;

	if (rendered)
		secret_cleanse(rendered, strlen(rendered));
	return r;
}

static int try_command(const struct setup_service *service, const struct service_command *command,
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

static int try_commands(const struct setup_service *service, struct err *err)
{
	int r = 0;

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

static int try_service(const struct setup_service *service, struct err *err)
{
	SERVICE_EACH(struct service_file, file, service->service->files)
	{
		CLEANUP(str_release) struct str text = STR_SECRET;
		bool wanted = false;
		int r = setup_render(service, file, &wanted, &text, err);

		if (r < 0)
			return r;
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

static int check_paths(const struct setup *setup, struct err *err)
{
	CLEANUP(claims_release) struct claims all = { .items = NULL };
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++)
		r = claim_service(&all, setup->services[i].service, err);
	return r;
}

/* --- loading -------------------------------------------------------------------------------- */

static const char *from_capsule(const void *capsule, const char *name)
{
	return capsule_env(capsule, name);
}

static int load_manifest(struct setup *setup, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	int r = path_join(setup->in->staging, "manifests/services", &dir, err);

	if (r == 0)
		r = dir_list(dir, &names, err);
	return r < 0 ? r : manifest_load(dir, &names, &setup->manifest, err);
}

static int add_service(struct setup *setup, const char *name, struct err *err)
{
	const struct service *service = manifest_find(setup->manifest, name);
	struct setup_service *s = &setup->services[setup->count];
	int r = 0;

	if (!service)
		return err_set(err, ERR_CONFIG,
			       "node '%s' runs service '%s', which the bundle lacks",
			       setup->node->name, name);
	setup->count++;
	s->service = service;
	r = context_build(&setup->cluster, setup->env, setup->node, service, &s->context, err);
	return r < 0 ? r : try_service(s, err);
}

static int load_services(struct setup *setup, struct err *err)
{
	const struct strv *names = &setup->node->services;
	int r = 0;

	setup->services = calloc(names->count + 1, sizeof(*setup->services));
	if (!setup->services)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < names->count; i++)
		r = add_service(setup, names->items[i], err);
	return r;
}

static int load(struct setup *setup, struct err *err)
{
	struct install *in = setup->in;
	int r = topology_need(in->topology, in->node, &setup->node, err);

	setup->root_fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && setup->root_fd < 0)
		r = err_errno(err, ERR_USAGE, errno, "cannot open the root '%s'", in->root);
	if (r == 0)
		r = load_manifest(setup, err);
	if (r < 0)
		return r;
	setup->cluster = (struct context_cluster){ .cluster = in->index.cluster,
						   .platform_id = in->index.platform.id,
						   .platform_arch = in->index.platform.arch,
						   .platform_python = in->index.platform.python,
						   .topology = in->topology,
						   .manifest = setup->manifest };
	r = context_env_resolve(&setup->cluster, setup->node, from_capsule, in->capsule,
				&setup->env, err);
	if (r == 0)
		r = load_services(setup, err);
	if (r == 0)
		r = check_paths(setup, err);
	return r < 0 ? r : load_marks(setup, err);
}

int setup_new(struct install *in, struct setup **ret, struct err *err)
{
	CLEANUP(setup_freep) struct setup *setup = calloc(1, sizeof(*setup));
	int r = 0;

	if (!setup)
		return err_nomem(err);
	setup->in = in;
	setup->root_fd = -1;
	r = load(setup, err);
	if (r == 0)
		*ret = steal_ptr(&setup);
	return r;
}

void setup_free(struct setup *setup)
{
	if (!setup)
		return;
	for (size_t i = 0; i < setup->count; i++)
		mustache_free(setup->services[i].context);
	free(setup->services);
	context_env_free(setup->env);
	manifest_free(setup->manifest);
	cleanup_closep(&setup->root_fd);
	free(setup);
}

int setup_packages(const struct setup *setup, struct strv *ret_names, struct err *err)
{
	CLEANUP(strv_release) struct strv all = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++)
		r = context_packages(&setup->cluster, setup->services[i].service, &all, err);
	strv_sort(&all);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (!i || strcmp(all.items[i], all.items[i - 1]) != 0)
			r = strv_add(ret_names, all.items[i], err);
	return r;
}
