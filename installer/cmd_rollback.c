/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install rollback: this machine as it was before the last bundle, or before an installation that failed. */
#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "commands.h"
#include "rollback.h"
#include "wayback.h"

struct rollback_options {
	const char *node;
	const char *root;
	bool dry_run;
	bool unguarded;
	bool json;
};

struct work {
	struct wayback back;
	struct rollback rollback;
	struct strv changes, stays;
};

static void work_release(struct work *w)
{
	rollback_release(&w->rollback);
	strv_release(&w->changes);
	strv_release(&w->stays);
	wayback_release(&w->back);
}

static int take_back(struct work *w, struct err *err)
{
	struct install *in = &w->back.in;
	char text[64];
	int r = 0;

	snprintf(text, sizeof(text), "sequence %" PRIu64, w->rollback.from);
	r = wayback_begin(&w->back, err);
	/* What was overridden is on record. */
	if (r == 0 && in->unguarded)
		r = install_step_begin(in, "unguarded", "", err);
	if (r == 0 && in->unguarded)
		r = install_step_end(in, "unguarded", "restarts wait for nobody", err);
	if (r == 0)
		r = install_step_begin(in, "rollback", text, err);
	if (r == 0)
		r = rollback_run(&w->rollback, !in->dry_run, &w->changes, &w->stays, err);
	snprintf(text, sizeof(text), "%zu undone", w->changes.count);
	return r < 0 ? r : install_step_end(in, "rollback", text, err);
}

static int print(const struct work *w, bool as_json, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;

	if (!as_json)
		return wayback_print(&w->back, &w->changes, &w->stays, NULL, err);
	wayback_json(&w->back, &j);
	json_number(&j, "from", w->rollback.from);
	json_number(&j, "to", w->rollback.to);
	return wayback_print(&w->back, &w->changes, &w->stays, &j, err);
}

static int run_rollback(const void *options, int argc, char **argv, struct err *err)
{
	const struct rollback_options *o = options;
	CLEANUP(work_release)
	struct work w = { .back = WAYBACK_INIT, .rollback = ROLLBACK_INIT };
	int r = wayback_open(&w.back, "a rollback", o->node, o->root, o->dry_run, err);

	(void)argc;
	(void)argv;
	w.back.in.unguarded = o->unguarded;
	if (r == 0)
		r = rollback_open(&w.back.in, &w.rollback, err);
	if (r == 0)
		r = take_back(&w, err);
	r = wayback_end(&w.back, r, err);
	return r < 0 ? r : print(&w, o->json, err);
}

static const struct cli_option options[] = {
	{ .name = "node",
	  .type = CLI_VALUE,
	  .value = "NAME",
	  .help = "the node that this machine is, to be sure",
	  .required = true,
	  .offset = offsetof(struct rollback_options, node) },
	{ .name = "root",
	  .type = CLI_VALUE,
	  .value = "DIR",
	  .help = "of another root",
	  .offset = offsetof(struct rollback_options, root) },
	{ .name = "dry-run",
	  .type = CLI_FLAG,
	  .help = "say what would be undone and change nothing",
	  .offset = offsetof(struct rollback_options, dry_run) },
	{ .name = "unguarded",
	  .type = CLI_FLAG,
	  .help = "restart units at once, without the cluster's lock and the guards",
	  .offset = offsetof(struct rollback_options, unguarded) },
	{ .name = "json",
	  .type = CLI_FLAG,
	  .help = "results as JSON",
	  .offset = offsetof(struct rollback_options, json) },
	CLI_OPTION_END,
};

const struct cli_command install_rollback_command = {
	.name = "rollback",
	.args = "",
	.summary =
		"go back to what was before the last bundle, or before an installation that failed",
	.options = options,
	.run = run_rollback,
	.options_size = sizeof(struct rollback_options),
};
