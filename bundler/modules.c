/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "modules_private.h"

int modules_new(const char *platform_id, const char *arch, struct modules **ret, struct err *err)
{
	struct modules *m = calloc(1, sizeof(*m));

	if (!m)
		return err_nomem(err);
	m->platform_id = platform_id;
	m->arch = arch;
	*ret = m;
	return 0;
}

static void forget(struct modules *m)
{
	for (size_t i = 0; i < m->item_count; i++)
		free(m->items[i].resolve_context);
	for (size_t i = 0; i < m->module_count; i++)
		free(m->modules[i].defaults.profiles);
	free(steal_ptr(&m->items));
	free(steal_ptr(&m->modules));
	free(steal_ptr(&m->slots));
	m->item_count = 0;
	m->module_count = 0;
	m->slot_count = 0;
	if (m->pool && m->pool->considered) {
		map_free(m->pool->considered);
		free(steal_ptr(&m->pool->considered));
	}
	if (m->pool)
		pool_free(steal_ptr(&m->pool));
}

void modules_free(struct modules *modules)
{
	if (!modules)
		return;
	forget(modules);
	free(modules->repos);
	free(modules);
}

int modules_add(struct modules *modules, const char *repo, const void *block, size_t size_bytes,
		struct err *err)
{
	struct modules_repo *repos =
		realloc(modules->repos, (modules->repo_count + 1) * sizeof(*repos));
	int r = 0;

	if (!repos)
		return err_nomem(err);
	modules->repos = repos;
	r = block_open(&repos[modules->repo_count].block, block, size_bytes, err);
	if (r < 0)
		return err_prefix(err, "repository '%s'", repo);
	repos[modules->repo_count++].name = repo;
	return 0;
}

/* --- looking up ------------------------------------------------------------------------------------ */

static int cmp_module_name(const void *key, const void *module)
{
	return strcmp(key, ((const struct module *)module)->name);
}

struct module *modules_find(const struct modules *m, const char *name)
{
	return m->module_count ? bsearch(name, m->modules, m->module_count, sizeof(*m->modules),
					 cmp_module_name)
			       : NULL;
}

const struct modules_item *modules_find_stream(const struct module *module, const char *stream)
{
	for (size_t i = 0; module && i < module->item_count; i++)
		if (!strcmp(module->items[i].stream, stream))
			return &module->items[i];
	return NULL;
}

const char *modules_active_stream(const struct module *module)
{
	for (size_t i = 0; module && i < module->item_count; i++)
		if (module->items[i].active)
			return module->items[i].stream;
	return NULL;
}

bool modules_is_active(const struct modules *modules, const char *name, const char *stream,
		       const char *context)
{
	const struct module *module = modules_find(modules, name);

	for (size_t i = 0; module && i < module->item_count; i++) {
		const struct modules_item *item = &module->items[i];

		if (item->active && !strcmp(item->stream, stream) &&
		    (!*context || !strcmp(item->context, context)))
			return true;
	}
	return false;
}

/* Whether an item before the one at I has its stream (and, unless REPO is NULL, is of REPO). */
static bool seen_before(const struct module *module, size_t i, const char *repo)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(module->items[k].stream, module->items[i].stream) &&
		    (!repo || !strcmp(module->items[k].repo, repo)))
			return true;
	return false;
}

void modules_list_streams(const struct module *module, struct err *err)
{
	for (size_t i = 0; i < module->item_count; i++) {
		const struct modules_item *item = &module->items[i];
		const char *def = module->defaults.stream;
		CLEANUP(str_release) struct str repos = STR_INIT;

		if (seen_before(module, i, NULL))
			continue;
		for (size_t k = i; k < module->item_count; k++)
			if (!strcmp(module->items[k].stream, item->stream) &&
			    !seen_before(module, k, module->items[k].repo))
				str_addf(&repos, "%s'%s'", repos.len ? ", " : "",
					 module->items[k].repo);
		if (repos.buf)
			err_detail(err, "%s:%s%s in repository %s", item->name, item->stream,
				   def && !strcmp(def, item->stream) ? " (the default)" : "",
				   repos.buf);
	}
}

/* --- items and modules ------------------------------------------------------------------------------- */

static int cmp_item(const void *a, const void *b)
{
	const struct modules_item *x = a;
	const struct modules_item *y = b;
	int r = strcmp(x->name, y->name);

	if (r)
		return r;
	if (x->repo_index != y->repo_index)
		return x->repo_index < y->repo_index ? -1 : 1;
	/* The order of documents: `solvable` is not in use yet. */
	return x->solvable < y->solvable ? -1 : 1;
}

static int cmp_identity(const struct modules_item *x, const struct modules_item *y)
{
	int r = strcmp(x->stream, y->stream);

	if (!r && x->record.version != y->record.version)
		r = x->record.version < y->record.version ? -1 : 1;
	if (!r)
		r = strcmp(x->context, y->context);
	return r ? r : strcmp(x->arch, y->arch);
}

/* Of two documents of one repository for the same version and context of a stream libmodulemd drops
 * the second one (it may be the same, or differ). */
static void drop_doubles(struct modules *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->item_count; i++) {
		bool twice = false;

		for (size_t k = kept; !twice && k > 0; k--) {
			const struct modules_item *other = &m->items[k - 1];

			if (other->repo_index != m->items[i].repo_index ||
			    strcmp(other->name, m->items[i].name) != 0)
				break;
			twice = !cmp_identity(other, &m->items[i]);
		}
		if (!twice)
			m->items[kept++] = m->items[i];
	}
	m->item_count = kept;
}

static int make_items(struct modules *m, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < m->repo_count; i++)
		count += m->repos[i].block.counts[BLOCK_STREAMS];
	m->items = calloc(count + 1, sizeof(*m->items));
	if (!m->items)
		return err_nomem(err);
	for (size_t i = 0; i < m->repo_count; i++) {
		const struct block *block = &m->repos[i].block;

		for (uint32_t k = 0; k < block->counts[BLOCK_STREAMS]; k++) {
			struct modules_item *item = &m->items[m->item_count++];

			item->block = block;
			item->repo = m->repos[i].name;
			item->repo_index = i;
			item->record = block_stream(block, k);
			item->name = block_string(block, item->record.name);
			item->stream = block_string(block, item->record.stream);
			item->context = block_string(block, item->record.context);
			item->arch = block_string(block, item->record.arch);
			item->solvable = (Id)k;
		}
	}
	qsort(m->items, m->item_count, sizeof(*m->items), cmp_item);
	drop_doubles(m);
	return 0;
}

static int make_modules(struct modules *m, struct err *err)
{
	m->modules = calloc(m->item_count + 1, sizeof(*m->modules));
	if (!m->modules)
		return err_nomem(err);
	for (size_t i = 0; i < m->item_count; i++) {
		struct module *last = m->module_count ? &m->modules[m->module_count - 1] : NULL;

		if (!last || strcmp(last->name, m->items[i].name) != 0) {
			last = &m->modules[m->module_count++];
			last->name = m->items[i].name;
			last->items = &m->items[i];
		}
		last->item_count++;
	}
	return 0;
}

/* --- what the operator asks for ------------------------------------------------------------------------ */

static const char *nearest_module(const struct modules *m, const char *name)
{
	cleanup_free const char **names = calloc(m->module_count + 1, sizeof(*names));

	if (!names)
		return NULL;
	for (size_t i = 0; i < m->module_count; i++)
		names[i] = m->modules[i].name;
	return str_nearest(name, names);
}

static const char *nearest_stream(const struct module *module, const char *stream)
{
	cleanup_free const char **names = calloc(module->item_count + 1, sizeof(*names));

	if (!names)
		return NULL;
	for (size_t i = 0; i < module->item_count; i++)
		names[i] = module->items[i].stream;
	return str_nearest(stream, names);
}

static int no_module(const struct modules *m, const char *name, const char *where, struct err *err)
{
	const char *near = nearest_module(m, name);

	if (!m->module_count)
		return err_set(err, ERR_NETWORK,
			       "%s: no module '%.80s': no repository has module metadata", where,
			       name);
	if (near)
		return err_set(err, ERR_NETWORK,
			       "%s: no module '%.80s' in any repository (did you mean '%s'?)",
			       where, name, near);
	return err_set(err, ERR_NETWORK, "%s: no module '%.80s' in any repository", where, name);
}

static int no_stream(const struct module *module, const char *stream, const char *where,
		     struct err *err)
{
	const char *near = nearest_stream(module, stream);

	if (near)
		err_set(err, ERR_NETWORK,
			"%s: module '%s' has no stream '%.80s' (did you mean '%s:%s'?)", where,
			module->name, stream, module->name, near);
	else
		err_set(err, ERR_NETWORK,
			"%s: module '%s' has no stream '%.80s'; it has these:", where, module->name,
			stream);
	modules_list_streams(module, err);
	return -(int)err->code;
}

static int no_default(const struct module *module, const char *where, struct err *err)
{
	err_set(err, ERR_NETWORK,
		"%s: module '%s' has no default stream%s: say which one, as NAME:STREAM", where,
		module->name,
		module->defaults.conflict ? " (repositories name different ones)" : "");
	modules_list_streams(module, err);
	return -(int)err->code;
}

/* SPEC is "name:stream", or "name" for its default stream. */
static int enable(struct modules *m, const char *spec, const char *where, struct err *err)
{
	const char *colon = strchr(spec, ':');
	cleanup_free char *name = colon ? strndup(spec, (size_t)(colon - spec)) : strdup(spec);
	const struct modules_item *item = NULL;
	struct module *module = NULL;

	if (!name)
		return err_nomem(err);
	module = modules_find(m, name);
	if (!module)
		return no_module(m, name, where, err);
	if (!colon && !module->defaults.stream)
		return no_default(module, where, err);
	item = modules_find_stream(module, colon ? colon + 1 : module->defaults.stream);
	if (!item)
		return no_stream(module, colon ? colon + 1 : module->defaults.stream, where, err);
	if (module->state == MODULE_ENABLED && strcmp(module->stream, item->stream) != 0)
		return err_set(
			err, ERR_NETWORK,
			"%s: two streams of module '%s' are enabled, '%s' and '%s': only one "
			"can be",
			where, name, module->stream, item->stream);
	module->state = MODULE_ENABLED;
	module->stream = item->stream;
	return 0;
}

/* A name that is not there hides nothing, as with dnf: the manifest may be for more repositories. */
static int disable(struct modules *m, const char *name, const char *where, struct strv *warnings,
		   struct err *err)
{
	struct module *module = modules_find(m, name);
	const char *near = NULL;

	if (module && module->state == MODULE_ENABLED)
		return err_set(err, ERR_NETWORK,
			       "%s: module '%s' is enabled (%s:%s) and disabled at once", where,
			       name, name, module->stream);
	if (module)
		module->state = MODULE_DISABLED;
	if (module || !m->module_count)
		return 0;
	near = nearest_module(m, name);
	if (near)
		return strv_addf(warnings, err,
				 "%s: no module '%.80s' to disable (did you mean '%s'?)", where,
				 name, near);
	return 0;
}

static int set_states(struct modules *m, const struct strv *enabled, const struct strv *disabled,
		      const char *where, struct strv *warnings, struct err *err)
{
	bool all = strv_has(disabled, "*");
	int r = 0;

	for (size_t i = 0; r == 0 && i < enabled->count; i++)
		r = enable(m, enabled->items[i], where, err);
	for (size_t i = 0; r == 0 && i < disabled->count; i++)
		if (strcmp(disabled->items[i], "*") != 0)
			r = disable(m, disabled->items[i], where, warnings, err);
	for (size_t i = 0; r == 0 && i < m->module_count; i++) {
		struct module *module = &m->modules[i];

		if (module->state == MODULE_NONE && all)
			module->state = MODULE_DISABLED;
		if (module->state != MODULE_NONE || !module->defaults.stream ||
		    !modules_find_stream(module, module->defaults.stream))
			continue;
		module->state = MODULE_DEFAULT;
		module->stream = module->defaults.stream;
	}
	return r;
}

static int tell_notes(const struct modules_repo *repo, struct strv *warnings, struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < repo->block.counts[BLOCK_NOTES]; i++)
		r = strv_addf(warnings, err, "repository '%s': %s", repo->name,
			      block_note(&repo->block, i));
	return r;
}

int modules_resolve(struct modules *modules, const struct strv *enable, const struct strv *disable,
		    const char *where, struct strv *warnings, struct err *err)
{
	int r = 0;

	forget(modules);
	for (size_t i = 0; r == 0 && i < modules->repo_count; i++)
		r = tell_notes(&modules->repos[i], warnings, err);
	if (r == 0)
		r = make_items(modules, err);
	if (r == 0)
		r = make_modules(modules, err);
	if (r == 0)
		r = modules_merge_defaults(modules, warnings, err);
	if (r == 0)
		r = set_states(modules, enable, disable, where, warnings, err);
	if (r == 0 && modules->item_count)
		r = modules_solve(modules, where, warnings, err);
	return r;
}
