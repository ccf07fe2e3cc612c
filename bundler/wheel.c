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
#include "progress.h"
#include "wheel_update.h"
#include "workdir.h"

#define WHEEL_SIZE_MAX (512U << 20)

/* Inside the cache, so that what is made there can be put in place cheaply. */
static int work_open(const char *cache, struct workdir *ret, struct err *err)
{
	int r = dir_make(cache, 0755, err);

	return r < 0 ? r : workdir_make(ret, cache, ".wheels", err);
}

static void work_close(struct workdir *work)
{
	struct err ignored = ERR_INIT;

	if (workdir_remove(work, &ignored) < 0)
		warning("%s", ignored.msg);
}

/* The last component of a URL, without query and fragment; percent-encoding of '+' and '!' undone. */
static int url_file(const char *url, char **ret_file, struct err *err)
{
	size_t len = strcspn(url, "?#");
	const char *end = url + len;
	const char *start = end;
	CLEANUP(str_release) struct str file = STR_INIT;

	while (start > url && start[-1] != '/')
		start--;
	for (const char *p = start; p < end; p++) {
		unsigned char c = 0;
		char hex[3] = { 0 };

		if (*p != '%' || end - p < 3) {
			str_addc(&file, *p);
			continue;
		}
		memcpy(hex, p + 1, 2);
		if (!hex_decode(&c, 1, hex))
			return err_set(err, ERR_VERIFY, "'%.200s' is no URL", url);
		str_addc(&file, (char)c);
		p += 2;
	}
	return str_done(&file, ret_file, err);
}

/* A wheel's file name comes from the index: one component of harmless characters (PEP 427). */
static int wheel_file(const char *url, char **ret_file, struct err *err)
{
	cleanup_free char *file = NULL;
	int r = url_file(url, &file, err);

	if (r < 0)
		return r;
	if (!str_is_word(file, "._-+!") || file[0] == '.' || !str_ends(file, ".whl"))
		return err_set(err, ERR_VERIFY, "'%.200s' names no wheel", url);
	*ret_file = steal_ptr(&file);
	return 0;
}

int wheel_sdist_file(const struct lock_wheel *wheel, char **ret_file, struct err *err)
{
	cleanup_free char *file = NULL;
	int r = url_file(wheel->sdist.url, &file, err);

	if (r < 0)
		return r;
	if (!str_is_word(file, "._-+!") || file[0] == '.')
		return err_set(err, ERR_VERIFY, "'%.200s' names no source archive",
			       wheel->sdist.url);
	*ret_file = steal_ptr(&file);
	return 0;
}

static bool is_wheel(const char *url)
{
	struct err ignored = ERR_INIT;
	cleanup_free char *file = NULL;

	return wheel_file(url, &file, &ignored) == 0;
}

/* pip wheel of exactly this source archive into DIR. */
static int build_sdist(const struct pip *pip, const char *url, const char *sha256, const char *dir,
		       struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	int r = strv_add(&args, "wheel", err);

	if (r == 0)
		r = strv_add(&args, "--no-deps", err);
	/* pip would hand out a wheel that it built another day. */
	if (r == 0)
		r = strv_add(&args, "--no-cache-dir", err);
	if (r == 0)
		r = strv_addf(&args, err, "--wheel-dir=%s", dir);
	if (r == 0)
		r = strv_addf(&args, err, "%s#sha256=%s", url, sha256);
	if (r == 0)
		r = pip_run(pip, &args, err);
	return r < 0 ? err_prefix(err, "cannot build a wheel from '%.200s'", url) : 0;
}

/* A wheel whose second build differs could be fetched by nobody else: its digest is the lock's. */
static int compare_builds(const char *first, const char *second, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	int r = dir_list(second, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *a = NULL;
		cleanup_free char *b = NULL;
		char hex_a[SHA256_HEX_SIZE], hex_b[SHA256_HEX_SIZE];

		if (path_join(first, names.items[i], &a, err) < 0 ||
		    path_join(second, names.items[i], &b, err) < 0 ||
		    sha256_file(a, hex_a, NULL, err) < 0 || sha256_file(b, hex_b, NULL, err) < 0)
			return -(int)err->code;
		if (strcmp(hex_a, hex_b) != 0)
			return err_set(err, ERR_VERIFY,
				       "two builds of '%s' differ, so that a lock cannot name it: "
				       "put a wheel of it into your index",
				       names.items[i]);
	}
	return r;
}

/* Builds into DIR, and once more into DIR.again to see that the result is the same. */
static int build_sdists(const struct pip *pip, const struct pip_report *report,
			const struct update *update, const char *dir, struct err *err)
{
	cleanup_free char *again = NULL;
	int r = str_printf(&again, err, "%s.again", dir);

	if (r == 0)
		r = dir_make(again, 0755, err);
	for (size_t i = 0; r == 0 && i < report->count; i++) {
		const struct pip_item *item = &report->items[i];

		if (is_wheel(item->url) || wheel_kept(update, item))
			continue;
		notice("building a wheel of %s %s, which the index has as source only", item->name,
		       item->version);
		r = build_sdist(pip, item->url, item->sha256, dir, err);
		if (r == 0)
			r = build_sdist(pip, item->url, item->sha256, again, err);
	}
	return r < 0 ? r : compare_builds(dir, again, err);
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

static const struct pip_item *find_item(const struct pip_report *report, const char *name)
{
	for (size_t i = 0; i < report->count; i++)
		if (!strcmp(report->items[i].name, name))
			return &report->items[i];
	return NULL;
}

static int add_to_lock(const struct pip_item *item, const struct pip_item *source,
		       const char *cache, const char *built, struct lock *lock, struct err *err)
{
	struct lock_wheel *wheel = NULL;
	char sha256[SHA256_HEX_SIZE];
	bool from_source = source && !is_wheel(source->url);
	int r = lock_add_wheel(lock, &wheel, err);

	if (r == 0)
		r = str_dup(&wheel->name, item->name, err);
	if (r == 0)
		r = str_dup(&wheel->version, item->version, err);
	if (r == 0)
		r = wheel_file(item->url, &wheel->file, err);
	if (r < 0)
		return r;
	if (!from_source) {
		r = str_dup(&wheel->url, item->url, err);
		return r < 0 ? r : str_dup(&wheel->sha256, item->sha256, err);
	}
	r = keep_file(cache, built, wheel->file, sha256, err);
	if (r == 0)
		r = str_dup(&wheel->sha256, sha256, err);
	if (r == 0)
		r = str_dup(&wheel->sdist.url, source->url, err);
	return r < 0 ? r : str_dup(&wheel->sdist.sha256, source->sha256, err);
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
	if (r == 0)
		r = copy_text(&to->sdist.url, from->sdist.url, err);
	return r < 0 ? r : copy_text(&to->sdist.sha256, from->sdist.sha256, err);
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

/* The versions of FIRST that do not stay, as wheels that the target loads. */
static int report_for_target(const struct pip *pip, const struct definition *def,
			     const struct pip_report *first, const struct update *update,
			     const char *work, const char *built, struct pip_report *ret,
			     struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	size_t asked = 0;
	int r = pip_target_args(pip, def->platform.glibc, def->platform.arch, &args, err);

	if (r == 0)
		r = strv_addf(&args, err, "--target=%s/target", work);
	if (r == 0)
		r = strv_addf(&args, err, "--find-links=%s", built);
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
	return r < 0 ? err_prefix(err, "no wheels for the target (python %s, glibc %s)",
				  def->platform.python, def->platform.glibc)
		     : 0;
}

static int open_pip(const struct definition *def, const char *cache, struct pip *ret,
		    struct workdir *ret_work, struct err *err)
{
	int r = definition_need(def, "platform: python", def->platform.python, err);

	if (r == 0)
		r = definition_need(def, "platform: glibc", def->platform.glibc, err);
	if (r == 0)
		r = pip_open(def->platform.python, ret, err);
	return r < 0 ? r : work_open(cache, ret_work, err);
}

int wheel_versions(const struct definition *def, const char *cache, struct pip_report *ret,
		   struct err *err)
{
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	CLEANUP(work_close) struct workdir work = WORKDIR_INIT;
	int r = 0;

	if (def->wheels.requirements.count == 0)
		return 0;
	r = open_pip(def, cache, &pip, &work, err);
	return r < 0 ? r : wheel_choose(&pip, def, NULL, work.path, ret, err);
}

int wheel_resolve(const struct definition *def, const char *cache, const struct update *update,
		  struct lock *lock, struct err *err)
{
	CLEANUP(pip_release) struct pip pip = PIP_INIT;
	CLEANUP(pip_report_release) struct pip_report first = { .items = NULL };
	CLEANUP(pip_report_release) struct pip_report final = { .items = NULL };
	CLEANUP(work_close) struct workdir work = WORKDIR_INIT;
	cleanup_free char *built = NULL;
	size_t others = 0;
	int r = 0;

	if (def->wheels.requirements.count == 0)
		return 0;
	r = open_pip(def, cache, &pip, &work, err);
	if (r == 0)
		r = path_join(work.path, "built", &built, err);
	if (r == 0)
		r = dir_make(built, 0755, err);
	if (r == 0)
		r = wheel_choose(&pip, def, update, work.path, &first, err);
	if (r == 0)
		r = add_kept(&first, update, lock, &others, err);
	if (r == 0)
		r = build_sdists(&pip, &first, update, built, err);
	if (r == 0 && others)
		r = report_for_target(&pip, def, &first, update, work.path, built, &final, err);
	for (size_t i = 0; r == 0 && i < final.count; i++)
		r = add_to_lock(&final.items[i], find_item(&first, final.items[i].name), cache,
				built, lock, err);
	return r;
}

/* Downloads WANTS into WORK, one pip for all, and builds those that have no URL. */
static int bring_missing(const struct lock *lock, const struct pip *pip, const char *work,
			 const struct wheel_want *wants, size_t count, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	bool download = false;
	int r = strv_add(&args, "download", err);

	if (r == 0)
		r = strv_add(&args, "--no-deps", err);
	if (r == 0)
		r = strv_addf(&args, err, "--dest=%s", work);
	if (r == 0)
		r = pip_target_args(pip, lock->platform.glibc, lock->platform.arch, &args, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct lock_wheel *w = wants[i].wheel;

		if (!w->url) {
			r = build_sdist(pip, w->sdist.url, w->sdist.sha256, work, err);
			continue;
		}
		download = true;
		r = strv_addf(&args, err, "%s#sha256=%s", w->url, w->sha256);
	}
	if (r == 0 && download)
		r = pip_run(pip, &args, err);
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
	notice("fetching %zu wheels", count);
	r = pip_open(lock->platform.python, &pip, err);
	if (r == 0)
		r = work_open(cache, &work, err);
	if (r == 0)
		r = bring_missing(lock, &pip, work.path, wants, count, err);
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
