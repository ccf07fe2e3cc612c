/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "commands.h"

static const struct cli_command *const commands[] = {
	&bundle_cmd_keys_init,     &bundle_cmd_keys_request,   &bundle_cmd_keys_import,
	&bundle_cmd_keys_issue,    &bundle_cmd_keys_show,      &bundle_cmd_keys_check,
	&bundle_cmd_keys_renew,    &bundle_cmd_keys_revoke,    &bundle_cmd_secrets_init,
	&bundle_cmd_secrets_check, &bundle_cmd_secrets_rotate, &bundle_cmd_secrets_example,
	&bundle_cmd_lint,          &bundle_cmd_resolve,        &bundle_cmd_outdated,
	&bundle_cmd_why,           &bundle_cmd_depends,        &bundle_cmd_urls,
	&bundle_cmd_fetch,         &bundle_cmd_build,          &bundle_cmd_show,
	&bundle_cmd_diff,          &bundle_cmd_sbom,           NULL,
};

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		.name = "pgha-bundle",
		.summary = "resolve, fetch and sign all that an offline PostgreSQL cluster needs",
		.version = PGHA_VERSION,
		.commands = commands,
	};

	return cli_main(&program, argc, argv);
}
