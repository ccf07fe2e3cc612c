/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module documents of what is inside a bundle: the vendors' own stream documents, as they stand, and
 * for each of these modules a default of ours, so that dnf shows with repo/ alone what was resolved.
 */
#ifndef PGHA_MODULEDOCS_H
#define PGHA_MODULEDOCS_H

#include <stdio.h>

#include "err.h"
#include "inside.h"
#include "str.h"

struct moduledocs {
	struct str text;      /* the documents chosen so far */
	struct strv defaults; /* "NAME STREAM" of each, once */
};

#define MODULEDOCS_INIT                                 \
	{                                               \
		.text = STR_INIT, .defaults = STRV_INIT \
	}

/* Takes each stream document of IN that names at least one package of INSIDE among its artifacts. NAME is
 * for messages; ERR_VERIFY when IN is not YAML. */
int moduledocs_choose(const char *name, FILE *in, const struct inside *inside,
		      struct moduledocs *ret, struct err *err) MUST_CHECK;
/* The whole of modules.yaml, appended to RET: empty when nothing was chosen. */
int moduledocs_format(const struct moduledocs *docs, struct str *ret, struct err *err) MUST_CHECK;
void moduledocs_release(struct moduledocs *docs);

#endif
