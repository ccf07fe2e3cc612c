/* SPDX-License-Identifier: Apache-2.0 */
/* A small CA, made anew for each test program. */
#ifndef PGHA_TESTS_PKI_H
#define PGHA_TESTS_PKI_H

#include "unit.h"

#include <time.h>

#include "x509.h"

#define PKI_NOW ((time_t)1790000000) /* 2026-09-21 */
#define PKI_DAY 86400

struct pki {
	EVP_PKEY *key;
	X509 *cert;
};

static inline void pki_release(struct pki *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	*p = (struct pki){ .key = NULL };
}

/* A certificate for USAGE by ISSUER (NULL: by itself), valid for a year around PKI_NOW. */
static inline struct pki pki_issue(const char *name, unsigned int usage, enum x509_key_type type,
				   const struct pki *issuer)
{
	struct x509_profile profile = {
		.organization = "test",
		.common_name = name,
		.usage = usage,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + 365 * (time_t)PKI_DAY,
	};
	struct pki p = { .key = NULL };
	struct err err = ERR_INIT;

	assert_ok(x509_key_generate(type, &p.key, &err));
	assert_ok(x509_create(&profile, p.key, issuer ? issuer->cert : NULL,
			      issuer ? issuer->key : NULL, &p.cert, &err));
	return p;
}

/* Gives P's certificate other basic constraints ("CA:TRUE", or NULL: none), signed anew by ISSUER:
 * what x509_create() would never make. */
static inline void pki_constrain(struct pki *p, const char *basic_constraints,
				 const struct pki *issuer)
{
	X509 *altered = X509_dup(p->cert);
	X509_EXTENSION *ext = NULL;

	assert_non_null(altered);
	X509_EXTENSION_free(
		X509_delete_ext(altered, X509_get_ext_by_NID(altered, NID_basic_constraints, -1)));
	if (basic_constraints) {
		ext = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, basic_constraints);
		assert_non_null(ext);
		assert_int_equal(X509_add_ext(altered, ext, -1), 1);
		X509_EXTENSION_free(ext);
	}
	assert_int_not_equal(X509_sign(altered, issuer->key, EVP_sha384()), 0);
	X509_free(p->cert);
	p->cert = altered;
}

/* The caller frees it with x509_stack_free(). */
static inline STACK_OF(X509) *pki_trust(const struct pki *ca)
{
	STACK_OF(X509) *cas = sk_X509_new_null();

	assert_non_null(cas);
	assert_int_equal(X509_up_ref(ca->cert), 1);
	assert_int_not_equal(sk_X509_push(cas, ca->cert), 0);
	return cas;
}

#endif
