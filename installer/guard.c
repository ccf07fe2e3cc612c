/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "interrupt.h"
#include "probe.h"
#include "progress.h"
#include "unit.h"

#define LOCK_TRIES 10
#define PATIENCE_S 10  /* of a probe, under the lock */
#define PAUSE_S 2      /* without it */
#define GRACE_MS 10000 /* to give a lock back; its lease ends it otherwise */

bool guard_applies(const struct setup_service *service)
{
	return service_is_guarded(service->service) && !service->setup->in->unguarded;
}

static unsigned int patience(const struct setup_service *service, unsigned int within_s)
{
	unsigned int most_s = service->setup->in->patience_s;

	return most_s && most_s < within_s ? most_s : within_s;
}

static int take_lock(struct guard *guard, struct err *err)
{
	const struct setup_service *service = guard->service;
	const struct service_lock *lock = &service->service->restart.lock;
	CLEANUP(probe_rendered_release) struct probe_rendered rendered = PROBE_RENDERED_INIT;
	cleanup_free char *when = NULL;
	struct err why = ERR_INIT;
	bool held = false;
	int r = 0;

	if (!lock->command.exec.count)
		return 0;
	if (lock->when)
		r = context_text(service->context, "when", lock->when, false, &when, err);
	if (r < 0 || (when && strcmp(when, "true") != 0))
		return r;
	if (probe_lacks_secret(service, &lock->command, &why)) {
		notice("service '%s' restarts without the cluster's lock, which needs a secret: "
		       "one node at a time",
		       service->service->name);
		return 0;
	}
	r = probe_render(service, &lock->command, &lock->command.exec, true, lock->expect,
			 &rendered, err);
	if (r == 0)
		r = proc_child_start(&rendered.proc, &guard->lock, err);
	if (r == 0)
		r = proc_child_expect(&guard->lock, rendered.expected,
				      patience(service, lock->within_s) * 1000, &held, &why, err);
	if (r < 0 || held)
		return r;
	*err = why;
	return err_prefix(err, "the cluster's lock cannot be taken ('%s')", rendered.argv.items[0]);
}

/* The first of the probes NAMES that does not hold within PATIENCE_S, or within its own time if that is shorter, as
 * ERR_UNHEALTHY; RET_FAILED is that one. One that needs a secret of a kept bundle is not asked. */
static int ask(const struct setup_service *service, const struct strv *names,
	       unsigned int patience_s, const struct service_probe **ret_failed, struct err *err)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct service_probe *probe =
			service_probe_named(service->service, names->items[i]);
		unsigned int within_s = probe->within_s < patience_s ? probe->within_s : patience_s;
		struct err why = ERR_INIT;
		bool holds = false;
		int r = 0;

		if (probe_lacks_secret(service, &probe->command, &why))
			continue;
		r = probe_try_step(service, probe, within_s, &holds, &why, err);

		if (r < 0)
			return r;
		if (!holds) {
			*ret_failed = probe;
			*err = why;
			return err_prefix(err, "'%s' does not hold after %u s", probe->name,
					  patience(service, probe->within_s));
		}
	}
	return 0;
}

/* How entering fails. */
struct attempt {
	bool lost;                          /* the lock's command ended by itself */
	const struct service_probe *failed; /* or this does not hold; NULL: another reason */
};

static int try_enter(struct guard *guard, struct attempt *ret, struct err *err)
{
	int r = take_lock(guard, err);

	if (r == 0)
		r = ask(guard->service, &guard->service->service->restart.before, PATIENCE_S,
			&ret->failed, err);
	ret->lost = err->code != ERR_INTERRUPTED && guard->lock.in >= 0 &&
		    !proc_child_runs(&guard->lock);
	if (r == 0 && ret->lost)
		r = err_set(err, ERR_UNHEALTHY, "the cluster's lock was lost");
	return r;
}

/*
 * A lock may be lost: what keeps it was restarted by the node before us. And whoever waits for others must not hold it
 * meanwhile, or they would wait too: it is given back after a while and taken again.
 */
static int enter(struct guard *guard, struct err *err)
{
	const struct timespec pause = { .tv_sec = PAUSE_S };
	const struct service_lock *lock = &guard->service->service->restart.lock;
	uint64_t start = clock_monotonic_ms();
	unsigned int lost = 0;

	for (;;) {
		struct attempt attempt = { .lost = false };
		struct err why = ERR_INIT;
		unsigned int within_s = lock->within_s;
		int r = try_enter(guard, &attempt, &why);

		if (r == 0)
			return 0;
		*err = why;
		lost += attempt.lost;
		if (!attempt.lost && attempt.failed)
			within_s = attempt.failed->within_s;
		within_s = patience(guard->service, within_s);
		if (!(attempt.lost ? lost < LOCK_TRIES : attempt.failed != NULL) ||
		    clock_monotonic_ms() >= start + within_s * UINT64_C(1000))
			return r;
		guard_release(guard);
		nanosleep(&pause, NULL);
		r = interrupt_check(err);
		if (r < 0)
			return r;
	}
}

int guard_enter(const struct setup_service *service, struct guard *guard, struct err *err)
{
	int r = 0;

	guard->service = service;
	if (!guard_applies(service))
		return 0;
	r = enter(guard, err);
	if (r < 0)
		service->setup->in->waits = true;
	if (r < 0 && err->code == ERR_UNHEALTHY)
		err_prefix(
			err,
			"service '%s' is due to restart, nothing was restarted, and the next run "
			"goes on from here",
			service->service->name);
	if (r < 0 && err->code == ERR_UNHEALTHY)
		err_detail(err, "'--unguarded' restarts at once, whatever the others do");
	return r;
}

int guard_leave(struct guard *guard, struct err *err)
{
	const struct setup_service *service = guard->service;
	const struct service_probe *failed = NULL;
	int r = 0;

	if (!guard_applies(service))
		return 0;
	r = ask(service, &service->service->restart.after, UINT_MAX, &failed, err);
	if (r < 0 && err->code == ERR_UNHEALTHY) {
		err_prefix(err, "service '%s' was restarted", service->service->name);
		unit_journal(service, err);
	}
	return r;
}

void guard_release(struct guard *guard)
{
	proc_child_stop(&guard->lock, GRACE_MS);
}
