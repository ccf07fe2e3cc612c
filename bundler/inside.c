/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

/* A lock names an epoch only when it is not 0. */
static int add(struct inside *inside, const char *nevra, struct err *err)
{
	const char *release = strrchr(nevra, '-');
	const char *version = release;

	while (version && version > nevra && version[-1] != '-')
		version--;
	if (!version || version == nevra)
		return err_set(err, ERR_VERIFY, "'%.200s' is no package's name", nevra);
	if (memchr(version, ':', (size_t)(release - version)))
		return strv_add(&inside->nevras, nevra, err);
	return strv_addf(&inside->nevras, err, "%.*s0:%s", (int)(version - nevra), nevra, version);
}

int inside_make(const struct lock *lock, struct inside *ret, struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++)
		r = add(ret, rpms[i].nevra, err);
	strv_sort(&ret->nevras);
	return r;
}

void inside_release(struct inside *inside)
{
	strv_release(&inside->nevras);
}

static int compare(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

bool inside_has(const struct inside *inside, const char *nevra)
{
	return inside->nevras.count && bsearch(nevra, inside->nevras.items, inside->nevras.count,
					       sizeof(*inside->nevras.items), compare);
}
