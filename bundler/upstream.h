/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository's servers: its base URLs, and those that its mirrorlist or metalink names, as a source
 * for http_fetch(). A mirror list is asked for once in a process and kept in the cache; when it
 * cannot be had, the kept one serves, with a warning.
 */
#ifndef PGHA_UPSTREAM_H
#define PGHA_UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "http.h"
#include "lock.h"
#include "repofile.h"
#include "str.h"

/* A digest that a metalink gives for repomd.xml (RFC 5854 hash, mirrormanager's own extension for
 * the older ones that are still accepted). */
struct upstream_digest {
	char sha256[SHA256_HEX_SIZE];
	uint64_t size_bytes; /* 0: not told */
};

struct upstream {
	const char *id; /* borrowed */
	/* Bases without duplicates: the .repo file's own as they stand there, then a list's, https
	 * before http, by preference. */
	struct http_source source;
	struct upstream_digest *digests; /* what a metalink accepts as repomd.xml, the newest first;
					    none: nothing is known */
	size_t digest_count;
	/* URLs of the servers that the .repo file names: a user and a password are for these alone. */
	struct strv named;
	struct repofile_list settings; /* owned: the section that a lock's `repofile` names */
};

struct upstreams {
	struct upstream *items; /* in the order of what they were opened from */
	size_t count;
};

#define UPSTREAMS_INIT        \
	{                     \
		.items = NULL \
	}

/*
 * Opens the enabled ones of REPOS, which must outlive RET; disabled ones get an entry without bases.
 * All lists of mirrors are fetched at once. ERR_NETWORK when a list cannot be had and none is kept,
 * ERR_VERIFY when one makes no sense or names no server that may be used; both are notes in WARNINGS
 * and no bases for a repository with skip_if_unavailable. RET is released with upstreams_release(),
 * also after a failure.
 */
int upstreams_open(const struct repofile_list *repos, const char *cache,
		   const struct http_limits *limits, struct strv *warnings, struct upstreams *ret,
		   struct err *err) MUST_CHECK;

/* The same for those that a lock names. Proxy, user, password, time-outs and the like come from the
 * .repo file that the lock names, of which nothing else is used: ERR_CONFIG when the repository is not
 * there any more. */
int upstreams_open_lock(const struct lock *lock, const char *cache,
			const struct http_limits *limits, struct strv *warnings,
			struct upstreams *ret, struct err *err) MUST_CHECK;
void upstreams_release(struct upstreams *upstreams);
/* By the repository's id; borrowed, or NULL. */
struct upstream *upstreams_find(const struct upstreams *upstreams, const char *id);

#endif
