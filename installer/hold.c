/* SPDX-License-Identifier: Apache-2.0 */
#include "hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "record.h"
#include "unit.h"

#define UNITS "/run/systemd/system" /* gone at the next boot */
#define DROP_IN "pgha-install-changes-packages.conf"

static const char text[] =
	"# While pgha-install changes packages: their scriptlets may not restart this unit.\n"
	"# The next run of pgha-install removes this file, and so does a reboot.\n"
	"[Unit]\n"
	"RefuseManualStop=yes\n";

static int hold(const char *unit, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *path = NULL;
	int r = str_printf(&dir, err, UNITS "/%s.d", unit);

	if (r == 0)
		r = path_join(dir, DROP_IN, &path, err);
	if (r == 0)
		r = dir_make(dir, 0755, err);
	return r < 0 ? r : file_write_atomic(path, 0644, text, strlen(text), err);
}

int hold_units(const struct setup *setup, struct err *err)
{
	bool held = false;
	int r = 0;

	for (size_t i = 0; install_is_live(setup->in) && i < setup->count; i++)
		SERVICE_EACH(struct service_unit, unit, setup->services[i].service->units)
		{
			const char *words = NULL;

			if (r == 0)
				r = unit_words(setup->in, unit->name, &words, err);
			if (r < 0 || !strstr(words, RECORD_UNIT_ACTIVE))
				continue;
			r = hold(unit->name, err);
			held = true;
		}
	return r == 0 && held ? unit_reload_manager(setup->in, err) : r;
}

static int let_go(const char *dir, bool *ret_held, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = str_printf(&path, err, UNITS "/%s/" DROP_IN, dir);

	if (r < 0 || (unlink(path) < 0 && (errno == ENOENT || errno == ENOTDIR)))
		return r;
	if (access(path, F_OK) == 0)
		return err_set(err, ERR_FAILED, "cannot remove '%s'", path);
	*ret_held = true;
	path[strlen(path) - strlen("/" DROP_IN)] = '\0';
	(void)rmdir(path); /* somebody else's drop-ins keep it */
	return 0;
}

int hold_release(const struct install *in, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	bool held = false;
	int r = 0;

	if (!install_is_live(in) || access(UNITS, F_OK) < 0)
		return 0;
	r = dir_list(UNITS, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		if (str_ends(names.items[i], ".d"))
			r = let_go(names.items[i], &held, err);
	return r == 0 && held ? unit_reload_manager(in, err) : r;
}
