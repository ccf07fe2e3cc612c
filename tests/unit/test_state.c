/* SPDX-License-Identifier: Apache-2.0 */
/* Where a node remembers: the directory, what may lie on the way to it, and who works there. */
#include "bundle.h"

#include <limits.h>
#include <pthread.h>

#include "state.h"

static void a_second_installer_does_not_start(void **state)
{
	CLEANUP(install_release) struct install one = { .node = "node1" };
	CLEANUP(install_release) struct install two = { .node = "node1" };
	struct state first = STATE_INIT;
	struct state second = STATE_INIT;
	struct err err = ERR_INIT;
	char *root = tree_new();

	(void)state;
	one.root = two.root = root;
	assert_ok(install_init(&one, &err));
	assert_ok(install_init(&two, &err));
	assert_ok(state_open(&one, &first, &err));
	assert_fails(ERR_FAILED, state_open(&two, &second, &err));
	assert_contains(err.msg, "another pgha-install");
	state_close(&two, &second);
	state_close(&one, &first);
	assert_ok(state_open(&two, &second, &err));
	state_close(&two, &second);
	tree_drop(root);
}

static void a_state_directory_behind_a_link_is_refused(void **state)
{
	CLEANUP(install_release) struct install in = { .node = "node1" };
	struct state st = STATE_INIT;
	struct err err = ERR_INIT;
	char *root = tree_new();
	cleanup_free char *var = NULL;
	cleanup_free char *lib = NULL;

	(void)state;
	in.root = root;
	assert_ok(path_join(root, "var", &var, &err));
	assert_int_equal(symlink("/tmp", var), 0);
	assert_ok(install_init(&in, &err));
	assert_fails(ERR_HOST, state_open(&in, &st, &err));
	assert_contains(err.msg, "is a symbolic link: see what put it there and make it");
	state_close(&in, &st);
	assert_int_equal(access("/tmp/lib", F_OK), -1);
	assert_int_equal(unlink(var), 0);
	assert_ok(dir_make(var, 0755, &err));
	assert_ok(path_join(root, "var/lib", &lib, &err));
	assert_ok(dir_make(lib, 0755, &err));
	assert_int_equal(symlink("/tmp", in.state_dir), 0);
	assert_fails(ERR_HOST, state_open(&in, &st, &err));
	assert_contains(err.msg, "var/lib/pgha' is a symbolic link");
	state_close(&in, &st);
	tree_drop(root);
}

static void a_state_directory_that_others_may_write_to_is_refused(void **state)
{
	static const mode_t modes[] = { 0770, 0702, 01777 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		CLEANUP(install_release) struct install in = { .node = "node1" };
		struct state st = STATE_INIT;
		struct err err = ERR_INIT;
		char *root = tree_new();

		in.root = root;
		assert_ok(install_init(&in, &err));
		assert_ok(dir_make(in.state_dir, 0700, &err));
		assert_int_equal(chmod(in.state_dir, modes[i]), 0);
		assert_fails(ERR_HOST, state_open(&in, &st, &err));
		assert_non_null(strstr(err.msg, in.state_dir));
		state_close(&in, &st);
		tree_drop(root);
	}
}

static void a_directory_above_that_others_may_write_to_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		gid_t group;
		bool fine;
	} cases[] = { { 0777, 0, false }, { 0757, 0, false }, { 0775, 50, false },
		      { 01777, 0, true }, { 0775, 0, true },  { 0711, 0, true } };

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		CLEANUP(install_release) struct install in = { .node = "node1" };
		struct state st = STATE_INIT;
		struct err err = ERR_INIT;
		char *root = tree_new();
		cleanup_free char *lib = NULL;
		cleanup_free char *path = NULL;
		size_t c = i / 2;

		in.root = root;
		assert_ok(install_init(&in, &err));
		assert_ok(path_join(root, "var/lib", &lib, &err));
		assert_ok(dir_make(lib, 0755, &err));
		assert_ok(path_join(root, i % 2 ? "var" : "var/lib", &path, &err));
		assert_int_equal(chown(path, 0, cases[c].group), 0);
		assert_int_equal(chmod(path, cases[c].mode), 0);
		if (cases[c].fine) {
			assert_ok(state_open(&in, &st, &err));
		} else {
			assert_fails(ERR_HOST, state_open(&in, &st, &err));
			assert_contains(err.msg, path);
			assert_contains(err.msg, "chmod 755");
		}
		state_close(&in, &st);
		tree_drop(root);
	}
}

static void what_was_made_for_nothing_is_removed(void **state)
{
	static const char *const there[] = { "", "var", "var/lib", "var/lib/pgha" };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(there); i++) {
		CLEANUP(install_release) struct install in = { .node = "node1" };
		CLEANUP(str_release) struct str before = STR_INIT;
		CLEANUP(str_release) struct str after = STR_INIT;
		struct state st = STATE_INIT;
		struct err err = ERR_INIT;
		char *root = tree_new();
		cleanup_free char *path = NULL;
		bool used = i >= ARRAY_SIZE(there);

		in.root = root;
		assert_ok(path_join(root, there[i % ARRAY_SIZE(there)], &path, &err));
		assert_ok(dir_make(path, 0755, &err));
		assert_ok(install_init(&in, &err));
		tree_list(root, &before);
		assert_ok(state_open(&in, &st, &err));
		if (used)
			assert_ok(journal_open(&in, &st, &err));
		state_close(&in, &st);
		tree_list(root, &after);
		assert_true(used ==
			    (access(in.state_dir, F_OK) == 0 && strcmp(before.buf, after.buf)));
		if (!used)
			assert_string_equal(before.buf, after.buf);
		tree_drop(root);
	}
}

static volatile bool racing = true;

static void *open_and_close(void *arg)
{
	struct install *in = arg;
	int *opened = calloc(1, sizeof(*opened));

	while (racing) {
		struct state st = STATE_INIT;
		struct err err = ERR_INIT;

		if (state_open(in, &st, &err) == 0) {
			(*opened)++;
			if (access(in->state_dir, F_OK) < 0)
				*opened = INT_MIN / 2;
		}
		state_close(in, &st);
	}
	return opened;
}

/* One of them has opened the directory that the other one is about to remove. */
static void whoever_has_the_lock_has_the_directory(void **state)
{
	CLEANUP(install_release) struct install one = { .node = "node1" };
	CLEANUP(install_release) struct install two = { .node = "node1" };
	struct err err = ERR_INIT;
	char *root = tree_new();
	pthread_t thread;
	void *other = NULL;
	int opened = 0;

	(void)state;
	one.root = two.root = root;
	assert_ok(install_init(&one, &err));
	assert_ok(install_init(&two, &err));
	racing = true;
	assert_int_equal(pthread_create(&thread, NULL, open_and_close, &two), 0);
	while (opened < 3000) {
		struct state st = STATE_INIT;

		if (state_open(&one, &st, &err) == 0) {
			opened++;
			assert_int_equal(access(one.state_dir, F_OK), 0);
		}
		state_close(&one, &st);
	}
	racing = false;
	assert_int_equal(pthread_join(thread, &other), 0);
	assert_true(*(int *)other >= 0);
	free(other);
	tree_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_installer_does_not_start),
		cmocka_unit_test(a_state_directory_behind_a_link_is_refused),
		cmocka_unit_test(a_state_directory_that_others_may_write_to_is_refused),
		cmocka_unit_test(a_directory_above_that_others_may_write_to_is_refused),
		cmocka_unit_test(what_was_made_for_nothing_is_removed),
		cmocka_unit_test(whoever_has_the_lock_has_the_directory),
	};

	return RUN_TESTS(tests);
}
