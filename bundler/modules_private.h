/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of modules.h share. */
#ifndef PGHA_MODULES_PRIVATE_H
#define PGHA_MODULES_PRIVATE_H

#include <solv/bitmap.h>
#include <solv/pool.h>

#include "modules.h"
#include "modules_block.h"

struct modules_repo {
	const char *name; /* borrowed, as BLOCK's bytes */
	struct block block;
};

/* One modulemd document: a version and context of a stream. */
struct modules_item {
	const struct block *block; /* borrowed */
	const char *repo;          /* all texts are borrowed from the block */
	const char *name;
	const char *stream;
	const char *context;
	const char *arch;
	struct block_stream record;
	size_t repo_index;
	char *resolve_context; /* owned: what tells contexts apart, see modules_solve.c */
	Id solvable;           /* in the pool of modules */
	Id key;                /* that solvable's name; equal for all versions of a context */
	bool active;
};

enum module_state { MODULE_NONE, MODULE_DEFAULT, MODULE_ENABLED, MODULE_DISABLED };

/* What defaults documents say of a module, merged. */
struct module_defaults {
	bool known;
	bool conflict; /* two repositories name different streams */
	size_t repo_index;
	uint64_t modified;
	const char *stream;    /* borrowed from a block; NULL: none */
	const char **profiles; /* owned; pairs: a stream, its profiles */
	size_t profile_count;
};

struct module {
	const char *name;           /* borrowed */
	struct modules_item *items; /* borrowed: those of this module */
	size_t item_count;
	enum module_state state;
	const char *stream; /* the enabled one, or the default; borrowed */
	struct module_defaults defaults;
};

struct artifact_slot {
	uint64_t hash;
	const char *text; /* NULL: free */
	const struct modules_item *item;
};

struct modules {
	const char *platform_id; /* borrowed */
	const char *arch;        /* borrowed */
	struct modules_repo *repos;
	size_t repo_count;
	struct modules_item *items; /* by module name, then in the order of documents */
	size_t item_count;
	struct module *modules; /* by name */
	size_t module_count;
	Pool *pool;                  /* of streams; owned */
	struct artifact_slot *slots; /* every artifact once; active ones have an active item */
	size_t slot_count;           /* a power of two, or 0 */
	char answer[256];            /* of modules_stream() */
};

/* modules_defaults.c: merges the defaults documents of all repositories. */
int modules_merge_defaults(struct modules *m, struct strv *warnings, struct err *err) MUST_CHECK;
/* modules_solve.c: marks the active items. WHERE as modules_resolve(). */
int modules_solve(struct modules *m, const char *where, struct strv *warnings,
		  struct err *err) MUST_CHECK;

/* The module, or NULL. */
struct module *modules_find(const struct modules *m, const char *name);
/* Whether MODULE has STREAM; an item of it or NULL. */
const struct modules_item *modules_find_stream(const struct module *module, const char *stream);
/* The stream of MODULE that is active, or NULL. */
const char *modules_active_stream(const struct module *module);
/* Appends a detail line for each stream of MODULE and its repositories. */
void modules_list_streams(const struct module *module, struct err *err);

#endif
