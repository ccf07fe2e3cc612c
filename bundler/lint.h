/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of manifests checked without building, without keys, network or passwords. */
#ifndef PGHA_LINT_H
#define PGHA_LINT_H

#include <stddef.h>

#include "err.h"
#include "str.h"

struct lint {
	struct strv problems;          /* a line each, as the failure itself would say it */
	struct strv notes;             /* what was not checked, and warnings */
	size_t files, services, nodes; /* that were looked at */
};

#define LINT_INIT                      \
	{                              \
		.problems = STRV_INIT, \
	}

/*
 * Definitions and topologies are the *.yaml of DIR itself, services its services/NAME. Every file is
 * read as the commands read it, and every node of a definition's topology renders all its templates,
 * with the definition's .env where it is there and other values where it is not. ERR_USAGE when DIR
 * is no directory; what is wrong inside is a problem, and no failure.
 */
int lint_directory(const char *dir, struct lint *ret, struct err *err) MUST_CHECK;
void lint_release(struct lint *lint);

#endif
