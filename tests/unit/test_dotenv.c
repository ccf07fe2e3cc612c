/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sys/stat.h>

#include "dotenv.h"

DEFINE_CLEANUP(struct dotenv *, dotenv_free);

static void values_are_read_as_written(void **state)
{
	static const char text[] = "# comment\n"
				   "A=plain value # comment\n"
				   "export B='single $x \\n # kept'\n"
				   "C=\"double \\\"q\\\" \\\\ \\n\"\n"
				   "D=a#b\n"
				   "E=\n"
				   "  F = x\n";
	CLEANUP(dotenv_freep) struct dotenv *env = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_CONFIG, dotenv_parse("t.env", text, &env, &err));
	assert_string_equal(err.msg, "t.env:7: expected NAME=value");
	assert_ok(dotenv_parse("t.env",
			       "A=plain value # comment\nexport B='single $x \\n # kept'\n"
			       "C=\"double \\\"q\\\" \\\\ \\n\"\nD=a#b\nE=\n\nF=1\r\n",
			       &env, &err));
	assert_string_equal(dotenv_get(env, "A"), "plain value");
	assert_string_equal(dotenv_get(env, "B"), "single $x \\n # kept");
	assert_string_equal(dotenv_get(env, "C"), "double \"q\" \\ \n");
	assert_string_equal(dotenv_get(env, "D"), "a#b");
	assert_string_equal(dotenv_get(env, "E"), "");
	assert_string_equal(dotenv_get(env, "F"), "1");
	assert_null(dotenv_get(env, "G"));
	assert_int_equal(dotenv_line(env, "F"), 7);
	assert_string_equal(dotenv_name(env, 1), "B");
	assert_null(dotenv_name(env, 6));
}

static void bad_lines_are_refused_without_showing_them(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "A=1\nhunter2\n", "t.env:2: expected NAME=value" },
		{ "A=1\nA=hunter2\n", "t.env:2: 'A' stands already in line 1" },
		{ "A='hunter2\n", "t.env:1: the quotes of 'A' do not match" },
		{ "A=\"hunter2\"x\n", "t.env:1: the quotes of 'A' do not match" },
		{ "1A=hunter2\n", "t.env:1: expected NAME=value" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dotenv *env = NULL;
		struct err err = ERR_INIT;

		assert_fails(ERR_CONFIG, dotenv_parse("t.env", cases[i].text, &env, &err));
		assert_string_equal(err.msg, cases[i].message);
		assert_null(strstr(err.msg, "hunter2"));
	}
}

/* Neither takes time beyond its length. */
static void a_long_value_is_read_and_many_are_refused(void **state)
{
	enum { BLANKS = 1000000 };
	CLEANUP(dotenv_freep) struct dotenv *env = NULL;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct dotenv *none = NULL;
	struct err err = ERR_INIT;

	(void)state;
	str_add(&text, "A=a");
	for (size_t i = 0; i < BLANKS; i++)
		str_addc(&text, ' ');
	str_add(&text, "b  # comment\n");
	assert_ok(str_check(&text, &err));
	assert_ok(dotenv_parse("t.env", text.buf, &env, &err));
	assert_int_equal(strlen(dotenv_get(env, "A")), BLANKS + 2);
	str_reset(&text);
	for (unsigned int i = 1; i <= 100000; i++)
		str_addf(&text, "A%u=\n", i);
	assert_ok(str_check(&text, &err));
	assert_fails(ERR_CONFIG, dotenv_parse("t.env", text.buf, &none, &err));
	assert_string_equal(err.msg, "t.env:4097: more than 4096 variables");
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	CLEANUP(dotenv_freep) struct dotenv *env = NULL;
	char path[] = "/tmp/pgha-env-XXXXXX";
	int fd = mkstemp(path);
	struct err err = ERR_INIT;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "A=1\n", 4), 4);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_fails(ERR_CONFIG, dotenv_load(path, &env, &err));
	assert_contains(err.msg, "chmod 600");
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_ok(dotenv_load(path, &env, &err));
	assert_string_equal(dotenv_get(env, "A"), "1");
	close(fd);
	unlink(path);
	dotenv_free(env);
	env = NULL;
	assert_fails(ERR_CONFIG, dotenv_load(path, &env, &err));
	assert_contains(err.msg, "' is not there");
	assert_contains(err.msg, "secrets init");
}

static void a_written_value_is_read_back(void **state)
{
	static const char *const values[] = {
		"",           "plain", "5432",      "two words",     "#",     "a #b",       " x ",
		"it's",       "\"q\"", "$HOME \\n", "both ' and \"", "é – ü", "line\nline", "\\",
		"'\\\"\n$x#",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		CLEANUP(dotenv_freep) struct dotenv *env = NULL;
		CLEANUP(str_release) struct str text = STR_INIT;
		struct err err = ERR_INIT;

		str_add(&text, "A=");
		dotenv_add_value(&text, values[i]);
		str_add(&text, " # comment\nB=1\n");
		assert_ok(dotenv_parse("t.env", text.buf, &env, &err));
		assert_string_equal(dotenv_get(env, "A"), values[i]);
		assert_string_equal(dotenv_get(env, "B"), "1");
	}
}

static void a_replaced_value_leaves_the_rest_alone(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "# A=1\nA=old # why\n\nAB=2\n", "# A=1\nA=new # why\n\nAB=2\n" },
		{ "  export A=\"o\\\"ld\" \nB='A=1'\n", "  export A=new \nB='A=1'\n" },
		{ "B=1\nA='it is' #", "B=1\nA=new #\n" },
		{ "A=\nB=\n", "A=new\nB=\n" },
		{ "A= # to come\n", "A=new # to come\n" },
		{ "A=#x\n", "A=new\n" },
		{ "A=one two\r\nB=1\r\n", "A=new\r\nB=1\r\n" },
		{ "B=1", "B=1\nA=new\n" },
		{ "", "A=new\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str text = STR_INIT;
		struct err err = ERR_INIT;

		assert_ok(dotenv_replace(cases[i].before, "A", "new", &text, &err));
		assert_string_equal(text.buf, cases[i].after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_as_written),
		cmocka_unit_test(bad_lines_are_refused_without_showing_them),
		cmocka_unit_test(a_written_value_is_read_back),
		cmocka_unit_test(a_replaced_value_leaves_the_rest_alone),
		cmocka_unit_test(a_long_value_is_read_and_many_are_refused),
		cmocka_unit_test(a_file_that_others_may_read_is_refused),
	};

	return RUN_TESTS(tests);
}
