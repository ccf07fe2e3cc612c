/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the newest record (installer/record.h) back: what an installation that was not committed has changed,
 * or else what the committed bundle has changed over the one before it, which is still kept. Files get their
 * former content, packages their former version from the kept bundle, and the units are started anew.
 */
#ifndef PGHA_ROLLBACK_H
#define PGHA_ROLLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"
#include "install.h"
#include "plan.h"
#include "record.h"
#include "removal.h"
#include "setup.h"
#include "state.h"
#include "vendor.h"

struct rollback {
	struct install *in; /* borrowed; its index and staging become the kept bundle's */
	struct state_committed committed;
	uint64_t from;                      /* the record that is taken back */
	uint64_t to;                        /* the bundle that is committed then; 0: none */
	char index_sha256[SHA256_HEX_SIZE]; /* of that bundle */
	struct record_entries entries;      /* of FROM alone */
	struct record_entries all;
	struct strv erase; /* packages that FROM brought */
	struct plan back;  /* packages that FROM replaced */
	struct strv stay;  /* those of which no kept bundle has the former version */
	struct vendor vendor;
	struct setup
		*guards; /* borrowed: behind whose guards units restart; NULL: the kept bundle's */
	struct setup *own; /* those */
	int root_fd;
};

#define ROLLBACK_INIT                                                                        \
	{                                                                                    \
		.committed = STATE_COMMITTED_INIT, .back = PLAN_INIT, .vendor = VENDOR_INIT, \
		.root_fd = -1                                                                \
	}

/*
 * Finds out what there is to take back, and changes nothing. ERR_USAGE when there is nothing;
 * ERR_FAILED when what is needed is not kept any more.
 */
int rollback_open(struct install *in, struct rollback *ret, struct err *err) MUST_CHECK;
void rollback_release(struct rollback *r);

/* The record whose rollback was begun and has not come to its end: killed, or it failed. 0: there is none. */
int rollback_pending(const struct install *in, uint64_t *ret_from, struct err *err) MUST_CHECK;

/* With APPLY it is done; ERR_UNHEALTHY when a guard does not let a unit restart: the same again goes on from
 * there. CHANGES gets a line for each thing, STAYS what is not taken back, with the reason. */
int rollback_run(struct rollback *r, bool apply, struct strv *changes, struct strv *stays,
		 struct err *err) MUST_CHECK;

#endif
