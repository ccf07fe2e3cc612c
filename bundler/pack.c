/* SPDX-License-Identifier: Apache-2.0 */
#include "pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"

static void member_release(struct pack_member *m)
{
	free(m->path);
	free(m->source);
	free(m->key);
	str_release(&m->data);
}

void pack_release(struct pack *pack)
{
	for (size_t i = 0; i < pack->count; i++)
		member_release(&pack->members[i]);
	free(pack->members);
	*pack = (struct pack)PACK_INIT;
}

static int add(struct pack *pack, const char *path, struct pack_member **ret, struct err *err)
{
	struct pack_member *m = NULL;

	if (pack->count == pack->size) {
		size_t size = pack->size ? pack->size * 2 : 64;

		m = reallocarray(pack->members, size, sizeof(*m));
		if (!m)
			return err_nomem(err);
		pack->members = m;
		pack->size = size;
	}
	m = &pack->members[pack->count++];
	*m = (struct pack_member){ .data = STR_SECRET };
	*ret = m;
	return str_dup(&m->path, path, err);
}

int pack_add_data(struct pack *pack, const char *path, const void *data, size_t size_bytes,
		  struct err *err)
{
	struct pack_member *m = NULL;
	int r = add(pack, path, &m, err);

	if (r < 0)
		return r;
	str_add_len(&m->data, data, size_bytes);
	r = str_check(&m->data, err);
	m->size_bytes = size_bytes;
	return r < 0 ? r : sha256_hex(data, size_bytes, m->sha256, err);
}

int pack_add_file(struct pack *pack, const char *path, const char *source, struct err *err)
{
	struct pack_member *m = NULL;
	int r = add(pack, path, &m, err);

	if (r == 0)
		r = str_dup(&m->source, source, err);
	return r < 0 ? r : sha256_file(source, m->sha256, &m->size_bytes, err);
}

int pack_add_known(struct pack *pack, const char *path, const char *source, uint64_t size_bytes,
		   const char *sha256, const char *key, struct err *err)
{
	struct pack_member *m = NULL;
	int r = add(pack, path, &m, err);

	if (r == 0)
		r = str_dup(&m->source, source, err);
	if (r == 0 && key)
		r = str_dup(&m->key, key, err);
	if (r < 0)
		return r;
	m->size_bytes = size_bytes;
	snprintf(m->sha256, sizeof(m->sha256), "%s", sha256);
	return 0;
}

int pack_add_tree(struct pack *pack, const char *prefix, const char *dir, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	int r = dir_list(dir, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *source = NULL;
		cleanup_free char *path = NULL;
		struct stat st = { .st_mode = 0 };

		r = path_join(dir, names.items[i], &source, err);
		if (r == 0)
			r = path_join(prefix, names.items[i], &path, err);
		if (r < 0)
			return r;
		if (lstat(source, &st) < 0)
			return err_errno(err, ERR_CONFIG, errno, "cannot stat '%s'", source);
		if (S_ISDIR(st.st_mode))
			r = pack_add_tree(pack, path, source, err);
		else if (S_ISREG(st.st_mode))
			r = pack_add_file(pack, path, source, err);
		else
			r = err_set(err, ERR_CONFIG, "'%s' is neither a plain file nor a directory",
				    source);
	}
	return r;
}

static int cmp_members(const void *a, const void *b)
{
	return strcmp(((const struct pack_member *)a)->path, ((const struct pack_member *)b)->path);
}

int pack_index(struct pack *pack, struct index *index, struct err *err)
{
	int r = 0;

	if (pack->count)
		qsort(pack->members, pack->count, sizeof(*pack->members), cmp_members);
	for (size_t i = 0; r == 0 && i < pack->count; i++) {
		const struct pack_member *m = &pack->members[i];

		r = index_add(index, m->path, m->size_bytes, m->sha256, m->key, err);
	}
	if (r == 0)
		r = index_sort(index, err);
	return r < 0 ? r : index_payload_digest(index, index->payload_sha256, err);
}
