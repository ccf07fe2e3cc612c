/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP ports of this node's services in firewalld's default zone, where firewalld runs: open now and after its
 * next start. What was open already is nobody's to close.
 */
#ifndef PGHA_FIREWALL_H
#define PGHA_FIREWALL_H

#include <stdbool.h>

#include "err.h"
#include "setup.h"
#include "str.h"

/* Tests name another program, which then counts for any root. */
extern const char *firewall_program;

/* A step (installer/steps.h): "open port 5432/tcp" in CHANGES for each that is not. */
int firewall_apply(struct setup *setup, bool apply, struct strv *changes,
		   struct err *err) MUST_CHECK;
/* Closes PORT ("5432/tcp"), which the record says was opened. */
int firewall_take_back(const struct install *in, const char *port, bool apply, struct strv *changes,
		       struct err *err) MUST_CHECK;

#endif
