/* SPDX-License-Identifier: Apache-2.0 */
/* What an installation, or its plan, came to: for people or as JSON. */
#ifndef PGHA_RESULTS_H
#define PGHA_RESULTS_H

#include "err.h"
#include "install.h"
#include "plan.h"
#include "preflight.h"
#include "review.h"
#include "setup.h"
#include "str.h"

/* All is borrowed. */
struct results {
	const struct install *in;  /* how it is to be printed */
	const struct setup *setup; /* NULL: the run has ended before */
	const struct review *review;
	const struct plan *plan;
	const struct preflight *preflight;
	const struct strv *changes; /* a line for each */
	const struct strv *pending; /* what the cluster waits for */
	const char *index_sha256;   /* of the bundle, in hexadecimal */
	const char *plan_sha256;    /* likewise; "" when nobody asked for it */
};

/* On standard output. */
int results_print(const struct results *is, struct err *err) MUST_CHECK;

#endif
