/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether packages can be removed or replaced at all. librpm goes on when it cannot remove a file, and forgets the package: what is left then
 * belongs to nobody any more.
 */
#ifndef PGHA_WRITABLE_H
#define PGHA_WRITABLE_H

#include "err.h"
#include "install.h"
#include "str.h"

/* ERR_HOST when something in a directory of an installed package, of any version, that one of NEVRAS names cannot be changed. */
int writable_packages(const struct install *in, const struct strv *nevras,
		      struct err *err) MUST_CHECK;

#endif
