/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include <stdio.h>

#include "cleanup.h"
#include "cli.h"
#include "json.h"

static void json_findings(struct json *j, const struct preflight *p)
{
	static const char *const kinds[] = { [PREFLIGHT_PROBLEM] = "problem",
					     [PREFLIGHT_IGNORED] = "ignored",
					     [PREFLIGHT_NOTE] = "note",
					     [PREFLIGHT_SKIPPED] = "skipped" };

	json_open(j, "preflight", '[');
	for (size_t i = 0; i < p->count; i++) {
		json_open(j, NULL, '{');
		json_string(j, "name", p->items[i].name);
		json_string(j, "kind", kinds[p->items[i].kind]);
		json_string(j, "text", p->items[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static int json_head(const struct results *is, struct json *j, struct err *err)
{
	int r = 0;

	if (*is->plan_sha256 && is->in->dry_run) {
		r = review_json(is->review, is->in, is->index_sha256, is->plan, j, err);
		json_string(j, "plan", is->plan_sha256);
		return r;
	}
	json_string(j, "cluster", is->in->index.cluster);
	json_string(j, "node", is->in->node);
	json_number(j, "sequence", is->in->index.sequence);
	if (is->setup)
		json_strings(j, "kept", &is->setup->kept);
	return 0;
}

static int print_json(const struct results *is, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	r = json_head(is, &j, err);
	json_bool(&j, "dry_run", is->in->dry_run);
	json_strings(&j, "changes", is->changes);
	json_strings(&j, "pending", is->pending);
	json_findings(&j, is->preflight);
	json_close(&j, '}');
	if (r == 0)
		r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static int print_plan(const struct results *is, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	int r = 0;

	review_text(is->review, is->in, &out);
	str_addf(&out, "plan %s\n", is->plan_sha256);
	r = str_check(&out, err);
	if (r == 0)
		cli_print(out.buf);
	return r;
}

int results_print(const struct results *is, struct err *err)
{
	const struct strv *kept = &is->setup->kept;

	if (is->in->json)
		return print_json(is, err);
	if (is->in->dry_run)
		return print_plan(is, err);
	for (size_t i = 0; i < is->changes->count; i++)
		printf("%s\n", is->changes->items[i]);
	if (!is->changes->count)
		printf("%s: nothing to do\n", is->in->node);
	for (size_t i = 0; i < kept->count; i++)
		printf("kept %s, which was changed by hand ('--take-ours' replaces it)\n",
		       kept->items[i]);
	for (size_t i = 0; i < is->pending->count; i++)
		printf("%s\n", is->pending->items[i]);
	return 0;
}
