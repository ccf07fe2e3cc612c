/* SPDX-License-Identifier: Apache-2.0 */
#include "repomd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <solv/chksum.h>
#include <solv/dataiterator.h>
#include <solv/repo.h>
#include <solv/repo_repomdxml.h>
#include <solv/repo_rpmmd.h>
#include <solv/solv_xfopen.h>

#include "cache.h"
#include "cleanup.h"
#include "file.h"
#include "http.h"
#include "modules.h"

DEFINE_CLEANUP(Pool *, pool_free);

#define REPOMD_SIZE_MAX (4U << 20)

/*
 * Bytes of a file as it is transferred. The largest in the field are Fedora's filelists: 60 MB that
 * unpack to 800 MB. Others unpack to 40 times their size at the most; what is small may be odd. It is
 * read as a stream: the limit is one of time, the parsers' memory being smaller than what they read.
 */
#define PACKED_SIZE_MAX (UINT64_C(512) << 20)
#define UNPACKED_RATIO_MAX 100
#define UNPACKED_FREE (UINT64_C(32) << 20)

enum file_type { FILE_PRIMARY, FILE_FILELISTS, FILE_MODULES, FILE_TYPES };

static const char *const type_names[FILE_TYPES] = { "primary", "filelists", "modules" };

/* One <data> element of repomd.xml. */
struct entry {
	char *location; /* NULL: not there */
	char *sha256;
	uint64_t size_bytes;
	char *cached; /* the file's path in the cache */
};

struct loader {
	Pool *pool; /* borrowed */
	const struct repofile_repo *source;
	const char *cache;
	struct repomd *ret;
	struct entry entries[FILE_TYPES];
};

static void loader_release(struct loader *l)
{
	for (size_t i = 0; i < FILE_TYPES; i++) {
		free(l->entries[i].location);
		free(l->entries[i].sha256);
		free(l->entries[i].cached);
	}
}

/* --- unpacking as a stream ---------------------------------------------------------------------- */

/* A FILE that counts what another one gives, and ends with an error at a limit. */
struct meter {
	FILE *in; /* owned */
	uint64_t got_bytes;
	uint64_t max_bytes;
	bool too_much;
	bool broken;
};

static ssize_t meter_read(void *cookie, char *buf, size_t size)
{
	struct meter *m = cookie;
	size_t n = fread(buf, 1, size, m->in);

	if (!n && ferror(m->in))
		m->broken = true;
	m->got_bytes += n;
	if (m->got_bytes > m->max_bytes)
		m->too_much = true;
	if (m->broken || m->too_much) {
		errno = EIO;
		return -1;
	}
	return (ssize_t)n;
}

static void meter_release(struct meter *m)
{
	cleanup_fclosep(&m->in);
}

/*
 * Whether the stream could be read. The packed file's digest was right, so what it unpacks to needs
 * no digest of its own (and repomd.xml's is wrong in the field where a tool repacked files).
 */
static int meter_check(const struct meter *m, struct err *err)
{
	if (m->too_much)
		return err_set(err, ERR_VERIFY, "it unpacks to more than %llu bytes",
			       (unsigned long long)m->max_bytes);
	if (m->broken)
		return err_set(err, ERR_VERIFY, "it cannot be unpacked");
	return 0;
}

static int meter_open(struct meter *m, const struct entry *e, const char *cache, FILE **ret,
		      struct err *err)
{
	static const cookie_io_functions_t functions = { .read = meter_read };
	cleanup_close int fd = -1;
	int r = cache_open_verified(cache, e->sha256, &fd, err);

	if (r == 0 && fd < 0)
		r = err_set(err, ERR_FAILED, "'%s' went away: run again", e->cached);
	if (r < 0)
		return r;
	m->max_bytes = e->size_bytes * UNPACKED_RATIO_MAX + UNPACKED_FREE;
	/* The name's ending chooses how to unpack. */
	m->in = solv_xfopen_fd(e->location, fd, "r");
	if (!m->in)
		return err_set(err, ERR_VERIFY, "it is packed in a way that is not known here");
	steal_fd(&fd);
	*ret = fopencookie(m, "r", functions);
	return *ret ? 0 : err_nomem(err);
}

/* --- reading ------------------------------------------------------------------------------------ */

static int read_packages(const struct loader *l, FILE *in, int flags, struct err *err)
{
	if (!repo_add_rpmmd(l->ret->repo, in, NULL, flags))
		return 0;
	return err_set(err, ERR_VERIFY, "%s", pool_errstr(l->pool));
}

static int read_file(struct loader *l, enum file_type type, struct err *err)
{
	const struct entry *e = &l->entries[type];
	CLEANUP(meter_release) struct meter meter = { .in = NULL };
	cleanup_fclose FILE *in = NULL;
	struct err why = ERR_INIT;
	int checked = 0;
	int r = 0;

	if (!e->location)
		return 0;
	r = meter_open(&meter, e, l->cache, &in, err);
	if (r == 0 && type == FILE_PRIMARY)
		r = read_packages(l, in, 0, err);
	else if (r == 0 && type == FILE_FILELISTS)
		r = read_packages(l, in, REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL, err);
	else if (r == 0)
		r = modules_artifacts(e->location, in, &l->ret->artifacts, err);
	/* A parser that met a limit says something about syntax: the meter knows better. */
	if (meter.in && (r == 0 || meter.too_much || meter.broken))
		checked = meter_check(&meter, &why);
	if (checked < 0) {
		*err = why;
		r = checked;
	}
	return r < 0 ? err_prefix(err, "%s/%s", l->source->baseurls.items[0], e->location) : 0;
}

/* --- repomd.xml --------------------------------------------------------------------------------- */

static int read_checksum(Pool *pool, Id key, char **ret, struct err *err)
{
	Id type = 0;
	const char *hex = pool_lookup_checksum(pool, SOLVID_POS, key, &type);

	if (!hex || type != REPOKEY_TYPE_SHA256)
		return 0;
	free(steal_ptr(ret));
	return str_dup(ret, hex, err);
}

/* The iterator stands on a <data> element of one of our types. */
static int read_entry(Pool *pool, enum file_type type, struct entry *e, struct err *err)
{
	const char *location = pool_lookup_str(pool, SOLVID_POS, REPOSITORY_REPOMD_LOCATION);
	const char *what = type_names[type];
	int r = 0;

	if (e->location)
		return err_set(err, ERR_VERIFY, "repomd.xml names '%s' twice", what);
	if (!location || !path_is_safe(location))
		return err_set(err, ERR_VERIFY, "repomd.xml has no plain path for '%s'", what);
	r = str_dup(&e->location, location, err);
	if (r == 0)
		r = read_checksum(pool, REPOSITORY_REPOMD_CHECKSUM, &e->sha256, err);
	if (r < 0)
		return r;
	if (!e->sha256)
		return err_set(err, ERR_VERIFY, "repomd.xml has no SHA-256 for '%s'", what);
	e->size_bytes = pool_lookup_num(pool, SOLVID_POS, REPOSITORY_REPOMD_SIZE, 0);
	if (!e->size_bytes || e->size_bytes > PACKED_SIZE_MAX)
		return err_set(err, ERR_VERIFY,
			       "repomd.xml has no size from 1 to %llu bytes for '%s'",
			       (unsigned long long)PACKED_SIZE_MAX, what);
	return 0;
}

static int read_entries(struct loader *l, Repo *repo, struct err *err)
{
	Pool *pool = repo->pool;
	Dataiterator di;
	int r = 0;

	dataiterator_init(&di, pool, repo, SOLVID_META, REPOSITORY_REPOMD_TYPE, NULL, 0);
	dataiterator_prepend_keyname(&di, REPOSITORY_REPOMD);
	while (r == 0 && dataiterator_step(&di)) {
		const char *type = NULL;

		dataiterator_setpos_parent(&di);
		type = pool_lookup_str(pool, SOLVID_POS, REPOSITORY_REPOMD_TYPE);
		for (size_t i = 0; r == 0 && type && i < FILE_TYPES; i++)
			if (!strcmp(type, type_names[i]))
				r = read_entry(pool, i, &l->entries[i], err);
	}
	dataiterator_free(&di);
	if (r == 0 && !l->entries[FILE_PRIMARY].location)
		r = err_set(err, ERR_VERIFY, "repomd.xml names no primary metadata");
	return r;
}

static int read_repomd(struct loader *l, struct str *body, struct err *err)
{
	/* A pool of its own: what repomd.xml says must not be taken for the repository's packages. */
	CLEANUP(pool_freep) Pool *pool = pool_create();
	cleanup_fclose FILE *in = body->len ? fmemopen(body->buf, body->len, "r") : NULL;
	Repo *repo = NULL;

	if (!body->len)
		return err_set(err, ERR_VERIFY, "repomd.xml is empty");
	if (!in)
		return err_nomem(err);
	repo = repo_create(pool, l->source->id);
	if (repo_add_repomdxml(repo, in, 0))
		return err_set(err, ERR_VERIFY, "repomd.xml: %s", pool_errstr(pool));
	return read_entries(l, repo, err);
}

static struct http_settings settings_of(const struct repofile_repo *source)
{
	return (struct http_settings){ .sslcacert = source->sslcacert,
				       .sslclientcert = source->sslclientcert,
				       .sslclientkey = source->sslclientkey };
}

static int fetch_repomd(struct loader *l, struct err *err)
{
	const struct http_settings settings = settings_of(l->source);
	struct http_transfer transfer = { .settings = &settings, .max_bytes = REPOMD_SIZE_MAX };
	cleanup_free char *url = NULL;
	int r = str_printf(&url, err, "%s/repodata/repomd.xml", l->source->baseurls.items[0]);

	transfer.url = url;
	if (r == 0)
		r = http_fetch(&transfer, 1, NULL, NULL, err);
	if (r == 0)
		memcpy(l->ret->sha256, transfer.got_sha256, sizeof(l->ret->sha256));
	if (r == 0)
		r = read_repomd(l, &transfer.body, err);
	str_release(&transfer.body);
	return r;
}

static int fetch_files(struct loader *l, struct err *err)
{
	const struct http_settings settings = settings_of(l->source);
	struct http_transfer transfers[FILE_TYPES] = { { .url = NULL } };
	CLEANUP(strv_release) struct strv urls = STRV_INIT;
	cleanup_free char *what = NULL;
	bool missing = false;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < FILE_TYPES; i++) {
		struct entry *e = &l->entries[i];

		if (!e->location)
			continue;
		r = strv_addf(&urls, err, "%s/%s", l->source->baseurls.items[0], e->location);
		if (r == 0)
			r = cache_path(l->cache, e->sha256, &e->cached, err);
		if (r == 0)
			missing = missing || access(e->cached, F_OK) != 0;
		if (r == 0)
			transfers[count++] = (struct http_transfer){
				.url = urls.items[urls.count - 1],
				.settings = &settings,
				.sha256 = e->sha256,
				.size_bytes = e->size_bytes,
				.dest = e->cached,
			};
	}
	if (r == 0 && missing)
		r = str_printf(&what, err, "metadata of %s", l->source->id);
	return r < 0 ? r : http_fetch(transfers, count, NULL, what, err);
}

int repomd_load(Pool *pool, const struct repofile_repo *source, const char *cache,
		struct repomd *ret, struct err *err)
{
	CLEANUP(loader_release)
	struct loader l = { .pool = pool, .source = source, .cache = cache, .ret = ret };
	int r = 0;

	ret->source = source;
	r = fetch_repomd(&l, err);
	if (r == 0)
		r = fetch_files(&l, err);
	if (r < 0)
		return err_prefix(err, "repository '%s'", source->id);
	ret->repo = repo_create(pool, source->id);
	ret->repo->priority = -source->priority; /* libsolv: higher is better */
	ret->repo->subpriority = -source->cost;
	for (size_t i = 0; r == 0 && i < FILE_TYPES; i++)
		r = read_file(&l, i, err);
	repo_internalize(ret->repo);
	strv_sort(&ret->artifacts);
	return r < 0 ? err_prefix(err, "repository '%s'", source->id) : 0;
}

void repomd_release(struct repomd *repomd)
{
	strv_release(&repomd->artifacts);
	*repomd = (struct repomd)REPOMD_INIT;
}
