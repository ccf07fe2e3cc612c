/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an installation would change, to be read before it does and demanded of it (--plan): the lines that
 * the steps give, and for files what differs, without secrets. Two reviews of one state are equal; no time
 * of the day is in them.
 */
#ifndef PGHA_REVIEW_H
#define PGHA_REVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "digest.h"
#include "err.h"
#include "install.h"
#include "json.h"
#include "plan.h"
#include "str.h"

#define REVIEW_MASK "********" /* stands for a secret */

struct review_certificate {
	char *subject, *names, *serial, *until;
};

/* What is behind one line. */
struct review_detail {
	char *line, *path;
	char *diff; /* a unified one, or NULL */
	char *note; /* why there is none, or NULL */
	struct review_certificate *old_certs, *new_certs;
	size_t old_count, new_count;
};

struct review_section {
	const char *name;
	struct strv lines;
};

#define REVIEW_SECTIONS_MAX 16

struct review {
	struct review_section sections[REVIEW_SECTIONS_MAX];
	size_t section_count;
	struct review_detail *details;
	size_t detail_count;
	struct strv one_way; /* what cannot be undone, with the reason */
	struct strv kept;    /* what stays because somebody changed it by hand */
	struct strv
		considered; /* steps that belong to the cluster: done when it can, unless they are */
};

#define REVIEW_INIT                \
	{                          \
		.section_count = 0 \
	}

void review_release(struct review *review);

/* The lines of CHANGES from number FROM on are what the step NAME (static) gave. */
int review_add(struct review *review, const char *name, const struct strv *changes, size_t from,
	       struct err *err) MUST_CHECK;

/* What is known of a file that changes. All borrowed. */
struct review_file {
	const char *path;
	const struct str *old_text; /* NULL: no plain file was there */
	const char *new_text;
	size_t new_len;
	const char *masked; /* NEW_TEXT with REVIEW_MASK for each secret; NULL: it is never shown */
	bool is_certificate;
	bool is_private;            /* not everybody may read it, or may after */
	const struct strv *secrets; /* values that are never shown */
};

/* What is behind LINE, a change of this file; a LINE that has something already is passed over. */
int review_add_file(struct review *review, const char *line, const struct review_file *file,
		    struct err *err) MUST_CHECK;

/* The members of an object: all that counts for the digest. */
int review_json(const struct review *review, const struct install *in, const char *index_sha256,
		const struct plan *plan, struct json *j, struct err *err) MUST_CHECK;
/* SHA-256 of that object's text. */
int review_digest(const struct review *review, const struct install *in, const char *index_sha256,
		  const struct plan *plan, char ret_sha256[SHA256_HEX_SIZE],
		  struct err *err) MUST_CHECK;
/* The same for people, appended to OUT. */
void review_text(const struct review *review, const struct install *in, struct str *out);

#endif
