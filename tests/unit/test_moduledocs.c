/* SPDX-License-Identifier: Apache-2.0 */
#include "moduledocs.h"

#include "unit.h"

#define STREAM(name, stream, rpm)                                                                \
	"---\ndocument: modulemd\nversion: 2\ndata:\n  name: " name "\n  stream: " stream        \
	"\n  description: >-\n    name: none\n  components:\n    rpms:\n      other:\n"          \
	"        rationale: '---'\n  artifacts:\n    rpms:\n    - zero-0:1-1.noarch\n    - " rpm \
	"\n"
#define DEFAULT(name, stream)                                                  \
	"---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: " name \
	"\n  stream: " stream "\n"

static int choose(const char *text, struct moduledocs *docs, struct err *ret_err)
{
	CLEANUP(inside_release) struct inside inside = INSIDE_INIT;
	cleanup_fclose FILE *in = fmemopen((char *)text, strlen(text), "r");
	struct err err = ERR_INIT;

	assert_non_null(in);
	assert_ok(strv_add(&inside.nevras, "in-1:2-3.module.noarch", &err));
	return moduledocs_choose("modules.yaml", in, &inside, docs, ret_err);
}

static void streams_of_what_is_inside_stay_as_they_are(void **state)
{
	static const char first[] = STREAM("a", "\"1.10\"", "in-1:2-3.module.noarch");
	static const char other[] = STREAM("b", "x", "in-0:2-3.module.noarch");
	CLEANUP(moduledocs_release) struct moduledocs docs = MODULEDOCS_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(str_release) struct str in = STR_INIT;
	CLEANUP(str_release) struct str want = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	str_addf(&in, "%s...\n%s%s...\n", other, first, DEFAULT("a", "'2'") DEFAULT("b", "x"));
	str_addf(&want, "%s%s...\n", first, DEFAULT("a", "\"1.10\""));
	assert_ok(choose(in.buf, &docs, &err));
	/* A second repository with the same: its default is said once. */
	assert_ok(choose(other, &docs, &err));
	assert_ok(moduledocs_format(&docs, &text, &err));
	assert_string_equal(text.buf, want.buf);
	assert_ok(choose(first, &docs, &err));
	assert_int_equal(docs.defaults.count, 1);
}

static void nothing_inside_is_no_file(void **state)
{
	CLEANUP(moduledocs_release) struct moduledocs docs = MODULEDOCS_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(choose(STREAM("b", "x", "other-1-1.noarch") DEFAULT("b", "x"), &docs, &err));
	assert_ok(moduledocs_format(&docs, &text, &err));
	assert_int_equal(text.len, 0);
}

/* The same name elsewhere in a document says nothing. */
static void only_artifacts_count(void **state)
{
	static const char text[] =
		"---\ndocument: modulemd\ndata:\n  name: a\n  stream: b\n  filter:\n    rpms:\n"
		"    - in-1:2-3.module.noarch\n  artifacts: {rpm-map: {sha256: "
		"[in-1:2-3.module.noarch]}}\n"
		"---\ndocument: modulemd-obsoletes\ndata:\n  name: a\n  stream: b\n  artifacts:\n"
		"    rpms: [in-1:2-3.module.noarch]\n";
	CLEANUP(moduledocs_release) struct moduledocs docs = MODULEDOCS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(choose(text, &docs, &err));
	assert_int_equal(docs.text.len, 0);
}

static void what_is_no_yaml_is_refused_with_its_line(void **state)
{
	CLEANUP(moduledocs_release) struct moduledocs docs = MODULEDOCS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_VERIFY, choose("---\na: b\n---\na: [\n", &docs, &err));
	assert_contains(err.msg, "line 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_of_what_is_inside_stay_as_they_are),
		cmocka_unit_test(nothing_inside_is_no_file),
		cmocka_unit_test(only_artifacts_count),
		cmocka_unit_test(what_is_no_yaml_is_refused_with_its_line),
	};

	return cmocka_run_group_tests_name("moduledocs", tests, NULL, NULL);
}
