/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of downloads: files under CACHE/sha256/ab/REST, named by their own SHA-256. Nothing is
 * believed because it lies there: who opens a file hashes it again.
 */
#ifndef PGHA_CACHE_H
#define PGHA_CACHE_H

#include "digest.h"
#include "err.h"

/*
 * The cache's directory: DIR (an option's value, may be NULL), else $PGHA_CACHE_DIR, else
 * ~/.cache/pgha. The caller frees.
 */
int cache_dir(const char *dir, char **ret_dir, struct err *err) MUST_CHECK;

/*
 * Where the file with that digest belongs, whether it is there or not; the caller frees.
 * ERR_VERIFY when SHA256 is not 64 lower-case hexadecimal digits.
 */
int cache_path(const char *cache, const char *sha256, char **ret_path, struct err *err) MUST_CHECK;

/*
 * Opens it for reading, hashes it, and gives the descriptor at offset 0 in *ret_fd, owned by
 * the caller; -1 when it is not there. ERR_VERIFY when its content is another, and the file is
 * removed.
 */
int cache_open_verified(const char *cache, const char *sha256, int *ret_fd,
			struct err *err) MUST_CHECK;

/* Puts DATA in and gives its digest. */
int cache_put(const char *cache, const void *data, size_t size_bytes,
	      char ret_sha256[SHA256_HEX_SIZE], struct err *err) MUST_CHECK;

/* Takes it out; fine when it is not there. */
int cache_remove(const char *cache, const char *sha256, struct err *err) MUST_CHECK;

#endif
