/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grammar for YAML mappings as rows of a table, filling C structures. Unknown keys, missing keys,
 * wrong types and values out of range are errors with a position; an unknown key near a known one is
 * told so.
 *
 *	static const struct schema_field unit_fields[] = {
 *		SCHEMA_STRING(struct unit, name, "name", SCHEMA_REQUIRED),
 *		SCHEMA_BOOL(struct unit, enable, "enable", 0),
 *		SCHEMA_END,
 *	};
 */
#ifndef PGHA_SCHEMA_H
#define PGHA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "str.h"
#include "yaml.h"

enum schema_type {
	SCHEMA_T_STRING, /* char *, owned by the structure */
	SCHEMA_T_BOOL,   /* bool */
	SCHEMA_T_UINT,   /* unsigned int within min..max */
	SCHEMA_T_MODE,   /* mode_t from a quoted octal number such as "0640" */
	SCHEMA_T_STRV,   /* struct strv from a sequence of scalars */
	SCHEMA_T_STRUCT, /* a structure in place, from a mapping */
	SCHEMA_T_LIST,   /* struct schema_list of structures, from a sequence of mappings */
	SCHEMA_T_NODE,   /* const struct yaml_node *, borrowed: the caller reads it itself */
	SCHEMA_T_CUSTOM, /* parse() does it */
};

enum schema_flags {
	SCHEMA_REQUIRED = 1,
	SCHEMA_NONEMPTY = 2, /* strings and lists */
	SCHEMA_WORD = 4,     /* strings: letters, digits, '.', '_', '-' and '+' */
};

/* A list of structures; schema_release() frees what is inside, by the same table. */
struct schema_list {
	void *items; /* an array of COUNT structures, or NULL */
	size_t count;
};

struct schema_field {
	const char *key;
	enum schema_type type;
	unsigned int flags;
	size_t offset;
	unsigned int min, max;             /* SCHEMA_T_UINT */
	const struct schema_field *fields; /* SCHEMA_T_STRUCT, SCHEMA_T_LIST */
	size_t item_size;                  /* SCHEMA_T_LIST */
	int (*parse)(const struct yaml_node *node, void *member, struct err *err);
	void (*release)(void *member); /* for SCHEMA_T_CUSTOM; may be NULL */
};

#define SCHEMA_STRING(s, m, k, f)                                                           \
	{                                                                                   \
		.key = (k), .type = SCHEMA_T_STRING, .flags = (f), .offset = offsetof(s, m) \
	}
#define SCHEMA_BOOL(s, m, k, f)                                                           \
	{                                                                                 \
		.key = (k), .type = SCHEMA_T_BOOL, .flags = (f), .offset = offsetof(s, m) \
	}
#define SCHEMA_UINT(s, m, k, f, lo, hi)                                                    \
	{                                                                                  \
		.key = (k), .type = SCHEMA_T_UINT, .flags = (f), .offset = offsetof(s, m), \
		.min = (lo), .max = (hi)                                                   \
	}
#define SCHEMA_MODE(s, m, k, f)                                                           \
	{                                                                                 \
		.key = (k), .type = SCHEMA_T_MODE, .flags = (f), .offset = offsetof(s, m) \
	}
#define SCHEMA_STRV(s, m, k, f)                                                           \
	{                                                                                 \
		.key = (k), .type = SCHEMA_T_STRV, .flags = (f), .offset = offsetof(s, m) \
	}
#define SCHEMA_NODE(s, m, k, f)                                                           \
	{                                                                                 \
		.key = (k), .type = SCHEMA_T_NODE, .flags = (f), .offset = offsetof(s, m) \
	}
#define SCHEMA_STRUCT(s, m, k, f, sub)                                                       \
	{                                                                                    \
		.key = (k), .type = SCHEMA_T_STRUCT, .flags = (f), .offset = offsetof(s, m), \
		.fields = (sub)                                                              \
	}
#define SCHEMA_LIST(s, m, k, f, sub, item)                                                 \
	{                                                                                  \
		.key = (k), .type = SCHEMA_T_LIST, .flags = (f), .offset = offsetof(s, m), \
		.fields = (sub), .item_size = sizeof(item)                                 \
	}
#define SCHEMA_CUSTOM(s, m, k, f, fn, rel)                                                   \
	{                                                                                    \
		.key = (k), .type = SCHEMA_T_CUSTOM, .flags = (f), .offset = offsetof(s, m), \
		.parse = (fn), .release = (rel)                                              \
	}
#define SCHEMA_END          \
	{                   \
		.key = NULL \
	}

/*
 * Fills TARGET, whose members hold their defaults beforehand (zero: none), from a mapping. On
 * failure what was filled is still TARGET's: release it. The document must outlive TARGET only
 * where SCHEMA_T_NODE is used.
 */
int schema_load(const struct yaml_node *node, const struct schema_field *fields, void *target,
		struct err *err) MUST_CHECK;
void schema_release(const struct schema_field *fields, void *target);

#endif
