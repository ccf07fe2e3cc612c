/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline.h"
#include "cleanup.h"
#include "yaml.h"

void resolver_release(struct resolver *resolver)
{
	solve_release(&resolver->solve);
	definition_requests_release(&resolver->requests);
	modules_free(resolver->modules);
	metadata_release(&resolver->metadata);
	repofile_release(&resolver->repofiles);
	*resolver = (struct resolver)RESOLVER_INIT;
}

/* --- repositories ---------------------------------------------------------------------------------- */

/* With the place where the definition, which is NODE's, names PATH. */
static int check_readable(const struct yaml_node *node, const char *path, struct err *err)
{
	if (access(path, R_OK) < 0)
		return yaml_error(node, err, "cannot open '%s': %s", path, strerror(errno));
	return 0;
}

static int check_trust(const struct resolver *rs, struct err *err)
{
	const struct yaml_node *node = yaml_get(yaml_root(rs->def->doc), "trust");

	for (size_t i = 0; node && i < node->count; i++) {
		cleanup_free const char **ids = calloc(rs->repofiles.count + 1, sizeof(*ids));
		const char *near = NULL;
		bool found = false;

		if (!ids)
			return err_nomem(err);
		for (size_t k = 0; k < rs->repofiles.count; k++) {
			ids[k] = rs->repofiles.items[k].id;
			found = found || !strcmp(ids[k], node->keys[i]->text);
		}
		near = str_nearest(node->keys[i]->text, ids);
		if (!found && near)
			return yaml_error(node->keys[i], err,
					  "no repository '%.60s' in the .repo files (did you mean "
					  "'%s'?)",
					  node->keys[i]->text, near);
		if (!found)
			return yaml_error(node->keys[i], err,
					  "no repository '%.60s' in the .repo files",
					  node->keys[i]->text);
	}
	return 0;
}

static int read_repofiles(struct resolver *rs, struct strv *warnings, struct err *err)
{
	const struct definition *def = rs->def;
	struct repofile_vars vars = { .arch = def->platform.arch,
				      .releasever = repofile_releasever(def->platform.id) };
	bool enabled = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < def->repos.count; i++) {
		r = check_readable(yaml_get(yaml_root(def->doc), "repos")->items[i],
				   def->repos.items[i], err);
		if (r == 0)
			r = repofile_load(def->repos.items[i], &vars, &rs->repofiles, warnings,
					  err);
	}
	if (r == 0)
		r = check_trust(rs, err);
	for (size_t i = 0; i < rs->repofiles.count; i++)
		enabled = enabled || rs->repofiles.items[i].enabled;
	if (r == 0 && !enabled)
		r = yaml_error(yaml_get(yaml_root(def->doc), "repos"), err,
			       "no repository is enabled");
	return r;
}

/* --- module streams --------------------------------------------------------------------------------- */

/* "FILE:LINE:COLUMN" of the list, or of what is nearest to it. */
static int place_of_modules(const struct definition *def, char **ret, struct err *err)
{
	const struct yaml_node *root = yaml_root(def->doc);
	const struct yaml_node *modules = yaml_get(root, "modules");
	const struct yaml_node *enable = yaml_get(modules, "enable");
	const struct yaml_node *node = enable ? enable : modules ? modules : root;

	return str_printf(ret, err, "%s:%u:%u", yaml_name(def->doc), node->line, node->column);
}

static int resolve_modules(struct resolver *rs, struct strv *warnings, struct err *err)
{
	const struct definition *def = rs->def;
	cleanup_free char *where = NULL;
	int r = modules_new(def->platform.id, def->platform.arch, &rs->modules, err);

	for (size_t i = 0; r == 0 && i < rs->metadata.count; i++) {
		const struct metadata_repo *repo = &rs->metadata.repos[i];

		if (repo->modules)
			r = modules_add(rs->modules, repo->source->id, repo->modules,
					repo->modules_size, err);
	}
	if (r == 0)
		r = place_of_modules(def, &where, err);
	if (r == 0)
		r = modules_resolve(rs->modules, &def->modules.enable, &def->modules.disable, where,
				    warnings, err);
	return r;
}

int resolver_open(const struct definition *def, const struct metadata_options *options,
		  struct strv *warnings, struct resolver *ret, struct err *err)
{
	int r = definition_requests(def, &ret->requests, err);

	ret->def = def;
	ret->warnings = warnings;
	if (r == 0)
		r = read_repofiles(ret, warnings, err);
	if (r == 0)
		r = solve_init(&ret->solve, def->platform.arch, err);
	if (r == 0)
		r = metadata_load(ret->solve.pool, def, &ret->repofiles, options, warnings,
				  &ret->metadata, err);
	if (r == 0 && def->baseline)
		r = check_readable(yaml_get(yaml_root(def->doc), "baseline"), def->baseline, err);
	if (r == 0 && def->baseline)
		r = baseline_load(ret->solve.pool, def->baseline, &def->platform, warnings, err);
	if (r == 0)
		r = resolve_modules(ret, warnings, err);
	if (r == 0)
		r = solve_prepare(&ret->solve, &ret->metadata, ret->modules, err);
	return r;
}

int resolver_solve(struct resolver *resolver, struct solve_result *ret, struct err *err)
{
	return resolver_solve_keeping(resolver, NULL, NULL, ret, err);
}

int resolver_solve_keeping(struct resolver *resolver, const Queue *keep, const Queue *take,
			   struct solve_result *ret, struct err *err)
{
	const struct solve_options options = { .weak_deps = resolver->def->weak_deps,
					       .keep = keep,
					       .take = take,
					       .locked = &resolver->def->locked,
					       .warnings = resolver->warnings };

	return solve_run(&resolver->solve, &resolver->requests, &options, ret, err);
}
