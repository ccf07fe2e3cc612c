/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the repositories of a lock publish beside their packages: advisories and module documents, as of the
 * very repomd.xml that the lock names.
 */
#ifndef PGHA_PUBLISHED_H
#define PGHA_PUBLISHED_H

#include "err.h"
#include "http.h"
#include "lock.h"
#include "str.h"

struct published {
	struct str updateinfo; /* <update> elements of what is inside; may be empty */
	struct str modules;    /* modules.yaml of what is inside; may be empty */
};

#define PUBLISHED_INIT                                      \
	{                                                   \
		.updateinfo = STR_INIT, .modules = STR_INIT \
	}

/*
 * Takes it from CACHE, or fetches it into CACHE by its digest. A repository that has changed since the lock
 * was made, or cannot be asked, is a warning that names it, and nothing of it is in RET. LIMITS may be
 * NULL. RET is released by the caller, also after a failure.
 */
int published_collect(const struct lock *lock, const char *cache, const struct http_limits *limits,
		      struct published *ret, struct err *err) MUST_CHECK;
void published_release(struct published *published);

#endif
