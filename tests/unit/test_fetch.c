/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c: RPMs and keys of signed_rpms.sh as a repository of file: URLs. */
#include "unit.h"

#include <sys/stat.h>

#include "cache.h"
#include "digest.h"
#include "fetch.h"
#include "file.h"
#include "progress.h"
#include "signed_rpms.h"

#define NEVRA "pgha-test-1:2.0-3.noarch"
#define SECOND "pgha-second-1:2.0-3.noarch"

static char cache[64];

static int set_up(void **state)
{
	progress_set_quiet(true);
	return signed_set_up(state);
}

static int clean(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(cache, &err);
}

static void fingerprint_of(const char *name, char ret[PGP_FPR_SIZE])
{
	struct pgp_keys keys = PGP_KEYS_INIT;
	cleanup_free char *data = NULL;
	char file[32];
	size_t size = 0;
	struct err err;

	snprintf(file, sizeof(file), "%s.asc", name);
	assert_ok(file_read(signed_path(file), 0, ERR_FAILED, &data, &size, &err));
	assert_ok(pgp_read(file, data, size, &keys, &err));
	memcpy(ret, keys.items[0].fpr, PGP_FPR_SIZE);
	pgp_keys_release(&keys);
}

/* One package of a repository: RPM is what the file is called, PIN whose fingerprint is pinned
 * (NULL: nobody's), KEY which file the gpgkey URL leads to. */
struct wanted {
	const char *rpm, *pin, *key, *nevra;
};

static void add_repo(struct str *text, unsigned int i, const struct wanted *w)
{
	char fpr[PGP_FPR_SIZE] = "";

	if (w->pin)
		fingerprint_of(w->pin, fpr);
	str_addf(text,
		 "  - {id: r%u, baseurl: \"file://%s\", repomd: "
		 "\"0000000000000000000000000000000000000000000000000000000000000000\", "
		 "keys: [%s]",
		 i, signed_dir, fpr);
	if (w->key)
		str_addf(text, ", gpgkey: [\"file://%s/%s\"]", signed_dir, w->key);
	str_add(text, "}\n");
}

static void add_rpm(struct str *text, unsigned int i, const struct wanted *w)
{
	char hex[SHA256_HEX_SIZE], file[32];
	uint64_t size = 0;
	struct err err;

	snprintf(file, sizeof(file), "%s.rpm", w->rpm);
	assert_ok(sha256_file(signed_path(file), hex, &size, &err));
	str_addf(text,
		 "  - {nevra: \"%s\", repo: r%u, path: %s, size: %llu, sha256: \"%s\", "
		 "license: none, reason: requested}\n",
		 w->nevra ? w->nevra : NEVRA, i, file, (unsigned long long)size, hex);
}

static void make_lock(const struct wanted *w, size_t count, struct lock *lock)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err;

	snprintf(cache, sizeof(cache), "%s/cache", signed_dir);
	str_add(&text, "pgha-lock: 1\nplatform: {id: \"platform:el8\", arch: x86_64}\nrepos:\n");
	for (size_t i = 0; i < count; i++)
		add_repo(&text, (unsigned int)i, &w[i]);
	str_add(&text, "rpms:\n");
	for (size_t i = 0; i < count; i++)
		add_rpm(&text, (unsigned int)i, &w[i]);
	str_add(&text, "wheels: []\n");
	assert_ok(str_check(&text, &err));
	assert_ok(lock_parse("test.lock", text.buf, text.len, lock, &err));
}

/* Files below CACHE/sha256 and CACHE/incoming, so also half-done ones. */
static size_t count_files(const char *dir)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;
	struct stat st;
	size_t n = 0;

	if (lstat(dir, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return 1;
	assert_ok(dir_list(dir, &names, &err));
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = NULL;

		assert_ok(path_join(dir, names.items[i], &path, &err));
		n += count_files(path);
	}
	return n;
}

static size_t cached_rpms(void)
{
	char admitted[96], incoming[96];

	snprintf(admitted, sizeof(admitted), "%s/sha256", cache);
	snprintf(incoming, sizeof(incoming), "%s/incoming", cache);
	return count_files(admitted) + count_files(incoming);
}

static int fetch(const struct lock *lock, struct fetch_result *ret, struct err *err)
{
	const struct fetch_options options = { .cache = cache };

	return fetch_all(lock, &options, ret, err);
}

static void a_signed_package_enters_the_cache_with_its_signer(void **state)
{
	static const struct wanted w[] = { { "vendor", "vendor", "both.asc", NULL } };
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	const struct lock_rpm *rpm = NULL;
	char hex[SHA256_HEX_SIZE], fpr[PGP_FPR_SIZE];
	struct pgp_keys keys = PGP_KEYS_INIT;
	struct err err;

	(void)state;
	make_lock(w, 1, &lock);
	rpm = lock.rpms.items;
	fingerprint_of("vendor", fpr);
	assert_ok(fetch(&lock, &result, &err));
	assert_int_equal(result.rpm_count, 1);
	assert_string_equal(result.rpms[0].signer, fpr);
	assert_ok(sha256_file(result.rpms[0].path, hex, NULL, &err));
	assert_string_equal(hex, rpm->sha256);
	assert_int_equal(result.key_count, 1); /* the pinned one, not all of the file */
	assert_string_equal(result.keys[0].fpr, fpr);
	assert_ok(
		pgp_read("armor", result.keys[0].armor, strlen(result.keys[0].armor), &keys, &err));
	assert_int_equal(keys.count, 1);
	assert_string_equal(keys.items[0].fpr, fpr);
	assert_int_equal(result.downloaded.files, 1);
	assert_int_equal(result.new_keys, 1);
	pgp_keys_release(&keys);
}

static void a_second_run_needs_the_repository_no_more(void **state)
{
	static const struct wanted w[] = { { "vendor", "vendor", "vendor.asc", NULL },
					   { "second", "other", "other.asc", SECOND } };
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result first = FETCH_RESULT_INIT;
	CLEANUP(fetch_result_release) struct fetch_result second = FETCH_RESULT_INIT;
	struct lock_repo *repos = NULL;
	struct err err;

	(void)state;
	make_lock(w, 2, &lock);
	assert_ok(fetch(&lock, &first, &err));
	assert_int_equal(first.downloaded.files, 2);
	assert_int_equal(first.new_keys, 2);
	repos = lock.repos.items;
	for (size_t i = 0; i < lock.repos.count; i++) {
		free(repos[i].baseurl);
		assert_ok(str_dup(&repos[i].baseurl, "file:///nonexistent", &err));
		free(repos[i].gpgkey.items[0]);
		assert_ok(str_dup(&repos[i].gpgkey.items[0], "file:///nonexistent/key", &err));
	}
	assert_ok(fetch(&lock, &second, &err));
	assert_int_equal(second.downloaded.files, 0);
	assert_int_equal(second.cached.files, 2);
	assert_int_equal(second.key_count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(second.rpms[i].signer, first.rpms[i].signer);
	assert_string_equal(second.keys[0].armor, first.keys[0].armor);
}

static void what_no_pinned_key_signed_never_stays_in_the_cache(void **state)
{
	static const struct {
		struct wanted w;
		const char *word;
	} rows[] = {
		{ { "unsigned", "vendor", "vendor.asc", NULL }, "'" NEVRA "' is not signed" },
		{ { "other", "vendor", "both.asc", NULL }, "which is not pinned (pinned: " },
		{ { "vendor", "vendor", "vendor.asc", "pgha-test-1:2.0-4.noarch" }, NEVRA },
		{ { "vendor", NULL, "vendor.asc", NULL }, "'r0: [FINGERPRINT]'" },
		{ { "vendor", "vendor", NULL, NULL }, "gpgkey=URL" },
		{ { "vendor", "vendor", "other.asc", NULL }, "not among" },
		{ { "revoked", "revoked", "revoked.asc", NULL }, "revoked" },
		{ { "weak", "weak", "weak.asc", NULL }, "weak" },
		{ { "dsa", "dsa", "dsa.asc", NULL }, "DSA" },
		{ { "sha1", "vendor", "vendor.asc", NULL }, "weak signature (SHA-1) by key" },
		{ { "late", "expired", "expired.asc", NULL }, "after its key" },
		{ { "vendor", "vendor", "vendor.rpm", NULL }, "r0" }, /* no key at all */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(lock_release) struct lock lock = LOCK_INIT;
		CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
		struct err err;

		make_lock(&rows[i].w, 1, &lock);
		assert_fails(ERR_VERIFY, fetch(&lock, &result, &err));
		assert_contains(err.msg, rows[i].word);
		assert_int_equal(cached_rpms(), 0);
		clean(NULL);
	}
}

static void each_repository_has_its_own_pins(void **state)
{
	/* Both keys are pinned, each for the other's repository. */
	static const struct wanted w[] = { { "vendor", "other", "both.asc", NULL },
					   { "second", "vendor", "both.asc", SECOND } };
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	struct err err;

	(void)state;
	make_lock(w, 2, &lock);
	assert_fails(ERR_VERIFY, fetch(&lock, &result, &err));
	/* One run shows both, in the lock's order. */
	assert_contains(err.msg, SECOND);
	assert_contains(err.detail, NEVRA);
	assert_int_equal(cached_rpms(), 0);
}

static void an_unsigned_package_planted_in_the_cache_is_found(void **state)
{
	static const struct wanted w[] = { { "unsigned", "vendor", "vendor.asc", NULL } };
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	cleanup_free char *data = NULL;
	char hex[SHA256_HEX_SIZE];
	size_t size = 0;
	struct err err;

	(void)state;
	make_lock(w, 1, &lock);
	assert_ok(file_read(signed_path("unsigned.rpm"), 0, ERR_FAILED, &data, &size, &err));
	assert_ok(cache_put(cache, data, size, hex, &err));
	assert_fails(ERR_VERIFY, fetch(&lock, &result, &err));
	assert_int_equal(cached_rpms(), 0);
}

static void a_damaged_package_or_key_in_the_cache_comes_again(void **state)
{
	static const struct wanted w[] = { { "vendor", "vendor", "vendor.asc", NULL } };
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result first = FETCH_RESULT_INIT;
	CLEANUP(fetch_result_release) struct fetch_result second = FETCH_RESULT_INIT;
	char path[160];
	struct err err;

	(void)state;
	make_lock(w, 1, &lock);
	assert_ok(fetch(&lock, &first, &err));
	assert_ok(file_write_atomic(first.rpms[0].path, 0644, "damaged", 7, &err));
	snprintf(path, sizeof(path), "%s/keys/%s.asc", cache, first.keys[0].fpr);
	assert_ok(file_write_atomic(path, 0644, "damaged", 7, &err));
	assert_ok(fetch(&lock, &second, &err));
	assert_int_equal(second.downloaded.files, 1);
	assert_int_equal(second.new_keys, 1);
}

static void a_file_that_is_not_the_locks_is_refused(void **state)
{
	static const struct wanted w[] = { { "vendor", "vendor", "vendor.asc", NULL } };
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	struct lock_rpm *rpm = NULL;
	struct err err;

	(void)state;
	make_lock(w, 1, &lock);
	rpm = lock.rpms.items;
	rpm->sha256[0] = rpm->sha256[0] == '0' ? '1' : '0';
	assert_fails(ERR_VERIFY, fetch(&lock, &result, &err));
	assert_int_equal(cached_rpms(), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_signed_package_enters_the_cache_with_its_signer),
		TEST(a_second_run_needs_the_repository_no_more),
		TEST(what_no_pinned_key_signed_never_stays_in_the_cache),
		TEST(each_repository_has_its_own_pins),
		TEST(an_unsigned_package_planted_in_the_cache_is_found),
		TEST(a_damaged_package_or_key_in_the_cache_comes_again),
		TEST(a_file_that_is_not_the_locks_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, signed_tear_down);
}
