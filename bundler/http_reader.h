/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that reads what is complete and finds out its digest, while more arrives. A part of
 * http.h's engine. */
#ifndef PGHA_HTTP_READER_H
#define PGHA_HTTP_READER_H

#include "err.h"
#include "http_job.h"

struct http_reader;

int http_reader_start(struct http_reader **ret, struct err *err) MUST_CHECK;
/* Gives it JOB, after HTTP_READ; nobody else touches it until http_reader_take() has it. */
void http_reader_add(struct http_reader *reader, struct http_job *job);
/* One that is read, for http_job_read(); NULL: none for now. */
struct http_job *http_reader_take(struct http_reader *reader);
/* Reads one that the thread has not begun, here and now; NULL: there is none. */
struct http_job *http_reader_help(struct http_reader *reader);
/* Becomes readable when there is one to take. */
int http_reader_fd(const struct http_reader *reader);
/* Ends the thread; what it has not read stays unread. NULL is fine. */
void http_reader_free(struct http_reader *reader);

/* The same for one job, here and now. */
void http_reader_read(struct http_job *job);

#endif
