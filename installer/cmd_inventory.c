/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-install inventory: what this machine has, for the build host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "file.h"
#include "install.h"
#include "inventory.h"

struct inventory_options {
	const char *root;
	const char *output;
};

static int run_inventory(const void *options, int argc, char **argv, struct err *err)
{
	const struct inventory_options *o = options;
	CLEANUP(install_release) struct install in = { .root = o->root ? o->root : "/" };
	CLEANUP(str_release) struct str out = STR_INIT;
	int r = install_init(&in, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = inventory_write(&in, &out, err);
	if (r == 0 && o->output)
		r = file_write_atomic(o->output, 0644, out.buf, out.len, err);
	else if (r == 0)
		cli_print(out.buf);
	return r;
}

static const struct cli_option options[] = {
	{ .name = "root",
	  .type = CLI_VALUE,
	  .value = "DIR",
	  .help = "of another root's packages",
	  .offset = offsetof(struct inventory_options, root) },
	{ .name = "output",
	  .letter = 'o',
	  .type = CLI_VALUE,
	  .value = "FILE",
	  .help = "where it goes (default: standard output)",
	  .offset = offsetof(struct inventory_options, output) },
	CLI_OPTION_END,
};

const struct cli_command install_inventory_command = {
	.name = "inventory",
	.args = "",
	.summary = "list what this machine has, for a bundle's baseline; needs no root",
	.options = options,
	.run = run_inventory,
	.options_size = sizeof(struct inventory_options),
};
