/* SPDX-License-Identifier: Apache-2.0 */
/* Growing strings, lists of strings, and the small string helpers that both programs need. */
#ifndef PGHA_STR_H
#define PGHA_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/*
 * A growing string, always NUL-terminated once something was added. A failed allocation is
 * remembered: further additions do nothing and str_done() reports it, so the callers check once.
 */
struct str {
	char *buf; /* owned; NULL while empty */
	size_t len;
	size_t size;
	bool failed;
	bool secret; /* cleanse what is freed or outgrown */
};

#define STR_INIT            \
	{                   \
		.buf = NULL \
	}
#define STR_SECRET             \
	{                      \
		.secret = true \
	}

void str_release(struct str *s);
void str_add(struct str *s, const char *text);
void str_add_len(struct str *s, const void *data, size_t len);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Forgets the contents and keeps the memory. */
void str_reset(struct str *s);
/* Hands the string over (never NULL, "" when nothing was added) in *ret_text, which the caller
 * frees, or fails with ERR_HOST. */
int str_done(struct str *s, char **ret_text, struct err *err) MUST_CHECK;
/* 0, or ERR_HOST when an addition failed. */
int str_check(const struct str *s, struct err *err) MUST_CHECK;

/* A list of strings; owns its items. items[count] is NULL, so that it can serve as an argument
 * vector. */
struct strv {
	char **items;
	size_t count;
	size_t size;
};

#define STRV_INIT             \
	{                     \
		.items = NULL \
	}

void strv_release(struct strv *v);
/* Appends a copy. */
int strv_add(struct strv *v, const char *item, struct err *err) MUST_CHECK;
int strv_addf(struct strv *v, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_CHECK;
/* Appends ITEM itself and owns it, also when it fails. ITEM may be NULL after a failed allocation.
 */
int strv_take(struct strv *v, char *item, struct err *err) MUST_CHECK;
bool strv_has(const struct strv *v, const char *item);
/* Sorts by byte value. */
void strv_sort(struct strv *v);

/* printf into new memory that the caller frees: 0 or ERR_HOST. */
int str_printf(char **ret_text, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_CHECK;
/* strdup with an error. */
int str_dup(char **ret_text, const char *text, struct err *err) MUST_CHECK;

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Decimal digits alone, no sign, no space, within MIN..MAX. */
int str_u64(uint64_t *ret, const char *text, uint64_t min, uint64_t max,
	    struct err *err) MUST_CHECK;

/*
 * The candidate nearest to WORD, or NULL: within an edit distance (two swapped neighbours count as
 * one) of a third of its length, at least 1. CANDIDATES ends with NULL. The result is borrowed.
 */
const char *str_nearest(const char *word, const char *const *candidates);

/* "s", or "" behind a COUNT of one: "%zu package%s". */
const char *str_s(size_t count);

/* Lower-case hexadecimal of SIZE bytes into RET, which holds 2 * SIZE + 1. */
void hex_encode(char *ret, const void *data, size_t size_bytes);
/* The reverse, either case; false unless HEX is exactly 2 * SIZE digits. */
bool hex_decode(void *ret, size_t size_bytes, const char *hex);

/* The length of the UTF-8 sequence (RFC 3629) that TEXT begins with; 0 when it begins with none. */
size_t str_utf8_len(const char *text);
/* Appends TEXT for a terminal: a tab becomes a blank, and what else would move the cursor, turns the
 * direction of writing, or is not UTF-8, '?'. */
void str_add_plain(struct str *s, const char *text);
/* True when TEXT has nothing that str_add_plain() replaces. */
bool str_is_plain(const char *text);

/* True when TEXT is only letters, digits and characters of EXTRA, and not empty. */
bool str_is_word(const char *text, const char *extra);

#endif
