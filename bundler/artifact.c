/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "clock.h"
#include "digest_pool.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"
#include "tar.h"

/* What librpm said of a package. */
struct vetting {
	struct rpmsig_info info;
	struct err why; /* it is refused; code 0: it is not */
};

static void vetting_free(struct vetting *vetting)
{
	if (vetting)
		rpmsig_info_release(&vetting->info);
	free(vetting);
}

void artifacts_release(struct artifacts *artifacts)
{
	for (size_t i = 0; i < artifacts->count; i++) {
		rpmsig_payload_free(artifacts->items[i].payload);
		vetting_free(artifacts->items[i].vetting);
		free(artifacts->items[i].path);
		free(artifacts->items[i].incoming);
	}
	free(artifacts->items);
	*artifacts = (struct artifacts)ARTIFACTS_INIT;
}

static int add(struct artifacts *a, const struct artifact *what, const char *cache, struct err *err)
{
	struct artifact *item = &a->items[a->count++];

	*item = *what;
	if (cache_path(cache, item->sha256, &item->path, err) < 0)
		return -err->code;
	return str_printf(&item->incoming, err, "%s/incoming/%s", cache, item->sha256);
}

static int cmp_digests(const void *a, const void *b)
{
	return strcmp((*(const struct artifact *const *)a)->sha256,
		      (*(const struct artifact *const *)b)->sha256);
}

/* One file cannot be two packages: its header says which one it is. */
static int check_distinct(const struct artifacts *a, struct err *err)
{
	cleanup_free const struct artifact **sorted =
		calloc(a->count + 1, sizeof(const struct artifact *));

	if (!sorted)
		return err_nomem(err);
	for (size_t i = 0; i < a->count; i++)
		sorted[i] = &a->items[i];
	qsort(sorted, a->count, sizeof(*sorted), cmp_digests);
	for (size_t i = 1; i < a->count; i++)
		if (!cmp_digests(&sorted[i - 1], &sorted[i]))
			return err_set(err, ERR_CONFIG,
				       "the lock gives '%s' and '%s' the same SHA-256, so one of "
				       "them is wrong: resolve again",
				       sorted[i - 1]->name, sorted[i]->name);
	return 0;
}

int artifacts_list(const struct lock *lock, const char *cache, struct artifacts *ret,
		   struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	const struct lock_rpm *rpms = lock->rpms.items;
	const struct lock_wheel *wheels = lock->wheels.items;
	int r = 0;

	ret->items = calloc(lock->rpms.count + lock->wheels.count + 1, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++)
		r = add(ret,
			&(struct artifact){
				.rpm = &rpms[i],
				.name = rpms[i].nevra,
				.file = path_basename(rpms[i].path),
				.sha256 = rpms[i].sha256,
				.size_bytes = rpms[i].size_bytes,
				.repo = (size_t)(lock_find_repo(lock, rpms[i].repo) - repos) },
			cache, err);
	for (size_t i = 0; r == 0 && i < lock->wheels.count; i++)
		r = add(ret,
			&(struct artifact){ .wheel = &wheels[i],
					    .name = wheels[i].file,
					    .file = wheels[i].file,
					    .sha256 = wheels[i].sha256 },
			cache, err);
	return r < 0 ? r : check_distinct(ret, err);
}

/* -- what was checked before -- */

static void note_expiry(const struct artifact *a, const char *signer, time_t expires)
{
	if (expires && clock_now() >= expires)
		notice("%s: signed before key %s expired", a->name, signer);
}

/* What was found then must be what would be wanted now. */
static bool is_known(struct artifact *a, const struct keyrings *k, struct checked *checked,
		     const struct stat *st)
{
	const struct checked_file *f = checked ? checked_find(checked, a->sha256, st) : NULL;

	if (!f)
		return false;
	if (a->wheel)
		return true;
	if (strcmp(f->keys, k->items[a->repo].digest) != 0 || strcmp(f->nevra, a->name) != 0)
		return false;
	memcpy(a->signer, f->signer, sizeof(a->signer));
	note_expiry(a, f->signer, (time_t)f->key_expires);
	return true;
}

int artifacts_look(struct artifacts *artifacts, const struct keyrings *keyrings,
		   struct checked *checked, struct err *err)
{
	for (size_t i = 0; i < artifacts->count; i++) {
		struct artifact *a = &artifacts->items[i];
		struct stat st;

		if (lstat(a->path, &st) < 0) {
			if (errno != ENOENT)
				return err_errno(err, ERR_FAILED, errno, "cannot stat '%s'",
						 a->path);
			continue;
		}
		if (!S_ISREG(st.st_mode))
			return err_set(err, ERR_FAILED,
				       "'%s' is no plain file: remove it, and run again", a->path);
		if (a->size_bytes && a->size_bytes != (uint64_t)st.st_size) {
			/* Not read: a file with a hole can be longer than any patience. */
			notice("'%s' was damaged, it has %llu bytes instead of %llu: removed from "
			       "the cache",
			       a->path, (unsigned long long)st.st_size,
			       (unsigned long long)a->size_bytes);
			if (unlink(a->path) < 0)
				return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'",
						 a->path);
			continue;
		}
		if (!a->size_bytes)
			a->size_bytes = (uint64_t)st.st_size;
		a->state = is_known(a, keyrings, checked, &st) ? ARTIFACT_READY : ARTIFACT_CACHED;
	}
	return 0;
}

/* -- checking -- */

static int vet(const struct artifact *a, int fd, const struct keyring *keyring,
	       struct rpmsig_info *info, struct err *err)
{
	if (rpmsig_check(keyring->keyring, fd, a->name, a->payload, info, err) < 0)
		return err_prefix(err, "repository '%s'", a->rpm->repo);
	if (strcmp(info->nevra, a->name) != 0)
		return err_set(err, ERR_VERIFY,
			       "repository '%s': '%s' says in its signed header that it is '%s': "
			       "the repository's metadata is wrong, do not use it",
			       a->rpm->repo, a->name, info->nevra);
	return 0;
}

void artifact_vet(struct artifact *artifact, int fd, const struct keyring *keyring)
{
	struct vetting *v = calloc(1, sizeof(*v));

	vetting_free(steal_ptr(&artifact->vetting));
	if (v && vet(artifact, fd, keyring, &v->info, &v->why) < 0 && v->why.code != ERR_VERIFY)
		vetting_free(steal_ptr(&v));
	artifact->vetting = v;
	rpmsig_payload_free(steal_ptr(&artifact->payload));
}

void artifact_feed(struct artifact *artifact, uint64_t at, const void *data, size_t size_bytes)
{
	struct err ignored = ERR_INIT;

	if (at == 0) {
		rpmsig_payload_free(steal_ptr(&artifact->payload));
		if (rpmsig_payload_new(&artifact->payload, &ignored) < 0)
			artifact->payload = NULL;
	}
	if (artifact->payload)
		rpmsig_payload_update(artifact->payload, data, size_bytes);
}

static int vet_file(const struct artifact *a, const char *path, const struct keyring *keyring,
		    struct rpmsig_info *info, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	return vet(a, fd, keyring, info, err);
}

static int check_rpm(struct artifact *a, const char *path, const struct keyring *keyring,
		     struct checked_file *facts, struct rpmsig_info *info, struct err *err)
{
	if (a->vetting) {
		*info = a->vetting->info;
		*err = a->vetting->why;
		free(steal_ptr(&a->vetting));
	} else if (vet_file(a, path, keyring, info, err) < 0) {
		return -err->code;
	}
	if (err->code)
		return -err->code;
	note_expiry(a, info->signer, info->key_expires);
	memcpy(a->signer, info->signer, sizeof(a->signer));
	memcpy(facts->keys, keyring->digest, sizeof(facts->keys));
	memcpy(facts->signer, info->signer, sizeof(facts->signer));
	facts->key_expires = info->key_expires;
	facts->nevra = info->nevra;
	return 0;
}

/* The times that the bundle's metadata is made with: who packs the file need not change it again,
 * and the record stays true. */
static int settle(const char *path, struct stat *ret_st, struct err *err)
{
	const struct timespec times[2] = { { .tv_sec = TAR_MTIME }, { .tv_sec = TAR_MTIME } };

	if (lstat(path, ret_st) == 0 && S_ISREG(ret_st->st_mode) &&
	    ret_st->st_mtim.tv_sec == TAR_MTIME && ret_st->st_mtim.tv_nsec == 0)
		return 0;
	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0 || lstat(path, ret_st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot use '%s' of the cache", path);
	return 0;
}

static int put_in_place(const struct artifact *a, struct err *err)
{
	cleanup_free char *dir = NULL;

	if (a->state == ARTIFACT_CACHED)
		return 0;
	if (str_dup(&dir, a->path, err) < 0)
		return -err->code;
	*strrchr(dir, '/') = '\0';
	if (rename(a->incoming, a->path) == 0)
		return 0;
	if (errno == ENOENT && dir_make(dir, 0755, err) < 0)
		return -err->code;
	if (rename(a->incoming, a->path) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rename '%s' to '%s'", a->incoming,
				 a->path);
	return 0;
}

static void refuse(struct artifact *a, const char *path, struct err *wrong, const struct err *why)
{
	if (unlink(path) < 0)
		warning("cannot remove '%s': %s", path, strerror(errno));
	a->state = ARTIFACT_REFUSED;
	if (wrong->code == ERR_NONE)
		*wrong = *why;
	else
		err_detail(wrong, "%s", why->msg);
}

/* A file whose digest is right: at its place afterwards, and remembered, or refused. */
static int check_one(struct artifact *a, const struct keyrings *k, struct checked *checked,
		     struct err *wrong, struct err *err)
{
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	struct checked_file facts = { .keys = "-", .signer = "-" };
	char wheel[] = "-";
	const char *path = a->state == ARTIFACT_CACHED ? a->path : a->incoming;
	struct err why = ERR_INIT;
	struct stat st;
	int r;

	facts.nevra = wheel;
	snprintf(facts.sha256, sizeof(facts.sha256), "%s", a->sha256);
	if (a->rpm && check_rpm(a, path, &k->items[a->repo], &facts, &info, &why) < 0) {
		if (why.code == ERR_VERIFY) {
			refuse(a, path, wrong, &why);
			return 0;
		}
		*err = why;
		return -err->code;
	}
	r = put_in_place(a, err);
	if (r == 0)
		r = settle(a->path, &st, err);
	if (r == 0)
		r = checked_put(checked, &facts, &st, err);
	a->state = ARTIFACT_READY;
	return r;
}

/* What is damaged in the cache comes again. */
static int judge_digest(struct artifact *a, const struct digest_job *job, struct err *err)
{
	if (job->errnum)
		return err_errno(err, ERR_FAILED, job->errnum, "cannot read '%s'", a->path);
	if (strcmp(job->sha256, a->sha256) == 0)
		return 0;
	notice("'%s' was damaged, its SHA-256 is %s: removed from the cache", a->path, job->sha256);
	if (unlink(a->path) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", a->path);
	a->state = ARTIFACT_MISSING;
	return 0;
}

DEFINE_CLEANUP(struct digest_pool *, digest_pool_free);

static int check_in_order(struct artifact **cached, size_t count, struct digest_job *jobs,
			  const struct keyrings *k, struct checked *checked, struct err *wrong,
			  struct err *err)
{
	CLEANUP(digest_pool_freep) struct digest_pool *pool = NULL;
	struct progress progress;
	uint64_t bytes = 0, total = 0;
	int r = digest_pool_start(jobs, count, &pool, err);

	for (size_t i = 0; i < count; i++)
		total += cached[i]->size_bytes;
	progress_start(&progress, "checking the cache", total, (unsigned int)count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = digest_pool_wait(pool, i, err);
		if (r == 0)
			r = judge_digest(cached[i], &jobs[i], err);
		if (r == 0 && cached[i]->state == ARTIFACT_CACHED)
			r = check_one(cached[i], k, checked, wrong, err);
		bytes += jobs[i].size_bytes;
		progress_update(&progress, bytes, (unsigned int)i + 1);
	}
	if (r == 0)
		progress_done(&progress);
	else
		progress_abort(&progress);
	return r;
}

int artifacts_check_cached(struct artifacts *artifacts, const struct keyrings *keyrings,
			   struct checked *checked, struct err *wrong, struct err *err)
{
	cleanup_free struct artifact **cached =
		calloc(artifacts->count + 1, sizeof(struct artifact *));
	cleanup_free struct digest_job *jobs = calloc(artifacts->count + 1, sizeof(*jobs));
	size_t count = 0;

	if (!cached || !jobs)
		return err_nomem(err);
	for (size_t i = 0; i < artifacts->count; i++) {
		if (artifacts->items[i].state != ARTIFACT_CACHED)
			continue;
		cached[count] = &artifacts->items[i];
		jobs[count++].path = artifacts->items[i].path;
	}
	return count ? check_in_order(cached, count, jobs, keyrings, checked, wrong, err) : 0;
}

int artifacts_admit(struct artifacts *artifacts, const struct keyrings *keyrings,
		    struct checked *checked, struct err *wrong, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < artifacts->count; i++) {
		if (artifacts->items[i].state != ARTIFACT_ARRIVED)
			continue;
		r = interrupt_check(err);
		if (r == 0)
			r = check_one(&artifacts->items[i], keyrings, checked, wrong, err);
	}
	return r;
}
