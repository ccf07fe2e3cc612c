/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cleanup.h"
#include "definition.h"
#include "file.h"

#define MINIMAL                                            \
	"pgha: 1\n"                                        \
	"platform: {id: \"platform:el8\", arch: x86_64}\n" \
	"repos: [repos/a.repo, /abs/b.repo]\n"

struct dir {
	char path[64];
};

static int make_dir(void **state)
{
	struct dir *dir = calloc(1, sizeof(*dir));

	assert_non_null(dir);
	strcpy(dir->path, "/tmp/pgha-definition-XXXXXX");
	assert_non_null(mkdtemp(dir->path));
	*state = dir;
	return 0;
}

static int remove_dir(void **state)
{
	struct dir *dir = *state;
	struct err err = ERR_INIT;

	assert_int_equal(tree_remove(dir->path, &err), 0);
	free(dir);
	return 0;
}

static void write_file(const struct dir *dir, const char *name, const char *text)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	char *slash = NULL;

	assert_int_equal(path_join(dir->path, name, &path, &err), 0);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(dir_make(path, 0755, &err), 0);
	*slash = '/';
	assert_int_equal(file_write_atomic(path, 0644, text, strlen(text), &err), 0);
}

static int load(const struct dir *dir, const char *text, struct definition *def, struct err *err)
{
	cleanup_free char *path = NULL;

	write_file(dir, "b.yaml", text);
	assert_int_equal(path_join(dir->path, "b.yaml", &path, err), 0);
	return definition_load(path, def, err);
}

static void paths_are_seen_from_the_definition(void **state)
{
	const struct dir *dir = *state;
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	struct err err = ERR_INIT;
	char want[128];

	assert_int_equal(load(dir, MINIMAL "topology: ../t.yaml\nbaseline: none\n", &def, &err), 0);
	snprintf(want, sizeof(want), "%s/repos/a.repo", dir->path);
	assert_string_equal(def.repos.items[0], want);
	assert_string_equal(def.repos.items[1], "/abs/b.repo");
	snprintf(want, sizeof(want), "%s/../t.yaml", dir->path);
	assert_string_equal(def.topology, want);
	assert_null(def.baseline);
	assert_int_equal(def.valid_days, 90);
	assert_null(definition_keys(&def, "base"));
}

static void fingerprints_are_made_upper_case_and_may_have_spaces(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	struct err err = ERR_INIT;
	const struct strv *keys = NULL;

	assert_int_equal(load(*state,
			      MINIMAL "trust: {z: [], base: [\"567e 347a d004 4ade 55ba 8a5f 199e "
				      "2f91 fd43 1d51\"]}\n",
			      &def, &err),
			 0);
	keys = definition_keys(&def, "base");
	assert_non_null(keys);
	assert_int_equal(keys->count, 1);
	assert_string_equal(keys->items[0], "567E347AD0044ADE55BA8A5F199E2F91FD431D51");
}

static void mistakes_are_named_with_their_place(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ MINIMAL "pakages: []\n",
		  "b.yaml:4:1: unknown key 'pakages' (did you mean 'packages'?)" },
		{ "pgha: 2\n", "b.yaml:1:7: 'pgha': '2' is not 1" },
		{ "pgha: 1\n", "'platform' is missing" },
		{ MINIMAL "packages: [\"--all\"]\n", "b.yaml:4:12: '--all' is no name" },
		{ MINIMAL "packages: [\"a\\nb\"]\n", "b.yaml:4:12: 'a\nb' is no name" },
		{ MINIMAL "services: [../x]\n", "b.yaml:4:12: '../x' is no name" },
		{ MINIMAL "wheels: {requirements: [\"-r /etc/passwd\"]}\n", "b.yaml:4:25: " },
		{ MINIMAL "trust: {base: [FD431D51]}\n", "b.yaml:4:16: 'FD431D51' is no fingerp" },
		{ MINIMAL "trust: {base: FD431D51}\n", "b.yaml:4:15: a list of fingerprints" },
		{ MINIMAL "trust: [x]\n", "b.yaml:4:8: a mapping" },
		{ MINIMAL "valid_days: 0\n", "b.yaml:4:13: " },
		{ MINIMAL "modules: {disabled: [x]}\n", "(did you mean 'disable'?)" },
		{ "pgha: 1\nplatform: {id: el8, arch: x86_64}\nrepos: [a]\n",
		  "b.yaml:2:16: 'el8' is no platform" },
		{ "pgha: 1\nplatform: {id: \"platform:el8\", arch: x86_46}\nrepos: [a]\n",
		  "b.yaml:2:38: 'x86_46' is no architecture" },
		{ "pgha: 1\nplatform: {id: \"platform:el8\", arch: x86_64}\nrepos: [a, \"\"]\n",
		  "b.yaml:3:12: the path is empty" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
		struct err err = ERR_INIT;

		if (load(*state, cases[i].text, &def, &err) != -ERR_CONFIG ||
		    !strstr(err.msg, cases[i].says))
			fail_msg("case %zu: wanted '%s', got '%s'", i, cases[i].says, err.msg);
	}
}

static void requests_name_who_asked_for_them_once(void **state)
{
	const struct dir *dir = *state;
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(definition_requests_release) struct definition_requests list = { .items = NULL };
	struct err err = ERR_INIT;
	char want[128];

	write_file(dir, "services/b/service.yaml", "service: b\nlayer: x\npackages: [zsh, both]\n");
	write_file(dir, "services/a/service.yaml", "service: a\nlayer: x\npackages: [both]\n");
	write_file(dir, "services/none/service.yaml", "service: none\nlayer: x\n");
	assert_int_equal(
		load(dir, MINIMAL "services: [b, a, none]\npackages: [both, strace]\n", &def, &err),
		0);
	if (definition_requests(&def, &list, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[0].name, "both");
	assert_string_equal(list.items[0].reason, "service a");
	assert_string_equal(list.items[1].name, "strace");
	assert_string_equal(list.items[1].reason, "requested");
	snprintf(want, sizeof(want), "%s/b.yaml:5:18", dir->path);
	assert_string_equal(list.items[1].where, want);
	assert_string_equal(list.items[2].reason, "service b");
}

static void a_package_named_after_a_python_that_is_not_declared_is_a_mistake(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(definition_requests_release) struct definition_requests list = { .items = NULL };
	struct err err = ERR_INIT;

	write_file(*state, "services/a/service.yaml",
		   "service: a\nlayer: x\npackages: [\"python{{platform.python}}\"]\n");
	assert_int_equal(load(*state, MINIMAL "services: [a]\n", &def, &err), 0);
	assert_int_equal(definition_requests(&def, &list, &err), -ERR_CONFIG);
	assert_non_null(strstr(err.msg, "platform.python"));
}

static void a_service_without_manifest_is_named(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(definition_requests_release) struct definition_requests list = { .items = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(load(*state, MINIMAL "services: [ghost]\n", &def, &err), 0);
	assert_int_equal(definition_requests(&def, &list, &err), -ERR_CONFIG);
	assert_non_null(strstr(err.msg, "services/ghost/service.yaml"));
}

static void what_a_command_needs_is_asked_for_by_name(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(load(*state, MINIMAL, &def, &err), 0);
	assert_int_equal(definition_need(&def, "topology", def.topology, &err), -ERR_CONFIG);
	assert_non_null(strstr(err.msg, "'topology' is missing"));
}

static void a_definition_that_is_not_there_is_a_usage_error(void **state)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(definition_load("/nonexistent/b.yaml", &def, &err), -ERR_USAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_seen_from_the_definition),
		TEST(fingerprints_are_made_upper_case_and_may_have_spaces),
		TEST(mistakes_are_named_with_their_place),
		TEST(requests_name_who_asked_for_them_once),
		TEST(a_package_named_after_a_python_that_is_not_declared_is_a_mistake),
		TEST(a_service_without_manifest_is_named),
		TEST(what_a_command_needs_is_asked_for_by_name),
		TEST(a_definition_that_is_not_there_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
