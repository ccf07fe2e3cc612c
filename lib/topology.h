/* SPDX-License-Identifier: Apache-2.0 */
/* topology.yaml: the machines of the cluster, where they are and what they run. */
#ifndef PGHA_TOPOLOGY_H
#define PGHA_TOPOLOGY_H

#include <stddef.h>

#include "cleanup.h"
#include "err.h"
#include "schema.h"
#include "str.h"

struct topology_var {
	char *name;
	char *value;
};

struct topology_node {
	char *name;    /* [a-z0-9-]+ */
	char *address; /* IPv4 or IPv6 literal */
	char *datacenter;
	unsigned int priority;
	struct strv services;
	struct schema_list vars; /* struct topology_var, sorted by name */
};

struct topology {
	char *domain;                /* "" when absent */
	char *vip;                   /* "" when absent */
	struct topology_node *nodes; /* in the file's order */
	size_t count;
};

/* Reads and checks a topology. A service that is not in KNOWN (NULL: any is fine) is an error.
 * Everything wrong is ERR_CONFIG with "file:line:column: …". */
int topology_load(const char *path, const struct strv *known, struct topology **ret,
		  struct err *err) MUST_CHECK;
void topology_free(struct topology *topology);
DEFINE_CLEANUP(struct topology *, topology_free);

/* Borrowed, or NULL. */
const struct topology_node *topology_find(const struct topology *topology, const char *name);
/* As topology_find(), and an unknown name is ERR_USAGE that lists the names there are. */
int topology_need(const struct topology *topology, const char *name,
		  const struct topology_node **ret, struct err *err) MUST_CHECK;

#endif
