/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle why and depends: what in a lock needs what. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "closure.h"
#include "commands.h"
#include "json.h"
#include "metaopts.h"
#include "netopts.h"
#include "progress.h"

#define REQUESTS_MAX 5 /* that are told, without --all */
#define LINE_COLUMNS 100

struct options {
	const char *definition;
	const char *lock;
	const char *cache;
	bool all;
	bool reverse;
	bool json;
	struct netopts net;
	struct metaopts meta;
};

/* clang-format off */
#define COMMON_OPTIONS                                                                        \
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml", "the bundle's definition", true,             \
	  offsetof(struct options, definition) },                                             \
	{ "lock", 0, CLI_VALUE, "FILE", "what 'resolve' wrote", true,                         \
	  offsetof(struct options, lock) },                                                   \
	{ "json", 0, CLI_FLAG, NULL, "the same as JSON", false,                               \
	  offsetof(struct options, json) },                                                   \
	{ "cache", 0, CLI_VALUE, "DIR",                                                       \
	  "downloads (default: $PGHA_CACHE_DIR or ~/.cache/pgha)", false,                     \
	  offsetof(struct options, cache) },                                                  \
	METAOPTS(struct options, meta),                                                       \
	NETOPTS(struct options, net)
/* clang-format on */

static const struct cli_option why_options[] = {
	{ "all", 0, CLI_FLAG, NULL, "the way from every request, not from the five nearest only",
	  false, offsetof(struct options, all) },
	COMMON_OPTIONS,
	CLI_OPTION_END,
};

static const struct cli_option depends_options[] = {
	{ "reverse", 0, CLI_FLAG, NULL, "what requires it, instead of what it requires", false,
	  offsetof(struct options, reverse) },
	COMMON_OPTIONS,
	CLI_OPTION_END,
};

struct work {
	const struct options *o;
	struct definition def;
	struct lock lock;
	char *cache;
	struct strv warnings;
	struct strv older; /* ids of repositories */
	struct http_limits limits;
	struct closure closure;
	Queue found; /* indexes of the packages that the arguments name */
};

static void work_release(struct work *w)
{
	queue_free(&w->found);
	closure_release(&w->closure);
	strv_release(&w->older);
	strv_release(&w->warnings);
	free(w->cache);
	lock_release(&w->lock);
	definition_release(&w->def);
}

/* --- words --------------------------------------------------------------------------------------- */

/* "NEVRA (repository)" or "NEVRA (repository, stream)". */
static void print_package(const struct work *w, size_t i)
{
	const struct closure_package *package = &w->closure.packages[i];

	printf("%s (%s%s%s)", package->rpm->nevra, package->rpm->repo, package->stream ? ", " : "",
	       package->stream ? package->stream : "");
}

static void package_json(const struct work *w, size_t i, struct json *j)
{
	const struct closure_package *package = &w->closure.packages[i];

	json_string(j, "nevra", package->rpm->nevra);
	json_string(j, "repo", package->rpm->repo);
	json_string(j, "stream", package->stream);
}

static const char *const kind_words[] = {
	[CLOSURE_REQUIRES] = "requires",
	[CLOSURE_RECOMMENDS] = "recommends",
	[CLOSURE_SUPPLEMENTS] = "supplements",
	[CLOSURE_FOLLOWS] = "follows",
	[CLOSURE_SAID] = "lock",
};

static void print_step(const struct work *w, const struct closure_edge *edge)
{
	const char *capability = edge->capabilities.items[0];
	size_t more = edge->capabilities.count - 1;

	switch (edge->kind) {
	case CLOSURE_REQUIRES:
		printf("requires %s", capability);
		break;
	case CLOSURE_RECOMMENDS:
		printf("recommends %s", capability);
		break;
	case CLOSURE_SUPPLEMENTS:
		printf("is supplemented (%s)", capability);
		break;
	case CLOSURE_FOLLOWS:
		printf("takes %s from the host, where another needs it", capability);
		break;
	case CLOSURE_SAID:
		printf("brings in, as the lock says");
		more = 0;
		break;
	}
	if (more)
		printf(" and %zu more", more);
	printf(": ");
	print_package(w, edge->to);
}

/* --- why ----------------------------------------------------------------------------------------- */

/* A request that leads to the package, and from where on. */
struct way {
	const struct closure_request *request;
	size_t from;
	uint64_t cost;
};

static int cmp_way(const void *a, const void *b)
{
	const struct way *x = a;
	const struct way *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return (x->request > y->request) - (x->request < y->request);
}

/* The nearest first. */
static int find_ways(const struct work *w, const struct closure_ways *ways, struct way **ret,
		     size_t *ret_count, struct err *err)
{
	const struct closure *c = &w->closure;
	struct way *list = calloc(c->request_count + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < c->request_count; i++) {
		size_t from = closure_nearest(&c->requests[i], ways);

		if (from != CLOSURE_NONE)
			list[count++] = (struct way){ &c->requests[i], from, ways->cost[from] };
	}
	qsort(list, count, sizeof(*list), cmp_way);
	*ret = list;
	*ret_count = count;
	return 0;
}

static void print_request(const struct closure_request *request)
{
	bool service = str_starts(request->reason, "service ");

	if (!request->name)
		printf("'%s', says the lock; the definition does not ask for it any more",
		       request->reason);
	else
		printf("%s asks for '%s' (%s)", service ? request->reason : "the definition",
		       request->name, request->where);
}

static void print_way(const struct work *w, const struct closure_ways *ways, const struct way *way)
{
	int indent = 4;

	printf("  ");
	print_request(way->request);
	printf("\n%*s", indent, "");
	print_package(w, way->from);
	printf("\n");
	for (size_t i = way->from; ways->next[i] != CLOSURE_NONE;) {
		const struct closure_edge *edge = &w->closure.edges[ways->next[i]];

		indent += 2;
		printf("%*s", indent, "");
		print_step(w, edge);
		printf("\n");
		i = edge->to;
	}
}

static size_t count_required_by(const struct closure *c, size_t target)
{
	size_t count = 0;

	for (size_t i = 0; i < c->edge_count; i++)
		count += c->edges[i].to == target && c->edges[i].kind == CLOSURE_REQUIRES;
	return count;
}

static void print_why(const struct work *w, size_t target, const struct closure_ways *ways,
		      const struct way *list, size_t count)
{
	size_t shown = w->o->all || count <= REQUESTS_MAX ? count : REQUESTS_MAX;
	size_t needed = count_required_by(&w->closure, target);

	print_package(w, target);
	if (!count)
		printf(": nothing that is asked for leads to it\n");
	else
		printf(": %zu request%s lead%s to it%s\n", count, count == 1 ? "" : "s",
		       count == 1 ? "s" : "",
		       closure_is_weak(list[0].cost) ? ", and none requires it" : "");
	for (size_t i = 0; i < shown; i++)
		print_way(w, ways, &list[i]);
	if (shown < count)
		printf("  and %zu more: --all shows them\n", count - shown);
	if (needed)
		printf("  (%zu package%s of the lock require%s it: 'depends --reverse' lists %s)\n",
		       needed, needed == 1 ? "" : "s", needed == 1 ? "s" : "",
		       needed == 1 ? "it" : "them");
}

static void why_json(const struct work *w, size_t target, const struct closure_ways *ways,
		     const struct way *list, size_t count, struct json *j)
{
	json_open(j, NULL, '{');
	package_json(w, target, j);
	json_string(j, "reason", w->closure.packages[target].rpm->reason);
	json_open(j, "ways", '[');
	for (size_t k = 0; k < count; k++) {
		json_open(j, NULL, '{');
		json_string(j, "reason", list[k].request->reason);
		json_string(j, "request", list[k].request->name);
		json_string(j, "where", list[k].request->where);
		json_bool(j, "required", !closure_is_weak(list[k].cost));
		json_open(j, "from", '{');
		package_json(w, list[k].from, j);
		json_close(j, '}');
		json_open(j, "steps", '[');
		for (size_t i = list[k].from; ways->next[i] != CLOSURE_NONE;) {
			const struct closure_edge *edge = &w->closure.edges[ways->next[i]];

			json_open(j, NULL, '{');
			json_string(j, "kind", kind_words[edge->kind]);
			json_strings(j, "capabilities", &edge->capabilities);
			package_json(w, edge->to, j);
			json_close(j, '}');
			i = edge->to;
		}
		json_close(j, ']');
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

/* J is NULL: as text. */
static int explain(const struct work *w, size_t target, struct json *j, struct err *err)
{
	CLEANUP(closure_ways_release) struct closure_ways ways = { .next = NULL };
	cleanup_free struct way *list = NULL;
	size_t count = 0;
	int r = closure_ways(&w->closure, target, &ways, err);

	if (r == 0)
		r = find_ways(w, &ways, &list, &count, err);
	if (r == 0 && j)
		why_json(w, target, &ways, list, count, j);
	else if (r == 0)
		print_why(w, target, &ways, list, count);
	return r;
}

/* --- depends ------------------------------------------------------------------------------------- */

static void print_wrapped(const struct strv *list, const char *indent)
{
	size_t column = 0;

	for (size_t i = 0; i < list->count; i++) {
		size_t len = strlen(list->items[i]) + (i + 1 < list->count);

		if (column && column + 1 + len > LINE_COLUMNS) {
			printf("\n");
			column = 0;
		}
		column += (size_t)printf("%s%s%s", column ? " " : indent, list->items[i],
					 i + 1 < list->count ? "," : "");
	}
	printf("\n");
}

/* The packages at the other end of TARGET's edges of one kind, each with its capabilities. */
static void print_edges(const struct work *w, size_t target, enum closure_kind kind, bool reverse,
			const char *title)
{
	const struct closure *c = &w->closure;
	bool first = true;

	for (size_t i = 0; i < c->edge_count; i++) {
		const struct closure_edge *edge = &c->edges[i];

		if (edge->kind != kind || (reverse ? edge->to : edge->from) != target)
			continue;
		if (first)
			printf("%s\n", title);
		first = false;
		printf("  ");
		print_package(w, reverse ? edge->from : edge->to);
		printf("\n");
		print_wrapped(&edge->capabilities, "    ");
	}
}

/* What no package of the lock fulfils: PROVIDED, what the host has; otherwise what nobody has. */
static int print_outside(const struct work *w, size_t target, bool recommends, bool provided,
			 const char *title, struct err *err)
{
	CLEANUP(strv_release) struct strv pairs = STRV_INIT;
	bool first = true;
	int r = closure_outside(&w->closure, target, recommends, &pairs, err);

	for (size_t i = 0; r == 0 && i + 1 < pairs.count; i += 2) {
		if (!*pairs.items[i] == provided)
			continue;
		if (first)
			printf("%s\n", title);
		first = false;
		printf("  %s%s%s\n", pairs.items[i], provided ? ": " : "", pairs.items[i + 1]);
	}
	return r;
}

static int print_depends(const struct work *w, size_t target, struct err *err)
{
	int r = 0;

	print_package(w, target);
	printf("\n");
	print_edges(w, target, CLOSURE_REQUIRES, false, "requires, and the lock has:");
	r = print_outside(w, target, false, true, "requires, and the host has (baseline):", err);
	if (r == 0)
		r = print_outside(w, target, false, false,
				  "requires under a condition that does not hold:", err);
	print_edges(w, target, CLOSURE_RECOMMENDS, false, "recommends, and the lock has:");
	if (r == 0)
		r = print_outside(w, target, true, true,
				  "recommends, and the host has (baseline):", err);
	if (r == 0)
		r = print_outside(w, target, true, false,
				  "recommends, and the lock does without:", err);
	print_edges(w, target, CLOSURE_SUPPLEMENTS, false, "is supplemented by:");
	return r;
}

static void print_reverse(const struct work *w, size_t target)
{
	const struct closure *c = &w->closure;

	print_package(w, target);
	printf("\n");
	for (size_t i = 0; i < c->request_count; i++)
		for (int k = 0; k < c->requests[i].packages.count; k++)
			if ((size_t)c->requests[i].packages.elements[k] == target) {
				print_request(&c->requests[i]);
				printf("\n");
			}
	print_edges(w, target, CLOSURE_REQUIRES, true, "is required by:");
	print_edges(w, target, CLOSURE_RECOMMENDS, true, "is recommended by:");
	print_edges(w, target, CLOSURE_SUPPLEMENTS, true, "supplements:");
	print_edges(w, target, CLOSURE_FOLLOWS, true, "takes the place of what needs:");
}

static int outside_json(const struct work *w, size_t target, bool recommends, struct json *j,
			struct err *err)
{
	CLEANUP(strv_release) struct strv pairs = STRV_INIT;
	int r = closure_outside(&w->closure, target, recommends, &pairs, err);

	json_open(j, recommends ? "recommends_outside" : "requires_outside", '[');
	for (size_t i = 0; r == 0 && i + 1 < pairs.count; i += 2) {
		json_open(j, NULL, '{');
		json_string(j, "capability", pairs.items[i + 1]);
		json_string(j, "host", *pairs.items[i] ? pairs.items[i] : NULL);
		json_close(j, '}');
	}
	json_close(j, ']');
	return r;
}

static int depends_json(const struct work *w, size_t target, struct json *j, struct err *err)
{
	const struct closure *c = &w->closure;
	bool reverse = w->o->reverse;
	int r = 0;

	json_open(j, NULL, '{');
	package_json(w, target, j);
	json_string(j, "reason", c->packages[target].rpm->reason);
	json_open(j, reverse ? "needed_by" : "needs", '[');
	for (size_t i = 0; i < c->edge_count; i++) {
		const struct closure_edge *edge = &c->edges[i];

		if ((reverse ? edge->to : edge->from) != target)
			continue;
		json_open(j, NULL, '{');
		json_string(j, "kind", kind_words[edge->kind]);
		json_strings(j, "capabilities", &edge->capabilities);
		package_json(w, reverse ? edge->from : edge->to, j);
		json_close(j, '}');
	}
	json_close(j, ']');
	if (!reverse)
		r = outside_json(w, target, false, j, err);
	if (r == 0 && !reverse)
		r = outside_json(w, target, true, j, err);
	json_close(j, '}');
	return r;
}

/* J is NULL: as text. */
static int depend(const struct work *w, size_t target, struct json *j, struct err *err)
{
	if (j)
		return depends_json(w, target, j, err);
	if (!w->o->reverse)
		return print_depends(w, target, err);
	print_reverse(w, target);
	return 0;
}

/* --- both ---------------------------------------------------------------------------------------- */

typedef int tell_fn(const struct work *w, size_t target, struct json *j, struct err *err);

static int open_closure(struct work *w, struct err *err)
{
	struct metadata_options options = { .limits = &w->limits };
	int r = definition_load(w->o->definition, &w->def, err);

	if (r == 0)
		r = lock_load(w->o->lock, &w->lock, err);
	if (r == 0)
		r = cache_dir(w->o->cache, &w->cache, err);
	if (r == 0)
		r = netopts_parse(&w->o->net, &w->limits, err);
	options.cache = w->cache;
	options.seen = &w->lock;
	if (r == 0)
		r = metaopts_parse(&w->o->meta, &w->older, &options, err);
	if (r == 0)
		r = closure_open(&w->def, &w->lock, &options, &w->warnings, &w->closure, err);
	for (size_t i = 0; i < w->warnings.count; i++)
		warning("%s", w->warnings.items[i]);
	if (r < 0 && err->code == ERR_NETWORK)
		err_prefix(err, "%s", w->o->lock);
	return r;
}

static int tell_all(const struct work *w, tell_fn *tell, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	if (w->o->json) {
		json_open(&j, NULL, '{');
		json_string(&j, "lock", w->o->lock);
		json_open(&j, "packages", '[');
	}
	for (int i = 0; r == 0 && i < w->found.count; i++) {
		if (i && !w->o->json)
			printf("\n");
		r = tell(w, (size_t)w->found.elements[i], w->o->json ? &j : NULL, err);
	}
	if (r < 0 || !w->o->json)
		return r;
	json_close(&j, ']');
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static int run(const struct options *o, int argc, char **argv, tell_fn *tell, struct err *err)
{
	CLEANUP(work_release)
	struct work w = {
		.o = o, .def = DEFINITION_INIT, .lock = LOCK_INIT, .closure = CLOSURE_INIT
	};
	int r = open_closure(&w, err);

	for (int i = 0; r == 0 && i < argc; i++) {
		Queue found;

		queue_init(&found);
		r = closure_find(&w.closure, argv[i], &found, err);
		for (int k = 0; k < found.count; k++)
			queue_pushunique(&w.found, found.elements[k]);
		queue_free(&found);
	}
	if (r == 0)
		r = tell_all(&w, tell, err);
	if (r == 0)
		metadata_save(&w.closure.resolver.metadata);
	return r;
}

static int cmd_why(const void *options, int argc, char **argv, struct err *err)
{
	return run(options, argc, argv, explain, err);
}

static int cmd_depends(const void *options, int argc, char **argv, struct err *err)
{
	return run(options, argc, argv, depend, err);
}

const struct cli_command bundle_cmd_why = {
	.name = "why",
	.args = "NEVRA|NAME...",
	.min_args = 1,
	.max_args = INT_MAX,
	.summary = "why a package is in the lock: the shortest way from each request to it",
	.example = "pgha-bundle why -f rhel8.yaml --lock pgha.lock libpq\n"
		   "pgha-bundle why -f rhel8.yaml --lock pgha.lock 'libssl.so.3()(64bit)' --json",
	.options = why_options,
	.run = cmd_why,
	.options_size = sizeof(struct options),
};

const struct cli_command bundle_cmd_depends = {
	.name = "depends",
	.args = "NEVRA|NAME...",
	.min_args = 1,
	.max_args = INT_MAX,
	.summary = "what a package of the lock requires, and which one provides it",
	.example = "pgha-bundle depends -f rhel8.yaml --lock pgha.lock keepalived\n"
		   "pgha-bundle depends -f rhel8.yaml --lock pgha.lock openssl-libs --reverse",
	.options = depends_options,
	.run = cmd_depends,
	.options_size = sizeof(struct options),
};
