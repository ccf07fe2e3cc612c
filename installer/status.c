/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "ours.h"
#include "plan.h"
#include "present.h"
#include "removal.h"
#include "unit.h"

void status_release(struct status *status)
{
	state_committed_release(&status->committed);
	record_entries_release(&status->entries);
	strv_release(&status->unfinished);
	for (size_t i = 0; i < status->drift_count; i++)
		free(status->drifts[i].is);
	free(status->drifts);
	*status = (struct status)STATUS_INIT;
}

/* That others may read or write the file now who may not when it is as installed. */
static bool is_wider(const struct status_drift *d)
{
	char sha256[SHA256_HEX_SIZE];
	mode_t is = 0, now = 0;
	uid_t uid;
	gid_t gid;

	return record_parse(d->is, &is, &uid, &gid, sha256) &&
	       record_parse(d->entry->now, &now, &uid, &gid, sha256) && (is & 07777 & ~now);
}

static const char *unit_word(const struct status_drift *d)
{
	bool enabled = strstr(d->is, RECORD_UNIT_ENABLED) != NULL;
	bool active = strstr(d->is, RECORD_UNIT_ACTIVE) != NULL;
	bool stopped = !active && strstr(d->entry->now, RECORD_UNIT_ACTIVE);
	bool disabled = !enabled && strstr(d->entry->now, RECORD_UNIT_ENABLED);

	if (stopped && disabled)
		return "not active, and disabled or masked";
	if (stopped)
		return "not active";
	return disabled ? "active, but disabled or masked" : d->is;
}

const char *status_word(const struct status_drift *d)
{
	if (!d->is || !strcmp(d->is, RECORD_ABSENT))
		return "not there";
	if (d->entry->kind == RECORD_UNIT)
		return unit_word(d);
	if (d->entry->kind == RECORD_PACKAGE)
		return d->is;
	if (d->entry->kind == RECORD_DIRECTORY && *d->is == '>')
		return "a symbolic link now";
	if (d->entry->kind == RECORD_DIRECTORY ||
	    (d->entry->kind == RECORD_FILE && present_same_content(d->is, d->entry->now)))
		return "other owner or mode";
	return d->entry->kind == RECORD_FILE && is_wider(d)
		       ? "changed, and open to more than it should be"
		       : "changed";
}

bool status_is_by_hand(const struct status_drift *d)
{
	return d->entry->kind == RECORD_FILE && d->is && strcmp(d->is, RECORD_ABSENT) != 0 &&
	       !present_same_content(d->is, d->entry->now);
}

/* Takes IS. */
static int add_drift(struct status *status, const struct record_entry *entry, char *is,
		     struct err *err)
{
	struct status_drift *drifts =
		realloc(status->drifts, (status->drift_count + 1) * sizeof(*drifts));

	if (!drifts) {
		free(is);
		return err_nomem(err);
	}
	status->drifts = drifts;
	drifts[status->drift_count++] = (struct status_drift){ .entry = entry, .is = is };
	return 0;
}

static int compare_path(const struct install *in, int root_fd, struct status *status,
			const struct record_entry *e, struct err *err)
{
	cleanup_close int parent = -1;
	cleanup_free char *is = NULL;
	int r = present_open_parent(root_fd, e->object, &parent, err);

	(void)in;
	if (r == 0 && parent < 0)
		r = str_dup(&is, RECORD_ABSENT, err);
	else if (r == 0)
		r = present_look(parent, path_basename(e->object), &is, err);
	if (r < 0)
		return err_prefix(err, "'%s'", e->object);
	/* A tree is ours with all that is in it: that it is there is enough. */
	if (e->kind == RECORD_TREE ? strcmp(is, RECORD_ABSENT) != 0 : !strcmp(is, e->now))
		return 0;
	/* It lies beside a file that somebody has changed, to be read and removed. */
	if (!strcmp(is, RECORD_ABSENT) && str_ends(e->object, OURS_NEW))
		return 0;
	return add_drift(status, e, steal_ptr(&is), err);
}

static int compare_unit(const struct install *in, struct status *status,
			const struct record_entry *e, struct err *err)
{
	const char *words = NULL;
	char *is = NULL;
	int r = unit_words(in, e->object, &words, err);

	/* Another root's units are never active. */
	if (r < 0 || !strcmp(words, e->now) ||
	    (!install_is_live(in) && strstr(e->now, words) && strcmp(words, RECORD_UNIT_OFF) != 0))
		return r;
	r = str_dup(&is, words, err);
	return r < 0 ? r : add_drift(status, e, is, err);
}

static int compare_packages(const struct install *in, struct status *status, struct err *err)
{
	CLEANUP(strv_release) struct strv ours = STRV_INIT;
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < status->entries.count; i++)
		if (status->entries.items[i].kind == RECORD_PACKAGE)
			r = strv_add(&ours, status->entries.items[i].object, err);
	if (r == 0 && ours.count)
		r = plan_installed(in, &ours, &there, err);
	for (size_t i = 0; r == 0 && i < status->entries.count; i++) {
		const struct record_entry *e = &status->entries.items[i];
		char *is = NULL;

		if (e->kind != RECORD_PACKAGE || strv_has(&there, e->now))
			continue;
		for (size_t j = 0; r == 0 && !is && j < there.count; j++) {
			cleanup_free char *name = NULL;

			r = plan_nevra_name(there.items[j], &name, err);
			if (r == 0 && !strcmp(name, e->object))
				r = str_dup(&is, there.items[j], err);
		}
		if (r == 0)
			r = add_drift(status, e, is, err);
	}
	return r;
}

static int compare(const struct install *in, struct status *status, struct err *err)
{
	cleanup_close int root_fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (root_fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the root '%.200s'", in->root);
	for (size_t i = 0; r == 0 && i < status->entries.count; i++) {
		const struct record_entry *e = &status->entries.items[i];

		status->counts[e->kind] += strcmp(e->now, RECORD_ABSENT) != 0;
		switch (e->kind) {
		case RECORD_FILE:
		case RECORD_LINK:
		case RECORD_DIRECTORY:
		case RECORD_TREE:
			r = compare_path(in, root_fd, status, e, err);
			break;
		case RECORD_UNIT:
			r = compare_unit(in, status, e, err);
			break;
		default:
			break;
		}
	}
	return r < 0 ? r : compare_packages(in, status, err);
}

/* What the marks of an interrupted run say. */
static int add_unfinished(const struct install *in, struct status *status, struct err *err)
{
	CLEANUP(strv_release) struct strv doubtful = STRV_INIT;
	CLEANUP(strv_release) struct strv marks = STRV_INIT;
	cleanup_free char *changed = NULL;
	char mark[RECORD_MARK_SIZE];
	int r = removal_is_begun(in, REMOVAL_MARK, &status->uninstalling, err);

	record_mark(status->committed.sequence, mark);
	if (r == 0)
		r = removal_is_begun(in, mark, &status->going_back, err);
	if (r == 0 && status->going_back)
		r = strv_addf(&status->unfinished, err, "the rollback of sequence %" PRIu64,
			      status->committed.sequence);
	if (r == 0 && status->uninstalling)
		r = strv_add(&status->unfinished, "the uninstallation", err);
	if (r == 0)
		r = state_list_load(in, STATE_DOUBTFUL, &doubtful, err);
	if (r == 0 && doubtful.count)
		r = strv_addf(&status->unfinished, err, "the transaction of %zu package%s",
			      doubtful.count, str_s(doubtful.count));
	if (r == 0)
		r = path_join(in->state_dir, "changed", &changed, err);
	if (r == 0 && access(changed, F_OK) == 0)
		r = dir_list(changed, &marks, err);
	for (size_t i = 0; r == 0 && i < marks.count; i++)
		if (marks.items[i][0] != '.')
			r = strv_addf(&status->unfinished, err, "the units of %s", marks.items[i]);
	return r;
}

int status_load(const struct install *in, struct status *ret, struct err *err)
{
	int r = state_committed_load(in, &ret->committed, err);

	if (r == 0)
		r = record_load(in, &ret->entries, err);
	if (r == 0)
		r = add_unfinished(in, ret, err);
	return r < 0 ? r : compare(in, ret, err);
}
