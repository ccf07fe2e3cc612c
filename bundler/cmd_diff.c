/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle diff: what changed from one bundle to another. */
#include "cleanup.h"
#include "commands.h"
#include "compare.h"

struct options {
	struct cli_list base;
	bool json;
};

static const struct cli_option diff_options[] = {
	{ "base", 0, CLI_LIST, "FILE|DIR",
	  "the bundle that a delta was made from, unless it is the other one", false,
	  offsetof(struct options, base) },
	{ "json", 0, CLI_FLAG, NULL, "for machines", false, offsetof(struct options, json) },
	CLI_OPTION_END,
};

static int cmd_diff(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(compare_release) struct compare compare = COMPARE_INIT;
	int r = compare_bundles(argv[0], argv[1], o->base.items, &compare, err);

	(void)argc;
	if (r < 0)
		return r;
	return o->json ? compare_json(&compare, err) : compare_text(&compare, err);
}

const struct cli_command bundle_cmd_diff = {
	.name = "diff",
	.args = "A.tar|DIR B.tar|DIR",
	.min_args = 2,
	.max_args = 2,
	.summary = "what changed: packages, wheels, advisories, certificates, configuration",
	.options = diff_options,
	.run = cmd_diff,
	.options_size = sizeof(struct options),
};
