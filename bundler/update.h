/* SPDX-License-Identifier: Apache-2.0 */
/* A lock carried on: some packages move to what a fresh answer has, the others stay where they are. */
#ifndef PGHA_UPDATE_H
#define PGHA_UPDATE_H

#include <stdbool.h>

#include "definition.h"
#include "err.h"
#include "lock.h"
#include "resolver.h"
#include "solve.h"
#include "str.h"

struct update {
	const struct lock *base; /* borrowed, as the next */
	const struct strv
		*names;     /* of packages and wheels that move, patterns too; none: all move */
	struct strv causes; /* NEVRA and cause in turn: what else had to move, and why */
};

#define UPDATE_INIT          \
	{                    \
		.base = NULL \
	}

void update_release(struct update *update);

/* ERR_USAGE, with the nearest, unless each name is of something in the lock or in what DEF asks for. */
int update_check(const struct update *update, const struct definition *def,
		 struct err *err) MUST_CHECK;

/* Whether a name is this package's (as name, name.arch, name-version and so on), or this wheel's. */
bool update_names_rpm(const struct update *update, const char *nevra);
bool update_names_wheel(const struct update *update, const char *name);

/*
 * Solves what RESOLVER's definition asks for: what is named as a fresh answer has it, everything else
 * as in the lock, unless what is named, or asked for anew, cannot be without another. Reasons that
 * still hold stay. ERR_NETWORK as solve_run(), and when no repository has any more what would have to
 * stay. RET is released with solve_result_release(), also after a failure.
 */
int update_solve(struct update *update, struct resolver *resolver, struct solve_result *ret,
		 struct err *err) MUST_CHECK;

#endif
