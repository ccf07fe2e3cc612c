/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a CA that somebody brings is one to build upon. */
#include <openssl/err.h>

#include "x509.h"
#include "x509_private.h"

#define CHAIN_MAX 8

static bool issued(X509 *issuer, X509 *cert)
{
	bool yes = !X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) &&
		   X509_get0_pubkey(issuer) && X509_verify(cert, X509_get0_pubkey(issuer)) == 1;

	ERR_clear_error();
	return yes;
}

/* The one that the chain begins with, or -1. */
static int first_of(STACK_OF(X509) *certs, EVP_PKEY *key)
{
	int count = sk_X509_num(certs);

	for (int i = 0; i < count; i++) {
		X509 *cert = sk_X509_value(certs, i);
		bool first = true;

		if (key) {
			first = X509_check_private_key(cert, key) == 1;
			ERR_clear_error();
		}
		for (int j = 0; !key && first && j < count; j++)
			first = j == i || !issued(cert, sk_X509_value(certs, j));
		if (first)
			return i;
	}
	return -1;
}

static int put_in_order(const char *name, STACK_OF(X509) *certs, EVP_PKEY *key, struct err *err)
{
	int count = sk_X509_num(certs);
	int at = first_of(certs, key);
	char subject[256];

	if (at < 0)
		return err_set(err, ERR_VERIFY, "'%s' holds no certificate that belongs to the key",
			       name);
	if (count > CHAIN_MAX)
		return err_set(err, ERR_VERIFY, "'%s' holds %d certificates: a chain has fewer",
			       name, count);
	for (int place = 0; place < count; place++) {
		X509 *cert = sk_X509_value(certs, at);

		sk_X509_set(certs, at, sk_X509_value(certs, place));
		sk_X509_set(certs, place, cert);
		if (place + 1 == count)
			break;
		for (at = place + 1; at < count && !issued(sk_X509_value(certs, at), cert); at++)
			;
		x509_subject(sk_X509_value(certs, place + 1), subject, sizeof(subject));
		if (at == count)
			return err_set(err, ERR_VERIFY,
				       "'%s': certificate '%s' is no part of the chain", name,
				       subject);
	}
	x509_subject(sk_X509_value(certs, count - 1), subject, sizeof(subject));
	if (!issued(sk_X509_value(certs, count - 1), sk_X509_value(certs, count - 1)))
		return err_set(err, ERR_VERIFY,
			       "'%s': the chain ends with '%s', which is no self-signed root: add "
			       "the certificates up to the root",
			       name, subject);
	return 0;
}

static const char *why_no_ca(X509 *cert, time_t now)
{
	uint32_t flags = X509_get_extension_flags(cert);
	int digest = NID_undef;

	if ((flags & EXFLAG_INVALID) || !(flags & EXFLAG_BCONS) || !(flags & EXFLAG_CA))
		return "is not marked as a CA";
	if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & X509v3_KU_KEY_CERT_SIGN))
		return "may not sign certificates (keyUsage keyCertSign)";
	if (!x509_key_is_accepted(cert))
		return "has a key that is neither EC P-256 or P-384 nor RSA of 3072 bits or more";
	if (X509_get_signature_info(cert, &digest, NULL, NULL, NULL) != 1 ||
	    (digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512))
		return "is signed with a digest that is too weak";
	if (!X509_get0_subject_key_id(cert))
		return "has no subject key identifier";
	if (X509_cmp_time(X509_get0_notBefore(cert), &now) >= 0)
		return "is not valid yet: is this machine's clock right?";
	if (X509_cmp_time(X509_get0_notAfter(cert), &now) <= 0)
		return "has expired";
	return NULL;
}

int x509_ca_chain(const char *name, STACK_OF(X509) *certs, EVP_PKEY *key, time_t now,
		  struct err *err)
{
	int r = 0;

	if (sk_X509_num(certs) < 1)
		return err_set(err, ERR_VERIFY, "'%s' holds no certificate", name);
	r = put_in_order(name, certs, key, err);
	for (int i = 0; r == 0 && i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		const char *why = why_no_ca(cert, now);
		char subject[256];

		x509_subject(cert, subject, sizeof(subject));
		ERR_clear_error();
		if (why)
			r = err_set(err, ERR_VERIFY, "'%s': certificate '%s' %s", name, subject,
				    why);
	}
	return r;
}
