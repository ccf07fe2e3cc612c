/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes back what the record (installer/record.h) says was changed on this node: its units are
 * stopped, files get what they held before, packages that were not there go. Data stays unless it
 * is named. Each step may be run again: what is undone already is passed over.
 */
#ifndef PGHA_REMOVAL_H
#define PGHA_REMOVAL_H

#include "err.h"
#include "install.h"
#include "label.h"
#include "record.h"
#include "str.h"

struct removal {
	const struct install *in;             /* borrowed */
	const struct record_entries *entries; /* borrowed */
	const char *const *data;              /* directories that go with all that is in them; ends
						  with NULL; borrowed */
	const char *mark;                     /* the list of STATE that remembers that it has begun
						  and that the files are undone: what a package held goes with it, and
						  is not put back by a run that follows a killed
						  one; borrowed, or NULL */
	bool attributes; /* also of directories that were noted only: packages have them changed */
	bool apply;      /* or only say it */
	int root_fd;     /* borrowed */
	const struct label
		*label;      /* of what is put back, borrowed; NULL: opened when it is needed */
	struct strv changes; /* a line for each thing that is undone */
	struct strv stays;   /* what is not, with the reason */
};

void removal_release(struct removal *removal);

#define REMOVAL_MARK "undone" /* of an uninstallation; a rollback's is with the record */

/* With APPLY and a mark: from now on a run that is killed is known to have begun. */
int removal_begin(const struct removal *removal, struct err *err) MUST_CHECK;
/* Whether that of MARK was begun and not ended: killed, or it failed. Not after removal_go_forward(). */
int removal_is_begun(const struct install *in, const char *mark, bool *ret,
		     struct err *err) MUST_CHECK;
/* Also after that. */
int removal_has_begun(const struct install *in, const char *mark, bool *ret,
		      struct err *err) MUST_CHECK;
/*
 * If that of MARK was begun and not ended, an installation follows: nothing counts as undone any more, and
 * until removal_forget() it is known (removal_has_begun()) that files which stand as they were before do so by
 * our own work.
 */
int removal_go_forward(const struct install *in, const char *mark, struct err *err) MUST_CHECK;
/* The marks of rollbacks that a commit of IN's sequence settles. */
int removal_forget(const struct install *in, struct err *err) MUST_CHECK;

/* A path of removal->data that is no directory of the record is ERR_USAGE; without a record none is asked for. */
int removal_check_data(const struct removal *removal, struct err *err) MUST_CHECK;

/* In this order; with the units go the ports that were opened and the kernel's settings. LOG gets what the packages' scriptlets say. */
int removal_units(struct removal *removal, struct err *err) MUST_CHECK;
/* Of a rollback: directories that were there before and were removed, empty, come again. Before the files. */
int removal_bring_directories(struct removal *removal, struct err *err) MUST_CHECK;
int removal_files(struct removal *removal, struct err *err) MUST_CHECK;
int removal_packages(struct removal *removal, const char *log, struct err *err) MUST_CHECK;
int removal_directories(struct removal *removal, struct err *err) MUST_CHECK;
/* Accounts may own files elsewhere: they stay and are told. */
int removal_accounts(struct removal *removal, struct err *err) MUST_CHECK;

#endif
