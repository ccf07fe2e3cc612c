/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT, SIGTERM and SIGHUP end in the one clean-up path that every failure takes: the handler only
 * sets a flag, long loops look at it, and the failure unwinds with ERR_INTERRUPTED.
 */
#ifndef PGHA_INTERRUPT_H
#define PGHA_INTERRUPT_H

#include <stdbool.h>

#include "err.h"

/* Installs the handlers, without SA_RESTART, so that blocking calls return EINTR. A second signal
 * of the same kind ends the process at once. */
void interrupt_init(void);
bool interrupt_seen(void);
/* 0, or ERR_INTERRUPTED: "interrupted: run again to resume". */
int interrupt_check(struct err *err) MUST_CHECK;

#endif
