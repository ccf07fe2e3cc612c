/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct mustache_value, for lib/mustache*.c alone. */
#ifndef PGHA_MUSTACHE_VALUE_H
#define PGHA_MUSTACHE_VALUE_H

#include "mustache.h"

struct mustache_value {
	enum mustache_type type;
	bool on;     /* MUSTACHE_BOOL */
	bool secret; /* this value itself */
	bool open;   /* MUSTACHE_MAP: mustache_mark_open() */
	char *text;  /* MUSTACHE_STRING */
	struct mustache_value **items;
	char **keys; /* MUSTACHE_MAP: of the items */
	size_t count, size;
};

/* KEY has LEN bytes. Borrowed, or NULL. */
const struct mustache_value *mustache_get_len(const struct mustache_value *map, const char *key,
					      size_t len);

#endif
