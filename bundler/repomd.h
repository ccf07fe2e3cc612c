/* SPDX-License-Identifier: Apache-2.0 */
/* repomd.xml: which metadata files a repository has, and their digests. */
#ifndef PGHA_REPOMD_H
#define PGHA_REPOMD_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum repomd_type {
	REPOMD_PRIMARY,
	REPOMD_MODULES,
	REPOMD_FILELISTS,
	REPOMD_GROUPS, /* comps: the packed one where there are two */
	REPOMD_ADVISORIES,
	REPOMD_TYPES,
};

/* One <data> element. */
struct repomd_file {
	char *location; /* below the repository, path_is_safe(); NULL: not there */
	char *sha256;   /* never NULL where LOCATION is not */
	uint64_t size_bytes;
};

struct repomd {
	uint64_t revision;  /* 0: none, or not a number */
	uint64_t timestamp; /* the newest of its files', seconds since 1970; 0: none */
	struct repomd_file files[REPOMD_TYPES];
};

/*
 * Reads TEXT. ERR_VERIFY when it cannot be understood, names no primary, or names a file twice, outside
 * of the repository, or without its size and SHA-256. RET, which must be all zero, is released with
 * repomd_release(), also after a failure.
 */
int repomd_parse(const char *text, size_t size_bytes, struct repomd *ret,
		 struct err *err) MUST_CHECK;
void repomd_release(struct repomd *repomd);

#endif
