/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What librpm leaves behind when it is killed: files that it has not renamed yet ("NAME;6b020dad"), and files of packages that its
 * database does not know; and what it leaves beside a configuration file that was changed ("NAME.rpmnew"). STATE/unpacking has the
 * paths of a transaction that has begun, until what it belongs to was committed or taken back.
 */
#ifndef PGHA_UNPACK_H
#define PGHA_UNPACK_H

#include "err.h"
#include "install.h"
#include "plan.h"
#include "setup.h"
#include "str.h"

/* Before PLAN's transaction: notes the paths that its packages bring, and which of them are there. Of a transaction that
 * was killed what was new stays new. */
int unpack_begin(const struct install *in, const struct plan *plan, struct err *err) MUST_CHECK;
/* Removes the files that were not renamed. Nothing without STATE/unpacking. */
int unpack_clean(const struct install *in, struct err *err) MUST_CHECK;
/* After the packages were taken back: removes also what was new and is no package's. */
int unpack_take_back(const struct install *in, struct err *err) MUST_CHECK;
/* After a transaction that went well: what an earlier one brought, which was killed, and is no package's now. */
int unpack_drop_unowned(const struct install *in, struct err *err) MUST_CHECK;
/* Before the commit: a package's default beside a file that a manifest declares, and that nobody keeps as it is, was never wanted.
 * Any other one goes on record, for the way back. */
int unpack_settle_defaults(const struct setup *setup, struct err *err) MUST_CHECK;
/* It was committed, or taken back. */
int unpack_end(const struct install *in, struct err *err) MUST_CHECK;

#endif
