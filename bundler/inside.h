/* SPDX-License-Identifier: Apache-2.0 */
/* The packages of a lock, as advisories and module documents name packages. */
#ifndef PGHA_INSIDE_H
#define PGHA_INSIDE_H

#include <stdbool.h>

#include "err.h"
#include "lock.h"
#include "str.h"

struct inside {
	struct strv nevras; /* name-epoch:version-release.arch, with epoch 0 too; sorted */
};

#define INSIDE_INIT                  \
	{                            \
		.nevras = STRV_INIT, \
	}

/* RET is released by the caller, also after a failure. */
int inside_make(const struct lock *lock, struct inside *ret, struct err *err) MUST_CHECK;
void inside_release(struct inside *inside);
bool inside_has(const struct inside *inside, const char *nevra);

#endif
