/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units go on with what they had before: files, packages and unit files are back. First those that are down or
 * only reload, then, service by service behind its guard (installer/guard.h), those that are up and restart.
 */
#ifndef PGHA_COMEBACK_H
#define PGHA_COMEBACK_H

#include "record.h"
#include "setup.h"

struct comeback {
	const struct install *in;
	struct setup *guards;                 /* NULL: a restart waits for nobody */
	const struct record_entries *all;     /* the units */
	const struct record_entries *of_last; /* which of them ran before what is taken back */
	uint64_t since_us;                    /* when that began: record_begun() */
	bool apply;
	struct strv *changes;
};

/* ERR_UNHEALTHY when a guard cannot be entered: what it stands before still runs. A service that does not come
 * back as its guard wants it is a warning. */
int comeback_units(const struct comeback *back, struct err *err) MUST_CHECK;

#endif
