/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of a bundle. Their size and every member's place follow from the index, so the room is
 * taken first and several threads fill it: each byte is read once, hashed, and written, and a source
 * that is not what the index says fails the whole.
 */
#ifndef PGHA_PACK_WRITE_H
#define PGHA_PACK_WRITE_H

#include "err.h"
#include "index.h"
#include "pack.h"
#include "str.h"

#define PACK_HEAD_MAX \
	(8U << 10) /* bytes: more than the signature and all headers of the head take */

/* What volume VOLUME (from 0) takes besides its index, the signature and the archive's end. */
uint64_t pack_volume_bytes(const struct index *index, size_t volume);

/*
 * Writes volume I of the bundle to PATHS->items[I], which must not be there, with mode 0644 whatever the
 * umask, and fsyncs it; NAMES (as many) is what messages call them. INDEX is pack_index()'s of PACK,
 * TEXT and SIGNATURE are its own. ERR_VERIFY when a source is not what INDEX says, ERR_HOST when there
 * is no room. What a failure leaves under PATHS is the caller's to remove.
 */
int pack_write(const struct pack *pack, const struct index *index, const struct str *text,
	       const struct str *signature, const struct strv *paths, const struct strv *names,
	       struct err *err) MUST_CHECK;

#endif
