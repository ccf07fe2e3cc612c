/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "file.h"
#include "http.h"
#include "interrupt.h"
#include "progress.h"
#include "rpmsig.h"
#include "vendorkeys.h"
#include "wheel.h"

void fetch_result_release(struct fetch_result *result)
{
	for (size_t i = 0; i < result->rpm_count; i++)
		free(result->rpms[i].path);
	free(result->rpms);
	for (size_t i = 0; i < result->key_count; i++)
		free(result->keys[i].armor);
	free(result->keys);
	strv_release(&result->wheels);
	*result = (struct fetch_result)FETCH_RESULT_INIT;
}

static struct http_settings settings_of(const struct lock_repo *repo)
{
	return (struct http_settings){ .sslcacert = repo->sslcacert,
				       .sslclientcert = repo->sslclientcert,
				       .sslclientkey = repo->sslclientkey };
}

/* -- packages -- */

/* What is not in the cache comes to CACHE/incoming first, and enters when its signature was
 * checked. */
struct downloads {
	struct http_transfer *transfers;
	struct http_settings *settings; /* one for each repository */
	struct strv urls;
	struct strv paths; /* of every package of the lock: below incoming, or in the cache */
	size_t count;
};

static void downloads_release(struct downloads *d)
{
	for (size_t i = 0; i < d->count; i++)
		http_transfer_release(&d->transfers[i]);
	free(d->transfers);
	free(d->settings);
	strv_release(&d->urls);
	strv_release(&d->paths);
}

/* True in RET when the package lies in the cache undamaged. */
static int is_cached(const char *cache, const struct lock_rpm *rpm, bool *ret, struct err *err)
{
	cleanup_close int fd = -1;
	struct err damaged = ERR_INIT;

	if (cache_open_verified(cache, rpm->sha256, &fd, &damaged) < 0) {
		if (damaged.code != ERR_VERIFY) {
			*err = damaged;
			return -err->code;
		}
		notice("%s", damaged.msg);
	}
	*ret = fd >= 0;
	return 0;
}

static int plan_download(const struct lock *lock, const struct lock_rpm *rpm, const char *cache,
			 struct downloads *d, struct err *err)
{
	const struct lock_repo *repo = lock_find_repo(lock, rpm->repo);
	char *url = NULL;

	if (strv_addf(&d->paths, err, "%s/incoming/%s", cache, rpm->sha256) < 0 ||
	    lock_rpm_url(lock, rpm, &url, err) < 0 || strv_take(&d->urls, url, err) < 0)
		return -err->code;
	d->transfers[d->count++] = (struct http_transfer){
		.url = url,
		.settings = &d->settings[repo - (const struct lock_repo *)lock->repos.items],
		.sha256 = rpm->sha256,
		.size_bytes = rpm->size_bytes,
		.dest = d->paths.items[d->paths.count - 1],
	};
	return 0;
}

static int plan_downloads(const struct lock *lock, const char *cache, struct downloads *d,
			  struct fetch_result *ret, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	const struct lock_rpm *rpms = lock->rpms.items;

	d->transfers = calloc(lock->rpms.count + 1, sizeof(*d->transfers));
	d->settings = calloc(lock->repos.count + 1, sizeof(*d->settings));
	ret->rpms = calloc(lock->rpms.count + 1, sizeof(*ret->rpms));
	if (!d->transfers || !d->settings || !ret->rpms)
		return err_nomem(err);
	ret->rpm_count = lock->rpms.count;
	for (size_t i = 0; i < lock->repos.count; i++)
		d->settings[i] = settings_of(&repos[i]);
	for (size_t i = 0; i < lock->rpms.count; i++) {
		bool cached = false;
		int r = cache_path(cache, rpms[i].sha256, &ret->rpms[i].path, err);

		if (r == 0)
			r = is_cached(cache, &rpms[i], &cached, err);
		if (r == 0 && cached)
			r = strv_add(&d->paths, ret->rpms[i].path, err);
		else if (r == 0)
			r = plan_download(lock, &rpms[i], cache, d, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Puts a checked package at its place. */
static int admit(const char *from, const char *to, struct err *err)
{
	cleanup_free char *dir = NULL;

	if (strcmp(from, to) == 0)
		return 0;
	if (str_dup(&dir, to, err) < 0)
		return -err->code;
	*strrchr(dir, '/') = '\0';
	if (dir_make(dir, 0755, err) < 0)
		return -err->code;
	if (rename(from, to) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rename '%s' to '%s'", from, to);
	return 0;
}

/* -- keys -- */

static bool has_key(const struct fetch_result *ret, const char *fpr)
{
	for (size_t i = 0; i < ret->key_count; i++)
		if (!strcasecmp(ret->keys[i].fpr, fpr))
			return true;
	return false;
}

static int keep_keys(const struct lock_repo *repo, const struct pgp_keys *keys,
		     struct fetch_result *ret, struct err *err)
{
	for (size_t i = 0; i < repo->keys.count; i++) {
		const struct pgp_key *key = pgp_find(keys, repo->keys.items[i]);
		struct fetch_key *more = NULL;
		int r;

		if (!key || has_key(ret, key->fpr))
			continue;
		more = reallocarray(ret->keys, ret->key_count + 1, sizeof(*more));
		if (!more)
			return err_nomem(err);
		ret->keys = more;
		more += ret->key_count;
		*more = (struct fetch_key){ .armor = NULL };
		memcpy(more->fpr, key->fpr, sizeof(more->fpr));
		r = pgp_armor(key, &more->armor, err);
		if (r < 0)
			return r;
		ret->key_count++;
	}
	return 0;
}

static int cmp_keys(const void *a, const void *b)
{
	return strcmp(((const struct fetch_key *)a)->fpr, ((const struct fetch_key *)b)->fpr);
}

/* -- signatures -- */

static int check_rpm(const struct lock_rpm *rpm, const char *path,
		     const struct rpmsig_keyring *keyring, char ret_signer[PGP_FPR_SIZE],
		     struct err *err)
{
	CLEANUP(rpmsig_info_release) struct rpmsig_info info = RPMSIG_INFO_INIT;
	int r = rpmsig_check_file(keyring, path, &info, err);

	if (r < 0)
		return err_prefix(err, "package '%s' of repository '%s'", rpm->nevra, rpm->repo);
	if (strcmp(info.nevra, rpm->nevra))
		return err_set(err, ERR_VERIFY,
			       "package '%s' of repository '%s' says in its signed header that it "
			       "is '%s'",
			       rpm->nevra, rpm->repo, info.nevra);
	if (info.key_expired)
		notice("%s: signed before key %s expired", rpm->nevra, info.signer);
	memcpy(ret_signer, info.signer, PGP_FPR_SIZE);
	return 0;
}

static size_t count_rpms(const struct lock *lock, const char *repo)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	size_t count = 0;

	for (size_t i = 0; i < lock->rpms.count; i++)
		count += !strcmp(rpms[i].repo, repo);
	return count;
}

static int pins_missing(const struct lock_repo *repo, struct err *err)
{
	return err_set(err, ERR_VERIFY,
		       "nothing is pinned for repository '%s': add '%s: [FINGERPRINT]' under "
		       "'trust:' of the definition, and resolve again",
		       repo->id, repo->id);
}

/* The keyring of one repository, from its pinned keys alone. */
static int open_keyring(const struct lock_repo *repo, const char *cache, struct fetch_result *ret,
			struct rpmsig_keyring **ret_keyring, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	const struct http_settings settings = settings_of(repo);
	const struct vendorkeys what = { .repo = repo->id,
					 .pins = &repo->keys,
					 .gpgkey = &repo->gpgkey,
					 .settings = &settings,
					 .cache = cache };
	int r = vendorkeys_load(&what, &warnings, &keys, &ret->downloaded, err);

	for (size_t i = 0; i < warnings.count; i++)
		warning("%s", warnings.items[i]);
	if (r == 0)
		r = rpmsig_keyring_new(&keys, (const char *const *)repo->keys.items, ret_keyring,
				       err);
	if (r == 0)
		r = keep_keys(repo, &keys, ret, err);
	return r < 0 ? err_prefix(err, "repository '%s'", repo->id) : 0;
}

/* One keyring for each of the lock's repositories; NULL for one without packages. */
struct keyrings {
	struct rpmsig_keyring **items;
	size_t count;
};

static void keyrings_release(struct keyrings *k)
{
	for (size_t i = 0; k->items && i < k->count; i++)
		rpmsig_keyring_free(k->items[i]);
	free(k->items);
}

static int open_keyrings(const struct lock *lock, const char *cache, struct keyrings *k,
			 struct fetch_result *ret, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	int r = 0;

	k->items = calloc(lock->repos.count + 1, sizeof(*k->items));
	if (!k->items)
		return err_nomem(err);
	k->count = lock->repos.count;
	for (size_t i = 0; r == 0 && i < k->count; i++) {
		if (count_rpms(lock, repos[i].id) == 0)
			continue;
		r = repos[i].keys.count == 0
			    ? pins_missing(&repos[i], err)
			    : open_keyring(&repos[i], cache, ret, &k->items[i], err);
	}
	return r;
}

/* Checks every package, so that one run shows all that are wrong; none of those stays. */
static int check_rpms(const struct lock *lock, const struct keyrings *k, const struct strv *paths,
		      struct fetch_result *ret, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	const struct lock_rpm *rpms = lock->rpms.items;
	int r = 0;

	for (size_t i = 0; i < lock->rpms.count; i++) {
		const char *path = paths->items[i];
		const struct lock_repo *repo = lock_find_repo(lock, rpms[i].repo);
		struct err wrong = ERR_INIT;

		if (interrupt_check(err) < 0)
			return -err->code;
		if (check_rpm(&rpms[i], path, k->items[repo - repos], ret->rpms[i].signer,
			      &wrong) == 0) {
			if (admit(path, ret->rpms[i].path, err) < 0)
				return -err->code;
			continue;
		}
		if (unlink(path) < 0)
			warning("cannot remove '%s': %s", path, strerror(errno));
		if (r == 0)
			*err = wrong;
		else
			err_detail(err, "%s", wrong.msg);
		r = -(int)err->code;
	}
	return r;
}

static int fetch_rpms(const struct lock *lock, const char *cache, const struct keyrings *k,
		      struct fetch_result *ret, struct err *err)
{
	CLEANUP(downloads_release) struct downloads d = { .count = 0 };
	int r = plan_downloads(lock, cache, &d, ret, err);

	if (r == 0)
		r = http_fetch(d.transfers, d.count, NULL, "packages", err);
	for (size_t i = 0; r == 0 && i < d.count; i++)
		ret->downloaded += d.transfers[i].downloaded;
	return r < 0 ? r : check_rpms(lock, k, &d.paths, ret, err);
}

/* Keys first: without them no package is worth its download. */
int fetch_all(const struct lock *lock, const char *cache, struct fetch_result *ret, struct err *err)
{
	CLEANUP(keyrings_release) struct keyrings keyrings = { .items = NULL };
	int r = open_keyrings(lock, cache, &keyrings, ret, err);

	if (r == 0)
		r = fetch_rpms(lock, cache, &keyrings, ret, err);
	if (r == 0 && ret->key_count)
		qsort(ret->keys, ret->key_count, sizeof(*ret->keys), cmp_keys);
	return r < 0 ? r : wheel_fetch(lock, cache, &ret->wheels, &ret->downloaded, err);
}
