/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <unistd.h>

#include "modules.h"
#include "proc.h"

#define DATA "../shared/data/"

static int parse(const char *text, struct strv *list, struct err *err)
{
	cleanup_fclose FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(in);
	return modules_artifacts("m.yaml", in, list, err);
}

static void artifacts_of_every_document_are_found(void **state)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(parse("---\n"
			"document: modulemd-defaults\n"
			"version: 1\n"
			"data: {module: m, stream: '1', artifacts: none}\n"
			"...\n"
			"---\n"
			"document: modulemd\n"
			"data:\n"
			"  components: {rpms: {a: {buildorder: 18446744073709551615}}}\n"
			"  ? [odd, key]\n"
			"  : value\n"
			"  profiles: {x: {rpms: [notme-0:1-1.x]}}\n"
			"  artifacts:\n"
			"    rpm-map: {sha256: {abc: {name: notme}}}\n"
			"    rpms: &all\n"
			"    - a-0:1.2-3.module_el8+1.x86_64\n"
			"    - b-10:1.2-3.module_el8+1.noarch\n"
			"    - {not: a string}\n"
			"    - c-1.2-3.x86_64\n"
			"artifacts: {rpms: [notme-0:1-1.x]}\n"
			"...\n"
			"---\n"
			"data: {artifacts: {rpms: [d-2:0-1.x86_64]}}\n"
			"---\n"
			"just text\n",
			&list, &err));
	assert_int_equal(list.count, 4);
	assert_string_equal(list.items[0], "a-1.2-3.module_el8+1.x86_64");
	assert_string_equal(list.items[1], "b-10:1.2-3.module_el8+1.noarch");
	assert_string_equal(list.items[2], "c-1.2-3.x86_64");
	assert_string_equal(list.items[3], "d-2:0-1.x86_64");
}

static void an_empty_file_has_none(void **state)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(parse("\n", &list, &err));
	assert_int_equal(list.count, 0);
}

static void what_is_no_yaml_is_refused_with_its_place(void **state)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_VERIFY, parse("data:\n  x: [1, 2\ny: }\n", &list, &err));
	assert_contains(err.msg, "m.yaml:3:");
}

static void rhel_8_is_read_whole(void **state)
{
	static const char *const argv[] = { "gzip", "-dc",
					    DATA "modules/rhel8-appstream.modules.yaml.gz", NULL };
	const struct proc gunzip = { .argv = argv };
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	if (access(argv[2], R_OK)) {
		print_message("%s is not here\n", argv[2]);
		skip();
	}
	assert_ok(proc_check(&gunzip, &text, &err));
	assert_ok(parse(text, &list, &err));
	assert_true(strv_has(&list, "postgresql-server-10.6-1.module+el8+2469+5ecd5aae.x86_64"));
	assert_true(list.count > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(artifacts_of_every_document_are_found),
		cmocka_unit_test(an_empty_file_has_none),
		cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place),
		cmocka_unit_test(rhel_8_is_read_whole),
	};

	return RUN_TESTS(tests);
}
