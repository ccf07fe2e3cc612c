/* SPDX-License-Identifier: Apache-2.0 */
#include "lint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assemble.h"
#include "cleanup.h"
#include "context.h"
#include "definition.h"
#include "dotenv.h"
#include "file.h"
#include "manifest.h"
#include "rehearse.h"
#include "repofile.h"
#include "secrets.h"
#include "topology.h"
#include "yaml.h"

#define YAML_MAX (1U << 20)

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

void lint_release(struct lint *lint)
{
	strv_release(&lint->problems);
	strv_release(&lint->notes);
}

/* A failure of reading or checking becomes a problem, told once; others stay failures. */
static int take(struct lint *lint, int r, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;

	if (r == 0 || (err->code != ERR_CONFIG && err->code != ERR_USAGE))
		return r;
	str_add(&text, err->msg);
	for (const char *line = err->detail; *line;) {
		size_t len = strcspn(line, "\n");

		str_addf(&text, "\n  %.*s", (int)len, line);
		line += len + (line[len] == '\n');
	}
	*err = (struct err)ERR_INIT;
	if (str_check(&text, err) < 0)
		return -(int)err->code;
	return strv_has(&lint->problems, text.buf) ? 0 : strv_add(&lint->problems, text.buf, err);
}

/* --- one definition ----------------------------------------------------------------------------- */

struct scope {
	struct lint *lint; /* borrowed */
	struct definition def;
	struct topology *topology;
	struct manifest *manifest;
	struct dotenv *env; /* or NULL: no .env */
	struct strv values; /* made up, so that they live as long */
};

static void scope_release(struct scope *s)
{
	dotenv_free(s->env);
	manifest_free(s->manifest);
	topology_free(s->topology);
	definition_release(&s->def);
	strv_release(&s->values);
}

static bool is_port(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->count; i++)
		SERVICE_EACH(struct service_port, port, manifest->services[i]->ports)
	if (str_starts(name, port->env))
		return true;
	return false;
}

static bool has_default(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->count; i++)
		SERVICE_EACH(struct service_variable, v, manifest->services[i]->variables)
	if (!strcmp(v->name, name) && v->fallback)
		return true;
	return false;
}

/* The operator's value, the default, or something of the right kind. */
static const char *lookup(const void *from, const char *name)
{
	struct scope *s = (struct scope *)(uintptr_t)from;
	const char *value = s->env ? dotenv_get(s->env, name) : NULL;
	struct err ignored = ERR_INIT;

	if ((value && *value) || has_default(s->manifest, name))
		return value;
	if (is_port(s->manifest, name))
		return NULL;
	if (strv_addf(&s->values, &ignored, "to be set: %s", name) < 0)
		return NULL;
	return s->values.items[s->values.count - 1];
}

static int rehearse(struct scope *s, struct err *err)
{
	const struct context_cluster cluster = { .cluster =
							 s->def.cluster ? s->def.cluster : "lint",
						 .platform_id = s->def.platform.id,
						 .platform_arch = s->def.platform.arch,
						 .platform_python = s->def.platform.python,
						 .topology = s->topology,
						 .manifest = s->manifest };
	int r = 0;

	if (s->env)
		r = take(s->lint, secrets_require(&cluster, &s->def, s->env, s->def.env, err), err);
	for (size_t i = 0; r == 0 && i < s->topology->count; i++) {
		const struct topology_node *node = &s->topology->nodes[i];
		CLEANUP(context_env_freep) struct context_env *env = NULL;
		CLEANUP(context_certificates_freep) struct context_certificates *certs = NULL;
		int found = context_env_resolve(&cluster, node, lookup, s, &env, err);

		s->lint->nodes++;
		if (found == 0)
			found = rehearse_node(&cluster, env, node, err);
		if (found == 0)
			found = context_certificates(&cluster, env, node, &certs, err);
		if (found < 0)
			found = err_prefix(err, "%s: node '%s'", s->def.path, node->name);
		r = take(s->lint, found, err);
	}
	return r;
}

static int check_repos(struct scope *s, struct err *err)
{
	const struct repofile_vars vars = { .arch = s->def.platform.arch,
					    .releasever = repofile_releasever(s->def.platform.id) };
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->def.repos.count; i++) {
		int read = repofile_load(s->def.repos.items[i], &vars, &list, &s->lint->notes, err);

		/* A value that each build host has its own of is no mistake of the manifest. */
		if (read < 0 && err->code == ERR_CONFIG &&
		    strstr(err->msg, ": unknown variable '$")) {
			r = strv_add(&s->lint->notes, err->msg, err);
			*err = (struct err)ERR_INIT;
			continue;
		}
		r = take(s->lint, read, err);
	}
	return r;
}

static int check_env(struct scope *s, struct err *err)
{
	if (!s->def.env)
		return 0;
	if (access(s->def.env, F_OK) < 0)
		return strv_addf(&s->lint->notes, err,
				 "'%s' is not here: passwords were not looked at", s->def.env);
	return take(s->lint, dotenv_load(s->def.env, &s->env, err), err);
}

/* What was committed for others to copy, where it is there. */
static int check_example(struct scope *s, struct err *err)
{
	CLEANUP(secrets_release) struct secrets secrets = SECRETS_INIT;
	CLEANUP(str_release) struct str wanted = STR_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	int r = s->def.env ? str_printf(&path, err, "%s.example", s->def.env) : 0;

	if (r < 0 || !path || access(path, F_OK) < 0)
		return r;
	r = file_read(path, 0, ERR_CONFIG, &text, NULL, err);
	if (r == 0)
		r = secrets_load(s->def.path, &secrets, err);
	if (r == 0)
		r = secrets_text(&secrets, false, &wanted, err);
	if (r < 0)
		return take(s->lint, r, err);
	return strcmp(text, wanted.buf) == 0
		       ? 0
		       : strv_addf(
				 &s->lint->notes, err,
				 "'%s' is not what the manifests say: 'pgha-bundle secrets example "
				 "-f %s' prints that",
				 path, s->def.path);
}

static int check_definition(struct lint *lint, const char *path, const char *services,
			    struct err *err)
{
	CLEANUP(scope_release) struct scope s = { .lint = lint, .def = DEFINITION_INIT };
	CLEANUP(definition_requests_release)
	struct definition_requests requests = { .items = NULL };
	int r = definition_load(path, &s.def, err);

	if (r < 0)
		return take(lint, r, err);
	r = check_repos(&s, err);
	if (r == 0)
		r = check_env(&s, err);
	if (r < 0 || !s.def.services.count)
		return r;
	r = manifest_load(services, &s.def.services, &s.manifest, err);
	if (r < 0)
		return take(lint, r, err);
	r = take(lint, definition_requests(&s.def, &requests, err), err);
	if (r == 0)
		r = take(lint, assemble_check_wheels(&s.def, s.manifest, err), err);
	if (r < 0 || !s.def.topology)
		return r;
	r = topology_load(s.def.topology, &s.def.services, &s.topology, err);
	if (r < 0)
		return take(lint, r, err);
	r = rehearse(&s, err);
	return r < 0 ? r : check_example(&s, err);
}

/* --- a directory -------------------------------------------------------------------------------- */

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The lab's definition is filled in when it is used: "@…@" stands where something is to come. */
static bool is_form(const char *text)
{
	const char *start = strstr(text, "\"@");
	const char *end = start ? strchr(start + 2, '@') : NULL;

	return end && end[1] == '"' && strcspn(start + 2, "\n \"") >= (size_t)(end - start) - 2;
}

static int check_yaml(struct lint *lint, const char *path, const char *services,
		      const struct strv *names, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	struct topology *topology = NULL;
	cleanup_free char *text = NULL;
	size_t size = 0;
	int r = file_read(path, YAML_MAX, ERR_CONFIG, &text, &size, err);

	lint->files++;
	if (r == 0)
		r = yaml_parse(path, text, size, ERR_CONFIG, &doc, err);
	if (r < 0)
		return take(lint, r, err);
	if (yaml_get(yaml_root(doc), "pgha")) {
		if (!is_form(text))
			return check_definition(lint, path, services, err);
		return strv_addf(&lint->notes, err,
				 "'%s' has places to be filled in (\"@…@\"): it was not looked at",
				 path);
	}
	if (!yaml_get(yaml_root(doc), "nodes"))
		return strv_addf(&lint->problems, err,
				 "%s: neither a bundle's definition ('pgha:') nor a topology "
				 "('nodes:')",
				 path);
	r = topology_load(path, names, &topology, err);
	topology_free(topology);
	return take(lint, r, err);
}

/* Each by itself, whether a definition names it or not. */
static int check_services(struct lint *lint, const char *services, const struct strv *names,
			  struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++) {
		CLEANUP(strv_release) struct strv one = STRV_INIT;
		CLEANUP(manifest_freep) struct manifest *manifest = NULL;

		r = strv_add(&one, names->items[i], err);
		if (r == 0)
			r = take(lint, manifest_load(services, &one, &manifest, err), err);
		lint->services++;
	}
	return r;
}

static int list_services(const char *services, struct strv *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv all = STRV_INIT;
	int r = is_directory(services) ? dir_list(services, &all, err) : 0;

	for (size_t i = 0; r == 0 && i < all.count; i++) {
		cleanup_free char *path = NULL;

		r = path_join(services, all.items[i], &path, err);
		if (r == 0 && is_directory(path))
			r = strv_add(ret, all.items[i], err);
	}
	return r;
}

int lint_directory(const char *dir, struct lint *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *services = NULL;
	int r = path_join(dir, "services", &services, err);

	if (r == 0 && !is_directory(dir))
		return err_set(err, ERR_USAGE, "'%s' is no directory", dir);
	if (r == 0)
		r = dir_list(dir, &files, err);
	if (r == 0)
		r = list_services(services, &names, err);
	if (r == 0)
		r = check_services(ret, services, &names, err);
	for (size_t i = 0; r == 0 && i < files.count; i++) {
		cleanup_free char *path = NULL;

		if (!str_ends(files.items[i], ".yaml"))
			continue;
		r = path_join(dir, files.items[i], &path, err);
		if (r == 0)
			r = check_yaml(ret, path, services, &names, err);
	}
	if (r == 0 && !ret->files && !ret->services)
		r = err_set(err, ERR_USAGE, "'%s' holds no manifests", dir);
	return r;
}
