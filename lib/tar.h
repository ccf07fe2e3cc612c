/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle's container: POSIX.1-1988 ustar with one fixed way to write each member (plain file,
 * owner 0, mode 0644, one time), and a pax extended header (POSIX.1-2001) only where a path does
 * not fit. The reader believes nothing: it makes the header that the writer would have made for the
 * member that the index announces and compares the bytes.
 */
#ifndef PGHA_TAR_H
#define PGHA_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"
#include "str.h"

#define TAR_BLOCK 512
#define TAR_SIZE_MAX ((UINT64_C(1) << 33) - 1) /* bytes: eleven octal digits */
#define TAR_MTIME 315532800 /* 1980-01-01T00:00:00Z: GNU tar finds 1970 implausible */

/* Appends the header block(s) of a member; this one function is both sides' truth. PATH must be
 * path_is_safe() and SIZE_BYTES at most TAR_SIZE_MAX, or ERR_FAILED. */
int tar_header_make(const char *path, uint64_t size_bytes, struct str *out,
		    struct err *err) MUST_CHECK;
/* Zero bytes that follow SIZE_BYTES of contents up to the next block. */
size_t tar_padding(uint64_t size_bytes);
/* What a member takes in the archive: header, contents, padding. */
uint64_t tar_member_bytes(const char *path, uint64_t size_bytes);

struct tar_writer {
	int fd;           /* borrowed */
	const char *name; /* borrowed, for messages */
	uint64_t offset;  /* bytes written */
};

int tar_write_data(struct tar_writer *w, const char *path, const void *data, size_t size_bytes,
		   struct err *err) MUST_CHECK;
/*
 * Copies exactly SIZE_BYTES from FD (from its present offset to its end). SHA256 (may be NULL) must
 * be their digest: otherwise, and when the size is another, ERR_VERIFY, and the archive is to be
 * thrown away.
 */
int tar_write_fd(struct tar_writer *w, const char *path, int fd, uint64_t size_bytes,
		 const char *sha256, struct err *err) MUST_CHECK;
/* The same for a file; a file that cannot be opened is ERR_FAILED. */
int tar_write_file(struct tar_writer *w, const char *path, const char *source, uint64_t size_bytes,
		   const char *sha256, struct err *err) MUST_CHECK;
/* The end of the archive: two zero blocks and nothing else. */
int tar_write_end(struct tar_writer *w, struct err *err) MUST_CHECK;

/* Every deviation that the reader sees is ERR_VERIFY. */
struct tar_reader {
	int fd;           /* borrowed; a file's; its own position is neither used nor moved */
	const char *name; /* borrowed, for messages */
	uint64_t offset;  /* where the reader stands: what is before it was read, once */
};

/* For index.yaml and its signature alone: takes the size (1..MAX_BYTES) from the header, makes the
 * header for it and compares. */
int tar_read_sized_header(struct tar_reader *r, const char *path, uint64_t max_bytes,
			  uint64_t *ret_size_bytes, struct err *err) MUST_CHECK;
/* The same, and its contents and padding; appends to RET. */
int tar_read_sized(struct tar_reader *r, const char *path, uint64_t max_bytes, struct str *ret,
		   struct err *err) MUST_CHECK;
/* Reads what must be the header of this member. */
int tar_read_header(struct tar_reader *r, const char *path, uint64_t size_bytes,
		    struct err *err) MUST_CHECK;
/* Reads the member's contents, handing them on in pieces, and its padding, which must be zero. */
int tar_read_contents(struct tar_reader *r, const char *path, uint64_t size_bytes,
		      int (*sink)(void *arg, const void *data, size_t len, struct err *err),
		      void *arg, struct err *err) MUST_CHECK;
/* The end of the archive, exactly as written, and nothing behind it. */
int tar_read_end(struct tar_reader *r, struct err *err) MUST_CHECK;

#endif
