/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "cli.h"
#include "commands.h"

static const struct cli_command *const commands[] = {
	&install_install_command,   &install_check_command,    &install_inventory_command,
	&install_plan_command,      &install_rollback_command, &install_status_command,
	&install_uninstall_command, &install_verify_command,   NULL,
};

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		.name = "pgha-install",
		.summary = "verify a bundle and install one node's services from it",
		.version = PGHA_VERSION,
		.commands = commands,
	};

	/* A hardened machine's 077 must not close a directory that comes on the way, as /var of a new
	 * root, to the services' accounts. */
	umask(022);
	return cli_main(&program, argc, argv);
}
