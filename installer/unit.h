/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd units, by systemctl: daemon-reload when a unit file changed, enable, start, and reload or
 * restart where a file's on_change asks for it. In another root than "/" they are enabled only.
 */
#ifndef PGHA_UNIT_H
#define PGHA_UNIT_H

#include "setup.h"

/* What will be done to a unit, or is: none also where nothing is live. */
enum unit_action { UNIT_NONE, UNIT_START, UNIT_RELOAD, UNIT_RESTART };

/*
 * By what the service wants (setup_want(): files that changed, and outdated_foresee() for packages that will)
 * and by what UNIT runs now. unit_apply() does exactly that; asked before it, it is the plan.
 */
int unit_action(const struct setup_service *service, const struct service_unit *unit,
		enum unit_action *ret, struct err *err) MUST_CHECK;

/*
 * Services in the order of the node's list. A restart of what is up waits for the service's guard
 * (installer/guard.h). A unit that does not start is ERR_UNHEALTHY with its last journal lines as details.
 */
int unit_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err) MUST_CHECK;

/* After the cluster steps: restarts, guarded, the units of services that say themselves that it is due
 * (restart: due). */
int unit_restart_due(struct setup *setup, struct strv *changes, struct err *err) MUST_CHECK;

/* Puts on record what the units are before packages stop or start them. */
int unit_note(struct setup *setup, struct err *err) MUST_CHECK;

/* Stops and disables UNIT as far as WAS (RECORD_UNIT_* of installer/record.h) says that it was; one that
 * is gone is passed over. */
int unit_take_back(const struct install *in, const char *unit, const char *was, bool apply,
		   struct strv *changes, struct err *err) MUST_CHECK;

/* Enables UNIT if WAS says that it was. */
int unit_enable_again(const struct install *in, const char *unit, const char *was, bool apply,
		      struct strv *changes, struct err *err) MUST_CHECK;

/* How a unit goes on with what it had before, which is back. */
struct unit_way {
	enum unit_action action;
	bool serves; /* it is up */
	bool failed;
};

/*
 * One that runs and has started after SINCE_US (CLOCK_MONOTONIC; 0: who knows) is restarted, one that has only
 * reloaded is reloaded, and one that ran (RAN) and does not is started. Nothing in another root.
 */
int unit_way_back(const struct install *in, const char *unit, bool ran, uint64_t since_us,
		  struct unit_way *ret, struct err *err) MUST_CHECK;
int unit_go_back(const struct install *in, const char *unit, const struct unit_way *way, bool apply,
		 struct strv *changes, struct err *err) MUST_CHECK;

/* What UNIT is now, in the same words; in another root than "/" it is never active. */
int unit_words(const struct install *in, const char *unit, const char **ret,
	       struct err *err) MUST_CHECK;

/* daemon-reload, after units' files have changed. Nothing in another root. */
int unit_reload_manager(const struct install *in, struct err *err) MUST_CHECK;

/* Appends the last journal lines of the service's units to ERR's details, their secrets masked. */
void unit_journal(const struct setup_service *service, struct err *err);
/* Replaces the secrets of this node in LINE. */
void unit_mask_secrets(const struct setup *setup, char *line);

#endif
