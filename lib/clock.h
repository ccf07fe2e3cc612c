/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock as a seam: tests set it, and SOURCE_DATE_EPOCH is honoured by what must be
 * reproducible. */
#ifndef PGHA_CLOCK_H
#define PGHA_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_TEXT_SIZE 21 /* "2026-01-31T12:34:56Z" and NUL */

/* Seconds since the epoch, UTC. */
time_t clock_now(void);
/* From now on clock_now() says NOW; 0 gives the real clock back. For tests. */
void clock_set(time_t now);
/* Milliseconds of a clock that only goes forward. */
uint64_t clock_monotonic_ms(void);
/* RFC 3339 in UTC, whole seconds. */
void clock_format(time_t t, char ret_text[CLOCK_TEXT_SIZE]);
/* The reverse, that one form only; -1 when TEXT is not it. */
time_t clock_parse(const char *text);

#endif
