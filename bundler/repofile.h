/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .repo files as dnf reads them (dnf.conf(5), "Repo options"). What we do not do is never passed over
 * when it touches security or changes which packages there are.
 */
#ifndef PGHA_REPOFILE_H
#define PGHA_REPOFILE_H

#include <stdbool.h>

#include "err.h"
#include "str.h"

struct repofile_repo {
	char *id;
	char *where;   /* "file:line" of its section */
	char *baseurl; /* the first one, without a slash at its end; NULL when the repository is
			  disabled and has none */
	struct strv gpgkey;
	char *sslcacert; /* absolute when the .repo file's own path is, or NULL */
	char *sslclientcert;
	char *sslclientkey;
	bool enabled;
	bool module_hotfixes;
	int priority; /* lower is better; 99 unless given */
	int cost;     /* lower is better; 1000 unless given */
	struct strv includepkgs;
	struct strv excludepkgs;
};

/* Values for $releasever, $basearch and $arch; others come from DNF_VAR_NAME in the environment, as
 * for dnf. Borrowed; a variable that is NULL counts as unknown. */
struct repofile_vars {
	const char *releasever;
	const char *arch;
};

struct repofile_list {
	struct repofile_repo *items; /* in the order of the files and in the files */
	size_t count;
};

/*
 * Appends the repositories of PATH, disabled ones too, and a line to WARNINGS for each harmless
 * option that has no effect here. Anything else is ERR_CONFIG with "file:line", also a repository
 * whose id LIST has already.
 */
int repofile_load(const char *path, const struct repofile_vars *vars, struct repofile_list *list,
		  struct strv *warnings, struct err *err) MUST_CHECK;
/* The same from memory. */
int repofile_parse(const char *path, const char *text, const struct repofile_vars *vars,
		   struct repofile_list *list, struct strv *warnings, struct err *err) MUST_CHECK;
void repofile_release(struct repofile_list *list);

/* The basearch of an rpm architecture ("i386" of "i686"), or NULL when it is not known. */
const char *repofile_basearch(const char *arch);

#endif
