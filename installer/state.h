/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node remembers, below STATE (0700):
 *
 *	journal              a line before and one after each step, fsynced
 *	committed            what was installed last: cluster, node, sequence, digest of the index
 *	bundles/SEQUENCE/    all of that bundle but nodes/: of the last one and the one before; what did not
 *	                     change is there once, with two names; and settings.yaml (kept.h)
 *	record/SEQUENCE/     what that bundle changed here, and what was there before (record.h)
 *	vendors              fingerprints of the vendors' keys that this node trusts
 *	secrets              verifiers of this node's secrets (installer/held.h)
 *	revoked              serial numbers of certificates that a bundle's list has named
 *	packages             names of the packages whose transaction has begun and not ended
 *	rpmdb                there while librpm makes its database in an empty root
 *	unpacking            the paths that this transaction brings (installer/unpack.h)
 *	undone               there from an uninstallation's begin to its end: how far it has come
 *	                     (installer/removal.h)
 *	ca.crt               the cluster's CA, as given at the first installation
 *	log/, staging/
 *
 * STATE itself is locked while an installer is at work. A bundle that is refused leaves nothing here, not even
 * STATE where there was none: what is journalled before the node is changed waits in memory for journal_open().
 */
#ifndef PGHA_STATE_H
#define PGHA_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"
#include "install.h"
#include "str.h"

struct journal {
	int fd;           /* -1 before journal_open() */
	struct str early; /* lines that wait for it */
	uint64_t step_start_ms;
};

#define JOURNAL_INIT     \
	{                \
		.fd = -1 \
	}

/* Behind install_step_begin() and install_step_end(): a line in the file, and at the end one on
 * stderr with the step's time. */
int journal_begin(struct journal *j, const char *step, const char *object,
		  struct err *err) MUST_CHECK;
int journal_end(struct journal *j, const char *step, const char *result,
		struct err *err) MUST_CHECK;

/* A line about what the operator chose to overlook. */
int journal_ignored(struct journal *j, const char *what, const char *text,
		    struct err *err) MUST_CHECK;
/* A line about a mode that is taken from a file whose content is the administrator's: no record has it. */
int journal_narrowed(struct journal *j, const char *line, struct err *err) MUST_CHECK;
/* A line that says why the step did not end. */
int journal_fail(struct journal *j, const char *why, struct err *err) MUST_CHECK;

struct state {
	int dir_fd; /* STATE, locked */
	int made;   /* how many of ROOT/var, its lib and STATE this run has made */
	struct journal journal;
};

#define STATE_INIT                                    \
	{                                             \
		.dir_fd = -1, .journal = JOURNAL_INIT \
	}

/*
 * Makes STATE where it is missing and locks it (in->journal is borrowed from ST), and removes what a
 * killed run has left half written there. ERR_FAILED when another installer holds the lock, ERR_HOST where
 * STATE, or a directory on the way to it, is a link or others may write to it. Release with state_close(),
 * which removes what this one made and nothing was put into.
 */
int state_open(struct install *in, struct state *st, struct err *err) MUST_CHECK;
/* From here on the node is changed: opens STATE/journal and writes the lines that waited. */
int journal_open(const struct install *in, struct state *st, struct err *err) MUST_CHECK;
void state_close(struct install *in, struct state *st);

/* What was committed last; sequence 0: nothing yet. */
struct state_committed {
	char *cluster;
	char *node;
	uint64_t sequence;
	char index_sha256[SHA256_HEX_SIZE];
};

#define STATE_COMMITTED_INIT  \
	{                     \
		.sequence = 0 \
	}

void state_committed_release(struct state_committed *c);
int state_committed_load(const struct install *in, struct state_committed *ret,
			 struct err *err) MUST_CHECK;
/* Refuses (ERR_VERIFY) a bundle with INDEX that is older than what was committed, another one of the
 * same sequence, and one of another cluster; another NODE's name is ERR_USAGE. */
int state_committed_check(const struct state_committed *c, const char *node,
			  const struct index *index, const char *index_sha256,
			  struct err *err) MUST_CHECK;
/* Keeps what is staged, then the fact. Killed between, the fact is the old one. */
int state_commit(const struct install *in, const char *index_sha256, struct err *err) MUST_CHECK;

/* A new file's path below STATE/log/, which is made; the caller frees. */
int state_log_path(const struct install *in, const char *what, char **ret,
		   struct err *err) MUST_CHECK;

/* After an uninstallation: all of STATE goes but the journal and the logs. */
int state_forget(const struct install *in, struct err *err) MUST_CHECK;

/* The newest kept bundle that is older than BEFORE; 0: there is none. */
int state_kept_before(const struct install *in, uint64_t before, uint64_t *ret,
		      struct err *err) MUST_CHECK;
/* Makes the kept bundle of SEQUENCE, whose index was read into IN, the committed one again. */
int state_commit_again(const struct install *in, uint64_t sequence, const char *index_sha256,
		       struct err *err) MUST_CHECK;

/* Where the bundle of SEQUENCE is kept, whether it is there or not; the caller frees. */
int state_kept_path(const struct install *in, uint64_t sequence, char **ret,
		    struct err *err) MUST_CHECK;
/* Removes all kept bundles but the staged one and that of sequence BEFORE. */
int state_prune(const struct install *in, uint64_t before, struct err *err) MUST_CHECK;

#define STATE_DOUBTFUL "packages"

/* Lists of words, one a line: STATE/vendors, STATE/packages. A file that is not there is an empty
 * list; an empty list removes the file. */
int state_list_load(const struct install *in, const char *name, struct strv *ret,
		    struct err *err) MUST_CHECK;
int state_list_save(const struct install *in, const char *name, const struct strv *list,
		    struct err *err) MUST_CHECK;

#endif
