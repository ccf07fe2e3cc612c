/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of lib/x509*.c alone. */
#ifndef PGHA_X509_PRIVATE_H
#define PGHA_X509_PRIVATE_H

#include "x509.h"

/* SHA-256 for P-256, else SHA-384. */
const EVP_MD *x509_digest_for(EVP_PKEY *key);
bool x509_add_extension(X509 *cert, int nid, void *value, bool critical);
/* Everything but serial number, times, issuer and signature. */
int x509_build(X509 *cert, const struct x509_profile *profile, EVP_PKEY *key,
	       struct err *err) MUST_CHECK;
/* The extensions subjectAltName and nameConstraints of PROFILE. */
int x509_add_names(X509 *cert, const struct x509_profile *profile, struct err *err) MUST_CHECK;
/* EC on P-256 or P-384, or RSA of 3072 bits or more. */
bool x509_key_is_accepted(X509 *cert);
/* As x509_serial(). */
int x509_serial_text(const ASN1_INTEGER *serial, char ret[X509_SERIAL_SIZE],
		     struct err *err) MUST_CHECK;
/* NAME as it is compared: addresses in one spelling, host names in lower case. */
int x509_name_canonical(const char *name, struct strv *add_to, struct err *err) MUST_CHECK;

#endif
