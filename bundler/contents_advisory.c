/* SPDX-License-Identifier: Apache-2.0 */
#include "contents_advisory.h"

#include <stdlib.h>

#include "cleanup.h"
#include "lock_diff.h"

/* The bundle's streams are those that were active: createrepo_c's metadata name no others. */
static bool is_active(const char *name, const char *stream, const char *context, void *arg)
{
	(void)name;
	(void)stream;
	(void)context;
	(void)arg;
	return true;
}

/* The same packages before their first version: every advisory is about something newer. */
static int make_oldest(const struct lock *lock, struct lock *ret, struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++) {
		CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
		struct lock_rpm *rpm = NULL;

		r = lock_nevra_split(rpms[i].nevra, &v, err);
		if (r == 0)
			r = lock_add_rpm(ret, &rpm, err);
		if (r == 0)
			r = str_printf(&rpm->nevra, err, "%s-~-~.%s", v.name, v.arch);
	}
	return r;
}

int contents_advisories(struct contents *contents, const struct lock *before,
			struct advisories *ret, struct err *err)
{
	CLEANUP(lock_release) struct lock oldest = LOCK_INIT;
	int r = contents_pool(contents, err);

	if (r == 0 && !before)
		r = make_oldest(&contents->lock, &oldest, err);
	return r < 0 ? r
		     : advisories_find(contents->pool, before ? before : &oldest, &contents->lock,
				       is_active, NULL, ret, err);
}
