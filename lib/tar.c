/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why not libarchive's writer: the reader compares headers byte for byte with what the writer of
 * another release on another distribution made, so they may not depend on a library's version.
 */
#include "tar.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

#define CHUNK_BYTES (128U << 10)
#define END_BYTES (2 * TAR_BLOCK)

/* POSIX.1-2017, pax, "ustar Interchange Format". */
struct ustar {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char pad[12];
};

_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a header is one block");

size_t tar_padding(uint64_t size_bytes)
{
	return (size_t)((TAR_BLOCK - size_bytes % TAR_BLOCK) % TAR_BLOCK);
}

/* Where the slash stands that divides PATH into prefix and name with the shortest prefix; 0 when
 * PATH is a name alone, -1 when ustar has no room for it. */
static int split_path(const char *path, size_t len)
{
	const struct ustar *h = NULL;

	if (len <= sizeof(h->name))
		return 0;
	for (size_t i = len - sizeof(h->name) - 1; i <= sizeof(h->prefix) && i + 1 < len; i++) {
		if (path[i] == '/' && i)
			return (int)i;
	}
	return -1;
}

/* A field of SIZE bytes: octal digits with leading zeros and a NUL. Callers know that it fits. */
static void put_octal(char *field, size_t size, uint64_t value)
{
	field[--size] = '\0';
	while (size) {
		field[--size] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void add_block(struct str *out, const char *path, int split, char typeflag, uint64_t size)
{
	struct ustar h = { .typeflag = typeflag };
	const char *name = split > 0 ? path + split + 1 : path;
	unsigned int sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	if (split > 0)
		memcpy(h.prefix, path, (size_t)split);
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), size);
	put_octal(h.mtime, sizeof(h.mtime), TAR_MTIME);
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	put_octal(h.devmajor, sizeof(h.devmajor), 0);
	put_octal(h.devminor, sizeof(h.devminor), 0);
	memset(h.chksum, ' ', sizeof(h.chksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	put_octal(h.chksum, sizeof(h.chksum) - 1, sum);
	str_add_len(out, &h, sizeof(h));
}

/* A pax record counts its own length, digits included. */
static size_t pax_record_bytes(size_t path_len)
{
	size_t rest = strlen(" path=") + path_len + 1;
	size_t total = rest + 1;

	for (size_t limit = 10; total >= limit; limit *= 10)
		total++;
	return total;
}

static void add_zeros(struct str *out, size_t count)
{
	static const char zeros[END_BYTES];

	assert(count <= sizeof(zeros));
	str_add_len(out, zeros, count);
}

int tar_header_make(const char *path, uint64_t size_bytes, struct str *out, struct err *err)
{
	size_t len = strlen(path);
	int split = split_path(path, len);

	if (!path_is_safe(path))
		return err_set(err, ERR_FAILED, "'%.200s' is no path for an archive", path);
	if (size_bytes > TAR_SIZE_MAX)
		return err_set(err, ERR_FAILED, "'%.200s' is too large for an archive", path);
	if (split < 0) {
		size_t record = pax_record_bytes(len);

		add_block(out, "pax", 0, 'x', record);
		str_addf(out, "%zu path=%s\n", record, path);
		add_zeros(out, tar_padding(record));
	}
	add_block(out, path, split, '0', size_bytes);
	return str_check(out, err);
}

uint64_t tar_member_bytes(const char *path, uint64_t size_bytes)
{
	size_t len = strlen(path);
	uint64_t header = TAR_BLOCK;

	if (split_path(path, len) < 0) {
		size_t record = pax_record_bytes(len);

		header += TAR_BLOCK + record + tar_padding(record);
	}
	return header + size_bytes + tar_padding(size_bytes);
}

/* Writing */

static int put(struct tar_writer *w, const void *data, size_t len, struct err *err)
{
	int r = fd_write_all(w->fd, w->name, data, len, err);

	if (!r)
		w->offset += len;
	return r;
}

static int put_header(struct tar_writer *w, const char *path, uint64_t size, struct err *err)
{
	CLEANUP(str_release) struct str header = STR_INIT;
	int r = tar_header_make(path, size, &header, err);

	return r ? r : put(w, header.buf, header.len, err);
}

static int put_padding(struct tar_writer *w, uint64_t size, struct err *err)
{
	static const char zeros[TAR_BLOCK];

	return put(w, zeros, tar_padding(size), err);
}

int tar_write_data(struct tar_writer *w, const char *path, const void *data, size_t size_bytes,
		   struct err *err)
{
	int r = put_header(w, path, size_bytes, err);

	if (!r)
		r = put(w, data, size_bytes, err);
	return r ? r : put_padding(w, size_bytes, err);
}

/* Reads up to LEN bytes, fewer only at the end of the file. */
static int read_some(int fd, const char *name, void *buf, size_t len, size_t *ret_len,
		     struct err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot read '%.200s'", name);
		if (!n)
			break;
		done += (size_t)n;
	}
	*ret_len = done;
	return 0;
}

DEFINE_CLEANUP(struct digest *, digest_free);

int tar_write_fd(struct tar_writer *w, const char *path, int fd, uint64_t size_bytes,
		 const char *sha256, struct err *err)
{
	CLEANUP(digest_freep) struct digest *digest = NULL;
	cleanup_free char *buf = malloc(CHUNK_BYTES);
	char hex[SHA256_HEX_SIZE];
	uint64_t left = size_bytes;
	size_t got = CHUNK_BYTES;
	bool same = true;
	int r = 0;

	if (!buf)
		return err_nomem(err);
	if ((r = digest_new(&digest, err)) || (r = put_header(w, path, size_bytes, err)))
		return r;
	while (got == CHUNK_BYTES) {
		if ((r = read_some(fd, path, buf, CHUNK_BYTES, &got, err)))
			return r;
		if (got > left) {
			same = false;
			break;
		}
		digest_update(digest, buf, got);
		if ((r = put(w, buf, got, err)))
			return r;
		left -= got;
	}
	digest_final_hex(digest, hex);
	if (!same || left || (sha256 && strcmp(hex, sha256) != 0))
		return err_set(err, ERR_VERIFY,
			       "the source of '%.200s' changed while it was packed", path);
	return put_padding(w, size_bytes, err);
}

int tar_write_file(struct tar_writer *w, const char *path, const char *source, uint64_t size_bytes,
		   const char *sha256, struct err *err)
{
	cleanup_close int fd = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%.200s'", source);
	return tar_write_fd(w, path, fd, size_bytes, sha256, err);
}

int tar_write_end(struct tar_writer *w, struct err *err)
{
	static const char zeros[END_BYTES];

	return put(w, zeros, sizeof(zeros), err);
}

/* Reading */

static int deviates(const struct tar_reader *r, struct err *err, const char *what, const char *path)
{
	return err_set(err, ERR_VERIFY,
		       "'%.200s' is not an intact bundle: %s%s%.200s%s (byte %llu)", r->name, what,
		       *path ? " '" : "", path, *path ? "'" : "", (unsigned long long)r->offset);
}

/* As read_some(), from OFFSET; the descriptor's position is not used. */
static int read_at(const struct tar_reader *r, void *buf, size_t len, size_t *ret_len,
		   struct err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(r->fd, (char *)buf + done, len - done, (off_t)(r->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot read '%.200s'", r->name);
		if (!n)
			break;
		done += (size_t)n;
	}
	*ret_len = done;
	return 0;
}

/* Reads without going on. */
static int take(struct tar_reader *r, const char *path, void *buf, size_t len, struct err *err)
{
	size_t got = 0;
	int ret = read_at(r, buf, len, &got, err);

	if (ret)
		return ret;
	if (got != len) {
		r->offset += got;
		return deviates(r, err, "it ends too early, at", path);
	}
	return 0;
}

int tar_read_header(struct tar_reader *r, const char *path, uint64_t size_bytes, struct err *err)
{
	CLEANUP(str_release) struct str want = STR_INIT;
	cleanup_free char *have = NULL;
	int ret = tar_header_make(path, size_bytes, &want, err);

	if (ret) {
		err->code = ERR_VERIFY;
		return -ERR_VERIFY;
	}
	have = malloc(want.len + 1);
	if (!have)
		return err_nomem(err);
	ret = take(r, path, have, want.len, err);
	if (ret)
		return ret;
	if (memcmp(have, want.buf, want.len) != 0)
		return deviates(r, err, "another header than that of", path);
	r->offset += want.len;
	return 0;
}

int tar_read_sized_header(struct tar_reader *r, const char *path, uint64_t max_bytes,
			  uint64_t *ret_size_bytes, struct err *err)
{
	struct ustar h = { .typeflag = 0 };
	uint64_t size = 0;
	int ret = take(r, path, &h, sizeof(h), err);

	if (ret)
		return ret;
	for (size_t i = 0; i + 1 < sizeof(h.size); i++) {
		if (h.size[i] < '0' || h.size[i] > '7')
			return deviates(r, err, "another header than that of", path);
		size = size << 3 | (uint64_t)(h.size[i] - '0');
	}
	ret = tar_read_header(r, path, size, err);
	if (ret)
		return ret;
	if (!size || size > max_bytes)
		return deviates(r, err, "impossible size of", path);
	*ret_size_bytes = size;
	return 0;
}

int tar_read_contents(struct tar_reader *r, const char *path, uint64_t size_bytes,
		      int (*sink)(void *arg, const void *data, size_t len, struct err *err),
		      void *arg, struct err *err)
{
	cleanup_free char *buf = malloc(CHUNK_BYTES);
	size_t padding = tar_padding(size_bytes);
	int ret = 0;

	if (!buf)
		return err_nomem(err);
	for (uint64_t left = size_bytes; left;) {
		size_t len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		if ((ret = take(r, path, buf, len, err)) || (ret = sink(arg, buf, len, err)))
			return ret;
		r->offset += len;
		left -= len;
	}
	ret = take(r, path, buf, padding, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < padding; i++) {
		if (buf[i])
			return deviates(r, err, "padding other than zero after", path);
	}
	r->offset += padding;
	return 0;
}

static int append(void *arg, const void *data, size_t len, struct err *err)
{
	str_add_len(arg, data, len);
	return str_check(arg, err);
}

int tar_read_sized(struct tar_reader *r, const char *path, uint64_t max_bytes, struct str *ret,
		   struct err *err)
{
	uint64_t size = 0;
	int res = tar_read_sized_header(r, path, max_bytes, &size, err);

	return res ? res : tar_read_contents(r, path, size, append, ret, err);
}

int tar_read_end(struct tar_reader *r, struct err *err)
{
	static const char zeros[END_BYTES];
	char buf[END_BYTES + 1];
	size_t got = 0;
	int ret = read_at(r, buf, sizeof(buf), &got, err);

	if (ret)
		return ret;
	if (got < END_BYTES)
		return deviates(r, err, "it ends too early, at its end mark", "");
	if (memcmp(buf, zeros, END_BYTES) != 0)
		return deviates(r, err, "an unlisted member or a changed end mark", "");
	if (got > END_BYTES)
		return deviates(r, err, "something follows its end mark", "");
	r->offset += END_BYTES;
	return 0;
}
