/* SPDX-License-Identifier: Apache-2.0 */
#include "http_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "http_error.h"
#include "http_option.h"
#include "interrupt.h"
#include "url.h"

#define HEADERS_MAX (256U << 10)   /* bytes of headers, all redirects together */
#define HEADER_LINES_MAX 4096      /* libcurl 8 has a limit of its own: 5000 */
#define ERROR_BODY_MAX (64U << 10) /* bytes of the page that comes with an error */
#define BESIDE_MAX (1U << 20)      /* bytes of what is not the body: redirects' own bodies */

const struct http_settings *http_job_settings(const struct http_job *job)
{
	const struct http_transfer *t = job->transfer;

	return t->settings || !t->source ? t->settings : &t->source->settings;
}

/* Of a file whose digest is known, part after part may come, also in several runs. */
static bool is_resumable(const struct http_transfer *t)
{
	return t->dest && t->sha256;
}

/* -- callbacks of libcurl -- */

/* What was there and what the try brought is worth nothing. */
static int discard(struct http_job *job, struct err *err)
{
	struct http_transfer *t = job->transfer;

	job->counters->present_bytes -= t->got_bytes;
	t->got_bytes = 0;
	job->resumed_bytes = 0;
	str_reset(&t->body);
	digest_free(steal_ptr(&job->digest));
	if (!is_resumable(t) && digest_new(&job->digest, err) < 0)
		return -err->code;
	return job->part.fd >= 0 ? http_part_empty(&job->part, err) : 0;
}

static size_t stop(struct http_job *job, enum http_stop why)
{
	job->stop = why;
	return 0;
}

static int set_local(struct http_job *job, const struct err *err)
{
	if (!job->local_err)
		job->local_err = malloc(sizeof(*job->local_err));
	if (job->local_err)
		*job->local_err = *err;
	return -1;
}

/* A status that a body comes with; a file: URL has none. */
static bool is_good(const struct http_job *job, long status)
{
	if (strncasecmp(job->url, "file:", 5) == 0)
		return status == 0;
	return status == 200 || (status == 206 && job->resumed_bytes);
}

/* The first bytes of a body: they go on where we are, or the server ignored the range. What comes with
 * another status is not for us. */
static bool begin_body(struct http_job *job)
{
	struct err err = ERR_INIT;
	long status = 0;

	job->body_begun = true;
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	job->body_is_beside = !is_good(job, status);
	if (!job->resumed_bytes || job->body_is_beside)
		return true;
	if (status == 200 && discard(job, &err) < 0) {
		set_local(job, &err);
		stop(job, HTTP_STOP_LOCAL);
		return false;
	}
	if (status == 206 &&
	    (!job->answer.has_range || job->answer.range_start != job->resumed_bytes)) {
		stop(job, HTTP_STOP_RANGE);
		return false;
	}
	return true;
}

static size_t on_data(char *data, size_t size, size_t nmemb, void *arg)
{
	struct http_job *job = arg;
	struct http_transfer *t = job->transfer;
	size_t n = size * nmemb;
	struct err err = ERR_INIT;

	job->counters->received_bytes += n;
	job->try_bytes += n;
	if (!job->body_begun && !begin_body(job))
		return 0;
	if (job->body_is_beside) {
		job->beside_bytes += n;
		return job->beside_bytes <= ERROR_BODY_MAX ? n : 0;
	}
	if (n > job->limit_bytes - t->got_bytes)
		return stop(job, HTTP_STOP_TOO_LARGE);
	if (job->digest)
		digest_update(job->digest, data, n);
	t->got_bytes += n;
	job->counters->present_bytes += n;
	if (!t->dest) {
		str_add_len(&t->body, data, n);
		if (str_check(&t->body, &err) == 0)
			return n;
	} else if (http_part_write(&job->part, data, n, &err) == 0) {
		return n;
	}
	set_local(job, &err);
	return stop(job, HTTP_STOP_LOCAL);
}

/* The value of the header NAME (with its colon) in LINE, without spaces around; NULL: another header. */
static const char *header_value(const char *line, size_t size, const char *name, size_t *ret_len)
{
	size_t i = strlen(name);

	if (size < i || strncasecmp(line, name, i) != 0)
		return NULL;
	while (i < size && (line[i] == ' ' || line[i] == '\t'))
		i++;
	while (size > i && (line[size - 1] == '\n' || line[size - 1] == '\r' ||
			    line[size - 1] == ' ' || line[size - 1] == '\t'))
		size--;
	*ret_len = size - i;
	return line + i;
}

/* Redirects are followed by libcurl, to http and https only, and never from https to http. */
static enum http_stop judge_redirect(const struct http_job *job, const char *target, size_t len)
{
	const char *url = NULL;
	size_t scheme = 0;

	while (scheme < len && target[scheme] != ':' && !strchr("/?#", target[scheme]))
		scheme++;
	if (scheme == len || target[scheme] != ':' || scheme == 0)
		return HTTP_STOP_NONE; /* relative */
	if (scheme == 5 && strncasecmp(target, "https", scheme) == 0)
		return HTTP_STOP_NONE;
	if (scheme != 4 || strncasecmp(target, "http", scheme) != 0)
		return HTTP_STOP_SCHEME;
	if (curl_easy_getinfo(job->easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || !url ||
	    strncasecmp(url, "https:", 6) == 0)
		return HTTP_STOP_DOWNGRADE;
	return HTTP_STOP_NONE;
}

static void answer_reset(struct http_answer *answer)
{
	free(answer->etag);
	free(answer->last_modified);
	*answer = (struct http_answer){ .etag = NULL };
}

/* RFC 9110, 10.2.3: seconds or a date. */
static uint64_t parse_retry_after(const char *text)
{
	uint64_t seconds = 0;
	time_t then = -1;
	struct err ignored = ERR_INIT;

	if (str_u64(&seconds, text, 0, UINT32_MAX, &ignored) == 0)
		return seconds * 1000;
	then = curl_getdate(text, NULL);
	return then > clock_now() ? (uint64_t)(then - clock_now()) * 1000 : 0;
}

static void keep_header(struct http_answer *answer, const char *line, size_t size)
{
	cleanup_free char *text = NULL;
	unsigned long long start = 0;
	const char *value = NULL;
	size_t len = 0;

	if ((value = header_value(line, size, "etag:", &len))) {
		free(answer->etag);
		answer->etag = strndup(value, len);
	} else if ((value = header_value(line, size, "last-modified:", &len))) {
		free(answer->last_modified);
		answer->last_modified = strndup(value, len);
	} else if ((value = header_value(line, size, "content-range:", &len))) {
		text = strndup(value, len);
		answer->has_range = text && sscanf(text, "bytes %llu-", &start) == 1;
		answer->range_start = start;
	} else if ((value = header_value(line, size, "retry-after:", &len))) {
		text = strndup(value, len);
		answer->retry_after_ms = text ? parse_retry_after(text) : 0;
	}
}

static size_t on_header(char *data, size_t size, size_t nmemb, void *arg)
{
	struct http_job *job = arg;
	size_t n = size * nmemb;
	const char *target = NULL;
	size_t len = 0;

	job->header_bytes += n;
	if (job->header_bytes > HEADERS_MAX || ++job->header_lines > HEADER_LINES_MAX)
		return stop(job, HTTP_STOP_HEADERS);
	if (n > 5 && memcmp(data, "HTTP/", 5) == 0)
		answer_reset(&job->answer);
	if (n <= 2 && (data[0] == '\r' || data[0] == '\n'))
		job->answer.is_whole = true;
	target = header_value(data, n, "location:", &len);
	if (target) {
		enum http_stop why = judge_redirect(job, target, len);

		job->answer.is_redirect = true;
		return why == HTTP_STOP_NONE ? n : stop(job, why);
	}
	keep_header(&job->answer, data, n);
	return n;
}

/* libcurl reads and drops the body of a redirect; it may not be endless. */
static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
		       curl_off_t up_now)
{
	struct http_job *job = arg;

	(void)total;
	(void)up_total;
	(void)up_now;
	if (now < 0 || (uint64_t)now <= job->limit_bytes + BESIDE_MAX)
		return 0;
	job->stop = HTTP_STOP_TOO_LARGE;
	return 1;
}

/* -- before the first try -- */

static int check_url(const char *url, struct err *err)
{
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0 &&
	    strncasecmp(url, "file:///", 8) != 0)
		return err_set(err, ERR_CONFIG, "'%s' is no http:, https: or file: URL",
			       URL_SHOWN(url));
	return 0;
}

int http_job_init(struct http_job *job, struct http_transfer *transfer,
		  struct http_counters *counters, struct err *err)
{
	*job = (struct http_job){ .transfer = transfer,
				  .counters = counters,
				  .part = HTTP_PART_INIT,
				  .server_count =
					  transfer->url ? 1 : transfer->source->bases.count };
	transfer->downloaded = transfer->not_modified = false;
	transfer->got_bytes = 0;
	transfer->failure = (struct err)ERR_INIT;
	job->limit_bytes = transfer->size_bytes  ? transfer->size_bytes
			   : transfer->max_bytes ? transfer->max_bytes
						 : HTTP_BODY_MAX;
	job->attempts = calloc(job->server_count + 1, sizeof(*job->attempts));
	if (!job->attempts)
		return err_nomem(err);
	if (!transfer->url)
		return http_servers_init(transfer->source, err);
	if (check_url(transfer->url, err) < 0)
		return -err->code;
	return http_host_get(transfer->url, &job->host, err);
}

void http_job_release(struct http_job *job)
{
	for (size_t i = 0; job->attempts && i < job->server_count; i++)
		free(job->attempts[i].reason);
	free(job->attempts);
	free(job->url);
	curl_slist_free_all(job->headers);
	http_part_close(&job->part,
			job->transfer && job->transfer->sha256 && job->transfer->got_bytes > 0);
	http_part_release(&job->part);
	digest_free(job->digest);
	answer_reset(&job->answer);
	free(job->local_err);
	*job = (struct http_job){ .part = HTTP_PART_INIT };
}

/* Opens what the try's bytes go into, behind what an earlier try or run has left of it. */
static int prepare(struct http_job *job, struct err *err)
{
	struct http_transfer *t = job->transfer;
	bool resumable = is_resumable(t);

	if (job->prepared)
		return resumable ? 0 : discard(job, err);
	t->got_bytes = 0;
	str_reset(&t->body);
	if (!resumable && digest_new(&job->digest, err) < 0)
		return -err->code;
	job->prepared = true;
	if (!t->dest)
		return 0;
	if (http_part_open(&job->part, t->dest, resumable, err) < 0)
		return -err->code;
	if (!resumable)
		return http_part_empty(&job->part, err);
	if (http_part_resume(&job->part, job->limit_bytes, &t->got_bytes, err) < 0)
		return -err->code;
	job->counters->present_bytes += t->got_bytes;
	return 0;
}

static int commit(struct http_job *job, struct err *err)
{
	struct http_transfer *t = job->transfer;

	t->downloaded = true;
	digest_free(steal_ptr(&job->digest));
	job->prepared = false;
	return t->dest ? http_part_commit(&job->part, t->dest, err) : 0;
}

static int dest_is_right(struct http_job *job, bool *ret, struct err *err)
{
	struct http_transfer *t = job->transfer;
	struct stat st;

	*ret = false;
	if (lstat(t->dest, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (t->size_bytes && (uint64_t)st.st_size != t->size_bytes))
		return 0;
	if (sha256_file(t->dest, t->got_sha256, &t->got_bytes, err) < 0)
		return -err->code;
	*ret = strcmp(t->got_sha256, t->sha256) == 0;
	if (*ret)
		job->counters->present_bytes += t->got_bytes;
	return 0;
}

int http_job_present(struct http_job *job, bool *ret_done, struct err *err)
{
	struct http_transfer *t = job->transfer;

	*ret_done = false;
	if (!t->dest || !t->sha256)
		return 0;
	if (dest_is_right(job, ret_done, err) < 0)
		return -err->code;
	if (*ret_done)
		return 0;
	if (prepare(job, err) < 0)
		return -err->code;
	/* Killed between the last byte and the rename. */
	if (!t->size_bytes || t->got_bytes != t->size_bytes)
		return 0;
	if (http_part_digest(&job->part, t->got_sha256, err) < 0)
		return -err->code;
	*ret_done = strcmp(t->got_sha256, t->sha256) == 0;
	return *ret_done ? commit(job, err) : discard(job, err);
}

/* -- one try -- */

static int record(struct http_attempt *attempt, enum err_code code, const char *reason,
		  struct err *err)
{
	attempt->code = code;
	free(steal_ptr(&attempt->reason));
	return str_dup(&attempt->reason, reason, err);
}

int http_job_pick(struct http_job *job, bool offline, bool *ret, struct err *err)
{
	const struct http_transfer *t = job->transfer;
	struct http_server *servers = t->url ? NULL : t->source->servers;

	for (;;) {
		size_t i = http_server_pick(servers, job->attempts, job->server_count);
		const char *url = t->url;

		*ret = i < job->server_count;
		if (!*ret)
			return 0;
		if (!url)
			url = t->source->bases.items[i];
		job->server = i;
		if (servers)
			job->host = servers[i].host;
		if (!offline || strncasecmp(url, "file:", 5) == 0)
			return 0;
		job->attempts[i].gone = true;
		if (record(&job->attempts[i], ERR_NETWORK, "the network is not to be used", err) <
		    0)
			return -err->code;
	}
}

/* What is there and is no plain file (a pipe, a device) libcurl would wait for without end. */
static int check_local(const struct http_job *job, struct err *err)
{
	char *path = NULL;
	struct stat st;
	bool plain = true;

	if (strncasecmp(job->url, "file://", 7) != 0)
		return 0;
	path = curl_easy_unescape(job->easy, job->url + 7, 0, NULL);
	if (!path)
		return err_nomem(err);
	plain = stat(path, &st) < 0 || S_ISREG(st.st_mode);
	curl_free(path);
	return plain ? 0
		     : err_set(err, ERR_NETWORK,
			       "cannot download '%s': it is no plain file; check the path",
			       URL_SHOWN(job->url));
}

static int set_url(struct http_job *job, struct err *err)
{
	const struct http_transfer *t = job->transfer;
	int r = 0;

	free(steal_ptr(&job->url));
	if (t->url)
		r = str_dup(&job->url, t->url, err);
	else if (check_url(t->source->bases.items[job->server], err) < 0)
		r = -(int)err->code;
	else
		r = url_join(t->source->bases.items[job->server], t->path, &job->url, err);
	return r < 0 ? r : check_local(job, err);
}

int http_job_start(struct http_job *job, CURL *easy, struct err *err)
{
	job->easy = easy;
	job->stop = HTTP_STOP_NONE;
	job->header_bytes = 0;
	job->header_lines = 0;
	job->body_begun = job->body_is_beside = false;
	job->try_bytes = job->beside_bytes = 0;
	job->curl_error[0] = '\0';
	answer_reset(&job->answer);
	if (set_url(job, err) < 0 || prepare(job, err) < 0)
		return -err->code;
	job->resumed_bytes = job->transfer->got_bytes;
	if (http_option_set(job, err) < 0)
		return -err->code;
	if (curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HEADERDATA, job) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, job) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PRIVATE, job) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->curl_error) != CURLE_OK)
		return err_set(err, ERR_FAILED, "libcurl refuses an option for '%s'",
			       URL_SHOWN(job->url));
	return 0;
}

/* -- its end -- */

static int take_results(struct http_job *job, struct err *err)
{
	struct http_transfer *t = job->transfer;

	free(t->etag);
	t->etag = steal_ptr(&job->answer.etag);
	free(t->last_modified);
	t->last_modified = steal_ptr(&job->answer.last_modified);
	free(steal_ptr(&t->from));
	return str_dup(&t->from, URL_SHOWN(job->url), err);
}

/* Not modified, in answer to a condition of ours. */
static bool is_not_modified(const struct http_job *job, CURLcode code, long status)
{
	const struct http_transfer *t = job->transfer;

	return code == CURLE_OK && status == 304 && (t->if_none_match || t->if_modified_since);
}

static void fail(struct http_failure *ret, enum http_verdict verdict, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void fail(struct http_failure *ret, enum http_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	*ret = (struct http_failure){ .verdict = verdict,
				      .code = ERR_VERIFY,
				      .advice = "the mirror is damaged or not up to date: try "
						"again later, or another mirror" };
	va_start(ap, fmt);
	vsnprintf(ret->reason, sizeof(ret->reason), fmt, ap);
	va_end(ap);
}

/* A resumed file may be wrong because of what was there: that is fetched anew. */
static enum http_verdict verdict_of_wrong(const struct http_job *job)
{
	return job->resumed_bytes ? HTTP_ANEW : HTTP_NEXT;
}

/* The digest of what libcurl calls complete, and what the caller thinks of it. */
static int check_content(struct http_job *job, struct http_failure *ret, struct err *err)
{
	struct http_transfer *t = job->transfer;
	struct err said = ERR_INIT;

	if (t->sha256 && strcmp(t->got_sha256, t->sha256) != 0) {
		fail(ret, verdict_of_wrong(job), "it has SHA-256 %s instead of %s", t->got_sha256,
		     t->sha256);
		return 0;
	}
	if (!t->accept || t->accept(t, t->arg, &said) == 0)
		return 0;
	if (said.code != ERR_VERIFY && said.code != ERR_NETWORK) {
		*err = said;
		return -err->code;
	}
	fail(ret, HTTP_NEXT, "%s", said.msg);
	ret->code = said.code;
	if (set_local(job, &said) < 0 && !job->local_err)
		return err_nomem(err);
	return 0;
}

/* What libcurl calls complete: its size, and then its content, now or when somebody has read it. */
static int check(struct http_job *job, struct http_failure *ret, struct err *err)
{
	struct http_transfer *t = job->transfer;
	enum http_verdict verdict = verdict_of_wrong(job);

	ret->verdict = HTTP_DONE;
	if (t->size_bytes && t->got_bytes < t->size_bytes) {
		/* Perhaps only its length was wrong, and the rest can be had: once. */
		if (t->got_bytes > job->resumed_bytes && !job->was_short)
			verdict = HTTP_CONTINUE;
		job->was_short = true;
		fail(ret, verdict, "it has %llu bytes instead of %llu",
		     (unsigned long long)t->got_bytes, (unsigned long long)t->size_bytes);
		return 0;
	}
	if (t->dest && http_part_flush(&job->part, err) < 0)
		return -err->code;
	if (!job->digest) {
		ret->verdict = HTTP_READ;
		return 0;
	}
	digest_final_hex(job->digest, t->got_sha256);
	return check_content(job, ret, err);
}

static void note_health(const struct http_job *job, const struct http_failure *failure, long status)
{
	struct http_server *server = NULL;

	if (job->transfer->url)
		return;
	server = &job->transfer->source->servers[job->server];
	switch (failure->verdict) {
	case HTTP_DONE:
		server->found++;
		server->failed = false;
		break;
	case HTTP_NEXT:
	case HTTP_AGAIN:
		if (status == 404 || status == 410)
			server->missing++;
		else if (failure->code == ERR_VERIFY)
			server->wrong = true;
		else
			server->failed = true;
		break;
	default:
		break;
	}
}

/* Nothing is missing of a file whose server goes on or hangs up behind its end. */
static bool is_all_there(const struct http_job *job, long status)
{
	const struct http_transfer *t = job->transfer;

	return job->stop == HTTP_STOP_NONE && job->body_begun && is_good(job, status) &&
	       t->sha256 && t->size_bytes && t->got_bytes == t->size_bytes;
}

static int note_attempt(struct http_job *job, const struct http_failure *failure, struct err *err)
{
	const struct http_settings *settings = http_job_settings(job);
	unsigned int retries = settings && settings->retries ? settings->retries : HTTP_RETRIES;
	struct http_attempt *attempt = &job->attempts[job->server];

	if (failure->tries_max && retries > failure->tries_max)
		retries = failure->tries_max;
	if (failure->verdict == HTTP_CONTINUE)
		job->continued++;
	else
		attempt->tries++;
	if (failure->verdict == HTTP_NEXT || failure->verdict == HTTP_GIVE_UP ||
	    attempt->tries >= retries)
		attempt->gone = true;
	if (failure->host_pause_ms)
		job->host->not_before_ms = clock_monotonic_ms() + failure->host_pause_ms;
	return record(attempt, failure->code, failure->reason, err);
}

/* Nothing of what is known to be wrong stays. */
static int drop_wrong(struct http_job *job, const struct http_failure *failure, struct err *err)
{
	if (job->prepared && (failure->verdict == HTTP_ANEW ||
			      (failure->code == ERR_VERIFY && failure->verdict != HTTP_CONTINUE)))
		return discard(job, err);
	return 0;
}

/* What follows from a verdict. */
static int conclude(struct http_job *job, struct http_failure *ret, long status, struct err *err)
{
	int r;

	note_health(job, ret, status);
	if (ret->verdict != HTTP_DONE) {
		r = note_attempt(job, ret, err);
		return r < 0 ? r : drop_wrong(job, ret, err);
	}
	r = take_results(job, err);
	return r < 0 || job->transfer->not_modified ? r : commit(job, err);
}

int http_job_ended(struct http_job *job, CURLcode code, struct http_failure *ret, struct err *err)
{
	long status = 0;
	int r = 0;

	*ret = (struct http_failure){ .verdict = HTTP_DONE };
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status && !job->answer.is_whole) {
		stop(job, HTTP_STOP_CLOSED); /* libcurl takes that for an empty file */
		code = CURLE_GOT_NOTHING;
	}
	if (is_all_there(job, status))
		code = CURLE_OK;
	if (code == CURLE_OK && is_good(job, status) && !job->body_begun && !begin_body(job))
		code = CURLE_WRITE_ERROR; /* an answer without a single byte */
	if (is_not_modified(job, code, status)) {
		job->transfer->not_modified = true;
		http_part_close(&job->part, false);
	} else if (code == CURLE_OK && is_good(job, status)) {
		r = check(job, ret, err);
	} else {
		http_error_judge(job, code, status, ret);
	}
	job->easy = NULL;
	if (r < 0)
		return r;
	if (job->stop == HTTP_STOP_LOCAL && job->local_err) {
		*err = *job->local_err;
		return -err->code;
	}
	return ret->verdict == HTTP_READ ? 0 : conclude(job, ret, status, err);
}

int http_job_read(struct http_job *job, struct http_failure *ret, struct err *err)
{
	*ret = (struct http_failure){ .verdict = HTTP_DONE };
	if (job->read_errnum && interrupt_check(err) < 0)
		return -err->code;
	if (job->read_errnum)
		return err_errno(err, ERR_FAILED, job->read_errnum, "cannot read '%s'",
				 job->part.path);
	if (check_content(job, ret, err) < 0)
		return -err->code;
	return conclude(job, ret, 200, err);
}

void http_job_rest(struct http_job *job)
{
	struct http_transfer *t = job->transfer;

	http_part_close(&job->part, t->sha256 && t->got_bytes > 0);
	job->counters->present_bytes -= t->got_bytes;
	t->got_bytes = 0;
	str_reset(&t->body);
	digest_free(steal_ptr(&job->digest));
	job->prepared = false;
}
