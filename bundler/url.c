/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "str.h"

static bool is_printable(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

bool url_is_valid(const char *url)
{
	static const char *const schemes[] = { "https://", "http://", "file:///" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		const char *rest = url + strlen(schemes[i]);

		if (!str_starts(url, schemes[i]))
			continue;
		return is_printable(url) &&
		       (schemes[i][0] == 'f' ||
			(!memchr(rest, '@', strcspn(rest, "/?#")) && strcspn(rest, "/?#") != 0));
	}
	return false;
}

struct origin {
	const char *host; /* not terminated; with an IPv6 address's brackets */
	size_t scheme_len, host_len;
	unsigned int port;
};

static bool read_origin(const char *url, struct origin *ret)
{
	const char *end = strstr(url, "://");
	const char *port = NULL;
	const char *at = NULL;

	if (!end)
		return false;
	ret->scheme_len = (size_t)(end - url);
	ret->host = end + 3;
	end = ret->host + strcspn(ret->host, "/?#");
	at = memrchr(ret->host, '@', (size_t)(end - ret->host));
	if (at)
		ret->host = at + 1;
	port = memrchr(ret->host, ':', (size_t)(end - ret->host));
	if (port && memchr(port, ']', (size_t)(end - port)))
		port = NULL;
	ret->host_len = (size_t)((port ? port : end) - ret->host);
	ret->port = port && port + 1 < end               ? (unsigned int)strtoul(port + 1, NULL, 10)
		    : strncasecmp(url, "https:", 6) == 0 ? 443
							 : 80;
	return true;
}

bool url_same_origin(const char *a, const char *b)
{
	struct origin x, y;

	return read_origin(a, &x) && read_origin(b, &y) && x.port == y.port &&
	       x.scheme_len == y.scheme_len && strncasecmp(a, b, x.scheme_len) == 0 &&
	       x.host_len == y.host_len && strncasecmp(x.host, y.host, x.host_len) == 0;
}

int url_join(const char *base, const char *path, char **ret_url, struct err *err)
{
	CLEANUP(str_release) struct str url = STR_INIT;

	str_addf(&url, "%s/", base);
	/* RFC 3986 pchar and '/', without '%': the path is a name, not yet encoded. */
	for (const char *p = path; *p; p++) {
		char one[] = { *p, '\0' };

		if (str_is_word(one, "/-._~!$&'()*+,;=:@"))
			str_addc(&url, *p);
		else
			str_addf(&url, "%%%02X", (unsigned char)*p);
	}
	return str_done(&url, ret_url, err);
}

const char *url_shown(const char *url, char *buf, size_t size)
{
	const char *authority = strstr(url, "://");
	const char *end = NULL;
	const char *at = NULL;

	if (authority) {
		authority += 3;
		end = authority + strcspn(authority, "/?#");
		at = memrchr(authority, '@', (size_t)(end - authority));
	}
	if (at)
		snprintf(buf, size, "%.*s%s", (int)(authority - url), url, at + 1);
	else
		snprintf(buf, size, "%s", url);
	return buf;
}
