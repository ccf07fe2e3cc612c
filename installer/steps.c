/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

#include <string.h>

#include "firewall.h"
#include "held.h"
#include "interrupt.h"
#include "leftover.h"
#include "ours.h"
#include "outdated.h"
#include "place.h"
#include "place_file.h"
#include "selinux.h"
#include "sysctl.h"
#include "unit.h"
#include "venv.h"

const struct step steps_all[] = {
	{ "accounts", place_accounts },
	{ "directories", place_directories },
	{ "wheels", venv_build },
	{ "certificates", place_certificates },
	{ "files", place_files },
	{ "leftovers", leftover_apply },
	{ "sysctl", sysctl_apply },
	{ "firewall", firewall_apply },
	{ "selinux", selinux_apply },
	{ "units", unit_apply },
	{ NULL, NULL },
};

/* What a password's change wants is among the changes; the others are asked at the end of an installation. */
static int consider(struct setup *setup, struct review *review, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && install_is_live(setup->in) && i < setup->count; i++) {
		const struct service *service = setup->services[i].service;

		SERVICE_EACH(struct service_once, step, service->once)
		{
			if (r < 0 || step->on_change)
				continue;
			r = strv_addf(&review->considered, err, "%s: %s%s%s", service->name,
				      step->name, step->when_name ? ", when this holds: " : "",
				      step->when_name ? step->when_name : "");
		}
	}
	return r;
}

static int ask(struct setup *setup, const struct plan *packages, struct review *review,
	       struct strv *changes, struct err *err)
{
	size_t before = 0;
	int r = review_add(review, "packages", changes, 0, err);

	if (r == 0)
		r = outdated_foresee(setup, packages, false, err);

	for (const struct step *s = steps_all; r == 0 && s->name; s++) {
		before = changes->count;
		r = interrupt_check(err);
		if (r == 0)
			r = s->run(setup, false, changes, err);
		if (r == 0)
			r = review_add(review, s->name, changes, before, err);
	}
	before = changes->count;
	if (r == 0)
		r = held_describe(setup, changes, err);
	if (r == 0)
		r = review_add(review, "steps", changes, before, err);
	return r < 0 ? r : consider(setup, review, err);
}

int steps_review(struct setup *setup, const struct plan *packages, struct review *review,
		 struct strv *changes, struct err *err)
{
	struct err second = ERR_INIT;
	int r = setup_review(setup, review, err);

	if (r == 0)
		r = ask(setup, packages, review, changes, err);
	if (setup_review(setup, NULL, &second) < 0 && r == 0)
		r = err_set(err, second.code, "%s", second.msg);
	return r;
}

static bool is_path_of(const struct setup *setup, const char *path)
{
	bool settled = false;

	for (size_t i = 0; i < setup->count; i++) {
		const struct service *service = setup->services[i].service;

		SERVICE_EACH(struct service_file, file, service->files)
		if (!strcmp(file->dest, path))
			return true;
		SERVICE_EACH(struct service_certificate, c, service->certificates)
		if (!strcmp(c->cert, path) || !strcmp(c->key, path) || !strcmp(c->ca, path) ||
		    (c->bundle && !strcmp(c->bundle, path)))
			return true;
	}
	return ours_written(setup->ours, path, &settled) != NULL;
}

int steps_check_wishes(const char *const *take_ours, const char *const *keep_theirs,
		       struct err *err)
{
	for (const char *const *take = take_ours; *take; take++)
		for (const char *const *keep = keep_theirs; *keep; keep++)
			if (!strcmp(*take, *keep))
				return err_set(err, ERR_USAGE,
					       "'%.200s' is named with --take-ours and with "
					       "--keep-theirs: leave one of them out",
					       *take);
	return 0;
}

int steps_check_paths(const struct setup *setup, const char *option, const char *const *list,
		      struct err *err)
{
	for (; list && *list; list++)
		if (strcmp(*list, PLACE_ALL) != 0 && !is_path_of(setup, *list))
			return err_set(err, ERR_USAGE,
				       "--%s: neither does the bundle have a file '%.200s' for "
				       "this node, nor was one installed: 'plan' says what is kept",
				       option, *list);
	return 0;
}
