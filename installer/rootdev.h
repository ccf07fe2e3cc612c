/* SPDX-License-Identifier: Apache-2.0 */
/* What scriptlets and programs that run inside another root find in its /dev. */
#ifndef PGHA_ROOTDEV_H
#define PGHA_ROOTDEV_H

#include "install.h"

/*
 * Gives another root without device nodes a /dev of its own for the life of this process: null, zero, full, random, urandom
 * and tty of this machine, on a file system in memory, in a mount namespace that ends with the process. Without it a
 * scriptlet's ">/dev/null" leaves a plain file of that name. Nothing happens for "/", for a root that has the nodes, and, with
 * a warning, where the kernel does not let this process mount.
 */
int rootdev_provide(const struct install *in, struct err *err) MUST_CHECK;

#endif
