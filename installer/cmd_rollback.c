/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install rollback: this machine as it was before the last bundle, or before an installation that failed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "json.h"
#include "rollback.h"
#include "rootdev.h"
#include "stage.h"

struct rollback_options {
	const char *node;
	const char *root;
	bool dry_run;
	bool unguarded;
	bool json;
};

struct work {
	struct install in;
	struct state state;
	struct rootdev rootdev;
	struct rollback rollback;
	struct strv changes, stays;
	char *root; /* owned; IN borrows it */
};

static void work_release(struct work *w)
{
	rootdev_withdraw(&w->rootdev);
	rollback_release(&w->rollback);
	strv_release(&w->changes);
	strv_release(&w->stays);
	state_close(&w->in, &w->state);
	install_release(&w->in);
	free(w->root);
}

static int prepare(struct work *w, const struct rollback_options *o, struct err *err)
{
	int r = 0;

	if (geteuid() != 0)
		return err_set(err, ERR_HOST, "a rollback needs root: run it with sudo");
	w->root = realpath(o->root ? o->root : "/", NULL);
	if (!w->root)
		return err_errno(err, ERR_USAGE, errno, "cannot use the root '%.200s'", o->root);
	w->in = (struct install){
		.node = o->node, .root = w->root, .dry_run = o->dry_run, .unguarded = o->unguarded
	};
	r = install_init(&w->in, err);
	if (r == 0 && !o->dry_run)
		r = state_open(&w->in, &w->state, err);
	/* Of a run that was killed. */
	if (r == 0 && !o->dry_run)
		r = stage_clear(&w->in, err);
	return r < 0 ? r : rollback_open(&w->in, &w->rollback, err);
}

static int take_back(struct work *w, struct err *err)
{
	char text[64];
	int r = 0;

	snprintf(text, sizeof(text), "sequence %" PRIu64, w->rollback.from);
	if (!w->in.dry_run)
		r = journal_open(&w->in, &w->state, err);
	if (r == 0 && !w->in.dry_run)
		r = rootdev_provide(&w->in, &w->rootdev, err);
	/* What was overridden is on record. */
	if (r == 0 && w->in.unguarded)
		r = install_step_begin(&w->in, "unguarded", "", err);
	if (r == 0 && w->in.unguarded)
		r = install_step_end(&w->in, "unguarded", "restarts wait for nobody", err);
	if (r == 0)
		r = install_step_begin(&w->in, "rollback", text, err);
	if (r == 0)
		r = rollback_run(&w->rollback, !w->in.dry_run, &w->changes, &w->stays, err);
	snprintf(text, sizeof(text), "%zu undone", w->changes.count);
	return r < 0 ? r : install_step_end(&w->in, "rollback", text, err);
}

static int print(const struct work *w, bool as_json, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	if (as_json) {
		json_open(&j, NULL, '{');
		json_string(&j, "node", w->in.node);
		json_bool(&j, "dry_run", w->in.dry_run);
		json_number(&j, "from", w->rollback.from);
		json_number(&j, "to", w->rollback.to);
		json_strings(&j, "changes", &w->changes);
		json_strings(&j, "stays", &w->stays);
		json_close(&j, '}');
		r = json_done(&j, &text, err);
		if (r == 0)
			cli_print(text);
		return r;
	}
	for (size_t i = 0; i < w->changes.count; i++)
		printf("%s\n", w->changes.items[i]);
	for (size_t i = 0; i < w->stays.count; i++)
		printf("%s %s\n", w->in.dry_run ? "would stay:" : "stays:", w->stays.items[i]);
	return 0;
}

static int run_rollback(const void *options, int argc, char **argv, struct err *err)
{
	const struct rollback_options *o = options;
	CLEANUP(work_release)
	struct work w = { .state = STATE_INIT, .rollback = ROLLBACK_INIT };
	struct err second = ERR_INIT;
	int r = prepare(&w, o, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = take_back(&w, err);
	if (r < 0 && w.in.journal && journal_fail(w.in.journal, err->msg, &second))
		err_detail(err, "and %s", second.msg);
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
