/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_meta.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "str.h"

#define METADATA_MAX (4U << 20)
#define VALUE_MAX 400 /* some projects put a whole licence into the field */

DEFINE_CLEANUP(struct archive *, archive_read_free);

void wheel_meta_release(struct wheel_meta *meta)
{
	free(meta->license);
	free(meta->author);
	free(meta->homepage);
	*meta = (struct wheel_meta){ .license = NULL };
}

/* NAME-VERSION.dist-info/METADATA, at the top. */
static bool is_metadata(const char *path)
{
	const char *slash = path ? strchr(path, '/') : NULL;

	return slash && slash - path > 10 && !strncmp(slash - 10, ".dist-info", 10) &&
	       !strcmp(slash, "/METADATA");
}

static int find_metadata(const char *name, const void *data, size_t size, struct str *ret,
			 struct err *err)
{
	CLEANUP(archive_read_freep) struct archive *archive = archive_read_new();
	struct archive_entry *entry = NULL;
	char part[8192];
	ssize_t got = 0;

	if (!archive)
		return err_nomem(err);
	archive_read_support_format_zip(archive);
	if (archive_read_open_memory(archive, data, size) != ARCHIVE_OK)
		return err_set(err, ERR_VERIFY, "'%.200s' is no wheel", name);
	while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		if (!is_metadata(archive_entry_pathname(entry)))
			continue;
		while ((got = archive_read_data(archive, part, sizeof(part))) > 0) {
			str_add_len(ret, part, (size_t)got);
			if (ret->len > METADATA_MAX)
				got = -1;
			if (got < 0)
				break;
		}
		if (got == 0)
			return str_check(ret, err);
		break;
	}
	return err_set(err, ERR_VERIFY, "'%.200s' is no wheel: its METADATA cannot be read", name);
}

/* The value of a header line, in one line. */
static int take(char **ret, const char *value, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;

	for (const char *p = value; *p && text.len < VALUE_MAX; p++)
		str_addc(&text, (char)((unsigned char)*p < ' ' ? ' ' : *p));
	free(steal_ptr(ret));
	return str_done(&text, ret, err);
}

static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);
	const char *value = line + len + 1;

	if (strncasecmp(line, key, len) != 0 || line[len] != ':')
		return NULL;
	value += strspn(value, " \t");
	return *value && strcasecmp(value, "UNKNOWN") != 0 ? value : NULL;
}

/* Where a project says one thing twice, the row that comes first here counts. */
static int read_lines(char *text, struct wheel_meta *ret, struct err *err)
{
	static const char *const licenses[] = { "License-Expression", "License" };
	static const char *const authors[] = { "Author", "Author-email", "Maintainer",
					       "Maintainer-email" };
	size_t license = ARRAY_SIZE(licenses), author = ARRAY_SIZE(authors);
	CLEANUP(str_release) struct str classifiers = STR_INIT;
	char *rest = text;
	char *line = NULL;
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n")) && *line && *line != '\r') {
		const char *value = NULL;

		line[strcspn(line, "\r")] = '\0';
		for (size_t i = 0; r == 0 && i < license; i++)
			if ((value = value_of(line, licenses[i]))) {
				license = i;
				r = take(&ret->license, value, err);
			}
		for (size_t i = 0; r == 0 && i < author; i++)
			if ((value = value_of(line, authors[i]))) {
				author = i;
				r = take(&ret->author, value, err);
			}
		if (r == 0 && (value = value_of(line, "Home-page")))
			r = take(&ret->homepage, value, err);
		value = value_of(line, "Classifier");
		if (value && str_starts(value, "License ::")) {
			const char *last = strrchr(value, ':') + 1;

			str_addf(&classifiers, "%s%s", classifiers.len ? ", " : "",
				 last + strspn(last, " "));
		}
	}
	if (r == 0 && classifiers.len && license > 1)
		r = take(&ret->license, classifiers.buf, err);
	return r < 0 ? r : str_check(&classifiers, err);
}

int wheel_meta_read(const char *name, const void *data, size_t size, struct wheel_meta *ret,
		    struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	int r = find_metadata(name, data, size, &text, err);

	str_addc(&text, '\0');
	if (r == 0)
		r = str_check(&text, err);
	return r < 0 ? r : read_lines(text.buf, ret, err);
}
