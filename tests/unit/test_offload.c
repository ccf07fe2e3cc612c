/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "offload.h"

static int shared = -1; /* a byte of it for each job */

static int write_byte(void *arg, struct err *err)
{
	int i = *(int *)arg;
	char c = (char)('a' + i);

	if (pwrite(shared, &c, 1, i) != 1)
		return err_set(err, ERR_FAILED, "cannot write");
	return 0;
}

static int fail_job(void *arg, struct err *err)
{
	err_set(err, ERR_VERIFY, "job %d is wrong", *(int *)arg);
	err_detail(err, "and that is why");
	return -(int)err->code;
}

static int die(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int numbers[20];

static void fill(struct offload_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		numbers[i] = (int)i;
		jobs[i] = (struct offload_job){ .run = write_byte,
						.arg = &numbers[i],
						.name = "a file" };
	}
}

static void assert_no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int tell_score(void *arg, struct err *err)
{
	char text[16] = "";
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);

	(void)arg;
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return err_set(err, ERR_FAILED, "cannot read");
	return err_set(err, ERR_VERIFY, "%s", text);
}

static void a_job_goes_first_when_memory_is_short(void **state)
{
	struct offload_job job = { .run = tell_score, .name = "a file" };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_VERIFY, offload_run(&job, 1, &err));
	assert_string_equal(err.msg, "1000\n");
}

static void every_job_is_done(void **state)
{
	struct offload_job jobs[20];
	char got[20];
	struct err err;

	(void)state;
	shared = memfd_create("test", MFD_CLOEXEC);
	fill(jobs, ARRAY_SIZE(jobs));
	assert_ok(offload_run(jobs, ARRAY_SIZE(jobs), &err));
	assert_int_equal(pread(shared, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, "abcdefghijklmnopqrst", sizeof(got));
	assert_no_child_is_left();
	assert_ok(offload_run(jobs, 0, &err));
	close(shared);
}

static void the_first_failure_is_told_whole(void **state)
{
	struct offload_job jobs[20];
	struct err err;

	(void)state;
	shared = memfd_create("test", MFD_CLOEXEC);
	fill(jobs, ARRAY_SIZE(jobs));
	jobs[7].run = fail_job;
	jobs[12].run = fail_job;
	assert_fails(ERR_VERIFY, offload_run(jobs, ARRAY_SIZE(jobs), &err));
	assert_string_equal(err.msg, "job 7 is wrong");
	assert_contains(err.detail, "and that is why");
	assert_no_child_is_left();
	close(shared);
}

static void a_child_that_dies_is_a_failure(void **state)
{
	struct offload_job jobs[3];
	struct err err;

	(void)state;
	shared = memfd_create("test", MFD_CLOEXEC);
	fill(jobs, ARRAY_SIZE(jobs));
	jobs[1].run = die;
	assert_fails(ERR_VERIFY, offload_run(jobs, ARRAY_SIZE(jobs), &err));
	assert_contains(err.msg, "a file: the process that reads it died of signal");
	assert_no_child_is_left();
	close(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_goes_first_when_memory_is_short),
		cmocka_unit_test(every_job_is_done),
		cmocka_unit_test(the_first_failure_is_told_whole),
		cmocka_unit_test(a_child_that_dies_is_a_failure),
	};

	return RUN_TESTS(tests);
}
