/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the solver share; nothing else includes this. */
#ifndef PGHA_SOLVE_PRIVATE_H
#define PGHA_SOLVE_PRIVATE_H

#include <solv/queue.h>
#include <solv/solver.h>

#include "solve.h"
#include "str.h"

DEFINE_CLEANUP(Solver *, solver_free);

/* One job for the solver; a pattern or a group makes several. */
struct solve_want {
	const struct definition_request *request; /* borrowed */
	Queue any_of;                             /* packages of which one is to be installed */
	Id dep; /* instead, where it is not 0: what provides this */
};

struct solve_wants {
	struct solve_want *items;
	size_t count;
	Queue obsoleters; /* visible packages that obsolete something */
	bool obsoleters_known;
};

/* "name-[epoch:]version-release.arch", borrowed from the pool for a short time. */
static inline const char *solve_nevra(Pool *pool, Id p)
{
	return pool_solvid2str(pool, p);
}

/* --- solve_request.c: what is asked for ---------------------------------------------------------- */

int solve_find_wants(struct solve *solve, const struct definition_requests *requests,
		     const struct solve_options *options, struct solve_wants *ret,
		     struct err *err) MUST_CHECK;
void solve_wants_release(struct solve_wants *wants);

/* --- solve_keep.c: what stays --------------------------------------------------------------------- */

/* Whether a package that OPTIONS keep is one of those that WANT allows: the best need not be it then. */
bool solve_wants_kept(Pool *pool, const struct solve_want *want,
		      const struct solve_options *options);
void solve_keep_jobs(Pool *pool, const struct solve_options *options, Queue *jobs);

/* --- solve_installed.c: what the baseline has ------------------------------------------------------ */

int solve_lock_jobs(Pool *pool, const struct solve_options *options, Queue *jobs,
		    struct err *err) MUST_CHECK;
/* What an installed package recommends and the host does not have is not brought in now. */
void solve_weak_jobs(Pool *pool, const struct solve_options *options, Queue *jobs);

/* --- solve_files.c: paths that only filelists have ------------------------------------------------ */

/* Whether primary.xml has PATH, if any package does: what createrepo puts there. */
bool solve_files_in_primary(const char *path);
/* While filelists are not read, lets such paths count as provided; after pool_createwhatprovides(). */
void solve_files_assume(struct solve *solve);
/* Whether that would be wrong because of what packages say. */
bool solve_files_needed(const struct solve *solve, const struct solve_options *options);
/* Whether RESULT, which was found so, hangs on it. */
bool solve_files_decide(const struct solve *solve, const struct solve_options *options,
			const struct solve_result *result);
/* Reads them, and makes the pool ready again. */
int solve_files_load(struct solve *solve, struct err *err) MUST_CHECK;

/* --- solve_absent.c: nothing is what a request asks for -------------------------------------------- */

/* ERR_NETWORK. */
int solve_not_there(const struct solve *solve, const struct definition_request *request,
		    struct err *err) MUST_CHECK;
/* "NEVRA (repository)" or "NEVRA (repository, stream)", appended. */
void solve_add_package(const struct solve *solve, Id p, struct str *out);
/* Why P, which cannot be chosen, is hidden, and what to do about it. Into BUF; returns BUF. */
const char *solve_what_hides(const struct solve *solve, Id p, char *buf, size_t size);
/* Details that name the repositories of which nothing was read. */
void solve_tell_unread(const struct solve *solve, struct err *err);

/* --- solve_problem.c: why not --------------------------------------------------------------------- */

/* Sets the bit of each want that has a part in SOLVER's problems. */
void solve_find_blamed(const struct solve *solve, Solver *solver, const struct solve_wants *wants,
		       Map *blamed);
/*
 * SOLVER's problems in words: ERR_NETWORK. OLDER are the packages of a solution that takes older
 * versions of what is blamed, or NULL when there is none.
 */
int solve_no_solution(const struct solve *solve, Solver *solver, const struct solve_wants *wants,
		      const Map *older, struct err *err) MUST_CHECK;

/* --- solve_reason.c: why each --------------------------------------------------------------------- */

/* Fills request and reason of RESULT's items. */
int solve_reasons(const struct solve *solve, const struct solve_wants *wants, bool weak_deps,
		  struct solve_result *result, struct err *err) MUST_CHECK;

#endif
