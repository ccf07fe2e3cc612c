/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle's members to signed files in the output directory. */
#ifndef PGHA_DELIVER_H
#define PGHA_DELIVER_H

#include <stdint.h>

#include "delta.h"
#include "err.h"
#include "index.h"
#include "keys.h"
#include "pack.h"
#include "str.h"

/* All borrowed. */
struct deliver {
	const char *output;        /* where the files go; it is there */
	const char *work_dir;      /* private, on the same file system */
	const char *installer;     /* laid beside them */
	uint64_t volume_bytes;     /* 0: one archive */
	const struct delta *delta; /* or NULL */
};

/*
 * Completes INDEX, whose head but for the sequence is filled, takes a sequence number of KEYS, signs, and
 * writes the archives in WORK_DIR. They get their names in OUTPUT when all are whole and on the disk,
 * the sequence is committed just before, so that no number is ever given to two bundles. RET gets the
 * archives' paths.
 */
int deliver_bundle(const struct deliver *d, struct pack *pack, struct index *index,
		   struct keys *keys, struct strv *ret_paths, struct err *err) MUST_CHECK;

/* The installer, and a README that says how to check it and the archives NAMES with stock tools. */
int deliver_companions(const struct deliver *d, const struct index *index, const struct strv *paths,
		       struct err *err) MUST_CHECK;

#endif
