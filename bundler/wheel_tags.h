/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a wheel's file name says (PEP 427): the distribution, and the Pythons, ABIs and platforms that
 * load it (PEP 425; manylinux: PEP 513, 571, 599 and 600).
 */
#ifndef PGHA_WHEEL_TAGS_H
#define PGHA_WHEEL_TAGS_H

#include <stdbool.h>

#include "err.h"
#include "lock.h"

/*
 * ERR_VERIFY with the reason unless a machine of PLATFORM loads FILE: glibc not newer than its own,
 * CPython of its version (or the stable ABI of an older one, or pure Python), its architecture.
 * Where PLATFORM names no Python or no glibc, that is not judged.
 */
int wheel_tags_check(const char *file, const struct lock_platform *platform,
		     struct err *err) MUST_CHECK;

/* ERR_VERIFY unless FILE is a wheel of the distribution NAME (normalised, PEP 503). */
int wheel_tags_check_name(const char *file, const char *name, struct err *err) MUST_CHECK;

/* Whether FILE runs only where its binary parts fit, and does not say which glibc they need. */
bool wheel_tags_is_local(const char *file);

/* "3.12" or "2.28" as the number behind "MAJOR."; false for anything else. */
bool wheel_tags_minor(const char *version, const char *major, unsigned int *ret);

#endif
