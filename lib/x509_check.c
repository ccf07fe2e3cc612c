/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a certificate may be believed: chain, validity, strength, usages. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "x509.h"
#include "x509_private.h"

DEFINE_CLEANUP(X509_STORE *, X509_STORE_free);
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free);
DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free);
DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free);

#define SECURITY_LEVEL 3 /* OpenSSL's: 128 bits, so RSA 3072, EC 256, SHA-256 at least */

/* The curve comes from the certificate: EVP has no call for it that 1.1.1 and 3.x share. */
bool x509_key_is_accepted(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	X509_ALGOR *algorithm = NULL;
	const void *parameter = NULL;
	int type = V_ASN1_UNDEF;
	int curve = NID_undef;

	if (!key)
		return false;
	if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
		return EVP_PKEY_bits(key) >= X509_RSA_BITS_MIN;
	if (EVP_PKEY_base_id(key) != EVP_PKEY_EC ||
	    X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(cert)) != 1)
		return false;
	X509_ALGOR_get0(NULL, &type, &parameter, algorithm);
	if (type == V_ASN1_OBJECT)
		curve = OBJ_obj2nid(parameter);
	return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1;
}

static bool extended_usage_has(const EXTENDED_KEY_USAGE *usages, const ASN1_OBJECT *wanted)
{
	for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		if (!OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted))
			return true;
	return false;
}

/* A certificate without extended usages passes OpenSSL's own purpose checks; here it does not. */
static int check_extended_usage(X509 *cert, const char *oid, const char *subject, struct err *err)
{
	CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 0);
	CLEANUP(EXTENDED_KEY_USAGE_freep)
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);

	if (!wanted)
		return x509_error(err, ERR_FAILED, "cannot name the key usage '%s'", oid);
	ERR_clear_error();
	if (!usages || !extended_usage_has(usages, wanted))
		return err_set(err, ERR_VERIFY,
			       "certificate '%s' lacks the extended key usage '%s'", subject, oid);
	return 0;
}

static int check_usages(X509 *cert, enum x509_purpose purpose, const char *subject, struct err *err)
{
	static const struct {
		unsigned int key_usage;
		const char *extended[3];
	} wanted[] = {
		[X509_FOR_BUNDLE] = { X509v3_KU_DIGITAL_SIGNATURE,
				      { SN_email_protect, X509_OID_BUNDLE_SIGNER } },
		[X509_FOR_SERVER] = { X509v3_KU_DIGITAL_SIGNATURE, { SN_server_auth } },
		[X509_FOR_CLIENT] = { X509v3_KU_DIGITAL_SIGNATURE, { SN_client_auth } },
		[X509_FOR_SEAL] = { X509v3_KU_KEY_AGREEMENT | X509v3_KU_KEY_ENCIPHERMENT,
				    { NULL } },
	};
	uint32_t flags = X509_get_extension_flags(cert);
	int r = 0;

	if ((flags & EXFLAG_INVALID) || !(flags & EXFLAG_BCONS) || (flags & EXFLAG_CA))
		return err_set(err, ERR_VERIFY,
			       "certificate '%s' is not marked as one that is no CA", subject);
	if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & wanted[purpose].key_usage))
		return err_set(err, ERR_VERIFY, "certificate '%s' is not for %s", subject,
			       purpose == X509_FOR_SEAL ? "encryption" : "signatures");
	for (const char *const *oid = wanted[purpose].extended; r == 0 && *oid; oid++)
		r = check_extended_usage(cert, *oid, subject, err);
	return r;
}

static bool store_fill(X509_STORE *store, STACK_OF(X509) *cas, X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(cas, i)) != 1)
			return false;
	return !crl || X509_STORE_add_crl(store, crl) == 1;
}

static int openssl_purpose(enum x509_purpose purpose)
{
	switch (purpose) {
	case X509_FOR_SERVER:
		return X509_PURPOSE_SSL_SERVER;
	case X509_FOR_CLIENT:
		return X509_PURPOSE_SSL_CLIENT;
	case X509_FOR_SEAL:
		return X509_PURPOSE_ANY;
	case X509_FOR_BUNDLE:
		break;
	}
	return X509_PURPOSE_SMIME_SIGN;
}

int x509_check_chain(X509 *cert, STACK_OF(X509) *cas, X509_CRL *crl, time_t now,
		     enum x509_purpose purpose, struct err *err)
{
	CLEANUP(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
	CLEANUP(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param = NULL;
	char subject[256];

	x509_subject(cert, subject, sizeof(subject));
	if (!store || !ctx || !store_fill(store, cas, crl) ||
	    X509_STORE_CTX_init(ctx, store, cert, NULL) != 1)
		return x509_error(err, ERR_FAILED, "cannot prepare the check of '%s'", subject);
	param = X509_STORE_CTX_get0_param(ctx);
	if (X509_VERIFY_PARAM_set_purpose(param, openssl_purpose(purpose)) != 1 ||
	    (crl && X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK) != 1))
		return x509_error(err, ERR_FAILED, "cannot prepare the check of '%s'", subject);
	X509_VERIFY_PARAM_set_time(param, now);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_verify_cert(ctx) != 1) {
		int reason = X509_STORE_CTX_get_error(ctx);

		ERR_clear_error();
		return err_set(
			err, ERR_VERIFY, "certificate '%s' is refused: %s", subject,
			reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
				? "another CA than the one given issued it"
			: reason == X509_V_ERR_CERT_NOT_YET_VALID
				? "certificate is not yet valid: is this machine's clock right?"
				: X509_verify_cert_error_string(reason));
	}
	if (!x509_key_is_accepted(cert))
		return err_set(err, ERR_VERIFY,
			       "certificate '%s' has a key that is neither EC P-256 or P-384 nor "
			       "RSA of 3072 bits or more",
			       subject);
	return check_usages(cert, purpose, subject, err);
}
