/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One installation: what was asked, where it goes, and what was verified. Everything that is
 * written goes below root, so that tests and images set another one; the clock is lib/clock.h.
 */
#ifndef PGHA_INSTALL_H
#define PGHA_INSTALL_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "index.h"
#include "str.h"
#include "workdir.h"

#define INSTALL_STATE_DIR "/var/lib/pgha" /* below root */
#define INSTALL_CA_NAME "ca.crt"          /* there: the CA of the last commit */

/* Of NAME's basename: what takes its place when it is whole, in the same directory. */
#define INSTALL_TEMP_FORMAT ".%s.pgha-new"

struct capsule;  /* lib/capsule.h */
struct topology; /* lib/topology.h */
struct journal;  /* installer/state.h */
struct record;   /* installer/record.h */

struct install {
	/* Asked for; borrowed from the command line. */
	const char *node;                /* a node of the topology */
	const char *root;                /* "/" or another root, absolute, existing */
	const struct strv *bundle_files; /* the tarball, or its volumes */
	const struct strv *base_files;   /* the same of a delta's base; or NULL */
	const char *ca_path; /* the cluster's CA, PEM: what the signature must chain to, and what
					nodes get as ca.crt */
	const char *passphrase_path; /* both NULL: ask on the terminal */
	const char *passphrase_fd;   /* the number of an open descriptor */
	const char *accept_key;      /* a new vendor's fingerprint, or NULL */
	const char *accept_change;   /* secrets that are changed in the cluster by hand, or NULL */
	const char *const
		*take_ours; /* files to write though somebody changed them, "all", or NULL; as
					 the next ends with NULL */
	const char *const *keep_theirs; /* those that stay as they are, likewise */
	bool dry_run;                   /* say what would change, change nothing */
	bool wait;                      /* cluster probes that stay pending are ERR_UNHEALTHY */
	bool unguarded;                 /* restart units whatever their services' guards say */
	unsigned int patience_s;        /* no guard is waited for longer; 0: as the service says */
	bool json;

	/* Set on the way: a restart waits for others (installer/guard.h), nothing is wrong with this node. */
	bool waits;

	/* Made by install_init(); owned. */
	char *state_dir; /* ROOT/var/lib/pgha, as the installer itself sees it */
	char *staging; /* where the verified members lie: STAGING/repo/…, STAGING/manifests/… */

	struct workdir scratch; /* what STAGING is in a dry run, locked as long as we live */

	/* Filled by the steps; owned. */
	struct index index;        /* after verification */
	struct topology *topology; /* from the verified manifests/topology.yaml */
	struct capsule *capsule;   /* this node's secrets and private keys */
	struct journal *journal;   /* NULL in a dry run */
	struct record *record;     /* what is changed; NULL in a dry run */
};

/* Checks ROOT and sets the paths; the borrowed members are set beforehand. ERR_USAGE when ROOT
 * is no directory. */
int install_init(struct install *in, struct err *err) MUST_CHECK;
/* Cleanses secrets and frees what is owned. */
void install_release(struct install *in);

/*
 * PATH, absolute as the node will see it, below the installation's root as the installer sees it.
 * The caller frees. Says nothing about symbolic links on the way: what is written goes through
 * dir_open_beneath().
 */
int install_path(const struct install *in, const char *path, char **ret_path,
		 struct err *err) MUST_CHECK;

/* True when root is "/", so that systemctl reaches the node's own manager. */
bool install_is_live(const struct install *in);

/*
 * The journal (installer/state.h), one fsynced line before and one after each step; both do nothing
 * in a dry run. STEP is a word ("files"), OBJECT what it is about, or "". install_step_begin() also
 * prints the step on stderr, install_step_end() its time and RESULT ("3 files written", "nothing to
 * do").
 */
int install_step_begin(struct install *in, const char *step, const char *object,
		       struct err *err) MUST_CHECK;
int install_step_end(struct install *in, const char *step, const char *result,
		     struct err *err) MUST_CHECK;

#endif
