/* SPDX-License-Identifier: Apache-2.0 */
/* What update.c and update_reason.c share. */
#ifndef PGHA_UPDATE_PRIVATE_H
#define PGHA_UPDATE_PRIVATE_H

#include "update.h"

/* Whether two NEVRAs have one name and architecture. */
bool update_same_name(const char *a, const char *b);
/* LOCK's package of this NEVRA, or, not EXACT, of its name and architecture; borrowed, or NULL. */
const struct lock_rpm *update_find_rpm(const struct lock *lock, const char *nevra, bool exact);
/* Whether a dependency KEY of P is fulfilled by ON and, unless it is 0, not by EXCEPT. */
bool update_depends(Pool *pool, Id p, Id key, Id on, Id except);
/* Puts BASE's reasons in place of RESULT's where they are still true. */
int update_keep_reasons(Pool *pool, const struct lock *base, struct solve_result *result,
			struct err *err) MUST_CHECK;

#endif
