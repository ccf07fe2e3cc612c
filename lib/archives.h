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
	struct tar_reader tar;
	size_t next; /* the member that comes next, or the first one behind the volume */
};

struct archives {
	struct archive *items; /* by volume, as many as the index has */
	size_t count;
	char *name; /* of the one that was opened first, for messages */
	struct str index_text, signature;
	char index_sha256[SHA256_HEX_SIZE];
	struct index index;
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
/* The same of the directory of this program. */
int archives_find_default(struct strv *ret, struct err *err) MUST_CHECK;

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
 * Goes to the contents of member I, which must be carried, and gives its archive in *RET_ARCHIVE; NULL when
 * its volume was not given. Members are asked for in their order; those between are not looked at.
 * Then tar_read_contents() or tar_skip_contents().
 */
int archives_seek(struct archives *a, size_t i, struct archive **ret_archive,
		  struct err *err) MUST_CHECK;
/* All that were given end here, when all of their members were read. */
int archives_end(struct archives *a, struct err *err) MUST_CHECK;

#endif
