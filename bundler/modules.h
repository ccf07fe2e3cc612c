/* SPDX-License-Identifier: Apache-2.0 */
/* modules.yaml (modulemd 1 and 2), as far as it says which packages belong to module streams. */
#ifndef PGHA_MODULES_H
#define PGHA_MODULES_H

#include <stdio.h>

#include "err.h"
#include "str.h"

/*
 * Appends the artifacts of every stream that IN describes, each as name-[epoch:]version-release.arch
 * with the epoch only when it is not 0. Whatever else the documents hold is passed over, whether it
 * makes sense or not. NAME is for messages; ERR_VERIFY when it is not YAML.
 */
int modules_artifacts(const char *name, FILE *in, struct strv *ret_nevras,
		      struct err *err) MUST_CHECK;

#endif
