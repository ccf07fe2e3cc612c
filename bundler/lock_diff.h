/* SPDX-License-Identifier: Apache-2.0 */
/* What changed from one lock to another, package by package, for people and for machines. */
#ifndef PGHA_LOCK_DIFF_H
#define PGHA_LOCK_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "json.h"
#include "lock.h"

/* A NEVRA's parts: name-[epoch:]version-release.arch. */
struct lock_nevra {
	char *name;
	char *evr;
	char *arch;
};

/* ERR_CONFIG when NEVRA has not that form. Release RET also after a failure. */
int lock_nevra_split(const char *nevra, struct lock_nevra *ret, struct err *err) MUST_CHECK;
void lock_nevra_release(struct lock_nevra *nevra);
/* Whether NEVRA is what PATTERN means: name, name.arch, name-version, name-version-release or the whole,
 * with or without the epoch. */
bool lock_nevra_match(const char *nevra, const char *pattern);

/* Compares two versions: of RPMs as rpm does, of wheels nearly as PEP 440 says. */
int lock_compare_versions(bool wheels, const char *a, const char *b);

enum lock_change_kind {
	LOCK_UP,
	LOCK_DOWN,
	LOCK_ADDED,
	LOCK_REMOVED,
	LOCK_REPLACED, /* the same version: another file, repository or digest */
	LOCK_CHANGE_KINDS,
};

/* "up", "down", "added", "removed", "replaced". */
extern const char *const lock_change_words[LOCK_CHANGE_KINDS];

struct lock_change {
	enum lock_change_kind kind;
	bool wheel;
	char *name;         /* without architecture */
	char *arch;         /* "" for a wheel */
	char *from;         /* EVR or version; NULL: added */
	char *to;           /* NULL: removed */
	const char *reason; /* borrowed from the new lock, for the added; or NULL */
	const char *nevra;  /* borrowed: the new RPM's; NULL for wheels and what is removed */
	char *cause;        /* why it moved, where the caller knows; or NULL */
};

struct lock_diff {
	struct lock_change *items; /* by kind, then RPMs before wheels, then by name */
	size_t count;
	size_t counts[LOCK_CHANGE_KINDS];
	struct strv repos; /* whose metadata or place is another one */
	bool platform;     /* is another one */
};

#define LOCK_DIFF_INIT        \
	{                     \
		.items = NULL \
	}

/* Both locks are sorted, as lock_parse() and lock_format() leave them, and outlive RET, which is
 * released with lock_diff_release(), also after a failure. */
int lock_diff(const struct lock *from, const struct lock *to, struct lock_diff *ret,
	      struct err *err) MUST_CHECK;
void lock_diff_release(struct lock_diff *diff);

/* "3 up, 1 added", or "no package changes"; the caller frees. */
int lock_diff_summary(const struct lock_diff *diff, char **ret_text, struct err *err) MUST_CHECK;
/* A line for each change, aligned, each appended to LINES. */
int lock_diff_lines(const struct lock_diff *diff, struct strv *lines, struct err *err) MUST_CHECK;
/* An array for each kind, inside an object that is open. */
void lock_diff_json(const struct lock_diff *diff, struct json *j);

#endif
