/* SPDX-License-Identifier: Apache-2.0 */
/* The packages of a root, one after another. */
#ifndef PGHA_EACHPKG_H
#define PGHA_EACHPKG_H

#include <rpm/header.h>

#include "err.h"
#include "install.h"
#include "str.h"

/* H is borrowed; NEVRA is the one of the list that it was looked up for, by its name. */
typedef int (*eachpkg_visit)(Header h, const char *nevra, void *context, struct err *err);

/*
 * Calls VISIT for each installed package, of any version, that has the name of one of NEVRAS, until one fails; nothing where
 * there is no rpm database. Signals wait meanwhile.
 */
int eachpkg_installed(const struct install *in, const struct strv *nevras, eachpkg_visit visit,
		      void *context, struct err *err) MUST_CHECK;

#endif
