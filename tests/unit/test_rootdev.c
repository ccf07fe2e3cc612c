/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes for another root. Each test is a process of its own: it changes the process's view of the mounts. */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "rootdev.h"

static char base[] = "/tmp/pgha-rootdev-XXXXXX";

static int make_base(void **state)
{
	(void)state;
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(base, &err);
}

/* Runs CHECK in a child after rootdev_provide(); false when the child cannot mount here. */
static bool in_child(bool (*check)(void), bool *ret)
{
	pid_t pid = 0;
	int status = 0;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct install in = { .root = base };
		struct rootdev dev = ROOTDEV_INIT;
		struct err err = ERR_INIT;

		if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
			_exit(77);
		if (rootdev_provide(&in, &dev, &err) < 0)
			_exit(2);
		if (!check())
			_exit(1);
		rootdev_withdraw(&dev);
		_exit(0);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	*ret = WEXITSTATUS(status) == 0;
	return WEXITSTATUS(status) != 77;
}

static bool null_is_a_device(void)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	struct stat st;
	int fd = -1;

	if (str_printf(&path, &err, "%s/dev/null", base) < 0 || lstat(path, &st) < 0 ||
	    !S_ISCHR(st.st_mode))
		return false;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "x", 1) == 1;
}

static void a_root_without_nodes_gets_them_for_the_life_of_the_process(void **state)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	bool good = false;

	(void)state;
	if (!in_child(null_is_a_device, &good))
		skip();
	assert_true(good);
	assert_ok(str_printf(&path, &err, "%s/dev", base));
	assert_int_equal(-1, access(path, F_OK));
}

static bool nothing_to_see(void)
{
	return true;
}

static void a_dev_that_leads_out_of_the_root_is_refused(void **state)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	bool good = true;

	(void)state;
	assert_ok(str_printf(&path, &err, "%s/dev", base));
	assert_ok(tree_remove(path, &err));
	assert_int_equal(0, symlink("/tmp", path));
	if (!in_child(nothing_to_see, &good))
		skip();
	assert_false(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_without_nodes_gets_them_for_the_life_of_the_process),
		cmocka_unit_test(a_dev_that_leads_out_of_the_root_is_refused),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
