/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bundle.h"
#include "file.h"
#include "writeback.h"

/* What the module's calls come to. */
static pthread_t tester;
static atomic_int by_thread, at_end;
static atomic_int fail_thread, fail_end; /* errno of the next call of each, once */
static atomic_int last_fd;
static dev_t devices[16];
static size_t device_count;

/* Instead of the C library's. */
int syncfs(int fd)
{
	bool end = pthread_equal(pthread_self(), tester);
	int errnum = atomic_exchange(end ? &fail_end : &fail_thread, 0);
	struct stat st;

	last_fd = fd;
	if (end && fstat(fd, &st) == 0 && device_count < ARRAY_SIZE(devices))
		devices[device_count++] = st.st_dev;
	atomic_fetch_add(end ? &at_end : &by_thread, 1);
	if (errnum) {
		errno = errnum;
		return -1;
	}
	return (int)syscall(SYS_syncfs, fd);
}

static int begin(void **state)
{
	tester = pthread_self();
	by_thread = at_end = fail_thread = fail_end = 0;
	device_count = 0;
	*state = tree_new();
	return 0;
}

static int end(void **state)
{
	tree_drop(*state);
	return 0;
}

/* Two more calls of the thread: one that began before is over then. */
static void let_it_sync(void)
{
	int before = by_thread;

	for (int i = 0; by_thread < before + 2; i++) {
		if (i == 6000)
			fail_msg("the thread does not sync");
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
}

static size_t thread_count(void)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;

	assert_ok(dir_list("/proc/self/task", &names, &err));
	return names.count;
}

/* One that was joined is listed for a moment still. */
static void assert_threads(size_t count)
{
	for (int i = 0; thread_count() != count && i < 6000; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_int_equal(thread_count(), count);
}

static void it_syncs_meanwhile_and_once_more_at_the_end(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	struct err err = ERR_INIT;
	size_t before = thread_count();

	assert_ok(writeback_start(*state, &w, &err));
	assert_threads(before + 1);
	let_it_sync();
	assert_int_equal(at_end, 0);
	assert_ok(writeback_finish(w, &err));
	assert_int_equal(at_end, 1);
	assert_threads(before);
}

static void without_an_end_the_thread_ends_too(void **state)
{
	struct writeback *w = NULL;
	struct err err = ERR_INIT;
	size_t before = thread_count();

	assert_ok(writeback_start(*state, &w, &err));
	writeback_free(w);
	assert_threads(before);
	assert_int_equal(at_end, 0);
	writeback_free(NULL);
}

static void an_error_that_only_the_thread_was_told_is_not_lost(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	struct err err = ERR_INIT;

	fail_thread = EIO;
	assert_ok(writeback_start(*state, &w, &err));
	let_it_sync();
	assert_fails(ERR_FAILED, writeback_finish(w, &err));
	assert_contains(err.msg, "cannot sync");
	assert_contains(err.msg, (const char *)*state);
	assert_contains(err.msg, strerror(EIO));
	assert_int_equal(at_end, 1);
}

static void the_first_of_two_errors_is_told(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	struct err err = ERR_INIT;

	fail_thread = ESTALE;
	fail_end = EIO;
	assert_ok(writeback_start(*state, &w, &err));
	let_it_sync();
	assert_fails(ERR_FAILED, writeback_finish(w, &err));
	assert_contains(err.msg, strerror(ESTALE));
}

static void an_error_at_the_end_is_told(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	struct err err = ERR_INIT;

	fail_end = EIO;
	assert_ok(writeback_start(*state, &w, &err));
	assert_fails(ERR_FAILED, writeback_finish(w, &err));
	assert_contains(err.msg, strerror(EIO));
}

static void a_descriptor_that_somebody_closed_is_told(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	struct err err = ERR_INIT;

	assert_ok(writeback_start(*state, &w, &err));
	let_it_sync();
	assert_int_equal(close(last_fd), 0);
	assert_fails(ERR_FAILED, writeback_finish(w, &err));
	assert_contains(err.msg, strerror(EBADF));
}

static void a_root_that_is_not_there_is_told(void **state)
{
	cleanup_free char *root = NULL;
	struct writeback *w = NULL;
	struct err err = ERR_INIT;
	size_t before = thread_count();

	assert_ok(path_join(*state, "missing", &root, &err));
	assert_fails(ERR_FAILED, writeback_start(root, &w, &err));
	assert_null(w);
	assert_contains(err.msg, root);
	assert_threads(before);
}

static atomic_int signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void a_signal_that_the_caller_blocks_is_not_taken_by_the_thread(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	struct sigaction action = { .sa_handler = count_signal };
	struct sigaction old;
	struct err err = ERR_INIT;
	sigset_t set;

	signals = 0;
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	assert_ok(writeback_start(*state, &w, &err));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	let_it_sync();
	assert_int_equal(signals, 0);
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	assert_int_equal(signals, 1);
	assert_ok(writeback_finish(w, &err));
	assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

static void make_directory(const char *root, const char *name, char **ret)
{
	struct err err = ERR_INIT;

	assert_ok(path_join(root, name, ret, &err));
	assert_ok(dir_make(*ret, 0755, &err));
}

static void one_file_system_is_synced_once(void **state)
{
	CLEANUP(writeback_freep) struct writeback *w = NULL;
	cleanup_free char *usr = NULL;
	cleanup_free char *lib = NULL;
	struct err err = ERR_INIT;

	make_directory(*state, "usr", &usr);
	make_directory(*state, "var/lib", &lib);
	assert_ok(writeback_start(*state, &w, &err));
	assert_ok(writeback_finish(w, &err));
	assert_int_equal(at_end, 1);
}

/* In a child's mount namespace: 0 when both were synced. */
static int sync_two(const char *root, const char *mounted)
{
	struct writeback *w = NULL;
	struct err err = ERR_INIT;
	struct stat one;
	struct stat two;

	tester = pthread_self();
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", mounted, "tmpfs", 0, NULL) < 0)
		return 2;
	if (stat(root, &one) < 0 || stat(mounted, &two) < 0 || one.st_dev == two.st_dev)
		return 3;
	if (writeback_start(root, &w, &err) < 0 || writeback_finish(w, &err) < 0)
		return 4;
	writeback_free(w);
	return device_count == 2 && devices[0] == one.st_dev && devices[1] == two.st_dev ? 0 : 5;
}

static void a_file_system_of_its_own_below_the_root_is_synced_too(void **state)
{
	cleanup_free char *lib = NULL;
	int status = 0;
	pid_t pid = 0;

	make_directory(*state, "var/lib", &lib);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) < 0 ? 77 : sync_two(*state, lib));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* not root */
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_syncs_meanwhile_and_once_more_at_the_end),
		TEST(without_an_end_the_thread_ends_too),
		TEST(an_error_that_only_the_thread_was_told_is_not_lost),
		TEST(the_first_of_two_errors_is_told),
		TEST(an_error_at_the_end_is_told),
		TEST(a_descriptor_that_somebody_closed_is_told),
		TEST(a_root_that_is_not_there_is_told),
		TEST(a_signal_that_the_caller_blocks_is_not_taken_by_the_thread),
		TEST(one_file_system_is_synced_once),
		TEST(a_file_system_of_its_own_below_the_root_is_synced_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
