/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "http.h"
#include "interrupt.h"
#include "progress.h"
#include "rpmsig.h"
#include "wheel.h"

#define KEY_FILE_MAX (1U << 20) /* bytes of one gpgkey file */

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

struct downloads {
	struct http_transfer *transfers;
	struct http_settings *settings; /* one for each repository */
	struct strv urls;
	size_t count;
};

static void downloads_release(struct downloads *d)
{
	for (size_t i = 0; i < d->count; i++)
		str_release(&d->transfers[i].body);
	free(d->transfers);
	free(d->settings);
	strv_release(&d->urls);
}

static int plan_downloads(const struct lock *lock, const char *cache, struct downloads *d,
			  struct fetch_result *ret, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	const struct lock_rpm *rpms = lock->rpms.items;
	int r = 0;

	d->transfers = calloc(lock->rpms.count + 1, sizeof(*d->transfers));
	d->settings = calloc(lock->repos.count + 1, sizeof(*d->settings));
	ret->rpms = calloc(lock->rpms.count + 1, sizeof(*ret->rpms));
	if (!d->transfers || !d->settings || !ret->rpms)
		return err_nomem(err);
	d->count = ret->rpm_count = lock->rpms.count;
	for (size_t i = 0; i < lock->repos.count; i++)
		d->settings[i] = settings_of(&repos[i]);
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++) {
		const struct lock_repo *repo = lock_find_repo(lock, rpms[i].repo);
		char *url = NULL;

		r = lock_rpm_url(lock, &rpms[i], &url, err);
		if (r == 0)
			r = strv_take(&d->urls, url, err);
		if (r == 0)
			r = cache_path(cache, rpms[i].sha256, &ret->rpms[i].path, err);
		if (r < 0)
			return r;
		d->transfers[i] = (struct http_transfer){ .url = d->urls.items[i],
							  .settings = &d->settings[repo - repos],
							  .sha256 = rpms[i].sha256,
							  .size_bytes = rpms[i].size_bytes,
							  .dest = ret->rpms[i].path };
	}
	return r;
}

static int fetch_rpms(const struct lock *lock, const char *cache, struct fetch_result *ret,
		      struct err *err)
{
	CLEANUP(downloads_release) struct downloads d = { .count = 0 };
	int r = plan_downloads(lock, cache, &d, ret, err);

	if (r == 0)
		r = http_fetch(d.transfers, d.count, "packages", err);
	for (size_t i = 0; r == 0 && i < d.count; i++)
		ret->downloaded += d.transfers[i].downloaded;
	return r;
}

/* -- keys -- */

/* Reads what the repository's gpgkey URLs hold; only pinned keys are ever used of it. */
static int fetch_keys(const struct lock_repo *repo, struct pgp_keys *keys, struct err *err)
{
	const struct http_settings settings = settings_of(repo);
	int r = 0;

	for (size_t i = 0; r == 0 && i < repo->gpgkey.count; i++) {
		struct http_transfer t = { .url = repo->gpgkey.items[i],
					   .settings = &settings,
					   .max_bytes = KEY_FILE_MAX };

		r = http_fetch(&t, 1, NULL, err);
		if (r == 0)
			r = pgp_read(repo->gpgkey.items[i], t.body.buf, t.body.len, keys, err);
		str_release(&t.body);
	}
	return r < 0 ? err_prefix(err, "key of repository '%s'", repo->id) : 0;
}

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

DEFINE_CLEANUP(struct rpmsig_keyring *, rpmsig_keyring_free);

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

/* A package whose signature does not hold must not stay in the cache. */
static int check_repo(const struct lock *lock, const struct lock_repo *repo, const char *cache,
		      struct fetch_result *ret, struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *keyring = NULL;
	int r = 0;

	if (count_rpms(lock, repo->id) == 0)
		return 0;
	if (repo->keys.count == 0)
		return err_set(err, ERR_VERIFY,
			       "nothing is pinned for repository '%s': add '%s: [FINGERPRINT]' "
			       "under 'trust:' of the definition, and resolve again",
			       repo->id, repo->id);
	if (repo->gpgkey.count == 0)
		return err_set(err, ERR_VERIFY,
			       "repository '%s' says nowhere where its key is: add 'gpgkey=URL' to "
			       "its section of the .repo file, and resolve again",
			       repo->id);
	r = fetch_keys(repo, &keys, err);
	if (r == 0)
		r = rpmsig_keyring_new(&keys, (const char *const *)repo->keys.items, &keyring, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++) {
		struct err ignored = ERR_INIT;

		if (strcmp(rpms[i].repo, repo->id))
			continue;
		r = interrupt_check(err);
		if (r < 0)
			return r;
		r = check_rpm(&rpms[i], ret->rpms[i].path, keyring, ret->rpms[i].signer, err);
		if (r < 0 && cache_remove(cache, rpms[i].sha256, &ignored) < 0)
			warning("%s", ignored.msg);
	}
	return r < 0 ? r : keep_keys(repo, &keys, ret, err);
}

int fetch_all(const struct lock *lock, const char *cache, struct fetch_result *ret, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	int r = fetch_rpms(lock, cache, ret, err);

	for (size_t i = 0; r == 0 && i < lock->repos.count; i++)
		r = check_repo(lock, &repos[i], cache, ret, err);
	if (r == 0 && ret->key_count)
		qsort(ret->keys, ret->key_count, sizeof(*ret->keys), cmp_keys);
	return r < 0 ? r : wheel_fetch(lock, cache, &ret->wheels, &ret->downloaded, err);
}
