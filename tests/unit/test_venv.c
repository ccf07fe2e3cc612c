/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual environments from wheels made here, on this machine's own Python, beside its files. Needs
 * the venv and ensurepip modules (Debian: python3-venv).
 */
#include "scene.h"

#include "proc.h"
#include "venv.h"

static char base[] = "/tmp/pgha-venv-XXXXXX";

static const char make_wheel[] =
	"import base64, hashlib, sys, zipfile\n"
	"base, version = sys.argv[1:]\n"
	"name = f'{base}/toything-{version}-py3-none-any.whl'\n"
	"info = f'toything-{version}.dist-info'\n"
	"files = {'toything.py': f'VERSION = \"{version}\"\\n',\n"
	"  f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: toything\\nVersion: {version}\\n',\n"
	"  f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: "
	"py3-none-any\\n'}\n"
	"record = ''\n"
	"with zipfile.ZipFile(name, 'w') as z:\n"
	"  for path, text in files.items():\n"
	"    z.writestr(zipfile.ZipInfo(path), text)\n"
	"    digest = "
	"base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=')\n"
	"    record += f'{path},sha256={digest.decode()},{len(text)}\\n'\n"
	"  z.writestr(zipfile.ZipInfo(f'{info}/RECORD'), record + f'{info}/RECORD,,\\n')\n"
	"digest = hashlib.sha256(open(name, 'rb').read()).hexdigest()\n"
	"open(f'{base}/requirements.lock', 'w').write(f'toything=={version} "
	"--hash=sha256:{digest}\\n')\n";

static bool have_venv(void)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	const char *const argv[] = { "/usr/bin/python3", "-c", "import venv, ensurepip", NULL };
	const struct proc proc = { .argv = argv };
	struct err err = ERR_INIT;

	if (proc_run(&proc, &res, &err) == 0 && res.status == 0)
		return true;
	print_message("skipped: /usr/bin/python3 with venv and ensurepip is not here\n");
	return false;
}

static void wheel(const char *version)
{
	cleanup_free char *dir = NULL;
	struct err err = ERR_INIT;

	scene_put(base, SCENE_STAGING "wheels/requirements.lock", "");
	assert_ok(str_printf(&dir, &err, "%s/" SCENE_STAGING "wheels", base));
	{
		const char *const argv[] = {
			"/usr/bin/python3", "-c", make_wheel, dir, version, NULL
		};
		const struct proc proc = { .argv = argv };

		assert_ok(proc_check(&proc, NULL, &err));
	}
}

static int make_base(void **state)
{
	CLEANUP(str_release) struct str yaml = STR_INIT;

	(void)state;
	if (!mkdtemp(base))
		return -1;
	str_addf(&yaml,
		 "service: s\nlayer: l\nvenv: {path: %s/opt/env, python: /usr/bin/python3}\n",
		 base);
	scene_put(base, SCENE_STAGING "manifests/services/s/service.yaml", yaml.buf);
	scene_put(base, SCENE_STAGING "manifests/topology.yaml",
		  "nodes: [{name: box, address: 10.0.0.1, datacenter: d, services: [s]}]\n");
	return 0;
}

static int remove_base(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(base, &err);
}

static int build(bool apply, size_t *ret_changes, bool *ret_restart, struct err *ret_err)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;
	int r = 0;

	assert_ok(scene_open(&s, base, "/", &err));
	assert_ok(setup_done(s.setup, &s.setup->services[0], &err));
	r = venv_build(s.setup, apply, &changes, ret_err);
	*ret_changes = changes.count;
	*ret_restart = s.setup->services[0].wanted == SERVICE_RESTART;
	return r;
}

static size_t prune(bool apply)
{
	CLEANUP(scene_release) struct scene s = SCENE_INIT;
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(scene_open(&s, base, "/", &err));
	assert_ok(venv_prune(s.setup, apply, &changes, &err));
	return changes.count;
}

static void expect_version(const char *version)
{
	cleanup_free char *python = NULL;
	cleanup_free char *said = NULL;
	struct err err = ERR_INIT;

	assert_ok(str_printf(&python, &err, "%s/opt/env/bin/python", base));
	{
		const char *const argv[] = { python, "-I", "-c",
					     "import toything; print(toything.VERSION, end='')",
					     NULL };
		const struct proc proc = { .argv = argv };

		assert_ok(proc_check(&proc, &said, &err));
	}
	assert_string_equal(version, said);
}

static size_t versions(void)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	struct err err = ERR_INIT;
	size_t count = 0;

	assert_ok(str_printf(&dir, &err, "%s/opt", base));
	if (access(dir, F_OK) < 0)
		return 0;
	assert_ok(dir_list(dir, &names, &err));
	for (size_t i = 0; i < names.count; i++)
		count += str_starts(names.items[i], "env-");
	return count;
}

static void an_environment_is_built_once_and_switched_by_its_link(void **state)
{
	size_t changes = 0;
	bool restart = false;
	struct err err = ERR_INIT;

	(void)state;
	if (!have_venv())
		skip();
	wheel("1.0");
	assert_ok(build(false, &changes, &restart, &err));
	assert_int_equal(2, changes);
	assert_true(restart);
	assert_int_equal(0, versions());
	assert_ok(build(true, &changes, &restart, &err));
	assert_int_equal(2, changes);
	expect_version("1.0");
	assert_ok(build(true, &changes, &restart, &err));
	assert_int_equal(0, changes);
	assert_false(restart);

	wheel("2.0");
	assert_ok(build(true, &changes, &restart, &err));
	assert_true(restart);
	expect_version("2.0");
	assert_int_equal(2, versions());
	assert_int_equal(1, prune(false));
	assert_int_equal(2, versions());
	assert_int_equal(1, prune(true));
	assert_int_equal(1, versions());
	assert_int_equal(0, prune(true));
	expect_version("2.0");
}

static void a_wheel_of_another_digest_is_refused_and_the_old_environment_stays(void **state)
{
	size_t changes = 0;
	bool restart = false;
	struct err err = ERR_INIT;

	(void)state;
	if (!have_venv())
		skip();
	scene_put(base, SCENE_STAGING "wheels/requirements.lock",
		  "toything==2.0 --hash=sha256:"
		  "0000000000000000000000000000000000000000000000000000000000000000\n");
	assert_fails(ERR_FAILED, build(true, &changes, &restart, &err));
	assert_contains(err.detail, "HASHES");
	expect_version("2.0");
}

static void a_requirement_without_a_digest_is_refused(void **state)
{
	size_t changes = 0;
	bool restart = false;
	struct err err = ERR_INIT;

	(void)state;
	if (!have_venv())
		skip();
	scene_put(base, SCENE_STAGING "wheels/requirements.lock", "toything==2.0\n");
	assert_fails(ERR_FAILED, build(true, &changes, &restart, &err));
	expect_version("2.0");
}

static void an_environment_that_was_not_finished_is_built_again(void **state)
{
	cleanup_free char *mark = NULL;
	size_t changes = 0;
	bool restart = false;
	struct err err = ERR_INIT;

	(void)state;
	if (!have_venv())
		skip();
	wheel("2.0");
	assert_ok(build(false, &changes, &restart, &err));
	assert_int_equal(0, changes);
	assert_ok(str_printf(&mark, &err, "%s/opt/env/.pgha-complete", base));
	assert_int_equal(0, unlink(mark));
	assert_ok(build(true, &changes, &restart, &err));
	assert_int_equal(2, changes);
	expect_version("2.0");
}

static void what_stands_in_the_links_place_is_not_touched(void **state)
{
	cleanup_free char *link_path = NULL;
	size_t changes = 0;
	bool restart = false;
	struct err err = ERR_INIT;

	(void)state;
	if (!have_venv())
		skip();
	assert_ok(str_printf(&link_path, &err, "%s/opt/env", base));
	assert_int_equal(0, unlink(link_path));
	assert_int_equal(0, mkdir(link_path, 0755));
	assert_fails(ERR_FAILED, build(true, &changes, &restart, &err));
	assert_contains(err.msg, "is no symbolic link");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_environment_is_built_once_and_switched_by_its_link),
		cmocka_unit_test(
			a_wheel_of_another_digest_is_refused_and_the_old_environment_stays),
		cmocka_unit_test(a_requirement_without_a_digest_is_refused),
		cmocka_unit_test(an_environment_that_was_not_finished_is_built_again),
		cmocka_unit_test(what_stands_in_the_links_place_is_not_touched),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
