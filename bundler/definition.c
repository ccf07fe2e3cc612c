/* SPDX-License-Identifier: Apache-2.0 */
#include "definition.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "context.h"
#include "file.h"
#include "manifest.h"
#include "pkgspec.h"
#include "repofile.h"

#define VALID_DAYS_DEFAULT 90
#define VALID_DAYS_MAX 3650

/* --- the grammar -------------------------------------------------------------------------------- */

static void trust_item_release(struct definition_trust *trust)
{
	free(trust->repo);
	strv_release(&trust->keys);
}

static void trust_release(void *member)
{
	struct schema_list *list = member;
	struct definition_trust *items = list->items;

	for (size_t i = 0; i < list->count; i++)
		trust_item_release(&items[i]);
	free(items);
	*list = (struct schema_list){ .items = NULL };
}

/* A fingerprint as people write it, perhaps in groups of four, into upper-case digits. */
static int add_fingerprint(const struct yaml_node *node, struct strv *keys, struct err *err)
{
	CLEANUP(str_release) struct str fpr = STR_INIT;
	char *text = NULL;
	int r = 0;

	if (node->type != YAML_SCALAR)
		return yaml_error(node, err, "a key's fingerprint is expected");
	for (const char *p = node->text; *p; p++)
		if (*p != ' ')
			str_addc(&fpr, (char)toupper((unsigned char)*p));
	r = str_done(&fpr, &text, err);
	if (r == 0)
		r = strv_take(keys, text, err);
	if (r < 0)
		return r;
	text = keys->items[keys->count - 1];
	if ((strlen(text) != 40 && strlen(text) != 64) ||
	    strspn(text, "0123456789ABCDEF") != strlen(text))
		return yaml_error(node, err,
				  "'%.80s' is no fingerprint: the 40 or 64 hexadecimal digits of "
				  "the primary key are expected (a short key id can be forged)",
				  node->text);
	return 0;
}

static int cmp_trust(const void *a, const void *b)
{
	return strcmp(((const struct definition_trust *)a)->repo,
		      ((const struct definition_trust *)b)->repo);
}

static int parse_trust(const struct yaml_node *node, void *member, struct err *err)
{
	struct schema_list *list = member;
	struct definition_trust *items = NULL;

	if (node->type != YAML_MAPPING)
		return yaml_error(node, err,
				  "a mapping from repositories to fingerprints is expected");
	items = calloc(node->count + 1, sizeof(*items));
	if (!items)
		return err_nomem(err);
	list->items = items;
	for (size_t i = 0; i < node->count; i++) {
		const struct yaml_node *keys = node->items[i];
		int r = str_dup(&items[i].repo, node->keys[i]->text, err);

		list->count++;
		if (r == 0 && keys->type != YAML_SEQUENCE)
			r = yaml_error(keys, err, "a list of fingerprints is expected");
		for (size_t k = 0; r == 0 && k < keys->count; k++)
			r = add_fingerprint(keys->items[k], &items[i].keys, err);
		if (r < 0)
			return r;
		strv_sort(&items[i].keys);
	}
	if (list->count > 1)
		qsort(items, list->count, sizeof(*items), cmp_trust);
	return 0;
}

static const struct schema_field platform_fields[] = {
	SCHEMA_STRING(struct definition_platform, id, "id", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct definition_platform, arch, "arch",
		      SCHEMA_REQUIRED | SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRING(struct definition_platform, glibc, "glibc", SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRING(struct definition_platform, python, "python", SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_END,
};

static const struct schema_field modules_fields[] = {
	SCHEMA_STRV(struct definition_modules, disable, "disable", 0),
	SCHEMA_STRV(struct definition_modules, enable, "enable", 0),
	SCHEMA_END,
};

static const struct schema_field wheels_fields[] = {
	SCHEMA_STRV(struct definition_wheels, requirements, "requirements", SCHEMA_REQUIRED),
	SCHEMA_END,
};

static const struct schema_field definition_fields[] = {
	SCHEMA_UINT(struct definition, version, "pgha", SCHEMA_REQUIRED, 1, 1),
	SCHEMA_STRING(struct definition, cluster, "cluster", SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRUCT(struct definition, platform, "platform", SCHEMA_REQUIRED, platform_fields),
	SCHEMA_STRV(struct definition, repos, "repos", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_CUSTOM(struct definition, trust, "trust", 0, parse_trust, trust_release),
	SCHEMA_STRING(struct definition, installer, "installer", SCHEMA_NONEMPTY),
	SCHEMA_STRUCT(struct definition, modules, "modules", 0, modules_fields),
	SCHEMA_STRING(struct definition, baseline, "baseline", SCHEMA_NONEMPTY),
	SCHEMA_STRV(struct definition, locked, "locked", 0),
	SCHEMA_BOOL(struct definition, weak_deps, "weak_deps", 0),
	SCHEMA_STRUCT(struct definition, wheels, "wheels", 0, wheels_fields),
	SCHEMA_STRV(struct definition, services, "services", 0),
	SCHEMA_STRV(struct definition, packages, "packages", 0),
	SCHEMA_STRING(struct definition, topology, "topology", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct definition, env, "env", SCHEMA_NONEMPTY),
	SCHEMA_UINT(struct definition, valid_days, "valid_days", 0, 1, VALID_DAYS_MAX),
	SCHEMA_END,
};

void definition_release(struct definition *def)
{
	schema_release(definition_fields, def);
	free(def->path);
	yaml_doc_free(def->doc);
	*def = (struct definition)DEFINITION_INIT;
}

/* --- checks and paths --------------------------------------------------------------------------- */

/* Item I of the list KEY, for its position. */
static const struct yaml_node *item_node(const struct definition *def, const char *key, size_t i)
{
	return yaml_get(yaml_root(def->doc), key)->items[i];
}

static int check_words(const struct definition *def, const char *key, const struct strv *list,
		       const char *extra, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (!str_is_word(list->items[i], extra) || list->items[i][0] == '-')
			return yaml_error(item_node(def, key, i), err, "'%.80s' is no name",
					  list->items[i]);
	return 0;
}

static int check_packages(const struct definition *def, struct err *err)
{
	for (size_t i = 0; i < def->packages.count; i++)
		if (!pkgspec_is_valid(def->packages.items[i]))
			return yaml_error(item_node(def, "packages", i), err, "'%.80s' is no name",
					  def->packages.items[i]);
	return 0;
}

static int check_requirements(const struct definition *def, struct err *err)
{
	const struct strv *list = &def->wheels.requirements;
	const struct yaml_node *node = yaml_get(yaml_root(def->doc), "wheels");

	node = yaml_get(node, "requirements");
	for (size_t i = 0; i < list->count; i++) {
		const char *text = list->items[i];

		/* pip would take it for an option, or read another file. */
		if (!isalnum((unsigned char)text[0]) || strpbrk(text, "\r\n\t"))
			return yaml_error(node->items[i], err,
					  "'%.80s' is no requirement such as \"psycopg>=3.2\"",
					  text);
	}
	return 0;
}

static int check_platform(const struct definition *def, struct err *err)
{
	const struct yaml_node *node = yaml_get(yaml_root(def->doc), "platform");

	if (!str_starts(def->platform.id, "platform:") || !str_is_word(def->platform.id, ":._-"))
		return yaml_error(yaml_get(node, "id"), err,
				  "'%.60s' is no platform such as \"platform:el8\"",
				  def->platform.id);
	if (!repofile_basearch(def->platform.arch))
		return yaml_error(yaml_get(node, "arch"), err,
				  "'%.40s' is no architecture such as x86_64 or aarch64",
				  def->platform.arch);
	return 0;
}

/* Replaces a path by itself as seen from the definition's directory. */
static int join_path(const struct definition *def, char **path, struct err *err)
{
	cleanup_free char *name = *path;

	*path = NULL;
	return name ? path_beside(def->path, name, path, err) : 0;
}

static int join_paths(struct definition *def, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < def->repos.count; i++) {
		if (!def->repos.items[i][0])
			return yaml_error(item_node(def, "repos", i), err, "the path is empty");
		r = join_path(def, &def->repos.items[i], err);
		/* A hole would cut the list short for its owner. */
		if (r < 0)
			def->repos.count = i;
	}
	if (def->baseline && !strcmp(def->baseline, "none")) {
		free(def->baseline);
		def->baseline = NULL;
	}
	if (r == 0)
		r = join_path(def, &def->installer, err);
	if (r == 0)
		r = join_path(def, &def->baseline, err);
	if (r == 0)
		r = join_path(def, &def->topology, err);
	if (r == 0)
		r = join_path(def, &def->env, err);
	return r;
}

int definition_load(const char *path, struct definition *ret, struct err *err)
{
	int r = str_dup(&ret->path, path, err);

	ret->valid_days = VALID_DAYS_DEFAULT;
	if (r == 0)
		r = yaml_load(path, ERR_USAGE, &ret->doc, err);
	if (r == 0)
		r = schema_load(yaml_root(ret->doc), definition_fields, ret, err);
	if (r == 0)
		r = check_platform(ret, err);
	if (r == 0)
		r = check_words(ret, "services", &ret->services, "_-", err);
	if (r == 0)
		r = check_packages(ret, err);
	if (r == 0)
		r = check_requirements(ret, err);
	if (r == 0)
		r = join_paths(ret, err);
	if (r == 0 && ret->locked.count && !ret->baseline)
		r = yaml_error(yaml_get(yaml_root(ret->doc), "locked"), err,
			       "packages can be locked only where there are some: 'baseline' is "
			       "missing");
	return r;
}

int definition_need(const struct definition *def, const char *key, const char *value,
		    struct err *err)
{
	if (value)
		return 0;
	return yaml_error(yaml_root(def->doc), err, "'%s' is missing and needed here", key);
}

int definition_service_dir(const struct definition *def, const char *service, char **ret_dir,
			   struct err *err)
{
	cleanup_free char *name = NULL;
	int r = str_printf(&name, err, "services/%s", service);

	return r < 0 ? r : path_beside(def->path, name, ret_dir, err);
}

const struct strv *definition_keys(const struct definition *def, const char *repo)
{
	const struct definition_trust *items = def->trust.items;

	for (size_t i = 0; i < def->trust.count; i++)
		if (!strcmp(items[i].repo, repo))
			return &items[i].keys;
	return NULL;
}

/* --- what is asked for -------------------------------------------------------------------------- */

/* WHERE is "file" or "file:line:column". */
static int add_request(struct definition_requests *list, const char *name, const char *service,
		       const char *where, struct err *err)
{
	struct definition_request *item = NULL;
	struct definition_request *items =
		reallocarray(list->items, list->count + 1, sizeof(*items));
	int r = 0;

	if (!items)
		return err_nomem(err);
	list->items = items;
	item = &items[list->count++];
	*item = (struct definition_request){ .name = NULL };
	r = str_dup(&item->name, name, err);
	if (r == 0 && service)
		r = str_printf(&item->reason, err, "service %s", service);
	else if (r == 0)
		r = str_dup(&item->reason, "requested", err);
	if (r == 0)
		r = str_dup(&item->where, where, err);
	return r;
}

static int add_package(const struct definition *def, size_t i, struct definition_requests *list,
		       struct err *err)
{
	const struct yaml_node *node = item_node(def, "packages", i);
	cleanup_free char *where = NULL;
	int r = str_printf(&where, err, "%s:%u:%u", def->path, node->line, node->column);

	return r < 0 ? r : add_request(list, node->text, NULL, where, err);
}

static int add_services(const struct definition *def, struct definition_requests *list,
			struct err *err)
{
	const struct context_cluster cluster = { .cluster = def->cluster,
						 .platform_id = def->platform.id,
						 .platform_arch = def->platform.arch,
						 .platform_python = def->platform.python };
	CLEANUP(manifest_freep) struct manifest *manifest = NULL;
	cleanup_free char *dir = NULL;
	int r = 0;

	if (!def->services.count)
		return 0;
	r = path_beside(def->path, "services", &dir, err);
	if (r == 0)
		r = manifest_load(dir, &def->services, &manifest, err);
	for (size_t i = 0; r == 0 && i < manifest->count; i++) {
		const struct service *service = manifest->services[i];
		CLEANUP(strv_release) struct strv names = STRV_INIT;

		r = context_packages(&cluster, service, &names, err);
		for (size_t k = 0; r == 0 && k < names.count; k++)
			if (!pkgspec_is_valid(names.items[k]) || names.items[k][0] == '@')
				r = err_set(err, ERR_CONFIG,
					    "%s: '%.80s' under 'packages' is no package",
					    service->file, names.items[k]);
		for (size_t k = 0; r == 0 && k < names.count; k++)
			r = add_request(list, names.items[k], service->name, service->file, err);
	}
	return r;
}

static int cmp_request(const void *a, const void *b)
{
	const struct definition_request *x = a;
	const struct definition_request *y = b;
	bool service_x = str_starts(x->reason, "service ");
	bool service_y = str_starts(y->reason, "service ");
	int r = strcmp(x->name, y->name);

	if (!r && service_x != service_y)
		return service_x ? -1 : 1;
	return r ? r : strcmp(x->reason, y->reason);
}

static void request_release(struct definition_request *item)
{
	free(item->name);
	free(item->reason);
	free(item->where);
}

int definition_requests(const struct definition *def, struct definition_requests *ret,
			struct err *err)
{
	size_t kept = 0;
	int r = add_services(def, ret, err);

	for (size_t i = 0; r == 0 && i < def->packages.count; i++)
		r = add_package(def, i, ret, err);
	if (r < 0 || !ret->count)
		return r;
	qsort(ret->items, ret->count, sizeof(*ret->items), cmp_request);
	for (size_t i = 1; i < ret->count; i++) {
		if (!strcmp(ret->items[kept].name, ret->items[i].name))
			request_release(&ret->items[i]);
		else
			ret->items[++kept] = ret->items[i];
	}
	ret->count = kept + 1;
	return 0;
}

void definition_requests_release(struct definition_requests *list)
{
	for (size_t i = 0; i < list->count; i++)
		request_release(&list->items[i]);
	free(list->items);
	*list = (struct definition_requests){ .items = NULL };
}
