/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of pgha-install: each cmd_*.c defines one or more, main.c lists them. */
#ifndef PGHA_INSTALLER_COMMANDS_H
#define PGHA_INSTALLER_COMMANDS_H

#include "cli.h"

extern const struct cli_command install_check_command;
extern const struct cli_command install_install_command;
extern const struct cli_command install_inventory_command;
extern const struct cli_command install_plan_command;
extern const struct cli_command install_rollback_command;
extern const struct cli_command install_status_command;
extern const struct cli_command install_uninstall_command;
extern const struct cli_command install_verify_command;

#endif
