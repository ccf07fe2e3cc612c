/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install uninstall: this machine as it was before its first installation, but for its data. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "interrupt.h"
#include "removal.h"
#include "unit.h"
#include "unpack.h"
#include "wayback.h"

struct uninstall_options {
	const char *node;
	const char *root;
	struct cli_list remove_data;
	bool dry_run;
	bool json;
};

struct work {
	struct wayback back;
	struct record_entries entries;
	struct removal removal;
	int root_fd;
};

static void work_release(struct work *w)
{
	removal_release(&w->removal);
	record_entries_release(&w->entries);
	cleanup_closep(&w->root_fd);
	wayback_release(&w->back);
}

/* Whoever types the node's name means this machine. */
static int check_node(const struct work *w, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed c = STATE_COMMITTED_INIT;
	int r = state_committed_load(&w->back.in, &c, err);

	if (r < 0)
		return r;
	if (c.sequence && strcmp(c.node, w->back.in.node) != 0)
		return err_set(err, ERR_USAGE, "this machine is '%s', not '%s'", c.node,
			       w->back.in.node);
	if (c.sequence || w->entries.count)
		return 0;
	/* A run that was killed before it changed anything has staged a bundle. */
	if (!w->back.in.dry_run)
		r = state_forget(&w->back.in, err);
	return r < 0 ? r
		     : err_set(err, ERR_USAGE, "nothing is installed here: '%s' knows of no bundle",
			       w->back.in.state_dir);
}

static int prepare(struct work *w, const struct uninstall_options *o, struct err *err)
{
	int r = wayback_open(&w->back, "an uninstallation", o->node, o->root, o->dry_run, err);

	if (r < 0)
		return r;
	w->root_fd = open(w->back.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->root_fd < 0)
		r = err_errno(err, ERR_USAGE, errno, "cannot open the root '%.200s'", w->back.root);
	if (r == 0)
		r = record_load(&w->back.in, &w->entries, err);
	if (r == 0)
		r = check_node(w, err);
	w->removal = (struct removal){ .in = &w->back.in,
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
	CLEANUP(removal_release)
	struct removal trial = { .in = &w->back.in, .entries = &w->entries };

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
			r = install_step_begin(&w->back.in, steps[i].name, "", err);
		if (r == 0)
			r = steps[i].run(&w->removal, err);
		snprintf(text, sizeof(text), "%zu undone", w->removal.changes.count - before);
		if (r == 0)
			r = install_step_end(&w->back.in, steps[i].name, text, err);
	}
	return r == 0 && w->removal.apply ? state_forget(&w->back.in, err) : r;
}

static int print(const struct work *w, bool as_json, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;

	if (as_json)
		wayback_json(&w->back, &j);
	return wayback_print(&w->back, &w->removal.changes, &w->removal.stays, as_json ? &j : NULL,
			     err);
}

static int run_uninstall(const void *options, int argc, char **argv, struct err *err)
{
	const struct uninstall_options *o = options;
	CLEANUP(work_release) struct work w = { .back = WAYBACK_INIT, .root_fd = -1 };
	int r = prepare(&w, o, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = wayback_begin(&w.back, err);
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
