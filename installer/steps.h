/* SPDX-License-Identifier: Apache-2.0 */
/* The steps between the packages and the probes, in order, and the same steps asked what they would do. */
#ifndef PGHA_STEPS_H
#define PGHA_STEPS_H

#include "plan.h"
#include "review.h"
#include "setup.h"

struct step {
	const char *name;
	int (*run)(struct setup *setup, bool apply, struct strv *changes, struct err *err);
};

extern const struct step steps_all[]; /* ends with a name that is NULL */

/*
 * Changes nothing and fills REVIEW; CHANGES gets the steps' lines behind those of the packages, which stand
 * there; what PACKAGES replace asks for restarts too. SETUP is afterwards as it was. Needs held_plan().
 */
int steps_review(struct setup *setup, const struct plan *packages, struct review *review,
		 struct strv *changes, struct err *err) MUST_CHECK;

/* Each path of LIST (may be NULL) must be one that this node's services want, or that an installation wrote
 * here. OPTION is for the message: ERR_USAGE. */
int steps_check_paths(const struct setup *setup, const char *option, const char *const *list,
		      struct err *err) MUST_CHECK;

/* Nobody can have both of one file: ERR_USAGE. */
int steps_check_wishes(const char *const *take_ours, const char *const *keep_theirs,
		       struct err *err) MUST_CHECK;

#endif
