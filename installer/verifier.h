/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node remembers of a secret to know it again, and nothing that gives it away: PBKDF2 (RFC 8018)
 * with HMAC-SHA-256 and a salt of its own, as the word
 *
 *	pbkdf2-sha256:ITERATIONS:SALT:HASH          16 and 32 bytes in hexadecimal
 */
#ifndef PGHA_VERIFIER_H
#define PGHA_VERIFIER_H

#include <stdbool.h>

#include "err.h"

/* Of what is made from now on; tests lower it. */
extern unsigned int verifier_iterations;

/* The caller frees. */
int verifier_make(const char *secret, char **ret, struct err *err) MUST_CHECK;
/* ERR_FAILED when VERIFIER is none of ours. */
int verifier_check(const char *verifier, const char *secret, bool *ret_same,
		   struct err *err) MUST_CHECK;

#endif
