/* SPDX-License-Identifier: Apache-2.0 */
/* The repomd.xml files that were seen last: for conditional requests, offline runs, and against replay. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "derived.h"
#include "file.h"
#include "metadata_private.h"

#define KIND "repomd 1" /* changes with the layout */
#define KEPT_MAX (8U << 20)

/*
 * Lines "NAME VALUE", an empty one, the body and the signature.
 */
enum field {
	FIELD_REVISION,
	FIELD_TIMESTAMP,
	FIELD_CHECKED,
	FIELD_BODY, /* bytes */
	FIELD_NUMBERS,
	FIELD_ETAG = FIELD_NUMBERS,
	FIELD_LAST_MODIFIED,
	FIELDS,
};

static const char *const field_names[FIELDS] = { "revision", "timestamp", "checked",
						 "body",     "etag",      "last-modified" };

void metadata_kept_release(struct metadata_kept *kept)
{
	free(kept->etag);
	free(kept->last_modified);
	str_release(&kept->body);
	str_release(&kept->signature);
	*kept = (struct metadata_kept){ .there = false };
}

/* A repository is what its .repo file says: under another address it is another one. */
static int make_key(struct metadata_repo *repo, struct err *err)
{
	const struct repofile_repo *source = repo->source;
	cleanup_free const char **inputs = calloc(source->baseurls.count + 3, sizeof(*inputs));
	size_t n = 0;

	if (!inputs)
		return err_nomem(err);
	inputs[n++] = source->id;
	inputs[n++] = source->mirrorlist ? source->mirrorlist : "";
	inputs[n++] = source->metalink ? source->metalink : "";
	for (size_t i = 0; i < source->baseurls.count; i++)
		inputs[n++] = source->baseurls.items[i];
	return derived_key(KIND, inputs, n, repo->private->kept_key, err);
}

/* Takes the lines off the front of TEXT; false when they make no sense. */
static bool read_fields(char **text, uint64_t numbers[FIELD_NUMBERS], struct metadata_kept *kept,
			struct err *err)
{
	while (**text && **text != '\n') {
		char *end = strchr(*text, '\n');
		char *value = strchr(*text, ' ');
		size_t i = 0;

		if (!end || !value || value > end)
			return false;
		*end = *value++ = '\0';
		while (i < FIELDS && strcmp(*text, field_names[i]) != 0)
			i++;
		if (i < FIELD_NUMBERS && str_u64(&numbers[i], value, 0, UINT64_MAX, err) < 0)
			return false;
		if (i == FIELD_ETAG && (kept->etag || str_dup(&kept->etag, value, err) < 0))
			return false;
		if (i == FIELD_LAST_MODIFIED &&
		    (kept->last_modified || str_dup(&kept->last_modified, value, err) < 0))
			return false;
		*text = end + 1;
	}
	return *(*text)++ == '\n';
}

static bool parse_kept(struct str *all, struct metadata_kept *kept)
{
	struct err ignored = ERR_INIT;
	uint64_t numbers[FIELD_NUMBERS] = { 0 };
	char *text = all->buf;
	size_t left = 0;

	if (!text || !read_fields(&text, numbers, kept, &ignored))
		return false;
	left = all->len - (size_t)(text - all->buf);
	if (!numbers[FIELD_BODY] || numbers[FIELD_BODY] > left)
		return false;
	kept->revision = numbers[FIELD_REVISION];
	kept->timestamp = numbers[FIELD_TIMESTAMP];
	kept->checked_s = numbers[FIELD_CHECKED];
	str_add_len(&kept->body, text, numbers[FIELD_BODY]);
	str_add_len(&kept->signature, text + numbers[FIELD_BODY], left - numbers[FIELD_BODY]);
	kept->there = !kept->body.failed && !kept->signature.failed &&
		      sha256_hex(kept->body.buf, kept->body.len, kept->sha256, &ignored) == 0;
	return kept->there;
}

static void forget_asking(struct metadata_kept *kept)
{
	kept->checked_s = 0;
	free(steal_ptr(&kept->etag));
	free(steal_ptr(&kept->last_modified));
}

int metadata_read_kept(struct metadata *md, struct metadata_repo *repo, struct err *err)
{
	CLEANUP(str_release) struct str all = STR_INIT;
	struct metadata_kept *kept = &repo->private->kept;
	struct err ignored = ERR_INIT;
	cleanup_close int fd = -1;
	bool foreign = false;

	if (make_key(repo, err) < 0)
		return -err->code;
	fd = derived_open(md->options.cache, DERIVED_SEEN, repo->private->kept_key, &foreign);
	if (fd < 0)
		return 0;
	if (fd_read_all(fd, "repomd", KEPT_MAX, &all, &ignored) < 0 || !parse_kept(&all, kept))
		metadata_kept_release(kept);
	/* Who has made it may have said that it is new, and "not modified" would say the same. */
	if (foreign)
		forget_asking(kept);
	return 0;
}

/* --- remembering -------------------------------------------------------------------------------- */

static int write_kept(const struct metadata *md, const struct metadata_repo *repo, struct err *err)
{
	const struct metadata_kept *kept = &repo->private->kept;
	const uint64_t numbers[FIELD_NUMBERS] = {
		[FIELD_REVISION] = kept->revision,
		[FIELD_TIMESTAMP] = kept->timestamp,
		[FIELD_CHECKED] = kept->checked_s,
		[FIELD_BODY] = kept->body.len,
	};
	CLEANUP(str_release) struct str all = STR_INIT;
	cleanup_close int fd = memfd_create("repomd", MFD_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_HOST, errno, "cannot make a file in memory");
	for (size_t i = 0; i < FIELD_NUMBERS; i++)
		str_addf(&all, "%s %llu\n", field_names[i], (unsigned long long)numbers[i]);
	/* libcurl has taken the line apart: neither holds an end of line. */
	if (kept->etag)
		str_addf(&all, "%s %s\n", field_names[FIELD_ETAG], kept->etag);
	if (kept->last_modified)
		str_addf(&all, "%s %s\n", field_names[FIELD_LAST_MODIFIED], kept->last_modified);
	str_addc(&all, '\n');
	str_add_len(&all, kept->body.buf, kept->body.len);
	if (kept->signature.len)
		str_add_len(&all, kept->signature.buf, kept->signature.len);
	r = str_check(&all, err);
	if (r == 0)
		r = fd_write_all(fd, "repomd", all.buf, all.len, err);
	return r < 0 ? r
		     : derived_save(md->options.cache, DERIVED_SEEN, repo->private->kept_key, fd,
				    err);
}

int metadata_remember(struct metadata *md, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < md->count; i++) {
		struct metadata_private *private = md->repos[i].private;

		if (!md->repos[i].repo || !private->remember)
			continue;
		private->remember = false;
		r = write_kept(md, &md->repos[i], err);
	}
	return r;
}
