/* SPDX-License-Identifier: Apache-2.0 */
/* What we make, looked at by the stock openssl program: nobody needs our own to check a bundle. */
#include "pki.h"

#include <sys/stat.h>

#include "capsule.h"
#include "cms.h"
#include "file.h"
#include "keys.h"
#include "pkcs8.h"
#include "proc.h"

#define PASSPHRASE "correct horse battery"

static const char index_text[] = "pgha-bundle: 1\ncluster: test\n\xc3\xa9\r\n";
static char dir[] = "/tmp/pgha-stock-XXXXXX";
static struct keys keys;
static X509 *transport;

/* Runs openssl in the directory, arguments split at spaces; its exit status, and what it said. */
static int openssl(const char *arguments, struct str *ret_out)
{
	CLEANUP(strv_release) struct strv argv = STRV_INIT;
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	cleanup_free char *copy = strdup(arguments);
	struct proc proc = { .dir = dir, .timeout_ms = 60000 };
	struct err err = ERR_INIT;
	char *save = NULL;

	assert_non_null(copy);
	assert_ok(strv_add(&argv, "openssl", &err));
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_ok(strv_add(&argv, word, &err));
	proc.argv = (const char *const *)argv.items;
	assert_ok(proc_run(&proc, &res, &err));
	if (ret_out) {
		str_reset(ret_out);
		str_add_len(ret_out, res.out.buf ? res.out.buf : "", res.out.len);
	}
	return res.status;
}

static void write_in(const char *name, mode_t mode, const void *data, size_t size)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(dir, name, &path, &err));
	assert_ok(file_write_atomic(path, mode, data, size, &err));
}

static void make_node(const char *name, X509 **ret_transport)
{
	CLEANUP(str_release) struct str pem = STR_SECRET;
	CLEANUP(str_release) struct str sealed_key = STR_INIT;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_free char *file = NULL;
	struct err err = ERR_INIT;

	assert_ok(keys_transport(&keys, name, ret_transport, &key, &err));
	assert_ok(pkcs8_encrypt(key, PASSPHRASE, &sealed_key, &err));
	assert_ok(str_printf(&file, &err, "%s.key", name));
	write_in(file, 0600, sealed_key.buf, sealed_key.len);
}

static void make_capsule(X509 *recipient, const char *file)
{
	CLEANUP(capsule_release) struct capsule c = CAPSULE_INIT;
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str sealed = STR_INIT;
	struct err err = ERR_INIT;

	assert_ok(capsule_set_names(&c, "test", "node1", &err));
	assert_ok(capsule_add_env(&c, "PASSWORD", "hunter2", &err));
	assert_ok(capsule_format(&c, &text, &err));
	assert_ok(cms_seal(text.buf, text.len, recipient, &sealed, &err));
	write_in(file, 0644, sealed.buf, sealed.len);
}

/* Everything as the bundler makes it, with the real clock: openssl reads it too. */
static int make_all(void **state)
{
	static const char *const sans[] = { "node1", "127.0.0.1", NULL };
	const struct x509_profile server = { .organization = "pgha",
					     .common_name = "node1",
					     .sans = sans,
					     .usage = X509_USE_SERVER };
	const struct x509_profile client = { .organization = "pgha",
					     .unit = "patroni",
					     .usage = X509_USE_CLIENT };
	CLEANUP(str_release) struct str pem = STR_INIT, key = STR_SECRET, signature = STR_INIT;
	CLEANUP(X509_freep) X509 *second = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_ok(path_join(dir, "keys", &path, &err));
	assert_ok(keys_init(path, &(struct keys_options){ .cluster = "test" }, &err));
	assert_ok(keys_open(path, &keys, &err));
	assert_ok(keys_node_certificate(&keys, "node1", "etcd-server", &server, &pem, &key, &err));
	assert_ok(keys_node_certificate(&keys, "node1", "etcd-client", &client, &pem, &key, &err));
	assert_ok(cms_sign(index_text, sizeof(index_text) - 1, keys.signer, keys.signer_key,
			   &signature, &err));
	write_in("index.yaml", 0644, index_text, sizeof(index_text) - 1);
	write_in("index.yaml.p7s", 0644, signature.buf, signature.len);
	make_node("node1", &transport);
	make_node("node2", &second);
	make_capsule(transport, "node1.cms");
	write_in("good", 0600, PASSPHRASE "\n", strlen(PASSPHRASE) + 1);
	write_in("bad", 0600, "another passphrase\n", 19);
	return 0;
}

static int release_all(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	X509_free(transport);
	keys_release(&keys);
	return tree_remove(dir, &err);
}

#define CMS_VERIFY \
	"cms -verify -binary -inform DER -in index.yaml.p7s -CAfile keys/ca.crt -content "

static void stock_openssl_accepts_the_signature(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;

	(void)state;
	assert_int_equal(openssl(CMS_VERIFY "index.yaml", &out), 0);
	assert_int_equal(out.len, sizeof(index_text) - 1);
	assert_memory_equal(out.buf, index_text, out.len);
}

static void stock_openssl_refuses_a_changed_index(void **state)
{
	char changed[sizeof(index_text)];

	(void)state;
	memcpy(changed, index_text, sizeof(changed));
	changed[5] ^= 1;
	write_in("changed", 0644, changed, sizeof(changed) - 1);
	assert_int_not_equal(openssl(CMS_VERIFY "changed", NULL), 0);
}

static void a_stock_signature_by_a_node_is_refused_by_stock_and_by_us(void **state)
{
	CLEANUP(x509_stack_freep)
	STACK_OF(X509) *trust = pki_trust(&(struct pki){ .cert = keys.ca });
	cleanup_free char *path = NULL;
	cleanup_free char *der = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;

	(void)state;
	assert_int_equal(openssl("cms -sign -binary -outform DER -in index.yaml -signer "
				 "keys/nodes/node1/etcd-client.crt -inkey "
				 "keys/nodes/node1/etcd-client.key -out node.p7s",
				 NULL),
			 0);
	assert_int_not_equal(openssl("cms -verify -binary -inform DER -in node.p7s -content "
				     "index.yaml -CAfile keys/ca.crt",
				     NULL),
			     0);
	assert_ok(path_join(dir, "node.p7s", &path, &err));
	assert_ok(file_read(path, 0, ERR_FAILED, &der, &len, &err));
	assert_fails(ERR_VERIFY, cms_verify(der, len, index_text, sizeof(index_text) - 1, trust,
					    NULL, time(NULL), NULL, &err));
	assert_contains(err.msg, "purpose");
}

static void stock_openssl_opens_a_capsule_with_its_own_passphrase_alone(void **state)
{
	CLEANUP(str_release) struct str out = STR_SECRET;

	(void)state;
	assert_int_equal(openssl("cms -decrypt -binary -inform DER -in node1.cms -inkey node1.key "
				 "-passin file:good",
				 &out),
			 0);
	assert_string_equal(out.buf, "pgha-capsule: 1\ncluster: test\nnode: node1\n"
				     "env:\n  PASSWORD: hunter2\nkeys: {}\n");
	assert_int_not_equal(openssl("cms -decrypt -binary -inform DER -in node1.cms -inkey "
				     "node1.key -passin file:bad",
				     NULL),
			     0);
	assert_int_not_equal(openssl("cms -decrypt -binary -inform DER -in node1.cms -inkey "
				     "node2.key -passin file:good",
				     NULL),
			     0);
}

static void stock_openssl_verifies_each_certificate_for_its_purpose(void **state)
{
	static const struct {
		const char *arguments;
		bool good;
	} cases[] = {
		{ "-purpose sslserver keys/nodes/node1/etcd-server.crt", true },
		{ "-purpose sslserver -verify_hostname node1 keys/nodes/node1/etcd-server.crt",
		  true },
		{ "-purpose sslserver -verify_ip 127.0.0.1 keys/nodes/node1/etcd-server.crt",
		  true },
		{ "-purpose sslserver -verify_hostname node2 keys/nodes/node1/etcd-server.crt",
		  false },
		{ "-purpose sslclient keys/nodes/node1/etcd-client.crt", true },
		{ "-purpose sslclient keys/nodes/node1/etcd-server.crt", false },
		{ "-purpose sslserver keys/nodes/node1/etcd-client.crt", false },
		{ "-purpose smimesign keys/signer.crt", true },
		{ "-purpose smimesign keys/nodes/node1/etcd-server.crt", false },
		{ "-purpose smimesign keys/nodes/node1/etcd-client.crt", false },
		{ "-purpose smimesign keys/nodes/node1/transport.crt", false },
		{ "-purpose sslserver keys/nodes/node1/transport.crt", false },
		{ "-purpose sslclient keys/nodes/node1/transport.crt", false },
		{ "keys/nodes/node1/transport.crt", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *arguments = NULL;
		struct err err = ERR_INIT;

		assert_ok(str_printf(&arguments, &err,
				     "verify -x509_strict -check_ss_sig -auth_level 3 -CAfile "
				     "keys/ca.crt %s",
				     cases[i].arguments));
		if ((openssl(arguments, NULL) == 0) != cases[i].good)
			fail_msg("openssl %s: %s", arguments,
				 cases[i].good ? "refused" : "accepted");
	}
}

/* -- algorithms ------------------------------------------------------------------------------- */

static void look_inside(const char *file, const char *form, struct str *out)
{
	cleanup_free char *arguments = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&arguments, &err, "asn1parse -inform %s -in %s", form, file));
	assert_int_equal(openssl(arguments, out), 0);
}

static void nothing_that_we_make_uses_sha1(void **state)
{
	static const struct {
		const char *file, *form, *must_have;
	} cases[] = {
		{ "keys/ca.crt", "PEM", ":ecdsa-with-SHA384" },
		{ "keys/signer.crt", "PEM", ":ecdsa-with-SHA384" },
		{ "keys/nodes/node1/etcd-server.crt", "PEM", ":ecdsa-with-SHA384" },
		{ "keys/nodes/node1/transport.crt", "PEM", ":ecdsa-with-SHA384" },
		{ "index.yaml.p7s", "DER", ":ecdsa-with-SHA256" },
		{ "node1.cms", "DER", ":dhSinglePass-stdDH-sha256kdf-scheme" },
		{ "node1.cms", "DER", ":id-aes256-wrap" },
		{ "node1.cms", "DER", ":aes-256-cbc" },
		{ "node1.key", "PEM", ":hmacWithSHA256" },
		{ "node1.key", "PEM", ":aes-256-cbc" },
#if PKCS8_ITERATIONS == 600000
		{ "node1.key", "PEM", "INTEGER           :0927C0" },
#endif
		{ "node1.key", "PEM", ":PBKDF2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;

		look_inside(cases[i].file, cases[i].form, &out);
		if (strcasestr(out.buf, "sha1") || strcasestr(out.buf, "md5"))
			fail_msg("%s uses SHA-1 or MD5:\n%s", cases[i].file, out.buf);
		if (!strstr(out.buf, cases[i].must_have))
			fail_msg("%s has no %s:\n%s", cases[i].file, cases[i].must_have, out.buf);
	}
}

/* OAEP and MGF1 name their digests, whose defaults are SHA-1. */
static void a_capsule_for_an_rsa_key_names_its_digests(void **state)
{
	CLEANUP(pki_release)
	struct pki rsa = pki_issue("rsa", X509_USE_SEAL, X509_KEY_RSA3072, NULL);
	CLEANUP(str_release) struct str out = STR_INIT;
	const char *at = NULL;
	int times = 0;

	(void)state;
	make_capsule(rsa.cert, "rsa.cms");
	look_inside("rsa.cms", "DER", &out);
	assert_contains(out.buf, ":rsaesOaep");
	assert_contains(out.buf, ":mgf1");
	assert_null(strcasestr(out.buf, "sha1"));
	for (at = out.buf; (at = strstr(at, ":sha256")); at++)
		times++;
	assert_int_equal(times, 2);
}

static void the_ca_is_not_inside_the_signature(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;

	(void)state;
	assert_int_equal(openssl("pkcs7 -inform DER -in index.yaml.p7s -print_certs -noout", &out),
			 0);
	assert_contains(out.buf, "pgha bundle signer");
	assert_null(strstr(strstr(out.buf, "subject") + 1, "subject"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stock_openssl_accepts_the_signature),
		cmocka_unit_test(stock_openssl_refuses_a_changed_index),
		cmocka_unit_test(a_stock_signature_by_a_node_is_refused_by_stock_and_by_us),
		cmocka_unit_test(stock_openssl_opens_a_capsule_with_its_own_passphrase_alone),
		cmocka_unit_test(stock_openssl_verifies_each_certificate_for_its_purpose),
		cmocka_unit_test(nothing_that_we_make_uses_sha1),
		cmocka_unit_test(a_capsule_for_an_rsa_key_names_its_digests),
		cmocka_unit_test(the_ca_is_not_inside_the_signature),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
