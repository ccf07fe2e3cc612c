/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine has, as text for a bundle's `baseline` (docs/inventory.md). */
#ifndef PGHA_INSTALLER_INVENTORY_H
#define PGHA_INSTALLER_INVENTORY_H

#include "err.h"
#include "install.h"
#include "str.h"

/* One package in the format, for librpm and for `rpm -qa --qf`. */
extern const char inventory_format[];

/*
 * Appends the inventory of IN's root to RET, sorted, the same text for the same packages. ERR_HOST
 * when there is no rpm database or it cannot be read.
 */
int inventory_write(const struct install *in, struct str *ret, struct err *err) MUST_CHECK;

#endif
