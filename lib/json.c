/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <string.h>

/* A character of LEN bytes, 2 or 3, by its number. */
static void add_number(struct str *out, const unsigned char *p, size_t len)
{
	unsigned int c = len == 2 ? (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU)
				  : (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);

	str_addf(out, "\\u%04x", c);
}

static bool is_plain(const unsigned char *p, size_t len)
{
	char one[5] = { 0 };

	memcpy(one, p, len);
	return str_is_plain(one);
}

static void add_text(struct str *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	str_addc(out, '"');
	while (*p) {
		size_t len = str_utf8_len((const char *)p);

		if (*p == '"' || *p == '\\')
			str_addf(out, "\\%c", *p);
		else if (*p == '\n')
			str_add(out, "\\n");
		else if (*p < 0x20 || *p == 0x7f)
			str_addf(out, "\\u%04x", *p);
		else if ((len == 2 || len == 3) && !is_plain(p, len))
			add_number(out, p, len); /* who reads this may sit at a terminal */
		else if (len)
			str_add_len(out, p, len);
		else
			str_add(out, "\\ufffd");
		p += len ? len : 1;
	}
	str_addc(out, '"');
}

static void begin(struct json *j, const char *key)
{
	if (j->more)
		str_addc(&j->out, ',');
	if (j->depth)
		str_addf(&j->out, "\n%*s", (int)j->depth * 2, "");
	if (key) {
		add_text(&j->out, key);
		str_add(&j->out, ": ");
	}
	j->more = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	str_addc(&j->out, bracket);
	j->depth++;
	j->more = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->more)
		str_addf(&j->out, "\n%*s", (int)j->depth * 2, "");
	str_addc(&j->out, bracket);
	j->more = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	if (value)
		add_text(&j->out, value);
	else
		str_add(&j->out, "null");
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	str_addf(&j->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	str_add(&j->out, value ? "true" : "false");
}

void json_strings(struct json *j, const char *key, const struct strv *list)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < list->count; i++)
		json_string(j, NULL, list->items[i]);
	json_close(j, ']');
}

int json_done(struct json *j, char **ret_text, struct err *err)
{
	str_addc(&j->out, '\n');
	return str_done(&j->out, ret_text, err);
}

void json_release(struct json *j)
{
	str_release(&j->out);
}
