/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "pip.h"
#include "pip_index.h"
#include "progress.h"
#include "wheel_build.h"
#include "wheel_input.h"
#include "wheel_source.h"
#include "wheel_tags.h"
#include "wheel_update.h"
#include "workdir.h"

#define WHEEL_SIZE_MAX (512U << 20)

/* Inside the cache, so that what is made there can be put in place cheaply; what pip needs meanwhile too,
 * which a kill would leave in /tmp for ever. */
static int work_open(const char *cache, struct pip *pip, struct workdir *ret, struct err *err)
{
	cleanup_free char *temporary = NULL;
	int r = dir_make(cache, 0755, err);

	if (r == 0)
		r = workdir_make(ret, cache, ".wheels", err);
	if (r == 0)
		r = path_join(ret->path, "tmp", &temporary, err);
	if (r == 0)
		r = dir_make(temporary, 0700, err);
	return r < 0 ? r : strv_addf(&pip->env, err, "TMPDIR=%s", temporary);
}

static void work_close(struct workdir *work)
{
	struct err ignored = ERR_INIT;

	if (workdir_remove(work, &ignored) < 0)
		warning("%s", ignored.msg);
}

int wheel_sdist_file(const struct lock_wheel *wheel, char **ret_file, struct err *err)
{
	return wheel_url_source(wheel->sdist.url, ret_file, err);
}

/* Borrowed from DEF. */
static struct lock_platform platform_of(const struct definition *def)
{
	return (struct lock_platform){ .id = def->platform.id,
				       .arch = def->platform.arch,
				       .glibc = def->platform.glibc,
				       .python = def->platform.python };
}

/* Puts DIR/FILE into the cache and gives its digest. */
static int keep_file(const char *cache, const char *dir, const char *file,
		     char ret_sha256[SHA256_HEX_SIZE], struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;
	int r = path_join(dir, file, &path, err);

	if (r == 0)
		r = file_read(path, WHEEL_SIZE_MAX, ERR_NETWORK, &data, &size, err);
	return r < 0 ? r : cache_put(cache, data, size, ret_sha256, err);
}

static int add_to_lock(const struct pip_item *item, const struct wheel_sources *sources,
		       const struct lock_platform *platform, struct lock *lock, struct err *err)
{
	struct wheel_source *source = wheel_sources_find(sources, item->url);
	struct lock_wheel *wheel = NULL;
	char sha256[SHA256_HEX_SIZE];
	int r = lock_add_wheel(lock, &wheel, err);

	if (r == 0)
		r = str_dup(&wheel->name, item->name, err);
	if (r == 0)
		r = str_dup(&wheel->version, item->version, err);
	if (r == 0)
		r = wheel_url_file(item->url, &wheel->file, err);
	if (r == 0)
		r = wheel_tags_check_name(wheel->file, wheel->name, err);
	if (r == 0)
		r = wheel_tags_check(wheel->file, platform, err);
	if (r < 0)
		return r;
	if (!source) {
		r = str_dup(&wheel->url, item->url, err);
		return r < 0 ? r : str_dup(&wheel->sha256, item->sha256, err);
	}
	r = keep_file(sources->cache, sources->dir, wheel->file, sha256, err);
	if (r == 0)
		r = str_dup(&wheel->sha256, sha256, err);
	if (r < 0)
		return r;
	wheel->sdist = source->sdist;
	source->sdist = (struct lock_sdist){ .url = NULL };
	return 0;
}

static int copy_text(char **ret, const char *text, struct err *err)
{
	return text ? str_dup(ret, text, err) : 0;
}

static int copy_to_lock(const struct lock_wheel *from, struct lock *lock, struct err *err)
{
	struct lock_wheel *to = NULL;
	int r = lock_add_wheel(lock, &to, err);

	if (r == 0)
		r = str_dup(&to->name, from->name, err);
	if (r == 0)
		r = str_dup(&to->version, from->version, err);
	if (r == 0)
		r = str_dup(&to->file, from->file, err);
	if (r == 0)
		r = copy_text(&to->url, from->url, err);
	if (r == 0)
		r = str_dup(&to->sha256, from->sha256, err);
	return r < 0 ? r : lock_copy_sdist(&from->sdist, &to->sdist, err);
}

int wheel_copy(const struct lock *from, struct lock *lock, struct err *err)
{
	const struct lock_wheel *wheels = from->wheels.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->wheels.count; i++)
		r = copy_to_lock(&wheels[i], lock, err);
	return r;
}

/* Those of REPORT that stay go into LOCK as they were; *RET_OTHERS counts the others. */
static int add_kept(const struct pip_report *report, const struct update *update, struct lock *lock,
		    size_t *ret_others, struct err *err)
{
	int r = 0;

	*ret_others = 0;
	for (size_t i = 0; r == 0 && i < report->count; i++) {
		const struct lock_wheel *kept = wheel_kept(update, &report->items[i]);

		if (kept)
			r = copy_to_lock(kept, lock, err);
		else
			++*ret_others;
	}
	return r;
}

/* pip says that there is nothing; the wheels that it would take here say why. */
static int explain(const struct pip_report *first, const struct definition *def, struct err *err)
{
	const struct lock_platform platform = platform_of(def);

	for (size_t i = 0; err->code == ERR_NETWORK && i < first->count; i++) {
		cleanup_free char *file = NULL;
		struct err why = ERR_INIT;

		if (wheel_url_file(first->items[i].url, &file, &why) == 0 &&
		    wheel_tags_check(file, &platform, &why) < 0)
			err_detail(err, "%s", why.msg);
	}
	return err_prefix(err, "no wheels for the target (python %s, glibc %s)",
			  def->platform.python, def->platform.glibc);
}

/* The versions of FIRST that do not stay, as wheels that the target loads. */
static int report_for_target(const struct pip *pip, const struct definition *def,
			     const struct pip_report *first, const struct update *update,
			     const char *work, struct pip_report *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv target = STRV_INIT;
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	size_t asked = 0;
	int r = pip_target_args(pip, def->platform.glibc, def->platform.arch, &target, err);

	for (size_t i = 0; r == 0 && i < target.count; i++)
		r = strv_add(&args, target.items[i], err);
	if (r == 0)
		r = strv_addf(&args, err, "--target=%s/target", work);
	for (size_t i = 0; r == 0 && i < first->count; i++) {
		if (wheel_kept(update, &first->items[i]))
			continue;
		asked++;
		r = strv_addf(&args, err, "%s==%s", first->items[i].name, first->items[i].version);
	}
	if (r == 0 && asked < first->count)
		r = strv_add(&args, "--no-deps", err);
	if (r == 0)
		r = pip_report(pip, &args, work, ret, err);
	if (r < 0)
		return explain(first, def, err);
	return pip_index_check(pip, ret, &target, err);
}

static int open_pip(const struct definition *def, const char *cache, struct pip *ret,
		    struct workdir *ret_work, struct err *err)
{
	int r = definition_need(def, "platform: python", def->platform.python, err);

	if (r == 0)
		r = definition_need(def, "platform: glibc", def->platform.glibc, err);
	if (r == 0)
		r = pip_open(def->platform.python, ret, err);
	return r < 0 ? r : work_open(cache, ret, ret_work, err);
}

int wheel_versions(const struct definition *def, const char *cache, const struct lock *known,
		   struct pip_report *ret, struct err *err)
{
	const struct lock_platform platform = platform_of(def);
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	CLEANUP(work_close) struct workdir work = WORKDIR_INIT;
	CLEANUP(wheel_sources_release)
	struct wheel_sources sources = { .platform = &platform, .known = known, .cache = cache };
	int r = 0;

	if (def->wheels.requirements.count == 0)
		return 0;
	r = open_pip(def, cache, &pip, &work, err);
	sources.work = work.path;
	if (r == 0)
		r = wheel_sources_open(&sources, &pip, err);
	return r < 0 ? r : wheel_choose(&pip, def, NULL, work.path, ret, err);
}

int wheel_resolve(const struct definition *def, const char *cache, const struct update *update,
		  struct lock *lock, struct err *err)
{
	const struct lock_platform platform = platform_of(def);
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	CLEANUP(pip_report_release) struct pip_report first = { .items = NULL };
	CLEANUP(pip_report_release) struct pip_report final = { .items = NULL };
	CLEANUP(work_close) struct workdir work = WORKDIR_INIT;
	CLEANUP(wheel_sources_release)
	struct wheel_sources sources = { .platform = &platform,
					 .known = update && update->names->count ? update->base
										 : NULL,
					 .update = update,
					 .cache = cache };
	size_t others = 0;
	int r = 0;

	if (def->wheels.requirements.count == 0)
		return 0;
	r = open_pip(def, cache, &pip, &work, err);
	sources.work = work.path;
	if (r == 0)
		notice("asking pip for wheels: %zu requirement%s", def->wheels.requirements.count,
		       str_s(def->wheels.requirements.count));
	if (r == 0)
		r = wheel_sources_open(&sources, &pip, err);
	if (r == 0)
		r = wheel_choose(&pip, def, update, work.path, &first, err);
	if (r == 0)
		r = add_kept(&first, update, lock, &others, err);
	if (r == 0 && others)
		r = report_for_target(&pip, def, &first, update, work.path, &final, err);
	for (size_t i = 0; r == 0 && i < final.count; i++)
		r = add_to_lock(&final.items[i], &sources, &platform, lock, err);
	return r;
}

/* One pip for all of WANTS that have a URL: by name and digest from pip's own index or, not BY_NAME,
 * from where the lock says. */
static int download(const struct pip *pip, const struct lock_platform *platform, const char *work,
		    const struct wheel_want *wants, size_t count, bool by_name, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	int r = path_join(work, "requirements.txt", &path, err);

	for (size_t i = 0; i < count; i++) {
		const struct lock_wheel *w = wants[i].wheel;

		if (w->url)
			str_addf(&text, "%s%s%s --hash=sha256:%s\n", w->name,
				 by_name ? "==" : " @ ", by_name ? w->version : w->url, w->sha256);
	}
	if (r < 0 || !text.len)
		return r < 0 ? r : str_check(&text, err);
	r = str_check(&text, err);
	if (r == 0)
		r = file_write_atomic(path, 0644, text.buf, text.len, err);
	if (r == 0)
		r = strv_add(&args, "download", err);
	if (r == 0)
		r = strv_add(&args, "--no-deps", err);
	if (r == 0)
		r = strv_addf(&args, err, "--dest=%s", work);
	if (r == 0)
		r = strv_add(&args, "--require-hashes", err);
	if (r == 0)
		r = strv_addf(&args, err, "--requirement=%s", path);
	if (r == 0)
		r = pip_target_args(pip, platform->glibc, platform->arch, &args, err);
	return r < 0 ? r : pip_run(pip, &args, err);
}

/* Downloads WANTS into WORK and builds those that have no URL. */
static int bring_missing(const struct lock *lock, const struct pip *pip, const char *cache,
			 const char *work, const struct wheel_want *wants, size_t count,
			 struct err *err)
{
	int r = download(pip, &lock->platform, work, wants, count, true, err);

	/* The lock was made with another index, and this one does not have them all. */
	if (r < 0 && err->code == ERR_NETWORK) {
		*err = (struct err)ERR_INIT;
		r = download(pip, &lock->platform, work, wants, count, false, err);
	}
	if (r < 0 && err->code == ERR_NETWORK)
		return err_prefix(err, "pip cannot fetch the lock's wheels");
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct lock_wheel *w = wants[i].wheel;
		CLEANUP(lock_release_sdist) struct lock_sdist sdist = { .url = NULL };
		cleanup_free char *file = NULL;

		if (w->url)
			continue;
		r = lock_copy_sdist(&w->sdist, &sdist, err);
		if (r == 0)
			r = wheel_build(pip, cache, &lock->platform, w->name, &sdist, work, work,
					&file, err);
	}
	return r;
}

static int put_in_place(const struct wheel_want *want, const char *work, struct err *err)
{
	const struct lock_wheel *w = want->wheel;
	cleanup_free char *path = NULL;
	char hex[SHA256_HEX_SIZE];
	int r = path_join(work, w->file, &path, err);

	if (r == 0)
		r = sha256_file(path, hex, NULL, err);
	if (r < 0)
		return r;
	if (strcmp(hex, w->sha256) != 0)
		return err_set(err, ERR_VERIFY,
			       "wheel '%s' has SHA-256 %s, the lock wants %s: if it was built from "
			       "source, resolve again on this host, or copy the cache of the one "
			       "that did",
			       w->file, hex, w->sha256);
	if (rename(path, want->dest) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot put '%s' in place", want->dest);
	return 0;
}

int wheel_fetch(const struct lock *lock, const char *cache, const struct wheel_want *wants,
		size_t count, struct err *err)
{
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	CLEANUP(work_close) struct workdir work = WORKDIR_INIT;
	int r = 0;

	if (count == 0)
		return 0;
	if (!lock->platform.python || !lock->platform.glibc)
		return err_set(err, ERR_CONFIG,
			       "the lock has wheels, but its platform "
			       "lacks 'python' or 'glibc'");
	notice("fetching %zu wheel%s", count, str_s(count));
	r = pip_open(lock->platform.python, &pip, err);
	if (r == 0)
		r = work_open(cache, &pip, &work, err);
	if (r == 0)
		r = bring_missing(lock, &pip, cache, work.path, wants, count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = put_in_place(&wants[i], work.path, err);
	return r;
}

int wheel_requirements(const struct lock *lock, char **ret_text, struct err *err)
{
	const struct lock_wheel *wheels = lock->wheels.items;
	CLEANUP(str_release) struct str text = STR_INIT;

	for (size_t i = 0; i < lock->wheels.count; i++)
		str_addf(&text, "%s==%s --hash=sha256:%s\n", wheels[i].name, wheels[i].version,
			 wheels[i].sha256);
	return str_done(&text, ret_text, err);
}
