/* SPDX-License-Identifier: Apache-2.0 */
#include "comeback.h"

#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "progress.h"
#include "unit.h"

struct work {
	const struct comeback *back;
	struct unit_way *
		ways; /* of each of BACK's units, as it was found: what is started here need not restart */
};

static bool ran_before(const struct comeback *back, const char *unit)
{
	for (size_t i = 0; i < back->of_last->count; i++)
		if (back->of_last->items[i].kind == RECORD_UNIT &&
		    !strcmp(back->of_last->items[i].object, unit))
			return strstr(back->of_last->items[i].was, RECORD_UNIT_ACTIVE) != NULL;
	return false;
}

static bool is_unit(const struct work *w, size_t i)
{
	return w->back->all->items[i].kind == RECORD_UNIT;
}

static const char *name_of(const struct work *w, size_t i)
{
	return w->back->all->items[i].object;
}

static int look_at_all(struct work *w, struct err *err)
{
	const struct comeback *back = w->back;
	int r = 0;

	w->ways = calloc(back->all->count + 1, sizeof(*w->ways));
	if (!w->ways)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < back->all->count; i++)
		if (is_unit(w, i))
			r = unit_way_back(back->in, name_of(w, i), ran_before(back, name_of(w, i)),
					  back->since_us, &w->ways[i], err);
	return r;
}

static bool is_of(const struct setup_service *service, const char *name)
{
	SERVICE_EACH(struct service_unit, unit, service->service->units)
	{
		if (!strcmp(unit->name, name))
			return true;
	}
	return false;
}

static bool waits(const struct work *w, size_t i)
{
	const struct setup *guards = w->back->guards;

	if (w->ways[i].action != UNIT_RESTART || !w->ways[i].serves)
		return false;
	for (size_t n = 0; guards && n < guards->count; n++)
		if (is_of(&guards->services[n], name_of(w, i)))
			return guard_applies(&guards->services[n]);
	return false;
}

static int go(const struct work *w, size_t i, struct err *err)
{
	return unit_go_back(w->back->in, name_of(w, i), &w->ways[i], w->back->apply,
			    w->back->changes, err);
}

/* What serves again by this may be what a guard waits for. */
static int at_once(const struct work *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->back->all->count; i++)
		if (is_unit(w, i) && !waits(w, i))
			r = go(w, i, err);
	return r;
}

/* There is no other way back. */
static int leave(struct guard *guard, struct err *err)
{
	int r = guard_leave(guard, err);

	if (r == 0 || err->code != ERR_UNHEALTHY)
		return r;
	warning("%s", err->msg);
	*err = (struct err)ERR_INIT;
	return 0;
}

static int in_turn(const struct work *w, const struct setup_service *service, struct err *err)
{
	CLEANUP(guard_release) struct guard guard = GUARD_INIT;
	bool entered = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->back->all->count; i++) {
		if (!is_unit(w, i) || !waits(w, i) || !is_of(service, name_of(w, i)))
			continue;
		if (w->back->apply && !entered)
			r = guard_enter(service, &guard, err);
		entered = w->back->apply;
		if (r == 0)
			r = go(w, i, err);
	}
	return r == 0 && entered ? leave(&guard, err) : r;
}

int comeback_units(const struct comeback *back, struct err *err)
{
	struct work w = { .back = back };
	int r = look_at_all(&w, err);

	if (r == 0)
		r = at_once(&w, err);
	for (size_t i = 0; r == 0 && back->guards && i < back->guards->count; i++)
		r = in_turn(&w, &back->guards->services[i], err);
	free(w.ways);
	return r;
}
