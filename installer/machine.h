/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an installation changes on the machine beside files, packages and units: the firewall's ports, the kernel's
 * settings, SELinux's booleans and the types of ports. One table of them, for all who take something back.
 */
#ifndef PGHA_MACHINE_H
#define PGHA_MACHINE_H

#include <stdbool.h>

#include "err.h"
#include "record.h"
#include "setup.h"
#include "str.h"

bool machine_has(enum record_kind kind);
/* Whether a service of this node still wants it. */
int machine_declares(const struct setup *setup, enum record_kind kind, const char *object,
		     bool *ret, struct err *err) MUST_CHECK;
/* OBJECT becomes again what it WAS. What somebody has made something else than NOW since stays. */
int machine_take_back(const struct install *in, enum record_kind kind, const char *object,
		      const char *was, const char *now, bool apply, struct strv *changes,
		      struct err *err) MUST_CHECK;

#endif
