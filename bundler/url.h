/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of repositories and files (RFC 3986), as far as we look into them. */
#ifndef PGHA_URL_H
#define PGHA_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* https, http or file:///, printable, and no user or password in it. */
bool url_is_valid(const char *url);

/* BASE, a slash and PATH with what a URL cannot hold percent-encoded; the caller frees. */
int url_join(const char *base, const char *path, char **ret_url, struct err *err) MUST_CHECK;

/* Whether both lead to the same scheme, host and port: what an origin is (RFC 6454, 4). */
bool url_same_origin(const char *a, const char *b);

/* The URL as messages show it: without user and password; in BUF, cut where that is too small. */
const char *url_shown(const char *url, char *buf, size_t size);

/* url_shown() for an argument of a message. */
#define URL_SHOWN(url) url_shown(url, (char[256]){ 0 }, 256)

#endif
