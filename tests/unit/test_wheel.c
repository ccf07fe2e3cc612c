/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "pip.h"
#include "wheel.h"

static void target_takes_every_older_glibc_and_no_newer(void **state)
{
	const struct pip pip = { .version = (char *)"3.12" };
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(pip_target_args(&pip, "2.28", "x86_64", &args, &err));
	assert_true(strv_has(&args, "--only-binary=:all:"));
	assert_true(strv_has(&args, "--python-version=3.12"));
	assert_true(strv_has(&args, "--platform=manylinux_2_28_x86_64"));
	assert_true(strv_has(&args, "--platform=manylinux_2_17_x86_64"));
	assert_true(strv_has(&args, "--platform=manylinux2014_x86_64"));
	assert_false(strv_has(&args, "--platform=manylinux_2_29_x86_64"));
	assert_fails(ERR_CONFIG, pip_target_args(&pip, "three", "x86_64", &args, &err));
	assert_fails(ERR_CONFIG, pip_target_args(&pip, "2.x", "x86_64", &args, &err));
}

static void a_missing_python_is_named(void **state)
{
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_HOST, pip_open("3.99", &pip, &err));
	assert_contains(err.msg, "install python3.99 and its pip");
}

static void requirements_pin_version_and_digest(void **state)
{
	static const char text[] =
		"pgha-lock: 1\n"
		"platform: {id: \"platform:el8\", arch: x86_64, glibc: \"2.28\", python: "
		"\"3.12\"}\n"
		"repos: []\nrpms: []\nwheels:\n"
		"  - {name: idna, version: \"3.20\", file: idna-3.20-py3-none-any.whl, url: "
		"\"https://example.org/idna-3.20-py3-none-any.whl\", sha256: "
		"ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c}\n";
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	cleanup_free char *out = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(lock_parse("t.lock", text, strlen(text), &lock, &err));
	assert_ok(wheel_requirements(&lock, &out, &err));
	assert_string_equal(out, "idna==3.20 --hash=sha256:"
				 "ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c"
				 "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_takes_every_older_glibc_and_no_newer),
		cmocka_unit_test(a_missing_python_is_named),
		cmocka_unit_test(requirements_pin_version_and_digest),
	};

	return RUN_TESTS(tests);
}
