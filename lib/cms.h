/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMS (RFC 5652) as the bundle uses it: a detached signature over the index, and secrets enveloped
 * for one node. SHA-256 and AES-256 throughout; docs/bundle-format.md has the details and the stock
 * tool's commands.
 */
#ifndef PGHA_CMS_H
#define PGHA_CMS_H

#include <stddef.h>
#include <time.h>

#include "digest.h"
#include "err.h"
#include "str.h"
#include "x509.h"

#define CMS_SIGNATURE_MAX (64U << 10) /* bytes of a signature that cms_verify() looks at */

/* Who signed. */
struct cms_signer {
	char subject[256];
	char fingerprint[SHA256_HEX_SIZE]; /* of the certificate */
	char serial[X509_SERIAL_SIZE];     /* of the certificate */
	time_t not_after;                  /* of the certificate */
	time_t signing_time;               /* as the signer claims; 0 when not said */
};

/* A detached signature over DATA, DER, appended to RET: one signer, SHA-256, CERT inside and
 * nothing else, signing time from clock_now(). */
int cms_sign(const void *data, size_t size_bytes, X509 *cert, EVP_PKEY *key, struct str *ret,
	     struct err *err) MUST_CHECK;

/*
 * Checks the detached signature DER over DATA: exactly one signer, whose certificate alone is
 * inside; SHA-256 or SHA-384; nothing unsigned beside it; the bytes are the DER encoding of
 * themselves; and x509_check_chain(X509_FOR_BUNDLE) for CAS, CRL (may be NULL) and NOW. Every
 * failure is ERR_VERIFY with one line. RET_SIGNER may be NULL.
 */
int cms_verify(const void *der, size_t der_size, const void *data, size_t size_bytes,
	       STACK_OF(X509) *cas, X509_CRL *crl, time_t now, struct cms_signer *ret_signer,
	       struct err *err) MUST_CHECK;

/*
 * Envelopes DATA for the one RECIPIENT (EC: ephemeral ECDH with the X9.63 KDF over SHA-256; RSA:
 * OAEP with SHA-256), AES-256-CBC, DER, appended to RET.
 */
int cms_seal(const void *data, size_t size_bytes, X509 *recipient, struct str *ret,
	     struct err *err) MUST_CHECK;
/* The reverse with the recipient's key; RET should be secret. A wrong key is ERR_VERIFY. */
int cms_open(const void *der, size_t der_size, EVP_PKEY *key, struct str *ret,
	     struct err *err) MUST_CHECK;

#endif
