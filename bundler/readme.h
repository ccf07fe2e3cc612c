/* SPDX-License-Identifier: Apache-2.0 */
/* The README beside a tarball: how to check it with stock tools before running anything. */
#ifndef PGHA_README_H
#define PGHA_README_H

#include "err.h"
#include "index.h"
#include "str.h"

/* TARBALL is its file name. */
int readme_format(const struct index *index, const char *tarball, struct str *ret,
		  struct err *err) MUST_CHECK;

#endif
