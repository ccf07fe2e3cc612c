/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many items of work by as many threads as this process has processors. Items are taken in their order, and
 * of several that fail the first one in that order is reported: it is the same one every time.
 */
#ifndef PGHA_WORKERS_H
#define PGHA_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define WORKERS_MAX 16U

struct workers {
	size_t count;         /* items */
	unsigned int threads; /* from workers_threads(): at most so many, WORKER is below it */
	/* Does item I in thread WORKER (from 0); called in several threads at once. */
	int (*run)(void *arg, unsigned int worker, size_t i, struct err *err);
	/* Called in the caller's own thread, again and again; or NULL. */
	void (*tick)(void *arg);
	void *arg; /* borrowed */
};

/* How many threads there would be for COUNT items: 1 at least. Affinity (taskset) counts. */
unsigned int workers_threads(size_t count);

/* Returns when all is done, or failed and all threads have ended. ERR_HOST when no thread can be started.
 * Items before the reported one were done; of those behind it, some. Signals are for the caller's thread. */
int workers_run(const struct workers *plan, struct err *err) MUST_CHECK;

#endif
