/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SELinux must let this node's services do, where it is on: booleans of its policy, and the types of their
 * ports. Told to the policy's own store by its own tools (setsebool, semanage), so that it holds after the next start
 * too, and the administrator sees it there. What was so already is nobody's to undo.
 */
#ifndef PGHA_SELINUX_H
#define PGHA_SELINUX_H

#include <stdbool.h>

#include "err.h"
#include "record.h"
#include "setup.h"
#include "str.h"

/* Tests name a directory of other tools, with which SELinux counts as theirs to tell, in any root. */
extern const char *selinux_tools;

/* A step (installer/steps.h): "set SELinux boolean NAME on", "give port 5433/tcp the SELinux type TYPE". A boolean that the
 * policy lacks is passed over: preflight told. ERR_HOST where SELinux is on and its tools are not here. */
int selinux_apply(struct setup *setup, bool apply, struct strv *changes,
		  struct err *err) MUST_CHECK;

/* Whether a service of this node declares the boolean, or the port ("5433/tcp"). */
int selinux_declares(const struct setup *setup, enum record_kind kind, const char *object,
		     bool *ret, struct err *err) MUST_CHECK;

/* OBJECT becomes again what it WAS, if it still is what it is NOW; words as in the record. */
int selinux_boolean_take_back(const struct install *in, const char *name, const char *was,
			      const char *now, bool apply, struct strv *changes,
			      struct err *err) MUST_CHECK;
int selinux_port_take_back(const struct install *in, const char *port, const char *was,
			   const char *now, bool apply, struct strv *changes,
			   struct err *err) MUST_CHECK;

#endif
