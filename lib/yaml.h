/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML 1.1 by libyaml as a tree whose nodes know where they stand. One document; no anchors, no
 * aliases, no tags, no duplicate keys; depth, nodes and size are limited, because manifests and
 * indexes may come from hostile media.
 */
#ifndef PGHA_YAML_H
#define PGHA_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_doc; /* owns every node and the file's name */

struct yaml_node {
	enum yaml_type type;
	unsigned int line, column; /* from 1 */
	const struct yaml_doc *doc;
	char *text; /* scalar; "" for an empty one */
	size_t text_len;
	bool plain;               /* scalar without quotes: may be a number, a boolean or null */
	size_t count;             /* items of a sequence, pairs of a mapping */
	struct yaml_node **items; /* sequence: items; mapping: values */
	struct yaml_node **keys;  /* mapping: scalars */
};

/* NAME is for messages. A syntax error is CODE with "NAME:line:column: …". */
int yaml_parse(const char *name, const char *text, size_t len, enum err_code code,
	       struct yaml_doc **ret, struct err *err) MUST_CHECK;
/* file_read() and yaml_parse(); OPEN_CODE is for a file that cannot be opened; a syntax error is
 * ERR_CONFIG. */
int yaml_load(const char *path, enum err_code open_code, struct yaml_doc **ret,
	      struct err *err) MUST_CHECK;
void yaml_doc_free(struct yaml_doc *doc);
/* Borrowed; an empty document is an empty mapping. */
const struct yaml_node *yaml_root(const struct yaml_doc *doc);
const char *yaml_name(const struct yaml_doc *doc);

/* The value of KEY in a mapping, or NULL (also when NODE is NULL or no mapping). Borrowed. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);
/* err_set() with "file:line:column: " before the message and the code that yaml_parse() was given.
 */
int yaml_error(const struct yaml_node *node, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Writing: quotes a scalar only where YAML 1.1 needs it (so plain words stay plain) and always on
 * one line. */
void yaml_emit_scalar(struct str *out, const char *text);

#endif
