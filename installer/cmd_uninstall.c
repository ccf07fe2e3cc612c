/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install uninstall: this machine as it was before its first installation, but for its data. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "removal.h"
#include "rootdev.h"
#include "stage.h"
#include "state.h"
#include "unit.h"
#include "unpack.h"

struct uninstall_options {
	const char *node;
	const char *root;
	struct cli_list remove_data;
	bool dry_run;
	bool json;
};

struct work {
	struct install in;
	struct state state;
	struct rootdev rootdev;
	struct record_entries entries;
	struct removal removal;
	char *root; /* owned; IN borrows it */
	int root_fd;
};

static void work_release(struct work *w)
{
	rootdev_withdraw(&w->rootdev);
	removal_release(&w->removal);
	record_entries_release(&w->entries);
	state_close(&w->in, &w->state);
	install_release(&w->in);
	cleanup_closep(&w->root_fd);
	free(w->root);
}

/* Whoever types the node's name means this machine. */
static int check_node(const struct work *w, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed c = STATE_COMMITTED_INIT;
	int r = state_committed_load(&w->in, &c, err);

	if (r < 0)
		return r;
	if (c.sequence && strcmp(c.node, w->in.node) != 0)
		return err_set(err, ERR_USAGE, "this machine is '%s', not '%s'", c.node,
			       w->in.node);
	if (c.sequence || w->entries.count)
		return 0;
	/* A run that was killed before it changed anything has staged a bundle. */
	if (!w->in.dry_run)
		r = state_forget(&w->in, err);
	return r < 0 ? r
		     : err_set(err, ERR_USAGE, "nothing is installed here: '%s' knows of no bundle",
			       w->in.state_dir);
}

static int prepare(struct work *w, const struct uninstall_options *o, struct err *err)
{
	int r = 0;

	if (geteuid() != 0)
		return err_set(err, ERR_HOST, "an uninstallation needs root: run it with sudo");
	w->root = realpath(o->root ? o->root : "/", NULL);
	if (!w->root)
		return err_errno(err, ERR_USAGE, errno, "cannot use the root '%.200s'", o->root);
	w->in = (struct install){ .node = o->node, .root = w->root, .dry_run = o->dry_run };
	w->root_fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->root_fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the root '%.200s'", w->root);
	r = install_init(&w->in, err);
	if (r == 0 && !o->dry_run)
		r = state_open(&w->in, &w->state, err);
	/* Of a run that was killed. */
	if (r == 0 && !o->dry_run)
		r = stage_clear(&w->in, err);
	if (r == 0)
		r = record_load(&w->in, &w->entries, err);
	if (r == 0)
		r = check_node(w, err);
	w->removal = (struct removal){ .in = &w->in,
				       .entries = &w->entries,
				       .data = o->remove_data.items,
				       .mark = REMOVAL_MARK,
				       .apply = !o->dry_run,
				       .root_fd = w->root_fd };
	return r < 0 ? r : removal_check_data(&w->removal, err);
}

static int packages(struct removal *removal, struct err *err)
{
	cleanup_free char *log = NULL;
	int r = removal->apply ? state_log_path(removal->in, "packages", &log, err) : 0;

	r = r < 0 ? r : removal_packages(removal, log, err);
	if (r == 0 && removal->apply)
		r = unpack_take_back(removal->in, err);
	if (r < 0 && log)
		err_detail(err, "log: %s", log);
	return r;
}

static int manager(struct removal *removal, struct err *err)
{
	return removal->apply ? unit_reload_manager(removal->in, err) : 0;
}

static const struct {
	const char *name;
	int (*run)(struct removal *removal, struct err *err);
} steps[] = {
	{ "units", removal_units },
	{ "files", removal_files },
	{ "packages", packages },
	{ "systemd", manager },
	{ "directories", removal_directories },
	{ "accounts", removal_accounts },
};

/* What librpm refuses is known before anything is changed. */
static int try_packages(const struct work *w, struct err *err)
{
	CLEANUP(removal_release) struct removal trial = { .in = &w->in, .entries = &w->entries };

	return removal_packages(&trial, NULL, err);
}

static int take_back(struct work *w, struct err *err)
{
	char text[64];
	int r = try_packages(w, err);

	if (r == 0)
		r = removal_begin(&w->removal, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++) {
		size_t before = w->removal.changes.count;

		r = interrupt_check(err);
		if (r == 0)
			r = install_step_begin(&w->in, steps[i].name, "", err);
		if (r == 0)
			r = steps[i].run(&w->removal, err);
		snprintf(text, sizeof(text), "%zu undone", w->removal.changes.count - before);
		if (r == 0)
			r = install_step_end(&w->in, steps[i].name, text, err);
	}
	return r == 0 && w->removal.apply ? state_forget(&w->in, err) : r;
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
		json_strings(&j, "changes", &w->removal.changes);
		json_strings(&j, "stays", &w->removal.stays);
		json_close(&j, '}');
		r = json_done(&j, &text, err);
		if (r == 0)
			cli_print(text);
		return r;
	}
	for (size_t i = 0; i < w->removal.changes.count; i++)
		printf("%s\n", w->removal.changes.items[i]);
	for (size_t i = 0; i < w->removal.stays.count; i++)
		printf("%s %s\n",
		       w->in.dry_run ? "would stay:" : "stays:", w->removal.stays.items[i]);
	return 0;
}

static int run_uninstall(const void *options, int argc, char **argv, struct err *err)
{
	const struct uninstall_options *o = options;
	CLEANUP(work_release) struct work w = { .state = STATE_INIT, .root_fd = -1 };
	struct err second = ERR_INIT;
	int r = prepare(&w, o, err);

	(void)argc;
	(void)argv;
	if (r == 0 && !o->dry_run)
		r = journal_open(&w.in, &w.state, err);
	if (r == 0 && !o->dry_run)
		r = rootdev_provide(&w.in, &w.rootdev, err);
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
	  .offset = offsetof(struct uninstall_options, node) },
	{ .name = "remove-data",
	  .type = CLI_LIST,
	  .value = "DIR",
	  .help = "a directory that goes with all that is in it (default: data stays)",
	  .offset = offsetof(struct uninstall_options, remove_data) },
	{ .name = "root",
	  .type = CLI_VALUE,
	  .value = "DIR",
	  .help = "of another root",
	  .offset = offsetof(struct uninstall_options, root) },
	{ .name = "dry-run",
	  .type = CLI_FLAG,
	  .help = "say what would be undone and change nothing",
	  .offset = offsetof(struct uninstall_options, dry_run) },
	{ .name = "json",
	  .type = CLI_FLAG,
	  .help = "results as JSON",
	  .offset = offsetof(struct uninstall_options, json) },
	CLI_OPTION_END,
};

const struct cli_command install_uninstall_command = {
	.name = "uninstall",
	.args = "",
	.summary = "take back what was installed; data, accounts and logs stay",
	.options = options,
	.run = run_uninstall,
	.options_size = sizeof(struct uninstall_options),
};
