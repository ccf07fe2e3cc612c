/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that belong to the cluster and are done by whichever node first sees that it can. */
#ifndef PGHA_ONCE_H
#define PGHA_ONCE_H

#include "setup.h"

/*
 * Each service's steps in order: when the `when` probe holds and `unless` says that it is still to
 * do, run it. Where the probe does not hold, "LAYER: pending: NAME waits for PROBE" goes to PENDING
 * and the service's later steps wait too (ERR_UNHEALTHY with in->wait). A step that fails is
 * ERR_FAILED. After the commit. Without APPLY nothing but probes and `unless` is run.
 */
int once_run(struct setup *setup, bool apply, struct strv *changes, struct strv *pending,
	     struct err *err) MUST_CHECK;

#endif
