/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .repo files as dnf reads them (dnf.conf(5), "Repo options"). What we do not do is never passed over
 * when it touches security or changes which packages there are.
 */
#ifndef PGHA_REPOFILE_H
#define PGHA_REPOFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

struct repofile_repo {
	char *id;
	char *where;          /* "file:line" of its section */
	char *file;           /* the .repo file's path */
	struct strv baseurls; /* without a slash at the end */
	char *mirrorlist;     /* URL, or NULL */
	char *metalink;       /* URL, or NULL: with neither, an enabled repository has a baseurl */
	struct strv gpgkey;
	char *sslcacert; /* absolute when the .repo file's own path is, or NULL */
	char *sslclientcert;
	char *sslclientkey;
	char *proxy; /* NULL: as the environment says; "": none */
	char *proxy_username, *proxy_password;
	char *proxy_auth_method; /* any, none, basic, digest, negotiate, ntlm; NULL: any */
	char *proxy_sslcacert, *proxy_sslclientcert, *proxy_sslclientkey; /* paths */
	char *username, *password; /* passwords are cleansed by repofile_release() */
	char *user_agent;
	unsigned int timeout_s;  /* 0: the default, as in the next three */
	uint64_t minrate_bytes;  /* per second */
	uint64_t throttle_bytes; /* per second */
	unsigned int retries;
	int ip_version;            /* 4, 6 or 0 */
	int64_t metadata_expire_s; /* 0: ask each time (unless given); -1: never expires */
	bool sslverifystatus;      /* the server must prove that its certificate is not revoked */
	bool repo_gpgcheck;        /* repomd.xml must be signed by a key that is pinned for it */
	bool skip_if_unavailable;
	bool enabled;
	bool module_hotfixes;
	int priority; /* lower is better; 99 unless given */
	int cost;     /* lower is better; 1000 unless given */
	struct strv includepkgs;
	struct strv excludepkgs;
};

/*
 * Values for $releasever (and its parts $releasever_major and $releasever_minor), $basearch and
 * $arch. Others come from DNF_VAR_NAME or, for DNF0 to DNF9, NAME in the environment, or else from
 * the first line of vars/NAME beside the .repo file; nothing of the machine's /etc/dnf is read.
 * Borrowed; a variable that is NULL counts as unknown.
 */
struct repofile_vars {
	const char *releasever;
	const char *arch;
	const char *file; /* the .repo file; NULL: no vars/; set by repofile_parse() itself */
};

struct repofile_list {
	struct repofile_repo *items; /* in the order of the files and in the files */
	size_t count;
	struct repofile_vars vars; /* what they were read with; `file` is each repository's own */
};

/*
 * Appends the repositories of PATH, disabled ones too, with what its [main] says for all of them, and
 * a line to WARNINGS for each harmless
 * option that has no effect here. Anything else is ERR_CONFIG with "file:line", also a repository
 * whose id LIST has already.
 */
int repofile_load(const char *path, const struct repofile_vars *vars, struct repofile_list *list,
		  struct strv *warnings, struct err *err) MUST_CHECK;
/* The same from memory. */
int repofile_parse(const char *path, const char *text, const struct repofile_vars *vars,
		   struct repofile_list *list, struct strv *warnings, struct err *err) MUST_CHECK;
void repofile_release(struct repofile_list *list);

/*
 * Replaces $name and ${name} in TEXT, which the caller frees; a '$' before anything else stands for
 * itself. ERR_CONFIG for a variable that is not known.
 */
int repofile_expand(const char *text, const struct repofile_vars *vars, char **ret,
		    struct err *err) MUST_CHECK;
/* The $releasever of a platform's id, borrowed from it: "8" of "platform:el8"; NULL when there is no
 * number at its end. */
const char *repofile_releasever(const char *platform_id);
/* The basearch of an rpm architecture ("i386" of "i686"), or NULL when it is not known. */
const char *repofile_basearch(const char *arch);

#endif
