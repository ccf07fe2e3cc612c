/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was built last from what, in CACHE/derived: a build that would only repeat it gives that one. The
 * record's name is a digest of all that the bundle depends on, private keys among it, so that it tells
 * nothing; it counts as long as each archive is the very file that was written.
 */
#ifndef PGHA_BUILT_H
#define PGHA_BUILT_H

#include <stdbool.h>

#include "digest.h"
#include "err.h"
#include "index.h"
#include "str.h"

/* INPUTS is what the bundle depends on, OUTPUT the directory it goes to. */
int built_key(const struct str *inputs, const char *output, char ret_key[SHA256_HEX_SIZE],
	      struct err *err) MUST_CHECK;

/*
 * Looks for the archives that KEY stands for. *RET_FOUND when all are there and more than half of the
 * VALID_DAYS is left: then RET_PATHS are below OUTPUT, and RET_INDEX is theirs.
 */
int built_find(const char *cache, const char *key, const char *output, unsigned int valid_days,
	       bool *ret_found, struct strv *ret_paths, struct index *ret_index,
	       struct err *err) MUST_CHECK;

/* Remembers PATHS, just built. */
int built_save(const char *cache, const char *key, const struct strv *paths,
	       struct err *err) MUST_CHECK;

#endif
