/* SPDX-License-Identifier: Apache-2.0 */
/* The way from the operator's passphrase to this node's secrets. */
#ifndef PGHA_UNLOCK_H
#define PGHA_UNLOCK_H

#include "err.h"
#include "install.h"

/*
 * Reads the passphrase from in->passphrase_path (refused with ERR_CONFIG when others can read it;
 * ERR_USAGE when it is not there), from the descriptor in->passphrase_fd, or on the terminal
 * (ERR_USAGE without one), opens the staged nodes/NODE.key and nodes/NODE.cms, and fills in->capsule.
 * A wrong passphrase, and a capsule of another node or cluster, is ERR_VERIFY.
 */
int unlock_capsule(struct install *in, struct err *err) MUST_CHECK;

#endif
