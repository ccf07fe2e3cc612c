/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages as people write them: what dnf's "install" makes of its arguments (libdnf's
 * Query::filterSubject() and its order of attempts), over a libsolv pool whose whatprovides is made.
 */
#ifndef PGHA_PKGSPEC_H
#define PGHA_PKGSPEC_H

#include <stdbool.h>

#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>

#include "err.h"

enum pkgspec_form {
	PKGSPEC_NONE,  /* not found */
	PKGSPEC_NAME,  /* the name alone */
	PKGSPEC_NEVRA, /* something more exact */
	PKGSPEC_ARCHS, /* with a pattern for the architecture */
	PKGSPEC_OTHER, /* something provided, or a file */
};

bool pkgspec_is_glob(const char *text);
/* "/usr/bin/x" or a pattern such as "*" "/bin/x". */
bool pkgspec_is_file(const char *text);
/* A request of which a message and a lock can be made: printable ASCII, no option. */
bool pkgspec_is_valid(const char *text);

/* Not hidden, and of an architecture that can be installed. */
static inline bool pkgspec_is_visible(Pool *pool, Id p)
{
	return pool_installable(pool, pool_id2solvable(pool, p));
}

/*
 * The visible packages that SPEC names in the first form for which there are any: name-version-
 * release.arch, name.arch, name, name-version-release, name-version (with or without an epoch, each
 * part may be a pattern), then the whole as one pattern. Appended to FOUND, which is empty.
 */
int pkgspec_find(Pool *pool, const char *spec, Queue *found, enum pkgspec_form *ret_form,
		 struct err *err) MUST_CHECK;
/* Visible packages that provide SPEC: "name", "name >= [epoch:]version[-release]", or a pattern. */
int pkgspec_find_provided(Pool *pool, const char *spec, Queue *found, struct err *err) MUST_CHECK;
/* Visible packages that own the file SPEC, path or pattern, as far as file lists were read. */
void pkgspec_find_owners(Pool *pool, const char *spec, Queue *found);

/* Whether a pattern such as those of excludepkgs means package P in one of the forms. */
bool pkgspec_match(Pool *pool, Id p, const char *pattern);

#endif
