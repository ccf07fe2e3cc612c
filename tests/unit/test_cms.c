/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include "clock.h"
#include "cms.h"

static const char data[] = "pgha-bundle: 1\ncluster: test\n";
#define DATA_SIZE (sizeof(data) - 1)

static struct pki ca, other_ca, signer, other_signer, tls, email_only, bundle_only;
static STACK_OF(X509) *trust;

static int make_all(void **state)
{
	(void)state;
	clock_set(PKI_NOW);
	ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	other_ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL); /* the same name */
	signer = pki_issue("signer", X509_USE_EMAIL | X509_USE_BUNDLE, X509_KEY_P256, &ca);
	other_signer =
		pki_issue("signer", X509_USE_EMAIL | X509_USE_BUNDLE, X509_KEY_P256, &other_ca);
	tls = pki_issue("node1", X509_USE_SERVER | X509_USE_CLIENT, X509_KEY_P256, &ca);
	email_only = pki_issue("mail", X509_USE_EMAIL, X509_KEY_P256, &ca);
	bundle_only = pki_issue("own", X509_USE_BUNDLE, X509_KEY_P256, &ca);
	trust = pki_trust(&ca);
	return 0;
}

static int release_all(void **state)
{
	struct pki *all[] = { &ca,  &other_ca,   &signer,     &other_signer,
			      &tls, &email_only, &bundle_only };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		pki_release(all[i]);
	x509_stack_free(trust);
	return 0;
}

static int verify(const struct str *der, time_t now, struct err *err)
{
	return cms_verify(der->buf, der->len, data, DATA_SIZE, trust, NULL, now, NULL, err);
}

static void sign_as(const struct pki *who, struct str *ret)
{
	struct err err = ERR_INIT;

	assert_ok(cms_sign(data, DATA_SIZE, who->cert, who->key, ret, &err));
}

static void a_signature_is_accepted_and_names_its_signer(void **state)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	struct cms_signer who = { .not_after = 0 };
	char fingerprint[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	sign_as(&signer, &der);
	assert_ok(cms_verify(der.buf, der.len, data, DATA_SIZE, trust, NULL, PKI_NOW, &who, &err));
	assert_string_equal(who.subject, "O=test, CN=signer");
	assert_ok(x509_fingerprint(signer.cert, fingerprint, &err));
	assert_string_equal(who.fingerprint, fingerprint);
	assert_int_equal(who.signing_time, PKI_NOW);
	assert_int_equal(who.not_after, PKI_NOW + 365 * PKI_DAY);
}

static void rsa_signs_too(void **state)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	CLEANUP(pki_release)
	struct pki rsa = pki_issue("rsa", X509_USE_EMAIL | X509_USE_BUNDLE, X509_KEY_RSA3072, &ca);
	struct err err = ERR_INIT;

	(void)state;
	sign_as(&rsa, &der);
	assert_ok(verify(&der, PKI_NOW, &err));
}

static void changed_data_is_refused(void **state)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sign_as(&signer, &der);
	for (size_t i = 0; i < DATA_SIZE; i++) {
		char changed[sizeof(data)];

		memcpy(changed, data, sizeof(data));
		changed[i] ^= 1;
		assert_fails(ERR_VERIFY, cms_verify(der.buf, der.len, changed, DATA_SIZE, trust,
						    NULL, PKI_NOW, NULL, &err));
	}
	assert_fails(ERR_VERIFY, cms_verify(der.buf, der.len, data, DATA_SIZE - 1, trust, NULL,
					    PKI_NOW, NULL, &err));
}

static void no_bit_of_a_signature_can_be_changed(void **state)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sign_as(&signer, &der);
	for (size_t bit = 0; bit < 8 * der.len; bit++) {
		der.buf[bit / 8] ^= (char)(1 << (bit % 8));
		if (verify(&der, PKI_NOW, &err) != -ERR_VERIFY)
			fail_msg("bit %zu of byte %zu does not matter: %s", bit % 8, bit / 8,
				 err.msg);
		der.buf[bit / 8] ^= (char)(1 << (bit % 8));
	}
	assert_ok(verify(&der, PKI_NOW, &err));
}

static void a_signer_of_the_wrong_kind_is_refused(void **state)
{
	static const struct {
		const struct pki *who;
		time_t now;
		const char *message;
	} cases[] = {
		{ &other_signer, PKI_NOW, "certificate 'O=test, CN=signer' is refused: " },
		{ &tls, PKI_NOW, "certificate purpose" },
		{ &email_only, PKI_NOW, "lacks the extended key usage '2.25." },
		{ &bundle_only, PKI_NOW, "certificate purpose" },
		{ &ca, PKI_NOW, "certificate 'O=test, CN=ca' is " },
		{ &signer, PKI_NOW + 366 * PKI_DAY, "certificate has expired" },
		{ &signer, PKI_NOW - 2 * PKI_DAY, "certificate is not yet valid" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str der = STR_INIT;
		struct err err = ERR_INIT;

		sign_as(cases[i].who, &der);
		assert_fails(ERR_VERIFY, verify(&der, cases[i].now, &err));
		assert_contains(err.msg, cases[i].message);
	}
}

static void a_revoked_signer_is_refused(void **state)
{
	CLEANUP(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
	CLEANUP(str_release) struct str der = STR_INIT;
	ASN1_TIME *t = ASN1_TIME_set(NULL, PKI_NOW - PKI_DAY);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca.cert)), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, t), 1);
	assert_non_null(ASN1_TIME_set(t, PKI_NOW + PKI_DAY));
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, t), 1);
	assert_int_not_equal(X509_CRL_sign(crl, ca.key, EVP_sha384()), 0);
	sign_as(&signer, &der);
	assert_ok(cms_verify(der.buf, der.len, data, DATA_SIZE, trust, crl, PKI_NOW, NULL, &err));
	assert_fails(ERR_VERIFY, cms_verify(der.buf, der.len, data, DATA_SIZE, trust, crl,
					    PKI_NOW + 2 * PKI_DAY, NULL, &err));
	assert_contains(err.msg, "CRL has expired");
	{
		X509_REVOKED *entry = X509_REVOKED_new();

		assert_int_equal(
			X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(signer.cert)),
			1);
		assert_non_null(ASN1_TIME_set(t, PKI_NOW - PKI_DAY));
		assert_int_equal(X509_REVOKED_set_revocationDate(entry, t), 1);
		assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	}
	assert_int_not_equal(X509_CRL_sign(crl, ca.key, EVP_sha384()), 0);
	assert_fails(ERR_VERIFY, cms_verify(der.buf, der.len, data, DATA_SIZE, trust, crl, PKI_NOW,
					    NULL, &err));
	assert_contains(err.msg, "revoked");
	ASN1_TIME_free(t);
}

/* -- messages that OpenSSL makes and accepts, and that are not ours ---------------------------- */

static CMS_ContentInfo *start(unsigned int flags)
{
	CMS_ContentInfo *cms =
		CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP);

	assert_non_null(cms);
	return cms;
}

static void add(CMS_ContentInfo *cms, const struct pki *who, const EVP_MD *md, unsigned int flags)
{
	assert_non_null(CMS_add1_signer(cms, who->cert, who->key, md,
					flags | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP));
}

static void finish(CMS_ContentInfo *cms, unsigned int flags, struct str *ret)
{
	BIO *content = BIO_new_mem_buf(data, (int)DATA_SIZE);
	unsigned char *der = NULL;
	int len;

	if (sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) > 0) /* else there is nothing to do */
		assert_int_equal(CMS_final(cms, content, NULL, flags | CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	assert_true(len > 0);
	str_add_len(ret, der, (size_t)len);
	OPENSSL_free(der);
	BIO_free(content);
}

DEFINE_CLEANUP(CMS_ContentInfo *, CMS_ContentInfo_free);

static void a_stock_signature_by_the_right_signer_is_accepted(void **state)
{
	static const unsigned int flags[] = { 0, CMS_USE_KEYID };
	const EVP_MD *digests[] = { EVP_sha256(), EVP_sha384() };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = start(CMS_DETACHED);
		CLEANUP(str_release) struct str der = STR_INIT;
		struct err err = ERR_INIT;

		add(cms, &signer, digests[i % 2], flags[i / 2]);
		finish(cms, CMS_DETACHED, &der);
		assert_ok(verify(&der, PKI_NOW, &err));
	}
}

static void weak_or_unknown_digests_are_refused(void **state)
{
	const EVP_MD *digests[] = { EVP_sha1(), EVP_sha224(), EVP_sha512() };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
		CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = start(CMS_DETACHED);
		CLEANUP(str_release) struct str der = STR_INIT;
		struct err err = ERR_INIT;

		add(cms, &signer, digests[i], 0);
		finish(cms, CMS_DETACHED, &der);
		assert_fails(ERR_VERIFY, verify(&der, PKI_NOW, &err));
		assert_contains(err.msg, "neither SHA-256 nor SHA-384");
	}
}

static void two_signers(CMS_ContentInfo *cms)
{
	add(cms, &signer, EVP_sha256(), 0);
	add(cms, &signer, EVP_sha256(), CMS_NOCERTS);
}

static void two_signers_one_foreign(CMS_ContentInfo *cms)
{
	add(cms, &signer, EVP_sha256(), 0);
	add(cms, &tls, EVP_sha256(), CMS_NOCERTS);
}

static void no_signer(CMS_ContentInfo *cms)
{
	(void)cms;
}

static void ca_inside(CMS_ContentInfo *cms)
{
	add(cms, &signer, EVP_sha256(), 0);
	assert_int_equal(CMS_add1_cert(cms, ca.cert), 1);
}

static void no_certificate(CMS_ContentInfo *cms)
{
	add(cms, &signer, EVP_sha256(), CMS_NOCERTS);
}

static void another_certificate(CMS_ContentInfo *cms)
{
	add(cms, &signer, EVP_sha256(), CMS_NOCERTS);
	assert_int_equal(CMS_add1_cert(cms, tls.cert), 1);
}

static void no_attributes(CMS_ContentInfo *cms)
{
	add(cms, &signer, EVP_sha256(), CMS_NOATTR);
}

static void unsigned_attribute(CMS_ContentInfo *cms)
{
	CMS_SignerInfo *si = NULL;

	add(cms, &signer, EVP_sha256(), 0);
	si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
	assert_int_equal(CMS_unsigned_add1_attr_by_NID(si, NID_pkcs9_unstructuredName,
						       V_ASN1_UTF8STRING, "x", 1),
			 1);
}

static void crl_inside(CMS_ContentInfo *cms)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, PKI_NOW);

	add(cms, &signer, EVP_sha256(), 0);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca.cert)), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, t), 1);
	assert_int_not_equal(X509_CRL_sign(crl, ca.key, EVP_sha384()), 0);
	assert_int_equal(CMS_add1_crl(cms, crl), 1);
	X509_CRL_free(crl);
	ASN1_TIME_free(t);
}

static void messages_of_another_shape_are_refused(void **state)
{
	static const struct {
		void (*fill)(CMS_ContentInfo *cms);
		unsigned int flags;
		const char *message;
	} cases[] = {
		{ two_signers, CMS_DETACHED, "it has 2 signers, not one" },
		{ two_signers_one_foreign, CMS_DETACHED, "it has 2 signers, not one" },
		{ no_signer, CMS_DETACHED, "it has 0 signers, not one" },
		{ ca_inside, CMS_DETACHED, "2 certificates are inside, not one" },
		{ no_certificate, CMS_DETACHED, "0 certificates are inside, not one" },
		{ another_certificate, CMS_DETACHED, "is not its signer's" },
		{ no_attributes, CMS_DETACHED, "its attributes are not those of ours" },
		{ unsigned_attribute, CMS_DETACHED, "its attributes are not those of ours" },
		{ crl_inside, CMS_DETACHED, "a revocation list is inside" },
		{ no_certificate, 0, "it is not a detached signature over data" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = start(cases[i].flags);
		CLEANUP(str_release) struct str der = STR_INIT;
		struct err err = ERR_INIT;

		cases[i].fill(cms);
		finish(cms, cases[i].flags, &der);
		assert_fails(ERR_VERIFY, verify(&der, PKI_NOW, &err));
		assert_contains(err.msg, cases[i].message);
	}
}

static void a_digest_algorithm_without_signer_is_refused(void **state)
{
	CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = start(CMS_DETACHED);
	STACK_OF(CMS_SignerInfo) *signers = NULL;
	CLEANUP(str_release) struct str der = STR_INIT;
	CMS_SignerInfo *second = NULL;
	struct err err = ERR_INIT;

	(void)state;
	add(cms, &signer, EVP_sha256(), 0);
	add(cms, &signer, EVP_sha384(), CMS_NOCERTS);
	signers = CMS_get0_SignerInfos(cms);
	second = sk_CMS_SignerInfo_delete(signers, 1);
	finish(cms, CMS_DETACHED, &der);
	assert_int_not_equal(sk_CMS_SignerInfo_push(signers, second), 0); /* to be freed */
	assert_fails(ERR_VERIFY, verify(&der, PKI_NOW, &err));
	assert_contains(err.msg, "not one plain signature");
}

static void odd_algorithm_parameters_are_refused(void **state)
{
	static const int types[] = { V_ASN1_NULL, V_ASN1_OCTET_STRING };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *cms = start(CMS_DETACHED);
		CLEANUP(str_release) struct str der = STR_INIT;
		int type = types[i / 2];
		ASN1_OCTET_STRING *value = NULL;
		X509_ALGOR *algorithms[2] = { NULL };
		const ASN1_OBJECT *oid = NULL;
		struct err err = ERR_INIT;
		unsigned char *bytes = NULL;
		int len;

		add(cms, &signer, EVP_sha256(), 0);
		finish(cms, CMS_DETACHED, &der);
		CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0),
					 NULL, NULL, &algorithms[0], &algorithms[1]);
		if (type == V_ASN1_OCTET_STRING)
			value = ASN1_OCTET_STRING_new();
		X509_ALGOR_get0(&oid, NULL, NULL, algorithms[i % 2]);
		assert_int_equal(X509_ALGOR_set0(algorithms[i % 2], OBJ_dup(oid), type, value), 1);
		str_reset(&der);
		len = i2d_CMS_ContentInfo(cms, &bytes);
		str_add_len(&der, bytes, (size_t)len);
		OPENSSL_free(bytes);
		assert_fails(ERR_VERIFY, verify(&der, PKI_NOW, &err));
		assert_contains(err.msg, "odd parameters");
	}
}

static void a_signer_that_is_not_marked_as_no_ca_is_refused(void **state)
{
	static const char *const marks[] = { NULL, "critical,CA:TRUE" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		CLEANUP(pki_release)
		struct pki odd =
			pki_issue("odd", X509_USE_EMAIL | X509_USE_BUNDLE, X509_KEY_P256, &ca);
		CLEANUP(str_release) struct str der = STR_INIT;
		struct err err = ERR_INIT;

		pki_constrain(&odd, marks[i], &ca);
		sign_as(&odd, &der);
		assert_fails(ERR_VERIFY, verify(&der, PKI_NOW, &err));
		assert_contains(err.msg, "is not marked as one that is no CA");
	}
}

static void other_encodings_are_refused(void **state)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	CLEANUP(str_release) struct str changed = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sign_as(&signer, &der);
	assert_int_equal((unsigned char)der.buf[1], 0x82);

	str_add_len(&changed, der.buf, der.len);
	str_addc(&changed, '\0');
	assert_fails(ERR_VERIFY, verify(&changed, PKI_NOW, &err));
	assert_contains(err.msg, "not the DER encoding of itself");

	str_reset(&changed);
	str_add_len(&changed, "\x30\x80", 2); /* indefinite length */
	str_add_len(&changed, der.buf + 4, der.len - 4);
	str_add_len(&changed, "\0\0", 2);
	assert_fails(ERR_VERIFY, verify(&changed, PKI_NOW, &err));
	assert_contains(err.msg, "not the DER encoding of itself");

	str_reset(&changed);
	str_add_len(&changed, "\x30\x83\x00", 3); /* a longer length than needed */
	str_add_len(&changed, der.buf + 2, der.len - 2);
	assert_fails(ERR_VERIFY, verify(&changed, PKI_NOW, &err));
	assert_contains(err.msg, "not the DER encoding of itself");

	for (size_t len = 0; len < der.len; len++)
		assert_fails(ERR_VERIFY, cms_verify(der.buf, len, data, DATA_SIZE, trust, NULL,
						    PKI_NOW, NULL, &err));
}

/* -- sealing ---------------------------------------------------------------------------------- */

static void sealed_data_is_opened_by_its_recipient_alone(void **state)
{
	static const enum x509_key_type types[] = { X509_KEY_P256, X509_KEY_RSA3072 };
	static const char secret[] = "A=hunter2\r\nB=\n"; /* no canonical line ends */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		CLEANUP(pki_release) struct pki node = pki_issue("n", X509_USE_SEAL, types[i], &ca);
		CLEANUP(pki_release)
		struct pki wrong = pki_issue("n", X509_USE_SEAL, types[i], &ca);
		CLEANUP(str_release) struct str der = STR_INIT;
		CLEANUP(str_release) struct str opened = STR_SECRET;
		struct err err = ERR_INIT;

		assert_ok(cms_seal(secret, sizeof(secret), node.cert, &der, &err));
		assert_null(memmem(der.buf, der.len, "hunter2", 7));
		assert_ok(cms_open(der.buf, der.len, node.key, &opened, &err));
		assert_int_equal(opened.len, sizeof(secret));
		assert_memory_equal(opened.buf, secret, sizeof(secret));
		assert_fails(ERR_VERIFY, cms_open(der.buf, der.len - 1, node.key, &opened, &err));
		str_addc(&der, '\0');
		assert_fails(ERR_VERIFY, cms_open(der.buf, der.len, node.key, &opened, &err));
		der.len--;
		str_release(&opened);
		/* For RSA OpenSSL hides whether the key was wrong: garbage, or a failure. */
		if (cms_open(der.buf, der.len, wrong.key, &opened, &err) == 0)
			assert_null(memmem(opened.buf, opened.len, "hunter2", 7));
		else
			assert_int_equal(err.code, ERR_VERIFY);
	}
}

static void what_is_not_sealed_is_not_opened(void **state)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	CLEANUP(str_release) struct str opened = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	sign_as(&signer, &der);
	assert_fails(ERR_VERIFY, cms_open(der.buf, der.len, signer.key, &opened, &err));
	assert_string_equal(err.msg, "it is not sealed data");
	assert_fails(ERR_VERIFY, cms_open("", 0, signer.key, &opened, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_is_accepted_and_names_its_signer),
		cmocka_unit_test(rsa_signs_too),
		cmocka_unit_test(changed_data_is_refused),
		cmocka_unit_test(no_bit_of_a_signature_can_be_changed),
		cmocka_unit_test(a_signer_of_the_wrong_kind_is_refused),
		cmocka_unit_test(a_revoked_signer_is_refused),
		cmocka_unit_test(a_stock_signature_by_the_right_signer_is_accepted),
		cmocka_unit_test(weak_or_unknown_digests_are_refused),
		cmocka_unit_test(messages_of_another_shape_are_refused),
		cmocka_unit_test(a_digest_algorithm_without_signer_is_refused),
		cmocka_unit_test(odd_algorithm_parameters_are_refused),
		cmocka_unit_test(a_signer_that_is_not_marked_as_no_ca_is_refused),
		cmocka_unit_test(other_encodings_are_refused),
		cmocka_unit_test(sealed_data_is_opened_by_its_recipient_alone),
		cmocka_unit_test(what_is_not_sealed_is_not_opened),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
