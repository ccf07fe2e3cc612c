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
	int fd; /* -1: closed */
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
/* Feeds what is there to DIGEST and goes to its end. One of more than MAX_BYTES is emptied. */
int http_part_read(struct http_part *part, uint64_t max_bytes, struct digest *digest,
		   uint64_t *ret_size, struct err *err) MUST_CHECK;
int http_part_empty(struct http_part *part, struct err *err) MUST_CHECK;
/* Gives it its final name. */
int http_part_commit(struct http_part *part, const char *dest, struct err *err) MUST_CHECK;
/* Closes it, and removes it unless KEEP. */
void http_part_close(struct http_part *part, bool keep);
void http_part_release(struct http_part *part);

#endif
