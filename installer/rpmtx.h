/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction of librpm from staged RPM files. librpm knows the vendors' pinned keys alone and
 * wants signature and digest of each package again. Scriptlets' output goes to a log file.
 */
#ifndef PGHA_RPMTX_H
#define PGHA_RPMTX_H

#include <signal.h>
#include <stdbool.h>

#include "err.h"
#include "install.h"
#include "plan.h"
#include "vendor.h"

/*
 * Reads librpm's configuration, once a process. A database place that depends on who calls
 * (Debian's ~/.rpmdb) becomes /var/lib/rpm. Before anything that reads the rpm database.
 */
int rpmtx_configure(const struct install *in, struct err *err) MUST_CHECK;
/* Whether the root has an rpm database yet: opening one makes it. After rpmtx_configure(). */
bool rpmtx_has_database(const struct install *in);

/* Makes one where there is none (another root), so that a run that is killed meanwhile leaves none that nobody can read: the next
 * one removes it, with rpmtx_drop_half(), before anything reads it. */
int rpmtx_make_database(const struct install *in, struct err *err) MUST_CHECK;
int rpmtx_drop_half(const struct install *in, struct err *err) MUST_CHECK;

/*
 * librpm before 4.19 puts its own handlers in place while its database is open and ends the process
 * from there. Between these two a signal waits: it reaches our handler afterwards.
 */
void rpmtx_hold_signals(sigset_t *ret_old);
void rpmtx_release_signals(const sigset_t *old);

/*
 * Runs PLAN, whose packages' signatures were checked (vendor_check_rpm()), or with TEST only tries:
 * dependencies, conflicts, file conflicts, disk space, and nobody's signature. What it has installed is
 * on the disk when it returns 0. LOG (may be NULL in a test) gets what
 * scriptlets and librpm say. A scriptlet that fails, a test that fails: ERR_FAILED with details; a
 * signature that librpm does not take: ERR_VERIFY; no disk space: ERR_HOST.
 */
int rpmtx_run(const struct install *in, const struct plan *plan, const struct vendor *vendor,
	      bool test, const char *log, struct err *err) MUST_CHECK;

/*
 * The reverse: removes the installed packages ERASE (those that are not there are passed over) and puts back
 * BACK, older ones of a kept bundle, in one transaction; or with TEST only tries; the rest as above. What
 * others need is ERR_FAILED with details. BACK and VENDOR may be NULL together.
 */
int rpmtx_back(const struct install *in, const struct strv *erase, const struct plan *back,
	       const struct vendor *vendor, bool test, const char *log, struct err *err) MUST_CHECK;

#endif
