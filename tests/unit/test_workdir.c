/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "file.h"
#include "workdir.h"

static char parent[] = "/tmp/pgha-workdir-XXXXXX";

static size_t entries(void)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(dir_list(parent, &names, &err));
	return names.count;
}

static void a_directory_is_private_and_goes_with_what_is_in_it(void **state)
{
	struct workdir dir = WORKDIR_INIT;
	cleanup_free char *inside = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	assert_ok(workdir_make(&dir, parent, ".work", &err));
	assert_int_equal(stat(dir.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_ok(path_join(dir.path, "a/b", &inside, &err));
	assert_ok(dir_make(inside, 0700, &err));
	assert_ok(workdir_remove(&dir, &err));
	assert_int_equal(entries(), 0);
	assert_ok(workdir_remove(&dir, &err)); /* none */
}

static void what_a_killed_process_left_is_removed_and_nothing_else(void **state)
{
	struct workdir used = WORKDIR_INIT, next = WORKDIR_INIT;
	cleanup_free char *other = NULL;
	cleanup_free char *longer = NULL;
	struct err err = ERR_INIT;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_ok(workdir_make(&used, parent, ".work", &err));
	assert_ok(path_join(parent, ".works-abcdef", &other, &err));
	assert_ok(path_join(parent, ".work-abcdefg", &longer, &err));
	assert_ok(dir_make(other, 0700, &err));
	assert_ok(dir_make(longer, 0700, &err));
	pid = fork();
	if (pid == 0) {
		struct workdir left = WORKDIR_INIT;

		if (workdir_make(&left, parent, ".work", &err) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(entries(), 4);
	assert_ok(workdir_make(&next, parent, ".work", &err));
	assert_int_equal(entries(), 4);
	assert_int_equal(access(used.path, F_OK), 0);
	assert_int_equal(access(other, F_OK), 0);
	assert_int_equal(access(longer, F_OK), 0);
	assert_ok(workdir_remove(&used, &err));
	assert_ok(workdir_remove(&next, &err));
	assert_ok(tree_remove(other, &err));
	assert_ok(tree_remove(longer, &err));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(parent) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(parent, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_private_and_goes_with_what_is_in_it),
		cmocka_unit_test(what_a_killed_process_left_is_removed_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
