/* SPDX-License-Identifier: Apache-2.0 */
/* pgp.c against vendors' keys and throw-away ones, with gpg as the judge. */
#include "unit.h"

#include "file.h"
#include "pgp.h"
#include "pgp_packet.h"
#include "proc.h"
#include "signed_rpms.h"
#include "str.h"

#define VENDORS "../shared/data/gpg-keys"

static void load(const char *path, struct pgp_keys *keys)
{
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err;

	assert_ok(file_read(path, 0, ERR_FAILED, &data, &size, &err));
	assert_ok(pgp_read(path, data, size, keys, &err));
}

/* Field N (from 0) of a line of gpg --with-colons. */
static const char *field(const char *line, unsigned int n, char *buf, size_t size)
{
	for (; n > 0; n--)
		line += strcspn(line, ":\n") + 1;
	snprintf(buf, size, "%.*s", (int)strcspn(line, ":\n"), line);
	return buf;
}

#define FIELD(line, n) field(line, n, (char[256]){ 0 }, 256)

static void assert_fingerprint_follows(const char *line, const char *fpr)
{
	const char *next = strstr(line, "\nfpr:");

	assert_non_null(next);
	assert_string_equal(FIELD(next + 1, 9), fpr);
}

/* Every pub, fpr, uid and sub line of gpg's must say what we have read. */
static void assert_as_gpg_says(const char *path)
{
	const char *argv[] = { "gpg",           "--homedir",   signed_dir, "--batch",
			       "--with-colons", "--show-keys", path,       NULL };
	struct proc proc = { .argv = argv };
	struct pgp_keys keys = PGP_KEYS_INIT;
	const struct pgp_key *key = NULL;
	cleanup_free char *out = NULL;
	size_t pubs = 0, subs = 0, uids = 0;
	struct err err;

	load(path, &keys);
	assert_ok(proc_check(&proc, &out, &err));
	for (const char *line = out; *line; line += strcspn(line, "\n") + 1) {
		if (str_starts(line, "pub:")) {
			assert_true(pubs < keys.count);
			key = &keys.items[pubs++];
			subs = uids = 0;
			assert_fingerprint_follows(line, key->fpr);
			assert_int_equal(strcmp(FIELD(line, 1), "r") == 0, key->revoked);
			if (key->algorithm != PGP_ECDSA && key->algorithm != PGP_EDDSA)
				assert_int_equal(atoi(FIELD(line, 2)), key->bits);
			assert_int_equal(atoi(FIELD(line, 3)), key->algorithm);
			assert_int_equal(atol(FIELD(line, 5)), key->created);
			assert_int_equal(atol(FIELD(line, 6)), key->expires);
		} else if (str_starts(line, "uid:") && uids++ == 0) {
			assert_string_equal(FIELD(line, 9), key->user_id);
		} else if (str_starts(line, "sub:")) {
			const struct pgp_subkey *sub = &key->subkeys[subs];

			assert_true(subs++ < key->subkey_count);
			assert_fingerprint_follows(line, sub->fpr);
			assert_int_equal(atoi(FIELD(line, 2)), sub->bits);
			assert_int_equal(atoi(FIELD(line, 3)), sub->algorithm);
			assert_int_equal(atol(FIELD(line, 5)), sub->created);
			assert_int_equal(strchr(FIELD(line, 11), 's') != NULL, sub->bound);
			/* gpg 2.4 shows the primary key's end when that comes earlier. */
			if (sub->bound && atol(FIELD(line, 6)) != key->expires)
				assert_int_equal(atol(FIELD(line, 6)), sub->expires);
		}
	}
	assert_int_equal(pubs, keys.count);
	assert_true(pubs > 0);
	pgp_keys_release(&keys);
}

static void vendors_keys_read_as_gpg_reads_them(void **state)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err;

	(void)state;
	if (access(VENDORS, R_OK) < 0)
		skip();
	assert_ok(dir_list(VENDORS, &names, &err));
	assert_true(names.count >= 8);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = NULL;

		assert_ok(path_join(VENDORS, names.items[i], &path, &err));
		assert_as_gpg_says(path);
	}
}

static void throw_away_keys_read_as_gpg_reads_them(void **state)
{
	static const char *const names[] = { "vendor.asc", "vendor.gpg",  "other.asc",
					     "weak.asc",   "dsa.asc",     "ecdsa.asc",
					     "subkey.asc", "expired.asc", "revoked.asc",
					     "both.asc" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_as_gpg_says(signed_path(names[i]));
}

static void only_sound_keys_pass_the_check(void **state)
{
	static const struct {
		const char *file, *word;
	} rows[] = {
		{ "vendor.asc", NULL },       { "subkey.asc", NULL }, { "expired.asc", NULL },
		{ "revoked.asc", "revoked" }, { "weak.asc", "1024" }, { "dsa.asc", "DSA" },
		{ "ecdsa.asc", "ECDSA" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pgp_keys keys = PGP_KEYS_INIT;
		struct err err;

		load(signed_path(rows[i].file), &keys);
		if (rows[i].word) {
			assert_fails(ERR_VERIFY, pgp_key_check(&keys.items[0], &err));
			assert_contains(err.msg, rows[i].word);
			assert_contains(err.msg, keys.items[0].fpr);
		} else {
			assert_ok(pgp_key_check(&keys.items[0], &err));
		}
		pgp_keys_release(&keys);
	}
}

static void vendors_keys_pass_the_check_but_for_dsa(void **state)
{
	static const struct {
		const char *file;
		size_t index;
		bool good;
	} rows[] = {
		{ "alma__RPM-GPG-KEY-AlmaLinux-8", 0, true },
		{ "alma__RPM-GPG-KEY-AlmaLinux-8", 1, true },
		{ "centos__RPM-GPG-KEY-CentOS-Official", 0, true }, /* self-signed with SHA-1 */
		{ "centos__RPM-GPG-KEY-CentOS-Official-SHA256", 0, true },
		{ "epel__RPM-GPG-KEY-EPEL-8", 0, true },
		{ "postgresql__PGDG-RPM-GPG-KEY-RHEL", 0, true },
		{ "postgresql__RPM-GPG-KEY-PGDG", 0, false },
		{ "redhat__RPM-GPG-KEY-redhat8-release", 0, true },
		{ "redhat__RPM-GPG-KEY-redhat8-release", 1, false },
		{ "rocky__RPM-GPG-KEY-rockyofficial", 0, true },
	};

	(void)state;
	if (access(VENDORS, R_OK) < 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pgp_keys keys = PGP_KEYS_INIT;
		cleanup_free char *path = NULL;
		struct err err;

		assert_ok(path_join(VENDORS, rows[i].file, &path, &err));
		load(path, &keys);
		err = (struct err)ERR_INIT;
		assert_int_equal(pgp_key_check(&keys.items[rows[i].index], &err) == 0,
				 rows[i].good);
		pgp_keys_release(&keys);
	}
}

static void armor_gives_back_the_key_and_gpg_reads_it(void **state)
{
	static const char *const names[] = { "vendor.gpg", "subkey.asc", "expired.asc" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct pgp_keys keys = PGP_KEYS_INIT, again = PGP_KEYS_INIT;
		cleanup_free char *text = NULL;
		struct err err;

		load(signed_path(names[i]), &keys);
		assert_ok(pgp_armor(&keys.items[0], &text, &err));
		assert_ok(
			file_write_atomic(signed_path("armored"), 0644, text, strlen(text), &err));
		assert_as_gpg_says(signed_path("armored"));
		load(signed_path("armored"), &again);
		assert_int_equal(again.items[0].packets_size, keys.items[0].packets_size);
		assert_memory_equal(again.items[0].packets, keys.items[0].packets,
				    keys.items[0].packets_size);
		assert_int_equal(again.items[0].expires, keys.items[0].expires);
		pgp_keys_release(&keys);
		pgp_keys_release(&again);
	}
}

/* Puts TO wherever FROM stands: both the binary end (the key ID) of a fingerprint. */
static void replace_key_id(struct str *s, const char *from_fpr, const char *to_fpr)
{
	unsigned char from[8], to[8];

	assert_true(hex_decode(from, sizeof(from), from_fpr + 24));
	assert_true(hex_decode(to, sizeof(to), to_fpr + 24));
	for (size_t i = 0; i + sizeof(from) <= s->len; i++)
		if (memcmp(s->buf + i, from, sizeof(from)) == 0)
			memcpy(s->buf + i, to, sizeof(to));
}

/* Another key's subkey and its binding, which says that the vendor made it. */
static void a_subkey_that_the_primary_key_did_not_bind_is_left_out(void **state)
{
	struct pgp_keys vendor = PGP_KEYS_INIT, thief = PGP_KEYS_INIT, both = PGP_KEYS_INIT;
	struct pgp_bytes rest;
	struct pgp_packet packet;
	CLEANUP(str_release) struct str mixed = STR_INIT;
	bool on = false;
	struct err err;

	(void)state;
	load(signed_path("vendor.asc"), &vendor);
	load(signed_path("subkey.asc"), &thief);
	assert_true(thief.items[0].subkeys[0].bound);
	str_add_len(&mixed, vendor.items[0].packets, vendor.items[0].packets_size);
	rest = (struct pgp_bytes){ thief.items[0].packets, thief.items[0].packets_size };
	while (pgp_packet_next(&rest, &packet) > 0) {
		on = on || packet.tag == PGP_TAG_PUBLIC_SUBKEY;
		if (on)
			str_add_len(&mixed, packet.whole.data, packet.whole.size);
	}
	assert_true(on);
	replace_key_id(&mixed, thief.items[0].fpr, vendor.items[0].fpr);
	assert_ok(pgp_read("mixed", mixed.buf, mixed.len, &both, &err));
	assert_int_equal(both.items[0].subkey_count, 1);
	assert_false(both.items[0].subkeys[0].bound);
	assert_int_equal(both.items[0].packets_size, vendor.items[0].packets_size);
	pgp_keys_release(&vendor);
	pgp_keys_release(&thief);
	pgp_keys_release(&both);
}

/* Any changed bit is an error, another fingerprint, or a key that does not pass the check, but for
 * octets that no signature covers and nobody reads. */
static void a_changed_bit_never_gives_the_same_key_another_life(void **state)
{
	struct pgp_keys keys = PGP_KEYS_INIT;
	cleanup_free unsigned char *data = NULL;
	size_t size;
	unsigned int refused = 0;
	struct err err;

	(void)state;
	load(signed_path("expired.asc"), &keys);
	size = keys.items[0].packets_size;
	data = malloc(size);
	assert_non_null(data);
	for (size_t i = 0; i < size * 8; i += 3) {
		struct pgp_keys changed = PGP_KEYS_INIT;

		memcpy(data, keys.items[0].packets, size);
		data[i / 8] ^= (unsigned char)(1 << i % 8);
		err = (struct err)ERR_INIT;
		if (pgp_read("changed", data, size, &changed, &err) < 0) {
			refused++;
		} else if (strcmp(changed.items[0].fpr, keys.items[0].fpr) == 0 &&
			   pgp_key_check(&changed.items[0], &err) == 0) {
			assert_int_equal(changed.items[0].expires, keys.items[0].expires);
			assert_int_equal(changed.items[0].created, keys.items[0].created);
		} else {
			refused++;
		}
		pgp_keys_release(&changed);
	}
	assert_true(refused > size * 8 / 3 / 2);
	pgp_keys_release(&keys);
}

/* Also what the sanitizers are for. */
static void truncated_and_random_input_is_refused_quietly(void **state)
{
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err;

	(void)state;
	assert_ok(file_read(signed_path("subkey.asc"), 0, ERR_FAILED, &data, &size, &err));
	for (size_t n = 0; n + 2 < size; n++) {
		struct pgp_keys keys = PGP_KEYS_INIT;

		assert_fails(ERR_VERIFY, pgp_read("cut", data, n, &keys, &err));
		pgp_keys_release(&keys);
	}
	srandom(1);
	for (unsigned int round = 0; round < 2000; round++) {
		unsigned char noise[400];
		struct pgp_keys keys = PGP_KEYS_INIT;
		struct pgp_signature sig;

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (unsigned char)random();
		noise[0] = round % 2 ? 0x99 : 0xc2;
		noise[1] = 0;
		err = (struct err)ERR_INIT;
		if (pgp_read("noise", noise, sizeof(noise), &keys, &err) == 0)
			assert_true(keys.count > 0);
		if (pgp_signature_read("noise", noise, sizeof(noise), &sig, &err) < 0)
			assert_int_equal(err.code, ERR_VERIFY);
		pgp_keys_release(&keys);
	}
}

static void what_holds_no_public_key_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"hello\n",
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n",
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAA\n=AAAA\n-----END PGP PUBLIC KEY "
		"BLOCK-----\n",
		"-----BEGIN PGP "
		"PRIVATE KEY BLOCK-----\n\nlQ==\n-----END PGP PRIVATE KEY "
		"BLOCK-----\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct pgp_keys keys = PGP_KEYS_INIT;
		struct err err;

		assert_fails(ERR_VERIFY, pgp_read("text", texts[i], strlen(texts[i]), &keys, &err));
		assert_int_equal(keys.count, 0);
	}
}

static void a_wrong_checksum_of_the_armor_is_refused(void **state)
{
	struct pgp_keys keys = PGP_KEYS_INIT;
	cleanup_free char *data = NULL;
	char *sum = NULL;
	size_t size = 0;
	struct err err;

	(void)state;
	assert_ok(file_read(signed_path("vendor.asc"), 0, ERR_FAILED, &data, &size, &err));
	sum = strstr(data, "\n=");
	assert_non_null(sum);
	sum[2] = sum[2] == 'A' ? 'B' : 'A';
	assert_fails(ERR_VERIFY, pgp_read("sum", data, size, &keys, &err));
}

static void read_all(const char *name, char **ret, size_t *ret_size)
{
	struct err err;

	assert_ok(file_read(signed_path(name), 0, ERR_FAILED, ret, ret_size, &err));
}

/* Verifies SIGNATURE (a file's name) over the document by PIN's key; KEYS is the file of keys. */
static int verify(const char *signature, const char *pin, const char *key_file,
		  struct pgp_signer *ret, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	CLEANUP(pgp_keys_release) struct pgp_keys pinned = PGP_KEYS_INIT;
	cleanup_free char *document = NULL;
	cleanup_free char *sig = NULL;
	size_t size = 0;
	size_t sig_size = 0;

	load(signed_path(key_file), &keys);
	load(signed_path(pin), &pinned);
	read_all("document", &document, &size);
	read_all(signature, &sig, &sig_size);
	return pgp_verify_detached("document", sig, sig_size, document, size, &keys,
				   (const char *const[]){ pinned.items[0].fpr, NULL }, ret, err);
}

static void a_detached_signature_by_a_pinned_key_verifies(void **state)
{
	static const struct {
		const char *signature, *pin, *keys;
		bool expired;
	} rows[] = {
		{ "vendor.sig", "vendor.asc", "vendor.asc", false },
		{ "vendor.sig", "vendor.asc", "both.asc", false },
		{ "binary.sig", "vendor.asc", "vendor.asc", false },
		{ "sha512.sig", "vendor.asc", "vendor.asc", false },
		{ "two.sig", "vendor.asc", "both.asc", false },
		{ "two.sig", "other.asc", "other.asc", false },
		{ "subkey.sig", "subkey.asc", "subkey.asc", false },
		{ "expired.sig", "expired.asc", "expired.asc", true }, /* made before */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(pgp_keys_release) struct pgp_keys pinned = PGP_KEYS_INIT;
		struct pgp_signer signer;
		struct err err;

		assert_ok(verify(rows[i].signature, rows[i].pin, rows[i].keys, &signer, &err));
		load(signed_path(rows[i].pin), &pinned);
		assert_string_equal(signer.fpr, pinned.items[0].fpr);
		assert_int_equal(signer.key_expired, rows[i].expired);
		assert_true(signer.signed_at > pinned.items[0].created - 1);
	}
}

static void any_other_detached_signature_is_refused(void **state)
{
	static const struct {
		const char *signature, *pin, *keys, *word;
	} rows[] = {
		{ "other.sig", "vendor.asc", "vendor.asc", "not signed by a pinned key" },
		{ "other.sig", "vendor.asc", "both.asc", "which is not pinned" },
		{ "vendor.sig", "vendor.asc", "other.asc", "not signed by a pinned key" },
		{ "sha1.sig", "vendor.asc", "vendor.asc", "SHA-1" },
		{ "text.sig", "vendor.asc", "vendor.asc", "none of version 4 over a document" },
		{ "weak.sig", "weak.asc", "weak.asc", "1024" },
		{ "dsa.sig", "dsa.asc", "dsa.asc", "DSA" },
		{ "ecdsa.sig", "ecdsa.asc", "ecdsa.asc", "ECDSA" },
		{ "revoked.sig", "revoked.asc", "revoked.asc", "revoked" },
		{ "late.sig", "expired.asc", "expired.asc", "after that had expired" },
		{ "document", "vendor.asc", "vendor.asc", "no OpenPGP signature" },
		{ "vendor.asc", "vendor.asc", "vendor.asc", "no OpenPGP signature" },
		{ "vendor.gpg", "vendor.asc", "vendor.asc", "something else" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pgp_signer signer;
		struct err err;

		assert_fails(ERR_VERIFY,
			     verify(rows[i].signature, rows[i].pin, rows[i].keys, &signer, &err));
		assert_contains(err.msg, rows[i].word);
	}
}

static void a_changed_bit_of_document_or_signature_is_refused(void **state)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	cleanup_free char *document = NULL;
	cleanup_free char *sig = NULL;
	size_t size = 0;
	size_t sig_size = 0;
	struct pgp_signer signer;
	struct err err;

	(void)state;
	load(signed_path("vendor.asc"), &keys);
	read_all("document", &document, &size);
	read_all("binary.sig", &sig, &sig_size);
	const char *const pins[] = { keys.items[0].fpr, NULL };

	for (size_t i = 0; i < sig_size; i++) {
		/* Unhashed subpackets name the issuer, and prove nothing: they may change. */
		bool verified = false;

		sig[i] ^= 0x10;
		verified = pgp_verify_detached("document", sig, sig_size, document, size, &keys,
					       pins, &signer, &err) == 0;
		assert_true(!verified || !strcmp(signer.fpr, keys.items[0].fpr));
		assert_true(!verified || i < 80);
		sig[i] ^= 0x10;
		assert_fails(ERR_VERIFY, pgp_verify_detached("document", sig, i, document, size,
							     &keys, pins, &signer, &err));
	}
	for (size_t i = 0; i < size; i += 7) {
		document[i] ^= 1;
		assert_fails(ERR_VERIFY, pgp_verify_detached("document", sig, sig_size, document,
							     size, &keys, pins, &signer, &err));
		document[i] ^= 1;
	}
	assert_ok(pgp_verify_detached("document", sig, sig_size, document, size, &keys, pins,
				      &signer, &err));
	assert_fails(ERR_VERIFY, pgp_verify_detached("document", sig, sig_size, document, size - 1,
						     &keys, pins, &signer, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vendors_keys_read_as_gpg_reads_them),
		cmocka_unit_test(throw_away_keys_read_as_gpg_reads_them),
		cmocka_unit_test(only_sound_keys_pass_the_check),
		cmocka_unit_test(vendors_keys_pass_the_check_but_for_dsa),
		cmocka_unit_test(armor_gives_back_the_key_and_gpg_reads_it),
		cmocka_unit_test(a_subkey_that_the_primary_key_did_not_bind_is_left_out),
		cmocka_unit_test(a_changed_bit_never_gives_the_same_key_another_life),
		cmocka_unit_test(truncated_and_random_input_is_refused_quietly),
		cmocka_unit_test(what_holds_no_public_key_is_refused),
		cmocka_unit_test(a_wrong_checksum_of_the_armor_is_refused),
		cmocka_unit_test(a_detached_signature_by_a_pinned_key_verifies),
		cmocka_unit_test(any_other_detached_signature_is_refused),
		cmocka_unit_test(a_changed_bit_of_document_or_signature_is_refused),
	};

	return cmocka_run_group_tests(tests, signed_set_up, signed_tear_down);
}
