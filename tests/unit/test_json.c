/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "json.h"

static void objects_and_arrays_nest(void **state)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(strv_add(&list, "x", &err));
	assert_ok(strv_add(&list, "y", &err));
	json_open(&j, NULL, '{');
	json_open(&j, "none", '[');
	json_close(&j, ']');
	json_strings(&j, "list", &list);
	json_open(&j, "inner", '{');
	json_number(&j, "n", UINT64_MAX);
	json_bool(&j, "b", true);
	json_string(&j, "s", NULL);
	json_close(&j, '}');
	json_close(&j, '}');
	assert_ok(json_done(&j, &text, &err));
	assert_string_equal(text, "{\n"
				  "  \"none\": [],\n"
				  "  \"list\": [\n    \"x\",\n    \"y\"\n  ],\n"
				  "  \"inner\": {\n"
				  "    \"n\": 18446744073709551615,\n"
				  "    \"b\": true,\n"
				  "    \"s\": null\n"
				  "  }\n"
				  "}\n");
}

static void text_is_quoted_and_is_utf8(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "\"\"\n" },
		{ "a\"b\\c\n\t\x1b\x7f", "\"a\\\"b\\\\c\\n\\u0009\\u001b\\u007f\"\n" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x98",
		  "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x98\"\n" },
		{ "\xc2\x9b\xe2\x80\xae.", "\"\\u009b\\u202e.\"\n" }, /* what a terminal obeys */
		{ "\xff\x80 \xc3", "\"\\ufffd\\ufffd \\ufffd\"\n" },
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"\n" },            /* longer than need be */
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n" }, /* beyond */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(json_release) struct json j = JSON_INIT;
		cleanup_free char *text = NULL;
		struct err err = ERR_INIT;

		json_string(&j, NULL, cases[i].text);
		assert_ok(json_done(&j, &text, &err));
		assert_string_equal(text, cases[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_and_arrays_nest),
		cmocka_unit_test(text_is_quoted_and_is_utf8),
	};

	return RUN_TESTS(tests);
}
