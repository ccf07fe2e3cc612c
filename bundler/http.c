/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "compat.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"
#include "url.h"

#define PARALLEL 8
#define TRIES_MAX 2
#define CONNECT_TIMEOUT_S 30L
#define LOW_SPEED_BYTES 1000L /* per second, for LOW_SPEED_S: then the transfer has failed */
#define LOW_SPEED_S 30L
#define REDIRECTS_MAX 10L
#define WAIT_MS 500

/* One transfer under way. */
struct job {
	struct http_transfer *transfer; /* borrowed */
	char *url;
	CURL *easy;
	int fd; /* of PART, or -1 for a transfer into memory */
	char *part;
	struct digest *digest;
	uint64_t resumed_bytes; /* what PART already had */
	uint64_t limit_bytes;
	unsigned int tries;
	bool fresh;     /* do not resume any more */
	bool too_large; /* the write callback stopped it */
	bool downgrade; /* the header callback stopped it */
	int write_errno;
	bool active;
	char curl_error[CURL_ERROR_SIZE];
};

struct run {
	CURLM *multi;
	struct job *jobs;
	size_t count;
	size_t next; /* the first job that was never started */
	unsigned int active, done;
	uint64_t finished_bytes;
	struct progress progress;
	bool show;
};

static size_t on_data(char *data, size_t size, size_t nmemb, void *arg)
{
	struct job *j = arg;
	struct http_transfer *t = j->transfer;
	size_t n = size * nmemb;
	struct err err = ERR_INIT;

	if (n > j->limit_bytes - t->got_bytes) {
		j->too_large = true;
		return 0;
	}
	digest_update(j->digest, data, n);
	t->got_bytes += n;
	if (j->fd < 0) {
		str_add_len(&t->body, data, n);
		if (t->body.failed)
			j->write_errno = ENOMEM;
		return t->body.failed ? 0 : n;
	}
	errno = 0;
	if (fd_write_all(j->fd, j->part, data, n, &err) < 0) {
		j->write_errno = errno ? errno : EIO;
		return 0;
	}
	return n;
}

/* Stops a redirect from https to http wherever it stands in a chain. */
static size_t on_header(char *data, size_t size, size_t nmemb, void *arg)
{
	struct job *j = arg;
	size_t n = size * nmemb;
	const char *url = NULL;
	size_t i = strlen("location:");

	if (n <= i || strncasecmp(data, "location:", i) != 0)
		return n;
	while (i < n && (data[i] == ' ' || data[i] == '\t'))
		i++;
	if (n - i < 5 || strncasecmp(data + i, "http:", 5) != 0)
		return n;
	if (curl_easy_getinfo(j->easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || !url ||
	    strncasecmp(url, "https:", 6) == 0) {
		j->downgrade = true;
		return 0;
	}
	return n;
}

/* Feeds what an earlier run left of PART to the digest; a part that is too long starts anew. */
static int part_resume(struct job *j, struct err *err)
{
	struct http_transfer *t = j->transfer;
	char buf[65536];
	struct stat st;
	ssize_t n;

	t->got_bytes = 0;
	j->resumed_bytes = 0;
	if (fstat(j->fd, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot examine '%s'", j->part);
	if (!t->sha256 || j->fresh || (uint64_t)st.st_size >= j->limit_bytes) {
		if (ftruncate(j->fd, 0) < 0 || lseek(j->fd, 0, SEEK_SET) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot empty '%s'", j->part);
		return 0;
	}
	if (lseek(j->fd, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rewind '%s'", j->part);
	while ((n = read(j->fd, buf, sizeof(buf))) > 0) {
		digest_update(j->digest, buf, (size_t)n);
		t->got_bytes += (uint64_t)n;
	}
	if (n < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", j->part);
	j->resumed_bytes = t->got_bytes;
	return 0;
}

/* Opens PART for us alone. Another process may rename it away between open and lock. */
static int part_open(struct job *j, struct err *err)
{
	const struct http_transfer *t = j->transfer;
	cleanup_free char *dir = NULL;
	struct stat by_fd, by_name;

	if (!j->part) {
		if (t->sha256) {
			if (str_printf(&j->part, err, "%s.part", t->dest) < 0)
				return -err->code;
		} else if (str_printf(&j->part, err, "%s.%ld.part", t->dest, (long)getpid()) < 0) {
			return -err->code;
		}
	}
	if (str_dup(&dir, t->dest, err) < 0)
		return -err->code;
	if (strrchr(dir, '/') && strrchr(dir, '/') != dir) {
		*strrchr(dir, '/') = '\0';
		if (dir_make(dir, 0755, err) < 0)
			return -err->code;
	}
	for (;;) {
		j->fd = open(j->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (j->fd < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot create '%s'", j->part);
		if (flock(j->fd, LOCK_EX | LOCK_NB) < 0)
			return err_set(err, ERR_FAILED,
				       "'%s' is being downloaded by another process; run again "
				       "when that one has ended",
				       j->part);
		if (fstat(j->fd, &by_fd) == 0 && stat(j->part, &by_name) == 0 &&
		    by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev)
			return part_resume(j, err);
		close(steal_fd(&j->fd));
	}
}

static const struct http_settings *settings_of(const struct http_transfer *t)
{
	return t->settings || !t->source ? t->settings : &t->source->settings;
}

static bool set_string(CURL *easy, CURLoption option, const char *value)
{
	return !value || curl_easy_setopt(easy, option, value) == CURLE_OK;
}

static bool set_long(CURL *easy, CURLoption option, long value)
{
	return curl_easy_setopt(easy, option, value) == CURLE_OK;
}

static bool set_safety(CURL *easy, const char *url)
{
	bool tls = strncasecmp(url, "https:", 6) == 0;

	return (tls ? COMPAT_CURL_ALLOW_TLS(easy) : COMPAT_CURL_ALLOW(easy)) &&
	       set_long(easy, CURLOPT_SSL_VERIFYPEER, 1) &&
	       set_long(easy, CURLOPT_SSL_VERIFYHOST, 2) &&
	       set_long(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) &&
	       set_long(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED) &&
	       set_long(easy, CURLOPT_FOLLOWLOCATION, 1) &&
	       set_long(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX) &&
	       set_long(easy, CURLOPT_UNRESTRICTED_AUTH, 0) &&
	       set_long(easy, CURLOPT_NOSIGNAL, 1) && set_long(easy, CURLOPT_FAILONERROR, 1) &&
	       set_long(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) &&
	       set_long(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES) &&
	       set_long(easy, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
}

static bool set_connection(CURL *easy, const struct http_settings *s)
{
	return !s || (set_string(easy, CURLOPT_CAINFO, s->sslcacert) &&
		      set_string(easy, CURLOPT_SSLCERT, s->sslclientcert) &&
		      set_string(easy, CURLOPT_SSLKEY, s->sslclientkey) &&
		      set_string(easy, CURLOPT_PROXY, s->proxy) &&
		      set_string(easy, CURLOPT_PROXYUSERNAME, s->proxy_username) &&
		      set_string(easy, CURLOPT_PROXYPASSWORD, s->proxy_password) &&
		      set_string(easy, CURLOPT_USERNAME, s->username) &&
		      set_string(easy, CURLOPT_PASSWORD, s->password));
}

static int job_set_options(struct job *j, struct err *err)
{
	CURL *e = j->easy;
	bool ok = set_safety(e, j->url) && set_connection(e, settings_of(j->transfer)) &&
		  set_string(e, CURLOPT_URL, j->url) &&
		  set_string(e, CURLOPT_USERAGENT, "pgha-bundle/" PGHA_VERSION) &&
		  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_WRITEDATA, j) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_HEADERDATA, j) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_PRIVATE, j) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, j->curl_error) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)j->resumed_bytes) ==
			  CURLE_OK;

	if (!ok)
		return err_set(err, ERR_FAILED, "libcurl refuses an option for '%s'",
			       URL_SHOWN(j->url));
	return 0;
}

static int check_readable(const char *path, const char *what, struct err *err)
{
	if (path && access(path, R_OK) < 0)
		return err_errno(err, ERR_CONFIG, errno, "cannot read '%s' (%s)", path, what);
	return 0;
}

static int check_transfer(const struct http_transfer *t, const char *url, struct err *err)
{
	const struct http_settings *s = settings_of(t);

	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0 &&
	    strncasecmp(url, "file:///", 8) != 0)
		return err_set(err, ERR_CONFIG, "'%s' is no http:, https: or file: URL",
			       URL_SHOWN(url));
	if (s && (check_readable(s->sslcacert, "sslcacert", err) < 0 ||
		  check_readable(s->sslclientcert, "sslclientcert", err) < 0 ||
		  check_readable(s->sslclientkey, "sslclientkey", err) < 0))
		return -err->code;
	return 0;
}

/* True when DEST is what the transfer would bring. */
static int already_there(struct http_transfer *t, bool *ret, struct err *err)
{
	struct stat st;

	*ret = false;
	if (!t->dest || !t->sha256 || lstat(t->dest, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (t->size_bytes && (uint64_t)st.st_size != t->size_bytes))
		return 0;
	if (sha256_file(t->dest, t->got_sha256, &t->got_bytes, err) < 0)
		return -err->code;
	*ret = strcmp(t->got_sha256, t->sha256) == 0;
	return 0;
}

static int job_start(struct run *run, struct job *j, struct err *err)
{
	struct http_transfer *t = j->transfer;

	j->tries++;
	j->too_large = j->downgrade = false;
	j->write_errno = 0;
	j->curl_error[0] = '\0';
	j->limit_bytes = t->size_bytes  ? t->size_bytes
			 : t->max_bytes ? t->max_bytes
					: HTTP_BODY_MAX;
	t->got_bytes = 0;
	str_reset(&t->body);
	digest_free(steal_ptr(&j->digest));
	if (digest_new(&j->digest, err) < 0 || (t->dest && part_open(j, err) < 0))
		return -err->code;
	j->easy = curl_easy_init();
	if (!j->easy)
		return err_nomem(err);
	if (job_set_options(j, err) < 0)
		return -err->code;
	if (curl_multi_add_handle(run->multi, j->easy) != CURLM_OK)
		return err_set(err, ERR_FAILED, "libcurl cannot start the download of '%s'",
			       URL_SHOWN(j->url));
	j->active = true;
	run->active++;
	return 0;
}

/* Ends what job_start() began; what was received stays in PART when a later run can use it. */
static void job_stop(struct run *run, struct job *j)
{
	if (j->active) {
		curl_multi_remove_handle(run->multi, j->easy);
		j->active = false;
		run->active--;
	}
	curl_easy_cleanup(steal_ptr(&j->easy));
	if (j->part && j->fd >= 0 && (!j->transfer->sha256 || j->transfer->got_bytes == 0))
		unlink(j->part);
	cleanup_closep(&j->fd);
	j->fd = -1;
}

static bool is_transient(CURLcode code, long status)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	case CURLE_HTTP_RETURNED_ERROR:
		return status >= 500 || status == 408 || status == 429;
	default:
		return false;
	}
}

static const char *advice(CURLcode code, long status)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return "check the network, the proxy and the repository's address";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CONNECT_ERROR:
		return "check the server's certificate, `sslcacert`, `sslclientcert` and the clock";
	case CURLE_SSL_CERTPROBLEM:
		return "check `sslclientcert` and `sslclientkey`";
	case CURLE_FILE_COULDNT_READ_FILE:
		return "check the path";
	case CURLE_HTTP_RETURNED_ERROR:
		if (status == 401 || status == 403)
			return "check the credentials, the entitlement certificate or the proxy";
		if (status == 404 || status == 410)
			return "the repository may have changed: run `pgha-bundle resolve` again";
		return "try again later, or use another mirror";
	default:
		return "run again: what was received is kept";
	}
}

static int fail_network(const struct job *j, CURLcode code, struct err *err)
{
	long status = 0;
	size_t len = strlen(j->curl_error);

	curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
	if (j->downgrade)
		return err_set(err, ERR_NETWORK,
			       "cannot download '%s': it redirects from https to http; use the "
			       "address of a mirror that keeps to https",
			       URL_SHOWN(j->url));
	if (code == CURLE_WRITE_ERROR && j->write_errno)
		return err_errno(err, ERR_FAILED, j->write_errno, "cannot write '%s'",
				 j->part ? j->part : URL_SHOWN(j->url));
	if (code == CURLE_UNSUPPORTED_PROTOCOL)
		return err_set(err, ERR_NETWORK,
			       "cannot download '%s': it redirects to something else than %s; use "
			       "another mirror",
			       URL_SHOWN(j->url),
			       strncasecmp(j->url, "https:", 6) == 0 ? "https" : "http and https");
	return err_set(err, ERR_NETWORK, "cannot download '%s': %.*s; %s", URL_SHOWN(j->url),
		       len ? (int)len : 200, len ? j->curl_error : curl_easy_strerror(code),
		       advice(code, status));
}

/* Size and digest of a transfer that libcurl calls complete. */
static int job_check(struct job *j, struct err *err)
{
	struct http_transfer *t = j->transfer;

	digest_final_hex(j->digest, t->got_sha256);
	if (t->size_bytes && t->got_bytes != t->size_bytes)
		return err_set(err, ERR_VERIFY,
			       "'%s' has %llu bytes instead of %llu; the mirror is damaged or not "
			       "up to date: try again later, or another mirror",
			       URL_SHOWN(j->url), (unsigned long long)t->got_bytes,
			       (unsigned long long)t->size_bytes);
	if (t->sha256 && strcmp(t->got_sha256, t->sha256) != 0)
		return err_set(err, ERR_VERIFY,
			       "'%s' has SHA-256 %s instead of %s; the mirror is damaged or not up "
			       "to date: try again later, or another mirror",
			       URL_SHOWN(j->url), t->got_sha256, t->sha256);
	return 0;
}

static int job_finish(struct run *run, struct job *j, struct err *err)
{
	struct http_transfer *t = j->transfer;

	if (t->dest && rename(j->part, t->dest) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rename '%s'", j->part);
	cleanup_closep(&j->fd);
	j->fd = -1;
	job_stop(run, j);
	t->downloaded = true;
	run->done++;
	run->finished_bytes += t->got_bytes;
	return 0;
}

/* True when the status is what a whole body comes with; a file: URL has none. */
static bool status_is_good(const struct job *j, long *ret_status)
{
	long status = 0;

	if (curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		return false;
	*ret_status = status;
	return status == 200 || status == 0 || (status == 206 && j->resumed_bytes);
}

/* What libcurl says about an ended transfer: finished, started again, or failed. */
static int job_ended(struct run *run, struct job *j, CURLcode code, struct err *err)
{
	struct http_transfer *t = j->transfer;
	long status = 0;
	bool good = status_is_good(j, &status);
	bool resumed = j->resumed_bytes > 0;

	if (code == CURLE_OK && good && job_check(j, err) == 0)
		return job_finish(run, j, err);
	if (j->too_large)
		err_set(err, ERR_VERIFY,
			"'%s' is longer than the %llu bytes that it may have; the mirror is "
			"damaged or not up to date: try again later, or another mirror",
			URL_SHOWN(j->url), (unsigned long long)j->limit_bytes);
	else if (code != CURLE_OK)
		fail_network(j, code, err);
	else if (!good)
		err_set(err, ERR_NETWORK, "cannot download '%s': status %ld is no file; %s",
			URL_SHOWN(j->url), status, advice(CURLE_HTTP_RETURNED_ERROR, status));

	/* A wrong part is worth nothing, and neither is what made a digest wrong. */
	if (code == CURLE_OK || j->too_large || (resumed && !is_transient(code, status))) {
		j->fresh = true;
		t->got_bytes = 0;
	}
	job_stop(run, j);
	if (j->tries < TRIES_MAX && (resumed || is_transient(code, status)) && !j->write_errno) {
		*err = (struct err)ERR_INIT;
		return job_start(run, j, err);
	}
	return -err->code;
}

static int start_more(struct run *run, struct err *err)
{
	while (run->active < PARALLEL && run->next < run->count) {
		struct job *j = &run->jobs[run->next++];
		bool there = false;

		if (already_there(j->transfer, &there, err) < 0)
			return -err->code;
		if (there) {
			run->done++;
			run->finished_bytes += j->transfer->got_bytes;
		} else if (job_start(run, j, err) < 0) {
			return -err->code;
		}
	}
	return 0;
}

static int reap(struct run *run, struct err *err)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(run->multi, &left))) {
		CURLcode code = msg->data.result;
		char *private = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
		if (job_ended(run, (struct job *)private, code, err) < 0)
			return -err->code;
	}
	return 0;
}

static void show_progress(struct run *run)
{
	uint64_t bytes = run->finished_bytes;

	if (!run->show)
		return;
	for (size_t i = 0; i < run->next; i++)
		if (run->jobs[i].active)
			bytes += run->jobs[i].transfer->got_bytes;
	progress_update(&run->progress, bytes, run->done);
}

static int run_all(struct run *run, struct err *err)
{
	for (;;) {
		int running;

		if (interrupt_check(err) < 0 || start_more(run, err) < 0)
			return -err->code;
		if (run->active == 0 && run->next == run->count)
			return 0;
		if (curl_multi_perform(run->multi, &running) != CURLM_OK)
			return err_set(err, ERR_FAILED, "libcurl cannot go on");
		if (reap(run, err) < 0)
			return -err->code;
		show_progress(run);
		/* Some versions of libcurl call it an error when a signal ends the wait. */
		if (running > 0 &&
		    curl_multi_wait(run->multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK &&
		    !interrupt_seen())
			return err_set(err, ERR_FAILED, "libcurl cannot wait for the network");
	}
}

static void run_release(struct run *run)
{
	for (size_t i = 0; run->jobs && i < run->count; i++) {
		job_stop(run, &run->jobs[i]);
		digest_free(run->jobs[i].digest);
		free(run->jobs[i].part);
		free(run->jobs[i].url);
	}
	free(run->jobs);
	if (run->multi)
		curl_multi_cleanup(run->multi);
}

static int job_url(struct job *j, struct err *err)
{
	const struct http_transfer *t = j->transfer;

	if (t->url)
		return str_dup(&j->url, t->url, err);
	return url_join(t->source->bases.items[0], t->path, &j->url, err);
}

static int run_init(struct run *run, struct http_transfer *transfers, size_t count,
		    const char *what, struct err *err)
{
	static bool initialised;
	uint64_t total = 0;

	if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FAILED, "libcurl cannot be initialised");
	initialised = true;
	run->jobs = calloc(count, sizeof(*run->jobs));
	run->multi = curl_multi_init();
	if (!run->jobs || !run->multi)
		return err_nomem(err);
	run->count = count;
	for (size_t i = 0; i < count; i++) {
		run->jobs[i].transfer = &transfers[i];
		run->jobs[i].fd = -1;
		transfers[i].downloaded = false;
		if (job_url(&run->jobs[i], err) < 0 ||
		    check_transfer(&transfers[i], run->jobs[i].url, err) < 0)
			return -err->code;
		total += transfers[i].size_bytes;
	}
	curl_multi_setopt(run->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)PARALLEL);
	run->show = what != NULL;
	if (run->show)
		progress_start(&run->progress, what, total, (unsigned int)count);
	return 0;
}

void http_source_release(struct http_source *source)
{
	strv_release(&source->bases);
	*source = (struct http_source)HTTP_SOURCE_INIT;
}

void http_transfer_release(struct http_transfer *transfer)
{
	str_release(&transfer->body);
	free(steal_ptr(&transfer->etag));
	free(steal_ptr(&transfer->last_modified));
	free(steal_ptr(&transfer->from));
}

int http_fetch(struct http_transfer *transfers, size_t count, const struct http_limits *limits,
	       const char *what, struct err *err)
{
	struct run run = { .multi = NULL };
	int r;

	(void)limits;
	if (count == 0)
		return 0;
	r = run_init(&run, transfers, count, what, err);
	if (r == 0)
		r = run_all(&run, err);
	if (run.show) {
		if (r == 0)
			progress_done(&run.progress);
		else
			progress_abort(&run.progress);
	}
	run_release(&run);
	return r;
}
