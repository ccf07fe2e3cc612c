/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases come from a file, a descriptor or a terminal, never from an argument. */
#ifndef PGHA_PASSPHRASE_H
#define PGHA_PASSPHRASE_H

#include "err.h"
#include "str.h"

/* As the options give it, both borrowed; with neither the terminal is asked. */
struct passphrase_source {
	const char *file; /* a path: nobody else may read it */
	const char *fd;   /* a number: a descriptor that the caller's parent has opened */
	const char *
		option; /* what the option for the file is called, for messages: "--passphrase-file" */
};

/*
 * What passphrase_read() would refuse later, before anything else is done: ERR_USAGE for a file that
 * is not there or a descriptor that is none or not open, ERR_CONFIG as below. Call it before other
 * files are opened, whose numbers a wrong one might be. A pipe is not read, a terminal not asked.
 */
int passphrase_check(const struct passphrase_source *from, const char *what,
		     struct err *err) MUST_CHECK;
/* What to do when one was wrong, for the end of a message, into BUF. */
void passphrase_advice(const struct passphrase_source *from, char *buf, size_t size);
/*
 * Reads one passphrase, a line without its end, into RET, which should be secret. WHAT names what it is
 * for, in the question and in messages. ERR_CONFIG: a file that others may read, an empty line;
 * ERR_USAGE: no such file or descriptor, both given, or no terminal to ask.
 */
int passphrase_read(const struct passphrase_source *from, const char *what, struct str *ret,
		    struct err *err) MUST_CHECK;
/* The same for a new one: a terminal is asked twice, and fewer than MIN_CHARS characters (UTF-8) are
 * ERR_CONFIG. */
int passphrase_read_new(const struct passphrase_source *from, const char *what, size_t min_chars,
			struct str *ret, struct err *err) MUST_CHECK;
/* Asks on the terminal for a line that is no secret and is seen. ERR_USAGE when there is no terminal. */
int passphrase_ask_line(const char *question, struct str *ret, struct err *err) MUST_CHECK;
/* Characters of a UTF-8 text. */
size_t passphrase_length(const char *text);

#endif
