/* SPDX-License-Identifier: Apache-2.0 */
/* What metadata*.c share with one another. */
#ifndef PGHA_METADATA_PRIVATE_H
#define PGHA_METADATA_PRIVATE_H

#include <sys/types.h>

#include "metadata.h"
#include "pgp.h"
#include "repomd.h"

/* What is made of one metadata file: a .solv file, or a block of compiled module documents. */
struct metadata_item {
	char key[SHA256_HEX_SIZE]; /* derived_key() */
	char *path;                /* of the metadata file, in the cache of downloads */
	int fd;                    /* the content; -1: not there */
	off_t start;               /* where it begins */
	bool unsaved;              /* it is not in the cache yet */
};

/* A repomd.xml that was verified, as CACHE/repomd/KEY keeps it. */
struct metadata_kept {
	bool there;
	char sha256[SHA256_HEX_SIZE];
	uint64_t revision, timestamp; /* as in struct repomd */
	uint64_t checked_s;           /* when its server last said that there is no other */
	char *etag, *last_modified;   /* NULL: the server told none */
	struct str body;
	struct str signature; /* repomd.xml.asc; empty: it was not asked for */
};

struct metadata_private {
	struct upstream *upstream; /* borrowed */
	struct repomd repomd;
	char kept_key[SHA256_HEX_SIZE];
	struct metadata_kept kept; /* what an earlier run has kept, or this one will */
	bool remember;             /* KEPT is new */
	bool skipped;              /* not available, and skip_if_unavailable */
	struct metadata_item items[REPOMD_TYPES];
	char *modules; /* owned: what metadata_repo.modules points to */
};

/* metadata_kept.c: reads what is kept of REPO, which may be nothing. */
int metadata_read_kept(struct metadata *md, struct metadata_repo *repo, struct err *err) MUST_CHECK;
/* Writes what is new of all repositories; to be called when everything was verified. */
int metadata_remember(struct metadata *md, struct err *err) MUST_CHECK;
void metadata_kept_release(struct metadata_kept *kept);

/* metadata_check.c: what a repomd.xml is judged by. */
struct metadata_check {
	const struct metadata *md;
	struct metadata_repo *repo;
	const struct pgp_keys *keys; /* that its signature may be by; NULL: it needs none */
};

/*
 * Parses TEXT into REPO when it may be believed. ERR_VERIFY when it is none of those that the metalink
 * names, is not signed by a pinned key, is older than what was seen, or cannot be understood.
 */
int metadata_check_repomd(const struct metadata_check *check, const struct str *text,
			  const char *sha256, const struct str *signature,
			  struct err *err) MUST_CHECK;

/*
 * metadata_repomd.c: asks for every repomd.xml and checks it. One that is not available and may be
 * skipped is marked, with a line in WARNINGS.
 */
int metadata_fetch_repomd(struct metadata *md, struct strv *warnings, struct err *err) MUST_CHECK;

/*
 * metadata_items.c: has the items of TYPES (COUNT of them) ready in every repository: from the cache,
 * or downloaded and made. Where a repository has no such file, fd is -1. WARNINGS may be NULL: then
 * no repository is skipped because a file cannot be had.
 */
int metadata_make_items(struct metadata *md, const enum repomd_type *types, size_t count,
			struct strv *warnings, struct err *err) MUST_CHECK;
/* Puts those that are not there yet into the cache. */
int metadata_save_items(struct metadata *md, struct err *err) MUST_CHECK;

#endif
