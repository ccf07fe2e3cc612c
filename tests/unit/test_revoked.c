/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include "clock.h"
#include "revoked.h"
#include "stage.h"
#include "state.h"

static struct pki ca, other_ca, signer, later_signer;
static char *dir;

static int make_all(void **state)
{
	const unsigned int both = X509_USE_EMAIL | X509_USE_BUNDLE;

	(void)state;
	clock_set(PKI_NOW);
	ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	other_ca = pki_issue("ca", X509_USE_CA, X509_KEY_P384, NULL);
	signer = pki_issue("signer", both, X509_KEY_P256, &ca);
	later_signer = pki_issue("signer", both, X509_KEY_P256, &ca);
	dir = tree_new();
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	pki_release(&ca);
	pki_release(&other_ca);
	pki_release(&signer);
	pki_release(&later_signer);
	tree_drop(dir);
	return 0;
}

/* ISSUER's list that names REVOKED, good for a day. */
static void make_list(const struct pki *issuer, const struct pki *revoked, struct str *ret)
{
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;
	char serial[X509_SERIAL_SIZE];
	struct err err = ERR_INIT;

	assert_ok(x509_serial(revoked->cert, serial, &err));
	assert_ok(x509_crl_make(issuer->cert, issuer->key, NULL, serial, PKI_NOW, PKI_NOW + PKI_DAY,
				&crl, &err));
	assert_ok(x509_crl_to_pem(crl, ret, &err));
}

/* Stages bundle SEQUENCE by BY, with LIST inside unless it is NULL; commits it when that went well. */
static int install(const char *root, uint64_t sequence, const struct pki *by, const char *list,
		   struct err *ret_err)
{
	const struct bundle_file files[] = {
		{ .path = list ? "certs/crl.pem" : "keys/D4BF.asc", .data = list ? list : "key" },
		{ .path = "manifests/bundle.yaml", .data = "cluster: test\n" },
		{ .path = "nodes/node1.cms", .data = "capsule of node1" },
		{ .path = "nodes/node1.key", .data = "key of node1" },
		{ .path = NULL },
	};
	CLEANUP(install_release) struct install in = { .node = "node1", .root = root };
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	CLEANUP(str_release) struct str bundle = STR_INIT;
	CLEANUP(str_release) struct str pem = STR_INIT;
	cleanup_free char *ca_path = NULL;
	cleanup_free char *path = NULL;
	struct stage_result result;
	struct state st = STATE_INIT;
	struct err err = ERR_INIT;
	int r = 0;

	bundle_index(files, sequence, &index);
	bundle_make(&bundle, files, &index, by);
	write_file(dir, "pgha-test-7.tar", bundle.buf, bundle.len, 0644);
	assert_ok(path_join(dir, "pgha-test-7.tar", &path, &err));
	assert_ok(strv_add(&paths, path, &err));
	assert_ok(x509_to_pem(ca.cert, &pem, &err));
	write_file(dir, "ca.crt", pem.buf, pem.len, 0644);
	assert_ok(path_join(dir, "ca.crt", &ca_path, &err));
	in.bundle_files = &paths;
	in.ca_path = ca_path;
	assert_ok(install_init(&in, &err));
	assert_ok(state_open(&in, &st, &err));
	r = stage_bundle(&in, &result, ret_err);
	if (r == 0)
		r = revoked_remember(&in, ret_err);
	if (r == 0)
		r = state_commit(&in, result.index_sha256, ret_err);
	state_close(&in, &st);
	return r;
}

static void a_bundle_of_a_revoked_signer_is_refused(void **state)
{
	CLEANUP(str_release) struct str list = STR_INIT;
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	make_list(&ca, &signer, &list);
	assert_ok(install(root, 1, &signer, NULL, &err));
	assert_ok(install(root, 2, &later_signer, list.buf, &err));
	assert_fails(ERR_VERIFY, install(root, 3, &signer, NULL, &err));
	assert_contains(err.msg, "was revoked");
	clock_set(PKI_NOW + 30 * (time_t)PKI_DAY); /* the list's own end is long over */
	assert_fails(ERR_VERIFY, install(root, 3, &signer, NULL, &err));
	assert_contains(err.msg, "was revoked");
	assert_ok(install(root, 4, &later_signer, list.buf, &err));
	clock_set(PKI_NOW);
	tree_drop(root);
}

static void a_node_never_forgets_a_revocation(void **state)
{
	CLEANUP(str_release) struct str list = STR_INIT;
	CLEANUP(str_release) struct str other = STR_INIT;
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	make_list(&ca, &signer, &list);
	make_list(&ca, &other_ca, &other);
	assert_ok(install(root, 1, &later_signer, list.buf, &err));
	assert_ok(install(root, 2, &later_signer, NULL, &err));
	assert_ok(install(root, 3, &later_signer, other.buf, &err));
	assert_fails(ERR_VERIFY, install(root, 4, &signer, NULL, &err));
	assert_contains(err.msg, "was revoked");
	tree_drop(root);
}

static void a_list_that_the_ca_did_not_sign_does_not_count(void **state)
{
	CLEANUP(str_release) struct str list = STR_INIT;
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	make_list(&other_ca, &signer, &list);
	assert_ok(install(root, 2, &later_signer, list.buf, &err));
	assert_ok(install(root, 3, &signer, NULL, &err));
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_of_a_revoked_signer_is_refused),
		cmocka_unit_test(a_node_never_forgets_a_revocation),
		cmocka_unit_test(a_list_that_the_ca_did_not_sign_does_not_count),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
