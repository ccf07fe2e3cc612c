/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what a file is known again that was read whole and found good: whoever changes it, or puts another in its place, changes this
 * too, its ctime at least.
 */
#ifndef PGHA_STAMP_H
#define PGHA_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

struct stamp {
	bool taken;
	dev_t device;
	ino_t inode;
	off_t size_bytes;
	struct timespec modified;
	struct timespec changed;
};

/* Of what FD has open, before it is read; errno is set on failure. */
int stamp_take(int fd, struct stamp *ret);
/* Whether STAMP was taken, and FD has the same file open, unchanged. */
bool stamp_holds(const struct stamp *stamp, int fd);

#endif
