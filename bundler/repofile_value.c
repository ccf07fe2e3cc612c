/* SPDX-License-Identifier: Apache-2.0 */
#include "repofile_value.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "file.h"
#include "url.h"

#define HOUR_S 3600
#define DAY_S 86400

int repofile_value_bad(const struct repofile_line *line, struct err *err, const char *what)
{
	return err_set(err, ERR_CONFIG, "%s:%u: '%s' must be %s", line->path, line->number,
		       line->key, what);
}

static int note(struct repofile_section *s, const struct repofile_line *line, const char *text,
		struct err *err)
{
	return strv_addf(&s->notes, err, "%s:%u: %s", line->path, line->number, text);
}

static int replace(char **to, const char *text, struct err *err)
{
	free(steal_ptr(to));
	return str_dup(to, text, err);
}

int repofile_value_bool(const struct repofile_line *line, const char *text, bool *ret,
			struct err *err)
{
	static const char *const words[] = { "0", "no", "false", "off", "1", "yes", "true", "on" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(text, words[i])) {
			*ret = i >= 4;
			return 0;
		}
	}
	return repofile_value_bad(line, err, "1 or 0");
}

int repofile_value_int(const struct repofile_line *line, const char *text, int *ret,
		       struct err *err)
{
	uint64_t value = 0;

	if (str_u64(&value, text, 0, INT_MAX, err) < 0)
		return repofile_value_bad(line, err, "a number");
	*ret = (int)value;
	return 0;
}

/*
 * A number, with a fraction if need be, and one of UNITS behind it, which SCALES belong to. Not by
 * strtod(), which listens to the locale.
 */
static bool parse_scaled(const char *text, const char *units, const double *scales, double *ret)
{
	double value = 0, place = 1;
	const char *p = text;
	const char *unit = NULL;

	for (; *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (*p - '0');
	if (p == text)
		return false;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			value += (*p - '0') * (place /= 10);
	if (*p) {
		unit = strchr(units, *p | 0x20);
		if (!unit || p[1])
			return false;
		value *= scales[unit - units];
	}
	*ret = value;
	return value < 1e15;
}

int repofile_value_seconds(const struct repofile_line *line, const char *text, double *ret,
			   struct err *err)
{
	static const double scales[] = { 1, 60, HOUR_S, DAY_S };

	if (parse_scaled(text, "smhd", scales, ret))
		return 0;
	return repofile_value_bad(line, err,
				  "a time in seconds, or with one of s, m, h, d behind it");
}

int repofile_value_bytes(const struct repofile_line *line, const char *text, double *ret,
			 struct err *err)
{
	static const double scales[] = { 1024, 1024.0 * 1024, 1024.0 * 1024 * 1024 };

	if (parse_scaled(text, "kmg", scales, ret))
		return 0;
	return repofile_value_bad(line, err, "a number of bytes, or with one of k, M, G behind it");
}

/* A percentage becomes a fraction, as those are given, too. */
int repofile_value_throttle(const struct repofile_line *line, const char *text, double *ret,
			    struct err *err)
{
	static const double percent[] = { 0.01 };

	if (*text && text[strlen(text) - 1] == '%') {
		/* '%' | 0x20 is '%' itself. */
		if (parse_scaled(text, "%", percent, ret) && *ret <= 1)
			return 0;
		return repofile_value_bad(line, err,
					  "a number of bytes per second, or at most 100%");
	}
	return repofile_value_bytes(line, text, ret, err);
}

/* Items stand between blanks, commas and line ends. */
int repofile_value_list(const char *text, struct strv *list, struct err *err)
{
	static const char between[] = " \t\r\n,";
	int r = 0;

	while (r == 0 && *(text += strspn(text, between))) {
		size_t len = strcspn(text, between);

		r = strv_take(list, strndup(text, len), err);
		text += len;
	}
	return r;
}

static int bad_url(const struct repofile_line *line, struct err *err)
{
	return repofile_value_bad(
		line, err,
		"an https, http or file URL without credentials in it (they are set with "
		"username and password)");
}

int repofile_value_urls(const struct repofile_line *line, const char *text, struct strv *list,
			struct err *err)
{
	int r = repofile_value_list(text, list, err);

	for (size_t i = 0; r == 0 && i < list->count; i++)
		if (!url_is_valid(list->items[i]))
			r = bad_url(line, err);
	return r;
}

int repofile_value_baseurl(struct repofile_section *s, const struct repofile_line *line,
			   const char *text, struct err *err)
{
	CLEANUP(strv_release) struct strv words = STRV_INIT;
	struct strv *urls = &s->repo->baseurls;
	bool clear = false;
	int r = repofile_value_list(text, &words, err);

	for (size_t i = 0; r == 0 && i < words.count; i++) {
		const char *word = words.items[i];
		char *url = NULL;
		size_t len = 0;

		/* As libdnf does for a local path. */
		r = strv_addf(urls, err, "%s%s", *word == '/' ? "file://" : "", word);
		if (r < 0)
			return r;
		url = urls->items[urls->count - 1];
		if (!url_is_valid(url))
			return bad_url(line, err);
		if (strpbrk(url, "?#"))
			return repofile_value_bad(line, err, "a URL without '?' and '#'");
		len = strlen(url);
		while (len && url[len - 1] == '/')
			url[--len] = '\0';
		clear = clear || str_starts(url, "http:");
	}
	if (r == 0 && clear)
		r = note(s, line, "metadata comes without authentication (http); use https", err);
	return r;
}

/* An empty one counts as none. */
int repofile_value_listurl(struct repofile_section *s, const struct repofile_line *line,
			   const char *text, char **ret, struct err *err)
{
	if (!*text)
		return 0;
	if (!url_is_valid(text))
		return bad_url(line, err);
	if (str_starts(text, "http:") &&
	    note(s, line, "the list of mirrors comes without authentication (http); use https",
		 err) < 0)
		return -(int)err->code;
	return replace(ret, text, err);
}

int repofile_value_path(const struct repofile_line *line, const char *text, char **ret,
			struct err *err)
{
	if (!*text)
		return repofile_value_bad(line, err, "a path");
	free(steal_ptr(ret));
	return path_beside(line->path, text, ret, err);
}

int repofile_value_string(const struct repofile_line *line, const char *text, char **ret,
			  struct err *err)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return repofile_value_bad(line, err, "one line without control characters");
	if (!*text) {
		free(steal_ptr(ret));
		return 0;
	}
	return replace(ret, text, err);
}

/* "" and _none_: no proxy, whatever the environment says. */
int repofile_value_proxy(const struct repofile_line *line, const char *text, char **ret,
			 struct err *err)
{
	static const char *const schemes[] = { "http",    "https",  "socks4",
					       "socks4a", "socks5", "socks5h" };
	const char *rest = strstr(text, "://");
	bool known = !rest;

	if (!*text || !strcasecmp(text, "_none_"))
		return replace(ret, "", err);
	for (size_t i = 0; rest && i < ARRAY_SIZE(schemes); i++)
		known = known || ((size_t)(rest - text) == strlen(schemes[i]) &&
				  !strncmp(text, schemes[i], strlen(schemes[i])));
	rest = rest ? rest + 3 : text;
	if (!known || !str_is_word(rest, ".:-_[]/") || !strcspn(rest, "/"))
		return repofile_value_bad(
			line, err,
			"the URL of an http, https or socks proxy without credentials in "
			"it (they are set with proxy_username and proxy_password)");
	return replace(ret, text, err);
}

int repofile_value_auth(const struct repofile_line *line, const char *text, char **ret,
			struct err *err)
{
	static const char *const methods[] = {
		"any", "none", "basic", "digest", "negotiate", "ntlm"
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcasecmp(text, methods[i]))
			return replace(ret, methods[i], err);
	return repofile_value_bad(line, err, "one of any, none, basic, digest, negotiate and ntlm");
}

int repofile_value_ip(const struct repofile_line *line, const char *text, int *ret, struct err *err)
{
	static const struct {
		const char *text;
		int version;
	} words[] = { { "whatever", 0 }, { "ipv4", 4 }, { "4", 4 }, { "ipv6", 6 }, { "6", 6 } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(text, words[i].text)) {
			*ret = words[i].version;
			return 0;
		}
	}
	return repofile_value_bad(line, err, "one of 4, 6 and whatever");
}

int repofile_value_secret(const char *text, char **ret, struct err *err)
{
	repofile_secret_freep(ret);
	*ret = NULL;
	return str_dup(ret, text, err);
}
