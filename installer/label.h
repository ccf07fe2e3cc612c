/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux contexts of what the installer writes, as the machine's policy has them (file_contexts), where SELinux is
 * on. libselinux is loaded at run time: every RHEL has it, other systems need not. In another root nothing is
 * labelled: its own policy does that when it starts first.
 */
#ifndef PGHA_LABEL_H
#define PGHA_LABEL_H

#include <sys/types.h>

#include "cleanup.h"
#include "err.h"
#include "install.h"

struct label;

/* For tests: a file_contexts, with which SELinux counts as on, in any root. NULL otherwise. */
extern const char *label_contexts;

/* *RET is NULL where nothing is to be labelled. ERR_HOST where SELinux is on and has no contexts. */
int label_open(const struct install *in, struct label **ret, struct err *err) MUST_CHECK;
void label_free(struct label *label);
DEFINE_CLEANUP(struct label *, label_free);

/* Gives FD, which is to be PATH (as the node sees it), its context. LABEL may be NULL. A file system without
 * contexts keeps none, and a path that the policy leaves alone stays as it is. */
int label_fd(const struct label *label, int fd, const char *path, struct err *err) MUST_CHECK;
/* The same for everything below the directory PATH and for itself; links too, none is followed. */
int label_tree(const struct label *label, const struct install *in, const char *path,
	       struct err *err) MUST_CHECK;

#endif
