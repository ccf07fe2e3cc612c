/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's definition, BUNDLE.yaml: what goes in, from where, for which platform. */
#ifndef PGHA_DEFINITION_H
#define PGHA_DEFINITION_H

#include <stdbool.h>

#include "err.h"
#include "schema.h"
#include "str.h"
#include "yaml.h"

struct definition_platform {
	char *id;     /* "platform:el8" */
	char *arch;   /* "x86_64" */
	char *glibc;  /* "2.28", or NULL */
	char *python; /* "3.12", or NULL */
};

struct definition_trust {
	char *repo;
	struct strv keys; /* primary fingerprints, upper-case hexadecimal, 40 or 64 digits */
};

struct definition_modules {
	struct strv disable;
	struct strv enable;
};

struct definition_wheels {
	struct strv requirements; /* as pip takes them; none begins with '-' */
};

/*
 * Paths are ready to open: relative ones were joined to the directory of the definition. Strings
 * are NULL and lists empty when the key is absent; a command checks what it needs with
 * definition_need().
 */
struct definition {
	char *path; /* of the definition itself */
	unsigned int version;
	char *cluster;
	struct definition_platform platform;
	struct strv repos;        /* paths of .repo files */
	struct schema_list trust; /* of struct definition_trust, sorted by repo */
	char *installer;          /* path */
	struct definition_modules modules;
	char *baseline;     /* NULL for none, else the path of an inventory */
	struct strv locked; /* packages of the baseline that stay as they are: names, patterns */
	bool weak_deps;     /* what is recommended too */
	struct definition_wheels wheels;
	struct strv services; /* names of directories under services/ beside the definition */
	struct strv packages;
	char *topology;          /* path */
	char *env;               /* path */
	unsigned int valid_days; /* 90 unless given */
	struct yaml_doc *doc;    /* for messages with positions */
};

#define DEFINITION_INIT      \
	{                    \
		.path = NULL \
	}

/* ERR_USAGE when PATH cannot be opened, ERR_CONFIG with file:line:column for what is wrong inside.
 * RET must be DEFINITION_INIT; release it also after a failure. */
int definition_load(const char *path, struct definition *ret, struct err *err) MUST_CHECK;
void definition_release(struct definition *def);

/* ERR_CONFIG that names KEY ("topology", "cluster" …) unless VALUE is not NULL. */
int definition_need(const struct definition *def, const char *key, const char *value,
		    struct err *err) MUST_CHECK;
/* services/NAME beside the definition; the caller frees. */
int definition_service_dir(const struct definition *def, const char *service, char **ret_dir,
			   struct err *err) MUST_CHECK;
/* Borrowed, or NULL when nothing is pinned for REPO. */
const struct strv *definition_keys(const struct definition *def, const char *repo);

/* A package that somebody asked for. */
struct definition_request {
	char *name;
	char *reason; /* "service NAME" or "requested" */
	char *where;  /* the manifest's file, or "file:line:column" of the definition */
};

struct definition_requests {
	struct definition_request *items;
	size_t count;
};

/* Every package that the services' manifests and `packages` name, sorted by name, each once (a
 * service's reason goes before "requested", then by name of the service). */
int definition_requests(const struct definition *def, struct definition_requests *ret,
			struct err *err) MUST_CHECK;
void definition_requests_release(struct definition_requests *r);

#endif
