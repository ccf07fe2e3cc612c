/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists, version 2. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "x509.h"
#include "x509_private.h"

DEFINE_CLEANUP(ASN1_INTEGER *, ASN1_INTEGER_free);
DEFINE_CLEANUP(ASN1_TIME *, ASN1_TIME_free);
DEFINE_CLEANUP(AUTHORITY_KEYID *, AUTHORITY_KEYID_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(X509_REVOKED *, X509_REVOKED_free);

static bool add_revoked(X509_CRL *crl, X509_REVOKED *from)
{
	CLEANUP(X509_REVOKED_freep) X509_REVOKED *copy = X509_REVOKED_dup(from);

	if (!copy || X509_CRL_add0_revoked(crl, copy) != 1)
		return false;
	copy = NULL;
	return true;
}

static ASN1_INTEGER *serial_of(const char *hex)
{
	CLEANUP(BN_freep) BIGNUM *number = NULL;

	if (!hex || BN_hex2bn(&number, hex) == 0)
		return NULL;
	return BN_to_ASN1_INTEGER(number, NULL);
}

static bool add_serial(X509_CRL *crl, const char *hex, time_t now)
{
	CLEANUP(X509_REVOKED_freep) X509_REVOKED *entry = X509_REVOKED_new();
	CLEANUP(ASN1_INTEGER_freep) ASN1_INTEGER *serial = serial_of(hex);
	CLEANUP(ASN1_TIME_freep) ASN1_TIME *when = ASN1_TIME_set(NULL, now);

	if (!entry || !serial || !when || X509_REVOKED_set_serialNumber(entry, serial) != 1 ||
	    X509_REVOKED_set_revocationDate(entry, when) != 1 ||
	    X509_CRL_add0_revoked(crl, entry) != 1)
		return false;
	entry = NULL;
	return true;
}

/* As many as fit: the list of one cluster is short. */
static bool copy_revoked(X509_CRL *crl, X509_CRL *old, const char *serial)
{
	CLEANUP(ASN1_INTEGER_freep) ASN1_INTEGER *wanted = serial_of(serial);
	STACK_OF(X509_REVOKED) *entries = old ? X509_CRL_get_REVOKED(old) : NULL;

	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

		if (wanted && !ASN1_INTEGER_cmp(wanted, X509_REVOKED_get0_serialNumber(entry)))
			continue;
		if (!add_revoked(crl, entry))
			return false;
	}
	return true;
}

static bool add_number(X509_CRL *crl, X509_CRL *old)
{
	CLEANUP(ASN1_INTEGER_freep)
	ASN1_INTEGER *before = old ? X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL) : NULL;
	CLEANUP(BN_freep) BIGNUM *number = before ? ASN1_INTEGER_to_BN(before, NULL) : BN_new();
	CLEANUP(ASN1_INTEGER_freep) ASN1_INTEGER *next = NULL;

	if (!number || BN_add_word(number, 1) != 1)
		return false;
	next = BN_to_ASN1_INTEGER(number, NULL);
	return next && X509_CRL_add1_ext_i2d(crl, NID_crl_number, next, 0, X509V3_ADD_DEFAULT) == 1;
}

static bool add_issuer_id(X509_CRL *crl, X509 *ca)
{
	CLEANUP(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

	if (!id)
		return false;
	id->keyid = X509_get_ext_d2i(ca, NID_subject_key_identifier, NULL, NULL);
	return id->keyid && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0,
						  X509V3_ADD_DEFAULT) == 1;
}

int x509_crl_make(X509 *ca, EVP_PKEY *ca_key, X509_CRL *old, const char *serial, time_t now,
		  time_t next, X509_CRL **ret, struct err *err)
{
	CLEANUP(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
	CLEANUP(ASN1_TIME_freep) ASN1_TIME *from = ASN1_TIME_set(NULL, now);
	CLEANUP(ASN1_TIME_freep) ASN1_TIME *to = ASN1_TIME_set(NULL, next);

	if (!crl || !from || !to)
		return err_nomem(err);
	if (X509_CRL_set_version(crl, 1) != 1 ||
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) != 1 ||
	    X509_CRL_set1_lastUpdate(crl, from) != 1 || X509_CRL_set1_nextUpdate(crl, to) != 1 ||
	    !copy_revoked(crl, old, serial) || (serial && !add_serial(crl, serial, now)) ||
	    !add_issuer_id(crl, ca) || !add_number(crl, old) || X509_CRL_sort(crl) != 1 ||
	    X509_CRL_sign(crl, ca_key, x509_digest_for(ca_key)) <= 0)
		return x509_error(err, ERR_FAILED, "cannot make a revocation list");
	*ret = steal_ptr(&crl);
	return 0;
}

bool x509_crl_has(X509_CRL *crl, X509 *cert)
{
	X509_REVOKED *entry = NULL;

	return X509_CRL_get0_by_cert(crl, &entry, cert) == 1;
}

bool x509_crl_has_serial(X509_CRL *crl, const char *serial)
{
	CLEANUP(ASN1_INTEGER_freep) ASN1_INTEGER *wanted = serial_of(serial);
	X509_REVOKED *entry = NULL;

	return wanted && X509_CRL_get0_by_serial(crl, &entry, wanted) == 1;
}

int x509_crl_serials(X509_CRL *crl, struct strv *ret, struct err *err)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
	int r = 0;

	for (int i = 0; r == 0 && i < sk_X509_REVOKED_num(entries); i++) {
		X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
		char text[X509_SERIAL_SIZE];

		r = x509_serial_text(X509_REVOKED_get0_serialNumber(entry), text, err);
		if (r == 0)
			r = strv_add(ret, text, err);
	}
	return r;
}

int x509_crl_check(const char *name, X509_CRL *crl, X509 *ca, struct err *err)
{
	int digest = NID_undef;

	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) ||
	    X509_CRL_verify(crl, X509_get0_pubkey(ca)) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_VERIFY, "'%s' is not a revocation list of this CA", name);
	}
	OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, NULL);
	if (digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512)
		return err_set(err, ERR_VERIFY, "'%s' is signed with a digest that is too weak",
			       name);
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)))
			return err_set(err, ERR_VERIFY,
				       "'%s' is a partial revocation list: bring a whole one",
				       name);
	return 0;
}

int x509_crl_to_pem(X509_CRL *crl, struct str *ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long size = 0;

	if (!bio || PEM_write_bio_X509_CRL(bio, crl) != 1)
		return x509_error(err, ERR_FAILED, "cannot encode a revocation list");
	size = BIO_get_mem_data(bio, &pem);
	if (size > 0)
		str_add_len(ret, pem, (size_t)size);
	return str_check(ret, err);
}

time_t x509_crl_next(X509_CRL *crl)
{
	struct tm tm = { .tm_sec = 0 };
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

	if (!next || ASN1_TIME_to_tm(next, &tm) != 1) {
		ERR_clear_error();
		return -1;
	}
	return timegm(&tm);
}

int x509_crl_count(X509_CRL *crl)
{
	int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

	return n > 0 ? n : 0;
}
