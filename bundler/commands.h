/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of pgha-bundle: each cmd_*.c defines one or more, main.c lists them. */
#ifndef PGHA_BUNDLER_COMMANDS_H
#define PGHA_BUNDLER_COMMANDS_H

#include "cli.h"

extern const struct cli_command bundle_cmd_build;
extern const struct cli_command bundle_cmd_depends;
extern const struct cli_command bundle_cmd_diff;
extern const struct cli_command bundle_cmd_fetch;
extern const struct cli_command bundle_cmd_keys_check;
extern const struct cli_command bundle_cmd_keys_import;
extern const struct cli_command bundle_cmd_keys_init;
extern const struct cli_command bundle_cmd_keys_issue;
extern const struct cli_command bundle_cmd_keys_renew;
extern const struct cli_command bundle_cmd_keys_request;
extern const struct cli_command bundle_cmd_keys_revoke;
extern const struct cli_command bundle_cmd_keys_show;
extern const struct cli_command bundle_cmd_lint;
extern const struct cli_command bundle_cmd_outdated;
extern const struct cli_command bundle_cmd_sbom;
extern const struct cli_command bundle_cmd_secrets_check;
extern const struct cli_command bundle_cmd_secrets_example;
extern const struct cli_command bundle_cmd_secrets_init;
extern const struct cli_command bundle_cmd_secrets_rotate;
extern const struct cli_command bundle_cmd_show;
extern const struct cli_command bundle_cmd_resolve;
extern const struct cli_command bundle_cmd_urls;
extern const struct cli_command bundle_cmd_why;

#endif
