/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that the running cluster holds (`held` in service.yaml): new files do not change them, so a
 * changed value is either given to the cluster by the step that the service names, or refused.
 *
 * STATE/secrets has a line for each secret of this node: its name, a verifier of the value that this
 * node had when the cluster was last known to have it, and "changing" while a step is still to make a
 * change, which may have been made. So it does not matter in which order nodes are installed, or
 * whether a run is killed: each node asks the step's `unless` until that holds.
 */
#ifndef PGHA_HELD_H
#define PGHA_HELD_H

#include <stdbool.h>

#include "setup.h"

struct held;

/*
 * Compares the bundle's secrets with what this node remembers, into setup->held. SAME_BUNDLE: the one
 * that is committed, whose values need no comparison. A change without a step is ERR_CONFIG, unless
 * the operator made it (in->accept_change, names with commas between); a name there that is no
 * secret of the bundle is ERR_USAGE. NOTICES gets what the operator should know, a line each.
 * Changes nothing.
 */
int held_plan(struct setup *setup, bool same_bundle, struct strv *notices,
	      struct err *err) MUST_CHECK;
void held_free(struct held *held);

/* Remembers the values, and which of them are changing: before the first file is written. What was remembered
 * before goes with the record. */
int held_begin(const struct setup *setup, struct err *err) MUST_CHECK;
/* What was remembered before the record of SEQUENCE was begun is remembered again. */
int held_restore(const struct install *in, uint64_t sequence, struct err *err) MUST_CHECK;
/* The steps that are due here: "SERVICE: STEP" each. */
int held_describe(const struct setup *setup, struct strv *lines, struct err *err) MUST_CHECK;
/* True when a secret that STEP changes has changed, or may have. */
bool held_is_due(const struct setup *setup, const struct service_once *step);
/* The cluster has what STEP gives it. */
int held_done(const struct setup *setup, const struct service_once *step,
	      struct err *err) MUST_CHECK;

#endif
