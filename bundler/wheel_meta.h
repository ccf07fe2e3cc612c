/* SPDX-License-Identifier: Apache-2.0 */
/* What a wheel says of itself in METADATA (core metadata, PEP 566 and 639). */
#ifndef PGHA_WHEEL_META_H
#define PGHA_WHEEL_META_H

#include <stddef.h>

#include "err.h"

/* One line each, or NULL. */
struct wheel_meta {
	char *license; /* License-Expression, or License, or the classifiers' */
	char *author; /* Author, Author-email, Maintainer or Maintainer-email: the first there is */
	char *homepage;
};

/* DATA is a whole wheel; ERR_VERIFY when it is none. Release RET also after a failure. */
int wheel_meta_read(const char *name, const void *data, size_t size, struct wheel_meta *ret,
		    struct err *err) MUST_CHECK;
void wheel_meta_release(struct wheel_meta *meta);

#endif
