/* SPDX-License-Identifier: Apache-2.0 */
#include "http_error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "url.h"

#define CONTINUE_MAX 8U
#define RETRY_AFTER_MAX_MS 120000U
#define UNREACHABLE_TRIES_MAX 2U

#define ADVICE_LATER "try again later, or use another mirror"
#define ADVICE_CLIENT                                                \
	"it may want a client certificate: give the repository its " \
	"`sslclientcert` and `sslclientkey`"
#define ADVICE_OTHER_CLIENT                                               \
	"it may want another client certificate: check the repository's " \
	"`sslclientcert` and `sslclientkey`"
#define ADVICE_PROXY_CLIENT                                                         \
	"the proxy may want a client certificate: check `proxy_sslclientcert` and " \
	"`proxy_sslclientkey`"
#define ADVICE_PROXY_TLS \
	"check the proxy's certificate, `proxy_sslcacert`, `proxy_sslclientcert` and the clock"
#define ADVICE_NET "check the network, the proxy and the repository's address"
#define ADVICE_RESUME "run again: what was received is kept"
#define ADVICE_MIRROR "use another mirror"
#define ADVICE_DAMAGED "the mirror is damaged or not up to date: try again later, or another mirror"

static const char advice_tls[] =
	"check the server's certificate, `sslcacert`, `sslclientcert` and the clock";

/* What libcurl's codes mean for us; any other one: the next server. */
static const struct rule {
	CURLcode curl;
	enum http_verdict verdict;
	enum err_code code;
	const char *advice;
} rules[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, HTTP_AGAIN, ERR_NETWORK, ADVICE_NET },
	{ CURLE_COULDNT_RESOLVE_PROXY, HTTP_AGAIN, ERR_NETWORK, ADVICE_NET },
	{ CURLE_COULDNT_CONNECT, HTTP_AGAIN, ERR_NETWORK, ADVICE_NET },
	{ CURLE_OPERATION_TIMEDOUT, HTTP_AGAIN, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_PARTIAL_FILE, HTTP_CONTINUE, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_GOT_NOTHING, HTTP_CONTINUE, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_SEND_ERROR, HTTP_CONTINUE, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_RECV_ERROR, HTTP_CONTINUE, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_HTTP2, HTTP_CONTINUE, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_HTTP2_STREAM, HTTP_CONTINUE, ERR_NETWORK, ADVICE_RESUME },
	{ CURLE_PEER_FAILED_VERIFICATION, HTTP_NEXT, ERR_NETWORK, advice_tls },
	{ CURLE_SSL_CACERT, HTTP_NEXT, ERR_NETWORK, advice_tls }, /* before 7.62 another one */
	{ CURLE_SSL_CONNECT_ERROR, HTTP_NEXT, ERR_NETWORK, advice_tls },
	{ CURLE_SSL_INVALIDCERTSTATUS, HTTP_NEXT, ERR_NETWORK,
	  "with `sslverifystatus` the server must prove that its certificate is not revoked" },
	{ CURLE_SSL_CACERT_BADFILE, HTTP_GIVE_UP, ERR_CONFIG, "check `sslcacert`" },
	{ CURLE_SSL_CERTPROBLEM, HTTP_GIVE_UP, ERR_CONFIG,
	  "check `sslclientcert` and `sslclientkey`" },
	{ CURLE_FILE_COULDNT_READ_FILE, HTTP_NEXT, ERR_NETWORK, "check the path" },
	{ CURLE_BAD_DOWNLOAD_RESUME, HTTP_ANEW, ERR_NETWORK, ADVICE_MIRROR },
	{ CURLE_TOO_MANY_REDIRECTS, HTTP_NEXT, ERR_NETWORK, ADVICE_MIRROR },
	{ CURLE_UNSUPPORTED_PROTOCOL, HTTP_NEXT, ERR_NETWORK, ADVICE_MIRROR },
	{ CURLE_WEIRD_SERVER_REPLY, HTTP_NEXT, ERR_NETWORK, ADVICE_MIRROR },
};

/* Why our own callbacks ended it. */
static const struct {
	enum http_verdict verdict;
	enum err_code code;
	const char *reason, *advice;
} stops[] = {
	[HTTP_STOP_LOCAL] = { HTTP_GIVE_UP, ERR_FAILED, "it cannot be written", "" },
	[HTTP_STOP_TOO_LARGE] = { HTTP_NEXT, ERR_VERIFY, "", ADVICE_DAMAGED },
	[HTTP_STOP_DOWNGRADE] = { HTTP_NEXT, ERR_NETWORK, "it redirects from https to http",
				  "use the address of a mirror that keeps to https" },
	[HTTP_STOP_SCHEME] = { HTTP_NEXT, ERR_NETWORK,
			       "it redirects to something else than http and https",
			       ADVICE_MIRROR },
	[HTTP_STOP_HEADERS] = { HTTP_NEXT, ERR_NETWORK, "its headers do not end", ADVICE_MIRROR },
	[HTTP_STOP_CLOSED] = { HTTP_AGAIN, ERR_NETWORK,
			       "the connection was closed in the middle of the headers",
			       ADVICE_RESUME },
	[HTTP_STOP_RANGE] = { HTTP_ANEW, ERR_NETWORK,
			      "it sends another range than the one that was asked for",
			      ADVICE_MIRROR },
};

static void set(struct http_failure *ret, enum http_verdict verdict, enum err_code code,
		const char *advice)
{
	*ret = (struct http_failure){ .verdict = verdict, .code = code, .advice = advice };
}

static void judge_stop(const struct http_job *job, struct http_failure *ret)
{
	set(ret, stops[job->stop].verdict, stops[job->stop].code, stops[job->stop].advice);
	if (job->stop == HTTP_STOP_TOO_LARGE) {
		snprintf(ret->reason, sizeof(ret->reason),
			 "it is longer than the %llu bytes that it may have",
			 (unsigned long long)job->limit_bytes);
		if (job->resumed_bytes)
			ret->verdict = HTTP_ANEW;
	} else {
		snprintf(ret->reason, sizeof(ret->reason), "%s", stops[job->stop].reason);
	}
}

static bool may_pass(long status)
{
	return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

static void judge_status(const struct http_job *job, long status, struct http_failure *ret)
{
	uint64_t pause_ms = job->answer.retry_after_ms;

	set(ret, may_pass(status) ? HTTP_AGAIN : HTTP_NEXT, ERR_NETWORK, ADVICE_LATER);
	snprintf(ret->reason, sizeof(ret->reason), "the server answers with status %ld", status);
	if (status == 401 || status == 403)
		ret->advice = "check the credentials, the entitlement certificate or the proxy";
	else if (status == 407)
		ret->advice = "check `proxy_username` and `proxy_password`";
	else if (status == 404 || status == 410)
		ret->advice = "the repository may have changed: run `pgha-bundle resolve` again";
	else if (status == 416 && job->resumed_bytes)
		ret->verdict = HTTP_ANEW;
	if (ret->verdict != HTTP_AGAIN || pause_ms == 0)
		return;
	snprintf(ret->reason, sizeof(ret->reason),
		 "the server answers with status %ld and asks to come back in %llu s", status,
		 (unsigned long long)(pause_ms + 999) / 1000);
	if (pause_ms > RETRY_AFTER_MAX_MS)
		ret->verdict = HTTP_NEXT;
	else
		ret->host_pause_ms = pause_ms;
}

/* Whether it is not the server but an HTTPS proxy whose TLS CODE is about. */
static bool is_about_proxy(const struct http_job *job, CURLcode code)
{
	const struct http_settings *s = http_job_settings(job);
	long answer = 0, verified = 0;

	if (!s || !s->proxy || strncasecmp(s->proxy, "https:", 6) != 0)
		return false;
	curl_easy_getinfo(job->easy, CURLINFO_HTTP_CONNECTCODE, &answer);
	curl_easy_getinfo(job->easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &verified);
	/* A certificate is judged before the proxy is asked for the server. */
	return verified || (code != CURLE_PEER_FAILED_VERIFICATION && !answer);
}

/* Whether the connection ended behind the TLS handshake and before any byte of the answer. */
static bool is_shut_out(const struct http_job *job, CURLcode code)
{
	const char *url = NULL;

	if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING &&
	    code != CURLE_HTTP2 && code != CURLE_HTTP2_STREAM)
		return false;
	if (job->header_bytes && !(job->answer.is_whole && job->answer.is_redirect))
		return false;
	return is_about_proxy(job, code) ||
	       (curl_easy_getinfo(job->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url &&
		strncasecmp(url, "https:", 6) == 0);
}

/*
 * With TLS 1.3 a server refuses a client's certificate when the client has ended the handshake
 * already (RFC 8446, 4.4.2.4): as an alert, or as a reset that overtakes it, which libcurl meets with
 * one error or another of the socket.
 */
static void judge_shut_out(const struct http_job *job, CURLcode code, struct http_failure *ret)
{
	const struct http_settings *s = http_job_settings(job);
	/* An alert says it for certain; a reset may have passed the next time. */
	bool alert = strstr(job->curl_error, "alert");

	ret->verdict = alert ? HTTP_NEXT : HTTP_AGAIN;
	ret->advice = is_about_proxy(job, code) ? ADVICE_PROXY_CLIENT
		      : s && s->sslclientcert   ? ADVICE_OTHER_CLIENT
						: ADVICE_CLIENT;
	if (!alert)
		snprintf(ret->reason, sizeof(ret->reason),
			 "the %s ended the connection right after the TLS handshake",
			 is_about_proxy(job, code) ? "proxy" : "server");
}

static void judge_curl(const struct http_job *job, CURLcode code, struct http_failure *ret)
{
	size_t len = strlen(job->curl_error);

	set(ret, HTTP_NEXT, ERR_NETWORK, ADVICE_LATER);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].curl == code)
			set(ret, rules[i].verdict, rules[i].code, rules[i].advice);
	while (len && strchr("\r\n ", job->curl_error[len - 1]))
		len--;
	snprintf(ret->reason, sizeof(ret->reason), "%.*s", len ? (int)len : 200,
		 len ? job->curl_error : curl_easy_strerror(code));
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
	    code == CURLE_COULDNT_CONNECT)
		ret->tries_max = UNREACHABLE_TRIES_MAX;
	if (ret->advice == advice_tls && is_about_proxy(job, code))
		ret->advice = ADVICE_PROXY_TLS;
	if (is_shut_out(job, code))
		judge_shut_out(job, code, ret);
	/* Only with more than the last time: or a server could keep us for ever. */
	if (ret->verdict == HTTP_CONTINUE &&
	    (job->transfer->got_bytes <= job->resumed_bytes || job->continued >= CONTINUE_MAX))
		ret->verdict = HTTP_AGAIN;
}

void http_error_judge(const struct http_job *job, CURLcode code, long status,
		      struct http_failure *ret)
{
	long proxy_status = 0;

	curl_easy_getinfo(job->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	if (job->stop != HTTP_STOP_NONE)
		judge_stop(job, ret);
	else if (proxy_status >= 400)
		judge_status(job, proxy_status, ret); /* it refused the tunnel */
	else if (code == CURLE_OK || (job->answer.is_whole && status >= 400))
		judge_status(job, status, ret);
	else
		judge_curl(job, code, ret);
}

/* One server: its words alone. Several: how many, the last one's words, and each one's below. */
static void describe(const struct http_job *job, const struct http_attempt *last,
		     enum err_code code, const char *advice, struct err *err)
{
	const struct http_transfer *t = job->transfer;
	const char *reason = last && last->reason ? last->reason : "no server is known";
	const char *gap = *advice ? "; " : "";
	char tries[32] = "";

	if (t->url || job->server_count == 1) {
		if (last && last->tries > 1)
			snprintf(tries, sizeof(tries), " (%u tries)", last->tries);
		err_set(err, code, "cannot download '%s': %s%s%s%s",
			URL_SHOWN(job->url ? job->url
				  : t->url ? t->url
					   : t->path),
			reason, tries, gap, advice);
		return;
	}
	if (job->server_count == 0)
		err_set(err, code,
			"cannot download '%s': no server is known; check the "
			"repository's address",
			t->path);
	else
		err_set(err, code,
			"cannot download '%s' from any of %zu servers, the last one: "
			"%s%s%s",
			t->path, job->server_count, reason, gap, advice);
	for (size_t i = 0; i < job->server_count; i++)
		if (job->attempts[i].reason)
			err_detail(err, "%s: %s", URL_SHOWN(t->source->bases.items[i]),
				   job->attempts[i].reason);
}

int http_error_final(const struct http_job *job, const struct http_failure *last, struct err *err)
{
	const struct http_attempt *attempt = NULL;
	enum err_code code = last ? last->code : ERR_NETWORK;

	if (job->server_count)
		attempt = &job->attempts[job->server];
	/* A server that lies is worse news than one that does not answer. */
	for (size_t i = 0; i < job->server_count; i++) {
		if (code != ERR_NETWORK || job->attempts[i].code != ERR_VERIFY)
			continue;
		code = ERR_VERIFY;
		attempt = &job->attempts[i];
	}
	describe(job, attempt, code,
		 code == ERR_VERIFY ? ADVICE_DAMAGED
		 : last             ? last->advice
				    : "run again without `--offline`",
		 err);
	return -(int)err->code;
}
