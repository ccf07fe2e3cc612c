/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "interrupt.h"
#include "proc.h"
#include "proc_private.h"

#define TICK_MS 20
#define SAID_LINES 12

int proc_child_start(const struct proc *proc, struct proc_child *ret, struct err *err)
{
	struct proc own = *proc;
	struct proc_pipes pipes = PROC_PIPES_INIT;
	void (*old_sigpipe)(int) = NULL;
	int r = 0;

	own.dies_with_us = true;
	if (!own.stdin_data)
		own.stdin_data = "";
	r = proc_spawn(&own, &pipes, &ret->pid, err);
	ret->in = steal_fd(&pipes.in[1]);
	ret->out = steal_fd(&pipes.out[0]);
	ret->err_out = steal_fd(&pipes.err_out[0]);
	proc_pipes_close(&pipes);
	if (r < 0)
		return r;
	/* A pipe holds more than anybody's password: this does not wait for the child. */
	old_sigpipe = signal(SIGPIPE, SIG_IGN);
	if (*own.stdin_data && write(ret->in, own.stdin_data, strlen(own.stdin_data)) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot write to '%s'", own.argv[0]);
	signal(SIGPIPE, old_sigpipe);
	return r;
}

static void close_end(int *fd)
{
	cleanup_closep(fd);
	*fd = -1;
}

bool proc_child_runs(struct proc_child *child)
{
	int status = 0;

	if (child->pid && waitpid(child->pid, &status, WNOHANG) == child->pid)
		child->pid = 0;
	return child->pid != 0;
}

/* False at the end of the pipe. */
static bool read_more(int fd, struct str *into)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0 && into->len + (size_t)n <= PROC_CAPTURE_MAX)
		str_add_len(into, buf, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void tell(struct err *why, char *text)
{
	char *start = text ? text + strlen(text) : NULL;
	char *save = NULL;
	unsigned int lines = 0;

	while (start && start > text && lines <= SAID_LINES) {
		start--;
		lines += *start == '\n' && start[1];
	}
	for (char *l = start ? strtok_r(start, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save))
		err_detail(why, "%s", l);
}

int proc_child_expect(struct proc_child *child, const char *text, unsigned int timeout_ms,
		      bool *ret_said, struct err *why, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str err_out = STR_INIT;
	uint64_t end = clock_monotonic_ms() + timeout_ms;
	int r = 0;

	for (;;) {
		struct pollfd pfd[] = { { .fd = child->out, .events = POLLIN },
					{ .fd = child->err_out, .events = POLLIN } };
		bool runs = proc_child_runs(child);

		(void)poll(pfd, 2, runs ? TICK_MS : 0);
		if (pfd[0].revents && !read_more(child->out, &out))
			close_end(&child->out);
		if (pfd[1].revents && !read_more(child->err_out, &err_out))
			close_end(&child->err_out);
		r = interrupt_check(err);
		*ret_said = out.buf && strstr(out.buf, text);
		if (r < 0 || *ret_said)
			return r;
		if (!runs && !pfd[0].revents && !pfd[1].revents) {
			err_set(why, ERR_UNHEALTHY, "it ended");
			break;
		}
		if (clock_monotonic_ms() >= end) {
			err_set(why, ERR_UNHEALTHY, "not within %u s", timeout_ms / 1000);
			break;
		}
	}
	tell(why, out.buf);
	tell(why, err_out.buf);
	return 0;
}

void proc_child_stop(struct proc_child *child, unsigned int grace_ms)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	uint64_t end = clock_monotonic_ms() + grace_ms;

	close_end(&child->in);
	if (proc_child_runs(child))
		kill(child->pid, SIGTERM);
	while (proc_child_runs(child) && clock_monotonic_ms() < end)
		nanosleep(&tick, NULL);
	if (proc_child_runs(child)) {
		kill(-child->pid, SIGKILL);
		kill(child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_end(&child->out);
	close_end(&child->err_out);
	child->pid = 0;
}
