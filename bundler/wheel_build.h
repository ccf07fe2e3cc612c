/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wheel of a source archive: unpacked here, built in a virtual environment that holds exactly the
 * build requirements that the lock names, each with its digest (PEP 517 and 518).
 */
#ifndef PGHA_WHEEL_BUILD_H
#define PGHA_WHEEL_BUILD_H

#include "err.h"
#include "lock.h"
#include "pip.h"

/*
 * Builds NAME from SDIST's URL and digest into DIR, below WORK; the caller frees *RET_FILE, its name there.
 * What it is built from is in CACHE afterwards. Where SDIST names no build requirements yet, what pip
 * chooses for them is added to it. What is in the source runs without a network, where the host lets us.
 * The wheel is built twice, in two places: ERR_VERIFY when the results differ, or when it would need a newer
 * glibc than PLATFORM has.
 */
int wheel_build(const struct pip *pip, const char *cache, const struct lock_platform *platform,
		const char *name, struct lock_sdist *sdist, const char *work, const char *dir,
		char **ret_file, struct err *err) MUST_CHECK;

#endif
