/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata of all repositories, in one pool. Of each repository repomd.xml is asked for (with a
 * conditional request where a copy is kept), its signature and the metalink's digest checked, and that
 * it is not older than what was seen before; then primary and modules are read, from XML and YAML or
 * from what an earlier run made of exactly the same bytes. Everything else is read when somebody needs
 * it.
 */
#ifndef PGHA_METADATA_H
#define PGHA_METADATA_H

#include <stdbool.h>

#include <solv/pool.h>
#include <solv/repo.h>

#include "definition.h"
#include "digest.h"
#include "err.h"
#include "http.h"
#include "modules.h"
#include "repofile.h"
#include "str.h"
#include "upstream.h"

struct metadata_options {
	const char *cache;                /* borrowed, as all here */
	const struct http_limits *limits; /* or NULL; its `offline`: nothing but what is kept */
	bool refresh;                     /* ask also where metadata_expire says not yet */
	const struct strv
		*accept_older;   /* ids of repositories whose repomd.xml may be older than one
					      that was seen; or NULL */
	const struct lock *seen; /* a lock whose revisions count as seen; or NULL */
};

enum metadata_part {
	METADATA_FILELISTS,  /* paths that are not in primary */
	METADATA_GROUPS,     /* comps: SOLVABLE_… of `group:` solvables, as repo_add_comps() */
	METADATA_ADVISORIES, /* updateinfo: `patch:` solvables, as repo_add_updateinfoxml() */
};

struct metadata_repo {
	const struct repofile_repo *source; /* borrowed */
	const struct strv *pins;            /* borrowed, or NULL */
	Repo *repo;                         /* the pool's; NULL: skipped as unavailable */
	char sha256[SHA256_HEX_SIZE];       /* of repomd.xml */
	uint64_t revision;                  /* 0: none, or not a number */
	const void *modules;                /* as modules_compile() made it; NULL: none */
	size_t modules_size;
	struct metadata_private *private; /* NULL: there is nothing more to read */
};

struct metadata {
	Pool *pool;                            /* borrowed, as the next */
	const struct repofile_list *repofiles; /* disabled ones too */
	struct metadata_repo *repos; /* the enabled ones, in the order of the .repo files */
	size_t count;
	struct metadata_options options;
	struct upstreams upstreams;
	unsigned int parts; /* a bit for each enum metadata_part that was loaded */
};

#define METADATA_INIT        \
	{                    \
		.pool = NULL \
	}

/*
 * Adds the packages of REPOS' enabled repositories to POOL, which is empty. Each file's digest and
 * size are those of repomd.xml before anything reads it; SHA-256 or nothing. ERR_NETWORK when
 * something cannot be had, ERR_VERIFY when it is not what repomd.xml says, is not signed as it must
 * be, is older than what was seen, unpacks to too much, or cannot be understood; ERR_CONFIG when a
 * repository demands a signature and nothing is pinned for it. DEF and REPOS must outlive RET, which
 * is released with metadata_release(), also after a failure.
 */
int metadata_load(Pool *pool, const struct definition *def, const struct repofile_list *repos,
		  const struct metadata_options *options, struct strv *warnings,
		  struct metadata *ret, struct err *err) MUST_CHECK;

/* Reads PART of every repository that has it, unless that was done; the pool's whatprovides must be
 * made anew afterwards. */
int metadata_need(struct metadata *metadata, enum metadata_part part, struct err *err) MUST_CHECK;

/*
 * Caches that may follow the answer (what was parsed, for the next run) are written here; called by
 * the commands after their output is there. Failures are warnings.
 */
void metadata_save(struct metadata *metadata);
void metadata_release(struct metadata *metadata);

#endif
