/* SPDX-License-Identifier: Apache-2.0 */
#include "vendorkeys.h"

#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"

#define KEY_FILE_MAX (1U << 20) /* bytes of one gpgkey file */

/* --- what is kept ------------------------------------------------------------------------------- */

static int key_path(const struct vendorkeys *v, const char *fpr, const char *ending, char **ret,
		    struct err *err)
{
	return str_printf(ret, err, "%s/keys/%s.%s", v->cache, fpr, ending);
}

/* Appends the kept copy of FPR; false when it is not there, or damaged. */
static bool read_kept(const struct vendorkeys *v, const char *fpr, struct pgp_keys *keys)
{
	struct err ignored = ERR_INIT;
	CLEANUP(pgp_keys_release) struct pgp_keys kept = PGP_KEYS_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;

	return key_path(v, fpr, "asc", &path, &ignored) == 0 &&
	       file_read(path, KEY_FILE_MAX, ERR_FAILED, &data, &size, &ignored) == 0 &&
	       pgp_read(path, data, size, &kept, &ignored) == 0 && pgp_find(&kept, fpr) &&
	       pgp_read(path, data, size, keys, &ignored) == 0;
}

/* Adds what is kept of the pins that KEYS has not; true when then none is missing. */
static bool add_kept(const struct vendorkeys *v, struct pgp_keys *keys)
{
	bool all = true;

	for (size_t i = 0; i < v->pins->count; i++)
		if (!pgp_find(keys, v->pins->items[i]) && !read_kept(v, v->pins->items[i], keys))
			all = false;
	return all;
}

static bool is_there_with(const char *path, const char *text)
{
	struct err ignored = ERR_INIT;
	cleanup_free char *data = NULL;
	size_t size = 0;

	return file_read(path, KEY_FILE_MAX, ERR_FAILED, &data, &size, &ignored) == 0 &&
	       size == strlen(text) && !memcmp(data, text, size);
}

static int keep_key(const struct vendorkeys *v, const struct pgp_key *key, size_t *ret_new,
		    struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	int r = key_path(v, key->fpr, "asc", &path, err);

	if (r == 0)
		r = pgp_armor(key, &text, err);
	if (r < 0 || is_there_with(path, text))
		return r;
	++*ret_new;
	return file_write_cached(path, 0644, text, strlen(text), err);
}

/* A revocation is no part of a kept key: who withholds it later must not bring the key back. */
static int keep_revocation(const struct vendorkeys *v, struct pgp_key *key, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = key_path(v, key->fpr, "revoked", &path, err);

	if (r < 0)
		return r;
	if (access(path, F_OK) == 0) {
		key->revoked = true;
		return 0;
	}
	return key->revoked ? file_write_atomic(path, 0644, "", 0, err) : 0;
}

/* Keeps the pinned ones of KEYS. */
static int keep_keys(const struct vendorkeys *v, struct pgp_keys *keys, size_t *ret_new,
		     struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = path_join(v->cache, "keys", &dir, err);

	if (r == 0)
		r = dir_make(dir, 0755, err);
	for (size_t i = 0; r == 0 && i < v->pins->count; i++) {
		const struct pgp_key *key = pgp_find(keys, v->pins->items[i]);

		if (!key)
			continue;
		r = keep_revocation(v, &keys->items[key - keys->items], err);
		if (r == 0)
			r = keep_key(v, key, ret_new, err);
	}
	return r;
}

/* --- what the URLs hold ------------------------------------------------------------------------- */

static int download(const struct vendorkeys *v, struct pgp_keys *keys, struct err *err)
{
	cleanup_free struct http_transfer *transfers = calloc(v->gpgkey->count, sizeof(*transfers));
	cleanup_free struct http_settings *settings = calloc(v->gpgkey->count, sizeof(*settings));
	size_t count = v->gpgkey->count;
	int r = 0;

	if (!transfers || !settings)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		const char *url = v->gpgkey->items[i];

		if (v->source)
			settings[i] = http_settings_beside(v->source, url);
		transfers[i] = (struct http_transfer){ .url = url,
						       .settings = &settings[i],
						       .max_bytes = KEY_FILE_MAX };
	}
	r = http_fetch(transfers, count, v->limits, NULL, err);
	for (size_t i = 0; i < count; i++) {
		if (r == 0)
			r = pgp_read(v->gpgkey->items[i], transfers[i].body.buf,
				     transfers[i].body.len, keys, err);
		http_transfer_release(&transfers[i]);
	}
	return r;
}

int vendorkeys_load(const struct vendorkeys *what, struct strv *warnings, struct pgp_keys *ret,
		    size_t *ret_new, struct err *err)
{
	struct err ignored = ERR_INIT;
	int r = 0;

	if (what->gpgkey->count == 0)
		return err_set(err, ERR_VERIFY,
			       "nothing says where its key is: add 'gpgkey=URL' to its section of "
			       "the .repo file, and resolve again");
	r = download(what, ret, err);
	if (r < 0) {
		if (err->code == ERR_INTERRUPTED || !add_kept(what, ret))
			return r;
		if (!what->limits || !what->limits->offline)
			r = strv_addf(warnings, &ignored,
				      "repository '%s': the keys kept in the cache serve: %s",
				      what->repo, err->msg);
		*err = (struct err)ERR_INIT;
	} else {
		(void)add_kept(what, ret);
	}
	return keep_keys(what, ret, ret_new, err);
}
