/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one transfer: its tries at one server after the other. A part of http.h's engine. */
#ifndef PGHA_HTTP_JOB_H
#define PGHA_HTTP_JOB_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"
#include "http.h"
#include "http_part.h"
#include "http_server.h"

/* Why a transfer ended that libcurl would have gone on with. */
enum http_stop {
	HTTP_STOP_NONE,
	HTTP_STOP_LOCAL,     /* a file could not be written: job->local_err */
	HTTP_STOP_TOO_LARGE, /* more bytes than the transfer may have */
	HTTP_STOP_DOWNGRADE, /* a redirect from https to http */
	HTTP_STOP_SCHEME,    /* a redirect to something else than http and https */
	HTTP_STOP_HEADERS,   /* headers without end */
	HTTP_STOP_CLOSED,    /* the connection ended in the middle of the headers */
	HTTP_STOP_RANGE,     /* another range than the one that was asked for */
};

/* What the last answer's headers said. */
struct http_answer {
	bool is_whole;    /* an empty line ended them */
	bool is_redirect; /* they lead elsewhere */
	char *etag, *last_modified;
	bool has_range;
	uint64_t range_start;
	uint64_t retry_after_ms; /* 0: not told */
};

/* Counted over all transfers of a call. */
struct http_counters {
	uint64_t present_bytes;  /* of the files, however they came here */
	uint64_t received_bytes; /* from the network, also in vain */
};

struct http_job {
	struct http_transfer *transfer; /* borrowed */
	struct http_job *next;          /* in the queue that it stands in */
	struct http_queue *queue;       /* borrowed: where it goes back to */
	struct http_attempt *attempts;  /* one for each server */
	size_t server_count;
	size_t server;          /* the index of the one that is asked now */
	struct http_host *host; /* borrowed: of that server */
	uint64_t due_ms;        /* not to be started before */

	/* The try under way. */
	char *url;
	CURL *easy; /* NULL: none is under way */
	struct curl_slist *headers;
	struct http_part part;
	bool prepared;                  /* PART is open, or BODY ready, for more bytes */
	struct digest *digest;          /* of them; NULL: the whole file is read when it is there */
	struct http_counters *counters; /* borrowed */
	uint64_t resumed_bytes;         /* what was there when the try began */
	uint64_t limit_bytes;
	uint64_t try_bytes; /* received */
	uint64_t header_bytes;
	unsigned int header_lines;
	bool body_begun;
	bool body_is_beside; /* it belongs to an error: read, and dropped */
	uint64_t beside_bytes;
	struct http_answer answer;
	enum http_stop stop;
	struct err *local_err; /* of HTTP_STOP_LOCAL, and what job->transfer->accept said */
	char curl_error[CURL_ERROR_SIZE];

	int read_errnum; /* what reading it has ended with; 0: GOT_SHA256 is there */

	unsigned int continued; /* times that it went on at once after a lost connection */
	bool was_short;         /* an answer was called complete and was too short */
};

/* What is to follow the end of a try. */
enum http_verdict {
	HTTP_DONE,
	HTTP_READ,     /* complete: its digest is to be found out first, by http_reader.h */
	HTTP_CONTINUE, /* the connection was lost under way: go on at once */
	HTTP_ANEW,     /* what was resumed is wrong: from the start, another server first */
	HTTP_AGAIN,    /* it may pass: other servers, and then this one again */
	HTTP_NEXT,     /* this server will not do */
	HTTP_GIVE_UP,  /* no server would do */
};

/* A failed try, in words. */
struct http_failure {
	enum http_verdict verdict;
	enum err_code code;
	char reason[320];
	const char *advice;     /* static */
	unsigned int tries_max; /* more than these do not help; 0: as the settings say */
	uint64_t host_pause_ms; /* the server has asked to be left alone that long */
};

const struct http_settings *http_job_settings(const struct http_job *job);
/* Ready for its first try; http_job_release() whatever happens. */
int http_job_init(struct http_job *job, struct http_transfer *transfer,
		  struct http_counters *counters, struct err *err) MUST_CHECK;
void http_job_release(struct http_job *job);

/* True in RET_DONE when the destination is there, or an earlier run had left all of it. */
int http_job_present(struct http_job *job, bool *ret_done, struct err *err) MUST_CHECK;

/* Sets JOB->server and JOB->host to what is asked next; false in RET when no server is left. */
int http_job_pick(struct http_job *job, bool offline, bool *ret, struct err *err) MUST_CHECK;

/* Prepares EASY, which is JOB's until http_job_ended(), for that server. */
int http_job_start(struct http_job *job, CURL *easy, struct err *err) MUST_CHECK;

/*
 * Judges a try that libcurl has ended with CODE: with HTTP_DONE the results are in place, otherwise
 * the attempt is recorded and what may serve the next one is kept. EASY is the caller's again. After
 * HTTP_READ, which records nothing, http_job_read() goes on with transfer->got_sha256.
 */
int http_job_ended(struct http_job *job, CURLcode code, struct http_failure *ret,
		   struct err *err) MUST_CHECK;

int http_job_read(struct http_job *job, struct http_failure *ret, struct err *err) MUST_CHECK;

/* Closes the file while the job waits, so that thousands can. */
void http_job_rest(struct http_job *job);

#endif
