/* SPDX-License-Identifier: Apache-2.0 */
#include "install.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capsule.h"
#include "cleanup.h"
#include "file.h"
#include "state.h"
#include "topology.h"

int install_init(struct install *in, struct err *err)
{
	struct stat st;
	int r = 0;

	if (!in->root)
		in->root = "/";
	if (stat(in->root, &st) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot use the root '%.200s'", in->root);
	if (!S_ISDIR(st.st_mode) || *in->root != '/')
		return err_set(err, ERR_USAGE,
			       "the root '%.200s' is no absolute path of a directory", in->root);
	r = install_path(in, INSTALL_STATE_DIR, &in->state_dir, err);
	/* A dry run has a place of its own: this one may be another run's at work. */
	if (!r && !in->dry_run)
		r = str_printf(&in->staging, err, "%s/staging", in->state_dir);
	return r;
}

void install_release(struct install *in)
{
	if (in->capsule) {
		capsule_release(in->capsule);
		free(in->capsule);
	}
	topology_free(in->topology);
	index_release(&in->index);
	free(in->state_dir);
	free(in->staging);
	*in = (struct install){ .node = NULL };
}

int install_path(const struct install *in, const char *path, char **ret_path, struct err *err)
{
	if (install_is_live(in))
		return str_dup(ret_path, path, err);
	return str_printf(ret_path, err, "%s%s", in->root, path);
}

bool install_is_live(const struct install *in)
{
	return !strcmp(in->root, "/");
}

int install_step_begin(struct install *in, const char *step, const char *object, struct err *err)
{
	return in->journal ? journal_begin(in->journal, step, object, err) : 0;
}

int install_step_end(struct install *in, const char *step, const char *result, struct err *err)
{
	return in->journal ? journal_end(in->journal, step, result, err) : 0;
}
