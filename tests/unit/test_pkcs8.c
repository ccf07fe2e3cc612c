/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "pkcs8.h"

static const char passphrase[] = "correct horse battery";
static const char advice[] = "ask";
static struct pki node;

static int make_all(void **state)
{
	(void)state;
	node = pki_issue("n", X509_USE_SEAL, X509_KEY_P256, NULL);
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	pki_release(&node);
	return 0;
}

static void a_key_comes_back_with_its_passphrase_alone(void **state)
{
	static const char *const wrong[] = { "", "correct horse batter", "correct horse battery ",
					     "Correct horse battery" };
	CLEANUP(str_release) struct str pem = STR_INIT;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(pkcs8_encrypt(node.key, passphrase, &pem, &err));
	assert_true(str_starts(pem.buf, "-----BEGIN "
					"ENCRYPTED PRIVATE KEY-----\n"));
	assert_ok(pkcs8_decrypt("n.key", pem.buf, pem.len, passphrase, advice, &key, &err));
	assert_int_equal(X509_check_private_key(node.cert, key), 1);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		EVP_PKEY *none = NULL;

		assert_fails(ERR_VERIFY, pkcs8_decrypt("n.key", pem.buf, pem.len, wrong[i], advice,
						       &none, &err));
		assert_string_equal(err.msg, "'n.key': wrong passphrase: ask");
	}
}

static void other_algorithms_are_refused_before_the_passphrase_is_tried(void **state)
{
	static const struct {
		const char *cipher; /* NULL: the older PBE */
		int prf;
	} cases[] = {
		{ "AES-256-CBC", NID_hmacWithSHA1 },
		{ "AES-256-CBC", NID_hmacWithSHA512 },
		{ "AES-128-CBC", NID_hmacWithSHA256 },
		{ NULL, NID_pbe_WithSHA1And3_Key_TripleDES_CBC },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned char salt[16] = "0123456789abcde";
		PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(node.key);
		X509_ALGOR *pbe =
			cases[i].cipher
				? PKCS5_pbe2_set_iv(EVP_get_cipherbyname(cases[i].cipher), 1000,
						    salt, sizeof(salt), NULL, cases[i].prf)
				: PKCS5_pbe_set(cases[i].prf, 1000, salt, 8);
		X509_SIG *sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, pbe);
		BIO *bio = BIO_new(BIO_s_mem());
		EVP_PKEY *none = NULL;
		struct err err = ERR_INIT;
		char *pem = NULL;
		long len;

		assert_non_null(sealed);
		assert_int_equal(PEM_write_bio_PKCS8(bio, sealed), 1);
		len = BIO_get_mem_data(bio, &pem);
		assert_fails(ERR_VERIFY, pkcs8_decrypt("n.key", pem, (size_t)len, passphrase,
						       advice, &none, &err));
		assert_contains(err.msg, "is not encrypted with PBKDF2-HMAC-SHA256");
		BIO_free(bio);
		X509_SIG_free(sealed);
		PKCS8_PRIV_KEY_INFO_free(plain);
	}
}

static void what_is_no_encrypted_key_is_refused(void **state)
{
	CLEANUP(str_release) struct str plain = STR_SECRET;
	EVP_PKEY *none = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_to_pem(node.key, &plain, &err));
	assert_fails(ERR_VERIFY,
		     pkcs8_decrypt("n.key", plain.buf, plain.len, passphrase, advice, &none, &err));
	assert_contains(err.msg, "'n.key' is not an encrypted private key");
	assert_fails(ERR_VERIFY, pkcs8_decrypt("n.key", "", 0, passphrase, advice, &none, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_comes_back_with_its_passphrase_alone),
		cmocka_unit_test(other_algorithms_are_refused_before_the_passphrase_is_tried),
		cmocka_unit_test(what_is_no_encrypted_key_is_refused),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
