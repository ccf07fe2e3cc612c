/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packages a host needs, one with nothing on it or one that an inventory describes: libsolv, set
 * up as dnf sets it up with best=True, so that the answer is dnf's.
 */
#ifndef PGHA_SOLVE_H
#define PGHA_SOLVE_H

#include <stdbool.h>

#include <solv/bitmap.h>
#include <solv/pool.h>
#include <solv/queue.h>

#include "definition.h"
#include "err.h"
#include "metadata.h"
#include "modules.h"

struct solve {
	Pool *pool;                    /* owned: repositories are loaded into it */
	Map modular;                   /* packages that are hidden because of module streams */
	struct metadata *metadata;     /* borrowed by solve_prepare(), as the next */
	const struct modules *modules; /* may be NULL */
	int prepared; /* how many solvables there were when solve_prepare() was called */
};

/* What is borrowed here must outlive the call that gets it. */
struct solve_options {
	bool weak_deps;    /* install what is recommended, as dnf's install_weak_deps */
	const Queue *keep; /* packages of the pool that stay: another of their names only where
			      something that is taken or asked for needs it; or NULL */
	const Queue *take; /* packages of the pool that are installed in any case; or NULL */
	const struct strv *locked; /* names or patterns of installed packages that must stay as they
				      are; or NULL */
	struct strv *warnings;     /* what is passed over is appended, a line each; or NULL */
};

struct solve_choice {
	Id solvable; /* in the pool */
	char *nevra;
	char *reason; /* the request's, or "package NEVRA": one that requires or recommends it */
	const struct definition_request *request; /* that asks for it itself; borrowed, or NULL */
};

struct solve_result {
	struct solve_choice *items; /* to be installed or upgraded; sorted by nevra */
	size_t count;
};

/* Makes an empty pool with rpm's rules for ARCH. Release SOLVE also after a failure. */
int solve_init(struct solve *solve, const char *arch, struct err *err) MUST_CHECK;
void solve_release(struct solve *solve);

/*
 * Hides what module streams, includepkgs and excludepkgs leave out, and makes the pool ready:
 * after all repositories are loaded, and again when more were. METADATA and MODULES (or NULL) must outlive SOLVE.
 */
int solve_prepare(struct solve *solve, struct metadata *metadata, const struct modules *modules,
		  struct err *err) MUST_CHECK;

/* Makes the pool ready again after something was added to it (metadata_need()). */
void solve_refresh(struct solve *solve);

/*
 * Solves REQUESTS, which dnf's "install" would understand in the same way: a name, name.arch,
 * name-version-release and its other forms, a pattern, "name >= version", something provided, a file,
 * "@group". Reads filelists and groups when a request needs them. ERR_NETWORK when one is not there
 * (with the nearest name, or what hides it) or when there is no solution (the reasons and the ways
 * out are the detail). May be called again. OPTIONS may be NULL. RET is released with
 * solve_result_release(), also after a failure.
 */
int solve_run(struct solve *solve, const struct definition_requests *requests,
	      const struct solve_options *options, struct solve_result *ret,
	      struct err *err) MUST_CHECK;
void solve_result_release(struct solve_result *result);

/* Every package of the pool, installed ones too, that would fulfil REQUEST; errors as solve_run(). */
int solve_find_matches(struct solve *solve, const struct definition_request *request,
		       Queue *ret_matches, struct err *err) MUST_CHECK;
/*
 * The parts of a dependency that count where the packages of THERE are installed, appended to PARTS: of
 * "(a if b)" a where b is, and nothing elsewhere; of "(a and b)" and "(a or b)" both; else DEP itself.
 */
void solve_parts(Pool *pool, Id dep, const Map *there, Queue *parts);
/* Reads filelists when packages of RESULT depend on files that only these have. */
int solve_need_files(struct solve *solve, const struct solve_options *options,
		     const struct solve_result *result, struct err *err) MUST_CHECK;

#endif
