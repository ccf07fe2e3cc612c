/* SPDX-License-Identifier: Apache-2.0 */
#include "lock_public.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

int lock_public_format(const struct lock *lock, char **ret_text, struct err *err)
{
	cleanup_free char *text = NULL;
	CLEANUP(lock_release) struct lock copy = LOCK_INIT;
	struct lock sorted =
		*lock; /* borrows everything; writing it sorts nothing that is sorted */
	struct lock_repo *repos = NULL;
	int r = lock_format(&sorted, &text, err);

	if (r == 0)
		r = lock_parse("the lock", text, strlen(text), &copy, err);
	if (r < 0)
		return r;
	repos = copy.repos.items;
	for (size_t i = 0; i < copy.repos.count; i++) {
		free(steal_ptr(&repos[i].sslcacert));
		free(steal_ptr(&repos[i].sslclientcert));
		free(steal_ptr(&repos[i].sslclientkey));
		free(steal_ptr(&repos[i].repofile));
	}
	return lock_format(&copy, ret_text, err);
}
