/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Downloads by libcurl, several at a time. http:, https: and file: only; redirects lead to http or
 * https, and never from https to http; certificates are always verified; nothing of the user's
 * (~/.netrc, ~/.curlrc) is read. What is received is counted and hashed while it comes, and a file
 * appears under its name only when size and digest are as expected.
 */
#ifndef PGHA_HTTP_H
#define PGHA_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"
#include "str.h"

#define HTTP_BODY_MAX \
	(512U << 20) /* limit of a transfer that names neither size nor limit, bytes */

/* How to connect; all strings are borrowed and may be NULL. */
struct http_settings {
	const char *sslcacert; /* PEM file; NULL: the system's authorities */
	const char *sslclientcert;
	const char *sslclientkey;
	const char *proxy; /* URL; NULL: as http_proxy, https_proxy and no_proxy of the environment
			      say */
	const char *proxy_username, *proxy_password;
	const char *username, *password; /* sent to the URL's own host only */
};

struct http_transfer {
	const char *url;                      /* borrowed */
	const struct http_settings *settings; /* borrowed, or NULL: defaults */
	const char *sha256;                   /* borrowed, lower-case hex; NULL: not known */
	uint64_t size_bytes;                  /* exact; 0: not known */
	uint64_t max_bytes; /* limit when the size is not known; 0: HTTP_BODY_MAX */
	const char *dest;   /* borrowed: the file's path, whose parents are made; NULL: into BODY */

	/* Results. */
	struct str body;                  /* released by the caller with str_release() */
	char got_sha256[SHA256_HEX_SIZE]; /* of what is there now */
	uint64_t got_bytes;
	bool downloaded; /* false: DEST was there with the right digest */
};

/*
 * Runs COUNT transfers, at most eight at a time. A DEST that exists with the digest of its
 * transfer is not fetched again; one with another content is fetched anew. An interrupted
 * download of a known digest leaves DEST.part, from which the next one goes on. WHAT names the
 * step for progress, NULL: silent. The first failure ends everything: ERR_NETWORK with URL,
 * reason and advice, ERR_VERIFY for a wrong digest or size, ERR_CONFIG for a URL of another
 * kind or a certificate file that cannot be read.
 */
int http_fetch(struct http_transfer *transfers, size_t count, const char *what,
	       struct err *err) MUST_CHECK;

#endif
