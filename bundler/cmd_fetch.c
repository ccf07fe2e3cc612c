/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle fetch: everything that a lock names, in the cache and authenticated. */
#include <stdio.h>

#include "cache.h"
#include "cleanup.h"
#include "commands.h"
#include "fetch.h"
#include "json.h"
#include "netopts.h"

struct options {
	const char *lock;
	const char *cache;
	const char *import_dir;
	bool verify_cache;
	bool json;
	struct netopts net;
};

static const struct cli_option fetch_options[] = {
	{ "lock", 0, CLI_VALUE, "FILE", "what to fetch, written by 'resolve'", true,
	  offsetof(struct options, lock) },
	{ "cache", 0, CLI_VALUE, "DIR", "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)",
	  false, offsetof(struct options, cache) },
	{ "import", 0, CLI_VALUE, "DIR", "take what is anywhere below DIR instead of downloading",
	  false, offsetof(struct options, import_dir) },
	{ "verify-cache", 0, CLI_FLAG, NULL, "check also what was checked before and not changed",
	  false, offsetof(struct options, verify_cache) },
	NETOPTS(struct options, net),
	{ "json", 0, CLI_FLAG, NULL, "the summary as JSON", false, offsetof(struct options, json) },
	CLI_OPTION_END,
};

static void add_count(struct json *j, const char *key, const struct fetch_count *count)
{
	json_open(j, key, '{');
	json_number(j, "files", count->files);
	json_number(j, "bytes", count->bytes);
	json_close(j, '}');
}

static int print_json(const struct fetch_result *result, const char *cache, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;

	json_open(&j, NULL, '{');
	json_string(&j, "cache", cache);
	json_number(&j, "packages", result->rpm_count);
	json_number(&j, "wheels", result->wheels.count);
	json_number(&j, "keys", result->key_count);
	add_count(&j, "downloaded", &result->downloaded);
	add_count(&j, "imported", &result->imported);
	add_count(&j, "cached", &result->cached);
	json_number(&j, "built", result->built);
	json_close(&j, '}');
	if (json_done(&j, &text, err) < 0)
		return -err->code;
	cli_print(text);
	return 0;
}

static void print_count(const char *what, const struct fetch_count *count)
{
	if (count->files)
		printf(", %zu %s (%.1f MiB)", count->files, what, (double)count->bytes / (1 << 20));
}

static void print_summary(const struct fetch_result *result, const char *cache)
{
	printf("%zu package%s and %zu wheel%s in %s", result->rpm_count, str_s(result->rpm_count),
	       result->wheels.count, str_s(result->wheels.count), cache);
	print_count("downloaded", &result->downloaded);
	print_count("imported", &result->imported);
	print_count("there before", &result->cached);
	if (result->built)
		printf(", %zu built from source", result->built);
	printf("; every package signed by a pinned key\n");
}

static int run(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	struct http_limits limits = { .parallel = 0 };
	cleanup_free char *cache = NULL;
	int r = netopts_parse(&o->net, &limits, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = lock_load(o->lock, &lock, err);
	if (r == 0)
		r = cache_dir(o->cache, &cache, err);
	if (r == 0)
		r = fetch_all(&lock,
			      &(struct fetch_options){ .cache = cache,
						       .limits = &limits,
						       .import_dir = o->import_dir,
						       .verify_cache = o->verify_cache },
			      &result, err);
	if (r == 0 && o->json)
		r = print_json(&result, cache, err);
	else if (r == 0)
		print_summary(&result, cache);
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
