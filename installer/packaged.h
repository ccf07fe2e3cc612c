/* SPDX-License-Identifier: Apache-2.0 */
/* What the rpm database says of a file. */
#ifndef PGHA_PACKAGED_H
#define PGHA_PACKAGED_H

#include <stdbool.h>

#include "err.h"
#include "install.h"

/* Whether an installed package brought a file at PATH with the content SHA256. */
int packaged_content(const struct install *in, const char *path, const char *sha256, bool *ret,
		     struct err *err) MUST_CHECK;

#endif
