/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a bundle or a lock for a bill of materials, and two ways of writing it: SPDX 2.3 and
 * CycloneDX 1.5, JSON both. The same parts give the same bytes.
 */
#ifndef PGHA_SBOM_H
#define PGHA_SBOM_H

#include <stddef.h>
#include <time.h>

#include "contents.h"
#include "err.h"
#include "lock.h"
#include "str.h"

struct sbom_part {
	char *id;   /* unique: "rpm-NAME.ARCH" … of letters, digits, '.' and '-' */
	char *purl; /* package URL: pkg:rpm/…, pkg:pypi/… */
	char *name;
	char *version;
	char *file;
	char *url;     /* of the file; of its source where it was built here; NULL when not known */
	char *license; /* as the package says; NULL: it does not */
	char *supplier;     /* or NULL */
	char *homepage;     /* or NULL */
	char *origin;       /* a sentence */
	const char *sha256; /* borrowed */
	size_t parent;      /* index of the part that required it, or SBOM_ROOT */
};

#define SBOM_ROOT SIZE_MAX

struct sbom {
	char *name;    /* "pgha-CLUSTER", or "pgha-lock" */
	char *version; /* the sequence, or the digest's beginning */
	char uuid[37]; /* made of what is described */
	time_t created;
	struct sbom_part *parts; /* RPMs, then wheels, in the lock's order */
	size_t count;
};

#define SBOM_INIT            \
	{                    \
		.name = NULL \
	}

/* LOCK's parts with what CONTENTS (or NULL) knows beside it; both must outlive RET, which is released
 * also after a failure. CREATED stands in the document. */
int sbom_make(const struct lock *lock, struct contents *contents, time_t created, struct sbom *ret,
	      struct err *err) MUST_CHECK;
void sbom_release(struct sbom *sbom);

/* The caller frees. */
int sbom_spdx(const struct sbom *sbom, char **ret_text, struct err *err) MUST_CHECK;
int sbom_cyclonedx(const struct sbom *sbom, char **ret_text, struct err *err) MUST_CHECK;

#endif
