/* SPDX-License-Identifier: Apache-2.0 */
/* The .env of a bundle: what the manifests want in it, written, judged and renewed. No message names
 * a value. */
#ifndef PGHA_SECRETS_H
#define PGHA_SECRETS_H

#include <stdbool.h>

#include "context.h"
#include "definition.h"
#include "dotenv.h"
#include "err.h"
#include "str.h"

struct secrets {
	struct definition def;
	struct topology *topology;
	struct manifest *manifest;
	struct context_cluster cluster;
	struct context_declarations declared;
};

#define SECRETS_INIT             \
	{                        \
		.topology = NULL \
	}

/* Loads what the definition at PATH names and variables depend on, its .env not among it. RET must
 * be SECRETS_INIT; release it also after a failure. */
int secrets_load(const char *path, struct secrets *ret, struct err *err) MUST_CHECK;
void secrets_release(struct secrets *s);

/*
 * A .env with every variable, its comments in French and English: secrets empty, or random with
 * FILL, and everything else at its default. ERR_CONFIG names all that no service describes.
 * RET should be secret.
 */
int secrets_text(const struct secrets *s, bool fill, struct str *ret, struct err *err) MUST_CHECK;

/*
 * Everything that is wrong with ENV, a line each, added to RET: variables that are missing or empty,
 * ports that are none, secrets that are too weak or the same, names that no service reads. What
 * another service beside the definition reads may be there. PATH is the file's; the lines begin with
 * its last part, and none shows a value.
 */
int secrets_check(const struct context_cluster *cluster, const struct definition *def,
		  const struct dotenv *env, const char *path, struct strv *ret,
		  struct err *err) MUST_CHECK;
/* The same as an error: ERR_CONFIG unless all is right. */
int secrets_require(const struct context_cluster *cluster, const struct definition *def,
		    const struct dotenv *env, const char *path, struct err *err) MUST_CHECK;

/*
 * New random values for NAMES, which end with NULL and must be secrets of the definition's services,
 * in its .env; nothing else of that file changes. The file as it was is kept beside it under a name
 * that was free, RET_KEPT, which the caller frees. ERR_USAGE: no such secret.
 */
int secrets_rotate(const struct secrets *s, const char *const *names, char **ret_kept,
		   struct err *err) MUST_CHECK;

/* A password: letters and digits alone, the first a letter, more than 128 bits from OpenSSL's
 * generator; appended to RET. */
int secrets_random(struct str *ret, struct err *err) MUST_CHECK;

#endif
