/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of many files by threads beside the caller's own, which meanwhile works on those that are
 * done: files are taken in their order.
 */
#ifndef PGHA_DIGEST_POOL_H
#define PGHA_DIGEST_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"

struct digest_job {
	const char *path; /* borrowed; a plain file; symbolic links are not followed */

	/* Results. */
	char sha256[SHA256_HEX_SIZE];
	uint64_t size_bytes;
	int errnum; /* what open or read said, 0: nothing */
};

struct digest_pool;

/* Begins with JOBS, borrowed until digest_pool_free(). */
int digest_pool_start(struct digest_job *jobs, size_t count, struct digest_pool **ret,
		      struct err *err) MUST_CHECK;
/* Waits until job I is done; ERR_INTERRUPTED. */
int digest_pool_wait(struct digest_pool *pool, size_t i, struct err *err) MUST_CHECK;
/* Ends the threads; what they have not begun stays undone. */
void digest_pool_free(struct digest_pool *pool);

#endif
