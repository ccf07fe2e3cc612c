/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around the restart of a service's running units (`restart` in service.yaml): a lock that the
 * cluster holds, so that one node at a time goes on; probes that must hold before; probes that must
 * hold again before the lock is given back.
 */
#ifndef PGHA_GUARD_H
#define PGHA_GUARD_H

#include "proc.h"
#include "setup.h"

struct guard {
	const struct setup_service *service; /* borrowed */
	struct proc_child lock;
};

#define GUARD_INIT                       \
	{                                \
		.lock = PROC_CHILD_INIT, \
	}

/* Whether anything stands around a restart of the service's units in this run. */
bool guard_applies(const struct setup_service *service);

/*
 * Takes the lock and asks the probes; each waits as long as it says. ERR_UNHEALTHY when one of them does not come:
 * nothing was restarted then. With in->unguarded, or without guards, nothing is asked.
 */
int guard_enter(const struct setup_service *service, struct guard *guard,
		struct err *err) MUST_CHECK;
/* After the restart. ERR_UNHEALTHY when the service is not what it was. */
int guard_leave(struct guard *guard, struct err *err) MUST_CHECK;
/* Gives the lock back, however it came to this. */
void guard_release(struct guard *guard);

#endif
