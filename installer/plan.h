/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packages change: the smallest transaction over what the node has that gives this node's
 * services their packages in the bundle's versions. Reads the node's rpm database and the staged
 * repo/, changes nothing.
 */
#ifndef PGHA_PLAN_H
#define PGHA_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "install.h"
#include "stamp.h"
#include "str.h"

enum plan_action {
	PLAN_INSTALL,
	PLAN_UPGRADE,
	PLAN_REINSTALL, /* an interrupted transaction left it in doubt */
	PLAN_DOWNGRADE, /* back to what an earlier bundle had */
};

struct plan_package {
	enum plan_action action;
	char *nevra;
	char *old;  /* NEVRA that it replaces (upgrade, obsoletes), or NULL */
	char *file; /* staged member: repo/Packages/… */
	uint64_t size_bytes;
	struct stamp checked; /* of that file, by vendor_check_package() */
};

struct plan {
	struct plan_package *packages; /* sorted by NEVRA */
	size_t count;
	struct strv gone; /* NEVRAs that are installed and will not be, sorted */
};

#define PLAN_INIT                 \
	{                         \
		.packages = NULL, \
	}

/*
 * NAMES are the packages wanted, DOUBTFUL (may be empty) the NEVRAs of a transaction that began and
 * did not end. Installed packages stay as they are unless a wanted package or a dependency demands
 * another version; nothing is removed but what is obsoleted. No solution is ERR_NETWORK with
 * libsolv's problems in words, and so is one that changes what the operator holds (installer/locks.h).
 */
int plan_packages(const struct install *in, const struct strv *names, const struct strv *doubtful,
		  struct plan *ret, struct err *err) MUST_CHECK;
void plan_release(struct plan *plan);

/* The name of NAME-EVR.ARCH; the caller frees. */
int plan_nevra_name(const char *nevra, char **ret, struct err *err) MUST_CHECK;

/* The NEVRAs of what is installed by one of NAMES. */
int plan_installed(const struct install *in, const struct strv *names, struct strv *ret_nevras,
		   struct err *err) MUST_CHECK;

/* Puts NEVRAS, packages of the staged repo/, into RET as PLAN_DOWNGRADE, sorted; those that it does not have
 * go to RET_MISSING. */
int plan_restore(const struct install *in, const struct strv *nevras, struct plan *ret,
		 struct strv *ret_missing, struct err *err) MUST_CHECK;

/* Which of NEVRAS are installed, and which of these can go together while all others stay, sorted. */
int plan_erasable(const struct install *in, const struct strv *nevras, struct strv *ret_installed,
		  struct strv *ret_erasable, struct err *err) MUST_CHECK;
/* "install NEVRA", "upgrade NEVRA (from NEVRA)" … one a package, appended to LINES. */
int plan_describe(const struct plan *plan, struct strv *lines, struct err *err) MUST_CHECK;

#endif
