/* SPDX-License-Identifier: Apache-2.0 */
/* Making keys and certificates. */
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#include "x509.h"
#include "x509_private.h"

DEFINE_CLEANUP(ASN1_BIT_STRING *, ASN1_BIT_STRING_free);
DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free);
DEFINE_CLEANUP(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_free);
DEFINE_CLEANUP(AUTHORITY_KEYID *, AUTHORITY_KEYID_free);
DEFINE_CLEANUP(BASIC_CONSTRAINTS *, BASIC_CONSTRAINTS_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free);

#define SERIAL_SIZE 16
#define KEY_ID_SIZE 20

/* Bits of keyUsage, RFC 5280 section 4.2.1.3. */
enum {
	BIT_SIGNATURE = 0,
	BIT_ENCIPHERMENT = 2,
	BIT_AGREEMENT = 4,
	BIT_CERT_SIGN = 5,
	BIT_CRL_SIGN = 6
};

static const struct {
	unsigned int usage;
	const char *oid;
} extended_usages[] = {
	{ X509_USE_SERVER, SN_server_auth },  { X509_USE_CLIENT, SN_client_auth },
	{ X509_USE_EMAIL, SN_email_protect }, { X509_USE_BUNDLE, X509_OID_BUNDLE_SIGNER },
	{ X509_USE_SEAL, X509_OID_SEAL },
};

unsigned int x509_usage_of(const char *word)
{
	if (!strcmp(word, SN_server_auth))
		return X509_USE_SERVER;
	if (!strcmp(word, SN_client_auth))
		return X509_USE_CLIENT;
	return 0;
}

static int generate(EVP_PKEY_CTX *ctx, bool ready, EVP_PKEY **ret, struct err *err)
{
	EVP_PKEY *key = NULL;

	if (!ready || EVP_PKEY_keygen(ctx, &key) != 1)
		return x509_error(err, ERR_FAILED, "cannot generate a key");
	*ret = key;
	return 0;
}

int x509_rsa_generate(unsigned int bits, EVP_PKEY **ret, struct err *err)
{
	CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	bool ready = ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
		     EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1;

	return generate(ctx, ready, ret, err);
}

int x509_key_generate(enum x509_key_type type, EVP_PKEY **ret, struct err *err)
{
	int curve = type == X509_KEY_P384 ? NID_secp384r1 : NID_X9_62_prime256v1;
	CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
	bool ready = false;

	if (type == X509_KEY_RSA3072)
		return x509_rsa_generate(X509_RSA_BITS_MIN, ret, err);
	ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	ready = ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, curve) == 1 &&
		EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_NAMED_CURVE) == 1;
	return generate(ctx, ready, ret, err);
}

const EVP_MD *x509_digest_for(EVP_PKEY *key)
{
	return EVP_PKEY_base_id(key) == EVP_PKEY_EC && EVP_PKEY_bits(key) <= 256 ? EVP_sha256()
										 : EVP_sha384();
}

/* -- parts of a certificate ------------------------------------------------------------------- */

static bool set_serial(X509 *cert)
{
	unsigned char bytes[SERIAL_SIZE];
	CLEANUP(BN_freep) BIGNUM *number = NULL;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always as long */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
}

static bool add_name_part(X509_NAME *name, int nid, const char *value)
{
	return !value || !*value ||
	       X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)value,
					  -1, -1, 0) == 1;
}

bool x509_add_extension(X509 *cert, int nid, void *value, bool critical)
{
	return X509_add1_ext_i2d(cert, nid, value, critical, X509V3_ADD_DEFAULT) == 1;
}

static bool add_basic_constraints(X509 *cert, const struct x509_profile *profile)
{
	CLEANUP(BASIC_CONSTRAINTS_freep) BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	if (!bc)
		return false;
	if (profile->usage & X509_USE_CA) {
		bc->ca = 0xff;
		bc->pathlen = ASN1_INTEGER_new();
		if (!bc->pathlen || ASN1_INTEGER_set(bc->pathlen, 0) != 1)
			return false;
	}
	return x509_add_extension(cert, NID_basic_constraints, bc, true);
}

static bool add_key_usage(X509 *cert, const struct x509_profile *profile)
{
	CLEANUP(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	bool rsa = EVP_PKEY_base_id(X509_get0_pubkey(cert)) == EVP_PKEY_RSA;
	bool ok = bits;

	if (profile->usage & X509_USE_CA)
		ok = ok && ASN1_BIT_STRING_set_bit(bits, BIT_CERT_SIGN, 1) == 1 &&
		     ASN1_BIT_STRING_set_bit(bits, BIT_CRL_SIGN, 1) == 1;
	else if (profile->usage & X509_USE_SEAL)
		ok = ok &&
		     ASN1_BIT_STRING_set_bit(bits, rsa ? BIT_ENCIPHERMENT : BIT_AGREEMENT, 1) == 1;
	else
		ok = ok && ASN1_BIT_STRING_set_bit(bits, BIT_SIGNATURE, 1) == 1;
	return ok && x509_add_extension(cert, NID_key_usage, bits, true);
}

static bool add_extended_usage(X509 *cert, const struct x509_profile *profile)
{
	CLEANUP(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *usages = EXTENDED_KEY_USAGE_new();

	if (!usages)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(extended_usages); i++) {
		CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *usage = NULL;

		if (!(profile->usage & extended_usages[i].usage))
			continue;
		usage = OBJ_txt2obj(extended_usages[i].oid, 0);
		if (!usage || !sk_ASN1_OBJECT_push(usages, usage))
			return false;
		usage = NULL;
	}
	return !sk_ASN1_OBJECT_num(usages) ||
	       x509_add_extension(cert, NID_ext_key_usage, usages, false);
}

/* RFC 7093 section 2, method 1: OpenSSL's own "hash" would be SHA-1. */
static bool add_subject_key_id(X509 *cert)
{
	CLEANUP(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	return id && X509_pubkey_digest(cert, EVP_sha256(), md, &len) == 1 &&
	       ASN1_OCTET_STRING_set(id, md, KEY_ID_SIZE) == 1 &&
	       x509_add_extension(cert, NID_subject_key_identifier, id, false);
}

/* X509_get0_subject_key_id() would remember the properties of a certificate that is not yet whole. */
static bool add_authority_key_id(X509 *cert, X509 *issuer)
{
	CLEANUP(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

	if (!id)
		return false;
	id->keyid = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
	return id->keyid && x509_add_extension(cert, NID_authority_key_identifier, id, false);
}

/* -- whole certificates ----------------------------------------------------------------------- */

/* Everything but serial number, times, issuer and signature. */
int x509_build(X509 *cert, const struct x509_profile *profile, EVP_PKEY *key, struct err *err)
{
	X509_NAME *subject = X509_get_subject_name(cert);

	if (X509_set_version(cert, 2) != 1 || X509_set_pubkey(cert, key) != 1)
		return x509_error(err, ERR_FAILED, "cannot build a certificate");
	if (!add_name_part(subject, NID_organizationName, profile->organization) ||
	    !add_name_part(subject, NID_organizationalUnitName, profile->unit) ||
	    !add_name_part(subject, NID_commonName, profile->common_name))
		return x509_error(err, ERR_CONFIG,
				  "cannot encode the subject O='%s' OU='%s' CN='%s'",
				  profile->organization ? profile->organization : "",
				  profile->unit ? profile->unit : "",
				  profile->common_name ? profile->common_name : "");
	if (!X509_NAME_entry_count(subject))
		return err_set(err, ERR_CONFIG, "a certificate needs a subject: O, OU or CN");
	if (!add_basic_constraints(cert, profile) || !add_key_usage(cert, profile) ||
	    !add_extended_usage(cert, profile) || !add_subject_key_id(cert))
		return x509_error(err, ERR_FAILED, "cannot build a certificate");
	return x509_add_names(cert, profile, err);
}

int x509_create(const struct x509_profile *profile, EVP_PKEY *key, X509 *issuer,
		EVP_PKEY *issuer_key, X509 **ret, struct err *err)
{
	CLEANUP(X509_freep) X509 *cert = X509_new();
	X509 *by = issuer ? issuer : cert;
	EVP_PKEY *by_key = issuer ? issuer_key : key;
	int r = 0;

	if (!cert)
		return err_nomem(err);
	r = x509_build(cert, profile, key, err);
	if (r < 0)
		return r;
	if (!set_serial(cert) || !ASN1_TIME_set(X509_getm_notBefore(cert), profile->not_before) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), profile->not_after) ||
	    X509_set_issuer_name(cert, X509_get_subject_name(by)) != 1 ||
	    !add_authority_key_id(cert, by) ||
	    X509_sign(cert, by_key, x509_digest_for(by_key)) == 0)
		return x509_error(err, ERR_FAILED, "cannot sign a certificate");
	*ret = steal_ptr(&cert);
	return 0;
}
