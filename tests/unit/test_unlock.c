/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <sys/wait.h>

#include "capsule.h"
#include "clock.h"
#include "install.h"
#include "pkcs8.h"
#include "unlock.h"

#define PASSPHRASE "correct horse battery"

static struct pki transport, other;
static char *root;

static int make_all(void **state)
{
	(void)state;
	clock_set(PKI_NOW);
	transport = pki_issue("node1", X509_USE_SEAL, X509_KEY_P256, NULL);
	other = pki_issue("node2", X509_USE_SEAL, X509_KEY_P256, NULL);
	root = tree_new();
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	pki_release(&transport);
	pki_release(&other);
	tree_drop(root);
	return 0;
}

static void put(struct install *in, const char *dir, const char *path, const struct str *data)
{
	char hex[SHA256_HEX_SIZE];
	struct err err = ERR_INIT;

	write_file(dir, path_basename(path), data->buf, data->len, 0600);
	assert_ok(sha256_hex(data->buf, data->len, hex, &err));
	assert_ok(index_add(&in->index, path, data->len, hex, NULL, &err));
}

/* A staged bundle whose capsule says NODE and CLUSTER and is sealed to RECIPIENT. */
static void stage_secrets(struct install *in, const char *cluster, const char *node,
			  const struct pki *recipient)
{
	CLEANUP(capsule_release) struct capsule capsule = CAPSULE_INIT;
	CLEANUP(str_release) struct str key = STR_INIT;
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str cms = STR_INIT;
	cleanup_free char *dir = NULL;
	struct err err = ERR_INIT;

	*in = (struct install){ .node = "node1", .root = root };
	assert_ok(install_init(in, &err));
	assert_ok(str_dup(&in->index.cluster, "test", &err));
	assert_ok(str_printf(&dir, &err, "%s/nodes", in->staging));
	assert_ok(tree_remove(in->staging, &err));
	assert_ok(dir_make(dir, 0700, &err));
	assert_ok(pkcs8_encrypt(transport.key, PASSPHRASE, &key, &err));
	put(in, dir, "nodes/node1.key", &key);
	assert_ok(capsule_set_names(&capsule, cluster, node, &err));
	assert_ok(capsule_add_env(&capsule, "SCOPE", "demo", &err));
	assert_ok(capsule_format(&capsule, &text, &err));
	assert_ok(cms_seal(text.buf, text.len, recipient->cert, &cms, &err));
	put(in, dir, "nodes/node1.cms", &cms);
	assert_ok(index_sort(&in->index, &err));
}

static int unlock_with(struct install *in, const char *passphrase, mode_t mode, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = 0;

	assert_int_equal(path_join(root, "passphrase", &path, err), 0);
	write_file(root, "passphrase", passphrase, strlen(passphrase), mode);
	in->passphrase_path = path;
	r = unlock_capsule(in, err);
	in->passphrase_path = NULL;
	return r;
}

static void the_passphrase_opens_the_capsule(void **state)
{
	static const char *const files[] = { PASSPHRASE, PASSPHRASE "\n", PASSPHRASE "\r\nmore\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(install_release) struct install in = { .node = NULL };
		struct err err = ERR_INIT;

		stage_secrets(&in, "test", "node1", &transport);
		assert_ok(unlock_with(&in, files[i], 0600, &err));
		assert_string_equal(capsule_env(in.capsule, "SCOPE"), "demo");
	}
}

static void a_wrong_passphrase_is_told_whose_is_wanted(void **state)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	struct err err = ERR_INIT;

	(void)state;
	stage_secrets(&in, "test", "node1", &transport);
	in.index.sequence = 7;
	assert_fails(ERR_VERIFY, unlock_with(&in, "wrong", 0600, &err));
	assert_contains(err.msg, "'nodes/node1.key': wrong passphrase: run this again");
	assert_contains(err.msg, "sequence 7 of cluster 'test'");
}

static void the_passphrase_comes_from_a_descriptor_too(void **state)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	struct err err = ERR_INIT;
	char number[16];
	int ends[2];

	(void)state;
	stage_secrets(&in, "test", "node1", &transport);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], PASSPHRASE "\n", sizeof(PASSPHRASE)), sizeof(PASSPHRASE));
	close(ends[1]);
	snprintf(number, sizeof(number), "%d", ends[0]);
	in.passphrase_fd = number;
	assert_ok(unlock_capsule(&in, &err));
	assert_string_equal(capsule_env(in.capsule, "SCOPE"), "demo");
	close(ends[0]);
}

static void what_does_not_fit_opens_nothing(void **state)
{
	static const struct {
		const char *passphrase;
		mode_t mode;
		const char *cluster, *node;
		const struct pki *recipient;
		enum err_code code;
	} cases[] = {
		{ "wrong", 0600, "test", "node1", &transport, ERR_VERIFY },
		{ PASSPHRASE " ", 0600, "test", "node1", &transport, ERR_VERIFY },
		{ PASSPHRASE, 0600, "test", "node1", &other, ERR_VERIFY },
		{ PASSPHRASE, 0600, "test", "node2", &transport, ERR_VERIFY },
		{ PASSPHRASE, 0600, "prod", "node1", &transport, ERR_VERIFY },
		{ PASSPHRASE, 0640, "test", "node1", &transport, ERR_CONFIG },
		{ PASSPHRASE, 0604, "test", "node1", &transport, ERR_CONFIG },
		{ "", 0600, "test", "node1", &transport, ERR_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(install_release) struct install in = { .node = NULL };
		struct err err = ERR_INIT;

		stage_secrets(&in, cases[i].cluster, cases[i].node, cases[i].recipient);
		if (unlock_with(&in, cases[i].passphrase, cases[i].mode, &err) !=
		    -(int)cases[i].code)
			fail_msg("case %zu: %d %s", i, err.code, err.msg);
		assert_null(in.capsule);
		assert_null(strstr(err.msg, PASSPHRASE));
	}
}

static void without_file_and_terminal_it_says_what_to_do(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		CLEANUP(install_release) struct install in = { .node = NULL };
		struct err err = ERR_INIT;
		int r = 0;

		setsid(); /* no controlling terminal */
		stage_secrets(&in, "test", "node1", &transport);
		r = unlock_capsule(&in, &err);
		install_release(&in);
		_exit(r == -ERR_USAGE && strstr(err.msg, "--passphrase-file") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_bundle_without_this_nodes_secrets_is_refused(void **state)
{
	CLEANUP(install_release) struct install in = { .node = NULL };
	struct err err = ERR_INIT;

	(void)state;
	stage_secrets(&in, "test", "node1", &transport);
	in.node = "node3";
	assert_fails(ERR_VERIFY, unlock_with(&in, PASSPHRASE, 0600, &err));
	assert_contains(err.msg, "nodes/node3.key");
	in.passphrase_path = "/nonexistent";
	in.node = "node1";
	assert_fails(ERR_USAGE, unlock_capsule(&in, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_passphrase_opens_the_capsule),
		cmocka_unit_test(a_wrong_passphrase_is_told_whose_is_wanted),
		cmocka_unit_test(the_passphrase_comes_from_a_descriptor_too),
		cmocka_unit_test(what_does_not_fit_opens_nothing),
		cmocka_unit_test(without_file_and_terminal_it_says_what_to_do),
		cmocka_unit_test(a_bundle_without_this_nodes_secrets_is_refused),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
