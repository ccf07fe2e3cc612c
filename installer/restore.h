/* SPDX-License-Identifier: Apache-2.0 */
/* An installation that failed before its commit takes back what it has changed, as `rollback` would. */
#ifndef PGHA_RESTORE_H
#define PGHA_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "install.h"
#include "setup.h"

/*
 * After IN's installation has ended with FAILURE, whose message gets what became of the node. IN's record is
 * closed and its staging directory is empty; its journal is open. With KEEP nothing is taken back. Neither is it
 * after an interruption (the next run goes on), nor when IN's bundle is the committed one (the next run repairs).
 * GUARDS, that run's, or NULL: units restart behind them, as long as there is patience.
 */
void restore_failed(const struct install *in, struct setup *guards, bool keep, struct err *failure);

/*
 * Before an installation looks at the machine: the rollback of FROM (rollback_pending()), or what restore_failed() did, that was interrupted, or that
 * failed, is brought to its end, so that what is planned starts from a state that has a name. When that cannot be, and it is
 * no guard that says so, the installation goes on from what is there, and it is told why. IN, that run's, has
 * its journal open; units restart behind GUARDS, made of IN. In a dry run it is only told.
 */
int restore_pending(struct install *in, struct setup *guards, uint64_t from,
		    struct err *err) MUST_CHECK;

#endif
