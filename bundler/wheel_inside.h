/* SPDX-License-Identifier: Apache-2.0 */
/* What a wheel holds, before it is signed for: pip on the target would find out too late, or not at all. */
#ifndef PGHA_WHEEL_INSIDE_H
#define PGHA_WHEEL_INSIDE_H

#include "err.h"
#include "lock.h"

/*
 * ERR_VERIFY unless the wheel at PATH holds plain files alone, each once and below the place where it
 * is unpacked, not more of them than a disk can take, and says that it is WHEEL's name and version.
 */
int wheel_inside_check(const char *path, const struct lock_wheel *wheel,
		       struct err *err) MUST_CHECK;

#endif
