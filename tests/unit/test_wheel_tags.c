/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "wheel_tags.h"

static const struct lock_platform target = { .id = (char *)"platform:el8",
					     .arch = (char *)"x86_64",
					     .glibc = (char *)"2.28",
					     .python = (char *)"3.12" };

static void the_target_loads_what_it_can_and_nothing_else(void **state)
{
	static const struct {
		const char *file;
		const char *message; /* NULL: it loads */
	} cases[] = {
		{ "a-1-py3-none-any.whl", NULL },
		{ "a-1-py2.py3-none-any.whl", NULL },
		{ "a-1-7-py3-none-any.whl", NULL },
		{ "a-1-py39-none-any.whl", NULL },
		{ "a-1-py312-none-any.whl", NULL },
		{ "a-1-py313-none-any.whl", "the target has CPython 3.12" },
		{ "a-1-py2-none-any.whl", "the target has CPython 3.12" },
		{ "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", NULL },
		{ "a-1-cp312-none-any.whl", NULL },
		{ "a-1-cp312-cp312-manylinux_2_28_x86_64.whl", NULL },
		{ "a-1-cp312-cp312-manylinux_2_29_x86_64.whl",
		  "needs glibc 2.29, and the target has 2.28" },
		{ "a-1-cp312-cp312-manylinux_2_34_x86_64.manylinux_2_31_x86_64.whl",
		  "needs glibc 2.31" },
		{ "a-1-cp312-cp312-manylinux_2_34_x86_64.manylinux_2_5_x86_64.whl", NULL },
		{ "a-1-cp312-cp312-manylinux1_x86_64.whl", NULL },
		{ "a-1-cp312-cp312-manylinux2010_x86_64.whl", NULL },
		{ "a-1-cp312-cp312-linux_x86_64.whl", NULL },
		{ "a-1-cp37-abi3-manylinux2014_x86_64.whl", NULL },
		{ "a-1-cp313-abi3-manylinux2014_x86_64.whl",
		  "is for Python 'cp313' with ABI 'abi3'" },
		{ "a-1-cp311-cp311-manylinux2014_x86_64.whl", "is for Python 'cp311'" },
		{ "a-1-cp312-cp312t-manylinux2014_x86_64.whl", "with ABI 'cp312t'" },
		{ "a-1-cp312-cp311-manylinux2014_x86_64.whl", "with ABI 'cp311'" },
		{ "a-1-pp310-pypy310_pp73-manylinux2014_x86_64.whl", "is for Python 'pp310'" },
		{ "a-1-cp312-cp312-manylinux2014_aarch64.whl", "is for 'manylinux2014_aarch64'" },
		{ "a-1-cp312-cp312-manylinux_2_17_aarch64.whl", "glibc on x86_64" },
		{ "a-1-cp312-cp312-musllinux_1_2_x86_64.whl", "is for 'musllinux_1_2_x86_64'" },
		{ "a-1-cp312-cp312-win_amd64.whl", "is for 'win_amd64'" },
		{ "a-1-cp312-cp312-macosx_11_0_universal2.whl", "is for 'macosx_11_0_universal2'" },
		{ "a-1-py3-none-manylinux_2_x86_64.whl", "glibc on x86_64" },
		{ "a-1-py3-none-manylinux_2_99999999999999999999_x86_64.whl", "glibc on x86_64" },
		{ "a-1-py3-none-manylinux_3_5_x86_64.whl", "glibc on x86_64" },
		{ "a-1-none-any.whl", "is no wheel's name" },
		{ "a-1-b-c-py3-none-any.whl", "is no wheel's name" },
		{ "a--py3-none-any.whl", "is no wheel's name" },
		{ "a-1.tar.gz", "is no wheel" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		int r = wheel_tags_check(cases[i].file, &target, &err);

		if (!cases[i].message && r < 0)
			fail_msg("%s: %s", cases[i].file, err.msg);
		if (cases[i].message && r == 0)
			fail_msg("%s was taken", cases[i].file);
		if (cases[i].message) {
			assert_int_equal(err.code, ERR_VERIFY);
			assert_contains(err.msg, cases[i].message);
			assert_contains(err.msg, cases[i].file);
		}
	}
}

static void a_file_belongs_to_the_name_that_it_begins_with(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(wheel_tags_check_name("Foo_Bar.baz-1-py3-none-any.whl", "foo-bar-baz", &err));
	assert_ok(wheel_tags_check_name("a__b-1-py3-none-any.whl", "a-b", &err));
	assert_fails(ERR_VERIFY,
		     wheel_tags_check_name("requests-1-py3-none-any.whl", "request", &err));
	assert_contains(err.msg, "is a wheel of 'requests', not of 'request'");
}

static void a_platform_that_is_no_version_is_the_manifests_mistake(void **state)
{
	const struct lock_platform odd = { .arch = (char *)"x86_64",
					   .glibc = (char *)"two",
					   .python = (char *)"3.12" };
	const struct lock_platform old = { .arch = (char *)"x86_64",
					   .glibc = (char *)"2.28",
					   .python = (char *)"2.7" };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_CONFIG, wheel_tags_check("a-1-py3-none-any.whl", &odd, &err));
	assert_fails(ERR_CONFIG, wheel_tags_check("a-1-py3-none-any.whl", &old, &err));
}

static void only_a_wheel_of_this_machine_hides_its_glibc(void **state)
{
	(void)state;
	assert_true(wheel_tags_is_local("a-1-cp312-cp312-linux_x86_64.whl"));
	assert_false(wheel_tags_is_local("a-1-cp312-cp312-manylinux2014_x86_64.whl"));
	assert_false(wheel_tags_is_local("a-1-py3-none-any.whl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_target_loads_what_it_can_and_nothing_else),
		cmocka_unit_test(a_file_belongs_to_the_name_that_it_begins_with),
		cmocka_unit_test(a_platform_that_is_no_version_is_the_manifests_mistake),
		cmocka_unit_test(only_a_wheel_of_this_machine_hides_its_glibc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
