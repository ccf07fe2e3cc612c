/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "archives.h"
#include "file.h"
#include "trust.h"

static void the_newest_bundle_is_kept_whole(void **state)
{
	static const struct {
		const char *files, *kept; /* NULL: ERR_USAGE */
	} rows[] = {
		{ "/m/whatever.tar", "/m/whatever.tar" },
		{ "/m/pgha-c-9.tar /m/pgha-c-10.tar /m/pgha-c-2.tar", "/m/pgha-c-10.tar" },
		{ "/m/pgha-c-3.1of2.tar /m/pgha-c-3.2of2.tar /m/pgha-c-2.tar",
		  "/m/pgha-c-3.1of2.tar /m/pgha-c-3.2of2.tar" },
		{ "/m/pgha-c-8-from-7.tar /m/pgha-c-7.tar", "/m/pgha-c-8-from-7.tar" },
		{ "/m/pgha-c-8-from-7.tar /m/pgha-c-8.tar", "/m/pgha-c-8.tar" },
		{ "/m/pgha-c-8-from-7.1of2.tar /m/pgha-c-8-from-7.2of2.tar /m/pgha-c-1.tar",
		  "/m/pgha-c-8-from-7.1of2.tar /m/pgha-c-8-from-7.2of2.tar" },
		{ "/m/pgha-c-8.tar ./pgha-c-8.tar", "/m/pgha-c-8.tar" },
		{ "/m/pgha-c-d-8.tar /m/pgha-c-d-9.tar", "/m/pgha-c-d-9.tar" },
		{ "/m/pgha-c-8.tar /m/pgha-d-9.tar", NULL },
		{ "/m/pgha-c-8.tar /m/pgha-c-d-9.tar", NULL },
		{ "/m/pgha-c-8.tar /m/pgha-new.tar", NULL },
		{ "/m/pgha-c-8.tar /m/pgha-8.tar", NULL },
		{ "/m/pgha-c-8.tar /m/pgha-c-99999999999999999999.tar", NULL },
		{ "/m/pgha-c-8.tar /m/pgha-c-x-from-8.tar", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(strv_release) struct strv files = STRV_INIT;
		CLEANUP(str_release) struct str kept = STR_INIT;
		cleanup_free char *copy = strdup(rows[i].files);
		struct err err = ERR_INIT;
		char *save = NULL;

		for (char *f = strtok_r(copy, " ", &save); f; f = strtok_r(NULL, " ", &save))
			assert_ok(strv_add(&files, f, &err));
		if (!rows[i].kept) {
			assert_fails(ERR_USAGE, archives_keep_newest(&files, &err));
			continue;
		}
		assert_ok(archives_keep_newest(&files, &err));
		for (size_t j = 0; j < files.count; j++)
			str_addf(&kept, "%s%s", j ? " " : "", files.items[j]);
		assert_string_equal(kept.buf, rows[i].kept);
	}
}

static void a_ca_that_changes_afterwards_is_not_seen(void **state)
{
	char path[] = "/tmp/pgha-test-trust-XXXXXX";
	const struct trust_source from = { .ca = path, .known = "/none", .place = "/none" };
	CLEANUP(trust_release) struct trust trust = TRUST_INIT;
	CLEANUP(pki_release) struct pki ca = pki_issue("CA", X509_USE_CA, X509_KEY_P256, NULL);
	CLEANUP(str_release) struct str pem = STR_INIT;
	cleanup_close int fd = mkstemp(path);
	cleanup_free char *data = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(fd >= 0);
	assert_ok(x509_to_pem(ca.cert, &pem, &err));
	assert_int_equal(write(fd, pem.buf, pem.len), pem.len);
	assert_ok(trust_find(&from, &trust, &err));
	assert_int_equal(pwrite(fd, "other", 5, 0), 5);
	assert_ok(file_read(trust.path, 0, ERR_FAILED, &data, NULL, &err));
	assert_string_equal(data, pem.buf);
	/* Nor can anybody write there who gets the descriptor. */
	assert_int_equal(pwrite(trust.fd, "other", 5, 0), -1);

	trust_release(&trust);
	assert_fails(ERR_CONFIG, trust_find(&from, &trust, &err));
	assert_contains(err.msg, path);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_bundle_is_kept_whole),
		cmocka_unit_test(a_ca_that_changes_afterwards_is_not_seen),
	};

	return RUN_TESTS(tests);
}
