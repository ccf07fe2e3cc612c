/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts, directories, certificates and files below the installation's root. Nothing is reached
 * through a symbolic link; a file is written beside its place, fsynced and renamed, its previous
 * version kept as STATE/previous/PATH (mode 0600).
 */
#ifndef PGHA_PLACE_H
#define PGHA_PLACE_H

#include "setup.h"

/* Groups, users, memberships: made when absent, never changed otherwise. After the packages, whose
 * scriptlets make accounts too. */
int place_accounts(struct setup *setup, bool apply, struct strv *changes,
		   struct err *err) MUST_CHECK;
/* Before the packages, which bring some of the directories with them. */
int place_note_directories(struct setup *setup, struct err *err) MUST_CHECK;
int place_directories(struct setup *setup, bool apply, struct strv *changes,
		      struct err *err) MUST_CHECK;
/* Certificates from the bundle, keys from the capsule, the CA from in->ca_path. A change makes the
 * units reload, or restart when they cannot. */
int place_certificates(struct setup *setup, bool apply, struct strv *changes,
		       struct err *err) MUST_CHECK;
/* Whether systemd must read its units again when PATH changes. */
bool place_is_unit_file(const char *path);
int place_files(struct setup *setup, bool apply, struct strv *changes, struct err *err) MUST_CHECK;

#endif
