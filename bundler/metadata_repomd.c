/* SPDX-License-Identifier: Apache-2.0 */
/* Every repository's repomd.xml: asked for, checked, kept. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "clock.h"
#include "metadata_private.h"
#include "url.h"
#include "vendorkeys.h"

#define REPOMD_SIZE_MAX (4U << 20)
#define SIGNATURE_SIZE_MAX (256U << 10)
#define REPOMD_PATH "repodata/repomd.xml"

/*
 * One repository while it is asked. An unsigned repomd.xml is asked of one server after the other by
 * http_fetch(). With a signature, which must come from the same server, each round asks one server for
 * both.
 */
struct asking {
	struct metadata_check check;
	struct metadata_repo *repo;
	struct pgp_keys keys;
	bool asks; /* nothing has been decided without a request */
	bool done;
	struct err err; /* of the first failure */

	/* Of one round; NULL: not asked for. */
	struct http_transfer *repomd, *signature;
	char *url, *signature_url;
};

struct askings {
	struct metadata *md;
	struct asking *items;
	size_t count;
	struct http_transfer *transfers;
	size_t transfer_count;
};

static void end_round(struct askings *l)
{
	for (size_t i = 0; i < l->transfer_count; i++)
		http_transfer_release(&l->transfers[i]);
	l->transfer_count = 0;
	for (size_t i = 0; i < l->count; i++) {
		free(steal_ptr(&l->items[i].url));
		free(steal_ptr(&l->items[i].signature_url));
		l->items[i].repomd = l->items[i].signature = NULL;
	}
}

static void askings_release(struct askings *l)
{
	end_round(l);
	for (size_t i = 0; i < l->count; i++)
		pgp_keys_release(&l->items[i].keys);
	free(l->items);
	free(l->transfers);
}

/* --- what is kept ------------------------------------------------------------------------------- */

/* Takes the kept copy, which is judged again: a key may have been revoked, the metalink have moved on. */
static int take_kept(struct asking *a, struct err *err)
{
	const struct metadata_kept *kept = &a->repo->private->kept;
	int r = metadata_check_repomd(&a->check, &kept->body, kept->sha256, &kept->signature, err);

	if (r < 0)
		return r;
	memcpy(a->repo->sha256, kept->sha256, sizeof(a->repo->sha256));
	a->done = true;
	return 0;
}

static bool has_not_expired(const struct asking *a)
{
	const struct metadata_kept *kept = &a->repo->private->kept;
	int64_t expire_s = a->repo->source->metadata_expire_s;
	uint64_t now = (uint64_t)clock_now();

	if (a->check.md->options.refresh || expire_s == 0)
		return false;
	/* A date in the future says nothing. */
	return kept->checked_s && (expire_s < 0 || (now >= kept->checked_s &&
						    now - kept->checked_s < (uint64_t)expire_s));
}

/* The newest that the metalink names needs no request. */
static bool is_current(const struct asking *a)
{
	const struct upstream *upstream = a->repo->private->upstream;

	return upstream->digest_count > 0 &&
	       !strcasecmp(upstream->digests[0].sha256, a->repo->private->kept.sha256);
}

static bool is_local(const struct asking *a)
{
	const struct strv *bases = &a->repo->private->upstream->source.bases;

	return bases->count > 0 && !strncasecmp(bases->items[0], "file:", 5);
}

/* Without a request, where that is right. */
static int try_kept(struct asking *a, struct err *err)
{
	const struct http_limits *limits = a->check.md->options.limits;
	const struct metadata_kept *kept = &a->repo->private->kept;
	bool offline = limits && limits->offline && !is_local(a);

	/* One without a signature was kept before the .repo file asked for it. */
	if (kept->there && (!a->check.keys || kept->signature.len)) {
		if (offline)
			return take_kept(a, err);
		if ((is_current(a) || has_not_expired(a)) && take_kept(a, err) < 0)
			*err = (struct err)ERR_INIT; /* then it is asked for */
		return 0;
	}
	if (offline)
		return err_set(err, ERR_NETWORK,
			       "nothing is kept of it in the cache: run once without --offline");
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------- */

static struct http_transfer *add_transfer(struct askings *l, struct http_transfer what)
{
	struct http_transfer *t = &l->transfers[l->transfer_count++];

	what.may_fail = true;
	*t = what;
	return t;
}

static int accept_repomd(const struct http_transfer *t, void *arg, struct err *err)
{
	const struct asking *a = arg;

	return metadata_check_repomd(&a->check, &t->body, t->got_sha256, NULL, err);
}

static void set_condition(const struct asking *a, struct http_transfer *t)
{
	const struct metadata_kept *kept = &a->repo->private->kept;
	const struct upstream *upstream = a->repo->private->upstream;

	/* A "not modified" is of no use for what will not be accepted again. */
	if (!kept->there || upstream->digest_count || (a->check.keys && !kept->signature.len))
		return;
	t->if_none_match = kept->etag;
	t->if_modified_since = kept->etag ? NULL : kept->last_modified;
}

static int ask(struct askings *l, struct asking *a, size_t round, struct err *err)
{
	struct http_source *source = &a->repo->private->upstream->source;
	int r = 0;

	if (!a->check.keys) {
		if (round > 0)
			return 0;
		a->repomd = add_transfer(l, (struct http_transfer){ .source = source,
								    .path = REPOMD_PATH,
								    .max_bytes = REPOMD_SIZE_MAX,
								    .accept = accept_repomd,
								    .arg = a });
		set_condition(a, a->repomd);
		return 0;
	}
	if (round >= source->bases.count)
		return 0;
	r = url_join(source->bases.items[round], REPOMD_PATH, &a->url, err);
	if (r == 0)
		r = str_printf(&a->signature_url, err, "%s.asc", a->url);
	if (r < 0)
		return r;
	a->repomd = add_transfer(l, (struct http_transfer){ .url = a->url,
							    .settings = &source->settings,
							    .max_bytes = REPOMD_SIZE_MAX });
	set_condition(a, a->repomd);
	a->signature = add_transfer(l, (struct http_transfer){ .url = a->signature_url,
							       .settings = &source->settings,
							       .max_bytes = SIGNATURE_SIZE_MAX });
	return 0;
}

static bool is_same_text(const struct str *a, const struct str *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->buf, b->buf, a->len));
}

static bool is_same_or_none(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void swap_text(struct str *a, struct str *b)
{
	struct str other = *a;

	*a = *b;
	*b = other;
}

/* What the server sent becomes what will be kept. */
static void replace_kept(struct asking *a)
{
	static const struct str none = STR_INIT;
	struct metadata_kept *kept = &a->repo->private->kept;
	struct http_transfer *t = a->repomd;
	const struct str *signature = a->signature ? &a->signature->body : &none;

	if (kept->there && is_same_text(&kept->body, &t->body) &&
	    is_same_text(&kept->signature, signature) && is_same_or_none(kept->etag, t->etag) &&
	    is_same_or_none(kept->last_modified, t->last_modified))
		return;
	a->repo->private->remember = true;
	metadata_kept_release(kept);
	kept->there = true;
	memcpy(kept->sha256, t->got_sha256, sizeof(kept->sha256));
	swap_text(&kept->body, &t->body);
	if (a->signature)
		swap_text(&kept->signature, &a->signature->body);
	kept->etag = steal_ptr(&t->etag);
	kept->last_modified = steal_ptr(&t->last_modified);
}

static void note_answer(struct asking *a)
{
	struct metadata_private *private = a->repo->private;
	struct metadata_kept *kept = &private->kept;

	if (!a->repomd->not_modified)
		replace_kept(a);
	kept->revision = private->repomd.revision;
	kept->timestamp = private->repomd.timestamp;
	private->remember |= a->repo->source->metadata_expire_s > 0 || !kept->checked_s;
	kept->checked_s = (uint64_t)clock_now();
	memcpy(a->repo->sha256, kept->sha256, sizeof(a->repo->sha256));
	a->done = true;
}

/* After a round: 0 also when this server is of no use. */
static int take_answer(struct asking *a, struct err *err)
{
	struct http_transfer *t = a->repomd;
	struct err why = ERR_INIT;
	int r = 0;

	if (!t)
		return 0;
	if (t->failure.code)
		why = t->failure;
	else if (t->not_modified)
		r = take_kept(a, &why);
	else if (a->signature && a->signature->failure.code)
		why = a->signature->failure;
	else if (a->signature)
		r = metadata_check_repomd(&a->check, &t->body, t->got_sha256, &a->signature->body,
					  &why);
	if (why.code == ERR_NONE) {
		note_answer(a);
		return 0;
	}
	if (r < 0 && why.code != ERR_VERIFY) {
		*err = why;
		return r;
	}
	/* A wrong answer says more than a missing one. */
	if (a->err.code == ERR_NONE || (a->err.code == ERR_NETWORK && why.code == ERR_VERIFY))
		a->err = why;
	return 0;
}

static int ask_round(struct askings *l, size_t round, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++)
		if (l->items[i].asks && !l->items[i].done)
			r = ask(l, &l->items[i], round, err);
	if (r == 0 && l->transfer_count)
		r = http_fetch(l->transfers, l->transfer_count, l->md->options.limits, NULL, err);
	for (size_t i = 0; r == 0 && i < l->count; i++)
		r = take_answer(&l->items[i], err);
	end_round(l);
	return r;
}

/* --- all of them -------------------------------------------------------------------------------- */

static int load_keys(struct asking *a, struct strv *warnings, struct err *err)
{
	const struct repofile_repo *source = a->repo->source;
	const struct vendorkeys what = { .repo = source->id,
					 .pins = a->repo->pins,
					 .gpgkey = &source->gpgkey,
					 .source = &a->repo->private->upstream->source,
					 .limits = a->check.md->options.limits,
					 .cache = a->check.md->options.cache };
	size_t fresh = 0;

	if (!source->repo_gpgcheck)
		return 0;
	if (!a->repo->pins || !a->repo->pins->count)
		return err_set(
			err, ERR_CONFIG,
			"%s: repository '%s' has repo_gpgcheck=1 and nothing is pinned for it: "
			"add '%s: [FINGERPRINT]' under 'trust:' of the definition",
			source->where, source->id, source->id);
	a->check.keys = &a->keys;
	if (vendorkeys_load(&what, warnings, &a->keys, &fresh, err) < 0)
		return err_prefix(err, "repository '%s'", source->id);
	return 0;
}

static int begin(struct askings *l, struct asking *a, struct strv *warnings, struct err *err)
{
	int r = 0;

	a->check = (struct metadata_check){ .md = l->md, .repo = a->repo };
	if (!a->repo->private->upstream->source.bases.count) {
		/* skip_if_unavailable, and upstream.c has warned. */
		err_set(&a->err, ERR_NETWORK, "it has no servers");
		return 0;
	}
	r = load_keys(a, warnings, err);
	if (r == 0)
		r = metadata_read_kept(l->md, a->repo, err);
	if (r == 0)
		a->asks = try_kept(a, &a->err) == 0 && !a->done;
	return r;
}

static int finish(struct asking *a, struct strv *warnings, struct err *err)
{
	const struct repofile_repo *source = a->repo->source;

	if (a->done) {
		a->repo->revision = a->repo->private->repomd.revision;
		return 0;
	}
	if (!source->skip_if_unavailable || a->err.code != ERR_NETWORK) {
		*err = a->err;
		return err_prefix(err, "repository '%s'", source->id);
	}
	a->repo->private->skipped = true;
	if (!a->repo->private->upstream->source.bases.count)
		return 0;
	return strv_addf(warnings, err, "repository '%s' is skipped: %s", source->id, a->err.msg);
}

int metadata_fetch_repomd(struct metadata *md, struct strv *warnings, struct err *err)
{
	CLEANUP(askings_release)
	struct askings l = { .md = md,
			     .items = calloc(md->count + 1, sizeof(*l.items)),
			     .transfers = calloc(2 * md->count + 1, sizeof(*l.transfers)),
			     .count = md->count };
	size_t rounds = 1;
	int r = 0;

	if (!l.items || !l.transfers)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < l.count; i++) {
		size_t bases = md->repos[i].private->upstream->source.bases.count;

		l.items[i].repo = &md->repos[i];
		r = begin(&l, &l.items[i], warnings, err);
		if (l.items[i].check.keys && bases > rounds)
			rounds = bases;
	}
	for (size_t round = 0; r == 0 && round < rounds; round++)
		r = ask_round(&l, round, err);
	for (size_t i = 0; r == 0 && i < l.count; i++)
		r = finish(&l.items[i], warnings, err);
	return r;
}
