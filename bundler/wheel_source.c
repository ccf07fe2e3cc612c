/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel_source.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "file.h"
#include "pip_index.h"
#include "progress.h"
#include "wheel_build.h"
#include "wheel_input.h"

#define WHEEL_SIZE_MAX (512U << 20)
#define DIR_NAME "built"

void wheel_sources_release(struct wheel_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->items[i].file);
		lock_release_sdist(&sources->items[i].sdist);
	}
	free(sources->items);
	free(sources->dir);
}

static int grow(struct wheel_sources *sources, struct wheel_source **ret, struct err *err)
{
	struct wheel_source *items =
		reallocarray(sources->items, sources->count + 1, sizeof(*items));

	if (!items)
		return err_nomem(err);
	sources->items = items;
	*ret = &items[sources->count++];
	**ret = (struct wheel_source){ .file = NULL };
	return 0;
}

/* The digest of a source comes from the index too. */
static int check_source(const struct pip *pip, struct pip_item *item, struct err *err)
{
	const struct pip_report one = { .items = item, .count = 1 };
	CLEANUP(strv_release) struct strv none = STRV_INIT;

	return pip_index_check(pip, &one, &none, err);
}

static const struct lock_wheel *find_known(const struct wheel_sources *sources,
					   const struct pip_item *source)
{
	const struct lock_wheel *wheels = sources->known ? sources->known->wheels.items : NULL;

	if (!wheels || (sources->update && update_names_wheel(sources->update, source->name)))
		return NULL;
	for (size_t i = 0; i < sources->known->wheels.count; i++)
		if (wheels[i].sdist.url && !strcmp(wheels[i].sdist.sha256, source->sha256) &&
		    !strcmp(wheels[i].name, source->name))
			return &wheels[i];
	return NULL;
}

/* *RET_FILE stays NULL when the cache does not have it. */
static int take(const struct wheel_sources *sources, const struct lock_wheel *wheel,
		char **ret_file, struct err *err)
{
	CLEANUP(str_release) struct str data = STR_INIT;
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	int r = cache_open_verified(sources->cache, wheel->sha256, &fd, err);

	if (r < 0 && err->code == ERR_VERIFY) {
		*err = (struct err)ERR_INIT;
		return 0;
	}
	if (r < 0 || fd < 0)
		return r;
	r = fd_read_all(fd, wheel->file, WHEEL_SIZE_MAX, &data, err);
	if (r == 0)
		r = path_join(sources->dir, wheel->file, &path, err);
	if (r == 0)
		r = file_write_atomic(path, 0644, data.buf, data.len, err);
	return r < 0 ? r : str_dup(ret_file, wheel->file, err);
}

static int make(struct wheel_sources *sources, const struct pip_item *source,
		struct wheel_source *made, struct err *err)
{
	int r = 0;

	notice("building a wheel of %s %s, which the index has as source only", source->name,
	       source->version);
	if (!made->sdist.url) {
		r = str_dup(&made->sdist.url, source->url, err);
		if (r == 0)
			r = str_dup(&made->sdist.sha256, source->sha256, err);
	}
	return r < 0 ? r
		     : wheel_build(&sources->pip, sources->cache, sources->platform, source->name,
				   &made->sdist, sources->work, sources->dir, &made->file, err);
}

/* pip's `build`. A source that comes again has a wheel that is not what its name says. */
static int build(void *arg, struct pip_item *source, struct err *err)
{
	struct wheel_sources *sources = arg;
	const struct lock_wheel *known = find_known(sources, source);
	struct wheel_source *made = NULL;
	int r = 0;

	for (size_t i = 0; i < sources->count; i++)
		if (!strcmp(sources->items[i].sdist.sha256, source->sha256))
			return err_set(
				err, ERR_VERIFY,
				"the source of '%s' %s gives '%s', which pip does not take for it",
				source->name, source->version, sources->items[i].file);
	r = check_source(&sources->pip, source, err);
	if (r == 0)
		r = grow(sources, &made, err);
	if (r == 0 && known)
		r = lock_copy_sdist(&known->sdist, &made->sdist, err);
	if (r == 0 && known)
		r = take(sources, known, &made->file, err);
	return r < 0 || made->file ? r : make(sources, source, made, err);
}

int wheel_sources_open(struct wheel_sources *sources, struct pip *pip, struct err *err)
{
	int r = path_join(sources->work, DIR_NAME, &sources->dir, err);

	if (r == 0)
		r = dir_make(sources->dir, 0755, err);
	if (r < 0)
		return r;
	sources->pip = *pip;
	pip->built = sources->dir;
	pip->build = build;
	pip->build_arg = sources;
	return 0;
}

/* pip gives the place of what it found there as file:. */
struct wheel_source *wheel_sources_find(const struct wheel_sources *sources, const char *url)
{
	cleanup_free char *file = NULL;
	struct err ignored = ERR_INIT;
	const char *slash = strrchr(url, '/');
	const size_t len = strlen("/" DIR_NAME);

	if (!str_starts(url, "file:") || (size_t)(slash - url) < len ||
	    memcmp(slash - len, "/" DIR_NAME, len) != 0 || wheel_url_file(url, &file, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < sources->count; i++)
		if (sources->items[i].file && !strcmp(sources->items[i].file, file))
			return &sources->items[i];
	return NULL;
}
