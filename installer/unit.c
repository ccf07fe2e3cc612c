/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "outdated.h"
#include "probe.h"
#include "proc.h"
#include "record.h"

#define QUICK_MS 60000
#define START_MS 600000 /* the units' own TimeoutStartSec ends it before */

/* What systemd says about a unit. */
struct state {
	bool running; /* active, or on its way there */
	bool settled; /* active */
	bool failed;
	bool enabled;  /* or of a kind that cannot be */
	bool outdated; /* its files changed since systemd read them */
};

/* Runs systemctl; a status that is not 0 is a failure unless RET_OUT is given. */
static int systemctl(const char *const *argv, unsigned int timeout_ms, char **ret_out,
		     struct err *err)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	const struct proc proc = { .argv = argv, .timeout_ms = timeout_ms };
	int r = 0;

	if (!ret_out)
		return proc_check(&proc, NULL, err);
	r = proc_run(&proc, &res, err);
	return r < 0 ? r : str_done(&res.out, ret_out, err);
}

/* The value of KEY in lines KEY=VALUE, compared with a list of words. */
static bool property_is(const char *text, const char *key, const char *const *words)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		for (; *words; words++) {
			size_t n = strlen(*words);

			if (!strncmp(line + len + 1, *words, n) &&
			    (line[len + 1 + n] == '\n' || line[len + 1 + n] == '\0'))
				return true;
		}
		return false;
	}
	return false;
}

#define PROPERTY(text, key, ...) property_is(text, key, (const char *const[]){ __VA_ARGS__, NULL })

static int look(const char *unit, struct state *ret, struct err *err)
{
	const char *const argv[] = {
		"systemctl", "show", "--property=ActiveState,UnitFileState,NeedDaemonReload",
		"--",        unit,   NULL
	};
	cleanup_free char *text = NULL;
	int r = systemctl(argv, QUICK_MS, &text, err);

	if (r < 0)
		return r;
	*ret = (struct state){
		.settled = PROPERTY(text, "ActiveState", "active"),
		.running = PROPERTY(text, "ActiveState", "active", "activating", "reloading",
				    "refreshing"),
		.failed = PROPERTY(text, "ActiveState", "failed"),
		.enabled = PROPERTY(text, "UnitFileState", "enabled", "enabled-runtime", "static",
				    "alias", "indirect", "generated", "transient"),
		.outdated = PROPERTY(text, "NeedDaemonReload", "yes"),
	};
	return 0;
}

/* --- what is done to one unit --------------------------------------------------------------- */

static int enable(const struct setup *setup, const char *unit, bool enabled, bool apply,
		  struct strv *changes, struct err *err)
{
	cleanup_free char *root = NULL;
	int r = 0;

	if (enabled)
		return 0;
	r = strv_addf(changes, err, "enable %s", unit);
	if (r == 0)
		r = str_printf(&root, err, "--root=%s", setup->in->root);
	if (r == 0 && apply) {
		const char *const argv[] = { "systemctl", root, "--quiet", "enable",
					     "--",        unit, NULL };
		const char *const live[] = { "systemctl", "--quiet", "enable", "--", unit, NULL };

		r = systemctl(install_is_live(setup->in) ? live : argv, QUICK_MS, NULL, err);
	}
	return r;
}

/* WAIT: until it is done, whatever the unit's `start` says. */
static int act(const struct setup_service *service, const struct service_unit *unit,
	       const char *verb, bool wait, struct err *err)
{
	const char *const done[] = { "systemctl", verb, "--", unit->name, NULL };
	const char *const queue[] = { "systemctl", "--no-block", verb, "--", unit->name, NULL };
	bool no_block = unit->start == SERVICE_START_NO_BLOCK && !wait;
	int r = systemctl(no_block ? queue : done, START_MS, NULL, err);

	if (r == 0 || err->code == ERR_INTERRUPTED)
		return r;
	err->code = ERR_UNHEALTHY;
	err_prefix(err, "service '%s': cannot %s %s", service->service->name, verb, unit->name);
	unit_journal(service, err);
	return -ERR_UNHEALTHY;
}

/* What runs and was replaced on disk asks for itself, also when nobody remembers who replaced it. */
static int decide(const struct setup_service *service, const struct service_unit *unit,
		  const struct state *state, enum unit_action *ret, struct err *err)
{
	enum service_on_change wanted = service->wanted;
	enum service_on_change on_update = service->service->restart.on_update;
	bool outdated = false;
	int r = 0;

	if (!state->running) {
		*ret = UNIT_START;
		return 0;
	}
	if (wanted < on_update)
		r = outdated_unit(unit->name, on_update == SERVICE_RELOAD, &outdated, err);
	if (outdated)
		wanted = on_update;
	/* What is still starting has read the old files and cannot reload. */
	*ret = wanted == SERVICE_NONE                       ? UNIT_NONE
	       : wanted == SERVICE_RELOAD && state->settled ? UNIT_RELOAD
							    : UNIT_RESTART;
	return r;
}

static const char *const verbs[] = { [UNIT_NONE] = NULL,
				     [UNIT_START] = "start",
				     [UNIT_RELOAD] = "reload",
				     [UNIT_RESTART] = "restart" };

int unit_action(const struct setup_service *service, const struct service_unit *unit,
		enum unit_action *ret, struct err *err)
{
	struct state state;
	int r = 0;

	*ret = UNIT_NONE;
	if (!install_is_live(service->setup->in) || unit->start == SERVICE_START_NO)
		return 0;
	r = look(unit->name, &state, err);
	return r < 0 ? r : decide(service, unit, &state, ret, err);
}

/* One service's units; its guard is entered before the first restart of what serves. */
struct turn {
	struct setup *setup;
	struct setup_service *service;
	struct guard guard;
	bool apply, guarded;
};

static void turn_release(struct turn *turn)
{
	guard_release(&turn->guard);
}

/* What is not up yet has nothing to lose, and waits for nobody. */
static int bring_up(struct turn *turn, const struct service_unit *unit, const struct state *state,
		    struct strv *changes, struct err *err)
{
	const char *const reset[] = { "systemctl", "reset-failed", "--", unit->name, NULL };
	enum unit_action action = UNIT_NONE;
	int r = decide(turn->service, unit, state, &action, err);

	if (r < 0 || action == UNIT_NONE)
		return r;
	r = strv_addf(changes, err, "%s %s", verbs[action], unit->name);
	if (r < 0 || !turn->apply)
		return r;
	/* Also of one that runs: systemd counts starts, and refuses the one too many. */
	if (state->failed || action == UNIT_RESTART)
		r = systemctl(reset, QUICK_MS, NULL, err);
	if (r == 0 && action == UNIT_RESTART && state->settled && !turn->guarded) {
		/* It asked for itself: the next run must know that it is due, whatever becomes of this one. */
		r = setup_want(turn->setup, turn->service, SERVICE_RESTART, true, err);
		if (r == 0)
			r = guard_enter(turn->service, &turn->guard, err);
		turn->guarded = r == 0;
	}
	if (r < 0)
		return r;
	return act(turn->service, unit, action == UNIT_RELOAD ? "reload-or-restart" : verbs[action],
		   turn->guarded && guard_applies(turn->service), err);
}

static const char *record_words(bool enabled, bool active)
{
	return enabled ? (active ? RECORD_UNIT_BOTH : RECORD_UNIT_ENABLED)
		       : (active ? RECORD_UNIT_ACTIVE : RECORD_UNIT_OFF);
}

static int record_unit(struct setup *setup, const struct service_unit *unit,
		       const struct state *state, bool starts, struct err *err)
{
	const char *was = record_words(state->enabled, state->running);
	const char *now = record_words(state->enabled || unit->enable, state->running || starts);

	/* One that runs already is noted too: a rollback sees to it that it does again. */
	return strcmp(was, now)
		       ? record_add(setup->in->record, RECORD_UNIT, unit->name, was, now, err)
		       : record_note(setup->in->record, RECORD_UNIT, unit->name, was, err);
}

static int turn_unit(struct turn *turn, const struct service_unit *unit, struct strv *changes,
		     struct err *err)
{
	bool starts = unit->start != SERVICE_START_NO;
	struct state state;
	int r = look(unit->name, &state, err);

	if (r == 0 && turn->apply)
		r = record_unit(turn->setup, unit, &state, starts, err);
	if (r == 0 && unit->enable)
		r = enable(turn->setup, unit->name, state.enabled, turn->apply, changes, err);
	return r == 0 && starts ? bring_up(turn, unit, &state, changes, err) : r;
}

static int service_units(struct setup *setup, struct setup_service *service, bool apply,
			 struct strv *changes, struct err *err)
{
	CLEANUP(turn_release)
	struct turn turn = {
		.setup = setup, .service = service, .guard = GUARD_INIT, .apply = apply
	};
	int r = 0;

	SERVICE_EACH(struct service_unit, unit, service->service->units)
	{
		if (r == 0 && (unit->enable || unit->start != SERVICE_START_NO))
			r = turn_unit(&turn, unit, changes, err);
	}
	if (r == 0 && turn.guarded)
		r = guard_leave(&turn.guard, err);
	return r == 0 && apply ? setup_done(setup, service, err) : r;
}

int unit_restart_due(struct setup *setup, struct strv *changes, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && install_is_live(setup->in) && i < setup->count; i++) {
		struct setup_service *service = &setup->services[i];
		const char *name = service->service->restart.due;
		bool due = false;

		if (!name)
			continue;
		r = probe_try_step(service, service_probe_named(service->service, name), 0, &due,
				   NULL, err);
		if (r == 0 && due)
			r = setup_want(setup, service, SERVICE_RESTART, true, err);
		if (r == 0 && due)
			r = service_units(setup, service, true, changes, err);
	}
	return r;
}

static int reload_manager(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	bool needed = setup->units_changed;
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		SERVICE_EACH(struct service_unit, unit, setup->services[i].service->units)
		{
			struct state state = { .outdated = false };

			if (r == 0 && !needed)
				r = look(unit->name, &state, err);
			needed |= state.outdated;
		}
	}
	if (r < 0 || !needed)
		return r;
	r = strv_add(changes, "daemon-reload", err);
	if (r == 0 && apply)
		r = unit_reload_manager(setup->in, err);
	return r == 0 && apply ? setup_reload_done(setup, err) : r;
}

/* --- another root --------------------------------------------------------------------------- */

static int is_enabled_offline(const struct install *in, const char *unit, bool *ret,
			      struct err *err)
{
	cleanup_free char *root = NULL;
	cleanup_free char *text = NULL;
	int r = str_printf(&root, err, "--root=%s", in->root);
	const char *const argv[] = { "systemctl", root, "is-enabled", "--", unit, NULL };

	if (r == 0)
		r = systemctl(argv, QUICK_MS, &text, err);
	*ret = text && *text && !str_starts(text, "disabled") && !str_starts(text, "masked") &&
	       !str_starts(text, "not-found");
	return r;
}

static int enable_offline(struct setup *setup, struct setup_service *service, bool apply,
			  struct strv *changes, struct err *err)
{
	int r = 0;

	SERVICE_EACH(struct service_unit, unit, service->service->units)
	{
		struct state state = { .running = false };

		if (r < 0 || !unit->enable)
			continue;
		r = is_enabled_offline(setup->in, unit->name, &state.enabled, err);
		if (r == 0 && apply)
			r = record_unit(setup, unit, &state, false, err);
		if (r == 0)
			r = enable(setup, unit->name, state.enabled, apply, changes, err);
	}
	return r == 0 && apply ? setup_done(setup, service, err) : r;
}

int unit_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	bool live = install_is_live(setup->in);
	int r = 0;

	if (live && access("/run/systemd/system", F_OK) < 0)
		return err_set(err, ERR_HOST,
			       "systemd does not run this machine: its units cannot be started");
	if (live)
		r = reload_manager(setup, apply, changes, err);
	else if (apply)
		r = setup_reload_done(setup, err);
	for (size_t i = 0; r == 0 && i < setup->count; i++) {
		struct setup_service *service = &setup->services[i];

		r = live ? service_units(setup, service, apply, changes, err)
			 : enable_offline(setup, service, apply, changes, err);
	}
	return r;
}

int unit_note(struct setup *setup, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < setup->count && install_is_live(setup->in); i++) {
		SERVICE_EACH(struct service_unit, unit, setup->services[i].service->units)
		{
			struct state state = { .running = false };

			if (r < 0 || record_was(setup->in->record, RECORD_UNIT, unit->name))
				continue;
			r = look(unit->name, &state, err);
			if (r == 0)
				r = record_note(setup->in->record, RECORD_UNIT, unit->name,
						record_words(state.enabled, state.running), err);
		}
	}
	return r;
}

/* --- back again ----------------------------------------------------------------------------- */

/* systemctl VERB UNIT, of another root's unit files with --root. */
static int of_unit(const struct install *in, const char *verb, const char *unit, struct err *err)
{
	const char *const live[] = { "systemctl", "--quiet", verb, "--", unit, NULL };
	cleanup_free char *root = NULL;
	int r = str_printf(&root, err, "--root=%s", in->root);
	const char *const other[] = { "systemctl", root, "--quiet", verb, "--", unit, NULL };

	if (r == 0)
		r = systemctl(install_is_live(in) ? live : other, START_MS, NULL, err);
	if (r == 0 || err->code == ERR_INTERRUPTED)
		return r;
	return err_prefix(err,
			  "cannot %s %s ('journalctl --unit %s' says why, and then the same "
			  "command again goes on)",
			  verb, unit, unit);
}

int unit_words(const struct install *in, const char *unit, const char **ret, struct err *err)
{
	struct state state = { .running = false };
	int r = install_is_live(in) ? look(unit, &state, err)
				    : is_enabled_offline(in, unit, &state.enabled, err);

	*ret = record_words(state.enabled, state.running);
	return r;
}

int unit_take_back(const struct install *in, const char *unit, const char *was, bool apply,
		   struct strv *changes, struct err *err)
{
	const char *is = NULL;
	int r = unit_words(in, unit, &is, err);

	if (r == 0 && strstr(is, RECORD_UNIT_ACTIVE) && !strstr(was, RECORD_UNIT_ACTIVE)) {
		r = strv_addf(changes, err, "stop %s", unit);
		if (r == 0 && apply)
			r = of_unit(in, "stop", unit, err);
	}
	if (r == 0 && strstr(is, RECORD_UNIT_ENABLED) && !strstr(was, RECORD_UNIT_ENABLED)) {
		r = strv_addf(changes, err, "disable %s", unit);
		if (r == 0 && apply)
			r = of_unit(in, "disable", unit, err);
	}
	return r;
}

int unit_enable_again(const struct install *in, const char *unit, const char *was, bool apply,
		      struct strv *changes, struct err *err)
{
	const char *is = NULL;
	int r = unit_words(in, unit, &is, err);

	if (r < 0 || !strstr(was, RECORD_UNIT_ENABLED) || strstr(is, RECORD_UNIT_ENABLED))
		return r;
	r = strv_addf(changes, err, "enable %s", unit);
	return r < 0 || !apply ? r : of_unit(in, "enable", unit, err);
}

/* Microseconds of the monotonic clock; 0: not known, or never. */
static uint64_t stamp(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	uint64_t us = 0;

	return at && sscanf(at + strlen(key), "%" SCNu64, &us) == 1 ? us : 0;
}

/* What UNIT, which runs, has done since: started, or reloaded, or neither. */
static int done_since(const char *unit, uint64_t since_us, enum unit_action *ret, struct err *err)
{
	const char *const argv[] = {
		"systemctl",
		"show",
		"--property=StateChangeTimestampMonotonic,ExecMainStartTimestampMonotonic",
		"--",
		unit,
		NULL
	};
	cleanup_free char *text = NULL;
	uint64_t changed = 0, started = 0;
	int r = systemctl(argv, QUICK_MS, &text, err);

	if (r < 0)
		return r;
	changed = stamp(text, "StateChangeTimestampMonotonic=");
	started = stamp(text, "ExecMainStartTimestampMonotonic=");
	*ret = changed && changed < since_us               ? UNIT_NONE
	       : since_us && started && started < since_us ? UNIT_RELOAD
							   : UNIT_RESTART;
	return 0;
}

int unit_way_back(const struct install *in, const char *unit, bool ran, uint64_t since_us,
		  struct unit_way *ret, struct err *err)
{
	struct state state = { .running = false };
	int r = install_is_live(in) ? look(unit, &state, err) : 0;

	*ret = (struct unit_way){ .serves = state.settled, .failed = state.failed };
	if (r < 0 || !install_is_live(in))
		return r;
	if (state.running)
		return done_since(unit, since_us, &ret->action, err);
	ret->action = ran ? UNIT_START : UNIT_NONE;
	return 0;
}

int unit_go_back(const struct install *in, const char *unit, const struct unit_way *way, bool apply,
		 struct strv *changes, struct err *err)
{
	const char *const reset[] = { "systemctl", "reset-failed", "--", unit, NULL };
	int r = 0;

	if (way->action == UNIT_NONE)
		return 0;
	r = strv_addf(changes, err, "%s %s", verbs[way->action], unit);
	/* Also of one that runs: systemd counts starts, and refuses the one too many. */
	if (r == 0 && apply && (way->failed || way->action == UNIT_RESTART))
		r = systemctl(reset, QUICK_MS, NULL, err);
	if (r < 0 || !apply)
		return r;
	return of_unit(in, way->action == UNIT_RELOAD ? "reload-or-restart" : verbs[way->action],
		       unit, err);
}

int unit_reload_manager(const struct install *in, struct err *err)
{
	const char *const argv[] = { "systemctl", "daemon-reload", NULL };

	return install_is_live(in) ? systemctl(argv, QUICK_MS, NULL, err) : 0;
}
