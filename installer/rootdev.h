/* SPDX-License-Identifier: Apache-2.0 */
/* What scriptlets and programs that run inside another root find in its /dev. */
#ifndef PGHA_ROOTDEV_H
#define PGHA_ROOTDEV_H

#include <stdbool.h>

#include "install.h"

struct rootdev {
	const struct install *in; /* borrowed */
	bool mounted;
	bool made; /* the directory was not there */
};

#define ROOTDEV_INIT       \
	{                  \
		.in = NULL \
	}

/*
 * Gives another root without device nodes a /dev of its own until rootdev_withdraw(): null, zero, full, random, urandom and
 * tty of this machine, on a file system in memory, in a mount namespace that ends with the process at the latest. Without it a
 * scriptlet's ">/dev/null" leaves a plain file of that name. Nothing happens for "/", for a root that has the nodes, and, with
 * a warning, where the kernel does not let this process mount.
 */
int rootdev_provide(const struct install *in, struct rootdev *ret, struct err *err) MUST_CHECK;

/* Takes it away again; with the directory, where no package has brought that meanwhile. */
void rootdev_withdraw(struct rootdev *dev);

#endif
