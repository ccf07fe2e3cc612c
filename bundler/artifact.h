/* SPDX-License-Identifier: Apache-2.0 */
/* The packages and wheels of a lock on their way into the cache. */
#ifndef PGHA_ARTIFACT_H
#define PGHA_ARTIFACT_H

#include <stddef.h>
#include <stdint.h>

#include "checked.h"
#include "err.h"
#include "keyrings.h"
#include "lock.h"

enum artifact_state {
	ARTIFACT_MISSING,
	ARTIFACT_CACHED,  /* lies at PATH, and somebody must look at it */
	ARTIFACT_ARRIVED, /* lies at INCOMING with the right digest */
	ARTIFACT_READY,   /* lies at PATH, checked in this run or an earlier one */
	ARTIFACT_REFUSED, /* removed: no pinned key vouches for it */
};

enum artifact_origin { ORIGIN_CACHE, ORIGIN_NETWORK, ORIGIN_IMPORT, ORIGIN_BUILT };

struct artifact {
	const struct lock_rpm *rpm;     /* borrowed; NULL for a wheel */
	const struct lock_wheel *wheel; /* borrowed; NULL for a package */
	const char *name;               /* borrowed: NEVRA, or the wheel's file */
	const char *file;               /* borrowed: how a mirror calls it */
	const char *sha256;             /* borrowed */
	uint64_t size_bytes;            /* 0: not known, as of a wheel before it is there */
	size_t repo;                    /* index of the lock's repository */
	char *path, *incoming;
	enum artifact_state state;
	enum artifact_origin origin;
	char signer[PGP_FPR_SIZE];
	struct rpmsig_payload *payload; /* of a package that is being read; or NULL */
	struct vetting *vetting; /* what somebody has found who looked at it already; or NULL */
};

struct artifacts {
	struct artifact *items; /* packages, then wheels, in the lock's order */
	size_t count;
};

#define ARTIFACTS_INIT        \
	{                     \
		.items = NULL \
	}

/* Those of LOCK, which must outlive RET, all of them missing. */
int artifacts_list(const struct lock *lock, const char *cache, struct artifacts *ret,
		   struct err *err) MUST_CHECK;
void artifacts_release(struct artifacts *artifacts);

/* Looks which ones the cache has: what CHECKED knows is READY, the rest CACHED. CHECKED may be NULL. */
int artifacts_look(struct artifacts *artifacts, const struct keyrings *keyrings,
		   struct checked *checked, struct err *err) MUST_CHECK;

/*
 * Vets a package that has arrived, open as FD, against KEYRING, borrowed: artifacts_admit() then need not.
 * May be called in another thread, one package at a time, while nobody else uses librpm or the
 * artifact. A failure of any kind leaves the work to artifacts_admit().
 */
void artifact_vet(struct artifact *artifact, int fd, const struct keyring *keyring);
/* Who reads the package before may feed it, the first piece AT 0, which spares reading it again. */
void artifact_feed(struct artifact *artifact, uint64_t at, const void *data, size_t size_bytes);

/*
 * Checks all that are CACHED, digest and signature: damaged ones are removed and MISSING again,
 * ones that no pinned key vouches for are removed, REFUSED, and told in WRONG (its code is 0 before
 * the first); a line of detail each after the first.
 */
int artifacts_check_cached(struct artifacts *artifacts, const struct keyrings *keyrings,
			   struct checked *checked, struct err *wrong, struct err *err) MUST_CHECK;
/* The same for signature and name of those that have ARRIVED; the good ones are put into the cache. */
int artifacts_admit(struct artifacts *artifacts, const struct keyrings *keyrings,
		    struct checked *checked, struct err *wrong, struct err *err) MUST_CHECK;

#endif
