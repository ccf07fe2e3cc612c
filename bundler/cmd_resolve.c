/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle resolve: what goes into a bundle, written down for review. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache.h"
#include "cleanup.h"
#include "commands.h"
#include "file.h"
#include "json.h"
#include "lock_diff.h"
#include "metaopts.h"
#include "netopts.h"
#include "progress.h"
#include "resolve.h"

struct options {
	const char *definition;
	const char *output;
	const char *lock;
	const char *cache;
	bool update;
	bool check;
	bool json;
	struct netopts net;
	struct metaopts meta;
};

static const struct cli_option resolve_options[] = {
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,
	  offsetof(struct options, definition) },
	{ "output", 'o', CLI_VALUE, "FILE", "where the lock goes; written only when it changes",
	  true, offsetof(struct options, output) },
	{ "lock", 0, CLI_VALUE, "FILE", "the lock to start from (default: the one at --output)",
	  false, offsetof(struct options, lock) },
	{ "update", 0, CLI_FLAG, NULL,
	  "carry the lock on: NAMEs move, others stay if they can; without a NAME all move", false,
	  offsetof(struct options, update) },
	{ "check", 0, CLI_FLAG, NULL, "write nothing; exit 1 if the lock would change", false,
	  offsetof(struct options, check) },
	{ "json", 0, CLI_FLAG, NULL, "what changed as JSON on stdout", false,
	  offsetof(struct options, json) },
	{ "cache", 0, CLI_VALUE, "DIR", "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)",
	  false, offsetof(struct options, cache) },
	METAOPTS(struct options, meta),
	NETOPTS(struct options, net),
	CLI_OPTION_END,
};

/* What one run works on. */
struct work {
	const struct options *o;
	struct definition def;
	bool has_base; /* there is a lock to start from */
	struct lock base;
	char *base_text;
	struct strv names;
	struct update update;
	struct lock lock;
	char *text;
	bool written;
	struct lock_diff diff;
	struct strv warnings;
	char *cache;
};

static void work_release(struct work *w)
{
	definition_release(&w->def);
	lock_release(&w->base);
	free(w->base_text);
	strv_release(&w->names);
	update_release(&w->update);
	lock_diff_release(&w->diff); /* borrows from the locks */
	lock_release(&w->lock);
	free(w->text);
	strv_release(&w->warnings);
	free(w->cache);
}

/* The lock that is there, if any: what is no lock is not overwritten. */
static int read_base(struct work *w, struct err *err)
{
	const char *path = w->o->lock ? w->o->lock : w->o->output;
	struct stat st;
	size_t size = 0;
	int r = 0;

	if (!w->o->lock && !w->o->check && !w->o->update &&
	    (stat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode) && st.st_size == 0))
		return 0;
	r = file_read(path, LOCK_SIZE_MAX, ERR_USAGE, &w->base_text, &size, err);
	if (r == 0)
		r = lock_parse(path, w->base_text, size, &w->base, err);
	if (r < 0 && err->code == ERR_CONFIG)
		err_detail(err, "'%s' is there and is no lock: remove it, or name another file",
			   path);
	w->has_base = r == 0;
	return r;
}

static int write_lock(struct work *w, struct err *err)
{
	cleanup_free char *old = NULL;
	struct err ignored = ERR_INIT;
	size_t size = 0;
	int r = 0;

	if (w->o->check)
		return 0;
	if (file_read(w->o->output, LOCK_SIZE_MAX, ERR_USAGE, &old, &size, &ignored) == 0 &&
	    size == strlen(w->text) && !memcmp(old, w->text, size))
		return 0;
	r = file_write_atomic(w->o->output, 0644, w->text, strlen(w->text), err);
	w->written = r == 0;
	return r;
}

static bool is_changed(const struct work *w)
{
	return !w->base_text || strcmp(w->base_text, w->text) != 0;
}

static int tell(const struct work *w, struct err *err)
{
	const struct lock_rpm *rpms = w->lock.rpms.items;
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	CLEANUP(str_release) struct str repos = STR_INIT;
	cleanup_free char *summary = NULL;
	cleanup_free char *where = NULL;
	uint64_t bytes = 0;
	int r = lock_diff_summary(&w->diff, &summary, err);

	if (r == 0)
		r = lock_diff_lines(&w->diff, &lines, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->lock.rpms.count; i++)
		bytes += rpms[i].size_bytes;
	notice("%s: %zu package%s (%.1f MiB) from %zu %s, %zu wheel%s", w->o->output,
	       w->lock.rpms.count, str_s(w->lock.rpms.count), (double)bytes / (1 << 20),
	       w->lock.repos.count, w->lock.repos.count == 1 ? "repository" : "repositories",
	       w->lock.wheels.count, str_s(w->lock.wheels.count));
	if (!w->has_base)
		return 0;
	if (!is_changed(w)) {
		notice("unchanged");
		return 0;
	}
	if (w->diff.platform)
		notice("the platform is another one");
	for (size_t i = 0; i < w->diff.repos.count; i++)
		str_addf(&repos, "%s%s", i ? ", " : "; other metadata: ", w->diff.repos.items[i]);
	r = str_done(&repos, &where, err);
	if (r < 0)
		return r;
	notice("%s%s", summary, where);
	for (size_t i = 0; i < lines.count; i++)
		notice("  %s", lines.items[i]);
	return 0;
}

static int print_json(const struct work *w, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	json_string(&j, "lock", w->o->output);
	json_bool(&j, "changed", is_changed(w));
	json_bool(&j, "written", w->written);
	json_number(&j, "packages", w->lock.rpms.count);
	json_number(&j, "wheels", w->lock.wheels.count);
	lock_diff_json(&w->diff, &j);
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static int solve_it(struct work *w, struct err *err)
{
	CLEANUP(strv_release) struct strv older = STRV_INIT;
	struct http_limits limits = { .parallel = 0 };
	struct metadata_options options = { .cache = w->cache,
					    .limits = &limits,
					    .seen = w->has_base ? &w->base : NULL };
	int r = netopts_parse(&w->o->net, &limits, err);

	w->update.base = &w->base;
	w->update.names = &w->names;
	if (r == 0)
		r = metaopts_parse(&w->o->meta, &older, &options, err);
	if (r == 0 && w->o->update)
		r = resolve_update(&w->def, &options, &w->update, &w->warnings, &w->lock, err);
	else if (r == 0)
		r = resolve_lock(&w->def, &options, &w->warnings, &w->lock, err);
	for (size_t i = 0; i < w->warnings.count; i++)
		warning("%s", w->warnings.items[i]);
	if (r == 0)
		r = lock_format(&w->lock, &w->text, err);
	return r;
}

static int compare(struct work *w, struct err *err)
{
	const struct strv *causes = &w->update.causes;
	int r = lock_diff(&w->base, &w->lock, &w->diff, err);

	for (size_t i = 0; r == 0 && i < w->diff.count; i++)
		for (size_t k = 0; r == 0 && k + 1 < causes->count; k += 2)
			if (w->diff.items[i].nevra && w->diff.items[i].from &&
			    !strcmp(w->diff.items[i].nevra, causes->items[k]))
				r = str_dup(&w->diff.items[i].cause, causes->items[k + 1], err);
	return r;
}

static int cmd_resolve(const void *options, int argc, char **argv, struct err *err)
{
	CLEANUP(work_release)
	struct work w = {
		.o = options, .def = DEFINITION_INIT, .base = LOCK_INIT, .lock = LOCK_INIT
	};
	int r = 0;

	if (argc && !w.o->update)
		return err_set(err, ERR_USAGE,
			       "'%s' is one argument too many (did you mean '--update %s'?)",
			       argv[0], argv[0]);
	for (int i = 0; r == 0 && i < argc; i++)
		r = strv_add(&w.names, argv[i], err);
	if (r == 0)
		r = definition_load(w.o->definition, &w.def, err);
	if (r == 0)
		r = cache_dir(w.o->cache, &w.cache, err);
	if (r == 0)
		r = read_base(&w, err);
	if (r == 0)
		r = solve_it(&w, err);
	if (r == 0)
		r = compare(&w, err);
	if (r == 0)
		r = write_lock(&w, err);
	if (r == 0)
		r = tell(&w, err);
	if (r == 0 && w.o->json)
		r = print_json(&w, err);
	if (r == 0 && w.o->check && is_changed(&w))
		r = err_set(err, ERR_FAILED, "'%s' would change: run the same without --check",
			    w.o->output);
	return r;
}

const struct cli_command bundle_cmd_resolve = {
	.name = "resolve",
	.args = "[NAME...]",
	.max_args = INT_MAX,
	.summary = "solve packages and wheels; write the lock",
	.options = resolve_options,
	.run = cmd_resolve,
	.options_size = sizeof(struct options),
};
