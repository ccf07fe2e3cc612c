/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of one bundle: its tarball, or its volumes, in any order and from several places. Each
 * begins with the same index; which volume one is follows from its first member.
 */
#ifndef PGHA_ARCHIVES_H
#define PGHA_ARCHIVES_H

#include <stddef.h>

#include "digest.h"
#include "err.h"
#include "index.h"
#include "str.h"
#include "tar.h"

struct archive {
	int fd; /* -1: not given */
	char *name;
	struct tar_reader tar; /* behind the signature */
	uint64_t end_offset;   /* where its end mark belongs */
};

struct archives {
	struct archive *items; /* by volume, as many as the index has */
	size_t count;
	char *name; /* of the one that was opened first, for messages */
	struct str index_text, signature;
	char index_sha256[SHA256_HEX_SIZE];
	struct index index;
	uint64_t *offsets; /* of each member's header in its archive; nothing for those of a base */
};

#define ARCHIVES_INIT                \
	{                            \
		.index = INDEX_INIT, \
	}

/* Whether INDEX_TEXT and SIGNATURE of A may be believed: asked before anything of them is parsed. */
typedef int (*archives_trust)(const struct archives *a, void *arg, struct err *err);

/*
 * What PATHS (ending with NULL) name: files as they are, and of a directory every pgha-*.tar. ERR_USAGE
 * when there is nothing.
 */
int archives_find(const char *const *paths, struct strv *ret, struct err *err) MUST_CHECK;
/*
 * The same, or without PATHS the newest bundle beside this program and in the current directory, by
 * the numbers in the files' names, which decide nothing else: all volumes of it, and the complete one rather than a delta.
 * ERR_USAGE when there is none, or when they are of several clusters.
 */
int archives_find_or_newest(const char *const *paths, struct strv *ret, struct err *err) MUST_CHECK;
/* Leaves the newest of FILES in it. */
int archives_keep_newest(struct strv *files, struct err *err) MUST_CHECK;

/*
 * Opens FILES, at least one. A file that is not there is ERR_USAGE; one that is no archive, or of another
 * bundle than the first, ERR_VERIFY with its name; the same volume twice, or two bundles, ERR_USAGE. A is
 * released by the caller, also after a failure.
 */
int archives_open(struct archives *a, const struct strv *files, archives_trust trust, void *arg,
		  struct err *err) MUST_CHECK;
void archives_release(struct archives *a);

/* ERR_VERIFY that names the volumes which were not given, and OPTION to name them with. */
int archives_need_all(const struct archives *a, const char *option, struct err *err) MUST_CHECK;

/*
 * A reader of its own, which stands before member I, for tar_read_header() and the rest; I must be carried.
 * RET->fd is -1 when its volume was not given. Members may be read in any order and by several
 * threads.
 */
void archives_reader(const struct archives *a, size_t i, struct tar_reader *ret);
/* All that were given end where the last member does. */
int archives_end(const struct archives *a, struct err *err) MUST_CHECK;

#endif
