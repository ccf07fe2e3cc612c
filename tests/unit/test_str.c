/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "str.h"

static void str_grows_and_hands_over(void **state)
{
	CLEANUP(str_release) struct str s = STR_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "%d,", i);
	assert_ok(str_done(&s, &text, &err));
	assert_int_equal(strlen(text), 3890);
	assert_string_equal(text + 3882, "998,999,");
	assert_null(s.buf);
}

static void empty_str_is_an_empty_string(void **state)
{
	CLEANUP(str_release) struct str s = STR_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(str_done(&s, &text, &err));
	assert_string_equal(text, "");
}

static void strv_is_an_argument_vector(void **state)
{
	CLEANUP(strv_release) struct strv v = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 9; i >= 0; i--)
		assert_ok(strv_addf(&v, &err, "item%d", i));
	assert_null(v.items[10]);
	strv_sort(&v);
	assert_string_equal(v.items[0], "item0");
	assert_true(strv_has(&v, "item7"));
	assert_false(strv_has(&v, "item"));
}

static void numbers_are_digits_within_bounds(void **state)
{
	static const struct {
		const char *text;
		int ok;
		uint64_t value;
	} cases[] = {
		{ "0", 1, 0 },  { "65535", 1, 65535 }, { "65536", 0, 0 },
		{ "", 0, 0 },   { "-1", 0, 0 },        { " 1", 0, 0 },
		{ "1 ", 0, 0 }, { "0x10", 0, 0 },      { "99999999999999999999999", 0, 0 },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 77;

		if (cases[i].ok) {
			assert_ok(str_u64(&value, cases[i].text, 0, 65535, &err));
			assert_int_equal(value, cases[i].value);
		} else {
			assert_fails(ERR_CONFIG, str_u64(&value, cases[i].text, 0, 65535, &err));
			assert_int_equal(value, 77);
		}
	}
}

static void nearest_word_is_found_and_far_ones_are_not(void **state)
{
	static const char *const words[] = { "packages", "services", "repos", NULL };

	(void)state;
	assert_string_equal(str_nearest("pakages", words), "packages");
	assert_string_equal(str_nearest("serivces", words), "services");
	assert_string_equal(str_nearest("reops", words), "repos");
	assert_null(str_nearest("topology", words));
}

static void hex_goes_both_ways(void **state)
{
	unsigned char raw[3] = { 0 };
	char hex[7];

	(void)state;
	assert_true(hex_decode(raw, 3, "00fFa0"));
	hex_encode(hex, raw, 3);
	assert_string_equal(hex, "00ffa0");
	assert_false(hex_decode(raw, 3, "00ffa"));
	assert_false(hex_decode(raw, 3, "00ffag"));
}

static void err_keeps_code_and_gains_context(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ERR_NETWORK, "no answer from '%s'", "mirror"), -4);
	err_detail(&err, "tried %d times", 3);
	assert_int_equal(err_prefix(&err, "repository '%s'", "baseos"), -4);
	assert_string_equal(err.msg, "repository 'baseos': no answer from 'mirror'");
	assert_string_equal(err.detail, "tried 3 times\n");
	err_detail(&err, "of '%s'", "a\npgha: all is well");
	assert_string_equal(err.detail, "tried 3 times\nof 'a pgha: all is well'\n");
}

static void what_moves_the_cursor_is_not_printed(void **state)
{
	static const struct {
		const char *text, *plain;
	} cases[] = {
		{ "a b", "a b" },
		{ "\x1b[2Jx\n\x7f", "?[2Jx??" },
		{ "\xc2\x9b"
		  "1m",
		  "?1m" },                              /* CSI in one character */
		{ "\xe2\x80\xae\xe2\x81\xa6x", "??x" }, /* overrides of direction */
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98" },
		{ "\xe2\x80\x8fx\xd8\x9c\xe2\x80\xa8", "?x??" },
		{ "a\tb", "a b" },
		{ "\xff\xc3", "??" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str s = STR_INIT;

		str_add_plain(&s, cases[i].text);
		assert_string_equal(s.buf, cases[i].plain);
		assert_true(str_is_plain(cases[i].plain));
		assert_int_equal(str_is_plain(cases[i].text),
				 !strcmp(cases[i].text, cases[i].plain));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(str_grows_and_hands_over),
		cmocka_unit_test(empty_str_is_an_empty_string),
		cmocka_unit_test(strv_is_an_argument_vector),
		cmocka_unit_test(numbers_are_digits_within_bounds),
		cmocka_unit_test(nearest_word_is_found_and_far_ones_are_not),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(err_keeps_code_and_gains_context),
		cmocka_unit_test(what_moves_the_cursor_is_not_printed),
	};

	return RUN_TESTS(tests);
}
