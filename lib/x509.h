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
/* That of a node's transport key: one that has none at all is good for TLS, stock openssl finds. */
#define X509_OID_SEAL X509_OID_BUNDLE_SIGNER ".1"

/*
 * err_set() with OpenSSL's own reason behind the message, and OpenSSL's error queue emptied. For
 * every module that calls OpenSSL.
 */
int x509_error(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* -- keys -- */

enum x509_key_type { X509_KEY_P256, X509_KEY_P384, X509_KEY_RSA3072 };

#define X509_RSA_BITS_MIN 3072
#define X509_RSA_BITS_MAX 8192

int x509_key_generate(enum x509_key_type type, EVP_PKEY **ret, struct err *err) MUST_CHECK;
int x509_rsa_generate(unsigned int bits, EVP_PKEY **ret, struct err *err) MUST_CHECK;
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
	X509_USE_SEAL = 16,  /* X509_OID_SEAL: a node's transport key */
	X509_USE_CA = 32,    /* basicConstraints CA, pathlen 0 */
	X509_USE_OTHER =
		64, /* in what is read: any other extended usage, or none and no known use */
};

/* What a certificate shall be. Strings are borrowed. */
struct x509_profile {
	const char *organization; /* O, OU, CN in this order; NULL or "": not in the subject */
	const char *unit;
	const char *common_name;
	const char *const *sans; /* NULL-terminated names and IP addresses, or NULL */
	/* Of a CA: host names, domains, addresses, networks (10.0.0.0/8), NULL-terminated, and no other
	 * names may stand in what it issues; or NULL. */
	const char *const *permitted;
	unsigned int usage; /* enum x509_usage, or'ed */
	time_t not_before;
	time_t not_after;
};

/* The bits of enum x509_usage for "serverAuth" and "clientAuth", 0 for any other word. */
unsigned int x509_usage_of(const char *word);

/* "serverAuth, clientAuth" and so on, appended to RET. */
void x509_usage_text(unsigned int usage, struct str *ret);

/*
 * A certificate of KEY's public half after PROFILE, signed by ISSUER_KEY; ISSUER NULL: signed by
 * KEY itself. The serial number is random, 127 bits, positive. Every certificate has subject and
 * authority key identifiers, basicConstraints and keyUsage (both critical).
 */
int x509_create(const struct x509_profile *profile, EVP_PKEY *key, X509 *issuer,
		EVP_PKEY *issuer_key, X509 **ret, struct err *err) MUST_CHECK;

/* A PKCS#10 certificate request (RFC 2986) for what PROFILE asks, with the same extensions, PEM,
 * appended to RET. */
int x509_request(const struct x509_profile *profile, EVP_PKEY *key, struct str *ret,
		 struct err *err) MUST_CHECK;

/* The request in PEM as a certificate that nobody has signed, for x509_describe(); its own signature is
 * checked. ERR_CONFIG; NAME is for messages. */
int x509_request_read(const char *name, const char *pem, size_t len, X509 **ret,
		      struct err *err) MUST_CHECK;

#define X509_SERIAL_SIZE 65 /* hexadecimal digits of a serial number that we handle, and NUL */

/* What stands in a certificate. */
struct x509_facts {
	char *organization, *unit, *common_name; /* NULL: not there */
	struct strv sans;   /* sorted; "email:…" and the like for other types */
	unsigned int usage; /* enum x509_usage, or'ed */
	bool repeated;      /* more than one O, OU or CN */
	char subject[256];
	char serial[X509_SERIAL_SIZE]; /* upper-case hexadecimal, whole bytes */
	char fingerprint[SHA256_HEX_SIZE];
	time_t not_before, not_after;
};

int x509_serial(X509 *cert, char ret[X509_SERIAL_SIZE], struct err *err) MUST_CHECK;
int x509_describe(X509 *cert, struct x509_facts *ret, struct err *err) MUST_CHECK;
void x509_facts_release(struct x509_facts *facts);
/* A profile like FACTS, borrowed from them. */
struct x509_profile x509_profile_of(const struct x509_facts *facts);

/*
 * NULL when CERT is what PROFILE asks for (O, OU, CN, SANs, usages; not its times), is signed by
 * ISSUER, is valid at NOW, and lives for MIN_LIFE_S seconds more; else a few words that say what
 * does not fit. Another CA may add other parts to the subject, and say the same in other bytes.
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

/* What x509_check_chain() asks of the certificate's own usages; X509_FOR_SEAL: the key is for
 * encryption. */
enum x509_purpose { X509_FOR_BUNDLE, X509_FOR_SERVER, X509_FOR_CLIENT, X509_FOR_SEAL };

/*
 * CERT was issued by one of CAS, alone or by way of others of CAS to a self-signed one; all are valid at
 * NOW, every key and signature is at least as strong as 128 bits, CERT is no CA and may serve PURPOSE.
 * X509_FOR_BUNDLE
 * wants both emailProtection and X509_OID_BUNDLE_SIGNER named. With CRL, a certificate that it
 * revokes, and a CRL that is not valid at NOW, are refused. ERR_VERIFY.
 */
int x509_check_chain(X509 *cert, STACK_OF(X509) *cas, X509_CRL *crl, time_t now,
		     enum x509_purpose purpose, struct err *err) MUST_CHECK;

/*
 * Puts CERTS in order: the one that KEY belongs to (KEY NULL: the one that issued none of the others)
 * first, then each one's issuer, to the self-signed root. All of them are CAs that may sign certificates,
 * valid at NOW, with keys and signatures that are strong enough. ERR_VERIFY; NAME is for messages.
 */
int x509_ca_chain(const char *name, STACK_OF(X509) *certs, EVP_PKEY *key, time_t now,
		  struct err *err) MUST_CHECK;

/* -- revocation lists (RFC 5280 section 5) -- */

/*
 * A list by CA that revokes what OLD (may be NULL) does and SERIAL (hexadecimal; NULL: nothing more) at
 * NOW, until NEXT; its number is one more than OLD's.
 */
int x509_crl_make(X509 *ca, EVP_PKEY *ca_key, X509_CRL *old, const char *serial, time_t now,
		  time_t next, X509_CRL **ret, struct err *err) MUST_CHECK;
bool x509_crl_has(X509_CRL *crl, X509 *cert);
bool x509_crl_has_serial(X509_CRL *crl, const char *serial);
/* Appends the serial numbers that CRL names, as x509_serial() writes them. */
int x509_crl_serials(X509_CRL *crl, struct strv *ret, struct err *err) MUST_CHECK;
/* Whether CA signed it, and it says nothing that has to be understood and is not. ERR_VERIFY. */
int x509_crl_check(const char *name, X509_CRL *crl, X509 *ca, struct err *err) MUST_CHECK;
int x509_crl_to_pem(X509_CRL *crl, struct str *ret, struct err *err) MUST_CHECK;
/* -1 when it does not say. */
time_t x509_crl_next(X509_CRL *crl);
int x509_crl_count(X509_CRL *crl);

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
