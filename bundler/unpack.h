/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A metadata file as a stream of what it unpacks to: gzip, xz, zstd, bzip2 or plain, as its name ends.
 * A thread unpacks while the caller parses.
 */
#ifndef PGHA_UNPACK_H
#define PGHA_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

struct unpack;

/*
 * Opens FD, which it owns then, also after a failure; NAME's ending says how it is packed. *RET_IN is
 * closed by unpack_free(). It gives at most MAX_BYTES, and of XML (which the caller knows) nothing that
 * has a document type. ERR_VERIFY for a way of packing that is not known here.
 */
int unpack_open(int fd, const char *name, bool xml, uint64_t max_bytes, struct unpack **ret,
		FILE **ret_in, struct err *err) MUST_CHECK;
/* ERR_VERIFY when the stream ended because it was damaged, unpacked to too much or is no XML that we
 * take: what a parser said of that, if anything, was about syntax. To be asked before unpack_free(). */
int unpack_check(struct unpack *unpack, struct err *err) MUST_CHECK;
void unpack_free(struct unpack *unpack);

#endif
