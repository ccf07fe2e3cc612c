/* SPDX-License-Identifier: Apache-2.0 */
#include "offload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "interrupt.h"

#define AT_ONCE_MAX 16

/*
 * Metadata that takes all memory to read is to cost this process its life and no other one: the
 * kernel's choice falls on the highest value.
 */
static void go_first(void)
{
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1000\n", 5) < 0)
		return; /* then the kernel chooses by size alone */
}

static void run_child(const struct offload_job *job, int fd)
{
	struct err err = ERR_INIT;

	/* When who started us is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	go_first();
	if (job->run(job->arg, &err) < 0 && write(fd, &err, sizeof(err)) != (ssize_t)sizeof(err))
		_exit(2);
	_exit(0);
}

static int start(struct offload_job *job, struct err *err)
{
	int pair[2] = { -1, -1 };

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(err, ERR_HOST, errno, "cannot make a pipe");
	job->pid = fork();
	if (job->pid < 0) {
		int errnum = errno;

		close(pair[0]);
		close(pair[1]);
		return err_errno(err, ERR_HOST, errnum, "cannot start a process");
	}
	if (job->pid == 0)
		run_child(job, pair[1]);
	close(pair[1]);
	job->fd = pair[0];
	return 0;
}

/* A pipe that was made small gives the error in pieces. */
static size_t read_error(struct offload_job *job)
{
	size_t got = 0;
	ssize_t n = 0;

	while (got < sizeof(job->err) &&
	       (n = read(job->fd, (char *)&job->err + got, sizeof(job->err) - got)) != 0) {
		if (n > 0)
			got += (size_t)n;
		else if (errno != EINTR)
			break;
	}
	return got;
}

/* The child has closed its end, or must not be waited for any longer. */
static void finish(struct offload_job *job)
{
	int status = 0;
	size_t got = read_error(job);

	close(job->fd);
	job->fd = -1;
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	job->pid = 0;
	if (WIFSIGNALED(status))
		err_set(&job->err, ERR_VERIFY, "%s: the process that reads it died of signal %d",
			job->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) || (got && got != sizeof(job->err)))
		err_set(&job->err, ERR_FAILED, "%s: the process that reads it has failed",
			job->name);
}

static void kill_all(struct offload_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].pid <= 0)
			continue;
		kill(jobs[i].pid, SIGKILL);
		finish(&jobs[i]);
	}
}

/* Waits until one of the running jobs ends, and reaps those that have. */
static int wait_some(struct offload_job *jobs, size_t count, size_t *running, struct err *err)
{
	struct pollfd pfd[AT_ONCE_MAX];
	size_t of[AT_ONCE_MAX];
	nfds_t n = 0;

	for (size_t i = 0; i < count && n < AT_ONCE_MAX; i++) {
		if (jobs[i].pid <= 0)
			continue;
		of[n] = i;
		pfd[n++] = (struct pollfd){ .fd = jobs[i].fd, .events = POLLIN };
	}
	if (poll(pfd, n, -1) < 0 && errno != EINTR)
		return err_errno(err, ERR_FAILED, errno, "cannot wait for processes");
	for (nfds_t i = 0; i < n; i++) {
		if (!pfd[i].revents)
			continue;
		finish(&jobs[of[i]]);
		--*running;
	}
	return interrupt_check(err);
}

static size_t at_once(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > AT_ONCE_MAX ? AT_ONCE_MAX : (size_t)n;
}

int offload_run(struct offload_job *jobs, size_t count, struct err *err)
{
	const size_t limit = at_once();
	size_t running = 0;
	size_t next = 0;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		jobs[i].pid = 0;
		jobs[i].err = (struct err)ERR_INIT;
	}
	while (r == 0 && (next < count || running)) {
		if (next < count && running < limit) {
			r = start(&jobs[next++], err);
			running += r == 0;
			continue;
		}
		r = wait_some(jobs, count, &running, err);
	}
	if (r < 0)
		kill_all(jobs, count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (jobs[i].err.code == ERR_NONE)
			continue;
		*err = jobs[i].err;
		r = -(int)err->code;
	}
	return r;
}
