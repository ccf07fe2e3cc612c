/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "secrets.h"
#include "weakness.h"

static char around[][20] = { "BASE_ROOT_PASSWORD", "keeper", "my-cluster", "node1", "", "b", "d" };
static char *pointers[] = { around[0], around[1], around[2], around[3],
			    around[4], around[5], around[6] };
static const struct strv names = { .items = pointers, .count = ARRAY_SIZE(pointers) };

static void what_is_tried_first_is_too_weak(void **state)
{
	static const struct {
		const char *password, *reason;
	} cases[] = {
		{ "", "too short" },
		{ "x7Kq!pR2v_9", "too short" },
		{ "ababababababab", "hardly any different" },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "hardly any different" },
		{ "abcdefghijklmnop", "a sequence" },
		{ "0123456789abcdef", "a sequence" },
		{ "zyxwvutsrqponm", "a sequence" },
		{ "192837465564", "digits alone" },
		{ "changemechangeme", "tried first" },
		{ "Password-2024!", "tried first" },
		{ "P0$tgr3s-P@ssw0rd", "tried first" },
		{ "adm1n.adm1n.1", "tried first" },
		{ "we1come-we1come", "tried first" },
		{ "postgres postgres", "tried first" },
		{ "BASE_ROOT_PASSWORD", "tried first" },
		{ "base-root-base", "tried first" },
		{ "keeperpassword1", "tried first" },
		{ "MyCluster2026", "tried first" },
		{ "motdepasse_admin", "tried first" },
		{ "secret-node1-secret", "tried first" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *reason = weakness(cases[i].password, &names);

		if (!reason || !strstr(reason, cases[i].reason))
			fail_msg("'%s': %s", cases[i].password, reason ? reason : "accepted");
	}
}

static void others_will_do(void **state)
{
	static const char *const passwords[] = {
		"correct horse battery",
		"the password of alpha",
		"d8e41bb0c0b3d0ab0c5f1f5a0d3d0c5e1c7f9be8a2bb54f1",
		"k3eper-of-the-bees",
		"b-9471-d-3306-b-8825",
		"admin-82736465928101928374",
		"29384756012938475610",
		"Éléphant à vélo",
		"-_-x7Kq!pR2v_9",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(passwords); i++)
		if (weakness(passwords[i], &names))
			fail_msg("'%s' %s", passwords[i], weakness(passwords[i], &names));
}

static void our_own_are_strong_and_never_the_same(void **state)
{
	CLEANUP(strv_release) struct strv all = STRV_INIT;
	bool seen[256] = { false };
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		CLEANUP(str_release) struct str password = STR_INIT;

		assert_ok(secrets_random(&password, &err));
		assert_int_equal(password.len, 32);
		assert_true(str_is_word(password.buf, ""));
		assert_null(weakness(password.buf, &names));
		assert_false(strv_has(&all, password.buf));
		assert_ok(strv_add(&all, password.buf, &err));
		for (const char *p = password.buf; *p; p++)
			seen[(unsigned char)*p] = true;
		assert_true(password.buf[0] > '9');
	}
	for (const char *p = "AZaz09"; *p; p++)
		assert_true(seen[(unsigned char)*p]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_tried_first_is_too_weak),
		cmocka_unit_test(others_will_do),
		cmocka_unit_test(our_own_are_strong_and_never_the_same),
	};

	return RUN_TESTS(tests);
}
