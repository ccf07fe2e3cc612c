/* SPDX-License-Identifier: Apache-2.0 */
/* Children: an argument vector, a small environment of their own, captured output, a time limit.
 * Never a shell. */
#ifndef PGHA_PROC_H
#define PGHA_PROC_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"
#include "str.h"

struct proc {
	const char *const
		*argv; /* borrowed, NULL-terminated; argv[0] is looked up in PATH unless absolute */
	const char *const *
		env; /* borrowed, NULL-terminated "NAME=value", beside PATH and LC_ALL=C; or NULL */
	const char *const *keep; /* borrowed, NULL-terminated names passed on from our own
				    environment; or NULL */
	const char *stdin_data;  /* borrowed, or NULL: /dev/null */
	const char *user;        /* run as this account and its groups; NULL: as we are */
	const char *root;        /* chroot there first; NULL: none */
	const char *dir;         /* working directory; NULL: as it is */
	unsigned int timeout_ms; /* 0: none; at its end the child's process group gets SIGKILL */
	bool dies_with_us; /* gets SIGKILL when we are killed: it would go on in files of ours */
	bool offline;      /* cut off from the network, where proc_can_offline() */
	bool passthrough_stderr; /* the child's stderr is ours; otherwise it is captured */
};

struct proc_result {
	int status; /* exit status, 128 + signal when killed by one */
	bool timed_out;
	struct str out; /* at most PROC_CAPTURE_MAX bytes each; the rest is read and dropped */
	struct str err_out;
};

#define PROC_CAPTURE_MAX (16U << 20)
#define PROC_RESULT_INIT     \
	{                    \
		.status = -1 \
	}

/*
 * Runs a child to its end. Fails only when it could not be run at all (ERR_FAILED) or we were
 * interrupted meanwhile (ERR_INTERRUPTED; the child is ended then); a non-zero exit
 * is a result. RES is released by the caller with proc_result_release(), also after a failure.
 */
int proc_run(const struct proc *proc, struct proc_result *res, struct err *err) MUST_CHECK;
void proc_result_release(struct proc_result *res);

/*
 * proc_run(), and an exit status that is not 0 is ERR_FAILED with the command's name, its status
 * and its last lines of stderr as detail. RET_OUT (may be NULL) gets standard output, owned by the
 * caller.
 */
int proc_check(const struct proc *proc, char **ret_out, struct err *err) MUST_CHECK;

/*
 * A child that goes on while we do: started, waited for until it says something, stopped. It dies with us,
 * by SIGKILL. What it says on standard error is dropped after proc_expect().
 */
struct proc_child {
	pid_t pid; /* 0: none */
	int in, out, err_out;
};

#define PROC_CHILD_INIT                            \
	{                                          \
		.in = -1, .out = -1, .err_out = -1 \
	}

/* PROC's stdin_data is written, and its standard input stays open. proc_child_stop() ends it, also after a
 * failure. */
int proc_child_start(const struct proc *proc, struct proc_child *ret, struct err *err) MUST_CHECK;
/*
 * Waits until it has said TEXT on standard output: RET_SAID is false when it ended or TIMEOUT_MS was over before;
 * WHY then gets what it said.
 */
int proc_child_expect(struct proc_child *child, const char *text, unsigned int timeout_ms,
		      bool *ret_said, struct err *why, struct err *err) MUST_CHECK;
bool proc_child_runs(struct proc_child *child);
/* Closes its pipes and asks it to end by SIGTERM; after GRACE_MS by SIGKILL. */
void proc_child_stop(struct proc_child *child, unsigned int grace_ms);

/* Whether this host lets us cut a child off: root always may, others where there are user namespaces. */
bool proc_can_offline(void);

#endif
