/* SPDX-License-Identifier: Apache-2.0 */
#include "repodata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "proc.h"
#include "tar.h"

#define TIMEOUT_MS (30 * 60 * 1000U)
#define ROOM_MIN (64U << 10)  /* bytes: with less, a failure is for want of room */
#define TIMESTAMP "315532800" /* TAR_MTIME */

/*
 * createrepo_c wants to see the RPMs under their names: links to the cache do. It writes their times
 * into primary.xml, so the times are fixed, for two builds of one lock to give the same metadata.
 */
int repodata_link(const char *dir, const char *file, const char *cached, struct err *err)
{
	const struct timespec times[2] = { { .tv_sec = TAR_MTIME }, { .tv_sec = TAR_MTIME } };
	cleanup_free char *target = realpath(cached, NULL);
	cleanup_free char *link = NULL;
	struct stat st;
	int r = path_join(dir, file, &link, err);

	if (r < 0)
		return r;
	/* fetch has set them already: touched again, the file would count as changed. */
	if (!target || stat(target, &st) < 0 ||
	    ((st.st_mtim.tv_sec != TAR_MTIME || st.st_mtim.tv_nsec != 0) &&
	     utimensat(AT_FDCWD, target, times, 0) < 0))
		return err_errno(err, ERR_FAILED, errno, "cannot use '%s' of the cache", cached);
	if (symlink(target, link) < 0 && errno == EEXIST)
		return err_set(err, ERR_CONFIG, "two packages of the lock are called '%s'", file);
	if (access(link, R_OK) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot link '%s'", link);
	return 0;
}

/* Its own words for a full disk differ from one call to the next. */
static int run(const char *repo, const char *const *argv, struct err *err)
{
	const struct proc proc = { .argv = argv, .timeout_ms = TIMEOUT_MS, .dies_with_us = true };
	int r = proc_check(&proc, NULL, err);
	struct statvfs fs;

	if (r < 0 && err->code == ERR_INTERRUPTED)
		return r;
	if (r < 0 && statvfs(repo, &fs) == 0 && fs.f_bavail * fs.f_frsize < ROOM_MIN)
		return err_errno(err, ERR_HOST, ENOSPC,
				 "cannot index the bundle's repository in '%s'", repo);
	return r < 0 ? err_prefix(err, "cannot index the bundle's repository (is createrepo_c "
				       "installed?)")
		     : 0;
}

#define CREATEREPO                                                                \
	"createrepo_c", "--quiet", "--no-database", "--general-compress-type=gz", \
		"--checksum=sha256", "--revision", TIMESTAMP, "--set-timestamp-to-revision"

/* FILE of WORK becomes metadata of that type. */
static int add_metadata(const char *work, const char *file, const char *type, const char *repodata,
			const struct str *text, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *mdtype = NULL;
	int r = path_join(work, file, &path, err);

	if (r == 0)
		r = str_printf(&mdtype, err, "--mdtype=%s", type);
	if (r == 0)
		r = file_write_atomic(path, 0600, text->buf, text->len, err);
	if (r < 0)
		return r;
	return run(repodata,
		   (const char *const[]){ "modifyrepo_c", mdtype, "--compress-type=gz",
					  "--checksum=sha256", path, repodata, NULL },
		   err);
}

static int add_updateinfo(const char *work, const char *repodata, const struct str *updates,
			  struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	int r = 0;

	str_add(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates>\n");
	str_add_len(&text, updates->buf, updates->len);
	str_add(&text, "</updates>\n");
	r = str_check(&text, err);
	return r < 0 ? r : add_metadata(work, "updateinfo.xml", "updateinfo", repodata, &text, err);
}

/* Into an empty repository, which the packages come to afterwards: modifyrepo_c gives what it adds the time
 * of the day, createrepo_c the revision's. */
static int begin(const char *work, const char *repo, const char *repodata,
		 const struct published *published, struct err *err)
{
	cleanup_free char *none = NULL;
	int r = path_join(work, "none", &none, err);

	if (r == 0)
		r = file_write_atomic(none, 0600, "", 0, err);
	if (r == 0)
		r = run(repo, (const char *const[]){ CREATEREPO, "--pkglist", none, repo, NULL },
			err);
	if (r == 0 && published->updateinfo.len)
		r = add_updateinfo(work, repodata, &published->updateinfo, err);
	if (r == 0 && published->modules.len)
		r = add_metadata(work, "modules.yaml", "modules", repodata, &published->modules,
				 err);
	return r;
}

/* The packages of REPO as createrepo_c reads them from RET_PATH. */
static int list_packages(const char *work, const char *repo, char **ret_path, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *packages = NULL;
	cleanup_free char *path = NULL;
	int r = path_join(repo, "Packages", &packages, err);

	if (r == 0)
		r = path_join(work, "packages", &path, err);
	if (r == 0)
		r = dir_list(packages, &names, err);
	for (size_t i = 0; i < names.count; i++)
		str_addf(&text, "Packages/%s\n", names.items[i]);
	if (r == 0)
		r = str_check(&text, err);
	if (r == 0)
		r = file_write_atomic(path, 0600, text.len ? text.buf : "", text.len, err);
	if (r == 0)
		*ret_path = steal_ptr(&path);
	return r;
}

/* The RPM of LOCK that createrepo_c keeps NAME for, "FILE-…"; or NULL. */
static const struct lock_rpm *kept_for(const struct lock *lock, const char *name)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++) {
		const char *file = path_basename(rpms[i].path);

		if (str_starts(name, file) && name[strlen(file)] == '-')
			return &rpms[i];
	}
	return NULL;
}

/*
 * createrepo_c knows a package again by its header, size and time. One that was signed anew has all three the
 * same and is another file: what KNOWN says of it is thrown away.
 */
static int forget_others(const char *known, const struct lock *lock, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	int r = dir_list(known, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		const struct lock_rpm *rpm = kept_for(lock, names.items[i]);
		cleanup_free char *path = NULL;
		cleanup_free char *text = NULL;
		struct err ignored = ERR_INIT;

		if (!rpm)
			continue;
		r = path_join(known, names.items[i], &path, err);
		if (r == 0 && file_read(path, 0, ERR_FAILED, &text, NULL, &ignored) == 0 &&
		    str_starts(text, rpm->sha256))
			continue;
		if (r == 0 && unlink(path) < 0 && errno != ENOENT)
			r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
	}
	return r;
}

/*
 * Packages come by a list: when createrepo_c looks for them by itself, it comes upon modules.yaml in repodata/ too,
 * and newer ones (1.2 was seen) write it anew in libmodulemd's words.
 */
int repodata_make(const char *repo, const char *cache, const struct lock *lock,
		  const struct published *published, struct err *err)
{
	cleanup_free char *work = NULL;
	cleanup_free char *repodata = NULL;
	cleanup_free char *known = NULL;
	cleanup_free char *absolute = NULL;
	cleanup_free char *packages = NULL;
	int r = str_printf(&work, err, "%s.work", repo);

	if (r == 0)
		r = dir_make(work, 0700, err);
	if (r == 0)
		r = path_join(repo, "repodata", &repodata, err);
	if (r == 0)
		r = str_printf(&known, err, "%s/createrepo", cache);
	if (r == 0)
		r = dir_make(known, 0755, err);
	if (r == 0)
		r = forget_others(known, lock, err);
	if (r == 0 && (published->updateinfo.len || published->modules.len))
		r = begin(work, repo, repodata, published, err);
	if (r == 0)
		r = list_packages(work, repo, &packages, err);
	if (r < 0)
		return r;
	/* A relative one would be the repository's. */
	absolute = realpath(known, NULL);
	if (!absolute)
		return err_errno(err, ERR_FAILED, errno, "cannot use '%s'", known);
	return run(repo,
		   (const char *const[]){ CREATEREPO, "--update", "--keep-all-metadata",
					  "--cachedir", absolute, "--pkglist", packages, repo,
					  NULL },
		   err);
}
