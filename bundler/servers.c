/* SPDX-License-Identifier: Apache-2.0 */
#include "servers.h"

#include "cleanup.h"
#include "progress.h"

int servers_open(struct servers *servers, struct err *err)
{
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	int r = 0;

	if (servers->open)
		return 0;
	servers->open = true;
	r = upstreams_open_lock(servers->lock, servers->cache, servers->limits, &warnings,
				&servers->upstreams, err);
	for (size_t i = 0; i < warnings.count; i++)
		warning("%s", warnings.items[i]);
	return r;
}

struct http_source *servers_source(struct servers *servers, size_t i)
{
	return &servers->upstreams.items[i].source;
}

void servers_release(struct servers *servers)
{
	upstreams_release(&servers->upstreams);
	servers->open = false;
}
