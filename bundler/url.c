/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include <stdio.h>
#include <string.h>

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
