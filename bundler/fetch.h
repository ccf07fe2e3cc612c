/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that a lock names, in the cache and authenticated. */
#ifndef PGHA_FETCH_H
#define PGHA_FETCH_H

#include <stddef.h>

#include "err.h"
#include "lock.h"
#include "pgp.h"
#include "str.h"

struct fetch_rpm {
	char *path; /* in the cache */
	char signer[PGP_FPR_SIZE];
};

struct fetch_key {
	char fpr[PGP_FPR_SIZE];
	char *armor; /* the public key, ASCII-armored */
};

struct fetch_result {
	struct fetch_rpm *rpms; /* in the order of lock->rpms */
	size_t rpm_count;
	struct strv wheels;     /* paths in the cache, in the order of lock->wheels */
	struct fetch_key *keys; /* the pinned ones of the lock's repositories, sorted, each once */
	size_t key_count;
	size_t downloaded; /* files that were not in the cache */
};

#define FETCH_RESULT_INIT    \
	{                    \
		.rpms = NULL \
	}

/*
 * Brings every RPM, key and wheel of LOCK into the directory CACHE. An RPM stays there only
 * when its size and SHA-256 are the lock's, a key pinned for its repository signed it, and its
 * signed header has the lock's NEVRA: otherwise ERR_VERIFY. A repository with RPMs and no pin
 * is ERR_VERIFY that names the line to add. A second run downloads nothing. RET is released
 * with fetch_result_release().
 */
int fetch_all(const struct lock *lock, const char *cache, struct fetch_result *ret,
	      struct err *err) MUST_CHECK;
void fetch_result_release(struct fetch_result *result);

#endif
