/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_update.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

static bool is_partial(const struct update *update)
{
	return update && update->names->count;
}

static const struct pip_item *find(const struct pip_report *report, const char *name)
{
	for (size_t i = 0; i < report->count; i++)
		if (!strcmp(report->items[i].name, name))
			return &report->items[i];
	return NULL;
}

const struct lock_wheel *wheel_kept(const struct update *update, const struct pip_item *item)
{
	const struct lock_wheel *wheels = is_partial(update) ? update->base->wheels.items : NULL;

	if (!wheels || update_names_wheel(update, item->name))
		return NULL;
	for (size_t i = 0; i < update->base->wheels.count; i++)
		if (!strcmp(wheels[i].name, item->name) &&
		    !strcmp(wheels[i].version, item->version))
			return &wheels[i];
	return NULL;
}

/* What pip would install with PINS ("name==version") as constraints. */
static int report_with(const struct pip *pip, const struct definition *def, const struct strv *pins,
		       const char *work, struct pip_report *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	int r = path_join(work, "constraints.txt", &path, err);

	for (size_t i = 0; i < pins->count; i++)
		str_addf(&text, "%s\n", pins->items[i]);
	str_add(&text, "");
	if (r == 0)
		r = str_check(&text, err);
	if (r == 0)
		r = file_write_atomic(path, 0644, text.buf, text.len, err);
	if (r == 0)
		r = strv_addf(&args, err, "--constraint=%s", path);
	for (size_t i = 0; r == 0 && i < def->wheels.requirements.count; i++)
		r = strv_add(&args, def->wheels.requirements.items[i], err);
	return r < 0 ? r : pip_report(pip, &args, work, ret, err);
}

/* PINS gets the named ones as FREELY has them, and of the others those that stay there anyway; LOOSE
 * the others. */
static int sort_out(const struct update *update, const struct pip_report *freely, struct strv *pins,
		    struct strv *loose, struct err *err)
{
	const struct lock_wheel *wheels = update->base->wheels.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < freely->count; i++)
		if (update_names_wheel(update, freely->items[i].name))
			r = strv_addf(pins, err, "%s==%s", freely->items[i].name,
				      freely->items[i].version);
	for (size_t i = 0; r == 0 && i < update->base->wheels.count; i++) {
		const struct pip_item *item = find(freely, wheels[i].name);
		bool stays = item && !strcmp(item->version, wheels[i].version);

		if (!update_names_wheel(update, wheels[i].name))
			r = strv_addf(stays ? pins : loose, err, "%s==%s", wheels[i].name,
				      wheels[i].version);
	}
	return r;
}

/* One after the other, each of LOOSE that can be had with those before. */
static int pin_one_by_one(const struct pip *pip, const struct definition *def, struct strv *pins,
			  const struct strv *loose, const char *work, struct pip_report *ret,
			  struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < loose->count; i++) {
		CLEANUP(pip_report_release) struct pip_report tried = { .items = NULL };

		r = strv_add(pins, loose->items[i], err);
		if (r == 0)
			r = report_with(pip, def, pins, work, &tried, err);
		if (r < 0 && err->code == ERR_NETWORK) {
			*err = (struct err)ERR_INIT;
			pins->count--;
			free(steal_ptr(&pins->items[pins->count]));
			r = 0;
		}
	}
	return r < 0 ? r : report_with(pip, def, pins, work, ret, err);
}

static int choose_partly(const struct pip *pip, const struct definition *def,
			 const struct update *update, const char *work,
			 const struct pip_report *freely, struct pip_report *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv pins = STRV_INIT;
	CLEANUP(strv_release) struct strv loose = STRV_INIT;
	CLEANUP(strv_release) struct strv all = STRV_INIT;
	int r = sort_out(update, freely, &pins, &loose, err);

	for (size_t i = 0; r == 0 && i < pins.count; i++)
		r = strv_add(&all, pins.items[i], err);
	for (size_t i = 0; r == 0 && i < loose.count; i++)
		r = strv_add(&all, loose.items[i], err);
	if (r == 0)
		r = report_with(pip, def, &all, work, ret, err);
	if (r == 0 || err->code != ERR_NETWORK)
		return r;
	*err = (struct err)ERR_INIT;
	return pin_one_by_one(pip, def, &pins, &loose, work, ret, err);
}

/* The lock's versions of all. */
static int choose_as_before(const struct pip *pip, const struct definition *def,
			    const struct update *update, const char *work, struct pip_report *ret,
			    struct err *err)
{
	const struct lock_wheel *wheels = update->base->wheels.items;
	CLEANUP(strv_release) struct strv pins = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < update->base->wheels.count; i++)
		r = strv_addf(&pins, err, "%s==%s", wheels[i].name, wheels[i].version);
	return r < 0 ? r : report_with(pip, def, &pins, work, ret, err);
}

static bool names_a_wheel(const struct update *update)
{
	const struct lock_wheel *wheels = update->base->wheels.items;

	for (size_t i = 0; i < update->base->wheels.count; i++)
		if (update_names_wheel(update, wheels[i].name))
			return true;
	return false;
}

static int report_freely(const struct pip *pip, const struct definition *def, const char *work,
			 struct pip_report *ret, struct err *err)
{
	int r = pip_report(pip, &def->wheels.requirements, work, ret, err);

	return r < 0 ? err_prefix(err, "%s: wheels", def->path) : 0;
}

int wheel_choose(const struct pip *pip, const struct definition *def, const struct update *update,
		 const char *work, struct pip_report *ret, struct err *err)
{
	CLEANUP(pip_report_release) struct pip_report freely = { .items = NULL };
	int r = 0;

	if (is_partial(update) && !names_a_wheel(update)) {
		r = choose_as_before(pip, def, update, work, ret, err);
		if (r == 0 || err->code != ERR_NETWORK)
			return r;
		*err = (struct err)ERR_INIT; /* the requirements are others now */
	}
	if (!is_partial(update))
		return report_freely(pip, def, work, ret, err);
	r = report_freely(pip, def, work, &freely, err);
	return r < 0 ? r : choose_partly(pip, def, update, work, &freely, ret, err);
}
