/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What templates see, and what a node must carry for it: the variables of its capsule and its
 * certificates. The bundler and the installer call the same functions, the one with .env behind
 * LOOKUP, the other with the capsule.
 */
#ifndef PGHA_CONTEXT_H
#define PGHA_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "err.h"
#include "manifest.h"
#include "mustache.h"
#include "str.h"
#include "topology.h"

/* All borrowed. */
struct context_cluster {
	const char *cluster;
	const char *platform_id, *platform_arch;
	const char *platform_python; /* or NULL */
	bool has_crl;                /* the services get the CA's revocation list */
	const struct topology *topology;
	const struct manifest *manifest; /* every service of the bundle */
};

struct context_variable {
	char *name;
	char *value; /* cleansed when freed */
	bool secret;
};

/* Sorted by name. */
struct context_env {
	struct context_variable *items;
	size_t count;
};

/* A variable as the services declare it, several of them perhaps. */
struct context_declaration {
	char *name;
	const struct service *service;   /* the first that says what it is for, or that declares it;
					    borrowed */
	const struct service_help *help; /* borrowed; its texts are NULL where no service says it */
	char *fallback;                  /* the default, or NULL: it must be set */
	bool secret;
	bool port;
	bool wanted; /* false: a secret of services that do not run here */
};

struct context_declarations {
	struct context_declaration *items;
	size_t count, size;
};

/* What the services declare, each name once, in the manifests' order; `wanted` by any node. RET must
 * be empty; release it also after a failure. */
int context_declarations(const struct context_cluster *cluster, struct context_declarations *ret,
			 struct err *err) MUST_CHECK;
void context_declarations_release(struct context_declarations *d);

/*
 * The variables that NODE's capsule carries: ports and non-secret variables of every service, and
 * the secrets of the node's own services. NODE may be NULL: those of every service (for a check of
 * a whole .env). LOOKUP returns a borrowed value or NULL; defaults are filled in. What is missing
 * is ERR_CONFIG naming the variable and who needs it (all of them, one a line of detail), as is a
 * port that is no number from 1 to 65535. A variable that one service declares secret and
 * another does not is ERR_CONFIG.
 */
int context_env_resolve(const struct context_cluster *cluster, const struct topology_node *node,
			const char *(*lookup)(const void *from, const char *name), const void *from,
			struct context_env **ret, struct err *err) MUST_CHECK;
void context_env_free(struct context_env *env);
DEFINE_CLEANUP(struct context_env *, context_env_free);
/* Borrowed, or NULL. */
const struct context_variable *context_env_find(const struct context_env *env, const char *name);

/* The tree for the templates of SERVICE on NODE (manifests/schema.md). Every variable that some
 * node's `vars` has is there on all nodes, empty where it is not set. */
int context_build(const struct context_cluster *cluster, const struct context_env *env,
		  const struct topology_node *node, const struct service *service,
		  struct mustache_value **ret, struct err *err) MUST_CHECK;

/* Renders a text of service.yaml (format text, strict); WHAT names it in messages. A secret is
 * refused unless SECRETS. The caller frees. */
int context_text(const struct mustache_value *context, const char *what, const char *text,
		 bool secrets, char **ret, struct err *err) MUST_CHECK;

/* Appends the names of the packages that SERVICE wants. */
int context_packages(const struct context_cluster *cluster, const struct service *service,
		     struct strv *ret_names, struct err *err) MUST_CHECK;

struct context_certificate {
	char *id; /* SERVICE-NAME: the name of its files in bundle, capsule and keys directory */
	const struct service_certificate *spec; /* borrowed from the manifest */
	char *o, *ou, *cn;                      /* rendered; NULL when not in the subject */
	struct strv sans; /* host names and addresses, without duplicates, in order */
};

struct context_certificates {
	struct context_certificate *items;
	size_t count;
};

/* What NODE's services ask for. Needs no secret: a subject with one is refused. */
int context_certificates(const struct context_cluster *cluster, const struct context_env *env,
			 const struct topology_node *node, struct context_certificates **ret,
			 struct err *err) MUST_CHECK;
void context_certificates_free(struct context_certificates *certificates);
DEFINE_CLEANUP(struct context_certificates *, context_certificates_free);

#endif
