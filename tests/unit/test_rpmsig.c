/* SPDX-License-Identifier: Apache-2.0 */
/* rpmsig.c against RPMs that signed_rpms.sh signs with throw-away keys. */
#include "unit.h"

#include <fcntl.h>

#include "file.h"
#include "rpmsig.h"
#include "signed_rpms.h"

DEFINE_CLEANUP(struct rpmsig_keyring *, rpmsig_keyring_free);
DEFINE_CLEANUP(struct rpmsig_payload *, rpmsig_payload_free);

static void load(const char *name, struct pgp_keys *keys)
{
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err;

	assert_ok(file_read(signed_path(name), 0, ERR_FAILED, &data, &size, &err));
	assert_ok(pgp_read(name, data, size, keys, &err));
}

/* A keyring of the one key in NAME.asc, whose fingerprint goes to RET_FPR unless that is NULL. */
static struct rpmsig_keyring *keyring_of(const char *name, char *ret_fpr)
{
	struct rpmsig_keyring *k = NULL;
	struct pgp_keys keys = PGP_KEYS_INIT;
	const char *pins[] = { NULL, NULL };
	char file[32];
	struct err err;

	snprintf(file, sizeof(file), "%s.asc", name);
	load(file, &keys);
	pins[0] = keys.items[0].fpr;
	assert_ok(rpmsig_keyring_new(&keys, pins, &k, &err));
	if (ret_fpr)
		memcpy(ret_fpr, keys.items[0].fpr, PGP_FPR_SIZE);
	pgp_keys_release(&keys);
	return k;
}

static void assert_good(const char *key, const char *rpm, bool expired)
{
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = NULL;
	char fpr[PGP_FPR_SIZE];
	struct err err;

	k = keyring_of(key, fpr);
	assert_ok(rpmsig_check_file(k, signed_path(rpm), &info, &err));
	assert_string_equal(info.signer, fpr);
	assert_string_equal(info.nevra, "pgha-test-1:2.0-3.noarch");
	assert_int_equal(info.key_expired, expired);
	assert_true(info.signed_at > 0);
}

static void assert_refused(const char *key, const char *rpm, const char *word)
{
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = keyring_of(key, NULL);
	struct err err;

	assert_fails(ERR_VERIFY, rpmsig_check_file(k, signed_path(rpm), &info, &err));
	assert_contains(err.msg, rpm);
	assert_contains(err.msg, word);
	assert_null(info.nevra);
	assert_string_equal(info.signer, "");
}

static void a_package_signed_by_a_pinned_key_tells_signer_and_nevra(void **state)
{
	(void)state;
	assert_good("vendor", "vendor.rpm", false);
	assert_good("other", "other.rpm", false);
}

static void a_subkeys_signature_is_the_primary_keys(void **state)
{
	(void)state;
	assert_good("subkey", "subkey.rpm", false);
}

static void a_signature_from_before_the_key_expired_is_accepted(void **state)
{
	(void)state;
	assert_good("expired", "expired.rpm", true);
}

static void a_signature_from_after_the_key_expired_is_refused(void **state)
{
	(void)state;
	assert_refused("expired", "late.rpm", "2020-01-10T00:00:00Z, after its key");
}

static void an_unsigned_package_is_refused(void **state)
{
	(void)state;
	assert_refused("vendor", "unsigned.rpm", "is not signed, it has digests at the most");
}

static void another_vendors_signature_is_refused(void **state)
{
	(void)state;
	assert_refused("vendor", "other.rpm", "pinned");
	assert_refused("other", "vendor.rpm", "pinned");
	assert_refused("vendor", "dsa.rpm", "signed by the DSA key");
	if (access(signed_path("eddsa.rpm"), F_OK) == 0)
		assert_refused("vendor", "eddsa.rpm", "signed by the EdDSA key");
	assert_refused("vendor", "weak.rpm", "pinned");
}

static void a_weak_hash_is_refused(void **state)
{
	(void)state;
	assert_refused("vendor", "sha1.rpm", "SHA-1");
}

/* Where the header begins: behind the lead and the signature header, whose length is a multiple
 * of 8 (the file format of RPM 4). */
static size_t header_offset(const unsigned char *rpm)
{
	const unsigned char *s = rpm + 96;
	size_t entries = (size_t)s[8] << 24 | (size_t)s[9] << 16 | (size_t)s[10] << 8 | s[11];
	size_t bytes = (size_t)s[12] << 24 | (size_t)s[13] << 16 | (size_t)s[14] << 8 | s[15];

	return 96 + 16 + ((16 * entries + bytes + 7) & ~(size_t)7);
}

static void any_changed_byte_of_header_or_payload_is_refused(void **state)
{
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = keyring_of("vendor", NULL);
	cleanup_free char *data = NULL;
	size_t size = 0, start, n = 0;
	struct err err;

	(void)state;
	assert_ok(file_read(signed_path("vendor.rpm"), 0, ERR_FAILED, &data, &size, &err));
	start = header_offset((unsigned char *)data);
	assert_true(start < size);
	for (size_t i = start; i < size; i = i + 97 < size || i == size - 1 ? i + 97 : size - 1) {
		struct rpmsig_info info = RPMSIG_INFO_INIT;

		data[i] ^= 1;
		assert_ok(file_write_atomic(signed_path("bad.rpm"), 0644, data, size, &err));
		assert_fails(ERR_VERIFY, rpmsig_check_file(k, signed_path("bad.rpm"), &info, &err));
		data[i] ^= 1;
		n++;
	}
	assert_true(n > 20);
}

static void bytes_behind_or_missing_at_the_end_are_refused(void **state)
{
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = keyring_of("vendor", NULL);
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err;

	(void)state;
	assert_ok(file_read(signed_path("vendor.rpm"), 0, ERR_FAILED, &data, &size, &err));
	assert_ok(file_write_atomic(signed_path("bad.rpm"), 0644, data, size - 1, &err));
	assert_fails(ERR_VERIFY, rpmsig_check_file(k, signed_path("bad.rpm"), &info, &err));
	/* The terminating NUL of file_read() is the one byte more. */
	assert_ok(file_write_atomic(signed_path("bad.rpm"), 0644, data, size + 1, &err));
	assert_fails(ERR_VERIFY, rpmsig_check_file(k, signed_path("bad.rpm"), &info, &err));
	assert_ok(file_write_atomic(signed_path("bad.rpm"), 0644, "no package", 10, &err));
	assert_fails(ERR_VERIFY, rpmsig_check_file(k, signed_path("bad.rpm"), &info, &err));
}

/* What rpmsig_check() says of this content when its payload was fed in pieces of that size. */
static int check_fed(const char *data, size_t size, size_t piece, struct err *ret)
{
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = keyring_of("vendor", NULL);
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	CLEANUP(rpmsig_payload_freep) struct rpmsig_payload *payload = NULL;
	cleanup_close int fd = -1;
	struct err err;

	assert_ok(file_write_atomic(signed_path("fed.rpm"), 0644, data, size, &err));
	fd = open(signed_path("fed.rpm"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(rpmsig_payload_new(&payload, &err));
	for (size_t at = 0; at < size; at += piece)
		rpmsig_payload_update(payload, data + at, size - at < piece ? size - at : piece);
	return rpmsig_check(k, fd, "fed.rpm", payload, &info, ret);
}

static void a_payload_that_was_fed_is_judged_as_one_that_is_read(void **state)
{
	static const size_t pieces[] = { 1, 7, 100, 4096, 1 << 20 };
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err;

	(void)state;
	assert_ok(file_read(signed_path("vendor.rpm"), 0, ERR_FAILED, &data, &size, &err));
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		assert_ok(check_fed(data, size, pieces[i], &err));
		data[size - 1] ^= 1;
		assert_fails(ERR_VERIFY, check_fed(data, size, pieces[i], &err));
		data[size - 1] ^= 1;
		assert_fails(ERR_VERIFY, check_fed(data, size - 1, pieces[i], &err));
		assert_fails(ERR_VERIFY, check_fed(data, size + 1, pieces[i], &err));
	}
	/* A header that says that it reaches far behind the end. */
	memset(data + 96 + 8, 0xff, 8);
	assert_fails(ERR_VERIFY, check_fed(data, size, size, &err));
}

static void pinned_keys_must_be_there_and_sound(void **state)
{
	static const struct {
		const char *file, *word;
	} rows[] = { { "revoked.asc", "revoked" },
		     { "weak.asc", "weak" },
		     { "dsa.asc", "DSA" },
		     { "ecdsa.asc", "ECDSA" },
		     { "eddsa.asc", "EdDSA" } };
	static const char *const nobody[] = { "0123456789012345678901234567890123456789", NULL };
	static const char *const none[] = { NULL };
	struct rpmsig_keyring *k = NULL;
	struct pgp_keys vendor = PGP_KEYS_INIT;
	struct err err;

	(void)state;
	load("vendor.asc", &vendor);
	assert_fails(ERR_VERIFY, rpmsig_keyring_new(&vendor, nobody, &k, &err));
	assert_contains(err.msg, nobody[0]);
	assert_fails(ERR_VERIFY, rpmsig_keyring_new(&vendor, none, &k, &err));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pgp_keys keys = PGP_KEYS_INIT;
		const char *pins[] = { NULL, NULL };

		load(rows[i].file, &keys);
		pins[0] = keys.items[0].fpr;
		assert_fails(ERR_VERIFY, rpmsig_keyring_new(&keys, pins, &k, &err));
		assert_contains(err.msg, rows[i].word);
		pgp_keys_release(&keys);
	}
	assert_null(k);
	pgp_keys_release(&vendor);
}

static void keys_of_the_file_that_are_not_pinned_do_not_count(void **state)
{
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = NULL;
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	struct pgp_keys both = PGP_KEYS_INIT;
	const char *pins[] = { NULL, NULL };
	struct err err;

	(void)state;
	load("both.asc", &both);
	assert_int_equal(both.count, 2);
	pins[0] = both.items[1].fpr;
	assert_ok(rpmsig_keyring_new(&both, pins, &k, &err));
	assert_fails(ERR_VERIFY, rpmsig_check_file(k, signed_path("other.rpm"), &info, &err));
	assert_ok(rpmsig_check_file(k, signed_path("vendor.rpm"), &info, &err));
	pgp_keys_release(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_package_signed_by_a_pinned_key_tells_signer_and_nevra),
		cmocka_unit_test(a_subkeys_signature_is_the_primary_keys),
		cmocka_unit_test(a_signature_from_before_the_key_expired_is_accepted),
		cmocka_unit_test(a_signature_from_after_the_key_expired_is_refused),
		cmocka_unit_test(an_unsigned_package_is_refused),
		cmocka_unit_test(another_vendors_signature_is_refused),
		cmocka_unit_test(a_weak_hash_is_refused),
		cmocka_unit_test(any_changed_byte_of_header_or_payload_is_refused),
		cmocka_unit_test(a_payload_that_was_fed_is_judged_as_one_that_is_read),
		cmocka_unit_test(bytes_behind_or_missing_at_the_end_are_refused),
		cmocka_unit_test(pinned_keys_must_be_there_and_sound),
		cmocka_unit_test(keys_of_the_file_that_are_not_pinned_do_not_count),
	};

	return cmocka_run_group_tests(tests, signed_set_up, signed_tear_down);
}
