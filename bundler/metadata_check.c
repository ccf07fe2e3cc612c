/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a repomd.xml may be believed. Everything else of a repository hangs on its digests. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "clock.h"
#include "lock.h"
#include "metadata_private.h"

#define DATE_FIRST 1000000000U /* a revision from here on is taken for seconds since 1970 */
#define DATE_LAST UINT32_MAX
#define WHICH_SIZE 64

/* "of 2026-01-31T12:34:56Z", or "with revision 17". */
static const char *which(uint64_t revision, uint64_t timestamp, char buf[WHICH_SIZE])
{
	uint64_t date = timestamp ? timestamp : revision;
	char text[CLOCK_TEXT_SIZE];

	if (date < DATE_FIRST || date > DATE_LAST) {
		snprintf(buf, WHICH_SIZE, "with revision %llu", (unsigned long long)revision);
		return buf;
	}
	clock_format((time_t)date, text);
	snprintf(buf, WHICH_SIZE, "of %s", text);
	return buf;
}

/* Where both have a revision and these differ, it decides; else the dates of the files do. */
static bool is_older(const struct repomd *repomd, uint64_t revision, uint64_t timestamp)
{
	if (repomd->revision && revision && repomd->revision != revision)
		return repomd->revision < revision;
	return repomd->timestamp && timestamp && repomd->timestamp < timestamp;
}

static int replayed(const struct metadata_check *c, const struct repomd *repomd, uint64_t revision,
		    uint64_t timestamp, const char *where, struct err *err)
{
	char then[WHICH_SIZE];
	char now[WHICH_SIZE];
	/* What decided is what is shown. */
	bool by_revision = repomd->revision && revision && repomd->revision != revision;

	return err_set(err, ERR_VERIFY,
		       "repomd.xml is older than one that was seen before: this one is %s, the one "
		       "in %s %s; if the repository was really taken back, --accept-older %s",
		       which(repomd->revision, by_revision ? 0 : repomd->timestamp, now), where,
		       which(revision, by_revision ? 0 : timestamp, then), c->repo->source->id);
}

static int check_age(const struct metadata_check *c, const struct repomd *repomd, struct err *err)
{
	const struct metadata_options *options = &c->md->options;
	const struct metadata_kept *kept = &c->repo->private->kept;
	const struct lock_repo *locked =
		options->seen ? lock_find_repo(options->seen, c->repo->source->id) : NULL;

	if (options->accept_older && strv_has(options->accept_older, c->repo->source->id))
		return 0;
	if (kept->there && is_older(repomd, kept->revision, kept->timestamp))
		return replayed(c, repomd, kept->revision, kept->timestamp, "the cache", err);
	if (locked && is_older(repomd, locked->revision, 0))
		return replayed(c, repomd, locked->revision, 0, "the lock", err);
	return 0;
}

static int check_digest(const struct metadata_check *c, const char *sha256, size_t size_bytes,
			struct err *err)
{
	const struct upstream *upstream = c->repo->private->upstream;

	for (size_t i = 0; i < upstream->digest_count; i++) {
		const struct upstream_digest *d = &upstream->digests[i];

		if (!strcasecmp(d->sha256, sha256) &&
		    (!d->size_bytes || d->size_bytes == size_bytes))
			return 0;
	}
	return upstream->digest_count == 0
		       ? 0
		       : err_set(err, ERR_VERIFY,
				 "repomd.xml is none of those that the metalink names: its SHA-256 "
				 "is %s",
				 sha256);
}

static int check_signature(const struct metadata_check *c, const struct str *text,
			   const struct str *signature, struct err *err)
{
	struct pgp_signer signer;

	if (!c->keys)
		return 0;
	if (!signature || !signature->len)
		return err_set(err, ERR_VERIFY, "repomd.xml is not signed (repo_gpgcheck)");
	return pgp_verify_detached("repomd.xml", signature->buf, signature->len, text->buf,
				   text->len, c->keys, (const char *const *)c->repo->pins->items,
				   &signer, err);
}

/* The signature first: what is not the vendor's is not parsed. */
int metadata_check_repomd(const struct metadata_check *c, const struct str *text,
			  const char *sha256, const struct str *signature, struct err *err)
{
	CLEANUP(repomd_release) struct repomd repomd = { .revision = 0 };
	int r = check_digest(c, sha256, text->len, err);

	if (r == 0)
		r = check_signature(c, text, signature, err);
	if (r == 0)
		r = repomd_parse(text->buf, text->len, &repomd, err);
	if (r == 0)
		r = check_age(c, &repomd, err);
	if (r < 0)
		return r;
	repomd_release(&c->repo->private->repomd);
	c->repo->private->repomd = repomd;
	repomd = (struct repomd){ .revision = 0 };
	return 0;
}
