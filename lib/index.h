/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.yaml: what a bundle says about itself and about each of its members. There is exactly one
 * way to write an index: a parsed one is written again and must give the same bytes, so a signed
 * text has one reading.
 */
#ifndef PGHA_INDEX_H
#define PGHA_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "digest.h"
#include "err.h"
#include "str.h"

#define INDEX_VERSION 1
#define INDEX_VERSION_PARTS 2 /* of an index with volumes or a base: older readers say so */
#define INDEX_NAME "index.yaml"
#define INDEX_SIGNATURE_NAME "index.yaml.p7s"
#define INDEX_SIZE_MAX (16U << 20)           /* bytes of index.yaml */
#define INDEX_SIGNATURE_SIZE_MAX (64U << 10) /* bytes of index.yaml.p7s */
#define INDEX_MEMBERS_MAX 50000U
#define INDEX_TOTAL_SIZE_MAX (UINT64_C(1) << 40) /* bytes: 1 TiB */
#define INDEX_PATH_MAX 500
#define INDEX_VOLUMES_MAX 999U

struct index_member {
	char *path; /* path_is_safe(), of letters, digits and "._-+~^/"; at most INDEX_PATH_MAX */
	uint64_t size_bytes; /* at most TAR_SIZE_MAX */
	char sha256[SHA256_HEX_SIZE];
	char *key; /* an RPM's signer: primary key fingerprint, upper case; NULL for what is no RPM */
	bool from_base; /* not in the archive: the base has it under the same path */
};

struct index {
	char *cluster;
	uint64_t sequence; /* from 1 */
	time_t created, expires;
	struct {
		char *id;     /* "platform:el8" */
		char *arch;   /* "x86_64" */
		char *glibc;  /* "2.28", or NULL */
		char *python; /* "3.12", or NULL */
	} platform;
	char payload_sha256[SHA256_HEX_SIZE];   /* index_payload_digest() */
	char installer_sha256[SHA256_HEX_SIZE]; /* of pgha-install beside the tarball */
	/* A delta: the bundle that has what is not carried, by the digest of its index. 0: none. */
	uint64_t base_sequence;
	char base_sha256[SHA256_HEX_SIZE];
	/* Each volume's first member, when the bundle is in several; otherwise none. */
	struct strv volumes;
	struct index_member *members; /* in byte order of their paths */
	size_t member_count;
	size_t members_size; /* allocated */
};

#define INDEX_INIT               \
	{                        \
		.cluster = NULL, \
	}

void index_release(struct index *index);
/* Appends a member; SHA256 and KEY (may be NULL) are copied. Order does not matter before
 * index_sort(). */
int index_add(struct index *index, const char *path, uint64_t size_bytes, const char *sha256,
	      const char *key, struct err *err) MUST_CHECK;
/* Byte order of paths. Two members of one path, or one that stands in the place of another's
 * directory, are ERR_VERIFY. */
int index_sort(struct index *index, struct err *err) MUST_CHECK;
/* The member of that path, or NULL. Borrowed; the index must be sorted. */
const struct index_member *index_find(const struct index *index, const char *path);
/* What the members' contents weigh together, bytes; and those alone that the archive has. */
uint64_t index_total_bytes(const struct index *index);
uint64_t index_carried_bytes(const struct index *index);

/* The file name of VOLUME (from 0): pgha-CLUSTER-8.tar, pgha-CLUSTER-8-from-7.tar,
 * pgha-CLUSTER-8.1of3.tar. Appends to RET. */
void index_archive_name(const struct index *index, size_t volume, struct str *ret);
/* How many archives the bundle is in: 1 without volumes. */
size_t index_volume_count(const struct index *index);
/* Members FROM to TO (excluded) belong to VOLUME, counted from 0; those of the base among them are
 * in no archive. */
void index_volume_range(const struct index *index, size_t volume, size_t *ret_from, size_t *ret_to);

/*
 * SHA-256 over the index lines (as index_format() writes them, each with its newline) of the
 * members below repo/ without repo/repodata/, wheels/, manifests/ and keys/, in the index's order.
 * The builder puts it into payload_sha256.
 */
int index_payload_digest(const struct index *index, char ret_hex[SHA256_HEX_SIZE],
			 struct err *err) MUST_CHECK;

/* The text of index.yaml; the index must be sorted and complete. The same index gives the same
 * bytes. ERR_FAILED when something is missing or out of bounds: index_parse() takes all that this
 * writes. */
int index_format(const struct index *index, struct str *out, struct err *err) MUST_CHECK;

/*
 * The reverse, strictly: byte order, no duplicates, safe paths, sizes within limits, the payload
 * digest recomputed, and the text byte for byte what index_format() would have written. Everything
 * wrong is ERR_VERIFY. Check the signature over TEXT before calling this. NAME is for messages.
 */
int index_parse(const char *name, const char *text, size_t len, struct index *ret,
		struct err *err) MUST_CHECK;

#endif
