/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "repomd.h"

struct metadata_private {
	struct repomd repomd;
};

static int load_repo(struct metadata *md, const struct repofile_repo *source, struct err *err)
{
	struct metadata_repo *repo = &md->repos[md->count++];
	struct repomd *repomd = NULL;
	int r = interrupt_check(err);

	repo->private = calloc(1, sizeof(*repo->private));
	if (!repo->private)
		return err_nomem(err);
	repomd = &repo->private->repomd;
	repo->source = source;
	if (r == 0)
		r = repomd_load(md->pool, source, md->options.cache, repomd, err);
	if (r < 0)
		return r;
	repo->repo = repomd->repo;
	repo->artifacts = &repomd->artifacts;
	memcpy(repo->sha256, repomd->sha256, sizeof(repo->sha256));
	return 0;
}

int metadata_load(Pool *pool, const struct definition *def, const struct repofile_list *repos,
		  const struct metadata_options *options, struct strv *warnings,
		  struct metadata *ret, struct err *err)
{
	int r = 0;

	(void)def;
	(void)warnings;
	ret->pool = pool;
	ret->options = *options;
	ret->repos = calloc(repos->count + 1, sizeof(*ret->repos));
	if (!ret->repos)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < repos->count; i++)
		if (repos->items[i].enabled)
			r = load_repo(ret, &repos->items[i], err);
	return r;
}

int metadata_need(struct metadata *metadata, enum metadata_part part, struct err *err)
{
	(void)metadata;
	if (part == METADATA_FILELISTS)
		return 0;
	return err_set(err, ERR_FAILED, "groups and advisories are not read");
}

void metadata_save(struct metadata *metadata)
{
	(void)metadata;
}

void metadata_release(struct metadata *metadata)
{
	for (size_t i = 0; i < metadata->count; i++) {
		if (metadata->repos[i].private)
			repomd_release(&metadata->repos[i].private->repomd);
		free(metadata->repos[i].private);
	}
	free(metadata->repos);
	*metadata = (struct metadata)METADATA_INIT;
}
