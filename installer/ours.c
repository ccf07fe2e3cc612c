/* SPDX-License-Identifier: Apache-2.0 */
#include "ours.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "packaged.h"
#include "present.h"
#include "removal.h"
#include "state.h"

struct ours {
	const struct install *in;
	struct record_entries history; /* each line of each record */
	struct record_entries all;
	uint64_t committed;
	bool going_back; /* a rollback of what is committed has begun and not ended */
	bool removing;   /* an uninstallation has */
};

void ours_free(struct ours *ours)
{
	if (!ours)
		return;
	record_entries_release(&ours->history);
	record_entries_release(&ours->all);
	free(ours);
}
DEFINE_CLEANUP(struct ours *, ours_free);

int ours_load(const struct install *in, struct ours **ret, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed last = STATE_COMMITTED_INIT;
	CLEANUP(ours_freep) struct ours *ours = calloc(1, sizeof(*ours));
	char mark[RECORD_MARK_SIZE];
	int r = ours ? state_committed_load(in, &last, err) : err_nomem(err);

	if (r < 0)
		return r;
	ours->in = in;
	ours->committed = last.sequence;
	record_mark(last.sequence, mark);
	r = removal_has_begun(in, mark, &ours->going_back, err);
	if (r == 0)
		r = removal_has_begun(in, REMOVAL_MARK, &ours->removing, err);
	if (r == 0)
		r = record_load_history(in, &ours->history, err);
	if (r == 0)
		r = record_load(in, &ours->all, err);
	if (r == 0)
		*ret = steal_ptr(&ours);
	return r;
}

const struct record_entries *ours_entries(const struct ours *ours)
{
	return &ours->all;
}

const struct record_entry *ours_newest(const struct ours *ours, enum record_kind kind,
				       const char *object, bool *ret_settled)
{
	const struct record_entry *found = NULL;

	for (size_t i = 0; i < ours->history.count; i++) {
		const struct record_entry *e = &ours->history.items[i];

		if (e->kind == kind && !strcmp(e->object, object))
			found = e;
	}
	*ret_settled = found && found->sequence <= ours->committed;
	return found;
}

const char *ours_written(const struct ours *ours, const char *path, bool *ret_settled)
{
	const struct record_entry *e = ours_newest(ours, RECORD_FILE, path, ret_settled);

	return e && strcmp(e->now, RECORD_ABSENT) != 0 ? e->now : NULL;
}

/* Whether E may be why the file is as it IS: it is what was written, or is to be written over still. */
static bool explains(const struct ours *ours, const struct record_entry *e,
		     const struct record_entry *last, const char *is)
{
	bool open = last->sequence > ours->committed ||
		    (ours->going_back && last->sequence == ours->committed);

	if (e->sequence == last->sequence)
		return present_same_content(is, e->now) ||
		       (open && present_same_content(is, e->was));
	return open && present_same_content(is, e->now);
}

/* As it was before the first installation: an uninstallation that was not ended has put it back. */
static bool is_removed(const struct ours *ours, const char *path, const char *is)
{
	for (size_t i = 0; ours->removing && i < ours->all.count; i++)
		if (ours->all.items[i].kind == RECORD_FILE &&
		    !strcmp(ours->all.items[i].object, path))
			return present_same_content(is, ours->all.items[i].was);
	return false;
}

int ours_judge(const struct ours *ours, const char *path, const char *is, enum ours_verdict *ret,
	       struct err *err)
{
	bool settled = false;
	const struct record_entry *last = ours_newest(ours, RECORD_FILE, path, &settled);
	char sha256[SHA256_HEX_SIZE];
	bool packaged = false;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r = 0;

	*ret = OURS_NOT;
	if (!last || !strcmp(last->now, RECORD_ABSENT) || !strcmp(is, RECORD_ABSENT))
		return 0;
	*ret = OURS_YES;
	if (is_removed(ours, path, is))
		return 0;
	for (size_t i = 0; i < ours->history.count; i++) {
		const struct record_entry *e = &ours->history.items[i];

		if (e->kind == RECORD_FILE && !strcmp(e->object, path) &&
		    explains(ours, e, last, is))
			return 0;
	}
	if (record_parse(is, &mode, &uid, &gid, sha256))
		r = packaged_content(ours->in, path, sha256, &packaged, err);
	if (r == 0 && !packaged)
		*ret = OURS_CHANGED;
	return r;
}
