/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "licenses.h"
#include "wheel_meta.h"

static void an_spdx_expression_is_told_from_other_words(void **state)
{
	static const struct {
		const char *text;
		bool spdx;
	} cases[] = {
		{ "MIT", true },
		{ "MIT AND (Apache-2.0 OR BSD-3-Clause)", true },
		{ "GPL-2.0-or-later WITH Classpath-exception-2.0", true },
		{ "(((MIT)))", true },
		{ "GPLv2+", false },
		{ "MIT and BSD", false },
		{ "MIT AND", false },
		{ "MIT MIT", false },
		{ "(MIT", false },
		{ "MIT)", false },
		{ "()", false },
		{ "", false },
		{ "mit", false },
		{ "MIT WITH", false },
		{ "MIT WITH MIT", false },
		{ "((((((((((((((((((((((MIT))))))))))))))))))))))", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (license_is_spdx(cases[i].text) != cases[i].spdx)
			fail_msg("'%s'", cases[i].text);
}

static void a_reference_depends_on_the_text_alone(void **state)
{
	char a[LICENSE_REF_SIZE], b[LICENSE_REF_SIZE], other[LICENSE_REF_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(license_ref("GPLv2+", a, &err));
	assert_ok(license_ref("GPLv2+", b, &err));
	assert_ok(license_ref("GPLv2", other, &err));
	assert_string_equal(a, b);
	assert_string_not_equal(a, other);
	assert_int_equal(strspn(a, "LicensRfpgha0123456789abcdef-"), strlen(a));
}

static void what_is_no_wheel_has_no_metadata(void **state)
{
	static const char *const texts[] = { "", "PK", "PK\3\4 and so on", "not at all" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP(wheel_meta_release) struct wheel_meta meta = { .license = NULL };
		struct err err = ERR_INIT;

		assert_fails(ERR_VERIFY,
			     wheel_meta_read("a.whl", texts[i], strlen(texts[i]), &meta, &err));
		assert_contains(err.msg, "'a.whl' is no wheel");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_spdx_expression_is_told_from_other_words),
		cmocka_unit_test(a_reference_depends_on_the_text_alone),
		cmocka_unit_test(what_is_no_wheel_has_no_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
