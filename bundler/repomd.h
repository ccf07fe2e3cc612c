/* SPDX-License-Identifier: Apache-2.0 */
/* A repository's metadata: repomd.xml, and from it primary, filelists and modules. */
#ifndef PGHA_REPOMD_H
#define PGHA_REPOMD_H

#include <solv/pool.h>
#include <solv/repo.h>

#include "digest.h"
#include "err.h"
#include "repofile.h"
#include "str.h"

struct repomd {
	const struct repofile_repo *source; /* borrowed */
	Repo *repo;                         /* the pool's */
	char sha256[SHA256_HEX_SIZE];       /* of repomd.xml */
	struct strv artifacts;              /* packages of module streams, as modules_artifacts() */
};

#define REPOMD_INIT          \
	{                    \
		.repo = NULL \
	}

/*
 * Fetches SOURCE's metadata as it is now, through the directory CACHE, and adds its packages to POOL.
 * Each file's digest and size are those of repomd.xml before anything reads it; SHA-256 or nothing. ERR_NETWORK when it cannot be had, ERR_VERIFY when it
 * is not what repomd.xml says, unpacks to too much, or cannot be understood. RET is released with
 * repomd_release(), also after a failure; SOURCE must outlive it.
 */
int repomd_load(Pool *pool, const struct repofile_repo *source, const char *cache,
		struct repomd *ret, struct err *err) MUST_CHECK;
void repomd_release(struct repomd *repomd);

#endif
