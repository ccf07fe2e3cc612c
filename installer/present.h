/* SPDX-License-Identifier: Apache-2.0 */
/* What is at a path now, in the words of the record (installer/record.h). */
#ifndef PGHA_PRESENT_H
#define PGHA_PRESENT_H

#include <stdbool.h>

#include "err.h"

/* The directory above PATH, which is absolute as the node sees it; -1 in RET_FD when it is not there, or something
 * that is no directory stands in the way. No symbolic link is followed. */
int present_open_parent(int root_fd, const char *path, int *ret_fd, struct err *err) MUST_CHECK;

/* What stands in the way to PATH, a link or what else is no directory, or NULL; the caller frees. */
int present_obstacle(int root_fd, const char *path, char **ret, struct err *err) MUST_CHECK;

/* What is at NAME of PARENT: a file's attributes with its digest, a directory's without, a link's target,
 * or RECORD_ABSENT; the caller frees. */
int present_look(int parent, const char *name, char **ret, struct err *err) MUST_CHECK;

/* Two files' attributes are the same content when their digests are; all else is compared whole. */
bool present_same_content(const char *a, const char *b);

#endif
