/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "keys.h"

static char base[64];
static char dir[128];

static int make_base(void **state)
{
	(void)state;
	clock_set(PKI_NOW);
	snprintf(base, sizeof(base), "/tmp/pgha-keys-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	snprintf(dir, sizeof(dir), "%s/keys", base);
	return 0;
}

static int remove_base(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(base, &err);
}

/* Two results may be in use at the same time. */
static const char *in_dir(const char *name)
{
	static char paths[2][512];
	static size_t turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void write_file(const char *path, mode_t mode, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(file_write_atomic(path, mode, text, strlen(text), &err));
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	assert_ok(file_read(from, 0, ERR_FAILED, &text, NULL, &err));
	write_file(to, mode, text);
}

static size_t entries_of(const char *path)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(dir_list(path, &names, &err));
	return names.count;
}

/* -- the directory ---------------------------------------------------------------------------- */

static void init_makes_a_private_directory(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {
		{ "", 0700 },           { "ca.crt", 0644 },     { "ca.key", 0600 },
		{ "signer.crt", 0644 }, { "signer.key", 0600 }, { "sequence", 0600 },
		{ "keys.yaml", 0600 },  { ".gitignore", 0600 }, { "issued.jsonl", 0600 },
	};
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	cleanup_free char *sequence = NULL;
	struct err err = ERR_INIT;
	mode_t mask = umask(0);

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	umask(mask);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(mode_of(in_dir(files[i].name)), files[i].mode);
	assert_int_equal(entries_of(dir), 8);
	assert_int_equal(entries_of(base), 1);
	assert_ok(file_read(in_dir("sequence"), 0, ERR_FAILED, &sequence, NULL, &err));
	assert_string_equal(sequence, "0\n");
	assert_ok(keys_open(dir, &keys, &err));
	assert_int_equal(x509_not_after(keys.ca), PKI_NOW + (time_t)KEYS_CA_DAYS * PKI_DAY);
	assert_int_equal(keys.signer_not_after, PKI_NOW + (time_t)KEYS_SIGNER_DAYS * PKI_DAY);
}

static void init_takes_an_empty_directory_and_a_trailing_slash(void **state)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_ok(keys_init(in_dir(""), &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_int_equal(mode_of(dir), 0700);
	assert_ok(keys_open(dir, &keys, &err));
}

static void init_makes_missing_parents(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(in_dir("a/b"), &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_int_equal(mode_of(in_dir("a/b/ca.key")), 0600);
}

static void init_overwrites_nothing(void **state)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(file_read(in_dir("ca.key"), 0, ERR_FAILED, &before, NULL, &err));
	assert_fails(ERR_FAILED, keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_contains(err.msg, "exists and is not empty");
	assert_contains(err.detail, "pgha-bundle build --keys");
	assert_ok(file_read(in_dir("ca.key"), 0, ERR_FAILED, &after, NULL, &err));
	assert_string_equal(before, after);
	assert_int_equal(entries_of(base), 1);

	assert_fails(ERR_FAILED, keys_init(in_dir("ca.crt"),
					   &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_contains(err.msg, "is no directory");
	assert_fails(ERR_USAGE,
		     keys_init(in_dir("x"), &(struct keys_options){ .cluster = "a b" }, &err));
	assert_fails(ERR_USAGE, keys_init("", &(struct keys_options){ .cluster = "pgha" }, &err));
}

static void an_interrupted_init_leaves_nothing(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct err err = ERR_INIT;

		interrupt_init();
		raise(SIGTERM);
		_exit(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err) ==
				      -ERR_INTERRUPTED
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(entries_of(base), 0);
}

static void open_refuses_what_others_could_read_or_change(void **state)
{
	static const char *const private[] = { "ca.key", "signer.key" };
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_USAGE, keys_open(dir, &keys, &err));
	assert_contains(err.msg, "keys init --out");
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	for (size_t i = 0; i < ARRAY_SIZE(private); i++) {
		assert_int_equal(chmod(in_dir(private[i]), 0640), 0);
		assert_fails(ERR_CONFIG, keys_open(dir, &keys, &err));
		assert_contains(err.msg, private[i]);
		assert_int_equal(chmod(in_dir(private[i]), 0600), 0);
	}
	assert_int_equal(chmod(dir, 0770), 0);
	assert_fails(ERR_CONFIG, keys_open(dir, &keys, &err));
	assert_contains(err.msg, "chmod 700");
	assert_int_equal(chmod(dir, 0700), 0);
	assert_ok(keys_open(dir, &keys, &err));
}

static void open_refuses_an_expired_signer(void **state)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	clock_set(PKI_NOW + (KEYS_SIGNER_DAYS + 1) * (time_t)PKI_DAY);
	assert_fails(ERR_VERIFY, keys_open(dir, &keys, &err));
	assert_contains(err.msg, "expired");
}

static void open_refuses_pairs_that_do_not_belong_together(void **state)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	cleanup_free char *other = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(str_printf(&other, &err, "%s/other", base));
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_init(other, &(struct keys_options){ .cluster = "pgha" }, &err));
	{
		cleanup_free char *cert = NULL;
		cleanup_free char *key = NULL;

		assert_ok(str_printf(&cert, &err, "%s/signer.crt", other));
		assert_ok(str_printf(&key, &err, "%s/signer.key", other));
		copy_file(key, in_dir("signer.key"), 0600);
		assert_fails(ERR_CONFIG, keys_open(dir, &keys, &err));
		assert_contains(err.msg, "do not belong together");
		copy_file(cert, in_dir("signer.crt"), 0644); /* a whole signer of another CA */
		assert_fails(ERR_VERIFY, keys_open(dir, &keys, &err));
		assert_contains(err.msg, "is refused");
	}
}

/* -- nodes ------------------------------------------------------------------------------------ */

static const char *const sans[] = { "node1", "10.0.0.1", NULL };

static struct x509_profile wanted_profile(void)
{
	return (struct x509_profile){
		.organization = "pgha",
		.unit = "etcd",
		.common_name = "node1",
		.sans = sans,
		.usage = X509_USE_SERVER | X509_USE_CLIENT,
	};
}

static void issue(struct keys *keys, const struct x509_profile *wanted, struct str *cert,
		  struct str *key)
{
	struct err err = ERR_INIT;

	str_reset(cert);
	str_reset(key);
	assert_ok(keys_node_certificate(keys, "node1", "etcd-server", wanted, cert, key, &err));
}

static void a_node_certificate_is_kept_while_it_fits(void **state)
{
	static const char *const more[] = { "node1", "10.0.0.1", "10.0.0.2", NULL };
	struct x509_profile wanted = wanted_profile();
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(str_release) struct str cert = STR_INIT, cert2 = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET, key2 = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_open(dir, &keys, &err));
	issue(&keys, &wanted, &cert, &key);
	assert_int_equal(mode_of(in_dir("nodes/node1")), 0700);
	assert_int_equal(mode_of(in_dir("nodes/node1/etcd-server.key")), 0600);
	clock_set(PKI_NOW + 100 * PKI_DAY);
	issue(&keys, &wanted, &cert2, &key2);
	assert_string_equal(cert.buf, cert2.buf);
	assert_string_equal(key.buf, key2.buf);

	wanted.sans = more;
	issue(&keys, &wanted, &cert2, &key2);
	assert_string_not_equal(cert.buf, cert2.buf);
	assert_string_not_equal(key.buf, key2.buf);
	issue(&keys, &wanted, &cert, &key);
	assert_string_equal(cert.buf, cert2.buf);
}

static void a_node_certificate_is_renewed_in_time(void **state)
{
	const time_t renewal = (time_t)(KEYS_NODE_DAYS - KEYS_NODE_RENEW_DAYS) * PKI_DAY;
	struct x509_profile wanted = wanted_profile();
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(str_release) struct str cert = STR_INIT, cert2 = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET, key2 = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_open(dir, &keys, &err));
	issue(&keys, &wanted, &cert, &key);
	clock_set(PKI_NOW + renewal - PKI_DAY);
	issue(&keys, &wanted, &cert2, &key2);
	assert_string_equal(cert.buf, cert2.buf);
	clock_set(PKI_NOW + renewal + PKI_DAY);
	issue(&keys, &wanted, &cert2, &key2);
	assert_string_not_equal(cert.buf, cert2.buf);

	/* Near the CA's end a certificate ends with it, and is then not made again each time. */
	clock_set(PKI_NOW + (time_t)(KEYS_CA_DAYS - 100) * PKI_DAY);
	issue(&keys, &wanted, &cert, &key);
	issue(&keys, &wanted, &cert2, &key2);
	assert_string_equal(cert.buf, cert2.buf);
}

static void a_pair_that_was_left_half_is_made_again(void **state)
{
	struct x509_profile wanted = wanted_profile();
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(str_release) struct str cert = STR_INIT, cert2 = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET, key2 = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_open(dir, &keys, &err));
	issue(&keys, &wanted, &cert, &key);
	assert_int_equal(unlink(in_dir("nodes/node1/etcd-server.crt")), 0);
	issue(&keys, &wanted, &cert2, &key2);
	assert_string_not_equal(key.buf, key2.buf);
	copy_file(in_dir("signer.key"), in_dir("nodes/node1/etcd-server.key"), 0600);
	issue(&keys, &wanted, &cert, &key); /* a new key beside the old certificate */
	assert_string_not_equal(cert.buf, cert2.buf);
	assert_int_equal(chmod(in_dir("nodes/node1/etcd-server.key"), 0644), 0);
	assert_fails(ERR_CONFIG, keys_node_certificate(&keys, "node1", "etcd-server", &wanted,
						       &cert, &key, &err));
	assert_contains(err.msg, "may be read by others");
}

static void no_node_gets_what_is_the_signers_or_the_cas(void **state)
{
	static const unsigned int usages[] = {
		0,           X509_USE_EMAIL, X509_USE_SERVER | X509_USE_BUNDLE,
		X509_USE_CA, X509_USE_SEAL,  X509_USE_CLIENT | X509_USE_EMAIL
	};
	static const char *const names[] = { "../ca", "transport", "", ".x", "a/b" };
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(str_release) struct str cert = STR_INIT;
	CLEANUP(str_release) struct str key = STR_SECRET;
	struct x509_profile wanted = wanted_profile();
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_open(dir, &keys, &err));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_fails(ERR_CONFIG, keys_node_certificate(&keys, "node1", names[i], &wanted,
							       &cert, &key, &err));
	assert_fails(ERR_CONFIG,
		     keys_node_certificate(&keys, "..", "a-b", &wanted, &cert, &key, &err));
	for (size_t i = 0; i < ARRAY_SIZE(usages); i++) {
		wanted.usage = usages[i];
		assert_fails(ERR_CONFIG, keys_node_certificate(&keys, "node1", "a-b", &wanted,
							       &cert, &key, &err));
	}
	assert_int_equal(keys.locked, 0);
}

static void a_transport_key_is_kept(void **state)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(pki_release) struct pki one = { .key = NULL };
	CLEANUP(pki_release) struct pki again = { .key = NULL };
	CLEANUP(pki_release) struct pki two = { .key = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_open(dir, &keys, &err));
	assert_ok(keys_transport(&keys, "node1", &one.cert, &one.key, &err));
	assert_ok(keys_transport(&keys, "node1", &again.cert, &again.key, &err));
	assert_ok(keys_transport(&keys, "node2", &two.cert, &two.key, &err));
	assert_int_equal(X509_cmp(one.cert, again.cert), 0);
	assert_int_equal(X509_check_private_key(one.cert, again.key), 1);
	assert_int_equal(X509_check_private_key(two.cert, one.key), 0);
}

/* -- the sequence ----------------------------------------------------------------------------- */

static void a_sequence_number_counts_when_it_is_committed(void **state)
{
	struct err err = ERR_INIT;
	uint64_t n = 0;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	for (uint64_t expected = 1; expected <= 2; expected++) {
		CLEANUP(keys_release) struct keys keys = KEYS_INIT;

		assert_ok(keys_open(dir, &keys, &err));
		assert_ok(keys_sequence_take(&keys, &n, &err));
		assert_int_equal(n, 1); /* never committed */
	}
	for (uint64_t expected = 1; expected <= 3; expected++) {
		CLEANUP(keys_release) struct keys keys = KEYS_INIT;

		assert_ok(keys_open(dir, &keys, &err));
		assert_ok(keys_sequence_take(&keys, &n, &err));
		assert_int_equal(n, expected);
		assert_ok(keys_sequence_commit(&keys, &err));
		assert_fails(ERR_FAILED, keys_sequence_commit(&keys, &err));
	}
	assert_int_equal(mode_of(in_dir("sequence")), 0600);
}

static void a_damaged_sequence_is_not_guessed(void **state)
{
	static const char *const texts[] = { "", "\n", "-1\n", "1 \n", "99999999999999999999\n" };
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	struct err err = ERR_INIT;
	uint64_t n = 0;

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	assert_ok(keys_open(dir, &keys, &err));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(in_dir("sequence"), 0600, texts[i]);
		assert_fails(ERR_CONFIG, keys_sequence_take(&keys, &n, &err));
		assert_contains(err.msg, "sequence'");
	}
	assert_int_equal(unlink(in_dir("sequence")), 0);
	assert_fails(ERR_CONFIG, keys_sequence_take(&keys, &n, &err));
	assert_int_equal(keys.locked, 0);
}

#define BUILDERS 8

/* A build of its own: 0 when its number is one that nobody had. */
static int build_once(void)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	char path[256];
	struct err err = ERR_INIT;
	uint64_t n = 0;

	if (keys_open(dir, &keys, &err) < 0 || keys_sequence_take(&keys, &n, &err) < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/bundle-%d", base, (int)n);
	if (mkdir(path, 0700) < 0)
		return 2;
	sched_yield();
	return keys_sequence_commit(&keys, &err) < 0 ? 3 : 0;
}

static void builds_at_the_same_time_get_different_numbers(void **state)
{
	struct err err = ERR_INIT;
	pid_t pids[BUILDERS];
	char path[256];

	(void)state;
	assert_ok(keys_init(dir, &(struct keys_options){ .cluster = "pgha" }, &err));
	for (size_t i = 0; i < BUILDERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(build_once());
		assert_true(pids[i] > 0);
	}
	for (size_t i = 0; i < BUILDERS; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	snprintf(path, sizeof(path), "%s/bundle-%d", base, BUILDERS);
	assert_int_equal(mode_of(path), 0700);
}

/* -- passphrases ------------------------------------------------------------------------------ */

DEFINE_CLEANUP(struct keys_passphrases *, keys_passphrases_free);

static void passphrases_are_read_as_they_stand(void **state)
{
	CLEANUP(keys_passphrases_freep) struct keys_passphrases *p = NULL;
	struct err err = ERR_INIT;
	const char *text = NULL;

	(void)state;
	write_file(dir, 0600,
		   "# comment\n\nnode1= with=spaces and \"quotes\" \r\nnode-2=ten-\xc3\xa9\xc3\xa9-"
		   "chars\nnode3=no newline here");
	assert_ok(keys_passphrases_load(dir, &p, &err));
	assert_ok(keys_passphrase(p, "node1", &text, &err));
	assert_string_equal(text, " with=spaces and \"quotes\" ");
	assert_ok(keys_passphrase(p, "node-2", &text, &err));
	assert_ok(keys_passphrase(p, "node3", &text, &err));
	assert_string_equal(text, "no newline here");
	assert_fails(ERR_CONFIG, keys_passphrase(p, "node4", &text, &err));
	assert_contains(err.msg, "no passphrase for node 'node4'");
}

static void bad_passphrase_files_are_refused_without_showing_them(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "node1=hunter2\n", ":1: the passphrase of node 'node1' is shorter than 12" },
		{ "node1=\n", "is shorter than 12" },
		{ "node1=hunter\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\n", "is shorter than 12" },
		{ "\nhunter2 and more text\n", ":2: expected NODE=passphrase" },
		{ "=hunter2 and more text\n", ":1: expected NODE=passphrase" },
		{ "no de=hunter2 and more\n", ":1: expected NODE=passphrase" },
		{ "n=hunter2 and more\nn=hunter2 and more\n", ":2: node 'n' has a passphrase" },
	};
	struct keys_passphrases *p = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_USAGE, keys_passphrases_load(dir, &p, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_file(dir, 0600, cases[i].text);
		assert_fails(ERR_CONFIG, keys_passphrases_load(dir, &p, &err));
		assert_contains(err.msg, cases[i].message);
		assert_null(strstr(err.msg, "hunter"));
	}
	write_file(dir, 0640, "node1=a long passphrase\n");
	assert_fails(ERR_CONFIG, keys_passphrases_load(dir, &p, &err));
	assert_contains(err.msg, "may be read by others");
	assert_ok(file_write_atomic(dir, 0600, "n=long enough for all\0x\n", 24, &err));
	assert_fails(ERR_CONFIG, keys_passphrases_load(dir, &p, &err));
	assert_null(p);
}

#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(init_makes_a_private_directory),
		KEYS_TEST(init_takes_an_empty_directory_and_a_trailing_slash),
		KEYS_TEST(init_makes_missing_parents),
		KEYS_TEST(init_overwrites_nothing),
		KEYS_TEST(an_interrupted_init_leaves_nothing),
		KEYS_TEST(open_refuses_what_others_could_read_or_change),
		KEYS_TEST(open_refuses_an_expired_signer),
		KEYS_TEST(open_refuses_pairs_that_do_not_belong_together),
		KEYS_TEST(a_node_certificate_is_kept_while_it_fits),
		KEYS_TEST(a_node_certificate_is_renewed_in_time),
		KEYS_TEST(a_pair_that_was_left_half_is_made_again),
		KEYS_TEST(no_node_gets_what_is_the_signers_or_the_cas),
		KEYS_TEST(a_transport_key_is_kept),
		KEYS_TEST(a_sequence_number_counts_when_it_is_committed),
		KEYS_TEST(a_damaged_sequence_is_not_guessed),
		KEYS_TEST(builds_at_the_same_time_get_different_numbers),
		KEYS_TEST(passphrases_are_read_as_they_stand),
		KEYS_TEST(bad_passphrase_files_are_refused_without_showing_them),
	};

	return RUN_TESTS(tests);
}
