/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `pgha-bundle resolve` would choose for many requests, with the repositories read once: for the
 * comparison with dnf (tests/cli/dnf_oracle.py --batch).
 *
 * usage: solve-batch BUNDLE.yaml CACHE_DIR FILE
 *
 * A line of FILE is one definition's `packages`, with tabs between; BUNDLE.yaml says the rest. Prints
 * for each a line: "ok" and the NEVRAs, or "no" and the reason, with tabs between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "definition.h"
#include "resolver.h"

static int add_request(struct definition_requests *list, const char *name, struct err *err)
{
	struct definition_request *items =
		reallocarray(list->items, list->count + 1, sizeof(*items));
	struct definition_request *item = NULL;
	int r = 0;

	if (!items)
		return err_nomem(err);
	list->items = items;
	item = &items[list->count++];
	*item = (struct definition_request){ .name = NULL };
	r = str_dup(&item->name, name, err);
	if (r == 0)
		r = str_dup(&item->reason, "requested", err);
	return r == 0 ? str_dup(&item->where, "line", err) : r;
}

static void print_one_line(const char *text)
{
	for (; *text; text++)
		putchar(*text == '\n' || *text == '\t' ? ' ' : *text);
}

static int solve_line(struct resolver *resolver, char *line, struct err *err)
{
	CLEANUP(solve_result_release) struct solve_result result = { .items = NULL };
	struct err no = ERR_INIT;
	char *rest = line;
	int r = 0;

	definition_requests_release(&resolver->requests);
	for (char *name = strsep(&rest, "\t"); r == 0 && name; name = strsep(&rest, "\t"))
		r = add_request(&resolver->requests, name, err);
	if (r < 0)
		return r;
	r = resolver_solve(resolver, &result, &no);
	printf(r < 0 ? "no" : "ok");
	for (size_t i = 0; r == 0 && i < result.count; i++)
		printf("\t%s", result.items[i].nevra);
	if (r < 0) {
		putchar('\t');
		print_one_line(no.msg);
		putchar(' ');
		print_one_line(no.detail);
	}
	putchar('\n');
	return r < 0 && r != -(int)ERR_NETWORK ? err_set(err, no.code, "%s", no.msg) : 0;
}

int main(int argc, char **argv)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(resolver_release) struct resolver resolver = RESOLVER_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	const struct metadata_options options = { .cache = argc == 4 ? argv[2] : "" };
	cleanup_fclose FILE *in = argc == 4 ? fopen(argv[3], "re") : NULL;
	cleanup_free char *line = NULL;
	struct err err = ERR_INIT;
	size_t size = 0;
	ssize_t len = 0;
	int r = 0;

	if (!in) {
		fprintf(stderr, "usage: solve-batch BUNDLE.yaml CACHE_DIR FILE\n");
		return ERR_USAGE;
	}
	r = definition_load(argv[1], &def, &err);
	if (r == 0)
		r = resolver_open(&def, &options, &warnings, &resolver, &err);
	while (r == 0 && (len = getline(&line, &size, in)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[len - 1] = '\0';
		r = solve_line(&resolver, line, &err);
	}
	if (r < 0)
		fprintf(stderr, "solve-batch: %s\n%s", err.msg, err.detail);
	return -r;
}
