/* SPDX-License-Identifier: Apache-2.0 */
/* Files from a directory that somebody has filled: a mirror, a DVD, what another download tool
 * brought. */
#ifndef PGHA_IMPORT_H
#define PGHA_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct import_want {
	const char *file;    /* borrowed, as all here: how it is called, wherever it lies */
	const char *sha256;  /* lower-case hexadecimal */
	uint64_t size_bytes; /* 0: not known */
	const char *dest;    /* where the copy goes; its directory is made */
	bool found;          /* result */
	uint64_t got_bytes;  /* result */
};

/*
 * Looks anywhere below DIR for each of WANTS by name, then size, then the SHA-256 of the copy; a copy
 * appears at its place only when all three are right. Symbolic links and special files are left
 * alone. What cannot be read, and what has the name but is something else, is a warning. CACHE is
 * where all the places are, for the copies to be made in. ERR_USAGE when DIR is no directory that
 * can be read.
 */
int import_dir(const char *dir, const char *cache, struct import_want *wants, size_t count,
	       struct err *err) MUST_CHECK;

#endif
