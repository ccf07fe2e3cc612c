/* SPDX-License-Identifier: Apache-2.0 */
#include "keyrings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "clock.h"
#include "progress.h"
#include "vendorkeys.h"

#define ASK_AGAIN_S (24 * 60 * 60) /* a vendor's keys are read anew after a day */

void keyrings_release(struct keyrings *keyrings)
{
	for (size_t i = 0; i < keyrings->count; i++)
		rpmsig_keyring_free(keyrings->items[i].keyring);
	free(keyrings->items);
	*keyrings = (struct keyrings)KEYRINGS_INIT;
}

/* -- the keys that go into the bundle -- */

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

/* -- one repository -- */

struct opening {
	const struct fetch_options *options;
	struct servers *servers;
	struct checked *checked;
	struct fetch_result *result;
};

/* Another key, another subkey or expiry, or another version of the program may judge otherwise. */
static int digest_keys(const struct pgp_keys *keys, const struct strv *pins,
		       char ret[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(str_release) struct str all = STR_INIT;

	str_add(&all, "pgha-bundle " PGHA_VERSION "\n");
	for (size_t i = 0; i < pins->count; i++) {
		const struct pgp_key *key = pgp_find(keys, pins->items[i]);

		str_addf(&all, "%s %zu %d\n", pins->items[i], key ? key->packets_size : 0,
			 key && key->revoked);
		if (key)
			str_add_len(&all, key->packets, key->packets_size);
	}
	return str_check(&all, err) < 0 ? -(int)err->code : sha256_hex(all.buf, all.len, ret, err);
}

static int load(const struct opening *o, const struct lock_repo *repo,
		const struct http_source *source, const struct http_limits *limits,
		struct pgp_keys *keys, struct err *err)
{
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	const struct vendorkeys what = { .repo = repo->id,
					 .pins = &repo->keys,
					 .gpgkey = &repo->gpgkey,
					 .source = source,
					 .limits = limits,
					 .cache = o->options->cache };
	int r = vendorkeys_load(&what, &warnings, keys, &o->result->new_keys, err);

	for (size_t i = 0; i < warnings.count; i++)
		warning("%s", warnings.items[i]);
	return r;
}

/* True when what is kept was read from the vendor a short while ago, and KEYS has it. */
static bool load_kept(const struct opening *o, const struct lock_repo *repo, struct pgp_keys *keys)
{
	const struct http_limits offline = { .offline = true };
	struct err ignored = ERR_INIT;
	char digest[SHA256_HEX_SIZE];
	time_t asked = 0, now = clock_now();

	if (o->options->verify_cache || load(o, repo, NULL, &offline, keys, &ignored) < 0 ||
	    digest_keys(keys, &repo->keys, digest, &ignored) < 0)
		return false;
	asked = checked_keys_asked(o->checked, digest);
	return asked && asked <= now && now - asked < ASK_AGAIN_S;
}

static int load_anew(const struct opening *o, const struct lock_repo *repo, size_t i,
		     struct pgp_keys *keys, struct err *err)
{
	const struct http_limits *limits = o->options->limits;
	char digest[SHA256_HEX_SIZE];
	int r = servers_open(o->servers, err);

	if (r < 0)
		return r;
	r = load(o, repo, servers_source(o->servers, i), limits, keys, err);
	if (r < 0 || (limits && limits->offline))
		return r;
	r = digest_keys(keys, &repo->keys, digest, err);
	return r < 0 ? r : checked_keys_put(o->checked, digest, clock_now(), err);
}

static int pins_missing(const struct lock_repo *repo, struct err *err)
{
	return err_set(err, ERR_VERIFY,
		       "nothing is pinned for repository '%s': add '%s: [FINGERPRINT]' under "
		       "'trust:' of the definition, and resolve again",
		       repo->id, repo->id);
}

static int open_keyring(const struct opening *o, const struct lock_repo *repo, size_t i,
			struct keyring *ret, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	int r = 0;

	if (repo->keys.count == 0)
		return pins_missing(repo, err);
	if (!load_kept(o, repo, &keys)) {
		pgp_keys_release(&keys);
		r = load_anew(o, repo, i, &keys, err);
	}
	if (r == 0)
		r = rpmsig_keyring_new(&keys, (const char *const *)repo->keys.items, &ret->keyring,
				       err);
	if (r == 0)
		r = digest_keys(&keys, &repo->keys, ret->digest, err);
	if (r == 0)
		r = keep_keys(repo, &keys, o->result, err);
	return r < 0 ? err_prefix(err, "repository '%s'", repo->id) : 0;
}

#define NAMES_SHOWN 3

/* How many of the lock's packages come from there; the first ones' names go to RET unless that is
 * NULL. */
static size_t list_rpms(const struct lock *lock, const char *repo, struct str *ret)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	size_t count = 0;

	for (size_t i = 0; i < lock->rpms.count; i++) {
		if (strcmp(rpms[i].repo, repo) != 0)
			continue;
		if (ret && count < NAMES_SHOWN)
			str_addf(ret, "%s%s", count ? ", " : "", rpms[i].nevra);
		count++;
	}
	return count;
}

/* A repository whose packages nobody may vouch for; the next one may have the same trouble. */
static void note_refused(const struct lock *lock, const char *repo, const struct err *why,
			 struct err *all)
{
	CLEANUP(str_release) struct str names = STR_INIT;
	size_t count = list_rpms(lock, repo, &names);

	if (all->code == ERR_NONE)
		*all = *why;
	else
		err_detail(all, "%s", why->msg);
	if (names.buf)
		err_detail(all, "packages from '%s': %s%s", repo, names.buf,
			   count > NAMES_SHOWN ? ", ..." : "");
}

int keyrings_open(const struct lock *lock, const struct fetch_options *options,
		  struct servers *servers, struct checked *checked, struct keyrings *ret,
		  struct fetch_result *result, struct err *err)
{
	const struct opening o = {
		.options = options, .servers = servers, .checked = checked, .result = result
	};
	const struct lock_repo *repos = lock->repos.items;
	struct err refused = ERR_INIT;

	ret->items = calloc(lock->repos.count + 1, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	ret->count = lock->repos.count;
	for (size_t i = 0; i < ret->count; i++) {
		struct err why = ERR_INIT;

		if (list_rpms(lock, repos[i].id, NULL) == 0 ||
		    open_keyring(&o, &repos[i], i, &ret->items[i], &why) == 0)
			continue;
		if (why.code != ERR_VERIFY) {
			*err = why;
			return -err->code;
		}
		note_refused(lock, repos[i].id, &why, &refused);
	}
	if (refused.code) {
		*err = refused;
		return -err->code;
	}
	if (result->key_count)
		qsort(result->keys, result->key_count, sizeof(*result->keys), cmp_keys);
	return 0;
}
