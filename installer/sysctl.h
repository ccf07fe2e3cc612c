/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the kernel that services declare: /etc/sysctl.d/90-pgha-SERVICE.conf for every start to come (placed with
 * the files), and the running kernel at once, whose value before is on record.
 */
#ifndef PGHA_SYSCTL_H
#define PGHA_SYSCTL_H

#include <stdbool.h>

#include "err.h"
#include "record.h"
#include "setup.h"
#include "str.h"

/* Tests name another directory, which then counts for any root. */
extern const char *sysctl_kernel;

/* A step (installer/steps.h), after the files. A setting that this kernel does not have is ERR_HOST. */
int sysctl_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err) MUST_CHECK;
/* The running kernel gets back what it had, unless somebody has set another value since (NOW is not there). */
int sysctl_take_back(const struct install *in, const char *name, const char *was, const char *now,
		     bool apply, struct strv *changes, struct err *err) MUST_CHECK;
/* Whether a service of this node declares the setting NAME. */
int sysctl_declares(const struct setup *setup, enum record_kind kind, const char *name, bool *ret,
		    struct err *err) MUST_CHECK;
/* The text of the file. */
int sysctl_text(const struct service *service, struct str *ret, struct err *err) MUST_CHECK;
#define SYSCTL_FILE "/etc/sysctl.d/90-pgha-%s.conf"

#endif
