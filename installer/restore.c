/* SPDX-License-Identifier: Apache-2.0 */
#include "restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "progress.h"
#include "record.h"
#include "removal.h"
#include "rollback.h"
#include "state.h"

/* Behind the reason, in the same line; what does not fit is in the journal. */
static void tell(struct err *failure, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void tell(struct err *failure, const char *fmt, ...)
{
	size_t len = strlen(failure->msg);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(failure->msg + len, sizeof(failure->msg) - len, fmt, ap);
	va_end(ap);
}

#define PATIENCE_S 120 /* with a guard: nobody may be there to see it wait */

/* GUARDS, of the run that failed, has the secrets that a lock may need; what it says to the cluster is of
 * the bundle that comes back. */
static void be_guarded(struct rollback *back, struct setup *guards)
{
	back->in->patience_s = PATIENCE_S;
	if (!guards)
		return;
	guards->in->patience_s = PATIENCE_S;
	guards->in->index.sequence = back->to;
	back->guards = guards;
}

static int take_back(struct install *in, struct setup *guards, struct rollback *back,
		     struct strv *stays, struct err *err)
{
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	char text[64];
	int r = rollback_open(in, back, err);

	snprintf(text, sizeof(text), "sequence %" PRIu64, back->from);
	if (r == 0)
		be_guarded(back, guards);
	if (r == 0)
		r = install_step_begin(in, "rollback", text, err);
	if (r == 0)
		r = rollback_run(back, true, &changes, stays, err);
	snprintf(text, sizeof(text), "%zu undone", changes.count);
	return r < 0 ? r : install_step_end(in, "rollback", text, err);
}

void restore_failed(const struct install *in, struct setup *guards, bool keep, struct err *failure)
{
	CLEANUP(install_release)
	struct install again = { .node = in->node,
				 .root = in->root,
				 .journal = in->journal,
				 .unguarded = in->unguarded };
	CLEANUP(state_committed_release) struct state_committed last = STATE_COMMITTED_INIT;
	CLEANUP(rollback_release) struct rollback back = ROLLBACK_INIT;
	CLEANUP(strv_release) struct strv stays = STRV_INIT;
	struct err err = ERR_INIT;
	int r = 0;

	if (failure->code == ERR_INTERRUPTED)
		return;
	r = state_committed_load(in, &last, &err);
	if (r == 0 && last.sequence == in->index.sequence) {
		tell(failure, "; sequence %" PRIu64 " stays installed: run the same again",
		     last.sequence);
		return;
	}
	if (r == 0 && keep) {
		tell(failure,
		     "; what was changed stays: 'pgha-install rollback --node %s' takes it back",
		     in->node);
		return;
	}
	if (r == 0)
		r = install_init(&again, &err);
	if (r == 0)
		r = take_back(&again, guards, &back, &stays, &err);
	for (size_t i = 0; i < stays.count; i++)
		notice("stays: %s", stays.items[i]);
	if (r < 0) {
		warning("the earlier state is not back: %s", err.msg);
		tell(failure,
		     "; the earlier state is not back: 'pgha-install rollback --node %s%s' goes on "
		     "with it",
		     in->node, again.waits || in->waits ? " [--unguarded]" : "");
	} else if (back.to) {
		tell(failure, "; the earlier state is back: sequence %" PRIu64, back.to);
	} else {
		tell(failure, "; the earlier state is back: nothing is installed");
	}
}

int restore_pending(struct install *in, struct setup *guards, uint64_t from, struct err *err)
{
	CLEANUP(install_release)
	struct install again = { .node = in->node,
				 .root = in->root,
				 .journal = in->journal,
				 .unguarded = in->unguarded };
	CLEANUP(rollback_release) struct rollback back = ROLLBACK_INIT;
	CLEANUP(strv_release) struct strv stays = STRV_INIT;
	const uint64_t sequence = in->index.sequence;
	char mark[RECORD_MARK_SIZE];
	struct err why = ERR_INIT;
	int r = 0;

	if (in->dry_run) {
		notice("sequence %" PRIu64 " is half taken back: an installation ends that first, "
		       "and has another plan then ('pgha-install rollback --node %s' ends it now)",
		       from, in->node);
		return 0;
	}
	notice("sequence %" PRIu64 " is half taken back: that is ended first", from);
	r = install_init(&again, &why);
	if (r == 0)
		r = take_back(&again, guards, &back, &stays, &why);
	in->patience_s = 0;
	in->index.sequence = sequence;
	for (size_t i = 0; i < stays.count; i++)
		notice("stays: %s", stays.items[i]);
	if (r == 0)
		return 0;
	if (why.code == ERR_INTERRUPTED || again.waits || in->waits) {
		*err = why;
		return err_prefix(err, "sequence %" PRIu64 " is half taken back", from);
	}
	warning("sequence %" PRIu64 " cannot be taken back any further: %s", from, why.msg);
	r = install_step_end(in, "rollback", "given up", err);
	record_mark(from, mark);
	return r < 0 ? r : removal_go_forward(in, mark, err);
}
