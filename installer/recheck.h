/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle that this node has kept, before it is used again: it must still be what was installed. Its index is the
 * committed one, by the digest that was noted then, or it is signed under the CA that this node knows; the time
 * is that of the bundle, for a signer's certificate may have ended since. Every member that is kept is hashed.
 */
#ifndef PGHA_RECHECK_H
#define PGHA_RECHECK_H

#include "err.h"
#include "install.h"
#include "state.h"

/*
 * IN's staging is the kept bundle, and COMMITTED what was committed last. IN gets its index, whose digest goes to RET_SHA256.
 * ERR_VERIFY for anything that has changed or is missing.
 */
int recheck_kept(struct install *in, const struct state_committed *committed,
		 char ret_sha256[SHA256_HEX_SIZE], struct err *err) MUST_CHECK;

#endif
