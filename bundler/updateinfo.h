/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The advisories of what is inside a bundle: cut out of the vendors' own updateinfo.xml, byte for byte, so
 * that nothing is said in other words.
 */
#ifndef PGHA_UPDATEINFO_H
#define PGHA_UPDATEINFO_H

#include <stdio.h>

#include "err.h"
#include "inside.h"
#include "str.h"

/*
 * Appends to RET each <update> of IN that names at least one package of INSIDE (name, epoch, version,
 * release, architecture), without its other packages, in the order of IN. NAME is for messages.
 * ERR_VERIFY when it cannot be understood.
 */
int updateinfo_cut(const char *name, FILE *in, const struct inside *inside, struct str *ret,
		   struct err *err) MUST_CHECK;

#endif
