/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "interrupt.h"
#include "progress.h"
#include "str.h"

#define NAMES_MAX 64
#define LEFT_WIDTH 32 /* columns that an option takes in --help */

/* A command as its words on the line: "keys init" takes two. */
static int words_matched(const char *name, int argc, char **argv)
{
	int words = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (words >= argc || strlen(argv[words]) != len || strncmp(argv[words], name, len))
			return -1;
		words++;
		name += len + (name[len] == ' ');
	}
	return words;
}

static const struct cli_command *find_command(const struct cli_program *program, int argc,
					      char **argv, int *ret_words)
{
	const struct cli_command *fallback = NULL;

	for (const struct cli_command *const *p = program->commands; *p; p++) {
		const struct cli_command *c = *p;
		int words = words_matched(c->name, argc, argv);

		if (!*c->name) {
			fallback = c;
		} else if (words > 0) {
			*ret_words = words;
			return c;
		}
	}
	*ret_words = 0;
	return argc == 0 || argv[0][0] == '-' ? fallback : NULL;
}

/* Of UTF-8 text, whose characters are one column wide each. */
static size_t columns(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

static void print_options(const struct cli_option *o)
{
	for (; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->value ? " " : "", o->value ? o->value : "");
		printf("  %-*s %s%s\n", LEFT_WIDTH + (int)(strlen(left) - columns(left)), left,
		       o->help, o->required ? " (required)" : "");
	}
}

static void print_synopsis(const struct cli_program *program, const struct cli_command *c)
{
	printf("%s%s%s", program->name, *c->name ? " " : "", c->name);
	for (const struct cli_option *o = c->options; o && o->name; o++)
		if (o->required)
			printf(" --%s %s", o->name, o->value ? o->value : "");
	if (c->options && c->options->name)
		printf(" [options]");
	printf("%s%s\n", *c->args ? " " : "", c->args);
}

static void print_example(const char *lines)
{
	printf("\nExample:\n");
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		printf("  %.*s\n", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

static void help_command(const struct cli_program *program, const struct cli_command *c)
{
	printf("Usage: ");
	print_synopsis(program, c);
	printf("\n%s\n", c->summary);
	if (c->options && c->options->name) {
		printf("\nOptions:\n");
		print_options(c->options);
	}
	if (c->example)
		print_example(c->example);
}

static bool is_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h");
}

/* What begins with WORD, the first word of commands of two; false when there is none. */
static bool help_group(const struct cli_program *program, const char *word)
{
	size_t len = strlen(word);
	bool found = false;

	for (const struct cli_command *const *p = program->commands; *p; p++) {
		const struct cli_command *c = *p;

		if (c->hidden || !str_starts(c->name, word) || c->name[len] != ' ')
			continue;
		printf("%s  ", found ? "" : "Usage:\n");
		print_synopsis(program, c);
		printf("      %s\n", c->summary);
		found = true;
	}
	if (found)
		printf("\n'%s %s COMMAND --help' lists the options of a command.\n", program->name,
		       word);
	return found;
}

static void help_program(const struct cli_program *program)
{
	const struct cli_command *fallback = NULL;

	printf("%s %s: %s\n\nUsage:\n", program->name, program->version, program->summary);
	for (const struct cli_command *const *p = program->commands; *p; p++) {
		const struct cli_command *c = *p;

		if (!*c->name)
			fallback = c;
		if (c->hidden)
			continue;
		printf("  ");
		print_synopsis(program, c);
		printf("      %s\n", c->summary);
	}
	if (fallback) {
		printf("\nOptions of the installation:\n");
		print_options(fallback->options);
	}
	printf("\n'%s COMMAND --help' lists the options of a command.\n"
	       "\nExit status: 0 done, 1 failed, 2 usage, 3 manifest or configuration, 4 network "
	       "or "
	       "no solution,\n5 verification, 6 host unfit, 7 interrupted, 8 unhealthy.\n",
	       program->name);
}

static int unknown_command(const struct cli_program *program, const char *word, struct err *err)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	const char *near = NULL;
	const char *verb = strrchr(program->name, '-');
	size_t n = 0;

	for (const struct cli_command *const *p = program->commands; *p && n < NAMES_MAX; p++) {
		if (*(*p)->name && !(*p)->hidden)
			names[n++] = (*p)->name;
		else if (!*(*p)->name && verb)
			names[n++] = verb + 1;
	}
	near = str_nearest(word, names);
	/* Whoever says "install" must not be led to "uninstall". */
	if (near && verb && near == verb + 1)
		return err_set(err, ERR_USAGE,
			       "unknown command '%s': '%s' without a command word does that, see "
			       "'%s --help'",
			       word, program->name, program->name);
	for (size_t i = 0; !near && i < n; i++) /* the first word of two */
		if (str_starts(names[i], word) && names[i][strlen(word)] == ' ')
			near = names[i];
	if (near)
		return err_set(err, ERR_USAGE, "unknown command '%s' (did you mean '%s'?)", word,
			       near);
	return err_set(err, ERR_USAGE, "unknown command '%s': see '%s --help'", word,
		       program->name);
}

static const struct cli_option *find_option(const struct cli_command *c, const char *arg,
					    size_t len)
{
	bool is_long = str_starts(arg, "--");

	for (const struct cli_option *o = c->options; o && o->name; o++) {
		if (is_long && strlen(o->name) == len - 2 && !strncmp(o->name, arg + 2, len - 2))
			return o;
		if (!is_long && len == 2 && o->letter && o->letter == arg[1])
			return o;
	}
	return NULL;
}

static int unknown_option(const struct cli_command *c, const char *arg, size_t len, struct err *err)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	cleanup_free char *word = strndup(arg, len);
	const char *near = NULL;
	size_t n = 0;

	if (!word)
		return err_nomem(err);
	for (const struct cli_option *o = c->options; o && o->name && n < NAMES_MAX; o++)
		names[n++] = o->name;
	near = len > 2 ? str_nearest(word + 2, names) : NULL;
	if (near)
		return err_set(err, ERR_USAGE, "unknown option '%s' (did you mean '--%s'?)", word,
			       near);
	return err_set(err, ERR_USAGE, "unknown option '%s': --help lists them", word);
}

static int add_to_list(const struct cli_option *o, struct cli_list *list, const char *value,
		       struct err *err)
{
	size_t i = 0;

	while (list->items[i])
		i++;
	if (i + 1 == CLI_LIST_MAX)
		return err_set(err, ERR_USAGE, "option '--%s' is given more than %d times", o->name,
			       CLI_LIST_MAX - 1);
	list->items[i] = value;
	return 0;
}

/* Takes one option at argv[*i], and moves *i past its value. */
static int parse_option(const struct cli_command *c, int argc, char **argv, int *i, void *target,
			struct err *err)
{
	const char *arg = argv[*i];
	size_t len = strcspn(arg, "=");
	const struct cli_option *o = find_option(c, arg, len);
	const char *value = arg[len] == '=' ? arg + len + 1 : NULL;
	void *place = NULL;

	if (!o)
		return unknown_option(c, arg, len, err);
	place = (char *)target + o->offset;
	if (o->type == CLI_FLAG) {
		if (value)
			return err_set(err, ERR_USAGE, "option '--%s' takes no value", o->name);
		*(bool *)place = true;
		return 0;
	}
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value || !*value)
		return err_set(err, ERR_USAGE, "option '--%s' needs a value (%s)", o->name,
			       o->value);
	if (o->type == CLI_LIST)
		return add_to_list(o, place, value, err);
	if (*(const char **)place)
		return err_set(err, ERR_USAGE, "option '--%s' is given twice", o->name);
	*(const char **)place = value;
	return 0;
}

static int check_required(const struct cli_program *program, const struct cli_command *c,
			  const void *options, struct err *err)
{
	for (const struct cli_option *o = c->options; o && o->name; o++)
		if (o->required && !*(const char *const *)((const char *)options + o->offset))
			return err_set(err, ERR_USAGE,
				       "option '--%s %s' is missing: see '%s%s%s --help'", o->name,
				       o->value ? o->value : "", program->name, *c->name ? " " : "",
				       c->name);
	return 0;
}

static int run_command(const struct cli_program *program, const struct cli_command *c, int argc,
		       char **argv, struct err *err)
{
	_Alignas(max_align_t) char options[CLI_OPTIONS_MAX] = { 0 };
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	bool only_args = false;
	int r = 0;

	assert(c->options_size <= sizeof(options));
	for (int i = 0; r == 0 && i < argc; i++) {
		if (!only_args && is_help(argv[i])) {
			help_command(program, c);
			return 0;
		}
		if (!only_args && !strcmp(argv[i], "--"))
			only_args = true;
		else if (!only_args && argv[i][0] == '-' && argv[i][1])
			r = parse_option(c, argc, argv, &i, options, err);
		else
			r = strv_add(&args, argv[i], err);
	}
	if (r == 0)
		r = check_required(program, c, options, err);
	if (r == 0 && (int)args.count > c->max_args)
		r = err_set(err, ERR_USAGE, "'%s' is one argument too many",
			    args.items[c->max_args]);
	if (r == 0 && (int)args.count < c->min_args)
		r = err_set(err, ERR_USAGE, "an argument is missing: %s: see '%s%s%s --help'",
			    c->args, program->name, *c->name ? " " : "", c->name);
	return r < 0 ? r : c->run(options, (int)args.count, args.items, err);
}

void cli_print_error(const char *program, const struct err *err)
{
	char detail[sizeof(err->detail)];
	char *rest = detail;
	char *line = NULL;

	progress_message(program, ": ", err->msg);
	memcpy(detail, err->detail, sizeof(detail));
	while ((line = strsep(&rest, "\n")))
		if (*line)
			progress_message("", "  ", line);
}

static int dispatch(const struct cli_program *program, int argc, char **argv, struct err *err)
{
	const struct cli_command *c = NULL;
	int words = 0;

	if (argc > 0 && !strcmp(argv[0], "--version")) {
		printf("%s %s\n", program->name, program->version);
		return 0;
	}
	if (argc > 0 && (is_help(argv[0]) || !strcmp(argv[0], "help"))) {
		c = argc > 1 ? find_command(program, argc - 1, argv + 1, &words) : NULL;
		if (c)
			help_command(program, c);
		else if (argc == 1 || argv[1][0] == '-')
			help_program(program);
		else if (!help_group(program, argv[1]))
			return unknown_command(program, argv[1], err);
		return 0;
	}
	c = find_command(program, argc, argv, &words);
	if (!c && argc > 1 && is_help(argv[1]) && help_group(program, argv[0]))
		return 0;
	if (!c && argc == 0)
		return err_set(err, ERR_USAGE, "a command is missing: see '%s --help'",
			       program->name);
	if (!c)
		return unknown_command(program, argv[0], err);
	return run_command(program, c, argc - words, argv + words, err);
}

/*
 * What the caller may have left: closed standard descriptors, whose numbers the next files would
 * get, and our messages with them; a umask that lets others write. And no core dump: it would hold
 * secrets. A limit of 0 keeps a child's from a file only; one of 1 byte also from the program that
 * core_pattern names (core(5)), which writes the child's environment into the journal.
 */
static void settle_process(void)
{
	const struct rlimit none = { .rlim_cur = 0 };
	const struct rlimit nowhere = { .rlim_cur = 1, .rlim_max = 1 };
	int fd = 0;

	while (fd >= 0 && fd <= STDERR_FILENO) {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd >= 0 && fd <= STDERR_FILENO)
			fcntl(fd, F_SETFD, 0); /* children inherit these */
	}
	if (fd >= 0)
		close(fd);
	umask(umask(077) | 022);
	if (setrlimit(RLIMIT_CORE, &nowhere) < 0)
		setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

/* Why standard output could not be written to, or 0: stdio forgets it. */
static int output_errno;

static void note_output(bool failed)
{
	if (failed && !output_errno)
		output_errno = errno ? errno : EIO;
}

void cli_print(const char *text)
{
	errno = 0;
	note_output(fputs(text, stdout) == EOF);
}

void cli_flush(void)
{
	errno = 0;
	note_output(fflush(stdout) != 0 || ferror(stdout));
}

/* Whoever calls takes what was printed for the whole result. */
static int check_output(int r, struct err *err)
{
	if (!output_errno)
		return r;
	if (r < 0)
		err_detail(err, "and cannot write the output: %s", strerror(output_errno));
	else
		err_set(err, ERR_FAILED, "cannot write the output: %s", strerror(output_errno));
	return -(int)err->code;
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
	struct err err = ERR_INIT;
	int r;

	clearerr(stdout);
	output_errno = 0;
	settle_process();
	signal(SIGPIPE, SIG_IGN); /* a transaction must not end because its reader has gone */
	signal(SIGXFSZ, SIG_IGN); /* nor because a file is as large as it may be: write() says so */
	interrupt_init();
	r = dispatch(program, argc - 1, argv + 1, &err);
	cli_flush();
	if (output_errno == EPIPE && r == 0)
		return ERR_FAILED; /* whoever read us has gone: as silent as by SIGPIPE */
	r = output_errno == EPIPE ? r : check_output(r, &err);
	if (r < 0)
		cli_print_error(program->name, &err);
	return -r;
}
