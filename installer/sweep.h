/* SPDX-License-Identifier: Apache-2.0 */
/* What a run that was killed has left of its own work, and what no later step would come upon. */
#ifndef PGHA_SWEEP_H
#define PGHA_SWEEP_H

#include "err.h"
#include "install.h"

/* Below STATE, which is locked: files that were not yet renamed into place, a bundle that was half kept, a
 * record that was half removed. */
int sweep_state(const struct install *in, struct err *err) MUST_CHECK;
/* Beside the files and links of all records: what was not yet renamed into place. */
int sweep_placed(const struct install *in, struct err *err) MUST_CHECK;

#endif
