/* SPDX-License-Identifier: Apache-2.0 */
/* How values are quoted in the formats of manifests/schema.md. */
#include <string.h>

#include "mustache.h"

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* The message never shows the value: it may be a secret. */
static int refuse_controls(const char *text, struct err *err)
{
	for (const char *p = text; *p; p++)
		if (is_control((unsigned char)*p))
			return err_set(err, ERR_CONFIG,
				       "the value holds a control character, which this format "
				       "cannot carry");
	return 0;
}

/* TEXT between two OPEN, each byte that stands in SPECIAL preceded or replaced as ESCAPED says. */
static void quote_with(struct str *out, const char *text, char open, char special,
		       const char *escaped)
{
	str_addc(out, open);
	for (const char *p = text; *p; p++) {
		if (*p == special)
			str_add(out, escaped);
		else
			str_addc(out, *p);
	}
	str_addc(out, open);
}

static int quote_plain(struct str *out, const char *text, struct err *err)
{
	int r = refuse_controls(text, err);

	if (r < 0)
		return r;
	str_add(out, text);
	return 0;
}

static int quote_shell(struct str *out, const char *text, struct err *err)
{
	(void)err;
	quote_with(out, text, '\'', '\'', "'\\''");
	return 0;
}

static int quote_sql(struct str *out, const char *text, struct err *err)
{
	(void)err;
	quote_with(out, text, '\'', '\'', "''");
	return 0;
}

static int quote_squote(struct str *out, const char *text, struct err *err)
{
	int r = refuse_controls(text, err);

	if (r < 0)
		return r;
	quote_with(out, text, '\'', '\'', "'\\''");
	return 0;
}

static int quote_userlist(struct str *out, const char *text, struct err *err)
{
	int r = refuse_controls(text, err);

	if (r < 0)
		return r;
	quote_with(out, text, '"', '"', "\"\"");
	return 0;
}

static int quote_dquote(struct str *out, const char *text, struct err *err)
{
	int r = refuse_controls(text, err);

	if (r < 0)
		return r;
	str_addc(out, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			str_addc(out, '\\');
		str_addc(out, *p);
	}
	str_addc(out, '"');
	return 0;
}

/* PostgreSQL's guc-file.l: '' is a quote, a backslash starts an escape, a newline ends the line. */
static int quote_pgconf(struct str *out, const char *text, struct err *err)
{
	(void)err;
	str_addc(out, '\'');
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			str_add(out, "''");
		else if (*p == '\\')
			str_add(out, "\\\\");
		else if (is_control((unsigned char)*p))
			str_addf(out, "\\%03o", (unsigned char)*p);
		else
			str_addc(out, *p);
	}
	str_addc(out, '\'');
	return 0;
}

/* systemd.syntax(7) and systemd.unit(5), "Specifiers". */
static int quote_systemd(struct str *out, const char *text, struct err *err)
{
	(void)err;
	str_addc(out, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			str_addf(out, "\\%c", *p);
		else if (*p == '%')
			str_add(out, "%%");
		else if (is_control((unsigned char)*p))
			str_addf(out, "\\x%02x", (unsigned char)*p);
		else
			str_addc(out, *p);
	}
	str_addc(out, '"');
	return 0;
}

/* Decodes one character of UTF-8 (RFC 3629) at *P and moves on; false when it is none. */
static bool utf8_next(const unsigned char **p, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = *p;
	unsigned int more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
	uint32_t c = more ? s[0] & (0x3fU >> more) : s[0];

	if (s[0] >= 0xf8 || (s[0] >= 0x80 && s[0] < 0xc2))
		return false;
	for (unsigned int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	*p = s + more + 1;
	*ret = c;
	return true;
}

/* Characters that YAML 1.1 takes as line breaks or does not accept inside double quotes. */
static bool yaml_needs_escape(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	       c == 0xfffe || c == 0xffff;
}

static int quote_yaml(struct str *out, const char *text, struct err *err)
{
	const unsigned char *p = (const unsigned char *)text;

	str_addc(out, '"');
	while (*p) {
		const unsigned char *from = p;
		uint32_t c = 0;

		if (!utf8_next(&p, &c))
			return err_set(err, ERR_CONFIG, "the value is not UTF-8");
		if (c == '"' || c == '\\')
			str_addf(out, "\\%c", (int)c);
		else if (c == '\n')
			str_add(out, "\\n");
		else if (c == '\t')
			str_add(out, "\\t");
		else if (c == '\r')
			str_add(out, "\\r");
		else if (yaml_needs_escape(c))
			str_addf(out, "\\u%04x", (unsigned int)c);
		else
			str_add_len(out, from, (size_t)(p - from));
	}
	str_addc(out, '"');
	return 0;
}

static const struct mustache_format formats[] = {
	{ "text", quote_plain },      { "ini", quote_plain },     { "yaml", quote_yaml },
	{ "shell", quote_shell },     { "pgconf", quote_pgconf }, { "sql", quote_sql },
	{ "systemd", quote_systemd }, { "squote", quote_squote }, { "userlist", quote_userlist },
	{ "dquote", quote_dquote },
};

const struct mustache_format *mustache_format(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

const char *const *mustache_format_names(void)
{
	static const char *const names[] = { "text",     "ini",    "yaml",    "shell",
					     "pgconf",   "sql",    "systemd", "squote",
					     "userlist", "dquote", NULL };

	return names;
}
