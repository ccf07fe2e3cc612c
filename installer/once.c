/* SPDX-License-Identifier: Apache-2.0 */
#include "once.h"

#include "clock.h"
#include "held.h"
#include "probe.h"

#define UNLESS_MS 30000
#define EXEC_MS 120000

enum outcome { DONE, TO_DO, WAITS };

struct run {
	struct setup *setup;
	const struct setup_service *service;
	bool apply;
	uint64_t start_ms;
	struct strv *changes, *pending;
};

/* RET_HOLDS is true for a step without `when`. Not PATIENT: one try. */
static int may_run(const struct run *run, const struct service_once *step, bool patient,
		   bool *ret_holds, struct err *why, struct err *err)
{
	unsigned int budget_ms = patient && run->apply ? PROBE_ONCE_PATIENCE_MS : 0;

	*ret_holds = true;
	if (!step->when)
		return 0;
	return probe_try_cluster(run->setup, run->service, step->when, run->start_ms, budget_ms,
				 ret_holds, why, err);
}

/* RET_DONE is false for a step without `unless`: it runs every time. */
static int is_done(const struct run *run, const struct service_once *step, bool *ret_done,
		   struct err *err)
{
	*ret_done = false;
	if (!step->unless.count)
		return 0;
	return probe_command(run->service, &step->command, &step->unless, false, step->expect,
			     UNLESS_MS, ret_done, NULL, err);
}

/* After a failure: another node may have been quicker, or the cluster may have gone. */
static int look_again(const struct run *run, const struct service_once *step,
		      enum outcome *ret_outcome, struct err *err)
{
	bool done = false, holds = false;
	int r = is_done(run, step, &done, err);

	if (r == 0 && !done && step->when)
		r = may_run(run, step, false, &holds, NULL, err);
	else
		holds = true;
	if (r == 0)
		*ret_outcome = done ? DONE : holds ? TO_DO : WAITS;
	return r;
}

/* WHY gets what the command said when it failed. */
static int execute(const struct run *run, const struct service_once *step,
		   enum outcome *ret_outcome, struct err *why, struct err *err)
{
	enum outcome outcome = DONE;
	bool ran = false;
	int r = probe_command(run->service, &step->command, &step->command.exec, true, NULL,
			      EXEC_MS, &ran, why, err);

	if (r == 0 && ran)
		r = strv_addf(run->changes, err, "%s: %s", run->service->service->name, step->name);
	else if (r == 0)
		r = look_again(run, step, &outcome, err);
	if (r < 0)
		return r;
	if (outcome == TO_DO) {
		*err = *why;
		err->code = ERR_FAILED;
		return -ERR_FAILED;
	}
	*ret_outcome = outcome;
	return 0;
}

static int waits(const struct run *run, const struct service_once *step, const struct err *why,
		 struct err *err)
{
	if (run->setup->in->wait && run->apply) {
		*err = *why;
		return err_prefix(err, "the probe '%s' does not hold", step->when_name);
	}
	return strv_addf(run->pending, err, "%s: pending: %s waits for %s",
			 run->service->service->layer, step->name, step->when_name);
}

static int run_step(const struct run *run, const struct service_once *step,
		    enum outcome *ret_outcome, struct err *err)
{
	struct err why = ERR_INIT;
	bool holds = false, done = false;
	int r = may_run(run, step, true, &holds, &why, err);

	*ret_outcome = WAITS;
	if (r == 0 && holds)
		r = is_done(run, step, &done, err);
	if (r < 0)
		return r;
	if (holds && done) {
		*ret_outcome = DONE;
		return 0;
	}
	if (holds && !run->apply) {
		*ret_outcome = DONE;
		return strv_addf(run->changes, err, "%s: %s", run->service->service->name,
				 step->name);
	}
	if (holds)
		r = execute(run, step, ret_outcome, &why, err);
	return r == 0 && *ret_outcome == WAITS ? waits(run, step, &why, err) : r;
}

/*
 * A step that changes what the cluster holds. `unless` goes first: the change was made where `when`
 * holds, and is seen everywhere. It has the last word too, before this node remembers the change.
 */
static int run_change(const struct run *run, const struct service_once *step,
		      enum outcome *ret_outcome, struct err *err)
{
	struct err why = ERR_INIT;
	bool holds = false, done = false;
	int r = is_done(run, step, &done, err);

	*ret_outcome = WAITS;
	if (r == 0 && !done)
		r = may_run(run, step, run->setup->in->wait, &holds, &why, err);
	if (r == 0 && !done && !holds)
		r = is_done(run, step, &done, err);
	if (r == 0 && !done && holds) {
		r = execute(run, step, ret_outcome, &why, err);
		if (r == 0 && *ret_outcome == DONE)
			r = is_done(run, step, &done, err);
		if (r == 0 && *ret_outcome == DONE && !done)
			return err_set(err, ERR_FAILED, "it ran, and 'unless' does not hold");
	}
	if (r < 0)
		return r;
	if (!done)
		return waits(run, step, &why, err);
	*ret_outcome = DONE;
	return held_done(run->setup, step, err);
}

static int run_service(const struct run *run, struct err *err)
{
	SERVICE_EACH(struct service_once, step, run->service->service->once)
	{
		enum outcome outcome = DONE;
		int r = 0;

		if (step->on_change && !held_is_due(run->setup, step))
			continue;
		r = step->on_change ? run_change(run, step, &outcome, err)
				    : run_step(run, step, &outcome, err);
		if (r < 0)
			return err->code == ERR_INTERRUPTED
				       ? r
				       : err_prefix(err, "service '%s': step '%s'",
						    run->service->service->name, step->name);
		if (outcome == WAITS && !step->on_change)
			break;
	}
	return 0;
}

int once_run(struct setup *setup, bool apply, struct strv *changes, struct strv *pending,
	     struct err *err)
{
	struct run run = { .setup = setup,
			   .apply = apply,
			   .start_ms = clock_monotonic_ms(),
			   .changes = changes,
			   .pending = pending };
	int r = 0;

	if (!install_is_live(setup->in))
		return 0;
	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		run.service = &setup->services[i];
		r = run_service(&run, err);
	}
	return r;
}
