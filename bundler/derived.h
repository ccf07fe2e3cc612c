/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of ours in the cache, CACHE/DIR/KEY: what was made of downloads and can be made again
 * (DERIVED_FILES), and what is remembered of repositories (DERIVED_SEEN). The key is a digest of
 * everything that the content depends on, and the file repeats it with a digest of the content, so
 * that one which is cut, changed or under another's name counts as not there. The directory is for its
 * owner alone: one that belongs to or can be written by somebody else is not used at all.
 *
 * A digest keeps nobody from making a file with a right one, and libsolv believes what it reads. So a
 * file also counts on the machine that wrote it alone, and no copy of it does: a cache that comes from
 * elsewhere brings downloads, which are checked, and nothing else.
 */
#ifndef PGHA_DERIVED_H
#define PGHA_DERIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"

/*
 * The key of what KIND (with its format's version) makes of files with the COUNT digests INPUTS, in
 * their order.
 */
int derived_key(const char *kind, const char *const *inputs, size_t count,
		char ret_key[SHA256_HEX_SIZE], struct err *err) MUST_CHECK;

#define DERIVED_FILES "derived"
#define DERIVED_SEEN "repomd"

/*
 * Opens the content for reading, the descriptor standing at its start and its end being the file's:
 * -1 when there is none that can be believed. RET_FOREIGN is for content that is judged by other means:
 * then a file from elsewhere is opened too, and told; else NULL.
 */
int derived_open(const char *cache, const char *dir, const char *key, bool *ret_foreign);

/* Keeps the content of FD, from its start to its end, and moves FD's offset. Of DERIVED_FILES, those
 * that were not used for a month are removed. */
int derived_save(const char *cache, const char *dir, const char *key, int fd,
		 struct err *err) MUST_CHECK;

#endif
