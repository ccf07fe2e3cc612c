/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_inside.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "file.h"
#include "str.h"

#define UNPACKED_MAX (INT64_C(2) << 30)
#define FILES_MAX 200000
#define METADATA_MAX (4U << 20)
#define BLOCK_BYTES 65536

DEFINE_CLEANUP(struct archive *, archive_read_free);

struct inside {
	const struct lock_wheel *wheel; /* borrowed */
	struct strv names;
	int64_t bytes;
	struct str metadata; /* the text of METADATA */
	bool found;
};

static void inside_release(struct inside *in)
{
	strv_release(&in->names);
	str_release(&in->metadata);
}

static bool is_metadata(const char *path)
{
	const char *slash = strchr(path, '/');

	return slash && !strcmp(slash, "/METADATA") && slash - path > (long)strlen(".dist-info") &&
	       str_starts(slash - strlen(".dist-info"), ".dist-info");
}

static int read_metadata(struct inside *in, struct archive *archive, struct err *err)
{
	char part[8192];
	la_ssize_t got = 0;

	if (in->found)
		return err_set(err, ERR_VERIFY, "wheel '%.200s' holds METADATA twice",
			       in->wheel->file);
	in->found = true;
	while ((got = archive_read_data(archive, part, sizeof(part))) > 0 &&
	       in->metadata.len <= METADATA_MAX)
		str_add_len(&in->metadata, part, (size_t)got);
	str_addc(&in->metadata, '\0');
	if (got)
		return err_set(err, ERR_VERIFY, "wheel '%.200s': its METADATA cannot be read",
			       in->wheel->file);
	return str_check(&in->metadata, err);
}

static int add_file(struct inside *in, struct archive *archive, struct archive_entry *entry,
		    struct err *err)
{
	const char *file = in->wheel->file;
	const char *utf8 = archive_entry_pathname_utf8(entry);
	const char *name = utf8 ? utf8 : archive_entry_pathname(entry);
	bool directory = archive_entry_filetype(entry) == AE_IFDIR;
	cleanup_free char *path = strdup(name ? name : "");
	int r = 0;

	if (!path)
		return err_nomem(err);
	if (directory && str_ends(path, "/"))
		path[strlen(path) - 1] = '\0';
	if (!path_is_safe(path))
		return err_set(err, ERR_VERIFY,
			       "wheel '%.200s' holds '%.200s', which leads out of it", file, path);
	if (directory)
		return 0;
	if (archive_entry_filetype(entry) != AE_IFREG || !archive_entry_size_is_set(entry))
		return err_set(err, ERR_VERIFY, "wheel '%.200s' holds '%.200s', which is no file",
			       file, path);
	if (in->names.count == FILES_MAX || archive_entry_size(entry) < 0 ||
	    archive_entry_size(entry) > UNPACKED_MAX - in->bytes)
		return err_set(err, ERR_VERIFY,
			       "wheel '%.200s' unpacks to more than %d files or 2 GiB", file,
			       FILES_MAX);
	in->bytes += archive_entry_size(entry);
	r = is_metadata(path) ? read_metadata(in, archive, err) : 0;
	return r < 0 ? r : strv_take(&in->names, steal_ptr(&path), err);
}

static int read_files(struct inside *in, const char *path, struct err *err)
{
	CLEANUP(archive_read_freep) struct archive *archive = archive_read_new();
	struct archive_entry *entry = NULL;
	int next = ARCHIVE_OK;
	int r = 0;

	if (!archive)
		return err_nomem(err);
	archive_read_support_format_zip(archive);
	next = archive_read_open_filename(archive, path, BLOCK_BYTES);
	while (r == 0 && next == ARCHIVE_OK) {
		next = archive_read_next_header(archive, &entry);
		if (next == ARCHIVE_WARN) /* of a name that this locale does not have */
			next = ARCHIVE_OK;
		if (next == ARCHIVE_OK)
			r = add_file(in, archive, entry, err);
	}
	if (r == 0 && next != ARCHIVE_EOF)
		r = err_set(err, ERR_VERIFY, "'%.200s' is no wheel: %s", in->wheel->file,
			    archive_error_string(archive) ? archive_error_string(archive) : "");
	return r;
}

static int check_once(struct inside *in, struct err *err)
{
	strv_sort(&in->names);
	for (size_t i = 1; i < in->names.count; i++)
		if (!strcmp(in->names.items[i - 1], in->names.items[i]))
			return err_set(err, ERR_VERIFY, "wheel '%.200s' holds '%.200s' twice",
				       in->wheel->file, in->names.items[i]);
	return 0;
}

/* The value of the first KEY among the headers of TEXT, which it ends; NULL when there is none. */
static char *header(char *text, const char *key)
{
	size_t len = strlen(key);
	char *end = NULL;

	for (; text && *text && *text != '\n' && *text != '\r'; text = end ? end + 1 : NULL) {
		end = strchr(text, '\n');
		if (strncasecmp(text, key, len) != 0 || text[len] != ':')
			continue;
		text += len + 1;
		text += strspn(text, " \t");
		text[strcspn(text, " \t\r\n")] = '\0';
		return text;
	}
	return NULL;
}

/* As PEP 503 has it; the lock's names are in this form. */
static void normalise(char *name)
{
	char *to = name;

	for (const char *from = name; *from; from++) {
		bool dash = strchr("-_.", *from) != NULL;

		if (!dash)
			*to++ = (char)tolower((unsigned char)*from);
		else if (to == name || to[-1] != '-')
			*to++ = '-';
	}
	*to = '\0';
}

static int check_identity(struct inside *in, struct err *err)
{
	const struct lock_wheel *wheel = in->wheel;
	cleanup_free char *again = NULL;
	char *name = NULL;
	char *version = NULL;

	if (!in->found)
		return err_set(err, ERR_VERIFY, "wheel '%.200s' holds no METADATA", wheel->file);
	again = strdup(in->metadata.buf);
	if (!again)
		return err_nomem(err);
	name = header(in->metadata.buf, "Name");
	version = header(again, "Version");
	if (name)
		normalise(name);
	if (!name || !version || strcmp(name, wheel->name) != 0 ||
	    strcmp(version, wheel->version) != 0)
		return err_set(err, ERR_VERIFY,
			       "wheel '%.200s' says that it is '%.80s' %.80s, and the lock names "
			       "'%s' %s",
			       wheel->file, name ? name : "", version ? version : "", wheel->name,
			       wheel->version);
	return 0;
}

int wheel_inside_check(const char *path, const struct lock_wheel *wheel, struct err *err)
{
	CLEANUP(inside_release)
	struct inside in = { .wheel = wheel, .names = STRV_INIT, .metadata = STR_INIT };
	int r = read_files(&in, path, err);

	if (r == 0)
		r = check_once(&in, err);
	return r < 0 ? r : check_identity(&in, err);
}
