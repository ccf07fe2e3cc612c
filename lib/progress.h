/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of long steps on stderr: one line that is redrawn on a terminal (bytes, rate, time
 * left), a plain line at the start and at the end of each step, and every ten seconds between, when
 * it is not one.
 */
#ifndef PGHA_PROGRESS_H
#define PGHA_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct progress {
	const char *what;     /* borrowed: "fetching", "verifying" */
	uint64_t total_bytes; /* 0: not known */
	uint64_t done_bytes;
	uint64_t skipped_bytes; /* of these: there before, and no part of the rate */
	unsigned int total_items, done_items;
	uint64_t start_ms, last_ms;
	bool terminal;
	bool quiet;
};

/* Sets whether progress is printed at all (default: yes). */
void progress_set_quiet(bool quiet);
void progress_start(struct progress *p, const char *what, uint64_t total_bytes,
		    unsigned int total_items);
/* DONE_BYTES and DONE_ITEMS since the start, not since the last call. */
void progress_update(struct progress *p, uint64_t done_bytes, unsigned int done_items);
/* BYTES of what is done had not to be moved. */
void progress_skip(struct progress *p, uint64_t bytes);
/* Ends the line with a summary; without it (failure) call progress_abort(). */
void progress_done(struct progress *p);
void progress_abort(struct progress *p);

/* A message for the operator on stderr, never in the middle of a progress line: "pgha-bundle: …"
 * comes from the caller's own words. */
/* "WHO GAP TEXT" and a line end. What TEXT has of others' (a server, a package, a file name) can
 * neither move the cursor nor begin a line of its own. */
void progress_message(const char *who, const char *gap, const char *text);
void notice(const char *fmt, ...) PRINTF_LIKE(1, 2);
void warning(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
