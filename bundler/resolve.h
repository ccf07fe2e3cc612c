/* SPDX-License-Identifier: Apache-2.0 */
/* From a definition to a lock: .repo files, metadata, solver, wheels. */
#ifndef PGHA_RESOLVE_H
#define PGHA_RESOLVE_H

#include "definition.h"
#include "err.h"
#include "lock.h"
#include "metadata.h"
#include "resolver.h"
#include "solve.h"
#include "str.h"
#include "update.h"

/*
 * Reads DEF's repositories as they are now, solves what DEF asks for, and fills RET, which must be
 * LOCK_INIT and is released by the caller, also after a failure. Metadata is kept in
 * OPTIONS' cache. What the operator should know and may ignore is appended to WARNINGS, a line each.
 * ERR_CONFIG for .repo files and keys that are wrong or not supported, ERR_NETWORK when a
 * repository cannot be reached or there is no solution (libsolv's reasons are ERR's detail),
 * ERR_VERIFY when metadata has another digest than repomd.xml says.
 */
int resolve_lock(const struct definition *def, const struct metadata_options *options,
		 struct strv *warnings, struct lock *ret, struct err *err) MUST_CHECK;
/* The same, carrying a lock on: update_check() and update_solve() say how, and wheel_update() what
 * becomes of wheels. */
int resolve_update(const struct definition *def, const struct metadata_options *options,
		   struct update *update, struct strv *warnings, struct lock *ret,
		   struct err *err) MUST_CHECK;
/* The platform, repositories and packages of RESULT, which is RESOLVER's; no wheels. ERR_VERIFY when
 * metadata says what no lock may hold. */
int resolve_fill(struct resolver *resolver, const struct solve_result *result, struct lock *ret,
		 struct err *err) MUST_CHECK;

#endif
