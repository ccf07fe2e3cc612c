/* SPDX-License-Identifier: Apache-2.0 */
#include "rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "rpmtx.h"
#include "unit.h"

void rollback_release(struct rollback *r)
{
	state_committed_release(&r->committed);
	record_entries_release(&r->entries);
	record_entries_release(&r->all);
	strv_release(&r->erase);
	plan_release(&r->back);
	strv_release(&r->stay);
	vendor_release(&r->vendor);
	cleanup_closep(&r->root_fd);
	*r = (struct rollback)ROLLBACK_INIT;
}

/* -- what there is to take back -- */

static int find_ends(struct rollback *r, struct err *err)
{
	int ret = state_committed_load(r->in, &r->committed, err);

	if (ret == 0)
		ret = record_newest(r->in, &r->from, err);
	if (ret < 0)
		return ret;
	if (!r->from)
		return err_set(err, ERR_USAGE, "there is nothing to take back: '%s' has no record",
			       r->in->state_dir);
	if (r->committed.sequence && strcmp(r->committed.node, r->in->node) != 0)
		return err_set(err, ERR_USAGE, "this machine is '%s', not '%s'", r->committed.node,
			       r->in->node);
	/* An installation that did not come to its end, or else the last one that did. */
	if (r->from > r->committed.sequence) {
		r->to = r->committed.sequence;
		return 0;
	}
	ret = state_kept_before(r->in, r->committed.sequence, &r->to, err);
	if (ret < 0 || r->to)
		return ret;
	return err_set(err, ERR_USAGE,
		       "sequence %" PRIu64
		       " is the first that this machine knows: 'uninstall' takes "
		       "it back",
		       r->committed.sequence);
}

/* The kept bundle takes the place of a staged one. */
static int load_kept(struct rollback *r, struct err *err)
{
	struct install *in = r->in;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int ret = 0;

	if (!r->to)
		return 0;
	cleanup_freep(&in->staging);
	ret = state_kept_path(in, r->to, &in->staging, err);
	if (ret == 0)
		ret = path_join(in->staging, INDEX_NAME, &path, err);
	if (ret == 0)
		ret = file_read(path, 0, ERR_FAILED, &text, &len, err);
	if (ret == 0)
		ret = index_parse(path, text, len, &in->index, err);
	if (ret == 0)
		ret = sha256_hex(text, len, r->index_sha256, err);
	return ret < 0 ? ret : vendor_load(in, &r->vendor, err);
}

/* Those that are not as they were: a transaction that was on record may never have run. */
static int split_packages(struct rollback *r, struct err *err)
{
	CLEANUP(strv_release) struct strv former = STRV_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->entries.count; i++)
		if (r->entries.items[i].kind == RECORD_PACKAGE)
			ret = strv_add(&names, r->entries.items[i].object, err);
	if (ret == 0 && names.count)
		ret = plan_installed(r->in, &names, &there, err);

	for (size_t i = 0; ret == 0 && i < r->entries.count; i++) {
		const struct record_entry *e = &r->entries.items[i];

		if (e->kind != RECORD_PACKAGE || strv_has(&there, e->was))
			continue;
		ret = strcmp(e->was, RECORD_ABSENT) ? strv_add(&former, e->was, err)
						    : strv_add(&r->erase, e->now, err);
	}
	if (ret < 0 || !former.count)
		return ret;
	if (r->to)
		return plan_restore(r->in, &former, &r->back, &r->stay, err);
	for (size_t i = 0; ret == 0 && i < former.count; i++)
		ret = strv_add(&r->stay, former.items[i], err);
	return ret;
}

/* What a link pointed to must still be there. */
static int check_links(const struct rollback *r, struct err *err)
{
	for (size_t i = 0; i < r->entries.count; i++) {
		const struct record_entry *e = &r->entries.items[i];
		cleanup_free char *target = NULL;
		cleanup_free char *seen = NULL;
		int ret = 0;

		if (e->kind != RECORD_LINK || *e->was != '>')
			continue;
		ret = path_beside(e->object, e->was + 1, &target, err);
		if (ret == 0)
			ret = install_path(r->in, target, &seen, err);
		if (ret < 0)
			return ret;
		if (access(seen, F_OK) < 0)
			return err_set(
				err, ERR_FAILED,
				"'%s' pointed to '%s', which is not there any more: install the "
				"earlier state as a new bundle",
				e->object, target);
	}
	return 0;
}

/* The former files would not fit what the cluster has now. */
static int check_held(const struct rollback *r, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->entries.count; i++) {
		if (r->entries.items[i].kind != RECORD_HELD)
			continue;
		if (ret == 0)
			ret = err_set(err, ERR_CONFIG,
				      "sequence %" PRIu64
				      " changed passwords that the running cluster "
				      "holds: install a bundle with the former values instead",
				      r->from);
		err_detail(err, "%s", r->entries.items[i].object);
	}
	return ret;
}

int rollback_open(struct install *in, struct rollback *ret, struct err *err)
{
	int r = 0;

	ret->in = in;
	ret->root_fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->root_fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the root '%.200s'", in->root);
	if ((r = find_ends(ret, err)) || (r = load_kept(ret, err)) ||
	    (r = record_load_one(in, ret->from, &ret->entries, err)) ||
	    (r = record_load(in, &ret->all, err)) || (r = split_packages(ret, err)))
		return r;
	if ((r = check_held(ret, err)))
		return r;
	return check_links(ret, err);
}

/* -- doing it -- */

static int packages(struct rollback *r, bool apply, struct strv *changes, struct strv *stays,
		    struct err *err)
{
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	CLEANUP(strv_release) struct strv free_to_go = STRV_INIT;
	cleanup_free char *log = NULL;
	int ret = 0;

	if (r->erase.count)
		ret = plan_erasable(r->in, &r->erase, &there, &free_to_go, err);
	for (size_t i = 0; ret == 0 && i < there.count; i++)
		ret = strv_addf(changes, err, "remove %s", there.items[i]);
	if (ret == 0)
		ret = plan_describe(&r->back, changes, err);
	for (size_t i = 0; ret == 0 && i < r->stay.count; i++)
		ret = strv_addf(stays, err,
				"the package that replaced %s: no kept bundle has the former one",
				r->stay.items[i]);
	if (ret < 0 || (!there.count && !r->back.count))
		return ret;
	ret = rpmtx_back(r->in, &there, &r->back, &r->vendor, true, NULL, err);
	if (ret == 0 && apply)
		ret = state_log_path(r->in, "rollback", &log, err);
	if (ret == 0 && apply) {
		ret = rpmtx_back(r->in, &there, &r->back, &r->vendor, false, log, err);
		if (ret < 0)
			err_detail(err, "log: %s", log);
	}
	return ret;
}

/* What runs has read what is gone now. */
static int restart(const struct rollback *r, bool apply, struct strv *changes, struct err *err)
{
	int ret = apply ? unit_reload_manager(r->in, err) : 0;

	for (size_t i = 0; ret == 0 && i < r->all.count; i++)
		if (r->all.items[i].kind == RECORD_UNIT)
			ret = unit_restart_active(r->in, r->all.items[i].object, apply, changes,
						  err);
	return ret;
}

static int forget(const struct rollback *r, struct err *err)
{
	static const struct strv none = STRV_INIT;
	cleanup_free char *kept = NULL;
	cleanup_free char *marks = NULL;
	/* Nothing is in doubt any more, and the units were restarted. */
	int ret = state_list_save(r->in, STATE_DOUBTFUL, &none, err);

	if (ret == 0)
		ret = path_join(r->in->state_dir, "changed", &marks, err);
	if (ret == 0)
		ret = tree_remove(marks, err);
	if (ret < 0)
		return ret;

	if (r->to && r->to != r->committed.sequence)
		ret = state_commit_again(r->in, r->to, r->index_sha256, err);
	if (ret == 0)
		ret = record_remove(r->in, r->from, err);
	if (ret == 0)
		ret = state_kept_path(r->in, r->from, &kept, err);
	return ret < 0 ? ret : tree_remove(kept, err);
}

/* What librpm refuses is known before anything is changed. */
static int try_packages(struct rollback *r, struct err *err)
{
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	CLEANUP(strv_release) struct strv stays = STRV_INIT;

	return packages(r, false, &changes, &stays, err);
}

int rollback_run(struct rollback *r, bool apply, struct strv *changes, struct strv *stays,
		 struct err *err)
{
	struct removal removal = {
		.in = r->in, .entries = &r->entries, .apply = apply, .root_fd = r->root_fd
	};
	int ret = 0;

	if ((ret = interrupt_check(err)) || (ret = try_packages(r, err)) ||
	    (ret = removal_units(&removal, err)) || (ret = removal_files(&removal, err)))
		goto out;
	ret = packages(r, apply, &removal.changes, &removal.stays, err);
	if (ret == 0)
		ret = removal_directories(&removal, err);
	if (ret == 0)
		ret = restart(r, apply, &removal.changes, err);
	if (ret == 0)
		ret = removal_accounts(&removal, err);
	if (ret == 0 && apply)
		ret = forget(r, err);
out:
	*changes = removal.changes;
	*stays = removal.stays;
	return ret;
}
