/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that a lock names, in the cache and authenticated. */
#ifndef PGHA_FETCH_H
#define PGHA_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "http.h"
#include "lock.h"
#include "pgp.h"
#include "str.h"

/* Everything is borrowed. */
struct fetch_options {
	const char *cache;
	const struct http_limits *limits; /* NULL: the defaults; its `offline`: no network */
	const char *import_dir;           /* where to look before the network is asked, or NULL */
	bool verify_cache;                /* believe nothing of what was checked before */
};

struct fetch_rpm {
	char *path; /* in the cache */
	char signer[PGP_FPR_SIZE];
};

struct fetch_key {
	char fpr[PGP_FPR_SIZE];
	char *armor; /* the public key, ASCII-armored */
};

struct fetch_count {
	size_t files;
	uint64_t bytes;
};

struct fetch_result {
	struct fetch_rpm *rpms; /* in the order of lock->rpms */
	size_t rpm_count;
	struct strv wheels;     /* paths in the cache, in the order of lock->wheels */
	struct fetch_key *keys; /* the pinned ones of the lock's repositories, sorted, each once */
	size_t key_count;
	size_t new_keys; /* of these: not kept like that before */
	/* Packages and wheels, by where they came from in this run. */
	struct fetch_count downloaded, imported, cached;
	size_t built; /* wheels, from source */
};

#define FETCH_RESULT_INIT    \
	{                    \
		.rpms = NULL \
	}

/*
 * Brings every RPM, key and wheel of LOCK into the cache. An RPM stays there only when its size and
 * SHA-256 are the lock's, a key pinned for its repository signed it, and its signed header has the
 * lock's NEVRA: otherwise ERR_VERIFY, with all such packages in the details. A repository with RPMs
 * and no pin is ERR_VERIFY that names the line to add. What is missing without a network is
 * ERR_NETWORK with the names. A second run downloads nothing. RET is released with
 * fetch_result_release().
 */
int fetch_all(const struct lock *lock, const struct fetch_options *options,
	      struct fetch_result *ret, struct err *err) MUST_CHECK;
void fetch_result_release(struct fetch_result *result);

#endif
