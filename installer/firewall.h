/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP ports of this node's services in firewalld's default zone, where firewalld runs: open now and after its
 * next start. What was open already is nobody's to close.
 */
#ifndef PGHA_FIREWALL_H
#define PGHA_FIREWALL_H

#include <stdbool.h>

#include "err.h"
#include "record.h"
#include "setup.h"
#include "str.h"

/* Tests name another program, which then counts for any root. */
extern const char *firewall_program;

/* A step (installer/steps.h): "open port 5432/tcp" in CHANGES for each that is not. */
int firewall_apply(struct setup *setup, bool apply, struct strv *changes,
		   struct err *err) MUST_CHECK;
/* Closes PORT ("5432/tcp"), which the record says was closed, or opens it again. */
int firewall_take_back(const struct install *in, const char *port, const char *was, const char *now,
		       bool apply, struct strv *changes, struct err *err) MUST_CHECK;
/* Whether a service of this node listens on PORT. */
int firewall_declares(const struct setup *setup, enum record_kind kind, const char *port, bool *ret,
		      struct err *err) MUST_CHECK;

/* The number of PORT of S on this node; 0 where the service does not listen on it. */
int firewall_port_number(const struct setup *setup, const struct setup_service *s,
			 const struct service_port *port, unsigned int *ret,
			 struct err *err) MUST_CHECK;

#endif
