/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capsule.h"
#include "cleanup.h"
#include "file.h"
#include "topology.h"

static int settings_path(const struct install *in, uint64_t sequence, char **ret, struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = state_kept_path(in, sequence, &dir, err);

	return r < 0 ? r : path_join(dir, KEPT_SETTINGS, ret, err);
}

static int format_settings(const struct setup *setup, struct str *ret, struct err *err)
{
	CLEANUP(capsule_release) struct capsule capsule = CAPSULE_INIT;
	int r = capsule_set_names(&capsule, setup->in->index.cluster, setup->in->node, err);

	for (size_t i = 0; r == 0 && i < setup->env->count; i++) {
		const struct context_variable *v = &setup->env->items[i];

		if (!v->secret)
			r = capsule_add_env(&capsule, v->name, v->value, err);
	}
	return r < 0 ? r : capsule_format(&capsule, ret, err);
}

static bool is_same(const char *path, const struct str *text)
{
	struct err ignored = ERR_INIT; /* what cannot be read is written again */
	cleanup_free char *old = NULL;
	size_t len = 0;

	return access(path, F_OK) == 0 &&
	       file_read(path, 0, ERR_FAILED, &old, &len, &ignored) == 0 && len == text->len &&
	       !memcmp(old, text->buf, len);
}

int kept_save_settings(const struct setup *setup, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	int r = settings_path(setup->in, setup->in->index.sequence, &path, err);

	if (r == 0)
		r = format_settings(setup, &text, err);
	if (r < 0 || is_same(path, &text))
		return r;
	return file_write_atomic(path, 0600, text.buf, text.len, err);
}

static int read_index(struct install *in, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = path_join(in->staging, INDEX_NAME, &path, err);

	if (r == 0)
		r = file_read(path, 0, ERR_FAILED, &text, &len, err);
	return r < 0 ? r : index_parse(path, text, len, &in->index, err);
}

static int read_settings(struct install *in, uint64_t sequence, struct err *err)
{
	struct capsule capsule = CAPSULE_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = settings_path(in, sequence, &path, err);

	if (r == 0 && access(path, F_OK) < 0)
		return err_set(err, ERR_FAILED,
			       "an earlier pgha-install has kept no settings of the bundle: "
			       "install it again");
	if (r == 0)
		r = file_read(path, 0, ERR_FAILED, &text, &len, err);
	if (r == 0)
		r = capsule_parse(path, text, len, &capsule, err);
	if (r < 0)
		return r;
	in->capsule = malloc(sizeof(*in->capsule));
	if (!in->capsule) {
		capsule_release(&capsule);
		return err_nomem(err);
	}
	*in->capsule = capsule;
	return 0;
}

int kept_load(struct install *in, uint64_t sequence, struct err *err)
{
	cleanup_free char *topology = NULL;
	int r = path_join(in->staging, "manifests/topology.yaml", &topology, err);

	if (r == 0)
		r = topology_load(topology, NULL, &in->topology, err);
	return r < 0 ? r : read_settings(in, sequence, err);
}

int kept_open(struct install *in, struct state_committed *ret, struct err *err)
{
	int r = state_committed_load(in, ret, err);

	if (r == 0 && !ret->sequence)
		return err_set(err, ERR_USAGE,
			       "nothing is installed here: '%s' knows of no bundle that was "
			       "installed to its end",
			       in->state_dir);
	in->node = ret->node;
	cleanup_freep(&in->staging);
	if (r == 0)
		r = state_kept_path(in, ret->sequence, &in->staging, err);
	if (r == 0)
		r = read_index(in, err);
	return r < 0 ? r : kept_load(in, ret->sequence, err);
}
