/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle outdated: what a fresh resolve would bring, and which advisories that would fix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advisory.h"
#include "cache.h"
#include "cleanup.h"
#include "commands.h"
#include "json.h"
#include "lock_diff.h"
#include "metaopts.h"
#include "netopts.h"
#include "progress.h"
#include "resolve.h"
#include "wheel.h"

struct options {
	const char *definition;
	const char *lock;
	const char *cache;
	bool wheels;
	bool exit_code;
	bool json;
	struct netopts net;
	struct metaopts meta;
};

static const struct cli_option outdated_options[] = {
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,
	  offsetof(struct options, definition) },
	{ "lock", 0, CLI_VALUE, "FILE", "what 'resolve' wrote", true,
	  offsetof(struct options, lock) },
	{ "wheels", 0, CLI_FLAG, NULL, "look for newer wheels too (asks the Python index)", false,
	  offsetof(struct options, wheels) },
	{ "exit-code", 0, CLI_FLAG, NULL, "exit 1 when something is out of date", false,
	  offsetof(struct options, exit_code) },
	{ "json", 0, CLI_FLAG, NULL, "the same as JSON", false, offsetof(struct options, json) },
	{ "cache", 0, CLI_VALUE, "DIR", "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)",
	  false, offsetof(struct options, cache) },
	METAOPTS(struct options, meta),
	NETOPTS(struct options, net),
	CLI_OPTION_END,
};

struct work {
	const struct options *o;
	struct definition def;
	struct lock lock;
	char *cache;
	struct strv warnings;
	struct http_limits limits;
	struct strv older; /* ids of repositories */
	struct resolver resolver;
	struct solve_result result;
	struct lock fresh;
	struct lock_diff diff;
	struct advisories advisories;
	size_t newer; /* packages and wheels that are out of date */
};

static void work_release(struct work *w)
{
	advisories_release(&w->advisories);
	lock_diff_release(&w->diff); /* borrows from the locks */
	lock_release(&w->fresh);
	solve_result_release(&w->result);
	resolver_release(&w->resolver);
	strv_release(&w->warnings);
	strv_release(&w->older);
	free(w->cache);
	lock_release(&w->lock);
	definition_release(&w->def);
}

/* --- finding -------------------------------------------------------------------------------------- */

static bool is_active(const char *name, const char *stream, const char *context, void *arg)
{
	const struct resolver *resolver = arg;

	return resolver->modules && modules_is_active(resolver->modules, name, stream, context);
}

static int find_advisories(struct work *w, struct err *err)
{
	int r = metadata_need(&w->resolver.metadata, METADATA_ADVISORIES, err);

	if (r == 0)
		r = advisories_find(w->resolver.solve.pool, &w->lock, &w->fresh, is_active,
				    &w->resolver, &w->advisories, err);
	return r;
}

/* Only what is compared: versions. */
static int add_wheels(struct work *w, struct err *err)
{
	CLEANUP(pip_report_release) struct pip_report report = { .items = NULL };
	int r = wheel_versions(&w->def, w->cache, &w->lock, &report, err);

	for (size_t i = 0; r == 0 && i < report.count; i++) {
		struct lock_wheel *wheel = NULL;

		r = lock_add_wheel(&w->fresh, &wheel, err);
		if (r == 0)
			r = str_dup(&wheel->name, report.items[i].name, err);
		if (r == 0)
			r = str_dup(&wheel->version, report.items[i].version, err);
		if (r == 0)
			r = str_dup(&wheel->file, "", err);
		if (r == 0)
			r = str_dup(&wheel->sha256, "", err);
	}
	return r;
}

static bool is_told(const struct work *w, const struct lock_change *change)
{
	if (change->wheel && (!w->o->wheels || change->kind == LOCK_REPLACED))
		return false;
	return change->kind == LOCK_UP || change->kind == LOCK_DOWN ||
	       change->kind == LOCK_REPLACED;
}

static int find_newer(struct work *w, struct err *err)
{
	struct metadata_options options = { .cache = w->cache,
					    .limits = &w->limits,
					    .seen = &w->lock };
	int r = netopts_parse(&w->o->net, &w->limits, err);

	if (r == 0)
		r = metaopts_parse(&w->o->meta, &w->older, &options, err);
	if (r == 0)
		r = resolver_open(&w->def, &options, &w->warnings, &w->resolver, err);

	for (size_t i = 0; i < w->warnings.count; i++)
		warning("%s", w->warnings.items[i]);
	if (r == 0)
		r = resolver_solve(&w->resolver, &w->result, err);
	if (r == 0)
		r = resolve_fill(&w->resolver, &w->result, &w->fresh, err);
	if (r == 0 && w->o->wheels)
		r = add_wheels(w, err);
	if (r == 0)
		r = lock_diff(&w->lock, &w->fresh, &w->diff, err);
	for (size_t i = 0; r == 0 && i < w->diff.count; i++)
		w->newer += is_told(w, &w->diff.items[i]);
	if (r == 0)
		r = find_advisories(w, err);
	if (r == 0)
		metadata_save(&w->resolver.metadata);
	return r;
}

/* --- telling -------------------------------------------------------------------------------------- */

static int print_packages(const struct work *w, struct err *err)
{
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	size_t others = 0;
	int r = lock_diff_lines(&w->diff, &lines, err);

	if (r < 0)
		return r;
	if (w->newer)
		printf("%zu of %zu packages%s have another version in a fresh answer:\n", w->newer,
		       w->lock.rpms.count + (w->o->wheels ? w->lock.wheels.count : 0),
		       w->o->wheels ? " and wheels" : "");
	else
		printf("nothing newer: a fresh answer has the lock's versions\n");
	for (size_t i = 0; i < w->diff.count; i++)
		if (is_told(w, &w->diff.items[i]))
			printf("  %s\n", lines.items[i]);
		else if (!w->diff.items[i].wheel)
			others++;
	if (others)
		notice("a fresh answer adds or drops %zu more: 'resolve --check' tells them",
		       others);
	return 0;
}

static int print_advisories(const struct work *w, bool reached, const char *title, struct err *err)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->advisories.count; i++) {
		CLEANUP(strv_release) struct strv lines = STRV_INIT;

		if (w->advisories.items[i].reached != reached)
			continue;
		if (first)
			printf("\n%s\n", title);
		first = false;
		r = advisory_lines(&w->advisories.items[i], &lines, err);
		for (size_t k = 0; k < lines.count; k++)
			printf("  %s\n", lines.items[k]);
	}
	return r;
}

static int print_text(const struct work *w, struct err *err)
{
	int r = print_packages(w, err);

	if (r == 0)
		r = print_advisories(w, true, "advisories that an update fixes:", err);
	if (r == 0)
		r = print_advisories(w, false,
				     "advisories that an update from these repositories does not "
				     "fix:",
				     err);
	return r;
}

static void change_json(const struct lock_change *c, struct json *j)
{
	json_open(j, NULL, '{');
	json_string(j, "type", c->wheel ? "wheel" : "rpm");
	json_string(j, "name", c->name);
	if (!c->wheel)
		json_string(j, "arch", c->arch);
	json_string(j, "change", lock_change_words[c->kind]);
	json_string(j, "locked", c->from);
	json_string(j, "available", c->to);
	json_close(j, '}');
}

static int print_json(const struct work *w, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	json_string(&j, "lock", w->o->lock);
	json_open(&j, "outdated", '[');
	for (size_t i = 0; i < w->diff.count; i++)
		if (is_told(w, &w->diff.items[i]))
			change_json(&w->diff.items[i], &j);
	json_close(&j, ']');
	json_open(&j, "advisories", '[');
	for (size_t i = 0; i < w->advisories.count; i++)
		advisory_json(&w->advisories.items[i], &j);
	json_close(&j, ']');
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static int cmd_outdated(const void *options, int argc, char **argv, struct err *err)
{
	CLEANUP(work_release)
	struct work w = {
		.o = options, .def = DEFINITION_INIT, .lock = LOCK_INIT, .fresh = LOCK_INIT
	};
	int r = definition_load(w.o->definition, &w.def, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = lock_load(w.o->lock, &w.lock, err);
	if (r == 0)
		r = cache_dir(w.o->cache, &w.cache, err);
	if (r == 0)
		r = find_newer(&w, err);
	if (r == 0)
		r = w.o->json ? print_json(&w, err) : print_text(&w, err);
	if (r == 0 && w.o->exit_code && (w.newer || w.advisories.count))
		r = err_set(err, ERR_FAILED, "'%s' is out of date: %zu package%s, %zu %s",
			    w.o->lock, w.newer, str_s(w.newer), w.advisories.count,
			    w.advisories.count == 1 ? "advisory" : "advisories");
	return r;
}

const struct cli_command bundle_cmd_outdated = {
	.name = "outdated",
	.args = "",
	.summary = "what is newer than the lock, and the advisories that an update fixes",
	.options = outdated_options,
	.run = cmd_outdated,
	.options_size = sizeof(struct options),
};
