/* SPDX-License-Identifier: Apache-2.0 */
#include "certlist.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"

void certlist_release(struct certlist *list)
{
	for (size_t i = 0; i < list->count; i++)
		x509_facts_release(&list->items[i].facts);
	free(list->items);
	*list = (struct certlist){ .items = NULL };
}

int certlist_read(const struct contents *contents, struct certlist *ret, struct err *err)
{
	int r = 0;

	ret->items = calloc(contents->count + 1, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < contents->count; i++) {
		const struct contents_member *m = &contents->members[i];
		struct certlist_item *item = &ret->items[ret->count];
		CLEANUP(X509_freep) X509 *cert = NULL;

		if (!str_starts(m->member->path, "certs/") || !str_ends(m->member->path, ".crt"))
			continue;
		item->path = m->member->path;
		ret->count++;
		r = x509_from_pem(item->path, m->data.buf, m->data.len, ERR_VERIFY, &cert, err);
		if (r == 0)
			r = x509_describe(cert, &item->facts, err);
	}
	return r;
}

const struct certlist_item *certlist_find(const struct certlist *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].path, path))
			return &list->items[i];
	return NULL;
}

void certlist_json(const char *key, const struct certlist_item *item, struct json *j)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];

	clock_format(item->facts.not_before, from);
	clock_format(item->facts.not_after, to);
	json_open(j, key, '{');
	json_string(j, "path", item->path);
	json_string(j, "subject", item->facts.subject);
	json_strings(j, "sans", &item->facts.sans);
	json_string(j, "serial", item->facts.serial);
	json_string(j, "sha256", item->facts.fingerprint);
	json_string(j, "not_before", from);
	json_string(j, "not_after", to);
	json_close(j, '}');
}
