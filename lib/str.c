/* SPDX-License-Identifier: Apache-2.0 */
#include "str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

void str_release(struct str *s)
{
	if (s->buf && s->secret)
		secret_cleanse(s->buf, s->size);
	free(s->buf);
	*s = (struct str){ .secret = s->secret };
}

void str_reset(struct str *s)
{
	if (s->buf && s->secret)
		secret_cleanse(s->buf, s->size);
	if (s->buf)
		s->buf[0] = '\0';
	s->len = 0;
}

static bool str_grow(struct str *s, size_t extra)
{
	size_t want = s->size ? s->size : 64;
	char *bigger = NULL;

	if (s->failed || extra >= SIZE_MAX / 4 - s->len)
		goto fail;
	if (s->buf && s->len + extra + 1 <= s->size)
		return true;
	while (want < s->len + extra + 1)
		want *= 2;
	bigger = malloc(want);
	if (!bigger)
		goto fail;
	if (s->buf) {
		memcpy(bigger, s->buf, s->len + 1);
		if (s->secret)
			secret_cleanse(s->buf, s->size);
		free(s->buf);
	}
	s->buf = bigger;
	s->size = want;
	return true;
fail:
	s->failed = true;
	return false;
}

void str_add_len(struct str *s, const void *data, size_t len)
{
	if (!str_grow(s, len))
		return;
	if (len)
		memcpy(s->buf + s->len, data, len);
	s->len += len;
	s->buf[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_add_len(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
	str_add_len(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !str_grow(s, (size_t)n)) {
		s->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(s->buf + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

int str_check(const struct str *s, struct err *err)
{
	return s->failed ? err_nomem(err) : 0;
}

int str_done(struct str *s, char **ret_text, struct err *err)
{
	int r = 0;

	str_add_len(s, "", 0);
	r = str_check(s, err);
	if (r < 0)
		return r;
	*ret_text = s->buf;
	*s = (struct str){ .secret = s->secret };
	return 0;
}

void strv_release(struct strv *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct strv)STRV_INIT;
}

int strv_take(struct strv *v, char *item, struct err *err)
{
	cleanup_free char *owned = item;

	if (!item)
		return err_nomem(err);
	if (v->count + 2 > v->size) {
		size_t size = v->size ? v->size * 2 : 8;
		char **items = reallocarray(v->items, size, sizeof(*items));

		if (!items)
			return err_nomem(err);
		v->items = items;
		v->size = size;
	}
	v->items[v->count++] = steal_ptr(&owned);
	v->items[v->count] = NULL;
	return 0;
}

int strv_add(struct strv *v, const char *item, struct err *err)
{
	return strv_take(v, strdup(item), err);
}

int strv_addf(struct strv *v, struct err *err, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return strv_take(v, n < 0 ? NULL : text, err);
}

bool strv_has(const struct strv *v, const char *item)
{
	for (size_t i = 0; i < v->count; i++)
		if (!strcmp(v->items[i], item))
			return true;
	return false;
}

static int cmp_items(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *v)
{
	if (v->count > 1)
		qsort(v->items, v->count, sizeof(*v->items), cmp_items);
}

int str_printf(char **ret_text, struct err *err, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_nomem(err);
	*ret_text = text;
	return 0;
}

int str_dup(char **ret_text, const char *text, struct err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return err_nomem(err);
	*ret_text = copy;
	return 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s);
	size_t tail = strlen(suffix);

	return len >= tail && !strcmp(s + len - tail, suffix);
}

int str_u64(uint64_t *ret, const char *text, uint64_t min, uint64_t max, struct err *err)
{
	uint64_t value = 0;
	bool ok = *text != '\0';

	for (const char *p = text; ok && *p; p++) {
		ok = *p >= '0' && *p <= '9' && !__builtin_mul_overflow(value, 10, &value) &&
		     !__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
	}
	if (min == max && (!ok || value != min))
		return err_set(err, ERR_CONFIG, "'%.40s' is not %llu", text,
			       (unsigned long long)min);
	if (!ok || value < min || value > max)
		return err_set(err, ERR_CONFIG, "'%.40s' is not a number from %llu to %llu", text,
			       (unsigned long long)min, (unsigned long long)max);
	*ret = value;
	return 0;
}

#define NEAREST_MAX 64 /* words that are longer have no typing slips worth a guess */

/* Optimal string alignment: two neighbours in the wrong order count as one slip. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t la = strlen(a);
	size_t lb = strlen(b);
	size_t rows[3][NEAREST_MAX + 1]; /* the row above the last, the last, this one */

	if (la > NEAREST_MAX || lb > NEAREST_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		rows[1][j] = j;
	for (size_t i = 1; i <= la; i++) {
		rows[2][0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = rows[1][j - 1] + (a[i - 1] != b[j - 1]);

			if (rows[1][j] + 1 < best)
				best = rows[1][j] + 1;
			if (rows[2][j - 1] + 1 < best)
				best = rows[2][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    rows[0][j - 2] + 1 < best)
				best = rows[0][j - 2] + 1;
			rows[2][j] = best;
		}
		memcpy(rows[0], rows[1], sizeof(rows[0]));
		memcpy(rows[1], rows[2], sizeof(rows[1]));
	}
	return rows[1][lb];
}

const char *str_nearest(const char *word, const char *const *candidates)
{
	size_t limit = strlen(word) / 3;
	const char *best = NULL;
	size_t best_distance = (limit ? limit : 1) + 1;

	for (; *candidates; candidates++) {
		size_t distance = edit_distance(word, *candidates);

		if (distance < best_distance) {
			best_distance = distance;
			best = *candidates;
		}
	}
	return best;
}

void hex_encode(char *ret, const void *data, size_t size_bytes)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < size_bytes; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * size_bytes] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(void *ret, size_t size_bytes, const char *hex)
{
	unsigned char *p = ret;

	if (strlen(hex) != 2 * size_bytes)
		return false;
	for (size_t i = 0; i < size_bytes; i++) {
		int high = hex_value(hex[2 * i]);
		int low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		p[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool str_is_word(const char *text, const char *extra)
{
	const char *p = text;

	for (; *p; p++) {
		char lower = (char)(*p | 0x20);

		if (!(lower >= 'a' && lower <= 'z') && !(*p >= '0' && *p <= '9') &&
		    !strchr(extra, *p))
			return false;
	}
	return p != text;
}

size_t str_utf8_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (*p > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, or beyond Unicode. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

/* The length of the character that TEXT begins with; 0: none that is plain. */
static size_t plain_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	/* C0, DEL, C1, the marks that turn the writing's direction, and the line ends of Unicode. */
	bool moves = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0) ||
		     (*p == 0xd8 && p[1] == 0x9c) ||
		     (*p == 0xe2 && p[1] == 0x80 &&
		      (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
		     (*p == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);

	return moves ? 0 : str_utf8_len(text);
}

void str_add_plain(struct str *s, const char *text)
{
	while (*text) {
		size_t len = plain_len(text);
		size_t passed = str_utf8_len(text);

		if (len)
			str_add_len(s, text, len);
		else
			str_addc(s, *text == '\t' ? ' ' : '?');
		text += passed ? passed : 1;
	}
}

bool str_is_plain(const char *text)
{
	for (size_t len = 0; *text; text += len) {
		len = plain_len(text);
		if (!len)
			return false;
	}
	return true;
}

const char *str_s(size_t count)
{
	return count == 1 ? "" : "s";
}
