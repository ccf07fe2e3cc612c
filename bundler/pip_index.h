/* SPDX-License-Identifier: Apache-2.0 */
/* What pip's index itself says of files, and its files as they are, with pip's own configuration. */
#ifndef PGHA_PIP_INDEX_H
#define PGHA_PIP_INDEX_H

#include "err.h"
#include "pip.h"
#include "str.h"

/*
 * pip fills in a digest of its own where an index gives none. Every one of REPORT's files that came by
 * http or https must have a SHA-256 in the index, the same one, and must not be yanked there:
 * ERR_VERIFY names it. TARGET is what pip was told of the target, or empty.
 */
int pip_index_check(const struct pip *pip, const struct pip_report *report,
		    const struct strv *target, struct err *err) MUST_CHECK;

/* Brings the file of NAME that has SHA256 from the index, or else from URL, to PATH, without looking
 * inside; ERR_VERIFY unless it has that digest. */
int pip_index_download(const struct pip *pip, const char *name, const char *url, const char *sha256,
		       const char *path, struct err *err) MUST_CHECK;

#endif
