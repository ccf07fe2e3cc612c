/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "verifier.h"

static void a_verifier_knows_its_secret_and_no_other(void **state)
{
	static const char *const others[] = { "", "geheim ", "Geheim", "geheimgeheim" };
	cleanup_free char *verifier = NULL;
	struct err err = ERR_INIT;
	bool same = false;

	(void)state;
	assert_ok(verifier_make("geheim", &verifier, &err));
	assert_null(strstr(verifier, "geheim"));
	assert_null(strpbrk(verifier, " \n"));
	assert_ok(verifier_check(verifier, "geheim", &same, &err));
	assert_true(same);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_ok(verifier_check(verifier, others[i], &same, &err));
		assert_false(same);
	}
}

static void two_verifiers_of_one_secret_differ(void **state)
{
	cleanup_free char *a = NULL;
	cleanup_free char *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(verifier_make("geheim", &a, &err));
	assert_ok(verifier_make("geheim", &b, &err));
	assert_string_not_equal(a, b);
}

/* PBKDF2 with HMAC-SHA-256 as another implementation has it: Python's hashlib.pbkdf2_hmac("sha256",
 * b"password", b"saltSALTsaltSALT", 4096). */
static void it_is_pbkdf2_with_sha_256(void **state)
{
	static const char known[] =
		"pbkdf2-sha256:4096:73616c7453414c5473616c7453414c54:"
		"9150fa34ce258f3fa0f49507e456a9a71924f682d42f36482b2618848fd38e5a";
	struct err err = ERR_INIT;
	bool same = false;

	(void)state;
	assert_ok(verifier_check(known, "password", &same, &err));
	assert_true(same);
}

static void what_is_no_verifier_is_refused(void **state)
{
#define SALT "00112233445566778899aabbccddeeff"
	static const char *const bad[] = {
		"",
		"pbkdf2-sha256",
		"pbkdf2-sha256:600000:" SALT,
		"pbkdf2-sha256:600000:" SALT ":" SALT,
		"pbkdf2-sha256:0:" SALT ":" SALT SALT,
		"pbkdf2-sha256:99999999999:" SALT ":" SALT SALT,
		"pbkdf2-sha1:600000:" SALT ":" SALT SALT,
		"pbkdf2-sha256:600000:" SALT ":" SALT SALT ":",
	};
	struct err err = ERR_INIT;
	bool same = false;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(ERR_FAILED, verifier_check(bad[i], "geheim", &same, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verifier_knows_its_secret_and_no_other),
		cmocka_unit_test(two_verifiers_of_one_secret_differ),
		cmocka_unit_test(it_is_pbkdf2_with_sha_256),
		cmocka_unit_test(what_is_no_verifier_is_refused),
	};

	return RUN_TESTS(tests);
}
