/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle holds, told to people and to machines. */
#ifndef PGHA_SHOW_H
#define PGHA_SHOW_H

#include "advisory.h"
#include "certlist.h"
#include "cms.h"
#include "contents.h"
#include "err.h"

struct show {
	struct contents contents;
	struct certlist certificates;
	struct advisories advisories;
	struct cms_signer signer; /* when checked */
	bool checked;             /* the signature, against a CA */
};

#define SHOW_INIT                          \
	{                                  \
		.contents = CONTENTS_INIT, \
	}

/* Reads the bundle at PATH with BASES as contents_open() does, with the certificates of CA (a file, or
 * NULL: the signature is not looked at). Release RET also after a failure. */
int show_open(const char *path, const char *ca, const char *const *bases, struct show *ret,
	      struct err *err) MUST_CHECK;
void show_release(struct show *show);

/* To standard output. */
int show_text(const struct show *show, struct err *err) MUST_CHECK;
int show_json(const struct show *show, struct err *err) MUST_CHECK;

/* What of the bundle an archive carries, or its base has. */
struct show_part {
	size_t members;
	uint64_t bytes;
};

/* Of VOLUME, counted from 0. */
struct show_part show_volume(const struct index *index, size_t volume);
struct show_part show_carried(const struct index *index);

/* The services and "requested" that brought packages in, sorted, and for each how many packages and
 * bytes. */
struct show_group {
	const char *name; /* borrowed */
	size_t packages;
	uint64_t bytes;
};

int show_groups(const struct lock *lock, struct show_group **ret, size_t *ret_count,
		struct err *err) MUST_CHECK;
/* "NAME" for the reason "service NAME", or the reason itself. */
const char *show_reason_name(const char *reason);

#endif
