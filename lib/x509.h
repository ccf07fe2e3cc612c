/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and X.509 certificates (RFC 5280) by OpenSSL, as the cluster's own CA needs them: EC keys,
 * ECDSA with SHA-256 (P-256 issuer) or SHA-384 (P-384 issuer). Calls that OpenSSL 1.1.1 and 3.x
 * both have.
 */
#ifndef PGHA_X509_H
#define PGHA_X509_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "cleanup.h"
#include "digest.h"
#include "err.h"
#include "str.h"

static inline void x509_stack_free(STACK_OF(X509) *certs)
{
	sk_X509_pop_free(certs, X509_free);
}

DEFINE_CLEANUP(BIO *, BIO_free_all);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(X509 *, X509_free);
DEFINE_CLEANUP(X509_CRL *, X509_CRL_free);
DEFINE_CLEANUP(STACK_OF(X509) *, x509_stack_free);

/* The extended key usage of our own that a bundle's signer must have beside emailProtection: an arc
 * under a UUID (ITU-T X.667) that was generated for it; docs/bundle-format.md. */
#define X509_OID_BUNDLE_SIGNER "2.25.89382763533730074314270997068553096812"

/*
 * err_set() with OpenSSL's own reason behind the message, and OpenSSL's error queue emptied. For
 * every module that calls OpenSSL.
 */
int x509_error(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* -- keys -- */

enum x509_key_type { X509_KEY_P256, X509_KEY_P384, X509_KEY_RSA3072 };

int x509_key_generate(enum x509_key_type type, EVP_PKEY **ret, struct err *err) MUST_CHECK;
/* PKCS#8 PEM without encryption, appended to RET, which should be secret. */
int x509_key_to_pem(EVP_PKEY *key, struct str *ret, struct err *err) MUST_CHECK;
/* NAME is for messages. Anything but one unencrypted private key is ERR_CONFIG. */
int x509_key_from_pem(const char *name, const char *pem, size_t len, EVP_PKEY **ret,
		      struct err *err) MUST_CHECK;
/* Mode 0600, whole or not at all. */
int x509_key_write(const char *path, EVP_PKEY *key, struct err *err) MUST_CHECK;
/* A whole file that holds secrets, appended to RET, which should be secret: ERR_CONFIG when group or
 * others may read it, OPEN_CODE when it is not there. */
int x509_read_private(const char *path, enum err_code open_code, struct str *ret,
		      struct err *err) MUST_CHECK;
/* Refuses (ERR_CONFIG) a file that group or others may read; one that is not there is OPEN_CODE. */
int x509_key_load(const char *path, enum err_code open_code, EVP_PKEY **ret,
		  struct err *err) MUST_CHECK;

/* -- certificates -- */

enum x509_usage {
	X509_USE_SERVER = 1, /* serverAuth */
	X509_USE_CLIENT = 2, /* clientAuth */
	X509_USE_EMAIL = 4,  /* emailProtection: the bundle's signer alone */
	X509_USE_BUNDLE = 8, /* X509_OID_BUNDLE_SIGNER */
	X509_USE_SEAL = 16,  /* no extended usage: a node's transport key */
	X509_USE_CA = 32,    /* basicConstraints CA, pathlen 0 */
};

/* What a certificate shall be. Strings are borrowed. */
struct x509_profile {
	const char *organization; /* O, OU, CN in this order; NULL or "": not in the subject */
	const char *unit;
	const char *common_name;
	const char *const *sans; /* NULL-terminated names and IP addresses, or NULL */
	unsigned int usage;      /* enum x509_usage, or'ed */
	time_t not_before;
	time_t not_after;
};

/* The bits of enum x509_usage for "serverAuth" and "clientAuth", 0 for any other word. */
unsigned int x509_usage_of(const char *word);

/*
 * A certificate of KEY's public half after PROFILE, signed by ISSUER_KEY; ISSUER NULL: signed by
 * KEY itself. The serial number is random, 127 bits, positive. Every certificate has subject and
 * authority key identifiers, basicConstraints and keyUsage (both critical).
 */
int x509_create(const struct x509_profile *profile, EVP_PKEY *key, X509 *issuer,
		EVP_PKEY *issuer_key, X509 **ret, struct err *err) MUST_CHECK;

/*
 * NULL when CERT is what PROFILE asks for (subject, SANs, usages; not its times), is signed by
 * ISSUER, is valid at NOW, and lives for MIN_LIFE_S seconds more; else a few words that say what
 * does not fit.
 */
const char *x509_unfit(X509 *cert, const struct x509_profile *profile, X509 *issuer, time_t now,
		       time_t min_life_s);

int x509_to_pem(X509 *cert, struct str *ret, struct err *err) MUST_CHECK;
/* Exactly one certificate. NAME is for messages; CODE is what a bad one is. */
int x509_from_pem(const char *name, const char *pem, size_t len, enum err_code code, X509 **ret,
		  struct err *err) MUST_CHECK;
int x509_load(const char *path, enum err_code open_code, X509 **ret, struct err *err) MUST_CHECK;
/* One or more certificates, as in a --ca file. */
int x509_load_all(const char *path, enum err_code open_code, STACK_OF(X509) **ret,
		  struct err *err) MUST_CHECK;
int x509_crl_from_pem(const char *name, const char *pem, size_t len, X509_CRL **ret,
		      struct err *err) MUST_CHECK;
/* Mode 0644. */
int x509_write(const char *path, X509 *cert, struct err *err) MUST_CHECK;

/* -- checks -- */

/* What x509_check_chain() asks of the certificate's own usages. */
enum x509_purpose { X509_FOR_BUNDLE, X509_FOR_SERVER, X509_FOR_CLIENT };

/*
 * CERT was issued by one of CAS directly (no intermediate), both are valid at NOW, every key and
 * signature is at least as strong as 128 bits, CERT is no CA and may serve PURPOSE. X509_FOR_BUNDLE
 * wants both emailProtection and X509_OID_BUNDLE_SIGNER named. With CRL, a certificate that it
 * revokes, and a CRL that is not valid at NOW, are refused. ERR_VERIFY.
 */
int x509_check_chain(X509 *cert, STACK_OF(X509) *cas, X509_CRL *crl, time_t now,
		     enum x509_purpose purpose, struct err *err) MUST_CHECK;

/* SHA-256 of the DER, lower-case hexadecimal. */
int x509_fingerprint(X509 *cert, char ret_hex[SHA256_HEX_SIZE], struct err *err) MUST_CHECK;
/* The same as `openssl x509 -fingerprint -sha256` prints it: AB:CD:…. */
#define X509_FINGERPRINT_TEXT_SIZE (3 * SHA256_SIZE)
int x509_fingerprint_text(X509 *cert, char ret_text[X509_FINGERPRINT_TEXT_SIZE],
			  struct err *err) MUST_CHECK;
/* "O=pgha, CN=…" in RET, cut to SIZE; characters that could disturb a terminal are escaped. */
void x509_subject(X509 *cert, char *ret, size_t size_bytes);
/* Seconds since the epoch; -1 when the certificate's time cannot be read. */
time_t x509_not_after(X509 *cert);

#endif
