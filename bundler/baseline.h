/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inventory: the packages that a host has, as text (docs/inventory.md). In full it is what
 * `pgha-install inventory` or one `rpm -qa --qf` prints; a plain `rpm -qa` is taken too, and the rest
 * looked up in the repositories.
 */
#ifndef PGHA_BASELINE_H
#define PGHA_BASELINE_H

#include <solv/pool.h>

#include "definition.h"
#include "err.h"
#include "str.h"

/*
 * Makes the packages of the inventory PATH the installed ones of POOL, which holds the repositories
 * already and has no whatprovides yet. What was not found about packages of a plain list is told in
 * WARNINGS. ERR_CONFIG, with "file:line", for what is not understood, and when the host is not of
 * PLATFORM: another architecture, another distribution.
 */
int baseline_load(Pool *pool, const char *path, const struct definition_platform *platform,
		  struct strv *warnings, struct err *err) MUST_CHECK;

#endif
