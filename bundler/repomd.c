/* SPDX-License-Identifier: Apache-2.0 */
#include "repomd.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <solv/chksum.h>
#include <solv/dataiterator.h>
#include <solv/pool.h>
#include <solv/repo.h>
#include <solv/repo_repomdxml.h>

#include "cleanup.h"
#include "file.h"
#include "metafile.h"
#include "prolog.h"
#include "str.h"

DEFINE_CLEANUP(Pool *, pool_free);

/* The types of <data> elements; of two for the same, a later one here replaces the other. */
static const struct {
	const char *name;
	enum repomd_type type;
} types[] = {
	{ "primary", REPOMD_PRIMARY },     { "modules", REPOMD_MODULES },
	{ "filelists", REPOMD_FILELISTS }, { "updateinfo", REPOMD_ADVISORIES },
	{ "group_zst", REPOMD_GROUPS },    { "group_xz", REPOMD_GROUPS },
	{ "group", REPOMD_GROUPS },        { "group_gz", REPOMD_GROUPS }, /* as dnf prefers them */
};

struct parsing {
	Pool *pool;
	struct repomd *ret;
	size_t rows[REPOMD_TYPES]; /* 1 + the row in TYPES that a file comes from */
};

/* NULL unless there is a SHA-256. */
static int read_checksum(Pool *pool, char **ret, struct err *err)
{
	Id type = 0;
	const char *hex = pool_lookup_checksum(pool, SOLVID_POS, REPOSITORY_REPOMD_CHECKSUM, &type);

	if (!hex || type != REPOKEY_TYPE_SHA256)
		return 0;
	return str_dup(ret, hex, err);
}

static void file_release(struct repomd_file *file)
{
	free(file->location);
	free(file->sha256);
	*file = (struct repomd_file){ .location = NULL };
}

/* The iterator stands on a <data> element of the type in ROW. */
static int read_file(struct parsing *p, size_t row, struct err *err)
{
	const char *location = pool_lookup_str(p->pool, SOLVID_POS, REPOSITORY_REPOMD_LOCATION);
	const char *name = types[row].name;
	enum repomd_type type = types[row].type;
	struct repomd_file *file = &p->ret->files[type];
	int r = 0;

	if (p->rows[type] == row + 1)
		return err_set(err, ERR_VERIFY, "repomd.xml names '%s' twice", name);
	if (p->rows[type] > row + 1)
		return 0;
	p->rows[type] = row + 1;
	file_release(file);
	if (!location || !path_is_safe(location))
		return err_set(err, ERR_VERIFY, "repomd.xml has no plain path for '%s'", name);
	r = str_dup(&file->location, location, err);
	if (r == 0)
		r = read_checksum(p->pool, &file->sha256, err);
	if (r < 0)
		return r;
	if (!file->sha256)
		return err_set(err, ERR_VERIFY, "repomd.xml has no SHA-256 for '%s'", name);
	file->size_bytes = pool_lookup_num(p->pool, SOLVID_POS, REPOSITORY_REPOMD_SIZE, 0);
	if (!file->size_bytes || file->size_bytes > METAFILE_PACKED_MAX)
		return err_set(err, ERR_VERIFY,
			       "repomd.xml has no size from 1 to %llu bytes for '%s'",
			       (unsigned long long)METAFILE_PACKED_MAX, name);
	return 0;
}

static int read_files(struct parsing *p, Repo *repo, struct err *err)
{
	Dataiterator di;
	int r = 0;

	dataiterator_init(&di, p->pool, repo, SOLVID_META, REPOSITORY_REPOMD_TYPE, NULL, 0);
	dataiterator_prepend_keyname(&di, REPOSITORY_REPOMD);
	while (r == 0 && dataiterator_step(&di)) {
		const char *type = NULL;

		dataiterator_setpos_parent(&di);
		type = pool_lookup_str(p->pool, SOLVID_POS, REPOSITORY_REPOMD_TYPE);
		for (size_t i = 0; r == 0 && type && i < ARRAY_SIZE(types); i++)
			if (!strcmp(type, types[i].name))
				r = read_file(p, i, err);
	}
	dataiterator_free(&di);
	if (r == 0 && !p->ret->files[REPOMD_PRIMARY].location)
		r = err_set(err, ERR_VERIFY, "repomd.xml names no primary metadata");
	return r;
}

/* Some tools write a digest or nothing there: then the timestamps tell which one is newer. */
static uint64_t number_or_none(const char *text)
{
	struct err ignored = ERR_INIT;
	uint64_t n = 0;

	return text && str_u64(&n, text, 0, INT64_MAX, &ignored) == 0 ? n : 0;
}

int repomd_parse(const char *text, size_t size_bytes, struct repomd *ret, struct err *err)
{
	/* A pool of its own: what repomd.xml says must not be taken for the repository's packages. */
	CLEANUP(pool_freep) Pool *pool = pool_create();
	cleanup_fclose FILE *in = size_bytes ? fmemopen((void *)text, size_bytes, "r") : NULL;
	struct parsing parsing = { .pool = pool, .ret = ret };
	struct prolog prolog = { .state = PROLOG_BETWEEN };
	Repo *repo = NULL;

	if (!size_bytes)
		return err_set(err, ERR_VERIFY, "repomd.xml is empty");
	if (!in)
		return err_nomem(err);
	if (!prolog_read(&prolog, text, size_bytes))
		return err_set(err, ERR_VERIFY, "repomd.xml: " PROLOG_REFUSED_TEXT);
	repo = repo_create(pool, "");
	if (repo_add_repomdxml(repo, in, 0))
		return err_set(err, ERR_VERIFY, "repomd.xml: %s", pool_errstr(pool));
	ret->revision = number_or_none(repo_lookup_str(repo, SOLVID_META, REPOSITORY_REVISION));
	ret->timestamp = repo_lookup_num(repo, SOLVID_META, REPOSITORY_TIMESTAMP, 0);
	return read_files(&parsing, repo, err);
}

void repomd_release(struct repomd *repomd)
{
	for (size_t i = 0; i < REPOMD_TYPES; i++)
		file_release(&repomd->files[i]);
	*repomd = (struct repomd){ .revision = 0 };
}
