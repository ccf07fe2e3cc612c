/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work in child processes, one for each job and as many at a time as there are processors. What parses
 * hostile input fails there, and the memory that it took is given back when it ends.
 */
#ifndef PGHA_OFFLOAD_H
#define PGHA_OFFLOAD_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

struct offload_job {
	/* Called in the child, whose memory nobody sees: its results go to descriptors that ARG
	 * names. */
	int (*run)(void *arg, struct err *err);
	void *arg;        /* borrowed */
	const char *name; /* borrowed: what a child that dies was at */

	pid_t pid; /* offload_run()'s own, as the next two */
	int fd;
	struct err err;
};

/*
 * Runs COUNT jobs, started in their order. The first one that failed, in that order, is the error;
 * ERR_VERIFY for one that died of a signal. No child is left, also after an interruption.
 */
int offload_run(struct offload_job *jobs, size_t count, struct err *err) MUST_CHECK;

#endif
