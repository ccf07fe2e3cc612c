/* SPDX-License-Identifier: Apache-2.0 */
/* pip, run on a Python of the target's minor version, with its own configuration and no input. */
#ifndef PGHA_PIP_H
#define PGHA_PIP_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "str.h"

/* One distribution of a report. */
struct pip_item {
	char *name; /* normalised (PEP 503) */
	char *version;
	char *url;
	char *sha256;
};

struct pip_report {
	struct pip_item *items;
	size_t count;
};

struct pip {
	struct strv python; /* argument vector up to what runs pip; its first item is the Python */
	struct strv keep;   /* names of our own environment that pip gets */
	struct strv env;    /* further "NAME=value" */
	char *version;      /* "3.12" */
	bool offline;       /* without a network, where the host lets us */
	/* pip itself prepares no source: that would run what is in it, with whatever the index has today.
	 * Borrowed, or NULL. */
	const char *built; /* a directory of wheels that are chosen from too */
	int (*build)(void *arg, struct pip_item *source,
		     struct err *err); /* puts a wheel of SOURCE there */
	void *build_arg;
};

#define PIP_INIT                     \
	{                            \
		.python = STRV_INIT, \
	}

/* Finds pythonVERSION with pip; ERR_HOST says what to install where it is missing. */
int pip_open(const char *version, struct pip *ret, struct err *err) MUST_CHECK;
void pip_release(struct pip *pip);

/* A Python program with pip's environment; ARGS go to it, RET_OUT (may be NULL) is the caller's. A
 * failure is ERR_FAILED. */
int pip_python(const struct pip *pip, const char *program, const struct strv *args, char **ret_out,
	       struct err *err) MUST_CHECK;
/* pip ARGS…; a failure is ERR_NETWORK with pip's last lines. */
int pip_run(const struct pip *pip, const struct strv *args, struct err *err) MUST_CHECK;
/*
 * pip install --dry-run --report with ARGS: what it would install, sorted by name. ERR_NETWORK when
 * pip finds no solution; a yanked file or one without SHA-256 is ERR_VERIFY. WORK_DIR holds the
 * report meanwhile. Each source that pip comes upon is built first, by `build`, so that what it
 * requires is what its wheel says; without `build` it is ERR_NETWORK.
 */
int pip_report(const struct pip *pip, const struct strv *args, const char *work_dir,
	       struct pip_report *ret, struct err *err) MUST_CHECK;
void pip_report_release(struct pip_report *report);

/*
 * Appends what makes pip choose wheels for the target and nothing else: --only-binary, --platform
 * for every manylinux tag that GLIBC ("2.28") can load, --python-version, --implementation.
 */
int pip_target_args(const struct pip *pip, const char *glibc, const char *arch, struct strv *args,
		    struct err *err) MUST_CHECK;

#endif
