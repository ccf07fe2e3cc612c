/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private directory for what is under way. It is locked while its owner lives, so that the next
 * one made beside it removes what a killed process left, and nothing that is in use.
 */
#ifndef PGHA_WORKDIR_H
#define PGHA_WORKDIR_H

#include "err.h"

struct workdir {
	char *path; /* NULL: none */
	int lock_fd;
};

#define WORKDIR_INIT                        \
	{                                   \
		.path = NULL, .lock_fd = -1 \
	}

/* Makes PARENT/PREFIX-XXXXXX, mode 0700. PARENT must be there. */
int workdir_make(struct workdir *dir, const char *parent, const char *prefix,
		 struct err *err) MUST_CHECK;
/* Removes what killed processes left there; workdir_make() does it too. */
int workdir_sweep(const char *parent, const char *prefix, struct err *err) MUST_CHECK;
/* Removes it with all that is in it. */
int workdir_remove(struct workdir *dir, struct err *err) MUST_CHECK;

#endif
