/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a download grows in, beside its destination, until its digest is known to be right. A
 * part of http.h's engine. */
#ifndef PGHA_HTTP_PART_H
#define PGHA_HTTP_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"

struct http_part {
	char *path;
	int fd;    /* -1: closed */
	char *buf; /* what is not yet in the file; NULL: nothing */
	size_t buf_used;
};

#define HTTP_PART_INIT   \
	{                \
		.fd = -1 \
	}

/*
 * Opens the part of DEST, whose parents are made, for this process alone. With LASTING it is the one
 * that an earlier run may have left, otherwise one of this process's own.
 */
int http_part_open(struct http_part *part, const char *dest, bool lasting,
		   struct err *err) MUST_CHECK;
/* Goes to the end of what is there, of RET_SIZE bytes. One of more than MAX_BYTES is emptied. */
int http_part_resume(struct http_part *part, uint64_t max_bytes, uint64_t *ret_size,
		     struct err *err) MUST_CHECK;
/* The digest of all that is there. */
int http_part_digest(struct http_part *part, char ret_sha256[SHA256_HEX_SIZE],
		     struct err *err) MUST_CHECK;
/* Adds to it, by way of a buffer: TLS brings 16 KiB at a time. */
int http_part_write(struct http_part *part, const void *data, size_t size_bytes,
		    struct err *err) MUST_CHECK;
int http_part_flush(struct http_part *part, struct err *err) MUST_CHECK;
int http_part_empty(struct http_part *part, struct err *err) MUST_CHECK;
/* Gives it, flushed, its final name. */
int http_part_commit(struct http_part *part, const char *dest, struct err *err) MUST_CHECK;
/* Closes it, and removes it unless KEEP; what can no longer be written is lost. */
void http_part_close(struct http_part *part, bool keep);
void http_part_release(struct http_part *part);

#endif
