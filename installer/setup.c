/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capsule.h"
#include "crl.h"
#include "file.h"
#include "held.h"
#include "label.h"
#include "ours.h"
#include "progress.h"
#include "rehearse.h"
#include "review.h"

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

		setup->services[i].wanted = SERVICE_NONE;
		r = read_mark(setup, setup->services[i].service->name, &text, err);
		if (text)
			setup->services[i].wanted = strcmp(text, wants[SERVICE_RELOAD])
							    ? SERVICE_RESTART
							    : SERVICE_RELOAD;
	}
	return r;
}

/* --- loading -------------------------------------------------------------------------------- */

static const char *from_capsule(const void *capsule, const char *name)
{
	return capsule_env(capsule, name);
}

/* All but the secrets is there; a secret needs some value, which nobody will see. */
static const char *from_kept(const void *capsule, const char *name)
{
	const char *value = capsule_env(capsule, name);

	return value ? value : "-";
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

static int add_service(struct setup *setup, const char *name, bool kept, struct err *err)
{
	const struct service *service = manifest_find(setup->manifest, name);
	struct setup_service *s = &setup->services[setup->count];

	if (!service)
		return err_set(err, ERR_CONFIG,
			       "node '%s' runs service '%s', which the bundle lacks",
			       setup->node->name, name);
	setup->count++;
	s->setup = setup;
	s->service = service;
	s->no_secrets = kept;
	return context_build(&setup->cluster, setup->env, setup->node, service, &s->context, err);
}

static int load_services(struct setup *setup, bool kept, struct err *err)
{
	const struct strv *names = &setup->node->services;
	int r = 0;

	setup->services = calloc(names->count + 1, sizeof(*setup->services));
	if (!setup->services)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < names->count; i++)
		r = add_service(setup, names->items[i], kept, err);
	return r;
}

static int load(struct setup *setup, bool kept, struct err *err)
{
	struct install *in = setup->in;
	const char *why = NULL;
	int r = topology_need(in->topology, in->node, &setup->node, err);

	setup->root_fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && setup->root_fd < 0)
		r = err_errno(err, ERR_USAGE, errno, "cannot open the root '%s'", in->root);
	if (r == 0)
		r = load_manifest(setup, err);
	if (r < 0)
		return r;
	r = kept ? 0 : label_open(in, &setup->label, err);
	if (r == 0)
		r = crl_for_services(in, &setup->crl, &why, err);
	if (r < 0)
		return r;
	if (why && !kept)
		notice("the services do not get the bundle's revocation list: %s", why);
	setup->cluster = (struct context_cluster){ .cluster = in->index.cluster,
						   .platform_id = in->index.platform.id,
						   .platform_arch = in->index.platform.arch,
						   .platform_python = in->index.platform.python,
						   .has_crl = setup->crl != NULL,
						   .topology = in->topology,
						   .manifest = setup->manifest };
	r = context_env_resolve(&setup->cluster, setup->node, kept ? from_kept : from_capsule,
				in->capsule, &setup->env, err);
	if (r == 0)
		r = load_services(setup, kept, err);
	if (r == 0 && !kept)
		r = rehearse_node(&setup->cluster, setup->env, setup->node, err);
	if (r == 0)
		r = ours_load(in, &setup->ours, err);
	return r < 0 ? r : load_marks(setup, err);
}

/* --- for a review --------------------------------------------------------------------------- */

static int mask_env(struct setup *setup, struct err *err)
{
	struct context_env *masked = setup->masked = calloc(1, sizeof(*masked));
	const struct context_env *env = setup->env;
	int r = 0;

	if (!masked)
		return err_nomem(err);
	masked->items = calloc(env->count + 1, sizeof(*masked->items));
	if (!masked->items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < env->count; i++) {
		const struct context_variable *from = &env->items[i];
		struct context_variable *to = &masked->items[masked->count++];
		bool hidden = from->secret && *from->value;

		to->secret = from->secret;
		r = str_dup(&to->name, from->name, err);
		if (r == 0)
			r = str_dup(&to->value, hidden ? REVIEW_MASK : from->value, err);
		if (r == 0 && hidden)
			r = strv_add(&setup->secrets, from->value, err);
	}
	return r;
}

int setup_review(struct setup *setup, struct review *review, struct err *err)
{
	int r = review && !setup->masked ? mask_env(setup, err) : 0;

	for (size_t i = 0; r == 0 && review && i < setup->count; i++) {
		struct setup_service *s = &setup->services[i];

		if (!s->masked)
			r = context_build(&setup->cluster, setup->masked, setup->node, s->service,
					  &s->masked, err);
	}
	setup->review = review;
	strv_release(&setup->kept);
	strv_release(&setup->declared);
	return r < 0 ? r : load_marks(setup, err);
}

static int new_setup(struct install *in, bool kept, struct setup **ret, struct err *err)
{
	CLEANUP(setup_freep) struct setup *setup = calloc(1, sizeof(*setup));
	int r = 0;

	if (!setup)
		return err_nomem(err);
	setup->in = in;
	setup->root_fd = -1;
	r = load(setup, kept, err);
	if (r == 0)
		*ret = steal_ptr(&setup);
	return r;
}

int setup_new(struct install *in, struct setup **ret, struct err *err)
{
	return new_setup(in, false, ret, err);
}

int setup_new_kept(struct install *in, struct setup **ret, struct err *err)
{
	return new_setup(in, true, ret, err);
}

void setup_free(struct setup *setup)
{
	if (!setup)
		return;
	for (size_t i = 0; i < setup->count; i++) {
		mustache_free(setup->services[i].context);
		mustache_free(setup->services[i].masked);
	}
	free(setup->services);
	for (size_t i = 0; i < setup->secrets.count; i++)
		secret_cleanse(setup->secrets.items[i], strlen(setup->secrets.items[i]));
	strv_release(&setup->secrets);
	strv_release(&setup->kept);
	strv_release(&setup->declared);
	context_env_free(setup->masked);
	ours_free(setup->ours);
	held_free(setup->held);
	context_env_free(setup->env);
	manifest_free(setup->manifest);
	cleanup_closep(&setup->root_fd);
	label_free(setup->label);
	free(setup->crl);
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
