/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: whether names and addresses are what the topology says. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "preflight_private.h"

/* An address in bytes; LEN 0: it is none. */
struct address {
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t len;
};

static struct address parse(const char *text)
{
	struct address a = { .len = 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.len = sizeof(struct in_addr);
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.len = sizeof(struct in6_addr);
	return a;
}

static bool same(const char *a, const char *b)
{
	struct address x = parse(a);
	struct address y = parse(b);

	return x.len && x.len == y.len && !memcmp(x.bytes, y.bytes, x.len);
}

static bool is_loopback(const char *text)
{
	struct address a = parse(text);

	return a.len == sizeof(struct in_addr)
		       ? a.bytes[0] == 127
		       : a.len && IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)a.bytes);
}

/* --- addresses ------------------------------------------------------------------------------ */

static void ifaddrs_free(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

static int ask_addresses(struct strv *ret, struct err *err)
{
	CLEANUP(ifaddrs_free) struct ifaddrs *list = NULL;
	int r = 0;

	if (getifaddrs(&list) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot ask for this machine's addresses");
	for (const struct ifaddrs *i = list; r == 0 && i; i = i->ifa_next) {
		const struct sockaddr_in *v4 = (const void *)i->ifa_addr;
		const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;
		char text[INET6_ADDRSTRLEN] = "";

		if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		else if (i->ifa_addr->sa_family == AF_INET6)
			inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
		if (*text)
			r = strv_add(ret, text, err);
	}
	return r;
}

static bool has_address(const struct strv *list, const char *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (same(list->items[i], address))
			return true;
	return false;
}

int preflight_address(struct preflight_run *run, struct err *err)
{
	CLEANUP(strv_release) struct strv asked = STRV_INIT;
	CLEANUP(str_release) struct str all = STR_INIT;
	const struct topology *topology = run->setup->in->topology;
	const struct topology_node *node = run->setup->node;
	const struct strv *has = run->from->addresses;
	int r = 0;

	if (!has) {
		r = ask_addresses(&asked, err);
		has = &asked;
	}
	if (r < 0 || has_address(has, node->address))
		return r;
	for (size_t i = 0; i < topology->count; i++)
		if (has_address(has, topology->nodes[i].address))
			return preflight_problem(
				run, err,
				"this machine has %s, the address of node '%s'; node '%s' is "
				"%s: pass --node %s, or correct the topology",
				topology->nodes[i].address, topology->nodes[i].name, node->name,
				node->address, topology->nodes[i].name);
	for (size_t i = 0; i < has->count; i++)
		str_addf(&all, "%s%s", i ? ", " : "", has->items[i]);
	r = str_check(&all, err);
	return r < 0 ? r
		     : preflight_problem(
			       run, err,
			       "no interface has %s, the address of node '%s' (there is %.200s): "
			       "configure it, or correct the topology",
			       node->address, node->name, all.len ? all.buf : "none");
}

/* --- names ---------------------------------------------------------------------------------- */

/* Is NAME that of NODE, short or with the domain? */
static bool is_name_of(const struct topology *topology, const struct topology_node *node,
		       const char *name)
{
	size_t len = strlen(node->name);

	if (strncasecmp(name, node->name, len) != 0)
		return false;
	return !name[len] || (*topology->domain && name[len] == '.' &&
			      !strcasecmp(name + len + 1, topology->domain));
}

static const struct topology_node *named(const struct topology *topology, const char *name)
{
	for (size_t i = 0; i < topology->count; i++)
		if (is_name_of(topology, &topology->nodes[i], name))
			return &topology->nodes[i];
	return NULL;
}

int preflight_hostname(struct preflight_run *run, struct err *err)
{
	const struct topology_node *other = NULL;
	cleanup_free char *name = NULL;
	int r = preflight_read(run->from->proc, "sys/kernel/hostname", &name, err);

	if (!name)
		return r;
	name[strcspn(name, "\n")] = '\0';
	other = named(run->setup->in->topology, name);
	if (!other || other == run->setup->node)
		return 0;
	return preflight_problem(
		run, err,
		"this machine calls itself '%.100s', the name of another node than '%s': "
		"pass --node %s, or hostnamectl set-hostname %s",
		name, run->setup->node->name, other->name, run->setup->node->name);
}

static int check_host(struct preflight_run *run, const char *address, const char *name,
		      struct err *err)
{
	const struct topology_node *node = named(run->setup->in->topology, name);

	if (!node || !parse(address).len || same(address, node->address))
		return 0;
	/* A name may have an address of the other family too. */
	if (parse(address).len != parse(node->address).len && !is_loopback(address))
		return 0;
	/* Distributions write the machine's own name so. */
	if (node == run->setup->node && is_loopback(address))
		return preflight_note(
			run, err,
			"/etc/hosts gives this machine's own name '%.100s' the address %.60s", name,
			address);
	return preflight_problem(
		run, err,
		"/etc/hosts says that '%.100s' is %.60s, the topology says %s: correct the "
		"one that is wrong",
		name, address, node->address);
}

/* hosts(5) */
int preflight_hosts(struct preflight_run *run, struct err *err)
{
	cleanup_free char *text = NULL;
	char *rest = NULL;
	int r = preflight_read_node(run, "/etc/hosts", &text, err);

	if (!text)
		return r;
	for (char *line = strtok_r(text, "\n", &rest); r == 0 && line;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *address = NULL;
		char *words = NULL;

		line[strcspn(line, "#")] = '\0';
		address = strtok_r(line, " \t\r", &words);
		for (const char *name = address ? strtok_r(NULL, " \t\r", &words) : NULL;
		     r == 0 && name; name = strtok_r(NULL, " \t\r", &words))
			r = check_host(run, address, name, err);
	}
	return r;
}
