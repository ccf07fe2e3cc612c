/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into a bundle: members are gathered in memory (small ones) or by reference to files, and
 * described by the index; pack_write.h writes them.
 */
#ifndef PGHA_PACK_H
#define PGHA_PACK_H

#include <stdint.h>

#include "err.h"
#include "index.h"
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

/* Sorts the members, and fills INDEX's members and payload digest: they are in the same order then. */
int pack_index(struct pack *pack, struct index *index, struct err *err) MUST_CHECK;

#endif
