/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units whose processes still run what has been replaced on disk: their own program or a library of somebody
 * else's package. Told from the kernel's maps of the processes, so no package's name is known here.
 */
#ifndef PGHA_OUTDATED_H
#define PGHA_OUTDATED_H

#include "plan.h"
#include "setup.h"

/* True when a process of UNIT, of its main process alone with MAIN_ONLY, maps code that is no longer there. */
int outdated_unit(const char *unit, bool main_only, bool *ret, struct err *err) MUST_CHECK;

/*
 * Before the packages: notes with setup_want() what the units of each service will need once PLAN's packages
 * have replaced what they run. With APPLY also on disk.
 */
int outdated_foresee(struct setup *setup, const struct plan *plan, bool apply,
		     struct err *err) MUST_CHECK;

#endif
