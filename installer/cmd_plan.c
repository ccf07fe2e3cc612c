/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install plan: all that an installation would change here, and nothing is changed. */
#include <stddef.h>

#include "cmd_install.h"
#include "commands.h"

static int run_plan(const void *options, int argc, char **argv, struct err *err)
{
	struct install_options o = *(const struct install_options *)options;

	(void)argc;
	(void)argv;
	o.dry_run = true;
	return cmd_install_run(&o, err);
}

static const struct cli_option options[] = {
	INSTALL_OPTIONS_SHARED,
	CLI_OPTION_END,
};

const struct cli_command install_plan_command = {
	.name = "plan",
	.args = "",
	.summary = "say all that an installation would change here, with a digest to demand; "
		   "changes nothing",
	.example = "pgha-install plan --node node3 --bundle pgha-cluster-4.tar\n"
		   "pgha-install --node node3 --bundle pgha-cluster-4.tar --plan DIGEST",
	.options = options,
	.run = run_plan,
	.options_size = sizeof(struct install_options),
};
