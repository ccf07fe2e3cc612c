/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <unistd.h>

#include "cache.h"
#include "digest.h"
#include "fetch.h"
#include "file.h"
#include "pip.h"
#include "proc.h"
#include "progress.h"
#include "wheel.h"

static char dir[] = "/tmp/pgha-test-wheel-XXXXXX";
static char version[16]; /* of python3; empty when its pip is too old to report */

/* An index in DIR/index, and pip told to use nothing else. */
static int set_up(void **state)
{
	static const char probe[] =
		"import sys, pip\n"
		"new = [int(n) for n in pip.__version__.split('.')[:2]] >= [23, 0]\n"
		"print('%d.%d' % sys.version_info[:2] if new else '', end='')";
	const char *probe_argv[] = { "python3", "-c", probe, NULL };
	char index[64];
	const char *make_argv[] = { "python3", "tests/unit/make_dists.py", index, NULL };
	struct proc prober = { .argv = probe_argv }, maker = { .argv = make_argv };
	cleanup_free char *out = NULL;
	struct err err = ERR_INIT;

	(void)state;
	progress_set_quiet(true);
	if (proc_check(&prober, &out, &err) == 0)
		snprintf(version, sizeof(version), "%s", out);
	err = (struct err)ERR_INIT;
	if (!mkdtemp(dir))
		return -1;
	snprintf(index, sizeof(index), "%s/index", dir);
	setenv("PIP_NO_INDEX", "1", 1);
	setenv("PIP_FIND_LINKS", index, 1);
	if (dir_make(index, 0755, &err) == 0 && proc_check(&maker, NULL, &err) == 0)
		return 0;
	print_error("%s\n%s", err.msg, err.detail);
	return -1;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

static const char *in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", dir, name);
	return paths[turn];
}

static void make_definition(const char *requirement, struct definition *def)
{
	struct err err;

	assert_ok(str_dup(&def->path, "test.yaml", &err));
	assert_ok(str_dup(&def->platform.python, version, &err));
	assert_ok(str_dup(&def->platform.glibc, "2.28", &err));
	assert_ok(str_dup(&def->platform.arch, "x86_64", &err));
	assert_ok(strv_add(&def->wheels.requirements, requirement, &err));
}

static void lock_platform_of(const struct definition *def, struct lock *lock)
{
	struct err err;

	assert_ok(str_dup(&lock->platform.id, "platform:el8", &err));
	assert_ok(str_dup(&lock->platform.python, def->platform.python, &err));
	assert_ok(str_dup(&lock->platform.glibc, def->platform.glibc, &err));
	assert_ok(str_dup(&lock->platform.arch, def->platform.arch, &err));
}

static void assert_fetches(const struct lock *lock, const char *cache, size_t there, size_t built)
{
	const struct fetch_options options = { .cache = cache };
	const struct lock_wheel *wheels = lock->wheels.items;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	char hex[SHA256_HEX_SIZE];
	struct err err;

	assert_ok(fetch_all(lock, &options, &result, &err));
	assert_int_equal(result.cached.files, there);
	assert_int_equal(result.built, built);
	assert_int_equal(result.wheels.count, lock->wheels.count);
	for (size_t i = 0; i < result.wheels.count; i++) {
		assert_ok(sha256_file(result.wheels.items[i], hex, NULL, &err));
		assert_string_equal(hex, wheels[i].sha256);
	}
}

static void a_source_becomes_the_same_wheel_in_every_cache(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	const struct lock_wheel *wheels = NULL;
	struct err err;

	(void)state;
	if (!version[0])
		skip();
	make_definition("source==1.*", &def);
	lock_platform_of(&def, &lock);
	assert_ok(wheel_resolve(&def, in_dir("first"), NULL, &lock, &err));
	assert_int_equal(lock.wheels.count, 2);
	wheels = lock.wheels.items;
	assert_string_equal(wheels[0].name, "leaf");
	assert_non_null(wheels[0].url);
	assert_null(wheels[0].sdist.url);
	assert_string_equal(wheels[1].name, "source");
	assert_string_equal(wheels[1].file, "source-1.0-py3-none-any.whl");
	assert_null(wheels[1].url);
	assert_contains(wheels[1].sdist.url, "source-1.0.tar.gz");

	assert_fetches(&lock, in_dir("first"), 1, 0); /* the built one is there already */
	assert_fetches(&lock, in_dir("first"), 2, 0);
	assert_fetches(&lock, in_dir("second"), 0, 1);
}

static void a_source_whose_builds_differ_is_refused(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	struct err err;

	(void)state;
	if (!version[0])
		skip();
	make_definition("restless", &def);
	assert_fails(ERR_VERIFY, wheel_resolve(&def, in_dir("first"), NULL, &lock, &err));
	assert_contains(err.msg, "restless-1.0-py3-none-any.whl");
}

static void an_unknown_requirement_is_no_solution(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	struct err err;

	(void)state;
	if (!version[0])
		skip();
	make_definition("nobody-has-this", &def);
	assert_fails(ERR_NETWORK, wheel_resolve(&def, in_dir("first"), NULL, &lock, &err));
	assert_contains(err.detail, "nobody-has-this");
}

static void a_wheel_that_changed_in_the_index_is_refused(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(fetch_result_release) struct fetch_result result = FETCH_RESULT_INIT;
	const struct fetch_options options = { .cache = in_dir("third") };
	struct lock_wheel *wheel = NULL;
	struct err err;

	(void)state;
	if (!version[0])
		skip();
	make_definition("leaf", &def);
	lock_platform_of(&def, &lock);
	assert_ok(wheel_resolve(&def, in_dir("third"), NULL, &lock, &err));
	wheel = lock.wheels.items;
	wheel->sha256[0] = wheel->sha256[0] == '0' ? '1' : '0';
	assert_fails(ERR_VERIFY, fetch_all(&lock, &options, &result, &err));
	assert_int_equal(result.wheels.count, 0);
	assert_int_equal(access(in_dir("third/sha256"), F_OK), -1);
}

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
		cmocka_unit_test(a_source_becomes_the_same_wheel_in_every_cache),
		cmocka_unit_test(a_source_whose_builds_differ_is_refused),
		cmocka_unit_test(an_unknown_requirement_is_no_solution),
		cmocka_unit_test(a_wheel_that_changed_in_the_index_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
