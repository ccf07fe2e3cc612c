/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a lock was made of the definition that it is used with, as far as the two of them tell. */
#ifndef PGHA_LOCK_FIT_H
#define PGHA_LOCK_FIT_H

#include "definition.h"
#include "err.h"
#include "lock.h"
#include "str.h"

/*
 * ERR_CONFIG when LOCK, read from PATH, is for another platform than DEF's, pins a key for one of its
 * packages' repositories that DEF does not pin there, or has no wheels while DEF asks for some. A
 * package or wheel that DEF names and LOCK does not have is a warning: something else of the lock may
 * provide it. A file, a group, and what a baseline may have are passed over.
 */
int lock_fit(const char *path, const struct lock *lock, const struct definition *def,
	     struct strv *warnings, struct err *err) MUST_CHECK;

#endif
