/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packages a root with nothing in it needs: libsolv, set up as dnf sets it up with best=True and
 * install_weak_deps=False, so that the answer is dnf's.
 */
#ifndef PGHA_SOLVE_H
#define PGHA_SOLVE_H

#include <solv/bitmap.h>
#include <solv/pool.h>

#include "definition.h"
#include "err.h"
#include "metadata.h"
#include "modules.h"

struct solve {
	Pool *pool;  /* owned: repositories are loaded into it */
	Map modular; /* packages that are hidden because no module stream is enabled */
};

struct solve_choice {
	Id solvable; /* in the pool */
	char *nevra;
	char *reason; /* the request's, or "package NEVRA": one that requires it */
};

struct solve_result {
	struct solve_choice *items; /* sorted by nevra */
	size_t count;
};

/* Makes an empty pool with rpm's rules for ARCH. Release SOLVE also after a failure. */
int solve_init(struct solve *solve, const char *arch, struct err *err) MUST_CHECK;
void solve_release(struct solve *solve);

/*
 * Hides packages of module streams (none is enabled) and what includepkgs and excludepkgs leave out,
 * and makes the pool ready. To be called once, after all repositories are loaded.
 */
int solve_prepare(struct solve *solve, const struct metadata *metadata,
		  const struct modules *modules, struct err *err) MUST_CHECK;

/*
 * Solves REQUESTS. ERR_NETWORK when one is not there (with the nearest name, or what hides it) or when
 * there is no solution (libsolv's reasons are the detail). RET is released with
 * solve_result_release(), also after a failure.
 */
int solve_run(struct solve *solve, const struct definition_requests *requests,
	      struct solve_result *ret, struct err *err) MUST_CHECK;
void solve_result_release(struct solve_result *result);

#endif
