/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata of a bundle's own repository, by createrepo_c's programs: the same bytes for the same
 * packages, advisories and modules, wherever and whenever it is made.
 */
#ifndef PGHA_REPODATA_H
#define PGHA_REPODATA_H

#include "err.h"
#include "lock.h"
#include "published.h"

/* Puts a link to CACHED, an RPM of the cache, under DIR/FILE, with the time that every member of a bundle
 * has. */
int repodata_link(const char *dir, const char *file, const char *cached,
		  struct err *err) MUST_CHECK;

/*
 * Makes REPO/repodata over LOCK's RPMs, which are linked in REPO/Packages. CACHE/createrepo keeps what
 * createrepo_c has hashed.
 */
int repodata_make(const char *repo, const char *cache, const struct lock *lock,
		  const struct published *published, struct err *err) MUST_CHECK;

#endif
