/* SPDX-License-Identifier: Apache-2.0 */
/* One table of commands gives dispatch and help. Options are GNU long ones, "--name value" or
 * "--name=value", and a few short ones. */
#ifndef PGHA_CLI_H
#define PGHA_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum cli_option_type { CLI_FLAG, CLI_VALUE, CLI_LIST };

#define CLI_LIST_MAX 16

/* An option that may be given several times. */
struct cli_list {
	const char *items[CLI_LIST_MAX]; /* borrowed from argv; ends with NULL */
};

struct cli_option {
	const char *name; /* without dashes */
	char letter;      /* or 0 */
	enum cli_option_type type;
	const char *value; /* what help calls the value: DIR, FILE */
	const char *help;
	bool required;
	size_t offset; /* of a bool (flag), const char * (value, borrowed from argv) or struct
			  cli_list (list) in the command's options structure */
};

#define CLI_OPTION_END       \
	{                    \
		.name = NULL \
	}

struct cli_command {
	const char
		*name; /* one word, or two: "keys init"; "" is what runs without a command word */
	const char *args; /* positional arguments as help shows them, or "" */
	int min_args, max_args;
	const char *summary;
	const char *example; /* command lines for help, or NULL */
	const struct cli_option *options;
	/* Gets the filled options structure (zeroed before) and the positional arguments. Returns 0
	 * or -code with ERR. */
	int (*run)(const void *options, int argc, char **argv, struct err *err);
	size_t options_size; /* at most CLI_OPTIONS_MAX */
	bool hidden;
};

#define CLI_OPTIONS_MAX 1024

struct cli_program {
	const char *name;
	const char *summary;
	const char *version;
	const struct cli_command *const *commands; /* borrowed; ends with NULL */
};

/* A result, on standard output. That it cannot be written is a failure of the program, which cli_main()
 * tells with the reason; printf() knows that only of what is short. */
void cli_print(const char *text);
/* What was printed so far, before a message. */
void cli_flush(void);

/* Parses, runs, prints a failure to stderr, and returns the exit code. */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* Prints "NAME: message" and its details to stderr. */
void cli_print_error(const char *program, const struct err *err);

#endif
