/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "file.h"
#include "proc.h"
#include "progress.h"
#include "wheel.h"

#define WORDS_MAX 6
#define ODD "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char dir[] = "/tmp/pgha-test-wheel-update-XXXXXX";
static char version[16]; /* of python3; empty when its pip is too old to report */

static int set_up(void **state)
{
	static const char probe[] =
		"import sys, pip\n"
		"new = [int(n) for n in pip.__version__.split('.')[:2]] >= [23, 0]\n"
		"print('%d.%d' % sys.version_info[:2] if new else '', end='')";
	const char *probe_argv[] = { "python3", "-c", probe, NULL };
	const char *make_argv[] = { "python3",
				    "tests/unit/make_wheels.py",
				    dir,
				    "app==1:lib,tool",
				    "app==2:lib>=2,tool",
				    "lib==1",
				    "lib==2",
				    "tool==1",
				    "tool==2",
				    "more==1:lib",
				    NULL };
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
	setenv("PIP_NO_INDEX", "1", 1);
	setenv("PIP_FIND_LINKS", dir, 1);
	if (proc_check(&maker, NULL, &err) == 0)
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

/* The lock has app 1, lib 1 and tool 1, as some other index gave them. */
static const struct {
	const char *what;
	const char *requirements[WORDS_MAX];
	const char *names[WORDS_MAX];
	const char *result; /* in the order of names; '*': the lock's own entry */
} cases[] = {
	{ "without a name all move", { "app" }, { NULL }, "app 2 lib 2 tool 2 " },
	{ "a package that is no wheel moves none",
	  { "app" },
	  { "somerpm" },
	  "app 1* lib 1* tool 1* " },
	{ "what cannot stay moves too", { "app" }, { "app" }, "app 2 lib 2 tool 1* " },
	{ "what is named moves alone, by patterns and other spellings too",
	  { "app" },
	  { "T?OL", "LI*" },
	  "app 1* lib 2 tool 2 " },
	{ "a requirement that is new comes, and the others stay",
	  { "app", "more" },
	  { "somerpm" },
	  "app 1* lib 1* more 1 tool 1* " },
	{ "a requirement that the lock does not meet moves what it must",
	  { "app", "lib>=2" },
	  { "somerpm" },
	  "app 1* lib 2 tool 1* " },
};

static char *text_of(const char *value)
{
	char *copy = strdup(value);

	assert_non_null(copy);
	return copy;
}

static void make_base(struct lock *lock)
{
	static const char *const names[] = { "app", "lib", "tool" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct lock_wheel *wheel = NULL;

		assert_ok(lock_add_wheel(lock, &wheel, &err));
		wheel->name = text_of(names[i]);
		wheel->version = text_of("1");
		wheel->file = text_of("other-1-py3-none-any.whl");
		wheel->url = text_of("https://index.example/other-1-py3-none-any.whl");
		wheel->sha256 = text_of(ODD);
	}
}

static void check(size_t i)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock base = LOCK_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(str_release) struct str got = STR_INIT;
	cleanup_free char *text = NULL;
	const struct lock_wheel *wheels = NULL;
	const struct update update = { .base = &base, .names = &names };
	struct err err = ERR_INIT;

	def.path = text_of("test.yaml");
	def.platform.python = text_of(version);
	def.platform.glibc = text_of("2.28");
	def.platform.arch = text_of("x86_64");
	lock.platform.id = text_of("platform:el8");
	lock.platform.arch = text_of("x86_64");
	for (size_t k = 0; cases[i].requirements[k]; k++)
		assert_ok(strv_add(&def.wheels.requirements, cases[i].requirements[k], &err));
	for (size_t k = 0; cases[i].names[k]; k++)
		assert_ok(strv_add(&names, cases[i].names[k], &err));
	make_base(&base);
	if (wheel_resolve(&def, dir, &update, &lock, &err) < 0)
		fail_msg("%s: %s\n%s", cases[i].what, err.msg, err.detail);
	assert_ok(lock_format(&lock, &text, &err)); /* sorts */
	wheels = lock.wheels.items;
	for (size_t k = 0; k < lock.wheels.count; k++)
		str_addf(&got, "%s %s%s ", wheels[k].name, wheels[k].version,
			 strcmp(wheels[k].sha256, ODD) != 0 ? "" : "*");
	if (strcmp(got.buf, cases[i].result) != 0)
		fail_msg("%s: %s", cases[i].what, got.buf);
}

static void wheels_stay_unless_named_or_needed_otherwise(void **state)
{
	(void)state;
	if (!version[0])
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wheels_stay_unless_named_or_needed_otherwise),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
