/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that a bundle's definition asks for: by node and service, from its topology and
 * manifests. */
#ifndef PGHA_CERTIFICATES_H
#define PGHA_CERTIFICATES_H

#include "context.h"
#include "definition.h"
#include "dotenv.h"
#include "err.h"
#include "x509.h"

struct certificates {
	struct definition def;
	struct topology *topology;
	struct manifest *manifest;
	struct dotenv *env; /* NULL: the definition's .env is not there */
	struct context_cluster cluster;
};

#define CERTIFICATES_INIT        \
	{                        \
		.topology = NULL \
	}

/* Loads what the definition at PATH names and certificates depend on. Passwords may be missing: no
 * certificate holds one. RET must be CERTIFICATES_INIT; release it also after a failure. */
int certificates_load(const char *path, struct certificates *ret, struct err *err) MUST_CHECK;
void certificates_release(struct certificates *c);

/* Calls FN for each certificate of each node, in the topology's order; PROFILE has no times. ID is
 * "SERVICE-NAME". */
typedef int certificates_fn(void *arg, const char *node, const char *id,
			    const struct x509_profile *profile, struct err *err);
int certificates_each(const struct certificates *c, certificates_fn *fn, void *arg,
		      struct err *err) MUST_CHECK;

/* Every name and address that they hold, and the domain, for a CA that shall issue for no others;
 * added to RET. */
int certificates_names(const struct certificates *c, struct strv *ret, struct err *err) MUST_CHECK;

/* CERT as a profile, borrowed. */
struct x509_profile certificates_profile(const struct context_certificate *cert);

#endif
