/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle resolve: what goes into a bundle, written down for review. */
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "commands.h"
#include "file.h"
#include "progress.h"
#include "resolve.h"

struct options {
	const char *definition;
	const char *output;
	const char *cache;
};

static const struct cli_option resolve_options[] = {
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,
	  offsetof(struct options, definition) },
	{ "output", 'o', CLI_VALUE, "FILE", "where the lock goes", true,
	  offsetof(struct options, output) },
	{ "cache", 0, CLI_VALUE, "DIR", "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)",
	  false, offsetof(struct options, cache) },
	CLI_OPTION_END,
};

static void tell(const struct lock *lock, const char *path)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	uint64_t bytes = 0;

	for (size_t i = 0; i < lock->rpms.count; i++)
		bytes += rpms[i].size_bytes;
	notice("%s: %zu packages (%.1f MiB) from %zu repositories, %zu wheels", path,
	       lock->rpms.count, (double)bytes / (1 << 20), lock->repos.count, lock->wheels.count);
}

static int cmd_resolve(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	cleanup_free char *cache = NULL;
	cleanup_free char *text = NULL;
	int r = definition_load(o->definition, &def, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = cache_dir(o->cache, &cache, err);
	if (r == 0)
		r = resolve_lock(&def, &(struct metadata_options){ .cache = cache }, &warnings,
				 &lock, err);
	for (size_t i = 0; i < warnings.count; i++)
		warning("%s", warnings.items[i]);
	if (r == 0)
		r = lock_format(&lock, &text, err);
	if (r == 0)
		r = file_write_atomic(o->output, 0644, text, strlen(text), err);
	if (r == 0)
		tell(&lock, o->output);
	return r;
}

const struct cli_command bundle_cmd_resolve = {
	.name = "resolve",
	.args = "",
	.summary = "solve packages and wheels; write the lock",
	.options = resolve_options,
	.run = cmd_resolve,
	.options_size = sizeof(struct options),
};
