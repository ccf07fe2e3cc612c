/* SPDX-License-Identifier: Apache-2.0 */
/* What proc.c and proc_child.c share. */
#ifndef PGHA_PROC_PRIVATE_H
#define PGHA_PROC_PRIVATE_H

#include "proc.h"

/* Read ends and write ends. Ours are in[1], out[0], err_out[0]. */
struct proc_pipes {
	int in[2], out[2], err_out[2];
};

#define PROC_PIPES_INIT                                                    \
	{                                                                  \
		.in = { -1, -1 }, .out = { -1, -1 }, .err_out = { -1, -1 } \
	}

/* Starts the child; the caller closes what is left open in RET, also after a failure. */
int proc_spawn(const struct proc *proc, struct proc_pipes *ret, pid_t *ret_pid,
	       struct err *err) MUST_CHECK;
void proc_pipes_close(struct proc_pipes *pipes);

#endif
