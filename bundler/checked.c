/* SPDX-License-Identifier: Apache-2.0 */
#include "checked.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "file.h"
#include "str.h"

#define RECORD_NAME "checked"
#define RECORD_MAX (64U << 20)
#define FORMAT "pgha-checked 1 "
#define BOOT_ID_SIZE 64

/* What a cached file is called at the most: a NEVRA. */
#define NEVRA_SCAN "%511s"
#define NEVRA_SIZE 512

void checked_release(struct checked *checked)
{
	for (size_t i = 0; i < checked->count; i++)
		free(checked->files[i].nevra);
	free(checked->files);
	free(checked->keys);
	*checked = (struct checked)CHECKED_INIT;
}

/* The kernel's name for the time since the last boot; "-" where it has none. */
static void boot_id(char ret[BOOT_ID_SIZE])
{
	cleanup_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, BOOT_ID_SIZE - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n ")] = '\0';
	if (!*ret)
		memcpy(ret, "-", 2);
}

static bool is_mine_alone(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static void set_state(struct checked_file *f, const struct stat *st)
{
	f->device = st->st_dev;
	f->inode = st->st_ino;
	f->size_bytes = (uint64_t)st->st_size;
	f->mtime_ns = nanoseconds(&st->st_mtim);
	f->ctime_ns = nanoseconds(&st->st_ctim);
}

static bool same_state(const struct checked_file *f, const struct stat *st)
{
	struct checked_file now = { .used = false };

	set_state(&now, st);
	return S_ISREG(st->st_mode) && is_mine_alone(st) && f->device == now.device &&
	       f->inode == now.inode && f->size_bytes == now.size_bytes &&
	       f->mtime_ns == now.mtime_ns && f->ctime_ns == now.ctime_ns;
}

/* -- reading -- */

static int add_file(struct checked *c, const struct checked_file *f, const char *nevra,
		    struct err *err)
{
	struct checked_file *grown = c->files;

	if (c->count % 256 == 0)
		grown = reallocarray(c->files, c->count + 256, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	c->files = grown;
	grown[c->count] = *f;
	if (str_dup(&grown[c->count].nevra, nevra, err) < 0)
		return -err->code;
	c->count++;
	return 0;
}

static bool parse_file(struct checked *c, const char *line, struct err *err)
{
	struct checked_file f = { .used = false };
	char nevra[NEVRA_SIZE];

	return sscanf(line,
		      "file %64[0-9a-f] %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64
		      " %64[-0-9a-f] %40[-0-9A-F] %" SCNd64 " " NEVRA_SCAN,
		      f.sha256, &f.device, &f.inode, &f.size_bytes, &f.mtime_ns, &f.ctime_ns,
		      f.keys, f.signer, &f.key_expires, nevra) == 10 &&
	       add_file(c, &f, nevra, err) == 0;
}

static bool parse_keys(struct checked *c, const char *line, struct err *err)
{
	char digest[SHA256_HEX_SIZE];
	int64_t asked = 0;

	return sscanf(line, "keys %64[0-9a-f] %" SCNd64, digest, &asked) == 2 &&
	       checked_keys_put(c, digest, (time_t)asked, err) == 0;
}

static int cmp_files(const void *a, const void *b)
{
	return strcmp(((const struct checked_file *)a)->sha256,
		      ((const struct checked_file *)b)->sha256);
}

/* False when a line makes no sense: then nothing of the record is believed. */
static bool parse(struct checked *c, char *text, struct err *err)
{
	char boot[BOOT_ID_SIZE];
	char *save = NULL;
	char *line = strtok_r(text, "\n", &save);

	boot_id(boot);
	if (!line || !str_starts(line, FORMAT) || strcmp(line + strlen(FORMAT), boot) != 0)
		return false;
	while ((line = strtok_r(NULL, "\n", &save)))
		if (!parse_file(c, line, err) && !parse_keys(c, line, err))
			return false;
	if (c->count)
		qsort(c->files, c->count, sizeof(*c->files), cmp_files);
	c->sorted = c->count;
	c->changed = false;
	return true;
}

/* Opens the record; -1 when it is not there, or not to be believed. */
static int open_record(struct checked *c)
{
	cleanup_close int dir = open(c->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = -1;
	struct stat st;

	if (dir < 0)
		return -1; /* nothing is there yet */
	c->shared = fstat(dir, &st) < 0 || !is_mine_alone(&st);
	if (c->shared)
		return -1;
	fd = openat(dir, RECORD_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_mine_alone(&st))
		return -1;
	return steal_fd(&fd);
}

int checked_load(const char *cache, struct checked *ret, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = -1;
	struct err ignored = ERR_INIT;

	*ret = (struct checked){ .cache = cache };
	fd = open_record(ret);
	if (fd < 0)
		return 0;
	if (fd_read_all(fd, RECORD_NAME, RECORD_MAX, &text, &ignored) < 0 || text.len == 0 ||
	    strlen(text.buf) != text.len || text.buf[text.len - 1] != '\n' ||
	    !parse(ret, text.buf, &ignored)) {
		checked_release(ret);
		ret->cache = cache;
	}
	return ignored.code == ERR_HOST ? err_nomem(err) : 0;
}

/* -- asking and remembering -- */

static struct checked_file *find_loaded(struct checked *c, const char *sha256)
{
	struct checked_file key = { .used = false };

	snprintf(key.sha256, sizeof(key.sha256), "%s", sha256);
	return c->sorted ? bsearch(&key, c->files, c->sorted, sizeof(key), cmp_files) : NULL;
}

const struct checked_file *checked_find(struct checked *checked, const char *sha256,
					const struct stat *st)
{
	struct checked_file *f = find_loaded(checked, sha256);

	if (!f || !same_state(f, st))
		return NULL;
	f->used = true;
	return f;
}

int checked_put(struct checked *checked, const struct checked_file *facts, const struct stat *st,
		struct err *err)
{
	struct checked_file *f = find_loaded(checked, facts->sha256);
	struct checked_file now = *facts;

	now.used = true;
	set_state(&now, st);
	checked->changed = true;
	if (!f)
		return add_file(checked, &now, facts->nevra, err);
	now.nevra = NULL;
	if (str_dup(&now.nevra, facts->nevra, err) < 0)
		return -err->code;
	free(f->nevra);
	*f = now;
	return 0;
}

time_t checked_keys_asked(const struct checked *checked, const char *digest)
{
	for (size_t i = 0; i < checked->key_count; i++)
		if (!strcmp(checked->keys[i].digest, digest))
			return (time_t)checked->keys[i].asked;
	return 0;
}

int checked_keys_put(struct checked *checked, const char *digest, time_t asked, struct err *err)
{
	struct checked_keys *k = NULL;

	checked->changed = true;
	for (size_t i = 0; i < checked->key_count && !k; i++)
		if (!strcmp(checked->keys[i].digest, digest))
			k = &checked->keys[i];
	if (!k) {
		k = reallocarray(checked->keys, checked->key_count + 1, sizeof(*k));
		if (!k)
			return err_nomem(err);
		checked->keys = k;
		k += checked->key_count++;
	}
	snprintf(k->digest, sizeof(k->digest), "%s", digest);
	k->asked = asked;
	return 0;
}

/* -- writing -- */

/* True for a file of another lock that is still as it was. */
static bool still_there(const struct checked *c, const struct checked_file *f)
{
	struct err ignored = ERR_INIT;
	cleanup_free char *path = NULL;
	struct stat st;

	return cache_path(c->cache, f->sha256, &path, &ignored) == 0 && lstat(path, &st) == 0 &&
	       same_state(f, &st);
}

int checked_save(struct checked *checked, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	char boot[BOOT_ID_SIZE];

	if (!checked->changed || checked->shared)
		return 0;
	boot_id(boot);
	str_addf(&text, FORMAT "%s\n", boot);
	for (size_t i = 0; i < checked->key_count; i++)
		str_addf(&text, "keys %s %" PRId64 "\n", checked->keys[i].digest,
			 checked->keys[i].asked);
	for (size_t i = 0; i < checked->count; i++) {
		const struct checked_file *f = &checked->files[i];

		if (f->used || still_there(checked, f))
			str_addf(&text,
				 "file %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64
				 " %s %s %" PRId64 " %s\n",
				 f->sha256, f->device, f->inode, f->size_bytes, f->mtime_ns,
				 f->ctime_ns, f->keys, f->signer, f->key_expires, f->nevra);
	}
	if (str_check(&text, err) < 0 || path_join(checked->cache, RECORD_NAME, &path, err) < 0)
		return -err->code;
	checked->changed = false;
	/* No record outlives the machine's next start anyway. */
	return file_write_cached(path, 0600, text.buf, text.len, err);
}
