/* SPDX-License-Identifier: Apache-2.0 */
/* The lock as it travels in a bundle. */
#ifndef PGHA_LOCK_PUBLIC_H
#define PGHA_LOCK_PUBLIC_H

#include "err.h"
#include "lock.h"

/* LOCK's text without the paths of this host: certificates, keys and .repo files are nobody else's
 * business, and another host builds the same bundle with other ones. The caller frees. */
int lock_public_format(const struct lock *lock, char **ret_text, struct err *err) MUST_CHECK;

#endif
