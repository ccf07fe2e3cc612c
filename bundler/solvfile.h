/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages, paths, groups and advisories as libsolv's own .solv files. Every repository is made into
 * one first, whether it was read before or not, so that a pool is the same in both cases.
 */
#ifndef PGHA_SOLVFILE_H
#define PGHA_SOLVFILE_H

#include <stddef.h>

#include <solv/repo.h>

#include "err.h"
#include "metafile.h"

enum solvfile_kind {
	SOLVFILE_PRIMARY,
	SOLVFILE_FILELISTS,  /* extends a primary */
	SOLVFILE_GROUPS,     /* comps */
	SOLVFILE_ADVISORIES, /* updateinfo */
};

/*
 * Reads FROM and writes to OUT_FD, at its start. PRIMARY_FD: what came of the primary, for filelists;
 * -1 else. ERR_VERIFY when FROM has another digest, unpacks to too much, or cannot be understood.
 */
int solvfile_make(enum solvfile_kind kind, const struct metafile *from, int primary_fd, int out_fd,
		  struct err *err) MUST_CHECK;

/* Adds what solvfile_make() wrote to FD, which stands at its start, to REPO. ERR_VERIFY when it is
 * something else. */
int solvfile_load(enum solvfile_kind kind, Repo *repo, int fd, struct err *err) MUST_CHECK;

/* What the content depends on beside the files: KIND's part of derived_key(). */
void solvfile_key_kind(enum solvfile_kind kind, char *buf, size_t size);

#endif
