/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install status: what is installed here, from which bundle, and what was changed since. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "json.h"
#include "status.h"

struct status_options {
	const char *root;
	bool json;
};

static const struct {
	const char *what, *key;
	enum record_kind kind;
} shown[] = {
	{ "packages", "package", RECORD_PACKAGE }, { "directories", "directory", RECORD_DIRECTORY },
	{ "environments", "tree", RECORD_TREE },   { "links", "link", RECORD_LINK },
	{ "files", "file", RECORD_FILE },          { "units", "unit", RECORD_UNIT },
};

static size_t count_drifts(const struct status *status, enum record_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < status->drift_count; i++)
		count += status->drifts[i].entry->kind == kind;
	return count;
}

static void print_text(const struct status *status)
{
	printf("cluster       %s\n", status->committed.cluster);
	printf("node          %s\n", status->committed.node);
	printf("sequence      %" PRIu64 "\n", status->committed.sequence);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		size_t bad = count_drifts(status, shown[i].kind);

		if (!status->counts[shown[i].kind])
			continue;
		printf("%-12s  %zu", shown[i].what, status->counts[shown[i].kind]);
		if (bad)
			printf(", %zu not as installed", bad);
		printf("\n");
		for (size_t j = 0; j < status->drift_count; j++)
			if (status->drifts[j].entry->kind == shown[i].kind)
				printf("  %s: %s\n", status->drifts[j].entry->object,
				       status_word(&status->drifts[j]));
	}
	for (size_t i = 0; i < status->unfinished.count; i++)
		printf("unfinished    %s\n", status->unfinished.items[i]);
}

static void json_drift(struct json *j, const struct status_drift *d)
{
	json_open(j, NULL, '{');
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (shown[i].kind == d->entry->kind)
			json_string(j, "kind", shown[i].key);
	json_string(j, "object", d->entry->object);
	json_string(j, "difference", status_word(d));
	json_string(j, "installed", d->entry->now);
	json_string(j, "found", d->is);
	json_close(j, '}');
}

static int print_json(const struct status *status, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	json_string(&j, "cluster", status->committed.cluster);
	json_string(&j, "node", status->committed.node);
	json_number(&j, "sequence", status->committed.sequence);
	json_string(&j, "index", status->committed.index_sha256);
	json_open(&j, "installed", '{');
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		json_number(&j, shown[i].what, status->counts[shown[i].kind]);
	json_close(&j, '}');
	json_open(&j, "drift", '[');
	for (size_t i = 0; i < status->drift_count; i++)
		json_drift(&j, &status->drifts[i]);
	json_close(&j, ']');
	json_strings(&j, "unfinished", &status->unfinished);
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static int judge(const struct status *status, struct err *err)
{
	size_t by_hand = 0;

	if (!status->drift_count && !status->unfinished.count)
		return 0;
	for (size_t i = 0; i < status->drift_count; i++)
		by_hand += status_is_by_hand(&status->drifts[i]);
	cli_flush();
	if (status->uninstalling)
		return err_set(err, ERR_UNHEALTHY,
			       "the uninstallation was interrupted: 'pgha-install uninstall --node "
			       "%s' run again finishes it",
			       status->committed.node);
	if (status->going_back)
		return err_set(err, ERR_UNHEALTHY,
			       "the rollback was interrupted, or failed: 'pgha-install rollback "
			       "--node %s' "
			       "run again finishes it; an installation does so first, and then "
			       "goes forward",
			       status->committed.node);
	err_set(err, ERR_UNHEALTHY,
		"%zu not as installed, %zu unfinished: the installation run again puts it right%s "
		"('pgha-install plan --node %s' says how)",
		status->drift_count, status->unfinished.count,
		by_hand ? ", but files changed by hand stay unless '--take-ours' names them" : "",
		status->committed.node);
	return -ERR_UNHEALTHY;
}

static int nothing_installed(const struct install *in, const struct status *status, struct err *err)
{
	const char *next = "";

	if (status->entries.count && status->uninstalling)
		next = " that was installed to its end, and its uninstallation was interrupted: "
		       "'pgha-install uninstall' run again finishes it";
	else if (status->entries.count)
		next = " that was installed to its end: run its installation again";
	return err_set(err, ERR_USAGE, "nothing is installed here: '%s' knows of no bundle%s",
		       in->state_dir, next);
}

static int run_status(const void *options, int argc, char **argv, struct err *err)
{
	const struct status_options *o = options;
	cleanup_free char *root = realpath(o->root ? o->root : "/", NULL);
	CLEANUP(install_release) struct install in = { .root = root, .dry_run = true };
	CLEANUP(status_release) struct status status = STATUS_INIT;
	int r = 0;

	(void)argc;
	(void)argv;
	if (!root)
		return err_errno(err, ERR_USAGE, errno, "cannot use the root '%.200s'", o->root);
	if (geteuid() != 0)
		return err_set(err, ERR_HOST,
			       "the state of an installation is root's: run it with sudo");
	r = install_init(&in, err);
	if (r == 0)
		r = status_load(&in, &status, err);
	if (r == 0 && !status.committed.sequence)
		return nothing_installed(&in, &status, err);
	if (r == 0 && o->json)
		r = print_json(&status, err);
	else if (r == 0)
		print_text(&status);
	return r < 0 ? r : judge(&status, err);
}

static const struct cli_option options[] = {
	{ .name = "root",
	  .type = CLI_VALUE,
	  .value = "DIR",
	  .help = "of another root",
	  .offset = offsetof(struct status_options, root) },
	{ .name = "json",
	  .type = CLI_FLAG,
	  .help = "results as JSON",
	  .offset = offsetof(struct status_options, json) },
	CLI_OPTION_END,
};

const struct cli_command install_status_command = {
	.name = "status",
	.args = "",
	.summary = "what is installed here, from which bundle, and what was changed since",
	.options = options,
	.run = run_status,
	.options_size = sizeof(struct status_options),
};
