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

/* How to connect; all strings are borrowed and may be NULL, a number that is 0 means the default. */
struct http_settings {
	const char *sslcacert; /* PEM file; NULL: the system's authorities */
	const char *sslclientcert;
	const char *sslclientkey;
	const char *proxy; /* URL; NULL: as http_proxy, https_proxy and no_proxy of the environment
			      say; "": none */
	const char *proxy_username, *proxy_password;
	const char *proxy_auth_method; /* any, none, basic, digest, negotiate, ntlm; NULL: any */
	const char *proxy_sslcacert, *proxy_sslclientcert, *proxy_sslclientkey; /* https proxies */
	const char *username, *password; /* sent to the URL's own host only, */
	const struct strv *login_urls;   /* and to those of these URLs only; NULL: to any */
	const char *user_agent;
	unsigned int timeout_s;  /* connecting, and how long it may be slower than MINRATE; 0: 30 */
	uint64_t minrate_bytes;  /* bytes per second; 0: 1000 */
	unsigned int retries;    /* tries at one server, the first one counted; 0: 4 */
	int ip_version;          /* 4 or 6; 0: whatever works */
	uint64_t throttle_bytes; /* bytes per second at the most, of all transfers with this very
				    structure together; 0: no limit */
	bool sslverifystatus;    /* the server must prove that its certificate is not revoked */
};

/*
 * A repository's servers, shared by the transfers that may come from any of them, with what was
 * learned about each in this process: one that failed is asked last.
 */
struct http_source {
	struct http_settings settings;
	struct strv bases;           /* URLs without a slash at the end, the preferred one first;
					unchanged once the source was used */
	struct http_server *servers; /* http.c's own */
};

#define HTTP_SOURCE_INIT           \
	{                          \
		.bases = STRV_INIT \
	}

void http_source_release(struct http_source *source);

/*
 * SOURCE's settings for a URL that a repository names beside its servers, as that of a key: on another
 * host without what makes us known to the servers (user, password and client certificate). Borrows
 * what SOURCE does.
 */
struct http_settings http_settings_beside(const struct http_source *source, const char *url);

struct http_transfer {
	const char *url; /* borrowed; NULL: PATH below SOURCE's bases, one after the other */
	struct http_source *source;           /* borrowed; NULL for a whole URL */
	const char *path;                     /* borrowed; not percent-encoded */
	const struct http_settings *settings; /* borrowed; NULL: SOURCE's, or defaults */
	const char *sha256;                   /* borrowed, lower-case hex; NULL: not known */
	uint64_t size_bytes;                  /* exact; 0: not known */
	uint64_t max_bytes; /* limit when the size is not known; 0: HTTP_BODY_MAX */
	const char *dest;   /* borrowed: the file's path, whose parents are made; NULL: into BODY */
	const char *if_none_match;     /* borrowed: an ETag; NULL: unconditional */
	const char *if_modified_since; /* borrowed: a Last-Modified */
	/*
	 * Looks at what is complete and has the right digest: -code with ERR when it is not to be
	 * taken, and another server is asked as for a wrong digest. NULL: everything is taken.
	 */
	int (*accept)(const struct http_transfer *transfer, void *arg, struct err *err);
	/*
	 * Both in another thread, while other files arrive, and before DEST has its name; not called
	 * for one that was there before, nor without DEST and SHA256; NULL: nobody looks. FEED
	 * gets the file piece by piece, the first one AT 0, also when it turns out to be wrong. LOOK
	 * follows when the digest is the one expected, with the file open for reading, its offset free to
	 * be moved; one file at a time.
	 */
	void (*feed)(const struct http_transfer *transfer, uint64_t at, const void *data,
		     size_t size_bytes, void *arg);
	void (*look)(const struct http_transfer *transfer, int fd, void *arg);
	void *arg;     /* borrowed, of all three */
	bool may_fail; /* a failure ends this transfer alone and is in FAILURE */

	/* Results. */
	struct str body;                  /* released by http_transfer_release(), as the next two */
	char *etag, *last_modified;       /* NULL: the server told none */
	char *from;                       /* the URL that answered, without credentials */
	char got_sha256[SHA256_HEX_SIZE]; /* of what is there now */
	uint64_t got_bytes;
	bool downloaded;   /* false: DEST was there with the right digest, or NOT_MODIFIED */
	bool not_modified; /* a 304: there is no body */
	struct err failure;
};

void http_transfer_release(struct http_transfer *transfer);

/* Limits of one call; 0 means the default, for the rate: none. */
struct http_limits {
	unsigned int parallel; /* transfers at the same time: 8 */
	unsigned int per_host; /* of these to one host: 6 */
	uint64_t rate_bytes;   /* bytes per second of all together */
	bool offline; /* only file: URLs and what is there already; ERR_NETWORK otherwise */
};

/*
 * Runs COUNT transfers. A DEST that exists with the digest of its transfer is not fetched again; one
 * with another content is fetched anew. An interrupted download of a known digest leaves DEST.part,
 * from which the next one goes on, whichever server it came from; wrong content leaves nothing. What
 * may pass (a timeout, 429, 5xx, a lost connection) is asked of the other servers first, then of the
 * same ones again after a growing pause; anything else of the other servers only. LIMITS may be
 * NULL. WHAT names the step for progress, NULL: silent. The first failure of a transfer that may not
 * fail ends everything: ERR_NETWORK with URL, reason and advice, ERR_VERIFY for a wrong digest or
 * size, ERR_CONFIG for a URL of another kind or a certificate file that cannot be used. Connections
 * are kept for the next call. For one thread.
 */
int http_fetch(struct http_transfer *transfers, size_t count, const struct http_limits *limits,
	       const char *what, struct err *err) MUST_CHECK;

#endif
