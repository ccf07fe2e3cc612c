/* SPDX-License-Identifier: Apache-2.0 */
/* Licences as SPDX writes them (specification 2.3, annex D). */
#ifndef PGHA_LICENSES_H
#define PGHA_LICENSES_H

#include <stdbool.h>

#include "str.h"

/* Whether TEXT is an expression of identifiers that we know: what RHEL 8 writes ("GPLv2+ and MIT"), or a
 * free text, is none. False for what is merely rare, too: it is then told as it stands. */
bool license_is_spdx(const char *text);

#define LICENSE_REF_SIZE 32
/* "LicenseRef-" and a name made of TEXT alone. */
int license_ref(const char *text, char ret[LICENSE_REF_SIZE], struct err *err) MUST_CHECK;

#endif
