/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of a bundle. */
#ifndef PGHA_CERTLIST_H
#define PGHA_CERTLIST_H

#include <stddef.h>

#include "contents.h"
#include "err.h"
#include "json.h"
#include "x509.h"

struct certlist_item {
	const char *path; /* borrowed from the contents */
	struct x509_facts facts;
};

struct certlist {
	struct certlist_item *items; /* in the order of paths */
	size_t count;
};

/* Release RET also after a failure. */
int certlist_read(const struct contents *contents, struct certlist *ret,
		  struct err *err) MUST_CHECK;
void certlist_release(struct certlist *list);
/* Borrowed, or NULL. */
const struct certlist_item *certlist_find(const struct certlist *list, const char *path);
/* KEY is NULL in an array. */
void certlist_json(const char *key, const struct certlist_item *item, struct json *j);

#endif
