/* SPDX-License-Identifier: Apache-2.0 */
/* The README beside a tarball: how to check it with stock tools before running anything. */
#ifndef PGHA_README_H
#define PGHA_README_H

#include "err.h"
#include "index.h"
#include "str.h"

/* ARCHIVES are the paths of the tarball, or of its volumes. */
int readme_format(const struct index *index, const struct strv *archives, struct str *ret,
		  struct err *err) MUST_CHECK;

#endif
