/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "metadata_private.h"
#include "progress.h"
#include "solvfile.h"

#define MODULES_MAX (256U << 20) /* bytes of what modules are compiled to */

static int add_repo(struct metadata *md, const struct repofile_repo *source,
		    struct upstream *upstream, const struct definition *def, struct err *err)
{
	struct metadata_repo *repo = &md->repos[md->count];

	repo->private = calloc(1, sizeof(*repo->private));
	if (!repo->private)
		return err_nomem(err);
	md->count++;
	repo->source = source;
	repo->pins = definition_keys(def, source->id);
	repo->private->upstream = upstream;
	for (size_t i = 0; i < REPOMD_TYPES; i++)
		repo->private->items[i].fd = -1;
	return 0;
}

/* In the order of the .repo files, which decides between equal packages. */
static void make_repo(struct metadata *md, struct metadata_repo *repo)
{
	if (repo->private->skipped)
		return;
	repo->repo = repo_create(md->pool, repo->source->id);
	repo->repo->priority = -repo->source->priority; /* libsolv: higher is better */
	repo->repo->subpriority = -repo->source->cost;
}

static int load_item(struct metadata_repo *repo, enum repomd_type type, enum solvfile_kind kind,
		     struct err *err)
{
	const struct metadata_item *item = NULL;
	Repo *into = repo->repo;
	int r = 0;

	if (!repo->repo || !repo->private || repo->private->items[type].fd < 0)
		return 0;
	item = &repo->private->items[type];
	lseek(item->fd, item->start, SEEK_SET);
	/* File lists extend what is there: groups and advisories must not stand among it. */
	if (kind == SOLVFILE_GROUPS || kind == SOLVFILE_ADVISORIES)
		into = repo_create(repo->repo->pool, repo->repo->name);
	r = solvfile_load(kind, into, item->fd, err);
	return r < 0 ? err_prefix(err, "repository '%s': %s", repo->source->id,
				  repo->private->repomd.files[type].location)
		     : 0;
}

static int load_modules(struct metadata_repo *repo, struct err *err)
{
	const struct metadata_item *item = &repo->private->items[REPOMD_MODULES];
	CLEANUP(str_release) struct str block = STR_INIT;
	int r = 0;

	if (!repo->repo || item->fd < 0)
		return 0;
	lseek(item->fd, item->start, SEEK_SET);
	r = fd_read_all(item->fd, "modules", MODULES_MAX, &block, err);
	if (r < 0 || !block.len)
		return r;
	repo->modules_size = block.len;
	repo->private->modules = steal_ptr(&block.buf);
	repo->modules = repo->private->modules;
	return 0;
}

static int load_all(struct metadata *md, struct strv *warnings, struct err *err)
{
	static const enum repomd_type types[] = { REPOMD_PRIMARY, REPOMD_MODULES };
	struct err ignored = ERR_INIT;
	int r = metadata_fetch_repomd(md, warnings, err);

	if (r == 0)
		r = metadata_make_items(md, types, ARRAY_SIZE(types), warnings, err);
	for (size_t i = 0; r == 0 && i < md->count; i++) {
		make_repo(md, &md->repos[i]);
		r = load_item(&md->repos[i], REPOMD_PRIMARY, SOLVFILE_PRIMARY, err);
	}
	for (size_t i = 0; r == 0 && i < md->count; i++)
		r = load_modules(&md->repos[i], err);
	/* Not before everything that it names was verified. */
	if (r == 0 && metadata_remember(md, &ignored) < 0)
		r = strv_addf(warnings, err, "%s", ignored.msg);
	return r;
}

int metadata_load(Pool *pool, const struct definition *def, const struct repofile_list *repos,
		  const struct metadata_options *options, struct strv *warnings,
		  struct metadata *ret, struct err *err)
{
	int r = 0;

	ret->pool = pool;
	ret->repofiles = repos;
	ret->options = *options;
	ret->repos = calloc(repos->count + 1, sizeof(*ret->repos));
	if (!ret->repos)
		return err_nomem(err);
	r = upstreams_open(repos, options->cache, options->limits, warnings, &ret->upstreams, err);
	for (size_t i = 0; r == 0 && i < repos->count; i++)
		if (repos->items[i].enabled)
			r = add_repo(ret, &repos->items[i], &ret->upstreams.items[i], def, err);
	return r < 0 ? r : load_all(ret, warnings, err);
}

int metadata_need(struct metadata *md, enum metadata_part part, struct err *err)
{
	static const struct {
		enum repomd_type type;
		enum solvfile_kind kind;
	} rows[] = {
		[METADATA_FILELISTS] = { REPOMD_FILELISTS, SOLVFILE_FILELISTS },
		[METADATA_GROUPS] = { REPOMD_GROUPS, SOLVFILE_GROUPS },
		[METADATA_ADVISORIES] = { REPOMD_ADVISORIES, SOLVFILE_ADVISORIES },
	};
	int r = 0;

	if (md->parts & 1U << part)
		return 0;
	r = metadata_make_items(md, &rows[part].type, 1, NULL, err);
	for (size_t i = 0; r == 0 && i < md->count; i++)
		r = load_item(&md->repos[i], rows[part].type, rows[part].kind, err);
	if (r == 0)
		md->parts |= 1U << part;
	return r;
}

void metadata_save(struct metadata *md)
{
	struct err err = ERR_INIT;

	if (metadata_save_items(md, &err) < 0)
		warning("the next run will read the metadata again: %s", err.msg);
}

void metadata_release(struct metadata *md)
{
	for (size_t i = 0; i < md->count; i++) {
		struct metadata_private *private = md->repos[i].private;

		for (size_t k = 0; k < REPOMD_TYPES; k++) {
			free(private->items[k].path);
			cleanup_closep(&private->items[k].fd);
		}
		repomd_release(&private->repomd);
		metadata_kept_release(&private->kept);
		free(private->modules);
		free(private);
	}
	free(md->repos);
	upstreams_release(&md->upstreams);
	*md = (struct metadata)METADATA_INIT;
}
