/* SPDX-License-Identifier: Apache-2.0 */
#include "archives.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"

static void archive_release(struct archive *a)
{
	cleanup_closep(&a->fd);
	free(a->name);
	*a = (struct archive){ .fd = -1 };
}

void archives_release(struct archives *a)
{
	for (size_t i = 0; i < a->count; i++)
		archive_release(&a->items[i]);
	free(a->items);
	free(a->offsets);
	free(a->name);
	str_release(&a->index_text);
	str_release(&a->signature);
	index_release(&a->index);
	*a = (struct archives)ARCHIVES_INIT;
}

/* -- which files -- */

static int find_in(const char *dir, struct strv *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	size_t before = ret->count;
	int r = dir_list(dir, &names, err);

	for (size_t i = 0; !r && i < names.count; i++) {
		const char *name = names.items[i];

		if (str_starts(name, "pgha-") && str_ends(name, ".tar"))
			r = strv_addf(ret, err, "%s/%s", dir, name);
	}
	if (!r && ret->count == before)
		r = err_set(err, ERR_USAGE, "no bundle (pgha-*.tar) in the directory '%.300s'",
			    dir);
	return r;
}

int archives_find(const char *const *paths, struct strv *ret, struct err *err)
{
	int r = 0;

	for (; !r && *paths; paths++) {
		struct stat st;

		if (stat(*paths, &st) < 0)
			return err_errno(err, ERR_USAGE, errno, "cannot open the bundle '%.300s'",
					 *paths);
		r = S_ISDIR(st.st_mode) ? find_in(*paths, ret, err) : strv_add(ret, *paths, err);
	}
	return r;
}

/* pgha-CLUSTER-SEQUENCE[-from-BASE][.NofM].tar in parts. */
struct file_name {
	size_t cluster_len; /* with the prefix */
	uint64_t sequence;
	uint64_t base; /* 0: complete */
};

/* The number at the end of NAME's first *LEN bytes, behind WHAT; both are cut off. */
static bool cut_number(const char *name, size_t *len, const char *what, uint64_t *ret)
{
	struct err ignored = ERR_INIT;
	char digits[24] = "";
	size_t n = 0, behind = strlen(what);

	while (n < *len && n < sizeof(digits) - 1 && strchr("0123456789", name[*len - n - 1]))
		n++;
	if (!n || *len < n + behind || strncmp(name + *len - n - behind, what, behind) != 0)
		return false;
	memcpy(digits, name + *len - n, n);
	if (str_u64(ret, digits, 1, UINT64_MAX, &ignored) < 0)
		return false;
	*len -= n + behind;
	return true;
}

static bool parse_name(const char *path, struct file_name *ret)
{
	const char *name = path_basename(path);
	size_t len = strlen(name) - strlen(".tar");
	uint64_t ignored = 0;
	size_t volume = len;

	*ret = (struct file_name){ .base = 0 };
	if (cut_number(name, &volume, "of", &ignored) && cut_number(name, &volume, ".", &ignored))
		len = volume;
	if (!cut_number(name, &len, "-from-", &ret->base))
		ret->base = 0;
	ret->cluster_len = len;
	if (!cut_number(name, &ret->cluster_len, "-", &ret->sequence))
		return false;
	return ret->cluster_len > strlen("pgha-");
}

static bool is_newer(const struct file_name *a, const struct file_name *b)
{
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence;
	return !a->base && b->base;
}

/* Where the newest is found twice, once is enough. */
static bool stands_before(const struct strv *files, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(path_basename(files->items[j]), path_basename(files->items[i])))
			return true;
	return false;
}

int archives_keep_newest(struct strv *files, struct err *err)
{
	CLEANUP(strv_release) struct strv kept = STRV_INIT;
	struct file_name newest = { .sequence = 0 };
	struct file_name name;
	const char *of = files->items[0];
	int r = 0;

	if (files->count == 1)
		return 0;
	for (size_t i = 0; i < files->count; i++) {
		const char *path = files->items[i];

		if (!parse_name(path, &name))
			return err_set(err, ERR_USAGE,
				       "name the bundle with --bundle: what '%.300s' is its name "
				       "does not say",
				       path);
		if (i && (name.cluster_len != newest.cluster_len ||
			  strncmp(path_basename(path), path_basename(of), name.cluster_len) != 0))
			return err_set(
				err, ERR_USAGE,
				"name the bundle with --bundle: '%.200s' and '%.200s' are of "
				"two clusters",
				of, path);
		if (!i || is_newer(&name, &newest)) {
			newest = name;
			of = path;
		}
	}
	for (size_t i = 0; !r && i < files->count; i++)
		if (parse_name(files->items[i], &name) && name.sequence == newest.sequence &&
		    name.base == newest.base && !stands_before(files, i))
			r = strv_add(&kept, files->items[i], err);
	if (!r) {
		strv_release(files);
		*files = kept;
		kept = (struct strv)STRV_INIT;
	}
	return r;
}

int archives_find_or_newest(const char *const *paths, struct strv *ret, struct err *err)
{
	char self[PATH_MAX] = "";
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = len > 0 ? strrchr(self, '/') : NULL;
	struct err none = ERR_INIT;
	int r = 0;

	if (*paths)
		return archives_find(paths, ret, err);
	if (slash)
		*slash = '\0';
	/* One of the two is enough. */
	r = slash ? find_in(*self ? self : "/", ret, &none) : 0;
	if (!r || none.code == ERR_USAGE)
		r = find_in(".", ret, &none);
	if (r && none.code != ERR_USAGE) {
		*err = none;
		return r;
	}
	if (!ret->count)
		return err_set(err, ERR_USAGE,
			       "name the bundle with --bundle: no pgha-*.tar lies beside this "
			       "program or in the current directory");
	return archives_keep_newest(ret, err);
}

/* -- opening -- */

static int open_one(struct archive *a, const char *path, struct str *text, struct str *signature,
		    struct err *err)
{
	struct stat st;
	int r = str_dup(&a->name, path_basename(path), err);

	if (r)
		return r;
	/* Not blocking: a FIFO is refused below, it must not hold us before. */
	a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (a->fd < 0 || fstat(a->fd, &st) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the bundle '%.300s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%.300s' is no file", path);
	a->tar = (struct tar_reader){ .fd = a->fd, .name = a->name };
	if ((r = tar_read_sized(&a->tar, INDEX_NAME, INDEX_SIZE_MAX, text, err)))
		return r;
	return tar_read_sized(&a->tar, INDEX_SIGNATURE_NAME, INDEX_SIGNATURE_SIZE_MAX, signature,
			      err);
}

/* Looks ahead: does the archive go on with the first member of VOLUME? */
static int begins_volume(const struct archives *a, const struct archive *archive, size_t volume,
			 bool *ret, struct err *err)
{
	CLEANUP(str_release) struct str header = STR_INIT;
	const struct index_member *m = index_find(&a->index, a->index.volumes.items[volume]);
	cleanup_free char *have = NULL;
	int r = tar_header_make(m->path, m->size_bytes, &header, err);
	ssize_t n = 0;

	if (r)
		return r;
	have = malloc(header.len + 1);
	if (!have)
		return err_nomem(err);
	n = pread(archive->fd, have, header.len, (off_t)archive->tar.offset);
	if (n < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot read '%.200s'", archive->name);
	*ret = (size_t)n == header.len && memcmp(have, header.buf, header.len) == 0;
	return 0;
}

/* ARCHIVE is A's from here on, in its place. */
static int take_place(struct archives *a, struct archive *archive, struct err *err)
{
	const size_t volumes = a->index.volumes.count;
	size_t i = 0;
	bool here = volumes == 0;
	int r = 0;

	for (; !here && i < volumes; i += !here)
		if ((r = begins_volume(a, archive, i, &here, err)))
			return r;
	if (!here)
		return err_set(err, ERR_VERIFY,
			       "'%.200s' is not an intact bundle: behind the signature comes what "
			       "is none of its %zu volumes' first member",
			       archive->name, volumes);
	if (a->items[i].fd >= 0 && !volumes)
		return err_set(err, ERR_USAGE,
			       "more than one bundle: '%.200s' and '%.200s': name one of them",
			       a->items[i].name, archive->name);
	if (a->items[i].fd >= 0)
		return err_set(err, ERR_USAGE, "volume %zu is given twice: '%.200s' and '%.200s'",
			       i + 1, a->items[i].name, archive->name);
	archive->end_offset = a->items[i].end_offset;
	a->items[i] = *archive;
	*archive = (struct archive){ .fd = -1 };
	return 0;
}

/* Where everything is: each volume has the same beginning, START bytes of it. */
static int make_places(struct archives *a, uint64_t start, struct err *err)
{
	size_t count = index_volume_count(&a->index);

	a->items = calloc(count, sizeof(*a->items));
	a->offsets = calloc(a->index.member_count + 1, sizeof(*a->offsets));
	if (!a->items || !a->offsets)
		return err_nomem(err);
	for (; a->count < count; a->count++) {
		uint64_t offset = start;
		size_t i = 0, to = 0;

		for (index_volume_range(&a->index, a->count, &i, &to); i < to; i++) {
			const struct index_member *m = &a->index.members[i];

			a->offsets[i] = offset;
			if (!m->from_base)
				offset += tar_member_bytes(m->path, m->size_bytes);
		}
		a->items[a->count] = (struct archive){ .fd = -1, .end_offset = offset };
	}
	return 0;
}

static int open_first(struct archives *a, const char *path, archives_trust trust, void *arg,
		      struct err *err)
{
	CLEANUP(archive_release) struct archive archive = { .fd = -1 };
	int r = open_one(&archive, path, &a->index_text, &a->signature, err);

	if (!r)
		r = str_dup(&a->name, archive.name, err);
	if (!r)
		r = sha256_hex(a->index_text.buf, a->index_text.len, a->index_sha256, err);
	if (!r)
		r = trust(a, arg, err);
	if (!r)
		r = index_parse(INDEX_NAME, a->index_text.buf, a->index_text.len, &a->index, err);
	if (!r)
		r = make_places(a, archive.tar.offset, err);
	return r ? r : take_place(a, &archive, err);
}

static bool str_same(const struct str *a, const struct str *b)
{
	return a->len == b->len && memcmp(a->buf, b->buf, a->len) == 0;
}

/* The first one's index was believed, and this one is the same or nothing. */
static int open_further(struct archives *a, const char *path, struct err *err)
{
	CLEANUP(archive_release) struct archive archive = { .fd = -1 };
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(str_release) struct str signature = STR_INIT;
	int r = open_one(&archive, path, &text, &signature, err);

	if (r)
		return r;
	if (str_same(&text, &a->index_text) && str_same(&signature, &a->signature))
		return take_place(a, &archive, err);
	if (a->index.base_sequence && !a->index.volumes.count)
		return err_set(
			err, ERR_USAGE,
			"more than one bundle: '%.200s', which is a delta on top of sequence "
			"%llu, and '%.200s': name that one with --base",
			a->name, (unsigned long long)a->index.base_sequence, archive.name);
	if (!a->index.volumes.count)
		return err_set(err, ERR_USAGE,
			       "more than one bundle: '%.200s' and '%.200s': name one of them",
			       a->name, archive.name);
	return err_set(
		err, ERR_VERIFY,
		"'%.200s' is of another bundle than '%.200s' (sequence %llu, in %zu volumes): "
		"bring the volumes of one build",
		archive.name, a->name, (unsigned long long)a->index.sequence,
		a->index.volumes.count);
}

int archives_open(struct archives *a, const struct strv *files, archives_trust trust, void *arg,
		  struct err *err)
{
	int r = open_first(a, files->items[0], trust, arg, err);

	for (size_t i = 1; !r && i < files->count; i++)
		r = open_further(a, files->items[i], err);
	return r;
}

int archives_need_all(const struct archives *a, const char *option, struct err *err)
{
	CLEANUP(str_release) struct str names = STR_INIT;
	size_t missing = 0;
	int r = 0;

	for (size_t i = 0; i < a->count; i++) {
		if (a->items[i].fd >= 0)
			continue;
		str_add(&names, missing++ ? ", '" : "'");
		index_archive_name(&a->index, i, &names);
		str_addc(&names, '\'');
	}
	r = str_check(&names, err);
	if (r || !missing)
		return r;
	return err_set(err, ERR_VERIFY,
		       "%zu of the bundle's %zu volumes are missing: %.300s; name the directories "
		       "that have them with further --%s",
		       missing, a->count, names.buf, option);
}

/* -- reading -- */

static size_t volume_of(const struct archives *a, size_t i)
{
	const struct index *index = &a->index;
	size_t volume = 0;

	while (volume + 1 < index->volumes.count &&
	       strcmp(index->volumes.items[volume + 1], index->members[i].path) <= 0)
		volume++;
	return volume;
}

void archives_reader(const struct archives *a, size_t i, struct tar_reader *ret)
{
	const struct archive *archive = &a->items[volume_of(a, i)];

	*ret = (struct tar_reader){ .fd = archive->fd,
				    .name = archive->name,
				    .offset = a->offsets[i] };
}

int archives_end(const struct archives *a, struct err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < a->count; i++) {
		struct tar_reader tar = a->items[i].tar;

		tar.offset = a->items[i].end_offset;
		if (a->items[i].fd >= 0)
			r = tar_read_end(&tar, err);
	}
	return r;
}
