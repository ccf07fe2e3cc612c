/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a metadata file in the cache: its digest, unpacking within limits, and a parser. */
#ifndef PGHA_METAFILE_H
#define PGHA_METAFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

/* Bytes of a file as it is transferred. The largest in the field are Fedora's filelists: 60 MB. */
#define METAFILE_PACKED_MAX (UINT64_C(512) << 20)

/* Strings are borrowed. */
struct metafile {
	const char *cache;
	const char *sha256;
	const char *location; /* its ending says how it is packed */
	uint64_t size_bytes;
	bool xml; /* then it may have no document type */
};

/*
 * Opens FILE, checks its digest, and gives it to PARSE unpacked. ERR_VERIFY when the digest is another
 * one, or it unpacks to too much or not at all; else what PARSE returned.
 */
int metafile_read(const struct metafile *file, int (*parse)(FILE *in, void *arg, struct err *err),
		  void *arg, struct err *err) MUST_CHECK;

#endif
