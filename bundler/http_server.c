/* SPDX-License-Identifier: Apache-2.0 */
#include "http_server.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "str.h"
#include "url.h"

static struct {
	struct http_host **items; /* sorted by name */
	size_t count;
} hosts;

/* Where NAME, LEN bytes long, stands or belongs. */
static size_t find_host(const char *name, size_t len, bool *ret_there)
{
	size_t low = 0, high = hosts.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strncmp(hosts.items[mid]->name, name, len);

		if (order == 0)
			order = hosts.items[mid]->name[len] != '\0';
		if (order == 0) {
			*ret_there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_there = false;
	return low;
}

int http_host_get(const char *url, struct http_host **ret, struct err *err)
{
	const char *authority = strstr(url, "://");
	size_t len = authority ? (size_t)(authority + 3 - url) : 0;
	struct http_host *host = NULL;
	struct http_host **more = NULL;
	bool there = false;
	size_t at;

	len += strcspn(url + len, "/?#");
	at = find_host(url, len, &there);
	if (there) {
		*ret = hosts.items[at];
		return 0;
	}
	more = reallocarray(hosts.items, hosts.count + 1, sizeof(struct http_host *));
	if (!more)
		return err_nomem(err);
	hosts.items = more;
	host = calloc(1, sizeof(*host));
	if (!host || !(host->name = strndup(url, len))) {
		free(host);
		return err_nomem(err);
	}
	memmove(hosts.items + at + 1, hosts.items + at, (hosts.count - at) * sizeof(host));
	hosts.items[at] = host;
	hosts.count++;
	*ret = host;
	return 0;
}

void http_hosts_release(void)
{
	for (size_t i = 0; i < hosts.count; i++) {
		free(hosts.items[i]->name);
		free(hosts.items[i]);
	}
	free(hosts.items);
	hosts.items = NULL;
	hosts.count = 0;
}

int http_servers_init(struct http_source *source, struct err *err)
{
	cleanup_free struct http_server *servers = NULL;

	if (source->servers || source->bases.count == 0)
		return 0;
	servers = calloc(source->bases.count, sizeof(*servers));
	if (!servers)
		return err_nomem(err);
	for (size_t i = 0; i < source->bases.count; i++)
		if (http_host_get(source->bases.items[i], &servers[i].host, err) < 0)
			return -err->code;
	source->servers = steal_ptr(&servers);
	return 0;
}

static bool is_on_one_of(const struct strv *urls, const char *url)
{
	for (size_t i = 0; urls && i < urls->count; i++)
		if (url_same_origin(urls->items[i], url))
			return true;
	return false;
}

struct http_settings http_settings_beside(const struct http_source *source, const char *url)
{
	struct http_settings settings = source->settings;

	if (is_on_one_of(&source->bases, url) || is_on_one_of(settings.login_urls, url))
		return settings;
	settings.username = settings.password = NULL;
	settings.sslclientcert = settings.sslclientkey = NULL;
	return settings;
}

bool http_server_may_know(const struct http_settings *settings, const char *url)
{
	return !settings->login_urls || is_on_one_of(settings->login_urls, url);
}

static unsigned int rank(const struct http_server *server)
{
	if (server->wrong)
		return 3;
	if (server->failed)
		return 2;
	return server->missing > server->found;
}

size_t http_server_pick(const struct http_server *servers, const struct http_attempt *attempts,
			size_t count)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		if (attempts[i].gone)
			continue;
		if (best == count || attempts[i].tries < attempts[best].tries ||
		    (attempts[i].tries == attempts[best].tries && servers &&
		     rank(&servers[i]) < rank(&servers[best])))
			best = i;
	}
	return best;
}
