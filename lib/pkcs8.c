/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs8.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <string.h>

DEFINE_CLEANUP(PBE2PARAM *, PBE2PARAM_free);
DEFINE_CLEANUP(PBKDF2PARAM *, PBKDF2PARAM_free);
DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free);
DEFINE_CLEANUP(X509_ALGOR *, X509_ALGOR_free);
DEFINE_CLEANUP(X509_SIG *, X509_SIG_free);

#define ITERATIONS_MAX (16 * PKCS8_ITERATIONS) /* seconds, not hours */

int pkcs8_encrypt(EVP_PKEY *key, const char *passphrase, struct str *ret, struct err *err)
{
	unsigned char salt[PKCS8_SALT_SIZE];
	CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	CLEANUP(X509_ALGOR_freep) X509_ALGOR *pbe = NULL;
	CLEANUP(X509_SIG_freep) X509_SIG *sealed = NULL;
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long size = 0;

	if (plain && RAND_bytes(salt, sizeof(salt)) == 1)
		pbe = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PKCS8_ITERATIONS, salt, sizeof(salt),
					NULL, NID_hmacWithSHA256);
	if (pbe)
		sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, pbe);
	if (!sealed)
		return x509_error(err, ERR_FAILED, "cannot encrypt a private key");
	pbe = NULL; /* is SEALED's */
	if (!bio || PEM_write_bio_PKCS8(bio, sealed) != 1)
		return x509_error(err, ERR_FAILED, "cannot encode a private key");
	size = BIO_get_mem_data(bio, &pem);
	if (size > 0)
		str_add_len(ret, pem, (size_t)size);
	return str_check(ret, err);
}

static int nid_of(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid = NULL;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	return OBJ_obj2nid(oid);
}

static void *parameters_of(const X509_ALGOR *algorithm, const ASN1_ITEM *item)
{
	const void *value = NULL;
	int type = V_ASN1_UNDEF;

	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

/* A PRF that is not named is HMAC with SHA-1 (RFC 8018 appendix A.2). */
static bool algorithms_are_ours(const X509_SIG *sealed)
{
	const X509_ALGOR *algorithm = NULL;
	CLEANUP(PBE2PARAM_freep) PBE2PARAM *pbe2 = NULL;
	CLEANUP(PBKDF2PARAM_freep) PBKDF2PARAM *kdf = NULL;
	long iterations = 0;

	X509_SIG_get0(sealed, &algorithm, NULL);
	if (nid_of(algorithm) != NID_pbes2)
		return false;
	pbe2 = parameters_of(algorithm, ASN1_ITEM_rptr(PBE2PARAM));
	if (!pbe2 || nid_of(pbe2->keyfunc) != NID_id_pbkdf2 ||
	    nid_of(pbe2->encryption) != NID_aes_256_cbc)
		return false;
	kdf = parameters_of(pbe2->keyfunc, ASN1_ITEM_rptr(PBKDF2PARAM));
	if (!kdf || !kdf->prf || nid_of(kdf->prf) != NID_hmacWithSHA256)
		return false;
	iterations = ASN1_INTEGER_get(kdf->iter);
	return iterations > 0 && iterations <= ITERATIONS_MAX;
}

int pkcs8_decrypt(const char *name, const char *pem, size_t len, const char *passphrase,
		  const char *advice, EVP_PKEY **ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	CLEANUP(X509_SIG_freep) X509_SIG *sealed = NULL;
	CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *plain = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;

	if (bio)
		sealed = PEM_read_bio_PKCS8(bio, NULL, NULL, NULL);
	if (!sealed)
		return x509_error(err, ERR_VERIFY, "'%s' is not an encrypted private key", name);
	if (!algorithms_are_ours(sealed)) {
		ERR_clear_error();
		return err_set(err, ERR_VERIFY,
			       "'%s' is not encrypted with PBKDF2-HMAC-SHA256 and AES-256-CBC",
			       name);
	}
	plain = PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase));
	if (plain)
		key = EVP_PKCS82PKEY(plain);
	ERR_clear_error();
	/* About one wrong passphrase in 256 gives bytes that are padded well and are no key. */
	if (!key)
		return err_set(err, ERR_VERIFY, "'%s': wrong passphrase: %s", name, advice);
	*ret = steal_ptr(&key);
	return 0;
}
