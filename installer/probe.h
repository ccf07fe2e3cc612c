/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: commands of the manifests that say whether a service does its work. None runs in another
 * root than "/".
 */
#ifndef PGHA_PROBE_H
#define PGHA_PROBE_H

#include "proc.h"
#include "setup.h"

/* When nobody asked to wait: what all cluster probes of one run may take together, what its once
 * steps may, whose work is lost on a cluster that comes a moment later, and what one try may. */
#define PROBE_PATIENCE_MS 3000
#define PROBE_ONCE_PATIENCE_MS 10000
#define PROBE_TRY_MS 5000

/* Tries every probe of scope node until it holds; ERR_UNHEALTHY with what it said and the units'
 * journal when its within_s is over. Before the commit. */
int probe_node(struct setup *setup, struct err *err) MUST_CHECK;

/*
 * Tries every probe of scope cluster. One that does not hold is ERR_UNHEALTHY with in->wait;
 * otherwise "LAYER: pending: waits for NAME" goes to PENDING. After the commit and the once steps.
 */
int probe_cluster(struct setup *setup, struct strv *pending, struct err *err) MUST_CHECK;

/*
 * Tries a cluster probe until it holds: until its within_s with in->wait; otherwise until BUDGET_MS
 * after START_MS of the monotonic clock, which several probes share, and once at least. WHY (may be
 * NULL) gets what it said.
 */
int probe_try_cluster(const struct setup *setup, const struct setup_service *service,
		      const struct service_probe *probe, uint64_t start_ms, unsigned int budget_ms,
		      bool *ret_holds, struct err *why, struct err *err) MUST_CHECK;

enum probe_state {
	PROBE_HEALTHY,
	PROBE_PENDING, /* of scope cluster, and nobody asked to wait */
	PROBE_UNHEALTHY,
	PROBE_NOT_ASKED, /* it needs a secret that is not known */
};

/*
 * Asks one probe of a node that is installed: once, or, of scope cluster, as probe_cluster() does; until its
 * within_s with in->wait. WHY gets what it said, unless it holds.
 */
int probe_ask(const struct setup *setup, const struct setup_service *service,
	      const struct service_probe *probe, uint64_t start_ms, enum probe_state *ret,
	      struct err *why, struct err *err) MUST_CHECK;

/*
 * Runs EXEC with COMMAND's user and environment, all rendered: EXEC and EXPECT without secrets, the
 * environment and, with WITH_STDIN, standard input with them. RET_HOLDS: it ended with status 0 in
 * time, and its standard output contains EXPECT (NULL: whatever it says). WHY (may be NULL) gets
 * what it said otherwise.
 */
int probe_command(const struct setup_service *service, const struct service_command *command,
		  const struct strv *exec, bool with_stdin, const char *expect,
		  unsigned int timeout_ms, bool *ret_holds, struct err *why,
		  struct err *err) MUST_CHECK;

/* Whether COMMAND needs a secret and SERVICE is of a kept bundle, which has none: WHY tells which. */
bool probe_lacks_secret(const struct setup_service *service, const struct service_command *command,
			struct err *why);

/* Tries a probe, once at least, until it holds or WITHIN_S are over, whoever asked to wait. */
int probe_try_step(const struct setup_service *service, const struct service_probe *probe,
		   unsigned int within_s, bool *ret_holds, struct err *why,
		   struct err *err) MUST_CHECK;

/* A command as it is run; its strings hold secrets and are cleansed when released. */
struct probe_rendered {
	struct strv argv, env, texts;
	struct proc proc;     /* borrows them */
	const char *expected; /* NULL: none */
};

#define PROBE_RENDERED_INIT        \
	{                          \
		.argv = STRV_INIT, \
	}

int probe_render(const struct setup_service *service, const struct service_command *command,
		 const struct strv *exec, bool with_stdin, const char *expect,
		 struct probe_rendered *ret, struct err *err) MUST_CHECK;
void probe_rendered_release(struct probe_rendered *rendered);

#endif
