/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sealed for one node: the values of its services' variables and its private keys. YAML:
 *
 *	pgha-capsule: 1
 *	cluster: NAME
 *	node: NAME
 *	env: {NAME: value}
 *	keys: {SERVICE-NAME: PEM text}
 *
 * Everything in it is secret and cleansed when released.
 */
#ifndef PGHA_CAPSULE_H
#define PGHA_CAPSULE_H

#include <stddef.h>

#include "err.h"
#include "str.h"

struct capsule_pair {
	char *name;
	char *value;
};

struct capsule {
	char *cluster;
	char *node;
	struct capsule_pair *env;
	size_t env_count;
	struct capsule_pair *keys;
	size_t key_count;
};

#define CAPSULE_INIT            \
	{                       \
		.cluster = NULL \
	}

void capsule_release(struct capsule *c);
int capsule_set_names(struct capsule *c, const char *cluster, const char *node,
		      struct err *err) MUST_CHECK;
/* Copies both. The same NAME with the same value again is fine; with another it is ERR_CONFIG. */
int capsule_add_env(struct capsule *c, const char *name, const char *value,
		    struct err *err) MUST_CHECK;
/* NAME is SERVICE-NAME, PEM the private key. */
int capsule_add_key(struct capsule *c, const char *name, const char *pem,
		    struct err *err) MUST_CHECK;
/* Borrowed, or NULL. */
const char *capsule_env(const struct capsule *c, const char *name);
const char *capsule_key(const struct capsule *c, const char *name);

/* YAML, names in byte order, appended to RET, which should be secret. */
int capsule_format(const struct capsule *c, struct str *ret, struct err *err) MUST_CHECK;
/* Strict; ERR_VERIFY. NAME is for messages, which never quote a value. RET is untouched on
 * failure. */
int capsule_parse(const char *name, const char *text, size_t len, struct capsule *ret,
		  struct err *err) MUST_CHECK;

#endif
