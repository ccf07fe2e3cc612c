/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle as a reviewer sees it: its index, its lock, and whatever in it is no package and no sealed
 * file. Every member that is read has the index's digest; whether the index is signed is for the caller.
 */
#ifndef PGHA_CONTENTS_H
#define PGHA_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>

#include <solv/pool.h>

#include "archives.h"
#include "err.h"
#include "index.h"
#include "lock.h"
#include "str.h"
#include "wheel_meta.h"

#define CONTENTS_LOCK "manifests/pgha.lock"

struct contents_member {
	const struct index_member *member; /* borrowed from the index */
	struct str data;
};

struct contents {
	archives_trust
		trust; /* set before contents_open(): whether to believe the index; NULL: yes */
	void *trust_arg;
	char *path;
	struct archives set;
	struct contents *base;     /* of a delta, when it was found */
	struct lock lock;          /* LOCK_INIT unless has_lock */
	bool has_lock;             /* not when it is in a volume or base that is not at hand */
	struct wheel_meta *wheels; /* of each of the lock's; empty where it is not carried */
	struct contents_member *members; /* what was read, in the index's order */
	size_t count;
	Pool *pool;       /* contents_pool() */
	size_t rpm_count; /* members that are RPMs, and what they weigh */
	uint64_t rpm_bytes;
};

#define CONTENTS_INIT                                    \
	{                                                \
		.set = ARCHIVES_INIT, .lock = LOCK_INIT, \
	}

/*
 * Reads the bundle PATH: a tarball; one of several volumes, with those that lie beside it; or the
 * directory of either. What a delta leaves out is taken from its base when that is among BASES (NULL,
 * or paths as PATH that end with NULL), and so with that one's own. What is in no archive at hand is
 * left out. ERR_USAGE when a path is not there, ERR_VERIFY when it is no bundle, damaged, or more than
 * memory should hold. Release RET also after a failure.
 */
int contents_open(const char *path, const char *const *bases, struct contents *ret,
		  struct err *err) MUST_CHECK;
/* ERR_USAGE when it is complete, ERR_VERIFY when it is a delta and its base was none of BASES. */
int contents_check_bases(const struct contents *contents, struct err *err) MUST_CHECK;
/* ERR_USAGE that says what to do when a volume or the base is not at hand. */
int contents_need_all(const struct contents *contents, struct err *err) MUST_CHECK;
void contents_release(struct contents *contents);

/* Borrowed, or NULL. */
const struct contents_member *contents_find(const struct contents *contents, const char *path);

/* The bundle's repository with its advisories in CONTENTS->pool, once. */
int contents_pool(struct contents *contents, struct err *err) MUST_CHECK;
/* The pool's solvable with this SHA-256, or 0. */
Id contents_solvable(const struct contents *contents, const char *sha256);

/* "service NAME" or "requested": what the package of this index in the lock's list was first brought
 * in for; borrowed. */
const char *contents_root_reason(const struct lock *lock, size_t rpm);

#endif
