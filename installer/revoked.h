/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a bundle's signer was revoked. */
#ifndef PGHA_REVOKED_H
#define PGHA_REVOKED_H

#include "err.h"
#include "install.h"
#include "verify.h"

/*
 * ERR_VERIFY when the revocation list of the bundle that was installed last names the certificate that V is
 * signed with. The list counts whatever its age: what it names stays revoked, and fresher ones come with
 * bundles only. A list that the present CA did not sign, where the CA was replaced, does not count.
 */
int revoked_check(const struct install *in, const struct verify *v, struct err *err) MUST_CHECK;

#endif
