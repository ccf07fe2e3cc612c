/* SPDX-License-Identifier: Apache-2.0 */
/* How libcurl is told what a transfer is. A part of http.h's engine. */
#ifndef PGHA_HTTP_OPTION_H
#define PGHA_HTTP_OPTION_H

#include "http_job.h"

#define HTTP_TIMEOUT_S 30U
#define HTTP_MINRATE_BYTES 1000U
#define HTTP_RETRIES 4U

/* Everything but the callbacks; JOB->headers is made here. */
int http_option_set(struct http_job *job, struct err *err) MUST_CHECK;

/* At most RATE bytes per second (0: unlimited), without taking that for a stall. */
int http_option_rate(CURL *easy, const struct http_settings *settings, uint64_t rate,
		     struct err *err) MUST_CHECK;

#endif
