/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong with a transfer, in words, and whether it is worth another try. A part of http.h's
 * engine. */
#ifndef PGHA_HTTP_ERROR_H
#define PGHA_HTTP_ERROR_H

#include "http_job.h"

/* Judges the end of a try that did not give the right file: CODE is libcurl's, STATUS the answer's. */
void http_error_judge(const struct http_job *job, CURLcode code, long status,
		      struct http_failure *ret);

/* The failure of the whole transfer, from what each of its servers said; returns -code. LAST is what
 * ended it. */
int http_error_final(const struct http_job *job, const struct http_failure *last, struct err *err);

#endif
