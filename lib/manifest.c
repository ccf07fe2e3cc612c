/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of service.yaml as schema tables, and the loading of a service's directory. */
#include "manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "manifest_check.h"
#include "yaml.h"

#define TEMPLATE_MAX (1U << 20) /* bytes */
#define TIMEOUT_MAX_S 3600
#define TIMEOUT_DEFAULT_S 10
#define WITHIN_DEFAULT_S 60
#define LOCK_DEFAULT_S 600
#define MIB_MAX (1U << 30)

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

/* --- members that are not plain ------------------------------------------------------------ */

struct word {
	const char *text;
	int value;
};

/* One of a few words; they end with NULL. */
static int parse_word(const struct yaml_node *node, const struct word *words, int *ret,
		      struct err *err)
{
	CLEANUP(str_release) struct str all = STR_INIT;

	for (const struct word *w = words; w->text; w++) {
		if (node->type == YAML_SCALAR && !strcmp(node->text, w->text)) {
			*ret = w->value;
			return 0;
		}
		str_addf(&all, "%s%s", w == words ? "" : w[1].text ? ", " : " or ", w->text);
	}
	return yaml_error(node, err, "this must be %s", all.buf ? all.buf : "");
}

static int parse_on_change(const struct yaml_node *node, void *member, struct err *err)
{
	static const struct word words[] = { { "none", SERVICE_NONE },
					     { "reload", SERVICE_RELOAD },
					     { "restart", SERVICE_RESTART },
					     { NULL, 0 } };
	int value = 0;
	int r = parse_word(node, words, &value, err);

	if (r == 0)
		*(enum service_on_change *)member = (enum service_on_change)value;
	return r;
}

static int parse_level(const struct yaml_node *node, void *member, struct err *err)
{
	static const struct word words[] = {
		{ "any", 0 }, { "major", 1 }, { "minor", 2 }, { "patch", 3 }, { NULL, 0 }
	};
	int value = 0;
	int r = parse_word(node, words, &value, err);

	if (r == 0)
		*(unsigned int *)member = (unsigned int)value;
	return r;
}

static int parse_start(const struct yaml_node *node, void *member, struct err *err)
{
	static const struct word words[] = { { "true", SERVICE_START_WAIT },
					     { "false", SERVICE_START_NO },
					     { "no-block", SERVICE_START_NO_BLOCK },
					     { NULL, 0 } };
	int value = 0;
	int r = parse_word(node, words, &value, err);

	if (r == 0)
		*(enum service_start *)member = (enum service_start)value;
	return r;
}

static int parse_scope(const struct yaml_node *node, void *member, struct err *err)
{
	static const struct word words[] = { { "node", SERVICE_SCOPE_NODE },
					     { "cluster", SERVICE_SCOPE_CLUSTER },
					     { "step", SERVICE_SCOPE_STEP },
					     { NULL, 0 } };
	int value = 0;
	int r = parse_word(node, words, &value, err);

	if (r == 0)
		*(enum service_scope *)member = (enum service_scope)value;
	return r;
}

static int parse_usage(const struct yaml_node *node, void *member, struct err *err)
{
	static const struct word words[] = { { "serverAuth", SERVICE_USAGE_SERVER },
					     { "clientAuth", SERVICE_USAGE_CLIENT },
					     { NULL, 0 } };
	unsigned int *usage = member;

	if (node->type != YAML_SEQUENCE || !node->count)
		return yaml_error(node, err, "'usage' must be a list, and not empty");
	for (size_t i = 0; i < node->count; i++) {
		int value = 0;
		int r = parse_word(node->items[i], words, &value, err);

		if (r < 0)
			return r;
		*usage |= (unsigned int)value;
	}
	return 0;
}

static int parse_format(const struct yaml_node *node, void *member, struct err *err)
{
	const struct mustache_format **format = member;
	const char *near = NULL;

	if (node->type == YAML_SCALAR)
		*format = mustache_format(node->text);
	if (*format)
		return 0;
	near = node->type == YAML_SCALAR ? str_nearest(node->text, mustache_format_names()) : NULL;
	return yaml_error(node, err, "unknown format%s%s%s", near ? " (did you mean '" : "",
			  near ? near : "", near ? "'?)" : "");
}

/* A mapping of names to values, in the file's order. */
static int parse_settings(const struct yaml_node *node, void *member, struct err *err)
{
	struct schema_list *list = member;
	struct service_setting *settings = NULL;
	int r = 0;

	if (node->type != YAML_MAPPING)
		return yaml_error(node, err, "a mapping (NAME: value) is expected here");
	if (!node->count)
		return 0;
	settings = calloc(node->count, sizeof(*settings));
	if (!settings)
		return err_nomem(err);
	list->items = settings;
	list->count = node->count;
	for (size_t i = 0; r == 0 && i < node->count; i++) {
		if (node->items[i]->type != YAML_SCALAR)
			return yaml_error(node->items[i], err, "'%.80s' must be a value",
					  node->keys[i]->text);
		r = str_dup(&settings[i].name, node->keys[i]->text, err);
		if (r == 0)
			r = str_dup(&settings[i].value, node->items[i]->text, err);
	}
	return r;
}

static void release_settings(void *member)
{
	struct schema_list *list = member;
	struct service_setting *settings = list->items;

	for (size_t i = 0; i < list->count; i++) {
		free(settings[i].name);
		free(settings[i].value);
	}
	free(settings);
}

static int parse_disks(const struct yaml_node *node, void *member, struct err *err)
{
	struct schema_list *list = member;
	struct service_disk *disks = NULL;

	if (node->type != YAML_MAPPING)
		return yaml_error(node, err, "a mapping (PATH: MIB) is expected here");
	if (!node->count)
		return 0;
	disks = calloc(node->count, sizeof(*disks));
	if (!disks)
		return err_nomem(err);
	list->items = disks;
	list->count = node->count;
	for (size_t i = 0; i < node->count; i++) {
		struct err inner = ERR_INIT;
		uint64_t mib = 0;
		int r = str_dup(&disks[i].path, node->keys[i]->text, err);

		if (r < 0)
			return r;
		if (node->items[i]->type != YAML_SCALAR ||
		    str_u64(&mib, node->items[i]->text, 1, MIB_MAX, &inner) < 0)
			return yaml_error(node->items[i], err, "a number of MiB is expected here");
		disks[i].mib = (unsigned int)mib;
	}
	return 0;
}

static void release_disks(void *member)
{
	struct schema_list *list = member;
	struct service_disk *disks = list->items;

	for (size_t i = 0; i < list->count; i++)
		free(disks[i].path);
	free(disks);
}

/* --- tables -------------------------------------------------------------------------------- */

#define REQUIRED (SCHEMA_REQUIRED | SCHEMA_NONEMPTY)

static const struct schema_field user_fields[] = {
	SCHEMA_STRING(struct service_user, name, "name", REQUIRED),
	SCHEMA_STRING(struct service_user, group, "group", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_user, home, "home", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_user, shell, "shell", SCHEMA_NONEMPTY),
	SCHEMA_END,
};

static const struct schema_field group_fields[] = {
	SCHEMA_STRING(struct service_group, name, "name", REQUIRED),
	SCHEMA_STRV(struct service_group, members, "members", 0),
	SCHEMA_END,
};

static const struct schema_field directory_fields[] = {
	SCHEMA_STRING(struct service_directory, path, "path", REQUIRED),
	SCHEMA_STRING(struct service_directory, owner, "owner", REQUIRED),
	SCHEMA_STRING(struct service_directory, group, "group", REQUIRED),
	SCHEMA_MODE(struct service_directory, mode, "mode", REQUIRED),
	SCHEMA_END,
};

static const struct schema_field venv_fields[] = {
	SCHEMA_STRING(struct service_venv, path, "path", REQUIRED),
	SCHEMA_STRING(struct service_venv, python, "python", REQUIRED),
	SCHEMA_END,
};

static const struct schema_field subject_fields[] = {
	SCHEMA_STRING(struct service_subject, o, "O", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_subject, ou, "OU", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_subject, cn, "CN", SCHEMA_NONEMPTY),
	SCHEMA_END,
};

static const struct schema_field certificate_fields[] = {
	SCHEMA_STRING(struct service_certificate, name, "name", REQUIRED | SCHEMA_WORD),
	SCHEMA_STRUCT(struct service_certificate, subject, "subject", SCHEMA_REQUIRED,
		      subject_fields),
	SCHEMA_CUSTOM(struct service_certificate, usage, "usage", SCHEMA_REQUIRED, parse_usage,
		      NULL),
	SCHEMA_STRV(struct service_certificate, sans, "sans", 0),
	SCHEMA_STRING(struct service_certificate, cert, "cert", REQUIRED),
	SCHEMA_STRING(struct service_certificate, key, "key", REQUIRED),
	SCHEMA_STRING(struct service_certificate, ca, "ca", REQUIRED),
	SCHEMA_STRING(struct service_certificate, bundle, "bundle", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_certificate, crl, "crl", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_certificate, owner, "owner", REQUIRED),
	SCHEMA_STRING(struct service_certificate, group, "group", REQUIRED),
	SCHEMA_MODE(struct service_certificate, mode, "mode", REQUIRED),
	SCHEMA_CUSTOM(struct service_certificate, on_change, "on_change", 0, parse_on_change, NULL),
	SCHEMA_CUSTOM(struct service_certificate, on_ca_change, "on_ca_change", 0, parse_on_change,
		      NULL),
	SCHEMA_END,
};

static const struct schema_field file_fields[] = {
	SCHEMA_STRING(struct service_file, template, "template", REQUIRED),
	SCHEMA_STRING(struct service_file, dest, "dest", REQUIRED),
	SCHEMA_STRING(struct service_file, owner, "owner", REQUIRED),
	SCHEMA_STRING(struct service_file, group, "group", REQUIRED),
	SCHEMA_MODE(struct service_file, mode, "mode", REQUIRED),
	SCHEMA_CUSTOM(struct service_file, format, "format", 0, parse_format, NULL),
	SCHEMA_CUSTOM(struct service_file, on_change, "on_change", 0, parse_on_change, NULL),
	SCHEMA_STRING(struct service_file, when, "when", SCHEMA_NONEMPTY),
	SCHEMA_END,
};

static const struct schema_field unit_fields[] = {
	SCHEMA_STRING(struct service_unit, name, "name", REQUIRED),
	SCHEMA_BOOL(struct service_unit, enable, "enable", 0),
	SCHEMA_CUSTOM(struct service_unit, start, "start", 0, parse_start, NULL),
	SCHEMA_END,
};

#define COMMAND(type)                                                                         \
	SCHEMA_STRV(type, command.exec, "exec", REQUIRED),                                    \
		SCHEMA_STRING(type, command.user, "user", SCHEMA_NONEMPTY),                   \
		SCHEMA_CUSTOM(type, command.env, "env", 0, parse_settings, release_settings), \
		SCHEMA_STRING(type, command.stdin_text, "stdin", 0)

static const struct schema_field probe_fields[] = {
	SCHEMA_STRING(struct service_probe, name, "name", REQUIRED),
	SCHEMA_CUSTOM(struct service_probe, scope, "scope", SCHEMA_REQUIRED, parse_scope, NULL),
	COMMAND(struct service_probe),
	SCHEMA_UINT(struct service_probe, timeout_s, "timeout_s", 0, 1, TIMEOUT_MAX_S),
	SCHEMA_UINT(struct service_probe, within_s, "within_s", 0, 1, TIMEOUT_MAX_S),
	SCHEMA_STRING(struct service_probe, expect, "expect", SCHEMA_NONEMPTY),
	SCHEMA_END,
};

static const struct schema_field once_fields[] = {
	SCHEMA_STRING(struct service_once, name, "name", REQUIRED),
	SCHEMA_STRING(struct service_once, when_name, "when", SCHEMA_NONEMPTY),
	SCHEMA_STRV(struct service_once, unless, "unless", 0),
	SCHEMA_STRING(struct service_once, expect, "expect", SCHEMA_NONEMPTY),
	COMMAND(struct service_once),
	SCHEMA_END,
};

static const struct schema_field lock_fields[] = {
	COMMAND(struct service_lock),
	SCHEMA_STRING(struct service_lock, when, "when", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct service_lock, expect, "expect", REQUIRED),
	SCHEMA_UINT(struct service_lock, within_s, "within_s", 0, 1, TIMEOUT_MAX_S),
	SCHEMA_END,
};

static const struct schema_field restart_fields[] = {
	SCHEMA_STRUCT(struct service_restart, lock, "lock", 0, lock_fields),
	SCHEMA_STRV(struct service_restart, before, "before", 0),
	SCHEMA_STRV(struct service_restart, after, "after", 0),
	SCHEMA_STRING(struct service_restart, due, "due", SCHEMA_NONEMPTY),
	SCHEMA_CUSTOM(struct service_restart, on_update, "on_update", 0, parse_on_change, NULL),
	SCHEMA_END,
};

static const struct schema_field help_fields[] = {
	SCHEMA_STRING(struct service_help, fr, "fr", REQUIRED),
	SCHEMA_STRING(struct service_help, en, "en", REQUIRED),
	SCHEMA_END,
};

static const struct schema_field held_fields[] = {
	SCHEMA_STRING(struct service_held, change, "change", SCHEMA_NONEMPTY),
	SCHEMA_STRUCT(struct service_held, by_hand, "by_hand", 0, help_fields),
	SCHEMA_END,
};

static const struct schema_field variable_fields[] = {
	SCHEMA_STRING(struct service_variable, name, "name", REQUIRED),
	SCHEMA_BOOL(struct service_variable, secret, "secret", 0),
	SCHEMA_STRING(struct service_variable, fallback, "default", 0),
	SCHEMA_STRUCT(struct service_variable, held, "held", 0, held_fields),
	SCHEMA_STRUCT(struct service_variable, help, "help", 0, help_fields),
	SCHEMA_END,
};

static const struct schema_field port_fields[] = {
	SCHEMA_STRING(struct service_port, env, "env", REQUIRED),
	SCHEMA_UINT(struct service_port, fallback, "default", 0, 1, 65535),
	SCHEMA_BOOL(struct service_port, per_node, "per_node", 0),
	SCHEMA_STRING(struct service_port, when, "when", SCHEMA_NONEMPTY),
	SCHEMA_STRUCT(struct service_port, help, "help", 0, help_fields),
	SCHEMA_END,
};

static const struct schema_field preflight_fields[] = {
	SCHEMA_UINT(struct service_preflight, memory_mib, "memory_mib", 0, 0, MIB_MAX),
	SCHEMA_CUSTOM(struct service_preflight, disks, "disk_mib", 0, parse_disks, release_disks),
	SCHEMA_STRV(struct service_preflight, conflicts, "conflicts", 0),
	SCHEMA_END,
};

static const struct schema_field no_downgrade_fields[] = {
	SCHEMA_STRING(struct service_no_downgrade, package, "package", REQUIRED),
	SCHEMA_CUSTOM(struct service_no_downgrade, level, "level", SCHEMA_REQUIRED, parse_level,
		      NULL),
	SCHEMA_STRUCT(struct service_no_downgrade, reason, "reason", SCHEMA_REQUIRED, help_fields),
	SCHEMA_END,
};

static const struct schema_field selinux_port_fields[] = {
	SCHEMA_STRING(struct service_selinux_port, env, "env", REQUIRED),
	SCHEMA_STRING(struct service_selinux_port, type, "type", REQUIRED),
	SCHEMA_END,
};

static const struct schema_field selinux_fields[] = {
	SCHEMA_STRV(struct service_selinux, booleans, "booleans", 0),
	SCHEMA_LIST(struct service_selinux, ports, "ports", 0, selinux_port_fields,
		    struct service_selinux_port),
	SCHEMA_END,
};

static const struct schema_field service_fields[] = {
	SCHEMA_STRING(struct service, name, "service", REQUIRED),
	SCHEMA_STRING(struct service, layer, "layer", REQUIRED | SCHEMA_WORD),
	SCHEMA_STRV(struct service, packages, "packages", 0),
	SCHEMA_LIST(struct service, users, "users", 0, user_fields, struct service_user),
	SCHEMA_LIST(struct service, groups, "groups", 0, group_fields, struct service_group),
	SCHEMA_LIST(struct service, directories, "directories", 0, directory_fields,
		    struct service_directory),
	SCHEMA_STRUCT(struct service, venv, "venv", 0, venv_fields),
	SCHEMA_LIST(struct service, certificates, "certificates", 0, certificate_fields,
		    struct service_certificate),
	SCHEMA_LIST(struct service, files, "files", 0, file_fields, struct service_file),
	SCHEMA_LIST(struct service, units, "units", 0, unit_fields, struct service_unit),
	SCHEMA_LIST(struct service, probes, "probes", 0, probe_fields, struct service_probe),
	SCHEMA_LIST(struct service, once, "once", 0, once_fields, struct service_once),
	SCHEMA_STRUCT(struct service, restart, "restart", 0, restart_fields),
	SCHEMA_CUSTOM(struct service, command_env, "command_env", 0, parse_settings,
		      release_settings),
	SCHEMA_LIST(struct service, variables, "env", 0, variable_fields, struct service_variable),
	SCHEMA_LIST(struct service, ports, "ports", 0, port_fields, struct service_port),
	SCHEMA_STRUCT(struct service, preflight, "preflight", 0, preflight_fields),
	SCHEMA_STRUCT(struct service, selinux, "selinux", 0, selinux_fields),
	SCHEMA_CUSTOM(struct service, sysctl, "sysctl", 0, parse_settings, release_settings),
	SCHEMA_LIST(struct service, no_downgrade, "no_downgrade", 0, no_downgrade_fields,
		    struct service_no_downgrade),
	SCHEMA_END,
};

/* Defaults that are not zero, for items of lists. */
static void fill_defaults(struct service *service, const struct yaml_node *root)
{
	const struct yaml_node *list = yaml_get(root, "units");
	struct service_unit *units = service->units.items;
	struct service_probe *probes = service->probes.items;
	struct service_file *files = service->files.items;
	struct service_restart *restart = &service->restart;
	struct service_certificate *certificates = service->certificates.items;

	for (size_t i = 0; i < service->certificates.count; i++)
		if (!yaml_get(yaml_get(root, "certificates")->items[i], "on_ca_change"))
			certificates[i].on_ca_change = certificates[i].on_change;
	if (!yaml_get(yaml_get(root, "restart"), "on_update"))
		restart->on_update = SERVICE_RESTART;
	if (!restart->lock.within_s)
		restart->lock.within_s = LOCK_DEFAULT_S;
	for (size_t i = 0; i < service->units.count; i++) {
		if (!yaml_get(list->items[i], "enable"))
			units[i].enable = true;
		if (!yaml_get(list->items[i], "start"))
			units[i].start = SERVICE_START_WAIT;
	}
	for (size_t i = 0; i < service->probes.count; i++) {
		if (!probes[i].timeout_s)
			probes[i].timeout_s = TIMEOUT_DEFAULT_S;
		if (!probes[i].within_s)
			probes[i].within_s = WITHIN_DEFAULT_S;
	}
	for (size_t i = 0; i < service->files.count; i++)
		if (!files[i].format)
			files[i].format = mustache_format("text");
}

/* --- directories --------------------------------------------------------------------------- */

/* A link would bring a file of the build host's into the bundle, where everybody reads it. */
static int refuse_link(const char *path, const struct stat *st, struct err *err)
{
	if (!S_ISLNK(st->st_mode))
		return 0;
	return err_set(err, ERR_CONFIG,
		       "'%s' is a symbolic link: what is in a bundle lies in its manifests", path);
}

static int load_template(const char *dir, const char *name, struct service_template *t,
			 struct err *err)
{
	cleanup_free char *path = NULL;
	struct stat st = { .st_mode = 0 };
	size_t size = 0;
	int r = path_join(dir, name, &path, err);

	if (r == 0)
		r = str_dup(&t->name, name, err);
	if (r == 0 && lstat(path, &st) == 0)
		r = refuse_link(path, &st, err);
	if (r == 0)
		r = file_read(path, TEMPLATE_MAX, ERR_CONFIG, &t->text, &size, err);
	if (r == 0 && strlen(t->text) != size)
		r = err_set(err, ERR_CONFIG, "%s: the template holds a NUL byte", path);
	return r;
}

/* A service without templates/ has none. */
static int load_templates(const char *service_dir, struct service *service, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	struct service_template *templates = NULL;
	struct stat st = { .st_mode = 0 };
	int r = path_join(service_dir, "templates", &dir, err);

	if (r < 0 || (lstat(dir, &st) < 0 && errno == ENOENT))
		return r;
	r = refuse_link(dir, &st, err);
	if (r == 0)
		r = dir_list(dir, &names, err);
	if (r < 0 || !names.count)
		return r;
	templates = calloc(names.count, sizeof(*templates));
	if (!templates)
		return err_nomem(err);
	service->templates = (struct schema_list){ .items = templates };
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		service->templates.count = i + 1;
		r = load_template(dir, names.items[i], &templates[i], err);
	}
	return r;
}

static void service_free(struct service *service)
{
	struct service_template *templates = service->templates.items;

	for (size_t i = 0; i < service->templates.count; i++) {
		free(templates[i].name);
		free(templates[i].text);
	}
	free(templates);
	schema_release(service_fields, service);
	free(service->file);
	free(service);
}

DEFINE_CLEANUP(struct service *, service_free);

static int load_service(const char *dir, const char *name, struct service **ret, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	CLEANUP(service_freep) struct service *service = calloc(1, sizeof(*service));
	cleanup_free char *service_dir = NULL;
	int r = 0;

	if (!service)
		return err_nomem(err);
	if (!str_is_word(name, "-_"))
		return err_set(err, ERR_CONFIG,
			       "service '%.80s': a name may hold letters, digits, '-' and '_' only",
			       name);
	r = path_join(dir, name, &service_dir, err);
	if (r == 0)
		r = path_join(service_dir, "service.yaml", &service->file, err);
	if (r == 0)
		r = yaml_load(service->file, ERR_CONFIG, &doc, err);
	if (r == 0)
		r = schema_load(yaml_root(doc), service_fields, service, err);
	if (r == 0 && strcmp(service->name, name) != 0)
		r = yaml_error(yaml_get(yaml_root(doc), "service"), err,
			       "the service's name must be that of its directory, '%s'", name);
	if (r == 0)
		r = load_templates(service_dir, service, err);
	if (r < 0)
		return r;
	fill_defaults(service, yaml_root(doc));
	r = manifest_check(service, yaml_root(doc), err);
	if (r == 0)
		*ret = steal_ptr(&service);
	return r;
}

int manifest_load(const char *dir, const struct strv *names, struct manifest **ret, struct err *err)
{
	CLEANUP(manifest_freep) struct manifest *manifest = calloc(1, sizeof(*manifest));

	if (!manifest)
		return err_nomem(err);
	manifest->services = calloc(names->count ? names->count : 1, sizeof(struct service *));
	if (!manifest->services)
		return err_nomem(err);
	for (size_t i = 0; i < names->count; i++) {
		int r = 0;

		if (manifest_find(manifest, names->items[i]))
			return err_set(err, ERR_CONFIG, "service '%s' is listed twice",
				       names->items[i]);
		r = load_service(dir, names->items[i], &manifest->services[i], err);
		if (r < 0)
			return r;
		manifest->count = i + 1;
	}
	*ret = steal_ptr(&manifest);
	return 0;
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	for (size_t i = 0; i < manifest->count; i++)
		service_free(manifest->services[i]);
	free(manifest->services);
	free(manifest);
}

const struct service *manifest_find(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->count; i++)
		if (!strcmp(manifest->services[i]->name, name))
			return manifest->services[i];
	return NULL;
}

const struct service_probe *service_probe_named(const struct service *service, const char *name)
{
	SERVICE_EACH(struct service_probe, probe, service->probes)
	if (!strcmp(probe->name, name))
		return probe;
	return NULL;
}

bool service_is_guarded(const struct service *service)
{
	const struct service_restart *restart = &service->restart;

	return restart->lock.command.exec.count || restart->before.count || restart->after.count;
}

bool service_has_secret(const struct service *service, const char *name)
{
	SERVICE_EACH(struct service_variable, variable, service->variables)
	if (variable->secret && !strcmp(variable->name, name))
		return true;
	return false;
}

bool service_is_held(const struct service_variable *variable)
{
	return variable->held.change || variable->held.by_hand.en;
}

const char *service_template(const void *service, const char *name)
{
	const struct service *s = service;

	SERVICE_EACH(struct service_template, t, s->templates)
	if (!strcmp(t->name, name))
		return t->text;
	return NULL;
}
