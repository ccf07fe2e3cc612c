/* SPDX-License-Identifier: Apache-2.0 */
/* What a run that was killed has left of its own work, which no name in STATE leads to. */
#ifndef PGHA_SWEEP_H
#define PGHA_SWEEP_H

#include "err.h"
#include "install.h"

/* Below STATE, which is locked: files that were not yet renamed into place, a bundle that was half kept, a
 * record that was half removed. */
int sweep_state(const struct install *in, struct err *err) MUST_CHECK;

#endif
