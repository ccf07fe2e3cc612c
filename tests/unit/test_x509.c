/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include "file.h"
#include "pkcs8.h"

static struct pki ca, other_ca;
static char dir[] = "/tmp/pgha-x509-XXXXXX";

static int make_all(void **state)
{
	(void)state;
	ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	other_ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	return mkdtemp(dir) ? 0 : -1;
}

static int release_all(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	pki_release(&ca);
	pki_release(&other_ca);
	return tree_remove(dir, &err);
}

static const char *const sans[] = { "node1", "10.0.0.1", "::1", "node1.test", "node1", NULL };

static struct x509_profile tls_profile(void)
{
	return (struct x509_profile){
		.organization = "pgha",
		.unit = "etcd",
		.common_name = "node1",
		.sans = sans,
		.usage = X509_USE_SERVER | X509_USE_CLIENT,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + 100 * (time_t)PKI_DAY,
	};
}

static void a_certificate_fits_the_profile_that_it_was_made_from(void **state)
{
	static const char *const reordered[] = { "::1", "node1.test", "node1", "10.0.0.1", NULL };
	struct x509_profile profile = tls_profile();
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(X509_freep) X509 *cert = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	assert_ok(x509_create(&profile, key, ca.cert, ca.key, &cert, &err));
	assert_null(x509_unfit(cert, &profile, ca.cert, PKI_NOW, 99 * PKI_DAY));
	profile.sans = reordered;
	assert_null(x509_unfit(cert, &profile, ca.cert, PKI_NOW, 99 * PKI_DAY));
	assert_int_equal(X509_check_host(cert, "node1.test", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(cert, "10.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "10.0.0.2", 0), 0);
}

static void a_certificate_that_differs_in_anything_does_not_fit(void **state)
{
	static const char *const more[] = { "node1",      "10.0.0.1",  "::1",
					    "node1.test", "localhost", NULL };
	const struct x509_profile profile = tls_profile();
	struct x509_profile p[] = { profile, profile, profile, profile, profile, profile, profile };
	static const char *const reasons[] = {
		"subject",          "subject", "subject", "names", "names", "extended key usage",
		"basic constraints"
	};
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(X509_freep) X509 *cert = NULL;
	struct err err = ERR_INIT;

	(void)state;
	p[0].organization = NULL;
	p[1].unit = "patroni";
	p[2].common_name = "node2";
	p[3].sans = NULL;
	p[4].sans = more;
	p[5].usage = X509_USE_SERVER;
	p[6].usage |= X509_USE_CA;
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	assert_ok(x509_create(&profile, key, ca.cert, ca.key, &cert, &err));
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		const char *why = x509_unfit(cert, &p[i], ca.cert, PKI_NOW, 0);

		assert_non_null(why);
		assert_string_equal(why, reasons[i]);
	}
	assert_string_equal(x509_unfit(cert, &profile, other_ca.cert, PKI_NOW, 0), "issuer");
	assert_string_equal(x509_unfit(cert, &profile, ca.cert, PKI_NOW, 100 * PKI_DAY),
			    "validity");
	assert_string_equal(x509_unfit(cert, &profile, ca.cert, PKI_NOW - 2 * PKI_DAY, 0),
			    "validity");
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "a,DNS:evil", "a b", "", "a/b", "email:x@y", "a\nb" };
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *const names[] = { bad[i], NULL };
		struct x509_profile profile = tls_profile();
		X509 *cert = NULL;

		profile.sans = names;
		assert_fails(ERR_CONFIG, x509_create(&profile, key, ca.cert, ca.key, &cert, &err));
	}
}

static void a_subject_cannot_be_empty_or_too_long(void **state)
{
	static const char long_name[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789";
	struct x509_profile profile = { .usage = X509_USE_CLIENT };
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	assert_fails(ERR_CONFIG, x509_create(&profile, key, ca.cert, ca.key, &cert, &err));
	profile.common_name = long_name;
	assert_fails(ERR_CONFIG, x509_create(&profile, key, ca.cert, ca.key, &cert, &err));
}

static void serial_numbers_are_long_positive_and_never_the_same(void **state)
{
	ASN1_INTEGER *before = NULL;

	(void)state;
	for (int i = 0; i < 16; i++) {
		CLEANUP(pki_release)
		struct pki p = pki_issue("x", X509_USE_SERVER, X509_KEY_P256, &ca);
		const ASN1_INTEGER *serial = X509_get0_serialNumber(p.cert);

		assert_int_equal(serial->type, V_ASN1_INTEGER); /* not V_ASN1_NEG_INTEGER */
		assert_int_equal(serial->length, 16);
		assert_int_equal(serial->data[0] & 0xc0, 0x40); /* no zero byte before it in DER */
		if (before)
			assert_int_not_equal(ASN1_INTEGER_cmp(serial, before), 0);
		ASN1_INTEGER_free(before);
		before = ASN1_INTEGER_dup(serial);
	}
	ASN1_INTEGER_free(before);
}

static void a_chain_is_checked_for_its_purpose(void **state)
{
	CLEANUP(pki_release)
	struct pki server = pki_issue("s", X509_USE_SERVER, X509_KEY_P256, &ca);
	CLEANUP(x509_stack_freep) STACK_OF(X509) *trust = pki_trust(&ca);
	CLEANUP(x509_stack_freep) STACK_OF(X509) *other = pki_trust(&other_ca);
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_check_chain(server.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err));
	assert_fails(ERR_VERIFY,
		     x509_check_chain(server.cert, trust, NULL, PKI_NOW, X509_FOR_CLIENT, &err));
	assert_fails(ERR_VERIFY,
		     x509_check_chain(server.cert, other, NULL, PKI_NOW, X509_FOR_SERVER, &err));
	assert_fails(ERR_VERIFY,
		     x509_check_chain(server.cert, trust, NULL, PKI_NOW + 366 * (time_t)PKI_DAY,
				      X509_FOR_SERVER, &err));
	assert_contains(err.msg, "expired");
}

static void an_intermediate_ca_is_believed_only_when_it_is_given(void **state)
{
	CLEANUP(pki_release) struct pki root = pki_issue("root", X509_USE_CA, X509_KEY_P384, NULL);
	CLEANUP(pki_release) struct pki between = pki_issue("b", X509_USE_CA, X509_KEY_P384, &root);
	CLEANUP(pki_release)
	struct pki server = pki_issue("s", X509_USE_SERVER, X509_KEY_P256, &between);
	CLEANUP(x509_stack_freep) STACK_OF(X509) *trust = NULL;
	struct err err = ERR_INIT;

	(void)state;
	pki_constrain(&root, "critical,CA:TRUE", &root); /* any path length */
	trust = pki_trust(&root);
	assert_fails(ERR_VERIFY,
		     x509_check_chain(server.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err));
	assert_int_equal(X509_up_ref(between.cert), 1);
	assert_int_not_equal(sk_X509_push(trust, between.cert), 0);
	assert_ok(x509_check_chain(server.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err));
	x509_stack_free(trust);
	trust = pki_trust(&between); /* without its root */
	assert_fails(ERR_VERIFY,
		     x509_check_chain(server.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err));
}

static EVP_PKEY *other_key(int type, int bits_or_curve)
{
	CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	if (type == EVP_PKEY_RSA)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits_or_curve), 1);
	if (type == EVP_PKEY_EC)
		assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, bits_or_curve), 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	return key;
}

static void weak_and_unusual_keys_are_refused(void **state)
{
	static const struct {
		int type, bits_or_curve;
	} keys[] = {
		{ EVP_PKEY_RSA, 2048 },
		{ EVP_PKEY_EC, NID_secp521r1 },
		{ EVP_PKEY_EC, NID_secp256k1 },
		{ EVP_PKEY_ED25519, 0 },
	};
	const struct x509_profile profile = tls_profile();
	CLEANUP(x509_stack_freep) STACK_OF(X509) *trust = pki_trust(&ca);
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		CLEANUP(pki_release)
		struct pki p = { .key = other_key(keys[i].type, keys[i].bits_or_curve) };

		assert_ok(x509_create(&profile, p.key, ca.cert, ca.key, &p.cert, &err));
		assert_fails(ERR_VERIFY,
			     x509_check_chain(p.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err));
	}
}

static void a_weak_ca_is_refused(void **state)
{
	struct x509_profile profile = tls_profile();
	CLEANUP(pki_release) struct pki weak = { .key = other_key(EVP_PKEY_RSA, 2048) };
	CLEANUP(pki_release) struct pki server = { .key = NULL };
	CLEANUP(x509_stack_freep) STACK_OF(X509) *trust = NULL;
	struct err err = ERR_INIT;

	(void)state;
	profile.usage = X509_USE_CA;
	assert_ok(x509_create(&profile, weak.key, NULL, NULL, &weak.cert, &err));
	server = pki_issue("s", X509_USE_SERVER, X509_KEY_P256, &weak);
	trust = pki_trust(&weak);
	assert_fails(ERR_VERIFY,
		     x509_check_chain(server.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err));
	assert_contains(err.msg, "too weak");
}

static void keys_are_private_files(void **state)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	assert_ok(str_printf(&path, &err, "%s/x.key", dir));
	assert_ok(x509_key_write(path, ca.key, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(x509_key_load(path, ERR_USAGE, &key, &err));
	assert_int_equal(X509_check_private_key(ca.cert, key), 1);
	for (mode_t bit = 040; bit; bit >>= 1) {
		EVP_PKEY *none = NULL;

		assert_int_equal(chmod(path, 0600 | bit), 0);
		assert_fails(ERR_CONFIG, x509_key_load(path, ERR_USAGE, &none, &err));
		assert_contains(err.msg, "chmod 600");
	}
	assert_int_equal(unlink(path), 0);
	{
		EVP_PKEY *none = NULL;

		assert_fails(ERR_USAGE, x509_key_load(path, ERR_USAGE, &none, &err));
	}
}

static void bad_pem_is_refused_and_no_passphrase_asked_for(void **state)
{
	CLEANUP(str_release) struct str twice = STR_INIT;
	CLEANUP(str_release) struct str sealed = STR_SECRET;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(pkcs8_encrypt(ca.key, "some passphrase", &sealed, &err));
	assert_fails(ERR_CONFIG, x509_key_from_pem("k", sealed.buf, sealed.len, &key, &err));
	assert_fails(ERR_CONFIG, x509_key_from_pem("k", "", 0, &key, &err));
	assert_ok(x509_to_pem(ca.cert, &twice, &err));
	assert_fails(ERR_CONFIG, x509_key_from_pem("k", twice.buf, twice.len, &key, &err));
	assert_ok(x509_from_pem("c", twice.buf, twice.len, ERR_VERIFY, &cert, &err));
	X509_free(cert);
	assert_ok(x509_to_pem(ca.cert, &twice, &err));
	assert_fails(ERR_VERIFY, x509_from_pem("c", twice.buf, twice.len, ERR_VERIFY, &cert, &err));
	assert_string_equal(err.msg, "'c' holds more than one certificate");
	assert_fails(ERR_VERIFY, x509_from_pem("c", "x", 1, ERR_VERIFY, &cert, &err));
}

static void a_fingerprint_is_printed_as_openssl_does(void **state)
{
	char text[X509_FINGERPRINT_TEXT_SIZE];
	char hex[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_fingerprint(ca.cert, hex, &err));
	assert_ok(x509_fingerprint_text(ca.cert, text, &err));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		assert_int_equal(strncasecmp(text + 3 * i, hex + 2 * i, 2), 0);
		assert_int_equal(text[3 * i + 2], i + 1 < SHA256_SIZE ? ':' : '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_fits_the_profile_that_it_was_made_from),
		cmocka_unit_test(a_certificate_that_differs_in_anything_does_not_fit),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(a_subject_cannot_be_empty_or_too_long),
		cmocka_unit_test(serial_numbers_are_long_positive_and_never_the_same),
		cmocka_unit_test(a_chain_is_checked_for_its_purpose),
		cmocka_unit_test(an_intermediate_ca_is_believed_only_when_it_is_given),
		cmocka_unit_test(weak_and_unusual_keys_are_refused),
		cmocka_unit_test(a_weak_ca_is_refused),
		cmocka_unit_test(keys_are_private_files),
		cmocka_unit_test(bad_pem_is_refused_and_no_passphrase_asked_for),
		cmocka_unit_test(a_fingerprint_is_printed_as_openssl_does),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
