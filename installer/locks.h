/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages that the operator holds as they are, in the files that dnf reads: /etc/dnf/plugins/versionlock.list
 * (with versionlock.conf), excludepkgs and protected_packages in [main] of /etc/dnf/dnf.conf,
 * /etc/dnf/protected.d.
 */
#ifndef PGHA_LOCKS_H
#define PGHA_LOCKS_H

#include <solv/pool.h>
#include <stdbool.h>

#include "err.h"
#include "install.h"
#include "str.h"

struct locks {
	struct strv only;      /* of these packages no other version (versionlock add) */
	struct strv never;     /* not these (versionlock exclude, excludepkgs) */
	struct strv protected; /* names that may not be removed */
};

#define LOCKS_INIT                         \
	{                                  \
		.only = { .items = NULL }, \
	}

/* A file that is not there holds nothing; one that cannot be read is ERR_CONFIG. */
int locks_load(const struct install *in, struct locks *ret, struct err *err) MUST_CHECK;
void locks_release(struct locks *locks);

/* The entry, borrowed, for which P may not be installed; or NULL. */
const char *locks_refuse(const struct locks *locks, Pool *pool, Id p);
/* The entry for which the installed P must stay in its version; or NULL. */
const char *locks_keep(const struct locks *locks, Pool *pool, Id p);
/* The entry for which NAME may not be removed; or NULL. */
const char *locks_protect(const struct locks *locks, const char *name);

#endif
