/* SPDX-License-Identifier: Apache-2.0 */
/* What metadata*.c share with one another. */
#ifndef PGHA_METADATA_PRIVATE_H
#define PGHA_METADATA_PRIVATE_H

#include <sys/types.h>

#include "metadata.h"
#include "repomd.h"

/* What is made of one metadata file: a .solv file, or a block of compiled module documents. */
struct metadata_item {
	char key[SHA256_HEX_SIZE]; /* derived_key() */
	char *path;                /* of the metadata file, in the cache of downloads */
	int fd;                    /* the content; -1: not there */
	off_t start;               /* where it begins */
	bool unsaved;              /* it is not in the cache yet */
};

struct metadata_private {
	struct upstream *upstream; /* borrowed */
	struct repomd repomd;
	struct metadata_item items[REPOMD_TYPES];
	char *modules; /* owned: what metadata_repo.modules points to */
};

/* metadata_repomd.c: asks for every repomd.xml, checks and parses it. A repository that may be skipped
 * gets skip set. */
int metadata_fetch_repomd(struct metadata *md, struct strv *warnings, struct err *err) MUST_CHECK;

/*
 * metadata_items.c: has the items of TYPES (COUNT of them) ready in every repository: from the cache,
 * or downloaded and made. Where a repository has no such file, fd is -1.
 */
int metadata_make_items(struct metadata *md, const enum repomd_type *types, size_t count,
			struct err *err) MUST_CHECK;
/* Puts those that are not there yet into the cache. */
int metadata_save_items(struct metadata *md, struct err *err) MUST_CHECK;

#endif
