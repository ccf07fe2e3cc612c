/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one node is to become, worked out from the verified bundle: its services, its variables, and
 * the tree that its templates see. The steps that follow the packages (place, venv, unit, once) all
 * work on it, and all have the same shape:
 *
 *	int STEP(struct setup *setup, bool apply, struct strv *changes, struct err *err);
 *
 * Each compares what is there with what should be, appends one line to CHANGES for each difference,
 * and, with APPLY, makes it so. Without APPLY nothing is touched: that is the plan. A run that adds
 * no line changed nothing. Nothing here prints.
 */
#ifndef PGHA_SETUP_H
#define PGHA_SETUP_H

#include <stdbool.h>

#include "cleanup.h"
#include "context.h"
#include "err.h"
#include "install.h"
#include "manifest.h"
#include "mustache.h"
#include "str.h"
#include "topology.h"

/* One service of this node. */
struct setup_service {
	const struct setup *setup;      /* whose it is */
	const struct service *service;  /* borrowed from the manifest */
	struct mustache_value *context; /* owned */
	struct mustache_value
		*masked; /* the same with a mask for each secret; see setup_review() */
	/* What the units still need; kept under STATE/changed/ until it is done, so that a killed run's
	 * successor does it. */
	enum service_on_change wanted;
	bool no_secrets; /* of the kept bundle: their values are not known */
};

struct label;  /* installer/label.h */
struct held;   /* installer/held.h */
struct review; /* installer/review.h */
struct ours;   /* installer/ours.h */

struct setup {
	struct install *in;               /* borrowed */
	const struct topology_node *node; /* borrowed from in->topology */
	struct manifest *manifest;
	struct context_cluster cluster;
	struct label *label; /* SELinux's contexts, or NULL: installer/label.h */
	char *crl;           /* PEM, for services that want it; or NULL */
	struct context_env *env;
	struct setup_service *services; /* of this node, in the manifest's order */
	size_t count;
	struct held *held;  /* NULL before held_plan() */
	struct ours *ours;  /* which files are as an installation wrote them */
	bool units_changed; /* a unit or drop-in was written: daemon-reload */

	struct review *review;      /* what gets to know what differs, borrowed; NULL: nobody */
	struct context_env *masked; /* NULL before setup_review() */
	struct strv secrets;        /* their values, likewise */
	struct strv declared;       /* paths that the steps have seen so far */
	struct strv kept;           /* files that stay because somebody changed them by hand */
	int root_fd;
};

/*
 * Needs IN after verification: topology, capsule, index and STAGING/manifests/. Everything is
 * loaded, checked and rendered once here, so that a manifest's mistake shows before anything is
 * changed. The node's root is opened and nothing is written.
 */
int setup_new(struct install *in, struct setup **ret, struct err *err) MUST_CHECK;
/* The same of what kept_open() (installer/kept.h) has found: nothing is rendered beforehand, and what needs
 * a secret is ERR_CONFIG. */
int setup_new_kept(struct install *in, struct setup **ret, struct err *err) MUST_CHECK;
void setup_free(struct setup *setup);
DEFINE_CLEANUP(struct setup *, setup_free);

/* The packages that this node's services want (names, sorted, each once). */
int setup_packages(const struct setup *setup, struct strv *ret_names, struct err *err) MUST_CHECK;

/* From here on the steps without APPLY tell REVIEW what is behind their lines; NULL: no more. What
 * they noted about units until then is forgotten. */
int setup_review(struct setup *setup, struct review *review, struct err *err) MUST_CHECK;

/* --- for the steps ------------------------------------------------------------------------- */

/* Remembers, before the change is made, what the service's units will need; with APPLY also on
 * disk. */
int setup_want(struct setup *setup, struct setup_service *service, enum service_on_change what,
	       bool apply, struct err *err) MUST_CHECK;
/* Forgets it again once done. */
int setup_done(struct setup *setup, struct setup_service *service, struct err *err) MUST_CHECK;
/* The same for unit files: daemon-reload. */
int setup_want_reload(struct setup *setup, bool apply, struct err *err) MUST_CHECK;
int setup_reload_done(struct setup *setup, struct err *err) MUST_CHECK;

#endif
