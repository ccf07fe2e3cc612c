/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this machine is fit for what its node is to become, asked before anything is changed. Every
 * check has a short name that stays; all of them run, so that all that is wrong is told at once.
 * docs/preflight.md describes each.
 */
#ifndef PGHA_PREFLIGHT_H
#define PGHA_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "plan.h"
#include "setup.h"
#include "str.h"

/* A file system, as a path on it shows it. */
struct preflight_space {
	dev_t device;
	uint64_t free_bytes; /* for who is not root: the reserve stays */
	uint64_t free_files;
	uint64_t block_bytes;
	bool counts_files; /* free_files means something */
	bool read_only, no_exec;
};

/* Where facts come from; all borrowed. What is NULL or 0 is asked of the machine itself. */
struct preflight_source {
	const char *proc, *sys, *run; /* directories */
	const char *machine;          /* the architecture, as uname(2) has it */
	const char *glibc;            /* "2.28": of the machine that runs */
	const struct strv *addresses; /* of the interfaces */
	/* PATH is there. */
	int (*space)(const char *path, struct preflight_space *ret, struct err *err);
	bool live; /* another root is taken for the machine that runs: for tests */
};

extern const struct preflight_source preflight_machine;

enum preflight_kind {
	PREFLIGHT_PROBLEM,
	PREFLIGHT_IGNORED, /* a problem that the operator takes upon himself */
	PREFLIGHT_NOTE,    /* worth knowing, and no obstacle */
	PREFLIGHT_SKIPPED, /* cannot be known in another root */
};

struct preflight_finding {
	enum preflight_kind kind;
	const char *name; /* of the check; static */
	char *text;       /* one line */
};

struct preflight {
	struct preflight_finding *items; /* in the order of the checks */
	size_t count;
	size_t checks; /* that ran */
};

#define PREFLIGHT_INIT         \
	{                      \
		.items = NULL, \
	}

void preflight_release(struct preflight *p);

/* ERR_USAGE for one of NAMES (ends with NULL) that is no check's name. */
int preflight_check_names(const char *const *names, struct err *err) MUST_CHECK;

/*
 * Runs every check. PLAN is NULL when it could not be worked out. Problems of the checks in IGNORE (ends
 * with NULL) are PREFLIGHT_IGNORED. A problem is no failure of this function: preflight_verdict(). RET is
 * released by the caller, also after a failure.
 */
int preflight_run(const struct preflight_source *from, const struct setup *setup,
		  const struct plan *plan, const char *const *ignore, struct preflight *ret,
		  struct err *err) MUST_CHECK;

size_t preflight_count(const struct preflight *p, enum preflight_kind kind);
/* ERR_HOST with a line of detail for each problem, when there is one. */
int preflight_verdict(const struct preflight *p, const char *node, struct err *err) MUST_CHECK;

#endif
