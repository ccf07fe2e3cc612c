/* SPDX-License-Identifier: Apache-2.0 */
/* The merging of modulemd-defaults documents, as libmodulemd's index merger does it for dnf. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "modules_private.h"

static const char **find_profiles(const struct module_defaults *d, const char *stream)
{
	for (size_t i = 0; i < d->profile_count; i += 2)
		if (!strcmp(d->profiles[i], stream))
			return &d->profiles[i];
	return NULL;
}

static int add_profiles(struct module_defaults *d, const char *stream, const char *profiles,
			struct err *err)
{
	const char **grown = realloc(d->profiles, (d->profile_count + 2) * sizeof(*d->profiles));

	if (!grown)
		return err_nomem(err);
	d->profiles = grown;
	grown[d->profile_count++] = stream;
	grown[d->profile_count++] = profiles;
	return 0;
}

/* *RET_CONFLICT is set where FROM, as new as INTO, has other profiles for a stream. */
static int merge_profiles(struct module_defaults *into, const struct block *block,
			  const struct block_default *from, bool *ret_conflict, struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < from->profiles.count; i += 2) {
		const char *stream = block_word(block, from->profiles.first + i);
		const char *profiles = block_word(block, from->profiles.first + i + 1);
		const char **pair = find_profiles(into, stream);

		if (!pair)
			r = add_profiles(into, stream, profiles, err);
		else if (strcmp(pair[1], profiles) != 0 && from->modified > into->modified)
			pair[1] = profiles;
		else if (strcmp(pair[1], profiles) != 0 && from->modified == into->modified)
			*ret_conflict = true;
	}
	return r;
}

static void merge_stream(struct module_defaults *into, const char *stream, uint64_t modified)
{
	/* A conflict stays one, whatever comes after it. */
	if (!*stream || into->conflict)
		return;
	if (!into->stream) {
		into->stream = stream;
	} else if (strcmp(into->stream, stream) != 0) {
		if (modified > into->modified)
			into->stream = stream;
		else if (modified == into->modified)
			into->conflict = true;
	}
}

static int merge(struct module_defaults *into, const struct modules *m, size_t repo,
		 const struct block_default *from, bool *ret_conflict, struct err *err)
{
	const struct block *block = &m->repos[repo].block;
	int r = 0;

	merge_stream(into, block_string(block, from->stream), from->modified);
	r = merge_profiles(into, block, from, ret_conflict, err);
	if (!into->known || from->modified > into->modified)
		into->modified = from->modified;
	into->known = true;
	into->repo_index = repo;
	return r;
}

static void forget_all(struct modules *m)
{
	for (size_t i = 0; i < m->module_count; i++) {
		free(m->modules[i].defaults.profiles);
		m->modules[i].defaults = (struct module_defaults){ .known = false };
	}
}

int modules_merge_defaults(struct modules *m, struct strv *warnings, struct err *err)
{
	bool conflict = false;
	int r = 0;

	for (size_t i = 0; i < m->repo_count; i++) {
		const struct block *block = &m->repos[i].block;

		/* Within one repository the last document of a module is the one that counts. */
		for (uint32_t k = block->counts[BLOCK_DEFAULTS]; k-- > 0;) {
			const struct block_default from = block_default(block, k);
			const char *name = block_string(block, from.module);
			struct module *module = modules_find(m, name);

			if (!module || (module->defaults.known && module->defaults.repo_index == i))
				continue;
			r = merge(&module->defaults, m, i, &from, &conflict, err);
			if (r < 0)
				return r;
			if (!conflict)
				continue;
			/* libmodulemd gives up, and dnf goes on without any default. */
			forget_all(m);
			return strv_addf(warnings, err,
					 "repository '%s': its defaults of module '%s' have other "
					 "profiles than another repository's: no module has a "
					 "default stream, as with dnf",
					 m->repos[i].name, name);
		}
	}
	for (size_t i = 0; i < m->module_count; i++) {
		struct module_defaults *d = &m->modules[i].defaults;

		if (!d->conflict)
			continue;
		d->stream = NULL;
		r = strv_addf(warnings, err,
			      "module '%s' has no default stream: repositories name different ones",
			      m->modules[i].name);
		if (r < 0)
			return r;
	}
	return 0;
}
