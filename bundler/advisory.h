/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which advisories (updateinfo) say something of a lock's packages, as `dnf updateinfo` finds them for
 * installed ones: same name and architecture, and a newer version than the locked. A collection that
 * names module streams counts when one of them is active (libdnf's
 * Advisory::getApplicablePackages()).
 */
#ifndef PGHA_ADVISORY_H
#define PGHA_ADVISORY_H

#include <stdbool.h>
#include <stddef.h>

#include <solv/pool.h>

#include "err.h"
#include "json.h"
#include "lock.h"
#include "str.h"

struct advisory_package {
	char *name;
	char *arch;
	char *locked; /* EVR */
	char *fixed;  /* EVR that the advisory names */
	bool reached; /* the fresh answer has it, or something newer, or the package no more */
};

struct advisory {
	char *id;
	char *type;     /* "security", "bugfix", "enhancement", "newpackage"; may be "" */
	char *severity; /* "Critical", "Important", "Moderate", "Low"; or "" */
	char *title;
	struct strv cves;                  /* sorted */
	struct advisory_package *packages; /* sorted by name and architecture */
	size_t count;
	bool reached; /* all of them are */
};

struct advisories {
	struct advisory *items; /* by severity, then id */
	size_t count;
};

/* Whether a module stream is active; ARG is the caller's. */
typedef bool (*advisory_is_active)(const char *name, const char *stream, const char *context,
				   void *arg);

/*
 * Looks at all of POOL's advisories (metadata_need(METADATA_ADVISORIES)) for packages of LOCKED; FRESH
 * is the answer that says what is reached. RET is released with advisories_release(), also after a
 * failure.
 */
int advisories_find(Pool *pool, const struct lock *locked, const struct lock *fresh,
		    advisory_is_active is_active, void *arg, struct advisories *ret,
		    struct err *err) MUST_CHECK;
void advisories_release(struct advisories *advisories);

/* Two or three lines for one, for a terminal too. */
int advisory_lines(const struct advisory *advisory, struct strv *lines, struct err *err) MUST_CHECK;
void advisory_json(const struct advisory *advisory, struct json *j);

#endif
