/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan does that cannot be undone: librpm has no way back and the node no network, so a package that
 * is replaced comes back from a kept bundle or not at all; and a manifest can say that a service's data does
 * not go back with it (no_downgrade).
 */
#ifndef PGHA_ONEWAY_H
#define PGHA_ONEWAY_H

#include "plan.h"
#include "setup.h"

/* A line for each, with the reason. */
int oneway_list(const struct setup *setup, const struct plan *plan, struct strv *ret_lines,
		struct err *err) MUST_CHECK;

/* Puts on record what no_downgrade is about; before the packages. */
int oneway_record(const struct setup *setup, const struct plan *plan, struct err *err) MUST_CHECK;

#endif
