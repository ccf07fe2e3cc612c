/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts and mirrors, and which of them is asked next. A part of http.h's engine. */
#ifndef PGHA_HTTP_SERVER_H
#define PGHA_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "http.h"

/* What a URL connects to: "https://mirror.example:8443". Kept for the life of the process. */
struct http_host {
	char *name;
	unsigned int active;    /* transfers under way */
	uint64_t not_before_ms; /* it has asked for peace until then; clock_monotonic_ms() */
};

/* The host of URL, the same one for each URL of it; lives as long as the process. */
int http_host_get(const char *url, struct http_host **ret, struct err *err) MUST_CHECK;
void http_hosts_release(void);

/* One of a source's bases, with what was learned about it in this process. */
struct http_server {
	struct http_host *host; /* borrowed */
	unsigned int found;     /* files that came from it */
	unsigned int missing;   /* files that it does not have */
	bool failed;            /* the last transfer from it failed in another way */
	bool wrong;             /* it served content with a wrong digest */
};

/* Makes SOURCE's servers when it has none yet. */
int http_servers_init(struct http_source *source, struct err *err) MUST_CHECK;

/* Whether the server of URL may be told SETTINGS' user and password. */
bool http_server_may_know(const struct http_settings *settings, const char *url);

/* What one transfer has tried at one server. */
struct http_attempt {
	unsigned int tries;
	bool gone; /* not to be asked again by this transfer */
	enum err_code code;
	char *reason; /* of the last failure; NULL: none */
};

/*
 * The index of the server to ask next: the one that the transfer has tried least, of these the
 * healthiest, of these the first. ATTEMPTS has COUNT entries, SERVERS too or is NULL. COUNT when none
 * is left.
 */
size_t http_server_pick(const struct http_server *servers, const struct http_attempt *attempts,
			size_t count);

#endif
