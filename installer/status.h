/* SPDX-License-Identifier: Apache-2.0 */
/* What is installed here, and where it is other than the record (installer/record.h) says. Changes nothing. */
#ifndef PGHA_STATUS_H
#define PGHA_STATUS_H

#include <stdbool.h>

#include "err.h"
#include "install.h"
#include "record.h"
#include "state.h"

/* One thing that is not as it was left. */
struct status_drift {
	const struct record_entry *entry; /* borrowed from the status */
	char *is;                         /* in the record's words; of a package NULL: not there */
};

struct status {
	struct state_committed committed; /* sequence 0: nothing */
	struct record_entries entries;
	size_t counts[RECORD_KINDS]; /* entries of each kind */
	struct status_drift *drifts;
	size_t drift_count;
	bool uninstalling;      /* an uninstallation has begun and not ended */
	bool going_back;        /* a rollback of what is committed has */
	struct strv unfinished; /* what an interrupted run has left to do, in words */
};

#define STATUS_INIT                               \
	{                                         \
		.committed = STATE_COMMITTED_INIT \
	}

int status_load(const struct install *in, struct status *ret, struct err *err) MUST_CHECK;
void status_release(struct status *status);

/* How D's entry differs, in words: "not there", "changed", "mode or owner", "disabled" … */
const char *status_word(const struct status_drift *d);
/* Whether it is a file with other content than an installation wrote: one that the next one keeps. */
bool status_is_by_hand(const struct status_drift *d);

#endif
