/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle fetch: everything that a lock names, in the cache and authenticated. */
#include <stdio.h>

#include "cache.h"
#include "cleanup.h"
#include "commands.h"
#include "fetch.h"

struct options {
	const char *lock;
	const char *cache;
};

static const struct cli_option fetch_options[] = {
	{ "lock", 0, CLI_VALUE, "FILE", "what to fetch, written by 'resolve'", true,
	  offsetof(struct options, lock) },
	{ "cache", 0, CLI_VALUE, "DIR", "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)",
	  false, offsetof(struct options, cache) },
	CLI_OPTION_END,
};

static int run(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	cleanup_free char *cache = NULL;
	int r = lock_load(o->lock, &lock, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = cache_dir(o->cache, &cache, err);
	if (r == 0)
		r = fetch_all(&lock, cache, &result, err);
	if (r == 0)
		printf("%zu packages and %zu wheels in %s, %zu downloaded now, every signature "
		       "checked\n",
		       result.rpm_count, result.wheels.count, cache, result.downloaded);
	return r;
}

const struct cli_command bundle_cmd_fetch = {
	.name = "fetch",
	.args = "",
	.summary = "download what a lock names, and check digests and signatures",
	.options = fetch_options,
	.run = run,
	.options_size = sizeof(struct options),
};
