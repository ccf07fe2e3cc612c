/* SPDX-License-Identifier: Apache-2.0 */
/* What changed from one bundle to another. */
#ifndef PGHA_COMPARE_H
#define PGHA_COMPARE_H

#include "advisory.h"
#include "certlist.h"
#include "contents.h"
#include "err.h"
#include "lock_diff.h"

enum compare_kind { COMPARE_ADDED, COMPARE_REMOVED, COMPARE_CHANGED };

/* A member that is no package, no wheel and not sealed. */
struct compare_member {
	enum compare_kind kind;
	const char *path;                      /* borrowed */
	const struct certlist_item *from, *to; /* of certificates; borrowed, or NULL */
};

struct compare {
	struct contents from, to;
	struct certlist from_certs, to_certs;
	struct lock_diff packages;
	struct advisories advisories;   /* of what FROM had; `reached`: fixed in TO */
	struct compare_member *members; /* certs/, keys/ and manifests/, in the order of paths */
	size_t count;
	bool installer; /* is another one */
};

#define COMPARE_INIT                                                                    \
	{                                                                               \
		.from = CONTENTS_INIT, .to = CONTENTS_INIT, .packages = LOCK_DIFF_INIT, \
	}

/* Reads both as contents_open() does. A delta's base is the other one, or among BASES (ending with
 * NULL): ERR_USAGE when it is not, or a volume is not there. Release RET also after a failure. */
int compare_bundles(const char *from, const char *to, const char *const *bases, struct compare *ret,
		    struct err *err) MUST_CHECK;
void compare_release(struct compare *compare);

/* To standard output. */
int compare_text(const struct compare *compare, struct err *err) MUST_CHECK;
int compare_json(const struct compare *compare, struct err *err) MUST_CHECK;

#endif
