/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file is as an installation wrote it, by the record (installer/record.h), or somebody has changed
 * it since. */
#ifndef PGHA_OURS_H
#define PGHA_OURS_H

#include <stdbool.h>

#include "err.h"
#include "install.h"
#include "record.h"

/* Behind the name of a file that somebody has changed: what the bundle has for it. */
#define OURS_NEW ".pgha-new"

enum ours_verdict {
	OURS_NOT, /* no installation wrote it, or it was taken back */
	OURS_YES,
	OURS_CHANGED, /* by somebody else */
};

struct ours;

int ours_load(const struct install *in, struct ours **ret, struct err *err) MUST_CHECK;
void ours_free(struct ours *ours);

/*
 * IS says in the record's words what stands at PATH. What a run that was killed, or is not committed, has
 * found there or written counts as ours, and so does what a package has put there since, and what a rollback or
 * an uninstallation that did not end has put back.
 */
int ours_judge(const struct ours *ours, const char *path, const char *is, enum ours_verdict *ret,
	       struct err *err) MUST_CHECK;

/* What an installation wrote last at PATH, borrowed; NULL when none did. RET_SETTLED: it came to its end. */
const char *ours_written(const struct ours *ours, const char *path, bool *ret_settled);

/* The newest line about it, borrowed, or NULL. */
const struct record_entry *ours_newest(const struct ours *ours, enum record_kind kind,
				       const char *object, bool *ret_settled);

/* All that is on record, each object once (record_load()). */
const struct record_entries *ours_entries(const struct ours *ours);

#endif
