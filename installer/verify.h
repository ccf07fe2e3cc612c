/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a bundle from descriptors that are opened once. First the index and its signature, which
 * nothing else is believed before; then every member, by all cores, hashed while it is written to the staging
 * directory, so that what is installed is what was verified. What a delta leaves out comes from its base:
 * what this machine has kept, or a tarball. Every deviation is ERR_VERIFY.
 */
#ifndef PGHA_VERIFY_H
#define PGHA_VERIFY_H

#include "archives.h"
#include "cms.h"
#include "err.h"
#include "str.h"

struct verify {
	struct archives set;
	struct archives base; /* count 0: none was given */
	int kept_fd;    /* the directory of the base's members that this machine has kept, or -1 */
	bool copy_kept; /* staging is elsewhere: copies, no links */
	const char *ca_path; /* borrowed */
	struct cms_signer signer;
};

#define VERIFY_INIT                                                        \
	{                                                                  \
		.set = ARCHIVES_INIT, .base = ARCHIVES_INIT, .kept_fd = -1 \
	}

/*
 * Opens FILES, the tarball or volumes of it; reads the index and its signature, checks the signature for
 * the CA's certificates in CA_PATH, and the expiry, both at clock_now(). A file that is not there is
 * ERR_USAGE. V is released by the caller, also after a failure.
 */
int verify_open(struct verify *v, const struct strv *files, const char *ca_path,
		struct err *err) MUST_CHECK;
void verify_release(struct verify *v);

/*
 * Finds the base of a delta: in FILES when there are any, else in KEPT_DIR (may be NULL; a directory
 * that is not there is no base). ERR_VERIFY when FILES are another bundle, ERR_USAGE when this one is no
 * delta. What cannot be found is not opened: verify_need_base().
 */
int verify_open_base(struct verify *v, const struct strv *files, const char *kept_dir,
		     struct err *err) MUST_CHECK;
/* ERR_VERIFY that names the base when V is a delta and has none. */
int verify_need_base(const struct verify *v, struct err *err) MUST_CHECK;

/*
 * Reads and checks all that follows in the volumes that were given, and what is the base's when there is
 * one. With STAGING_FD not -1 the members are written below it (fsynced, 0600), and the index and its
 * signature too; of nodes/ only NODE's own. The directory must be empty and private, and is to be
 * emptied by the caller after a failure.
 */
int verify_members(const struct verify *v, int staging_fd, const char *node,
		   struct err *err) MUST_CHECK;

/* Bytes that verify_members() writes for NODE, besides what it links to what is kept. */
uint64_t verify_staged_bytes(const struct verify *v, const char *node);

#endif
