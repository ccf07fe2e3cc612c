/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <string.h>

#include "probe.h"
#include "unit.h"

#define GRACE_MS 10000 /* to give a lock back; its lease ends it otherwise */

bool guard_applies(const struct setup_service *service)
{
	return service_is_guarded(service->service) && !service->setup->in->unguarded;
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
	r = probe_render(service, &lock->command, &lock->command.exec, true, lock->expect,
			 &rendered, err);
	if (r == 0)
		r = proc_child_start(&rendered.proc, &guard->lock, err);
	if (r == 0)
		r = proc_child_expect(&guard->lock, rendered.expected, lock->within_s * 1000, &held,
				      &why, err);
	if (r < 0 || held)
		return r;
	*err = why;
	return err_prefix(err, "the cluster's lock cannot be taken ('%s')", rendered.argv.items[0]);
}

/* The first of the probes NAMES that does not hold in its time, as ERR_UNHEALTHY. */
static int ask(const struct setup_service *service, const struct strv *names, struct err *err)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct service_probe *probe =
			service_probe_named(service->service, names->items[i]);
		struct err why = ERR_INIT;
		bool holds = false;
		int r = probe_try_step(service, probe, &holds, &why, err);

		if (r < 0)
			return r;
		if (!holds) {
			*err = why;
			return err_prefix(err, "'%s' does not hold after %u s", probe->name,
					  probe->within_s);
		}
	}
	return 0;
}

int guard_enter(const struct setup_service *service, struct guard *guard, struct err *err)
{
	int r = 0;

	guard->service = service;
	if (!guard_applies(service))
		return 0;
	r = take_lock(guard, err);
	if (r == 0)
		r = ask(service, &service->service->restart.before, err);
	if (r == 0 && guard->lock.out >= 0 && !proc_child_runs(&guard->lock))
		r = err_set(err, ERR_UNHEALTHY, "the cluster's lock was lost");
	if (r < 0)
		service->setup->in->waits = true;
	if (r < 0 && err->code == ERR_UNHEALTHY)
		err_prefix(
			err,
			"service '%s' is due to restart, nothing was restarted, and the next run "
			"goes on from here",
			service->service->name);
	return r;
}

int guard_leave(struct guard *guard, struct err *err)
{
	const struct setup_service *service = guard->service;
	int r = 0;

	if (!guard_applies(service))
		return 0;
	r = ask(service, &service->service->restart.after, err);
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
