/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PGHA_CONTENTS_ADVISORY_H
#define PGHA_CONTENTS_ADVISORY_H

#include "advisory.h"
#include "contents.h"
#include "err.h"

/*
 * What the bundle's advisories say of its packages. Those that are fixed in it are `reached`. BEFORE is
 * the lock of an older bundle: then only what that one had and did not fix counts; NULL: all. Release
 * RET also after a failure.
 */
int contents_advisories(struct contents *contents, const struct lock *before,
			struct advisories *ret, struct err *err) MUST_CHECK;

#endif
