/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle lint: manifests checked without building. */
#include "cleanup.h"
#include "commands.h"
#include "lint.h"
#include "progress.h"

static int cmd_lint(const void *options, int argc, char **argv, struct err *err)
{
	CLEANUP(lint_release) struct lint lint = LINT_INIT;
	const char *dir = argc ? argv[0] : "manifests";
	int r = lint_directory(dir, &lint, err);

	(void)options;
	for (size_t i = 0; r == 0 && i < lint.notes.count; i++)
		notice("%s", lint.notes.items[i]);
	for (size_t i = 0; r == 0 && i < lint.problems.count; i++)
		printf("%s\n", lint.problems.items[i]);
	if (r == 0 && lint.problems.count)
		r = err_set(err, ERR_CONFIG, "%zu %s in '%s'", lint.problems.count,
			    lint.problems.count == 1 ? "problem" : "problems", dir);
	if (r == 0)
		printf("%zu file%s, %zu service%s, %zu node%s: nothing wrong\n", lint.files,
		       str_s(lint.files), lint.services, str_s(lint.services), lint.nodes,
		       str_s(lint.nodes));
	return r;
}

static const struct cli_option lint_options[] = { CLI_OPTION_END };

const struct cli_command bundle_cmd_lint = {
	.name = "lint",
	.args = "[DIR]",
	.max_args = 1,
	.summary = "check a directory of manifests (default: manifests) without building",
	.options = lint_options,
	.run = cmd_lint,
};
