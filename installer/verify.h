/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a bundle from one open descriptor. First the index and its signature, which nothing
 * else is believed before; then every member, hashed while it is written to the staging directory,
 * so that what is installed is what was verified. Every deviation is ERR_VERIFY.
 */
#ifndef PGHA_VERIFY_H
#define PGHA_VERIFY_H

#include "cms.h"
#include "digest.h"
#include "err.h"
#include "index.h"
#include "str.h"
#include "tar.h"

struct verify {
	int fd;
	char *name; /* of the bundle, for messages */
	struct tar_reader tar;
	struct str index_text;
	struct str signature;
	char index_sha256[SHA256_HEX_SIZE];
	struct index index;
	struct cms_signer signer;
};

#define VERIFY_INIT                           \
	{                                     \
		.fd = -1, .index = INDEX_INIT \
	}

/*
 * Opens the tarball at PATH, reads the index and its signature, checks the signature for the CA's
 * certificates in CA_PATH, and the expiry, both at clock_now(). A file that is not there is
 * ERR_USAGE. V is released by the caller, also after a failure.
 */
int verify_open(struct verify *v, const char *path, const char *ca_path,
		struct err *err) MUST_CHECK;
void verify_release(struct verify *v);

/*
 * Reads and checks all that follows. With STAGING_FD not -1 the members are written below it
 * (fsynced, 0600), and the index and its signature too; of nodes/ only NODE's own. The directory
 * must be empty and private, and is to be emptied by the caller after a failure.
 */
int verify_members(struct verify *v, int staging_fd, const char *node, struct err *err) MUST_CHECK;

/* Bytes that verify_members() writes for NODE. */
uint64_t verify_staged_bytes(const struct index *index, const char *node);

/* The bundle in a default place: the one pgha-*.tar beside this program. ERR_USAGE when there is
 * none or more than one. The caller frees. */
int verify_find_bundle(char **ret_path, struct err *err) MUST_CHECK;

#endif
