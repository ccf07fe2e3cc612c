/* SPDX-License-Identifier: Apache-2.0 */
/* The whole installation of one node. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd_install.h"
#include "commands.h"
#include "file.h"
#include "held.h"
#include "hold.h"
#include "install.h"
#include "interrupt.h"
#include "kept.h"
#include "once.h"
#include "oneway.h"
#include "outdated.h"
#include "passphrase.h"
#include "place.h"
#include "plan.h"
#include "preflight.h"
#include "probe.h"
#include "progress.h"
#include "record.h"
#include "removal.h"
#include "restore.h"
#include "results.h"
#include "review.h"
#include "revoked.h"
#include "rollback.h"
#include "rootdev.h"
#include "rpmtx.h"
#include "setup.h"
#include "stage.h"
#include "state.h"
#include "steps.h"
#include "sweep.h"
#include "topology.h"
#include "trust.h"
#include "unit.h"
#include "unlock.h"
#include "unpack.h"
#include "vendor.h"
#include "venv.h"
#include "verify.h"

/* What one run holds, released in one place. */
struct work {
	struct install in;
	struct state state;
	struct rootdev rootdev;
	struct record *record;
	struct stage_result staged;
	struct vendor vendor;
	struct setup *setup;
	struct preflight preflight;
	struct plan plan;
	struct review review;
	char plan_sha256[SHA256_HEX_SIZE]; /* of a dry run, or where one is demanded */
	struct strv changes;
	struct strv pending;
	struct strv bundle, base;
	struct trust trust;
	char *root;                /* owned, as the above; IN borrows them */
	const char *const *ignore; /* names of checks, borrowed */
	const char *demanded;      /* --plan, borrowed, or NULL */
	bool accept_irreversible;
};

static void work_release(struct work *w)
{
	rootdev_withdraw(&w->rootdev);
	plan_release(&w->plan);
	review_release(&w->review);
	preflight_release(&w->preflight);
	setup_free(w->setup);
	vendor_release(&w->vendor);
	record_free(w->record);
	state_close(&w->in, &w->state);
	install_release(&w->in);
	strv_release(&w->changes);
	strv_release(&w->pending);
	free(w->root);
	strv_release(&w->bundle);
	strv_release(&w->base);
	trust_release(&w->trust);
}

/* Where everything is */

static int find_ca(struct work *w, const struct install_options *o, struct err *err)
{
	struct trust_source from = { .ca = o->ca, .sha256 = o->ca_sha256, .beside = &w->bundle };
	cleanup_free char *known = NULL;
	cleanup_free char *place = NULL;
	int r = 0;

	if ((r = path_join(w->in.state_dir, INSTALL_CA_NAME, &known, err)) ||
	    (r = install_path(&w->in, TRUST_PLACE, &place, err)))
		return r;
	from.known = known;
	from.place = place;
	r = trust_find(&from, &w->trust, err);
	w->in.ca_path = w->trust.path;
	return r;
}

static int prepare(struct work *w, const struct install_options *o, struct err *err)
{
	const struct passphrase_source passphrase = { .file = o->passphrase_file,
						      .fd = o->passphrase_fd };
	unsigned char sha256[SHA256_HEX_SIZE / 2];
	int r = passphrase_check(&passphrase, o->node, err);

	if (r < 0)
		return r;
	if (o->plan && !hex_decode(sha256, sizeof(sha256), o->plan))
		return err_set(err, ERR_USAGE,
			       "--plan wants the digest that 'plan' prints, 64 hexadecimal digits, "
			       "not '%.80s'",
			       o->plan);
	w->ignore = o->ignore_preflight.items;
	w->demanded = o->plan;
	w->accept_irreversible = o->accept_irreversible;
	if ((r = preflight_check_names(w->ignore, err)) ||
	    (r = vendor_check_list(o->accept_key, err)) ||
	    (r = steps_check_wishes(o->take_ours.items, o->keep_theirs.items, err)))
		return r;
	if (geteuid() != 0)
		return err_set(err, ERR_HOST, "an installation needs root: run it with sudo");
	w->root = realpath(o->root ? o->root : "/", NULL);
	if (!w->root)
		return err_errno(err, ERR_USAGE, errno, "cannot use the root '%.200s'", o->root);
	w->in = (struct install){
		.node = o->node,
		.root = w->root,
		.passphrase_path = o->passphrase_file,
		.passphrase_fd = o->passphrase_fd,
		.accept_key = o->accept_key,
		.accept_change = o->accept_change,
		.take_ours = o->take_ours.items,
		.keep_theirs = o->keep_theirs.items,
		.dry_run = o->dry_run,
		.wait = o->wait,
		.unguarded = o->unguarded,
		.json = o->json,
	};
	w->in.bundle_files = &w->bundle;
	w->in.base_files = &w->base;
	if ((r = install_init(&w->in, err)) ||
	    (r = archives_find_or_newest(o->bundle.items, &w->bundle, err)) ||
	    (r = archives_find(o->base.items, &w->base, err)))
		return r;
	return find_ca(w, o, err);
}

/* Steps */

static int end_step(struct install *in, const char *step, size_t count, const char *what,
		    struct err *err)
{
	char text[64];

	if (!count)
		return install_step_end(in, step, "nothing to do", err);
	snprintf(text, sizeof(text), "%zu %s", count, what);
	return install_step_end(in, step, text, err);
}

static int verify_step(struct work *w, struct err *err)
{
	struct install *in = &w->in;
	char text[128];
	int r = 0;

	if ((r = install_step_begin(in, "verify", path_basename(in->bundle_files->items[0]),
				    err)) ||
	    (r = stage_bundle(in, &w->staged, err)))
		return r;
	snprintf(text, sizeof(text), "cluster %.40s, sequence %" PRIu64 ", %zu member%s",
		 in->index.cluster, in->index.sequence, in->index.member_count,
		 str_s(in->index.member_count));
	return install_step_end(in, "verify", text, err);
}

static int load_topology(struct install *in, struct err *err)
{
	const struct topology_node *node = NULL;
	cleanup_free char *path = NULL;
	int r = 0;

	if ((r = path_join(in->staging, "manifests/topology.yaml", &path, err)) ||
	    (r = topology_load(path, NULL, &in->topology, err)))
		return r;
	return topology_need(in->topology, in->node, &node, err);
}

/* What this node is to become. */
static int load_step(struct work *w, struct err *err)
{
	struct install *in = &w->in;
	int r = 0;

	if ((r = load_topology(in, err)) || (r = unlock_capsule(in, err)))
		return r;
	return setup_new(in, &w->setup, err);
}

static int solve_packages(struct work *w, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(strv_release) struct strv doubtful = STRV_INIT;
	int r = 0;

	if ((r = setup_packages(w->setup, &names, err)) ||
	    (r = state_list_load(&w->in, STATE_DOUBTFUL, &doubtful, err)))
		return r;
	return plan_packages(&w->in, &names, &doubtful, &w->plan, err);
}

/* The other trust: who made the packages. RET_UNSOLVED says why there are none, which waits until the
 * machine was looked at: the reason may be there. */
static int vendors_step(struct work *w, struct err *ret_unsolved, struct err *err)
{
	CLEANUP(strv_release) struct strv news = STRV_INIT;
	struct install *in = &w->in;
	int r = 0;

	if ((r = install_step_begin(in, "vendors", "", err)) ||
	    (r = vendor_load(in, &w->vendor, err)) ||
	    (r = vendor_confirm(in, &w->vendor, &news, err)))
		return r;
	if (solve_packages(w, ret_unsolved))
		return 0;
	for (size_t i = 0; i < news.count; i++)
		notice("%s the vendor key %s", in->dry_run ? "would trust" : "trusting",
		       news.items[i]);
	for (size_t i = 0; i < w->plan.count; i++) {
		if ((r = interrupt_check(err)) ||
		    (r = vendor_check_package(in, &w->vendor, &w->plan.packages[i], err)))
			return r;
	}
	return end_step(in, "vendors", w->plan.count, "signatures", err);
}

/* What is no problem is said too; what the operator ignores is on record. */
static int tell_findings(const struct work *w, struct err *err)
{
	CLEANUP(str_release) struct str skipped = STR_INIT;
	int r = 0;

	for (size_t i = 0; !r && i < w->preflight.count; i++) {
		const struct preflight_finding *f = &w->preflight.items[i];

		if (f->kind == PREFLIGHT_SKIPPED)
			str_addf(&skipped, "%s%s", skipped.len ? ", " : "", f->name);
		if (f->kind == PREFLIGHT_NOTE)
			notice("preflight: %s: %s", f->name, f->text);
		if (f->kind != PREFLIGHT_IGNORED)
			continue;
		warning("preflight: ignored: %s: %s", f->name, f->text);
		if (w->in.journal)
			r = journal_ignored(w->in.journal, f->name, f->text, err);
	}
	if (skipped.len)
		notice("preflight: another root is not asked about %s", skipped.buf);
	return r;
}

/* Whether this machine can become that. */
static int preflight_step(struct work *w, const struct err *unsolved, struct err *err)
{
	const struct preflight *p = &w->preflight;
	const struct plan *plan = unsolved->code ? NULL : &w->plan;
	size_t ignored = 0;
	char text[64];
	int r = 0;

	if ((r = install_step_begin(&w->in, "preflight", "", err)) ||
	    (r = preflight_run(&preflight_machine, w->setup, plan, w->ignore, &w->preflight,
			       err)) ||
	    (r = tell_findings(w, err)))
		return r;
	if ((r = preflight_verdict(p, w->in.node, err))) {
		if (unsolved->code)
			err_detail(err, "and %s", unsolved->msg);
		return r;
	}
	if (unsolved->code) {
		*err = *unsolved;
		return -(int)err->code;
	}
	ignored = preflight_count(p, PREFLIGHT_IGNORED);
	snprintf(text, sizeof(text), "%zu check%s", p->checks, str_s(p->checks));
	if (ignored)
		snprintf(text, sizeof(text), "%zu check%s, %zu %s ignored", p->checks,
			 str_s(p->checks), ignored, ignored == 1 ? "problem" : "problems");
	return install_step_end(&w->in, "preflight", text, err);
}

/* Passwords that the running cluster holds. */
static int plan_secrets(struct work *w, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed last = STATE_COMMITTED_INIT;
	CLEANUP(strv_release) struct strv notices = STRV_INIT;
	bool same = false;
	int r = state_committed_load(&w->in, &last, err);

	if (r)
		return r;
	same = last.sequence && !strcmp(last.index_sha256, w->staged.index_sha256);
	r = held_plan(w->setup, same, &notices, err);
	for (size_t i = 0; !r && i < notices.count; i++)
		notice("%s", notices.items[i]);
	return r;
}

/* The plan as it was reviewed, or nothing. */
static int demand_plan(struct work *w, struct err *err)
{
	if (!w->demanded || !strcmp(w->demanded, w->plan_sha256))
		return 0;
	return err_set(
		err, ERR_VERIFY,
		"the plan is another one than %.12s… that was reviewed: look at it again with "
		"'pgha-install plan --node %s' and the same options",
		w->demanded, w->in.node);
}

static int plan_changes(struct work *w, struct err *err)
{
	CLEANUP(strv_release) struct strv changes = STRV_INIT;
	int r = 0;

	if (!w->in.dry_run && !w->demanded)
		return 0;
	for (size_t i = 0; r == 0 && i < w->changes.count; i++)
		r = strv_add(&changes, w->changes.items[i], err);
	if (r || (r = steps_review(w->setup, &w->plan, &w->review, &changes, err)) ||
	    (r = review_digest(&w->review, &w->in, w->staged.index_sha256, &w->plan, w->plan_sha256,
			       err)) ||
	    (r = demand_plan(w, err)) || !w->in.dry_run)
		return r;
	strv_release(&w->changes);
	w->changes = changes;
	changes = (struct strv)STRV_INIT;
	return 0;
}

/* What cannot be undone wants the operator's word. */
static int check_one_way(const struct work *w, struct err *err)
{
	const struct strv *lines = &w->review.one_way;
	int r = 0;

	for (size_t i = 0; r == 0 && w->accept_irreversible && w->in.journal && i < lines->count;
	     i++)
		r = journal_ignored(w->in.journal, "irreversible", lines->items[i], err);
	if (r || w->in.dry_run || w->accept_irreversible || !lines->count)
		return r;
	r = err_set(err, ERR_HOST,
		    "%zu of these changes cannot be undone: look at the plan ('pgha-install plan "
		    "--node %s'), then add --accept-irreversible",
		    lines->count, w->in.node);
	for (size_t i = 0; i < lines->count; i++)
		err_detail(err, "%s", lines->items[i]);
	return r;
}

static int plan_step(struct work *w, struct err *err)
{
	int r = 0;

	if ((r = install_step_begin(&w->in, "plan", w->in.node, err)) ||
	    (r = steps_check_paths(w->setup, "take-ours", w->in.take_ours, err)) ||
	    (r = steps_check_paths(w->setup, "keep-theirs", w->in.keep_theirs, err)) ||
	    (r = plan_secrets(w, err)) || (r = plan_describe(&w->plan, &w->changes, err)) ||
	    (r = oneway_list(w->setup, &w->plan, &w->review.one_way, err)) ||
	    (r = plan_changes(w, err)) || (r = check_one_way(w, err)))
		return r;
	return end_step(&w->in, "plan", w->plan.count, "to change", err);
}

static int test_step(struct work *w, struct err *err)
{
	int r = 0;

	if (!w->plan.count)
		return 0;
	if ((r = install_step_begin(&w->in, "test", "", err)) ||
	    (r = rpmtx_run(&w->in, &w->plan, &w->vendor, true, NULL, err)))
		return r;
	return end_step(&w->in, "test", w->plan.count, "to change", err);
}

static int record_packages(struct work *w, struct err *err)
{
	struct err second = ERR_INIT;
	int r = 0;

	record_gather(w->record);
	for (size_t i = 0; r == 0 && i < w->plan.count; i++) {
		const struct plan_package *p = &w->plan.packages[i];
		cleanup_free char *name = NULL;

		if (p->action == PLAN_REINSTALL)
			continue;
		r = plan_nevra_name(p->nevra, &name, err);
		if (r == 0)
			r = record_add(w->record, RECORD_PACKAGE, name,
				       p->old ? p->old : RECORD_ABSENT, p->nevra, err);
	}
	if (record_settle(w->record, &second) < 0 && r == 0)
		r = err_set(err, second.code, "%s", second.msg);
	return r;
}

/* The names stand in STATE until the transaction has ended well: a run that finds them installs
 * these packages again, whose scriptlets may not have run. */
static int packages_step(struct work *w, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(strv_release) struct strv none = STRV_INIT;
	CLEANUP(strv_release) struct strv before = STRV_INIT;
	cleanup_free char *log = NULL;
	struct install *in = &w->in;
	struct err second = ERR_INIT;
	int r = 0;

	if ((r = install_step_begin(in, "packages", "", err)) ||
	    (r = vendor_remember(in, &w->vendor, err)) ||
	    (r = outdated_foresee(w->setup, &w->plan, true, err)) || (r = unpack_clean(in, err)))
		return r;
	for (size_t i = 0; !r && i < w->plan.count; i++)
		r = strv_add(&names, w->plan.packages[i].nevra, err);
	if (!r && names.count) {
		if ((r = state_log_path(in, "packages", &log, err)) ||
		    (r = state_list_load(in, STATE_DOUBTFUL, &before, err)) ||
		    (r = state_list_save(in, STATE_DOUBTFUL, &names, err)) ||
		    (r = record_packages(w, err)) || (r = oneway_record(w->setup, &w->plan, err)) ||
		    (r = unpack_begin(in, &w->plan, err)))
			return r;
		r = hold_units(w->setup, err);
		if (!r)
			r = rpmtx_run(in, &w->plan, &w->vendor, false, log, err);
		if (r)
			err_detail(err, "log: %s", log);
		if (!r && before.count)
			r = unpack_drop_unowned(in, err);
	}
	if (hold_release(in, &second) && !r)
		r = err_set(err, second.code, "%s", second.msg);
	/* Also names that the plan found nothing to do for. */
	if (!r)
		r = state_list_save(in, STATE_DOUBTFUL, &none, err);
	return r ? r : end_step(in, "packages", w->plan.count, "installed", err);
}

static int place_steps(struct work *w, struct err *err)
{
	int r = 0;

	for (const struct step *s = steps_all; !r && s->name; s++) {
		size_t before = w->changes.count;

		if ((r = interrupt_check(err)) ||
		    (r = install_step_begin(&w->in, s->name, "", err)) ||
		    (r = s->run(w->setup, true, &w->changes, err)))
			return r;
		r = end_step(&w->in, s->name, w->changes.count - before, "changed", err);
	}
	return r;
}

static int probe_step(struct work *w, struct err *err)
{
	int r = 0;

	if (!install_is_live(&w->in))
		return 0;
	if ((r = interrupt_check(err)) ||
	    (r = install_step_begin(&w->in, "node probes", "", err)) ||
	    (r = probe_node(w->setup, err)))
		return r;
	return install_step_end(&w->in, "node probes", "healthy", err);
}

static int keep_ca(const struct install *in, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;
	int r = 0;

	if ((r = path_join(in->state_dir, INSTALL_CA_NAME, &path, err)) ||
	    (r = file_read(in->ca_path, 0, ERR_FAILED, &data, &size, err)))
		return r;
	return file_write_atomic(path, 0644, data, size, err);
}

/* The bundle BEFORE stays to go back to, unless an uninstallation was taking it away: there is no such state. */
static int prune(const struct install *in, uint64_t before, struct err *err)
{
	static const struct strv none = STRV_INIT;
	bool removed = false;
	int r = removal_has_begun(in, REMOVAL_MARK, &removed, err);

	if (r || (r = state_prune(in, removed ? 0 : before, err)) ||
	    (r = record_squash(in, before, err)))
		return r;
	return state_list_save(in, REMOVAL_MARK, &none, err);
}

/* What a run that was killed behind its commit has not done any more. */
static int forget_older(struct work *w, struct err *err)
{
	struct install *in = &w->in;
	uint64_t before = 0;
	int r = 0;

	if ((r = state_kept_before(in, in->index.sequence, &before, err)) ||
	    (r = prune(in, before, err)))
		return r;
	return end_step(in, "commit", 0, "", err);
}

static int commit_step(struct work *w, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed before = STATE_COMMITTED_INIT;
	struct install *in = &w->in;
	char text[64];
	int r = 0;

	if ((r = install_step_begin(in, "commit", "", err)) ||
	    (r = unpack_settle_defaults(w->setup, err)) ||
	    (r = state_committed_load(in, &before, err)) || (r = removal_forget(in, err)))
		return r;
	if (before.sequence == in->index.sequence) {
		if ((r = kept_save_settings(w->setup, err)) || (r = unpack_end(in, err)))
			return r;
		return forget_older(w, err);
	}
	if ((r = keep_ca(in, err)) || (r = revoked_remember(in, err)) ||
	    (r = state_commit(in, w->staged.index_sha256, err)) ||
	    (r = kept_save_settings(w->setup, err)) || (r = unpack_end(in, err)) ||
	    (r = prune(in, before.sequence, err)))
		return r;
	snprintf(text, sizeof(text), "sequence %" PRIu64, in->index.sequence);
	return install_step_end(in, "commit", text, err);
}

static int cluster_steps(struct work *w, struct err *err)
{
	size_t before = w->changes.count;
	char text[64];
	int r = 0;

	if ((r = interrupt_check(err)) || (r = venv_prune(w->setup, true, &w->changes, err)))
		return r;
	if (!install_is_live(&w->in))
		return 0;
	if ((r = install_step_begin(&w->in, "cluster steps", "", err)) ||
	    (r = once_run(w->setup, true, &w->changes, &w->pending, err)) ||
	    (r = unit_restart_due(w->setup, &w->changes, err)) ||
	    (r = end_step(&w->in, "cluster steps", w->changes.count - before, "done", err)) ||
	    (r = interrupt_check(err)) ||
	    (r = install_step_begin(&w->in, "cluster probes", "", err)) ||
	    (r = probe_cluster(w->setup, &w->pending, err)))
		return r;
	snprintf(text, sizeof(text), w->pending.count ? "%zu pending" : "healthy",
		 w->pending.count);
	return install_step_end(&w->in, "cluster probes", text, err);
}

/* What it came to, in the words that were asked for. */
static int print_results(const struct work *w, struct err *err)
{
	struct results results = { .in = &w->in,
				   .setup = w->setup,
				   .review = &w->review,
				   .plan = &w->plan,
				   .preflight = &w->preflight,
				   .changes = &w->changes,
				   .pending = &w->pending,
				   .index_sha256 = w->staged.index_sha256,
				   .plan_sha256 = w->plan_sha256 };

	return results_print(&results, err);
}

/* Whatever happens from here on is on record. */
static int open_records(struct work *w, struct err *err)
{
	int r = journal_open(&w->in, &w->state, err);

	if (r == 0)
		r = removal_go_forward(&w->in, REMOVAL_MARK, err);
	if (r == 0)
		r = record_open(&w->in, w->in.index.sequence, &w->record, err);
	w->in.record = w->record;
	if (r == 0)
		r = sweep_placed(&w->in, err);
	return r < 0 ? r : rpmtx_make_database(&w->in, err);
}

/* What was overridden is on record. */
static int accept_changes(struct install *in, struct err *err)
{
	int r = 0;

	if (in->unguarded &&
	    ((r = install_step_begin(in, "unguarded", "", err)) ||
	     (r = install_step_end(in, "unguarded", "restarts wait for nobody", err))))
		return r;
	if (!in->accept_change)
		return 0;
	r = install_step_begin(in, "accept-change", in->accept_change, err);
	return r ? r : install_step_end(in, "accept-change", "changed by hand", err);
}

/* What is planned starts from a state that has a name. */
static int pending_step(struct work *w, struct err *err)
{
	uint64_t from = 0;
	int r = rollback_pending(&w->in, &from, err);

	if (r || !from)
		return r;
	if (!w->in.dry_run && ((r = journal_open(&w->in, &w->state, err)) ||
			       (r = rootdev_provide(&w->in, &w->rootdev, err))))
		return r;
	r = restore_pending(&w->in, w->setup, from, err);
	if (r || w->in.dry_run)
		return r;
	/* It knew the record as it was before. */
	setup_free(w->setup);
	w->setup = NULL;
	return setup_new(&w->in, &w->setup, err);
}

static int install_staged(struct work *w, struct err *err)
{
	struct err unsolved = ERR_INIT;
	int r = 0;

	/* Nothing is changed before all of this is known. */
	if ((r = load_step(w, err)) || (r = pending_step(w, err)) ||
	    (r = vendors_step(w, &unsolved, err)) || (r = preflight_step(w, &unsolved, err)) ||
	    (r = plan_step(w, err)))
		return r;
	if (w->in.dry_run)
		return 0;
	/* Everything was verified. */
	if ((r = open_records(w, err)) || (r = rootdev_provide(&w->in, &w->rootdev, err)) ||
	    (r = test_step(w, err)) || (r = accept_changes(&w->in, err)) ||
	    (r = place_note_directories(w->setup, err)) || (r = unit_note(w->setup, err)) ||
	    (r = packages_step(w, err)) || (r = held_begin(w->setup, err)) ||
	    (r = place_steps(w, err)) || (r = probe_step(w, err)) || (r = commit_step(w, err)))
		return r;
	return cluster_steps(w, err);
}

int cmd_install_run(const struct install_options *o, struct err *err)
{
	CLEANUP(work_release)
	struct work w = { .state = STATE_INIT, .vendor = VENDOR_INIT, .trust = TRUST_INIT };
	struct err second = ERR_INIT;
	bool changing = false;
	int r = 0;

	if ((r = prepare(&w, o, err)) || (!w.in.dry_run && (r = state_open(&w.in, &w.state, err))))
		return r;
	r = verify_step(&w, err);
	if (!r)
		r = install_staged(&w, err);
	if (r && w.in.journal && journal_fail(w.in.journal, err->msg, &second))
		err_detail(err, "and %s", second.msg);
	changing = w.record != NULL;
	record_free(w.record);
	w.in.record = w.record = NULL;
	/* Before anything is taken back: the disk may be full. */
	if (stage_clear(&w.in, &second) && !r)
		r = err_set(err, second.code, "%s", second.msg);
	if (r && changing)
		restore_failed(&w.in, w.setup, o->keep_failed || w.in.waits, err);
	if (!r)
		return print_results(&w, err);
	if (w.in.json && preflight_count(&w.preflight, PREFLIGHT_PROBLEM) &&
	    print_results(&w, &second))
		err_detail(err, "and %s", second.msg);
	return r;
}

static int run_install(const void *options, int argc, char **argv, struct err *err)
{
	(void)argc;
	(void)argv;
	return cmd_install_run(options, err);
}

static const struct cli_option options[] = {
	INSTALL_OPTIONS_SHARED,
	INSTALL_OPTION(plan, CLI_VALUE, "plan", "DIGEST",
		       "do what was reviewed, or nothing: the digest that 'plan' printed", false),
	INSTALL_OPTION(accept_irreversible, CLI_FLAG, "accept-irreversible", NULL,
		       "go on although the plan has something that cannot be undone", false),
	INSTALL_OPTION(
		keep_failed, CLI_FLAG, "keep-failed", NULL,
		"when it fails, leave what was changed to look at ('rollback' takes it back)",
		false),
	INSTALL_OPTION(dry_run, CLI_FLAG, "dry-run", NULL,
		       "say what would change and change nothing, as 'plan'", false),
	INSTALL_OPTION(wait, CLI_FLAG, "wait", NULL,
		       "what is still pending in the cluster is a failure", false),
	INSTALL_OPTION(unguarded, CLI_FLAG, "unguarded", NULL,
		       "restart services at once, without the cluster's lock and whatever state "
		       "the others are in",
		       false),
	CLI_OPTION_END,
};

const struct cli_command install_install_command = {
	.name = "",
	.args = "",
	.summary = "install this node's services from a bundle",
	.options = options,
	.run = run_install,
	.options_size = sizeof(struct install_options),
};
