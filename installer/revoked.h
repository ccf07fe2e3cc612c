/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a bundle's signer was revoked. A node hears of it by the revocation lists that bundles carry, and never
 * forgets: STATE/revoked has the serial number of every certificate that one of them has named.
 */
#ifndef PGHA_REVOKED_H
#define PGHA_REVOKED_H

#include "err.h"
#include "install.h"
#include "verify.h"

/* ERR_VERIFY when the certificate that V is signed with is known to be revoked. */
int revoked_check(const struct install *in, const struct verify *v, struct err *err) MUST_CHECK;

/* Takes in what the staged bundle's list names, whatever the list's age. One that the CA did not sign does
 * not count. */
int revoked_remember(const struct install *in, struct err *err) MUST_CHECK;

#endif
