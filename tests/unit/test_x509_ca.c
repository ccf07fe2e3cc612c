/* SPDX-License-Identifier: Apache-2.0 */
/* CAs that are brought, requests to them, what stands in certificates, revocation lists. */
#include "pki.h"

#include <openssl/pem.h>

static struct pki root, between;

static int make_all(void **state)
{
	(void)state;
	root = pki_issue("root", X509_USE_CA, X509_KEY_P384, NULL);
	pki_constrain(&root, "critical,CA:TRUE", &root); /* any path length */
	between = pki_issue("between", X509_USE_CA, X509_KEY_P384, &root);
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	pki_release(&root);
	pki_release(&between);
	return 0;
}

/* Ends with NULL. */
static STACK_OF(X509) *stack_of(X509 *const *certs)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	assert_non_null(stack);
	for (; *certs; certs++) {
		assert_int_equal(X509_up_ref(*certs), 1);
		assert_int_not_equal(sk_X509_push(stack, *certs), 0);
	}
	return stack;
}

/* -- chains ----------------------------------------------------------------------------------- */

static void a_chain_is_put_in_order(void **state)
{
	X509 *const orders[][3] = { { root.cert, between.cert }, { between.cert, root.cert } };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		EVP_PKEY *const keys[] = { between.key, NULL };

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = stack_of(orders[i]);

			assert_ok(x509_ca_chain("c", certs, keys[k], PKI_NOW, &err));
			assert_int_equal(sk_X509_num(certs), 2);
			assert_ptr_equal(sk_X509_value(certs, 0), between.cert);
			assert_ptr_equal(sk_X509_value(certs, 1), root.cert);
		}
	}
}

static void a_chain_that_is_none_is_refused(void **state)
{
	CLEANUP(pki_release) struct pki other = pki_issue("o", X509_USE_CA, X509_KEY_P256, NULL);
	const struct {
		X509 *certs[4];
		EVP_PKEY *key;
		const char *message;
	} cases[] = {
		{ { between.cert }, between.key, "no self-signed root" },
		{ { root.cert }, between.key, "belongs to the key" },
		{ { between.cert, root.cert, other.cert }, between.key, "no part of the chain" },
		{ { between.cert, root.cert }, root.key, "no part of the chain" },
		{ { NULL }, NULL, "holds no certificate" },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = stack_of(cases[i].certs);

		assert_fails(ERR_VERIFY, x509_ca_chain("c", certs, cases[i].key, PKI_NOW, &err));
		assert_contains(err.msg, cases[i].message);
	}
}

static void a_ca_out_of_its_time_is_refused(void **state)
{
	CLEANUP(x509_stack_freep)
	STACK_OF(X509) *certs = stack_of((X509 *[]){ root.cert, NULL });
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_ca_chain("c", certs, NULL, PKI_NOW, &err));
	assert_fails(ERR_VERIFY,
		     x509_ca_chain("c", certs, NULL, PKI_NOW + 366 * (time_t)PKI_DAY, &err));
	assert_contains(err.msg, "has expired");
	assert_fails(ERR_VERIFY,
		     x509_ca_chain("c", certs, NULL, PKI_NOW - 2 * (time_t)PKI_DAY, &err));
	assert_contains(err.msg, "clock");
}

static void what_may_not_sign_is_no_ca(void **state)
{
	CLEANUP(pki_release)
	struct pki server = pki_issue("s", X509_USE_SERVER, X509_KEY_P256, NULL);
	CLEANUP(pki_release) struct pki plain = pki_issue("p", X509_USE_CA, X509_KEY_P256, NULL);
	CLEANUP(pki_release) struct pki sha1 = pki_issue("w", X509_USE_CA, X509_KEY_P256, NULL);
	struct {
		struct pki *pki;
		const char *message;
	} cases[] = {
		{ &server, "not marked as a CA" },
		{ &plain, "not marked as a CA" },
		{ &sha1, "too weak" },
	};
	struct err err = ERR_INIT;
	X509 *altered = X509_dup(sha1.cert);

	(void)state;
	pki_constrain(&plain, NULL, &plain);
	assert_int_not_equal(X509_sign(altered, sha1.key, EVP_sha1()), 0);
	X509_free(sha1.cert);
	sha1.cert = altered;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(x509_stack_freep)
		STACK_OF(X509) *certs = stack_of((X509 *[]){ cases[i].pki->cert, NULL });

		assert_fails(ERR_VERIFY,
			     x509_ca_chain("c", certs, cases[i].pki->key, PKI_NOW, &err));
		assert_contains(err.msg, cases[i].message);
	}
}

/* -- names that a CA may name ----------------------------------------------------------------- */

static void a_constrained_ca_issues_for_its_names_alone(void **state)
{
	static const char *const permitted[] = { "pgha.test", "node1", "10.1.0.0/16", "fd00::/8",
						 NULL };
	static const struct {
		const char *san;
		bool good;
	} cases[] = {
		{ "node1", true },          { "node1.pgha.test", true }, { "pgha.test", true },
		{ "10.1.255.1", true },     { "fd00::1", true },         { "node2", false },
		{ "pgha.test.org", false }, { "10.2.0.1", false },       { "fe80::1", false },
	};
	struct x509_profile profile = {
		.common_name = "constrained",
		.usage = X509_USE_CA,
		.permitted = permitted,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + PKI_DAY,
	};
	CLEANUP(pki_release) struct pki ca = { .key = NULL };
	CLEANUP(x509_stack_freep) STACK_OF(X509) *trust = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P384, &ca.key, &err));
	assert_ok(x509_create(&profile, ca.key, NULL, NULL, &ca.cert, &err));
	trust = pki_trust(&ca);
	profile.usage = X509_USE_SERVER;
	profile.permitted = NULL;
	profile.common_name = "leaf";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const sans[] = { cases[i].san, NULL };
		CLEANUP(pki_release) struct pki leaf = { .key = NULL };
		int r = 0;

		profile.sans = sans;
		assert_ok(x509_key_generate(X509_KEY_P256, &leaf.key, &err));
		assert_ok(x509_create(&profile, leaf.key, ca.cert, ca.key, &leaf.cert, &err));
		r = x509_check_chain(leaf.cert, trust, NULL, PKI_NOW, X509_FOR_SERVER, &err);
		assert_int_equal(r, cases[i].good ? 0 : -ERR_VERIFY);
		if (!cases[i].good)
			assert_contains(err.msg, "permitted subtree");
	}
}

static void constraints_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/-1", "a b",
					   "fd00::/129",  "a/8",         "10.0.0.0/" };
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *const permitted[] = { bad[i], NULL };
		const struct x509_profile profile = { .common_name = "c",
						      .usage = X509_USE_CA,
						      .permitted = permitted };
		X509 *cert = NULL;

		assert_fails(ERR_CONFIG, x509_create(&profile, key, NULL, NULL, &cert, &err));
	}
}

/* -- facts and requests ----------------------------------------------------------------------- */

static const char *const sans[] = { "Node1.Test", "10.0.0.1", "FD00:0::1", NULL };

static struct x509_profile node_profile(void)
{
	return (struct x509_profile){
		.organization = "pgha",
		.unit = "etcd",
		.sans = sans,
		.usage = X509_USE_SERVER | X509_USE_CLIENT,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + PKI_DAY,
	};
}

static void check_facts(X509 *cert)
{
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	struct err err = ERR_INIT;

	assert_ok(x509_describe(cert, &facts, &err));
	assert_string_equal(facts.organization, "pgha");
	assert_string_equal(facts.unit, "etcd");
	assert_null(facts.common_name);
	assert_int_equal(facts.usage, X509_USE_SERVER | X509_USE_CLIENT);
	assert_int_equal(facts.sans.count, 3);
	assert_string_equal(facts.sans.items[0], "10.0.0.1");
	assert_string_equal(facts.sans.items[1], "fd00::1");
	assert_string_equal(facts.sans.items[2], "node1.test");
}

static void a_certificate_is_described_as_it_was_asked_for(void **state)
{
	const struct x509_profile profile = node_profile();
	CLEANUP(pki_release) struct pki p = { .key = NULL };
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	struct x509_profile again;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P256, &p.key, &err));
	assert_ok(x509_create(&profile, p.key, between.cert, between.key, &p.cert, &err));
	check_facts(p.cert);
	assert_ok(x509_describe(p.cert, &facts, &err));
	assert_int_equal(strlen(facts.serial), 32);
	assert_int_equal(facts.not_after, PKI_NOW + PKI_DAY);
	again = x509_profile_of(&facts);
	assert_null(x509_unfit(p.cert, &again, between.cert, PKI_NOW, 0));
}

static void a_request_asks_for_the_same(void **state)
{
	const struct x509_profile profile = node_profile();
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(str_release) struct str pem = STR_INIT;
	CLEANUP(X509_freep) X509 *read = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_generate(X509_KEY_P256, &key, &err));
	assert_ok(x509_request(&profile, key, &pem, &err));
	assert_ok(x509_request_read("r", pem.buf, pem.len, &read, &err));
	check_facts(read);
	assert_int_equal(X509_check_private_key(read, key), 1);
	{
		X509 *none = NULL;

		pem.buf[strlen("-----BEGIN CERTIFICATE REQUEST-----\n") + 40] ^= 1; /* base64 */
		assert_fails(ERR_CONFIG, x509_request_read("r", pem.buf, pem.len, &none, &err));
		assert_fails(ERR_CONFIG, x509_request_read("r", "", 0, &none, &err));
	}
}

/* -- revocation ------------------------------------------------------------------------------- */

static void a_list_grows_and_revokes(void **state)
{
	CLEANUP(pki_release)
	struct pki one = pki_issue("1", X509_USE_SERVER, X509_KEY_P256, &between);
	CLEANUP(pki_release)
	struct pki two = pki_issue("2", X509_USE_SERVER, X509_KEY_P256, &between);
	X509 *const both[] = { between.cert, root.cert, NULL };
	CLEANUP(x509_stack_freep) STACK_OF(X509) *trust = stack_of(both);
	CLEANUP(X509_CRL_freep) X509_CRL *first = NULL;
	CLEANUP(X509_CRL_freep) X509_CRL *second = NULL;
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	const time_t end = PKI_NOW + 10 * (time_t)PKI_DAY;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_describe(one.cert, &facts, &err));
	assert_ok(x509_crl_make(between.cert, between.key, NULL, NULL, PKI_NOW, end, &first, &err));
	assert_int_equal(x509_crl_count(first), 0);
	assert_ok(x509_crl_make(between.cert, between.key, first, facts.serial, PKI_NOW, end,
				&second, &err));
	assert_int_equal(x509_crl_count(second), 1);
	assert_int_equal(x509_crl_next(second), end);
	assert_true(x509_crl_has(second, one.cert));
	assert_false(x509_crl_has(second, two.cert));
	assert_ok(x509_crl_check("l", second, between.cert, &err));
	assert_fails(ERR_VERIFY, x509_crl_check("l", second, root.cert, &err));
	assert_fails(ERR_VERIFY,
		     x509_check_chain(one.cert, trust, second, PKI_NOW, X509_FOR_SERVER, &err));
	assert_contains(err.msg, "revoked");
	assert_ok(x509_check_chain(one.cert, trust, first, PKI_NOW, X509_FOR_SERVER, &err));
	assert_ok(x509_check_chain(two.cert, trust, second, PKI_NOW, X509_FOR_SERVER, &err));
	assert_fails(ERR_VERIFY,
		     x509_check_chain(two.cert, trust, second, end + 1, X509_FOR_SERVER, &err));
	assert_contains(err.msg, "expired");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_put_in_order),
		cmocka_unit_test(a_chain_that_is_none_is_refused),
		cmocka_unit_test(a_ca_out_of_its_time_is_refused),
		cmocka_unit_test(what_may_not_sign_is_no_ca),
		cmocka_unit_test(a_constrained_ca_issues_for_its_names_alone),
		cmocka_unit_test(constraints_that_are_none_are_refused),
		cmocka_unit_test(a_certificate_is_described_as_it_was_asked_for),
		cmocka_unit_test(a_request_asks_for_the_same),
		cmocka_unit_test(a_list_grows_and_revokes),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
