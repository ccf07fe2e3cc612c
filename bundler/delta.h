/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle that leaves out what an older one has. */
#ifndef PGHA_DELTA_H
#define PGHA_DELTA_H

#include "archives.h"
#include "err.h"
#include "index.h"
#include "x509.h"

struct delta {
	struct archives base; /* the older bundle */
};

#define DELTA_INIT                     \
	{                              \
		.base = ARCHIVES_INIT, \
	}

/* Reads the index of the tarball at PATH, of a volume, or of the bundle in a directory. ERR_USAGE when
 * it is not there, ERR_VERIFY when it is not signed under one of CAS. RET is released by the caller,
 * also after a failure. */
int delta_open(const char *path, STACK_OF(X509) *cas, struct delta *ret,
	       struct err *err) MUST_CHECK;
void delta_release(struct delta *delta);

/* Marks in INDEX what has path, size and digest there; ERR_CONFIG when it is another cluster's, or not
 * older. */
int delta_mark(const struct delta *delta, struct index *index, struct err *err) MUST_CHECK;

#endif
