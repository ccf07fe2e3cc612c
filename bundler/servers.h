/* SPDX-License-Identifier: Apache-2.0 */
/* The servers of a lock's repositories, opened when the first one is needed: a run that finds all in
 * the cache asks no list of mirrors. */
#ifndef PGHA_SERVERS_H
#define PGHA_SERVERS_H

#include <stdbool.h>

#include "err.h"
#include "http.h"
#include "lock.h"
#include "upstream.h"

struct servers {
	const struct lock *lock; /* borrowed, as the next two */
	const char *cache;
	const struct http_limits *limits; /* or NULL */
	struct upstreams upstreams;
	bool open;
};

/* Opens them unless they are; warnings are printed. The errors are those of upstreams_open_lock(). */
int servers_open(struct servers *servers, struct err *err) MUST_CHECK;
/* Of the lock's repository I, after servers_open(); borrowed. */
struct http_source *servers_source(struct servers *servers, size_t i);
void servers_release(struct servers *servers);

#endif
