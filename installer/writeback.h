/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write-behind: while something writes many files below a root, a thread has the kernel write to the disk what is there already, so
 * that the disk works while the processor decompresses and little is left for the sync at the end. That sync is made here too, and an
 * error that the kernel has told the thread (it tells each descriptor once) is not lost.
 *
 * The thread holds no lock and uses nothing but descriptors: the caller may fork (a child must not call anything of this) and chroot.
 * No signal is delivered to it.
 */
#ifndef PGHA_WRITEBACK_H
#define PGHA_WRITEBACK_H

#include "cleanup.h"
#include "err.h"

#define WRITEBACK_THREAD "writeback" /* its name */

struct writeback;

/*
 * Begins for the file systems of ROOT: its own and those on which packages have files or librpm its
 * database (/usr, /var, ...). Without a thread, where none can be had, the sync at the end does all.
 */
int writeback_start(const char *root, struct writeback **ret, struct err *err) MUST_CHECK;

/* Ends the thread, syncs, and fails if this or anything before did not reach the disk. Then free it. */
int writeback_finish(struct writeback *w, struct err *err) MUST_CHECK;

/* Ends the thread where it still runs, without a sync. NULL is none. */
void writeback_free(struct writeback *w);

DEFINE_CLEANUP(struct writeback *, writeback_free);

#endif
