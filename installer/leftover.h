/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier bundle put on this node and this one does not want any more: by the record
 * (installer/record.h), against what the steps before have declared. Units are stopped and disabled as they
 * were before, files get what stood there, directories go when nothing is left in them. What somebody has
 * changed by hand stays. Packages, accounts, data and virtual environments stay.
 */
#ifndef PGHA_LEFTOVER_H
#define PGHA_LEFTOVER_H

#include "setup.h"

/* A step (installer/setup.h): behind those that lay files down, before the units. */
int leftover_apply(struct setup *setup, bool apply, struct strv *changes,
		   struct err *err) MUST_CHECK;

#endif
