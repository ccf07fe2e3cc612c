/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tarball: members are gathered in memory (small ones) or by reference to files, described by
 * the index, signed, and written in one pass to a temporary name.
 */
#ifndef PGHA_PACK_H
#define PGHA_PACK_H

#include <stdint.h>

#include "err.h"
#include "index.h"
#include "keys.h"
#include "str.h"

struct pack_member {
	char *path;
	char *source;    /* a file, or NULL: DATA */
	struct str data; /* cleansed when released */
	uint64_t size_bytes;
	char sha256[SHA256_HEX_SIZE];
	char *key; /* an RPM's signer, or NULL */
};

struct pack {
	struct pack_member *members;
	size_t count, size;
};

#define PACK_INIT                \
	{                        \
		.members = NULL, \
	}

void pack_release(struct pack *pack);
/* A member from memory; copied. */
int pack_add_data(struct pack *pack, const char *path, const void *data, size_t size_bytes,
		  struct err *err) MUST_CHECK;
/* A member from a file that is hashed now. */
int pack_add_file(struct pack *pack, const char *path, const char *source,
		  struct err *err) MUST_CHECK;
/* A member whose size and digest are known; the file is checked against them when it is written. */
int pack_add_known(struct pack *pack, const char *path, const char *source, uint64_t size_bytes,
		   const char *sha256, const char *key, struct err *err) MUST_CHECK;
/* Every regular file below DIR as PREFIX/…; links and other things are ERR_CONFIG. */
int pack_add_tree(struct pack *pack, const char *prefix, const char *dir,
		  struct err *err) MUST_CHECK;

/*
 * Fills INDEX's members and payload digest, signs it with KEYS' signer, and writes the archive to
 * PATH under a temporary name; KEYS' sequence is committed just before the name becomes final, so
 * no number is ever given to two bundles.
 */
int pack_write(struct pack *pack, struct index *index, struct keys *keys, const char *path,
	       struct err *err) MUST_CHECK;

#endif
