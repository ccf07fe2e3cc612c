/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every difference between versions of the libraries that we use. A section takes effect when the
 * library's own header was included before this one.
 */
#ifndef PGHA_COMPAT_H
#define PGHA_COMPAT_H

#ifdef LIBCURL_VERSION_NUM
/* The lists of protocols are strings since curl 7.85, and the bit masks deprecated. */
#if LIBCURL_VERSION_NUM >= 0x075500
#define COMPAT_CURL_ALLOW(easy)                                                          \
	(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,file") == CURLE_OK && \
	 curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK)
#define COMPAT_CURL_ALLOW_TLS(easy)                                            \
	(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK && \
	 curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK)
#else
#define COMPAT_CURL_ALLOW(easy)                                                         \
	(curl_easy_setopt(easy, CURLOPT_PROTOCOLS,                                      \
			  (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE)) == \
		 CURLE_OK &&                                                            \
	 curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS,                                \
			  (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK)
#define COMPAT_CURL_ALLOW_TLS(easy)                                                      \
	(curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS) == CURLE_OK && \
	 curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS) == CURLE_OK)
#endif
/* Since 7.64 an answer without headers can be refused. */
#if LIBCURL_VERSION_NUM >= 0x074000
#define COMPAT_CURL_NO_HTTP09(easy) (curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L) == CURLE_OK)
#else
#define COMPAT_CURL_NO_HTTP09(easy) true
#endif
#endif

#ifdef SOLVER_SOLVABLE
/* libsolv before 0.7.20 cannot be told: a baseline with weak dependencies may bring in more there. */
#ifdef SOLVER_EXCLUDEFROMWEAK
#define COMPAT_SOLVER_EXCLUDEFROMWEAK SOLVER_EXCLUDEFROMWEAK
#else
#define COMPAT_SOLVER_EXCLUDEFROMWEAK 0
#endif
#endif

#endif
