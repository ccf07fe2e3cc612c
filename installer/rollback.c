/* SPDX-License-Identifier: Apache-2.0 */
#include "rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "comeback.h"
#include "file.h"
#include "held.h"
#include "interrupt.h"
#include "kept.h"
#include "progress.h"
#include "recheck.h"
#include "rpmtx.h"
#include "unit.h"
#include "unpack.h"
#include "writable.h"

void rollback_release(struct rollback *r)
{
	state_committed_release(&r->committed);
	record_entries_release(&r->entries);
	record_entries_release(&r->all);
	strv_release(&r->erase);
	plan_release(&r->back);
	strv_release(&r->stay);
	vendor_release(&r->vendor);
	setup_free(r->own);
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

/* The kept bundle takes the place of a staged one, if it still is what was installed. */
static int load_kept(struct rollback *r, struct err *err)
{
	struct install *in = r->in;
	int ret = 0;

	if (!r->to)
		return 0;
	cleanup_freep(&in->staging);
	ret = state_kept_path(in, r->to, &in->staging, err);
	if (ret == 0)
		ret = recheck_kept(in, &r->committed, r->index_sha256, err);
	return ret < 0 ? ret : vendor_load(in, &r->vendor, err);
}

/* Of a transaction that began and did not end, both may be there, and the files be those of either. */
static int split_package(struct rollback *r, const struct record_entry *e, const struct strv *there,
			 const struct strv *doubtful, struct strv *former, struct err *err)
{
	bool absent = !strcmp(e->was, RECORD_ABSENT);
	bool in_doubt = strv_has(doubtful, e->now) || strv_has(doubtful, e->was);
	int ret = 0;

	if (absent)
		return strv_add(&r->erase, e->now, err);
	if (strv_has(there, e->was) && !in_doubt && !strv_has(there, e->now))
		return 0;
	ret = strv_add(former, e->was, err);
	/* Put back as an older version, it takes the newer one's place by itself. */
	if (ret == 0 && strv_has(there, e->was) && strv_has(there, e->now))
		ret = strv_add(&r->erase, e->now, err);
	return ret;
}

/* Those that are not as they were: a transaction that was on record may never have run. */
static int split_packages(struct rollback *r, struct err *err)
{
	CLEANUP(strv_release) struct strv doubtful = STRV_INIT;
	CLEANUP(strv_release) struct strv former = STRV_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	int ret = state_list_load(r->in, STATE_DOUBTFUL, &doubtful, err);

	for (size_t i = 0; ret == 0 && i < r->entries.count; i++)
		if (r->entries.items[i].kind == RECORD_PACKAGE)
			ret = strv_add(&names, r->entries.items[i].object, err);
	if (ret == 0 && names.count)
		ret = plan_installed(r->in, &names, &there, err);

	for (size_t i = 0; ret == 0 && i < r->entries.count; i++)
		if (r->entries.items[i].kind == RECORD_PACKAGE)
			ret = split_package(r, &r->entries.items[i], &there, &doubtful, &former,
					    err);
	if (ret < 0 || !former.count)
		return ret;
	if (r->to)
		ret = plan_restore(r->in, &former, &r->back, &r->stay, err);
	for (size_t i = 0; ret == 0 && i < r->back.count; i++)
		if (strv_has(&there, r->back.packages[i].nevra))
			r->back.packages[i].action = PLAN_REINSTALL;
	for (size_t i = 0; ret == 0 && !r->to && i < former.count; i++)
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

/* The former files would not fit what the cluster has now. Before the commit it has it by hand only. */
static int check_held(const struct rollback *r, struct err *err)
{
	bool committed = r->from == r->committed.sequence;
	int ret = 0;

	for (size_t i = 0; i < r->entries.count; i++) {
		if (r->entries.items[i].kind != RECORD_HELD ||
		    (!committed && strcmp(r->entries.items[i].now, RECORD_HELD_BY_HAND) != 0))
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

/* What a manifest's no_downgrade is about, if the transaction has run. */
static int check_one_way(const struct rollback *r, struct err *err)
{
	for (size_t i = 0; i < r->entries.count; i++) {
		const struct record_entry *e = &r->entries.items[i];
		CLEANUP(strv_release) struct strv names = STRV_INIT;
		CLEANUP(strv_release) struct strv there = STRV_INIT;
		const char *reason = strchr(e->now, ' ');
		int ret = 0;

		if (e->kind != RECORD_ONE_WAY)
			continue;
		if ((ret = strv_add(&names, e->object, err)) ||
		    (ret = plan_installed(r->in, &names, &there, err)))
			return ret;
		if (!strv_has(&there, e->was))
			return err_set(err, ERR_CONFIG,
				       "sequence %" PRIu64
				       " brought %s from %s, which does not go back: %s",
				       r->from, e->object, e->was, reason ? reason + 1 : "");
	}
	return 0;
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
	if ((r = check_held(ret, err)) || (r = check_one_way(ret, err)))
		return r;
	return check_links(ret, err);
}

/* -- doing it -- */

static int add_once(struct strv *list, const char *name, struct err *err)
{
	return strv_has(list, name) ? 0 : strv_add(list, name, err);
}

static bool is_brought_back(const struct rollback *r, const char *nevra)
{
	for (size_t i = 0; i < r->back.count; i++)
		if (!strcmp(r->back.packages[i].nevra, nevra))
			return true;
	return false;
}

/* Killed from here on, the next rollback puts them back again, and an installation those that are half removed. */
static int doubt(const struct rollback *r, const struct strv *erased, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	int ret = state_list_load(r->in, STATE_DOUBTFUL, &names, err);

	for (size_t i = 0; ret == 0 && i < r->back.count; i++)
		ret = add_once(&names, r->back.packages[i].nevra, err);
	for (size_t i = 0; ret == 0 && i < r->entries.count; i++) {
		const struct record_entry *e = &r->entries.items[i];

		/* Its files are overwritten before it is erased. */
		if (e->kind == RECORD_PACKAGE && is_brought_back(r, e->was))
			ret = add_once(&names, e->now, err);
	}
	for (size_t i = 0; ret == 0 && i < erased->count; i++)
		ret = add_once(&names, erased->items[i], err);
	if (ret == 0)
		ret = state_list_save(r->in, STATE_DOUBTFUL, &names, err);
	if (ret == 0)
		ret = unpack_clean(r->in, err);
	return ret < 0 ? ret : unpack_begin(r->in, &r->back, err);
}

static int packages(struct rollback *r, bool apply, struct strv *changes, struct strv *stays,
		    struct err *err)
{
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	CLEANUP(strv_release) struct strv free_to_go = STRV_INIT;
	CLEANUP(strv_release) struct strv touched = STRV_INIT;
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
	for (size_t i = 0; ret == 0 && i < r->back.count; i++)
		ret = strv_add(&touched, r->back.packages[i].nevra, err);
	for (size_t i = 0; ret == 0 && i < there.count; i++)
		ret = strv_add(&touched, there.items[i], err);
	if (ret == 0)
		ret = writable_packages(r->in, &touched, err);
	if (ret == 0)
		ret = rpmtx_back(r->in, &there, &r->back, &r->vendor, true, NULL, err);
	if (ret == 0 && apply)
		ret = state_log_path(r->in, "rollback", &log, err);
	if (ret == 0 && apply)
		ret = doubt(r, &there, err);
	if (ret == 0 && apply) {
		ret = rpmtx_back(r->in, &there, &r->back, &r->vendor, false, log, err);
		if (ret < 0)
			err_detail(err, "log: %s", log);
	}
	return ret;
}

/* Of the kept bundle. One that this program cannot read any more must not keep the machine from going back. */
static void load_guards(struct rollback *r)
{
	struct err why = ERR_INIT;

	if (r->guards || !r->to || !install_is_live(r->in))
		return;
	if (kept_load(r->in, r->to, &why) == 0 && setup_new_kept(r->in, &r->own, &why) == 0)
		r->guards = r->own;
	else
		notice("units restart without their guards: %s", why.msg);
}

/* What has started since has read what is gone now. */
static int restart(struct rollback *r, bool apply, struct strv *changes, struct err *err)
{
	struct comeback back = { .in = r->in,
				 .all = &r->all,
				 .of_last = &r->entries,
				 .apply = apply,
				 .changes = changes };
	int ret = record_begun(r->in, r->from, &back.since_us, err);

	load_guards(r);
	back.guards = r->guards;
	if (ret == 0 && apply)
		ret = unit_reload_manager(r->in, err);
	if (ret == 0)
		ret = comeback_units(&back, err);
	/* What FROM did not want any more. */
	for (size_t i = 0; ret == 0 && i < r->entries.count; i++)
		if (r->entries.items[i].kind == RECORD_UNIT)
			ret = unit_enable_again(r->in, r->entries.items[i].object,
						r->entries.items[i].was, apply, changes, err);
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
		ret = unpack_end(r->in, err);
	if (ret == 0)
		ret = path_join(r->in->state_dir, "changed", &marks, err);
	if (ret == 0)
		ret = tree_remove(marks, err);
	if (ret < 0)
		return ret;
	/* Of the first installation nothing stays but its logs. */
	if (!r->to)
		return state_forget(r->in, err);

	if (r->to != r->committed.sequence)
		ret = state_commit_again(r->in, r->to, r->index_sha256, err);
	if (ret == 0)
		ret = held_restore(r->in, r->from, err);
	if (ret == 0)
		ret = state_kept_path(r->in, r->from, &kept, err);
	if (ret == 0)
		ret = tree_remove(kept, err);
	/* As long as it is there, the next rollback ends this one. */
	return ret < 0 ? ret : record_remove(r->in, r->from, err);
}

/* What librpm refuses is known before anything is changed. */
static int try_packages(struct rollback *r, struct err *err)
{
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	CLEANUP(strv_release) struct strv stays = STRV_INIT;

	return packages(r, false, &changes, &stays, err);
}

int rollback_pending(const struct install *in, uint64_t *ret_from, struct err *err)
{
	char mark[RECORD_MARK_SIZE];
	uint64_t newest = 0;
	bool begun = false;
	int r = record_newest(in, &newest, err);

	*ret_from = 0;
	if (r < 0 || !newest)
		return r;
	record_mark(newest, mark);
	r = removal_is_begun(in, mark, &begun, err);
	if (r == 0 && begun)
		*ret_from = newest;
	return r;
}

int rollback_run(struct rollback *r, bool apply, struct strv *changes, struct strv *stays,
		 struct err *err)
{
	char mark[RECORD_MARK_SIZE];
	struct removal removal = { .in = r->in,
				   .entries = &r->entries,
				   .mark = mark,
				   .attributes = true,
				   .apply = apply,
				   .root_fd = r->root_fd };
	int ret = 0;

	record_mark(r->from, mark);
	if ((ret = interrupt_check(err)) || (ret = try_packages(r, err)) ||
	    (ret = removal_begin(&removal, err)) || (ret = removal_units(&removal, err)) ||
	    (ret = removal_bring_directories(&removal, err)) ||
	    (ret = removal_files(&removal, err)))
		goto out;
	ret = packages(r, apply, &removal.changes, &removal.stays, err);
	if (ret == 0 && apply)
		ret = unpack_take_back(r->in, err);
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
