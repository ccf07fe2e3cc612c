/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON (RFC 8259), indented, an item a line. Keys and values come in the order of the calls; a
 * failed allocation is remembered and told by json_done().
 */
#ifndef PGHA_JSON_H
#define PGHA_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

struct json {
	struct str out;
	unsigned int depth;
	bool more; /* something stands before in this object or array */
};

#define JSON_INIT          \
	{                  \
		.depth = 0 \
	}

/* KEY is NULL at the top and inside arrays; BRACKET is '{' or '['. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket); /* '}' or ']' */
/* What is not UTF-8 in VALUE becomes U+FFFD; a VALUE that is NULL is null. */
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* An array of strings. */
void json_strings(struct json *j, const char *key, const struct strv *list);

/* Hands the text over, with a newline at its end; the caller frees. */
int json_done(struct json *j, char **ret_text, struct err *err) MUST_CHECK;
void json_release(struct json *j);

#endif
