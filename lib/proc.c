/* SPDX-License-Identifier: Apache-2.0 */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "interrupt.h"
#include "proc_private.h"

#define EXEC_FAILED 127 /* as the shell has it */

extern char **environ;

static int build_env(const struct proc *proc, struct strv *env, struct err *err)
{
	int r = strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			 err);

	if (r == 0)
		r = strv_add(env, "LC_ALL=C", err);
	for (const char *const *name = proc->keep; r == 0 && name && *name; name++) {
		const char *value = getenv(*name);

		if (value)
			r = strv_addf(env, err, "%s=%s", *name, value);
	}
	for (const char *const *item = proc->env; r == 0 && item && *item; item++)
		r = strv_add(env, *item, err);
	return r;
}

static bool write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);

	cleanup_closep(&fd);
	return ok;
}

/* Into a network of its own, with a loopback that is down; it stays who it is. */
static bool cut_off(void)
{
	char uid[64], gid[64];

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	snprintf(uid, sizeof(uid), "%u %u 1", (unsigned int)geteuid(), (unsigned int)geteuid());
	snprintf(gid, sizeof(gid), "%u %u 1", (unsigned int)getegid(), (unsigned int)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	       write_word("/proc/self/setgroups", "deny") &&
	       write_word("/proc/self/uid_map", uid) && write_word("/proc/self/gid_map", gid);
}

bool proc_can_offline(void)
{
	static int known = -1;
	int status = 0;
	pid_t pid;

	if (known >= 0)
		return known;
	pid = fork();
	if (pid == 0)
		_exit(!cut_off());
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	known = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return known;
}

/* Becoming another user would forget it: after that. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXEC_FAILED);
}

/* In the child of a single-threaded program. */
static void child_exec(const struct proc *proc, pid_t parent, char **env, int in, int out,
		       int err_out)
{
	struct passwd *pw = NULL;

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || (err_out >= 0 && dup2(err_out, 2) < 0))
		_exit(EXEC_FAILED);
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (proc->offline && !cut_off()) {
		dprintf(2, "cannot cut off from the network: %s\n", strerror(errno));
		_exit(EXEC_FAILED);
	}
	if (proc->root && (chroot(proc->root) < 0 || chdir("/") < 0)) {
		dprintf(2, "cannot enter '%s': %s\n", proc->root, strerror(errno));
		_exit(EXEC_FAILED);
	}
	if (proc->user) {
		pw = getpwnam(proc->user);
		if (!pw) {
			dprintf(2, "no such user: '%s'\n", proc->user);
			_exit(EXEC_FAILED);
		}
		if (initgroups(proc->user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
		    setuid(pw->pw_uid) < 0) {
			dprintf(2, "cannot become '%s': %s\n", proc->user, strerror(errno));
			_exit(EXEC_FAILED);
		}
	}
	if (proc->dir && chdir(proc->dir) < 0) {
		dprintf(2, "cannot change to '%s': %s\n", proc->dir, strerror(errno));
		_exit(EXEC_FAILED);
	}
	if (proc->dies_with_us)
		die_with(parent);
	environ = env;
	execvp(proc->argv[0], (char *const *)proc->argv);
	dprintf(2, "cannot run '%s': %s\n", proc->argv[0], strerror(errno));
	_exit(EXEC_FAILED);
}

static void capture(struct pollfd *pfd, struct str *into)
{
	char buf[8192];
	ssize_t n = read(pfd->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(pfd->fd);
		pfd->fd = -1;
		return;
	}
	if (into->len + (size_t)n <= PROC_CAPTURE_MAX)
		str_add_len(into, buf, (size_t)n);
}

static void feed(struct pollfd *pfd, const char **data)
{
	ssize_t n = write(pfd->fd, *data, strlen(*data));

	if (n > 0)
		*data += n;
	if ((n < 0 && errno != EINTR && errno != EAGAIN) || !**data) {
		close(pfd->fd);
		pfd->fd = -1;
	}
}

/*
 * Serves the pipes until the child has closed them; returns true when it must be ended, because the
 * time is over or we are interrupted. A grandchild that keeps the pipes
 * (a daemon that was started) must not hold us: once the child itself has ended, what is in the
 * pipes is read and that is all.
 */
static bool serve(pid_t pid, struct pollfd pfd[3], const char *data, unsigned int timeout_ms,
		  struct proc_result *res, int *status)
{
	uint64_t end = clock_monotonic_ms() + timeout_ms;
	void (*old_sigpipe)(int) = signal(SIGPIPE, SIG_IGN); /* a child may not read its input */
	bool exited = false;
	bool expired = false;

	for (;;) {
		uint64_t now = clock_monotonic_ms();
		int ready;

		if (!exited && waitpid(pid, status, WNOHANG) == pid)
			exited = true;
		expired = ((timeout_ms && now >= end) || interrupt_seen()) && !exited;
		if (expired)
			break;
		ready = poll(pfd, 3, exited ? 0 : 20);
		if (exited && (ready <= 0 || (pfd[1].fd < 0 && pfd[2].fd < 0)))
			break;
		if (pfd[0].fd >= 0 && pfd[0].revents)
			feed(&pfd[0], &data);
		if (pfd[1].fd >= 0 && pfd[1].revents)
			capture(&pfd[1], &res->out);
		if (pfd[2].fd >= 0 && pfd[2].revents)
			capture(&pfd[2], &res->err_out);
	}
	signal(SIGPIPE, old_sigpipe);
	return expired;
}

static void close_pair(int pair[2])
{
	cleanup_closep(&pair[0]);
	cleanup_closep(&pair[1]);
}

void proc_pipes_close(struct proc_pipes *pipes)
{
	close_pair(pipes->in);
	close_pair(pipes->out);
	close_pair(pipes->err_out);
}

int proc_spawn(const struct proc *proc, struct proc_pipes *p, pid_t *ret_pid, struct err *err)
{
	CLEANUP(strv_release) struct strv env = STRV_INIT;
	cleanup_close int devnull = open("/dev/null", O_RDWR | O_CLOEXEC);
	const pid_t parent = getpid();
	pid_t pid;
	int r = build_env(proc, &env, err);

	if (r < 0)
		return r;
	if (devnull < 0 || (proc->stdin_data && pipe2(p->in, O_CLOEXEC) < 0) ||
	    pipe2(p->out, O_CLOEXEC) < 0 ||
	    (!proc->passthrough_stderr && pipe2(p->err_out, O_CLOEXEC) < 0))
		return err_errno(err, ERR_FAILED, errno, "cannot run '%s'", proc->argv[0]);
	pid = fork();
	if (pid < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot run '%s'", proc->argv[0]);
	if (pid == 0)
		child_exec(proc, parent, env.items, proc->stdin_data ? p->in[0] : devnull,
			   p->out[1], p->err_out[1]);
	cleanup_closep(&p->in[0]);
	cleanup_closep(&p->out[1]);
	cleanup_closep(&p->err_out[1]);
	p->in[0] = p->out[1] = p->err_out[1] = -1;
	if (p->in[1] >= 0)
		fcntl(p->in[1], F_SETFL, O_NONBLOCK);
	*ret_pid = pid;
	return 0;
}

int proc_run(const struct proc *proc, struct proc_result *res, struct err *err)
{
	CLEANUP(proc_pipes_close) struct proc_pipes pipes = PROC_PIPES_INIT;
	struct pollfd pfd[3];
	int status = 0;
	pid_t pid = 0;
	int r = proc_spawn(proc, &pipes, &pid, err);

	if (r < 0)
		return r;
	pfd[0] = (struct pollfd){ .fd = pipes.in[1], .events = POLLOUT };
	pfd[1] = (struct pollfd){ .fd = pipes.out[0], .events = POLLIN };
	pfd[2] = (struct pollfd){ .fd = pipes.err_out[0], .events = POLLIN };
	if (serve(pid, pfd, proc->stdin_data, proc->timeout_ms, res, &status)) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		res->timed_out = true;
	}
	pipes.in[1] = pfd[0].fd;
	pipes.out[0] = pfd[1].fd;
	pipes.err_out[0] = pfd[2].fd;
	res->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	str_add_len(&res->out, "", 0);
	str_add_len(&res->err_out, "", 0);
	r = str_check(&res->out, err);
	if (r == 0)
		r = str_check(&res->err_out, err);
	return r < 0 ? r : interrupt_check(err);
}

void proc_result_release(struct proc_result *res)
{
	str_release(&res->out);
	str_release(&res->err_out);
}

#define TAIL_LINES 12 /* of the child's stderr in an error */

static void detail_tail(struct err *err, char *text)
{
	char *start = text + strlen(text);
	char *save = NULL;
	int lines = 0;

	while (start > text && lines <= TAIL_LINES) {
		start--;
		lines += *start == '\n' && start[1];
	}
	for (char *l = strtok_r(start, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		err_detail(err, "%s", l);
}

int proc_check(const struct proc *proc, char **ret_out, struct err *err)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	int r = proc_run(proc, &res, err);

	if (r < 0)
		return r;
	if (res.timed_out) {
		r = err_set(err, ERR_FAILED, "'%s' did not end within %u s", proc->argv[0],
			    proc->timeout_ms / 1000);
	} else if (res.status) {
		r = err_set(err, ERR_FAILED, "'%s' ended with status %d", proc->argv[0],
			    res.status);
	}
	if (r < 0) {
		detail_tail(err, res.err_out.len ? res.err_out.buf : res.out.buf);
		return r;
	}
	return ret_out ? str_done(&res.out, ret_out, err) : 0;
}
