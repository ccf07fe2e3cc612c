/* SPDX-License-Identifier: Apache-2.0 */
#include "http_option.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "compat.h"
#include "url.h"

#define REDIRECTS_MAX 10L
#define BUFFER_SIZE (128L << 10)

static bool set_string(CURL *easy, CURLoption option, const char *value)
{
	return !value || curl_easy_setopt(easy, option, value) == CURLE_OK;
}

static bool set_long(CURL *easy, CURLoption option, long value)
{
	return curl_easy_setopt(easy, option, value) == CURLE_OK;
}

/* libcurl's sockets are not for the programs that we run. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)purpose;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
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
	       set_long(easy, CURLOPT_UNRESTRICTED_AUTH, 0) && COMPAT_CURL_NO_HTTP09(easy) &&
	       set_long(easy, CURLOPT_NOSIGNAL, 1) &&
	       curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK;
}

/* Nothing depends on these: a libcurl without HTTP/2 refuses the first. */
static void set_speed(CURL *easy)
{
	(void)set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	(void)set_long(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
}

/* What a proxy may be told of its password; "any" lets the proxy choose the strongest. */
static bool set_proxy_auth(CURL *easy, const struct http_settings *s)
{
	static const struct {
		const char *name;
		unsigned long mask;
	} methods[] = {
		{ "any", CURLAUTH_ANY },
		{ "none", CURLAUTH_NONE },
		{ "basic", CURLAUTH_BASIC },
		{ "digest", CURLAUTH_DIGEST },
		{ "negotiate", CURLAUTH_NEGOTIATE },
		{ "ntlm", CURLAUTH_NTLM },
	};
	const char *name = s->proxy_auth_method ? s->proxy_auth_method : "any";

	if (!s->proxy_username)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i].name, name))
			return curl_easy_setopt(easy, CURLOPT_PROXYAUTH, methods[i].mask) ==
			       CURLE_OK;
	return false;
}

static bool set_proxy(CURL *easy, const struct http_settings *s)
{
	/* The headers that we count are those of the server. */
	return set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1) &&
	       set_string(easy, CURLOPT_PROXY, s->proxy) &&
	       set_string(easy, CURLOPT_PROXYUSERNAME, s->proxy_username) &&
	       set_string(easy, CURLOPT_PROXYPASSWORD, s->proxy_password) &&
	       set_string(easy, CURLOPT_PROXY_CAINFO, s->proxy_sslcacert) &&
	       set_string(easy, CURLOPT_PROXY_SSLCERT, s->proxy_sslclientcert) &&
	       set_string(easy, CURLOPT_PROXY_SSLKEY, s->proxy_sslclientkey) &&
	       set_proxy_auth(easy, s);
}

static bool set_login(const struct http_job *job, const struct http_settings *s)
{
	return !http_server_may_know(s, job->url) ||
	       (set_string(job->easy, CURLOPT_USERNAME, s->username) &&
		set_string(job->easy, CURLOPT_PASSWORD, s->password));
}

static bool set_connection(CURL *easy, const struct http_settings *s)
{
	static const long versions[] = { [4] = CURL_IPRESOLVE_V4, [6] = CURL_IPRESOLVE_V6 };
	bool version = s->ip_version == 4 || s->ip_version == 6;

	return set_string(easy, CURLOPT_CAINFO, s->sslcacert) &&
	       set_string(easy, CURLOPT_SSLCERT, s->sslclientcert) &&
	       set_string(easy, CURLOPT_SSLKEY, s->sslclientkey) && set_proxy(easy, s) &&
	       (!s->sslverifystatus || set_long(easy, CURLOPT_SSL_VERIFYSTATUS, 1)) &&
	       set_string(easy, CURLOPT_USERAGENT,
			  s->user_agent ? s->user_agent : "pgha-bundle/" PGHA_VERSION) &&
	       set_long(easy, CURLOPT_CONNECTTIMEOUT,
			(long)(s->timeout_s ? s->timeout_s : HTTP_TIMEOUT_S)) &&
	       (!version || set_long(easy, CURLOPT_IPRESOLVE, versions[s->ip_version]));
}

/* Adds "NAME: VALUE", unless VALUE, which a cache may have kept, could be more than one header. */
static bool add_header(struct http_job *job, const char *name, const char *value)
{
	char line[1024];
	struct curl_slist *more = NULL;

	if (!value)
		return true;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ')
			return true;
	if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line))
		return true;
	more = curl_slist_append(job->headers, line);
	if (!more)
		return false;
	job->headers = more;
	return true;
}

static bool set_request(struct http_job *job)
{
	const struct http_transfer *t = job->transfer;
	char range[32];

	if (!set_string(job->easy, CURLOPT_URL, job->url) ||
	    !add_header(job, "If-None-Match", t->if_none_match) ||
	    !add_header(job, "If-Modified-Since", t->if_modified_since) ||
	    curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->headers) != CURLE_OK)
		return false;
	if (!job->resumed_bytes)
		return true;
	/* Not CURLOPT_RESUME_FROM: with that an answer with the whole file is an error. */
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)job->resumed_bytes);
	return set_string(job->easy, CURLOPT_RANGE, range);
}

static int refused(const struct http_job *job, struct err *err)
{
	return err_set(err, ERR_FAILED, "libcurl refuses an option for '%s'", URL_SHOWN(job->url));
}

int http_option_set(struct http_job *job, struct err *err)
{
	static const struct http_settings defaults = { .sslcacert = NULL };
	const struct http_settings *s = http_job_settings(job);

	curl_slist_free_all(job->headers);
	job->headers = NULL;
	if (!s)
		s = &defaults;
	set_speed(job->easy);
	if (!set_safety(job->easy, job->url) || !set_connection(job->easy, s) ||
	    !set_login(job, s) || !set_request(job))
		return refused(job, err);
	return 0;
}

int http_option_rate(CURL *easy, const struct http_settings *settings, uint64_t rate,
		     struct err *err)
{
	uint64_t minrate =
		settings && settings->minrate_bytes ? settings->minrate_bytes : HTTP_MINRATE_BYTES;
	unsigned int timeout =
		settings && settings->timeout_s ? settings->timeout_s : HTTP_TIMEOUT_S;

	if (rate && minrate > rate / 2)
		minrate = rate / 2;
	if (!set_long(easy, CURLOPT_LOW_SPEED_LIMIT, (long)(minrate ? minrate : 1)) ||
	    !set_long(easy, CURLOPT_LOW_SPEED_TIME, (long)timeout) ||
	    curl_easy_setopt(easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)rate) != CURLE_OK)
		return err_set(err, ERR_FAILED, "libcurl refuses to limit a transfer");
	return 0;
}
