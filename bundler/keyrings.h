/* SPDX-License-Identifier: Apache-2.0 */
/* The keyrings of a lock's repositories: of each the pinned keys alone. */
#ifndef PGHA_KEYRINGS_H
#define PGHA_KEYRINGS_H

#include "checked.h"
#include "err.h"
#include "fetch.h"
#include "lock.h"
#include "rpmsig.h"
#include "servers.h"

struct keyring {
	struct rpmsig_keyring *keyring; /* NULL: the lock has no package of that repository */
	char digest[SHA256_HEX_SIZE];   /* of all that can change its judgement */
};

struct keyrings {
	struct keyring *items; /* in the order of lock->repos */
	size_t count;
};

#define KEYRINGS_INIT         \
	{                     \
		.items = NULL \
	}

/*
 * Reads the vendors' keys, those that CHECKED knows to have been read today from the cache, and adds
 * them to RESULT. ERR_VERIFY for a repository with packages of which nothing is pinned, or whose pinned
 * keys are missing, revoked or weak.
 */
int keyrings_open(const struct lock *lock, const struct fetch_options *options,
		  struct servers *servers, struct checked *checked, struct keyrings *ret,
		  struct fetch_result *result, struct err *err) MUST_CHECK;
void keyrings_release(struct keyrings *keyrings);

#endif
