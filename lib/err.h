/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors by value. A function that can fail takes a struct err * as its last argument, returns 0 or
 * -code, and is marked MUST_CHECK. The lowest level says what failed on which object; callers add
 * context with err_prefix(). Messages are lower case, without a full stop, the subject in single
 * quotes.
 */
#ifndef PGHA_ERR_H
#define PGHA_ERR_H

#include <stdarg.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* One code for each reaction of the operator; the values are the exit codes of both programs. */
enum err_code {
	ERR_NONE = 0,
	ERR_FAILED = 1,      /* something went wrong that no other code names */
	ERR_USAGE = 2,       /* command line, also a file named as an argument that is not there */
	ERR_CONFIG = 3,      /* manifest, repository or .env file */
	ERR_NETWORK = 4,     /* network, or no solution */
	ERR_VERIFY = 5,      /* digest, signature, passphrase, expired, older sequence */
	ERR_HOST = 6,        /* host unfit: no root, no disk */
	ERR_INTERRUPTED = 7, /* run again to resume */
	ERR_UNHEALTHY = 8,   /* installed, but a probe does not hold */
};

struct err {
	enum err_code code;
	char msg[512];     /* the one line */
	char detail[4096]; /* indented lines below it, or empty; each ends with '\n' */
};

#define ERR_INIT                 \
	{                        \
		.code = ERR_NONE \
	}

/* Sets code and message; returns -code, so that a failure is one line: return err_set(err,
 * ERR_CONFIG, "…"). */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set(), with ": " and strerror(errnum) behind the message. ENOSPC and EDQUOT become
 * ERR_HOST. */
int err_errno(struct err *err, enum err_code code, int errnum, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Puts "…: " before the message of a failure; returns -err->code. */
int err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Appends one line of detail, indented by two spaces when printed; a line end within it becomes a
 * blank. Lines that no longer fit are left out. */
void err_detail(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Allocation failed. */
int err_nomem(struct err *err);

#endif
