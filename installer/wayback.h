/* SPDX-License-Identifier: Apache-2.0 */
/* What a rollback and an uninstallation have in common: how they begin, and what they say at the end. */
#ifndef PGHA_WAYBACK_H
#define PGHA_WAYBACK_H

#include "install.h"
#include "json.h"
#include "rootdev.h"
#include "state.h"

struct wayback {
	struct install in;
	struct state state;
	struct rootdev rootdev;
	char *root; /* owned; IN borrows it */
};

#define WAYBACK_INIT                 \
	{                            \
		.state = STATE_INIT, \
	}

/*
 * Makes IN for NODE below ROOT (NULL: "/"), and locks STATE unless it is a DRY_RUN. ERR_HOST when the caller is not
 * root: WHAT ("a rollback") is for that message.
 */
int wayback_open(struct wayback *back, const char *what, const char *node, const char *root,
		 bool dry_run, struct err *err) MUST_CHECK;
/* From here on the node is changed; nothing in a dry run. */
int wayback_begin(struct wayback *back, struct err *err) MUST_CHECK;
/* Journals R's failure, if it is one, and returns it. */
int wayback_end(struct wayback *back, int r, struct err *err) MUST_CHECK;
void wayback_release(struct wayback *back);

/* Prints what is undone and what stays; as JSON, when it is not NULL, in the object that is open there, and closes it. */
int wayback_print(const struct wayback *back, const struct strv *changes, const struct strv *stays,
		  struct json *as_json, struct err *err) MUST_CHECK;
/* Begins that object. */
void wayback_json(const struct wayback *back, struct json *j);

#endif
