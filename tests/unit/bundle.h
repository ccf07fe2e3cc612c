/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles made in memory, right ones and wrong ones, for the tests of what reads them. */
#ifndef PGHA_TESTS_BUNDLE_H
#define PGHA_TESTS_BUNDLE_H

#include "pki.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "cms.h"
#include "file.h"
#include "index.h"
#include "tar.h"

#define BUNDLE_KEY "D4BF08AE67A0B4C7A1DBCCD240BCA2B408B40D20"

struct bundle_file {
	const char *path;
	const char *data;
	size_t size; /* 0: strlen(data) */
};

static inline size_t bundle_size(const struct bundle_file *f)
{
	return f->size ? f->size : strlen(f->data);
}

/* An index over FILES (path NULL ends) for this machine. */
static inline void bundle_index(const struct bundle_file *files, uint64_t sequence,
				struct index *index)
{
	struct err err = ERR_INIT;
	struct utsname machine;

	assert_int_equal(uname(&machine), 0);
	assert_ok(str_dup(&index->cluster, "test", &err));
	assert_ok(str_dup(&index->platform.id, "platform:el8", &err));
	assert_ok(str_dup(&index->platform.arch, machine.machine, &err));
	index->sequence = sequence;
	index->created = PKI_NOW;
	index->expires = PKI_NOW + 90 * (time_t)PKI_DAY;
	assert_ok(sha256_hex("", 0, index->installer_sha256, &err));
	for (; files->path; files++) {
		char hex[SHA256_HEX_SIZE];

		assert_ok(sha256_hex(files->data, bundle_size(files), hex, &err));
		assert_ok(index_add(index, files->path, bundle_size(files), hex,
				    str_ends(files->path, ".rpm") ? BUNDLE_KEY : NULL, &err));
	}
	assert_ok(index_sort(index, &err));
	assert_ok(index_payload_digest(index, index->payload_sha256, &err));
}

static inline void bundle_member(struct str *out, const char *path, const void *data, size_t size)
{
	static const char zeros[TAR_BLOCK];
	struct err err = ERR_INIT;

	assert_ok(tar_header_make(path, size, out, &err));
	str_add_len(out, data, size);
	str_add_len(out, zeros, tar_padding(size));
}

static inline void bundle_end(struct str *out)
{
	static const char zeros[2 * TAR_BLOCK];

	str_add_len(out, zeros, sizeof(zeros));
	assert_false(out->failed);
}

static inline const struct bundle_file *bundle_find(const struct bundle_file *files,
						    const char *path)
{
	while (files->path && strcmp(files->path, path) != 0)
		files++;
	return files;
}

/* index.yaml with TEXT, signed by SIGNER. */
static inline void bundle_head(struct str *out, const struct str *text, const struct pki *signer)
{
	CLEANUP(str_release) struct str der = STR_INIT;
	struct err err = ERR_INIT;

	assert_ok(cms_sign(text->buf, text->len, signer->cert, signer->key, &der, &err));
	bundle_member(out, INDEX_NAME, text->buf, text->len);
	bundle_member(out, INDEX_SIGNATURE_NAME, der.buf, der.len);
}

/* The whole of a right bundle. */
static inline void bundle_make(struct str *out, const struct bundle_file *files,
			       const struct index *index, const struct pki *signer)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	assert_ok(index_format(index, &text, &err));
	bundle_head(out, &text, signer);
	for (size_t i = 0; i < index->member_count; i++) {
		const struct bundle_file *f = bundle_find(files, index->members[i].path);

		bundle_member(out, f->path, f->data, bundle_size(f));
	}
	bundle_end(out);
}

/* Where member PATH's header begins. */
static inline size_t bundle_offset(const struct str *bundle, const char *path)
{
	for (size_t at = 0; at + TAR_BLOCK <= bundle->len; at += TAR_BLOCK) {
		if (!strcmp(bundle->buf + at, path) && !memcmp(bundle->buf + at + 257, "ustar", 6))
			return at;
	}
	fail_msg("no member '%s'", path);
	return 0;
}

static inline void write_file(const char *dir, const char *name, const void *data, size_t size,
			      mode_t mode)
{
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(dir, name, &path, &err));
	assert_ok(file_write_atomic(path, mode, data, size, &err));
}

/* A temporary directory whose name the caller frees and whose contents tree_drop() removes. */
static inline char *tree_new(void)
{
	char *path = strdup("/var/tmp/pgha-test-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

static inline void tree_drop(char *path)
{
	struct err err = ERR_INIT;

	assert_ok(tree_remove(path, &err));
	free(path);
}

static struct str *tree_text;

static inline int tree_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	str_addf(tree_text, "%s %d %o %lld\n", path, type, st->st_mode,
		 type == FTW_F ? (long long)st->st_size : 0);
	return 0;
}

static inline int tree_line_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every entry below PATH with type, mode and size, a sorted line each. */
static inline void tree_list(const char *path, struct str *ret)
{
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	char *save = NULL;

	tree_text = &text;
	assert_int_equal(nftw(path, tree_entry, 16, FTW_PHYS), 0);
	assert_false(text.failed);
	for (char *l = strtok_r(text.buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		assert_ok(strv_add(&lines, l, &err));
	strv_sort(&lines);
	for (size_t i = 0; i < lines.count; i++)
		str_addf(ret, "%s\n", lines.items[i]);
	assert_false(ret->failed);
}

#endif
