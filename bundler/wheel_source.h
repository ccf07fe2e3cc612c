/* SPDX-License-Identifier: Apache-2.0 */
/* The wheels of the sources that pip comes upon while it resolves. */
#ifndef PGHA_WHEEL_SOURCE_H
#define PGHA_WHEEL_SOURCE_H

#include "err.h"
#include "lock.h"
#include "pip.h"
#include "update.h"

/* A wheel that was made, or taken from the cache. */
struct wheel_source {
	char *file;
	struct lock_sdist sdist;
};

struct wheel_sources {
	struct pip pip; /* plain, borrowed */
	const struct lock_platform *platform;
	const struct lock *known;    /* whose wheels are taken when the cache has them; or NULL */
	const struct update *update; /* what it names is built anew; or NULL */
	const char *cache, *work;
	char *dir; /* where the wheels are, below WORK */
	struct wheel_source *items;
	size_t count;
};

/* Borrows all that SOURCES names, and makes PIP build what it comes upon; PIP borrows from it. */
int wheel_sources_open(struct wheel_sources *sources, struct pip *pip, struct err *err) MUST_CHECK;
void wheel_sources_release(struct wheel_sources *sources);

/* That of the wheel at URL, or NULL. */
struct wheel_source *wheel_sources_find(const struct wheel_sources *sources, const char *url);

#endif
