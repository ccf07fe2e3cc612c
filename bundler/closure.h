/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lock as a graph: what asked for its packages, and which of them requires which, and by what. The
 * packages are the lock's own files; their dependencies come from the repositories' metadata.
 */
#ifndef PGHA_CLOSURE_H
#define PGHA_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <solv/bitmap.h>
#include <solv/queue.h>

#include "definition.h"
#include "err.h"
#include "lock.h"
#include "metadata.h"
#include "resolver.h"
#include "str.h"

#define CLOSURE_NONE SIZE_MAX

struct closure_package {
	const struct lock_rpm *rpm; /* borrowed from the lock */
	Id solvable;
	char *stream; /* "postgresql:16", or NULL */
};

enum closure_kind {
	CLOSURE_REQUIRES,
	CLOSURE_RECOMMENDS,
	CLOSURE_SUPPLEMENTS, /* what is brought in says so itself */
	CLOSURE_FOLLOWS,     /* the host's older one requires what is replaced */
	CLOSURE_SAID,        /* the lock says so, and the metadata does not show why */
};

struct closure_edge {
	size_t from, to; /* indexes of packages: FROM is why TO is there */
	enum closure_kind kind;
	struct strv capabilities; /* what FROM requires and TO provides; sorted */
};

/* What the definition asks for, with the packages that fulfil it. */
struct closure_request {
	const char *name;   /* borrowed, as all here; NULL: the definition asks for it no more */
	const char *reason; /* "service NAME" or "requested" */
	const char *where;  /* NULL where name is */
	Queue packages;     /* indexes */
};

struct closure {
	const struct lock *lock; /* borrowed */
	struct resolver resolver;
	struct closure_package *packages; /* in the lock's order */
	size_t count;
	struct closure_edge *edges; /* by kind, FROM and TO */
	size_t edge_count;
	struct closure_request *requests; /* that have packages */
	size_t request_count;
	Map chosen;    /* the solvables of PACKAGES */
	Map stays;     /* packages of the baseline that nothing replaces */
	Map there;     /* both: what the host has afterwards */
	bool has_weak; /* weak dependencies count */
};

#define CLOSURE_INIT         \
	{                    \
		.lock = NULL \
	}

/*
 * Finds LOCK's packages in the metadata of DEF's repositories: what the cache has of it goes first,
 * without asking anybody, unless OPTIONS say `refresh`; the network only when that does not do.
 * ERR_NETWORK, with their names, when packages of the lock are in no metadata any more, or are other
 * files now; else as resolver_open(). What the operator should know is appended to WARNINGS. DEF, LOCK
 * and what OPTIONS names must outlive RET, which must not be moved and is released with
 * closure_release(), also after a failure.
 */
int closure_open(const struct definition *def, const struct lock *lock,
		 const struct metadata_options *options, struct strv *warnings, struct closure *ret,
		 struct err *err) MUST_CHECK;
void closure_release(struct closure *closure);

/*
 * The indexes of the packages that SPEC means, appended to FOUND: a name, a NEVRA or part of one, a
 * pattern, or else something that packages of the lock provide, or a file. ERR_NETWORK, with where
 * it is if not in the lock, when there is none.
 */
int closure_find(struct closure *closure, const char *spec, Queue *found,
		 struct err *err) MUST_CHECK;

/* The shortest way from each package to one. */
struct closure_ways {
	size_t *next;   /* index of the first edge of the way, or CLOSURE_NONE */
	uint64_t *cost; /* UINT64_MAX: there is no way */
};

/* Of several ways the one with the fewest weak steps, then the shortest, then the first by name. */
int closure_ways(const struct closure *closure, size_t target, struct closure_ways *ret,
		 struct err *err) MUST_CHECK;
void closure_ways_release(struct closure_ways *ways);
/* REQUEST's package from which the way is shortest, or CLOSURE_NONE. */
size_t closure_nearest(const struct closure_request *request, const struct closure_ways *ways);
/* Whether a way of this cost has steps that are no plain requirement. */
bool closure_is_weak(uint64_t cost);

/*
 * What package I requires (or RECOMMENDS) and no package of the lock provides, not even I: pairs of who
 * does, an installed package's NEVRA or "" for nobody (a condition that does not hold), and the
 * capability.
 */
int closure_outside(const struct closure *closure, size_t i, bool recommends, struct strv *ret,
		    struct err *err) MUST_CHECK;

/* closure_edges.c: fills edges, chosen, stays, there; once. */
int closure_connect(struct closure *closure, struct err *err) MUST_CHECK;

#endif
