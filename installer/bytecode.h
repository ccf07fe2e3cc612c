/* SPDX-License-Identifier: Apache-2.0 */
/* What interpreters have compiled beside the sources of packages that go. */
#ifndef PGHA_BYTECODE_H
#define PGHA_BYTECODE_H

#include "install.h"

/*
 * Removes from each `__pycache__` beside a source of the installed packages NEVRAS what was compiled from that source and no
 * package owns: root's own runs leave it, and librpm could not remove the directories. Before they are erased; nothing is
 * lost when they stay after all. No symbolic link is followed.
 */
int bytecode_remove(const struct install *in, int root_fd, const struct strv *nevras,
		    struct err *err) MUST_CHECK;

#endif
