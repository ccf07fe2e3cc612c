/* SPDX-License-Identifier: Apache-2.0 */
#include "cms.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "clock.h"

DEFINE_CLEANUP(ASN1_TIME *, ASN1_TIME_free);
DEFINE_CLEANUP(CMS_ContentInfo *, CMS_ContentInfo_free);

#define REFUSED "the signature is refused: "

static BIO *cms_memory(const void *data, size_t size_bytes)
{
	return size_bytes <= INT_MAX ? BIO_new_mem_buf(data, (int)size_bytes) : NULL;
}

static int cms_encode(CMS_ContentInfo *cms, struct str *ret, struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_CMS_ContentInfo(cms, &der);

	if (len < 0)
		return x509_error(err, ERR_FAILED, "cannot encode a CMS message");
	str_add_len(ret, der, (size_t)len);
	OPENSSL_free(der);
	return str_check(ret, err);
}

/* -- signing ---------------------------------------------------------------------------------- */

static bool add_signing_time(CMS_SignerInfo *signer, time_t now)
{
	CLEANUP(ASN1_TIME_freep) ASN1_TIME *t = ASN1_TIME_set(NULL, now);

	return t && CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, t->type, t, -1) == 1;
}

int cms_sign(const void *data, size_t size_bytes, X509 *cert, EVP_PKEY *key, struct str *ret,
	     struct err *err)
{
	const unsigned int flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_NOSMIMECAP;
	CLEANUP(BIO_free_allp) BIO *content = cms_memory(data, size_bytes);
	CLEANUP(CMS_ContentInfo_freep)
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	CMS_SignerInfo *signer = NULL;

	if (cms)
		signer = CMS_add1_signer(cms, cert, key, EVP_sha256(), flags);
	if (!content || !signer || !add_signing_time(signer, clock_now()) ||
	    CMS_final(cms, content, NULL, flags) != 1)
		return x509_error(err, ERR_FAILED, "cannot sign");
	return cms_encode(cms, ret, err);
}

/* -- verifying -------------------------------------------------------------------------------- */

/*
 * The bytes must be the one encoding that DER allows for what they say. OpenSSL decodes BER, and
 * ignores what follows; encoding again what it understood shows both. What it keeps as it came
 * (names, algorithm parameters) is looked at in check_signer().
 */
static int decode(const void *der, size_t der_size, CMS_ContentInfo **ret, struct err *err)
{
	CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
	CLEANUP(str_release) struct str again = STR_INIT;
	const unsigned char *p = der;
	int r = 0;

	if (der_size > CMS_SIGNATURE_MAX)
		return err_set(err, ERR_VERIFY, REFUSED "%zu bytes are too many", der_size);
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)der_size);
	if (!cms)
		return x509_error(err, ERR_VERIFY, REFUSED "it is not a CMS message");
	r = cms_encode(cms, &again, err);
	if (r < 0)
		return r;
	if (again.len != der_size || memcmp(again.buf, der, der_size) != 0)
		return err_set(err, ERR_VERIFY, REFUSED "it is not the DER encoding of itself");
	*ret = steal_ptr(&cms);
	return 0;
}

static bool has_parameter(const X509_ALGOR *algorithm, int wanted)
{
	int type = V_ASN1_UNDEF;

	X509_ALGOR_get0(NULL, &type, NULL, algorithm);
	return type == wanted;
}

static int algorithm_nid(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid = NULL;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	return OBJ_obj2nid(oid);
}

/* Digest and signature algorithm: SHA-256 or SHA-384 with ECDSA or RSA (PKCS #1 v1.5); parameters
 * as RFC 5754 has them, for no signature covers them. */
static int check_algorithms(CMS_SignerInfo *signer, X509_ALGOR **ret_digest, struct err *err)
{
	X509_ALGOR *digest = NULL;
	X509_ALGOR *signature = NULL;
	int md = NID_undef;
	int kind = NID_undef;
	bool ec = false;
	bool rsa = false;

	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
	md = algorithm_nid(digest);
	kind = algorithm_nid(signature);
	if (md != NID_sha256 && md != NID_sha384)
		return err_set(err, ERR_VERIFY,
			       REFUSED "its digest is neither SHA-256 nor SHA-384");
	ec = kind == (md == NID_sha256 ? NID_ecdsa_with_SHA256 : NID_ecdsa_with_SHA384);
	rsa = kind == NID_rsaEncryption || kind == (md == NID_sha256 ? NID_sha256WithRSAEncryption
								     : NID_sha384WithRSAEncryption);
	if (!ec && !rsa)
		return err_set(err, ERR_VERIFY, REFUSED "its algorithm '%s' is not one that we use",
			       OBJ_nid2sn(kind));
	if (!has_parameter(digest, V_ASN1_UNDEF) ||
	    !has_parameter(signature, ec ? V_ASN1_UNDEF : V_ASN1_NULL))
		return err_set(err, ERR_VERIFY, REFUSED "its algorithms have odd parameters");
	*ret_digest = digest;
	return 0;
}

/* The signer is named by the very bytes of its certificate, for nothing else protects them. */
static bool names_certificate(CMS_SignerInfo *signer, X509 *cert, unsigned char *ret_version)
{
	ASN1_OCTET_STRING *key_id = NULL;
	X509_NAME *issuer = NULL;
	ASN1_INTEGER *serial = NULL;
	const unsigned char *a = NULL;
	const unsigned char *b = NULL;
	size_t a_size = 0;
	size_t b_size = 0;

	if (CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial) != 1)
		return false;
	*ret_version = key_id ? 3 : 1; /* RFC 5652 sections 5.1 and 5.3 */
	if (key_id)
		return CMS_SignerInfo_cert_cmp(signer, cert) == 0;
	return X509_NAME_get0_der(issuer, &a, &a_size) == 1 &&
	       X509_NAME_get0_der(X509_get_issuer_name(cert), &b, &b_size) == 1 &&
	       a_size == b_size && !memcmp(a, b, a_size) &&
	       CMS_SignerInfo_cert_cmp(signer, cert) == 0;
}

static bool same_bytes(const unsigned char *der, long len, unsigned char *own, int own_len)
{
	bool same = own_len > 0 && len == own_len && !memcmp(der, own, (size_t)len);

	OPENSSL_free(own);
	return same;
}

/*
 * SignedData (RFC 5652 section 5.1) holds VERSION, DIGEST, CERT and one signer of VERSION, and
 * nothing else. OpenSSL does not show versions, certificates of other kinds, nor further
 * algorithms, and no signature covers them.
 */
static bool holds_only(const unsigned char *der, size_t der_size, unsigned char version,
		       X509_ALGOR *digest, X509 *cert)
{
	enum { VERSION = 4, DIGESTS = 5, CERTS = 7, SIGNERS = 8, SIGNER = 9, SIGNER_VERSION = 10 };
	static const struct {
		int class, tag;
		bool enter;
	} grammar[] = {
		{ V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true },  /* ContentInfo */
		{ V_ASN1_UNIVERSAL, V_ASN1_OBJECT, false },   /* contentType */
		{ V_ASN1_CONTEXT_SPECIFIC, 0, true },         /* content */
		{ V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true },  /* SignedData */
		{ V_ASN1_UNIVERSAL, V_ASN1_INTEGER, false },  /* version */
		{ V_ASN1_UNIVERSAL, V_ASN1_SET, false },      /* digestAlgorithms */
		{ V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, false }, /* encapContentInfo */
		{ V_ASN1_CONTEXT_SPECIFIC, 0, false },        /* certificates */
		{ V_ASN1_UNIVERSAL, V_ASN1_SET, true },       /* signerInfos */
		{ V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, true },  /* SignerInfo */
		{ V_ASN1_UNIVERSAL, V_ASN1_INTEGER, false },  /* version */
	};
	const unsigned char *end = der + der_size;
	const unsigned char *p = der;
	const unsigned char *at[ARRAY_SIZE(grammar)] = { NULL };
	long len[ARRAY_SIZE(grammar)] = { 0 };
	unsigned char *own_digest = NULL;
	unsigned char *own_cert = NULL;
	int digest_len = 0;
	int cert_len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(grammar); i++) {
		int tag = 0;
		int class = 0;

		if (ASN1_get_object(&p, &len[i], &tag, &class, end - p) & 0x80 ||
		    tag != grammar[i].tag || class != grammar[i].class)
			return false;
		at[i] = p;
		if (!grammar[i].enter)
			p += len[i];
	}
	if (at[SIGNERS] + len[SIGNERS] != end || at[SIGNER] + len[SIGNER] != end ||
	    len[VERSION] != 1 || *at[VERSION] != version || len[SIGNER_VERSION] != 1 ||
	    *at[SIGNER_VERSION] != version)
		return false;
	digest_len = i2d_X509_ALGOR(digest, &own_digest);
	if (!same_bytes(at[DIGESTS], len[DIGESTS], own_digest, digest_len))
		return false;
	cert_len = i2d_X509(cert, &own_cert);
	return same_bytes(at[CERTS], len[CERTS], own_cert, cert_len);
}

/* The content type is what it should be, and the data's digest is signed, not the data as such. */
static bool has_signed_attributes(CMS_SignerInfo *signer)
{
	const ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(
		signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);

	return type && OBJ_obj2nid(type) == NID_pkcs7_data &&
	       CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(NID_pkcs9_messageDigest), -3,
					   V_ASN1_OCTET_STRING);
}

/* Exactly one signer, whose certificate alone is inside, and nothing that no signature covers. */
static int check_signer(CMS_ContentInfo *cms, const unsigned char *der, size_t der_size,
			CMS_SignerInfo **ret_signer, X509 **ret_cert, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = NULL;
	STACK_OF(CMS_SignerInfo) *signers = NULL;
	STACK_OF(X509_CRL) *crls = NULL;
	CMS_SignerInfo *signer = NULL;
	X509_ALGOR *digest = NULL;
	unsigned char version = 0;
	int r = 0;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data || CMS_is_detached(cms) != 1)
		return err_set(err, ERR_VERIFY, REFUSED "it is not a detached signature over data");
	signers = CMS_get0_SignerInfos(cms);
	if (sk_CMS_SignerInfo_num(signers) != 1)
		return err_set(err, ERR_VERIFY, REFUSED "it has %d signers, not one",
			       signers ? sk_CMS_SignerInfo_num(signers) : 0);
	certs = CMS_get1_certs(cms);
	crls = CMS_get1_crls(cms);
	if (crls) {
		sk_X509_CRL_pop_free(crls, X509_CRL_free);
		return err_set(err, ERR_VERIFY, REFUSED "a revocation list is inside");
	}
	if (sk_X509_num(certs) != 1)
		return err_set(err, ERR_VERIFY, REFUSED "%d certificates are inside, not one",
			       certs ? sk_X509_num(certs) : 0);
	signer = sk_CMS_SignerInfo_value(signers, 0);
	if (!names_certificate(signer, sk_X509_value(certs, 0), &version))
		return err_set(err, ERR_VERIFY,
			       REFUSED "the certificate inside is not its signer's");
	if (!has_signed_attributes(signer) || CMS_unsigned_get_attr_count(signer) >= 0)
		return err_set(err, ERR_VERIFY, REFUSED "its attributes are not those of ours");
	r = check_algorithms(signer, &digest, err);
	if (r < 0)
		return r;
	if (!holds_only(der, der_size, version, digest, sk_X509_value(certs, 0)))
		return err_set(err, ERR_VERIFY,
			       REFUSED "what is inside is not one plain signature");
	*ret_signer = signer;
	*ret_cert = sk_X509_pop(certs);
	return 0;
}

static time_t signing_time_of(CMS_SignerInfo *signer)
{
	int at = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
	struct tm tm = { .tm_sec = 0 };
	ASN1_TYPE *value = NULL;

	if (at >= 0)
		value = X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(signer, at), 0);
	if (!value || (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME) ||
	    ASN1_TIME_to_tm(value->value.asn1_string, &tm) != 1)
		return 0;
	return timegm(&tm);
}

int cms_verify(const void *der, size_t der_size, const void *data, size_t size_bytes,
	       STACK_OF(X509) *cas, X509_CRL *crl, time_t now, struct cms_signer *ret_signer,
	       struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *content = cms_memory(data, size_bytes);
	CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
	CLEANUP(X509_freep) X509 *cert = NULL;
	CMS_SignerInfo *signer = NULL;
	int r = 0;

	if (!content)
		return err_nomem(err);
	r = decode(der, der_size, &cms, err);
	if (r == 0)
		r = check_signer(cms, der, der_size, &signer, &cert, err);
	if (r == 0)
		r = x509_check_chain(cert, cas, crl, now, X509_FOR_BUNDLE, err);
	if (r < 0)
		return r;
	if (CMS_verify(cms, NULL, NULL, content, NULL,
		       CMS_BINARY | CMS_DETACHED | CMS_NO_SIGNER_CERT_VERIFY) != 1)
		return x509_error(err, ERR_VERIFY, REFUSED "it does not fit the data");
	if (ret_signer) {
		x509_subject(cert, ret_signer->subject, sizeof(ret_signer->subject));
		ret_signer->not_after = x509_not_after(cert);
		ret_signer->signing_time = signing_time_of(signer);
		r = x509_fingerprint(cert, ret_signer->fingerprint, err);
		if (r == 0)
			r = x509_serial(cert, ret_signer->serial, err);
	}
	return r;
}

/* -- sealing ---------------------------------------------------------------------------------- */

/* OpenSSL's defaults here are SHA-1 (RFC 5753's and RFC 8017's own). */
static bool set_key_parameters(EVP_PKEY_CTX *ctx, EVP_PKEY *recipient)
{
	if (EVP_PKEY_base_id(recipient) == EVP_PKEY_EC)
		return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) == 1;
	return EVP_PKEY_base_id(recipient) == EVP_PKEY_RSA &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
}

int cms_seal(const void *data, size_t size_bytes, X509 *recipient, struct str *ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *content = cms_memory(data, size_bytes);
	CLEANUP(CMS_ContentInfo_freep)
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
	CMS_RecipientInfo *info = NULL;
	EVP_PKEY_CTX *ctx = NULL;

	if (cms)
		info = CMS_add1_recipient_cert(cms, recipient, CMS_USE_KEYID | CMS_KEY_PARAM);
	if (info)
		ctx = CMS_RecipientInfo_get0_pkey_ctx(info);
	if (!content || !ctx || !set_key_parameters(ctx, X509_get0_pubkey(recipient)) ||
	    CMS_final(cms, content, NULL, CMS_BINARY) != 1)
		return x509_error(err, ERR_FAILED, "cannot seal");
	return cms_encode(cms, ret, err);
}

int cms_open(const void *der, size_t der_size, EVP_PKEY *key, struct str *ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *opened = BIO_new(BIO_s_mem()); /* cleanses itself */
	CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
	const unsigned char *p = der;
	char *data = NULL;
	long size = 0;

	if (!opened)
		return err_nomem(err);
	if (der_size <= LONG_MAX)
		cms = d2i_CMS_ContentInfo(NULL, &p, (long)der_size);
	if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_enveloped ||
	    p != (const unsigned char *)der + der_size)
		return x509_error(err, ERR_VERIFY, "it is not sealed data");
	if (CMS_decrypt(cms, key, NULL, NULL, opened, CMS_BINARY) != 1)
		return x509_error(err, ERR_VERIFY, "it was not sealed for this key");
	size = BIO_get_mem_data(opened, &data);
	if (size > 0)
		str_add_len(ret, data, (size_t)size);
	return str_check(ret, err);
}
