/* SPDX-License-Identifier: Apache-2.0 */
/* Which versions of wheels a lock that is carried on has. */
#ifndef PGHA_WHEEL_UPDATE_H
#define PGHA_WHEEL_UPDATE_H

#include "definition.h"
#include "err.h"
#include "lock.h"
#include "pip.h"
#include "update.h"

/*
 * DEF's requirements as pip resolves them: without UPDATE, or when it names nothing, freely. Otherwise
 * what it names as in that free answer, and the others as in its lock, except those that cannot stay
 * then. WORK is a directory for temporary files; the caller releases RET.
 */
int wheel_choose(const struct pip *pip, const struct definition *def, const struct update *update,
		 const char *work, struct pip_report *ret, struct err *err) MUST_CHECK;

/* The lock's own entry of ITEM when it stays as it is, with file, URL and digest; borrowed, or NULL. */
const struct lock_wheel *wheel_kept(const struct update *update, const struct pip_item *item);

#endif
