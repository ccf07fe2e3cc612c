/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A definition with everything that an answer needs: its .repo files, their metadata, the active module
 * streams, and the packages that can be chosen. What `resolve`, `why`, `depends` and `outdated` start
 * from.
 */
#ifndef PGHA_RESOLVER_H
#define PGHA_RESOLVER_H

#include <stdbool.h>

#include "definition.h"
#include "err.h"
#include "metadata.h"
#include "modules.h"
#include "repofile.h"
#include "solve.h"
#include "str.h"

struct resolver {
	const struct definition *def; /* borrowed */
	struct repofile_list repofiles;
	struct metadata metadata;
	struct modules *modules;
	struct definition_requests requests;
	struct solve solve;
	struct strv *warnings; /* borrowed */
};

#define RESOLVER_INIT       \
	{                   \
		.def = NULL \
	}

/*
 * Reads DEF's .repo files and metadata and decides what can be seen. What the operator should know
 * and may ignore is appended to WARNINGS, a line each. ERR_CONFIG for .repo files and keys that are
 * wrong, ERR_NETWORK when a repository cannot be reached or a module stream is not there,
 * ERR_VERIFY when metadata is not what it must be. DEF and what OPTIONS names must outlive RET, which
 * is released with resolver_release(), also after a failure.
 */
int resolver_open(const struct definition *def, const struct metadata_options *options,
		  struct strv *warnings, struct resolver *ret, struct err *err) MUST_CHECK;
void resolver_release(struct resolver *resolver);

/* Solves what DEF asks for; as solve_run(). */
int resolver_solve(struct resolver *resolver, struct solve_result *ret, struct err *err) MUST_CHECK;
/* The same with packages that stay and packages that are taken (struct solve_options); either may be
 * NULL. */
int resolver_solve_keeping(struct resolver *resolver, const Queue *keep, const Queue *take,
			   struct solve_result *ret, struct err *err) MUST_CHECK;

#endif
