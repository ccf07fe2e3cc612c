/* SPDX-License-Identifier: Apache-2.0 */
/* Every repository's repomd.xml: asked for, checked, kept. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "metadata_private.h"

#define REPOMD_SIZE_MAX (4U << 20)

static int read_body(struct metadata_repo *repo, const struct http_transfer *t, struct err *err)
{
	int r = repomd_parse(t->body.buf, t->body.len, &repo->private->repomd, err);

	memcpy(repo->sha256, t->got_sha256, sizeof(repo->sha256));
	repo->revision = repo->private->repomd.revision;
	return r < 0 ? err_prefix(err, "repository '%s'", repo->source->id) : 0;
}

int metadata_fetch_repomd(struct metadata *md, struct strv *warnings, struct err *err)
{
	cleanup_free struct http_transfer *transfers = calloc(md->count + 1, sizeof(*transfers));
	int r = 0;

	(void)warnings;
	if (!transfers)
		return err_nomem(err);
	for (size_t i = 0; i < md->count; i++)
		transfers[i] = (struct http_transfer){
			.source = &md->repos[i].private->upstream->source,
			.path = "repodata/repomd.xml",
			.max_bytes = REPOMD_SIZE_MAX,
		};
	for (size_t i = 0; i < md->count; i++) {
		if (r == 0 && http_fetch(&transfers[i], 1, md->options.limits, NULL, err) < 0)
			r = err_prefix(err, "repository '%s'", md->repos[i].source->id);
		if (r == 0)
			r = read_body(&md->repos[i], &transfers[i], err);
		http_transfer_release(&transfers[i]);
	}
	return r;
}
