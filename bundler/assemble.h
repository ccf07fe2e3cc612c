/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a bundle, part by part, from the definition, the lock and what was fetched. */
#ifndef PGHA_ASSEMBLE_H
#define PGHA_ASSEMBLE_H

#include "context.h"
#include "definition.h"
#include "err.h"
#include "fetch.h"
#include "keys.h"
#include "lock.h"
#include "pack.h"
#include "published.h"

/* All borrowed. */
struct assemble {
	const struct definition *def;
	const struct lock *lock;
	const struct fetch_result *fetched;
	const struct published *published; /* advisories and modules of what was fetched */
	const char *cache;
	const struct context_cluster *cluster;
	const struct dotenv *env;
	const struct keys_passphrases *passphrases;
	const char *work_dir; /* a private directory for what must be made as files */
};

/* A passphrase for every node, nothing wrong with the .env, every template rendered for its nodes: what can be
 * said before anything is fetched. */
int assemble_check(const struct assemble *a, struct err *err) MUST_CHECK;

/* ERR_CONFIG when a service makes a virtual environment and DEF asks for no wheels. */
int assemble_check_wheels(const struct definition *def, const struct manifest *manifest,
			  struct err *err) MUST_CHECK;

/* Issues what KEYS does not hold or what does not fit, and asks for the CA key's passphrase when it has
 * to: before what takes long. */
int assemble_certificates(const struct assemble *a, struct keys *keys, struct err *err) MUST_CHECK;
/* manifests/: bundle.yaml, the topology and the services, as used. */
int assemble_manifests(const struct assemble *a, struct pack *pack, struct err *err) MUST_CHECK;
/* repo/Packages/, wheels/ with requirements.lock, keys/. */
int assemble_artifacts(const struct assemble *a, struct pack *pack, struct err *err) MUST_CHECK;
/* repo/repodata/ by createrepo_c, after assemble_artifacts(). */
int assemble_repodata(const struct assemble *a, struct pack *pack, struct err *err) MUST_CHECK;
/* certs/ and nodes/: each node's certificates, its capsule, and its transport key under its
 * passphrase. Certificates are made where KEYS holds none that fits. */
int assemble_nodes(const struct assemble *a, struct keys *keys, struct pack *pack,
		   struct err *err) MUST_CHECK;

/*
 * All that the rest of the bundle depends on, when PACK has what comes before: appended to RET, which is
 * to be secret. The same text means that nothing but seals, times and the sequence would differ.
 */
int assemble_describe(const struct assemble *a, struct keys *keys, const struct pack *pack,
		      struct str *ret, struct err *err) MUST_CHECK;

#endif
