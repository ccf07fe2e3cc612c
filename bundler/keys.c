/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "progress.h"

#define SEQUENCE_MAX UINT64_C(999999999999) /* room in a file's name */

/* -- a new directory -------------------------------------------------------------------------- */

static int write_pair(const char *dir, const char *name, X509 *cert, EVP_PKEY *key, struct err *err)
{
	cleanup_free char *cert_path = NULL;
	cleanup_free char *key_path = NULL;
	int r = str_printf(&cert_path, err, "%s/%s.crt", dir, name);

	if (r == 0)
		r = str_printf(&key_path, err, "%s/%s.key", dir, name);
	if (r == 0)
		r = x509_key_write(key_path, key, err);
	if (r == 0)
		r = x509_write(cert_path, cert, err);
	return r;
}

static int write_sequence(const char *dir, uint64_t sequence, struct err *err)
{
	cleanup_free char *path = NULL;
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", sequence);
	int r = path_join(dir, "sequence", &path, err);

	return r < 0 ? r : file_write_atomic(path, 0600, text, (size_t)len, err);
}

/* Times start a day early: the clocks of machines without a network are not exact. */
static int make_authorities(const char *dir, const char *cluster, struct err *err)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *ca_key = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *signer_key = NULL;
	CLEANUP(X509_freep) X509 *ca = NULL;
	CLEANUP(X509_freep) X509 *signer = NULL;
	time_t now = clock_now();
	struct x509_profile profile = {
		.organization = "pgha",
		.unit = cluster,
		.common_name = "pgha cluster CA",
		.usage = X509_USE_CA,
		.not_before = now - KEYS_DAY_S,
		.not_after = now + (time_t)KEYS_CA_DAYS * KEYS_DAY_S,
	};
	int r = x509_key_generate(X509_KEY_P384, &ca_key, err);

	if (r == 0)
		r = x509_create(&profile, ca_key, NULL, NULL, &ca, err);
	if (r == 0)
		r = x509_key_generate(X509_KEY_P256, &signer_key, err);
	if (r < 0)
		return r;
	profile.common_name = "pgha bundle signer";
	profile.usage = X509_USE_EMAIL | X509_USE_BUNDLE;
	profile.not_after = now + (time_t)KEYS_SIGNER_DAYS * KEYS_DAY_S;
	r = x509_create(&profile, signer_key, ca, ca_key, &signer, err);
	if (r == 0)
		r = write_pair(dir, "ca", ca, ca_key, err);
	if (r == 0)
		r = write_pair(dir, "signer", signer, signer_key, err);
	if (r == 0)
		r = write_sequence(dir, 0, err);
	return r;
}

static int refuse_existing(const char *dir, struct err *err)
{
	err_set(err, ERR_FAILED, "'%s' exists and is not empty: nothing was touched", dir);
	err_detail(err,
		   "choose another directory for new keys; keys that exist are used as they "
		   "are, by 'pgha-bundle build --keys %s'",
		   dir);
	return -err->code;
}

/* 0 when DIR is absent or empty. */
static int check_free(const char *dir, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct stat st = { .st_mode = 0 };
	int r = 0;

	if (lstat(dir, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, ERR_FAILED, errno, "cannot examine '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED, "'%s' exists and is no directory", dir);
	r = dir_list(dir, &names, err);
	if (r == 0 && names.count)
		r = refuse_existing(dir, err);
	return r;
}

/* Everything is made beside DIR, which then appears whole. */
static int make_beside(const char *dir, const char *temp, const char *cluster, struct err *err)
{
	int r = make_authorities(temp, cluster, err);

	if (r == 0)
		r = interrupt_check(err);
	if (r < 0)
		return r;
	if (rename(temp, dir) < 0) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			return refuse_existing(dir, err);
		return err_errno(err, ERR_FAILED, errno, "cannot put '%s' in place", dir);
	}
	return 0;
}

static int make_parent(const char *dir, struct err *err)
{
	const char *slash = strrchr(dir, '/');
	cleanup_free char *parent = NULL;

	if (!slash || slash == dir)
		return 0;
	parent = strndup(dir, (size_t)(slash - dir));
	if (!parent)
		return err_nomem(err);
	return dir_make(parent, 0755, err);
}

int keys_init(const char *dir, const char *cluster, struct err *err)
{
	cleanup_free char *final = strdup(dir);
	cleanup_free char *temp = NULL;
	struct err ignored = ERR_INIT;
	int r = 0;

	if (!final)
		return err_nomem(err);
	for (size_t len = strlen(final); len > 1 && final[len - 1] == '/'; len--)
		final[len - 1] = '\0';
	if (!*final)
		return err_set(err, ERR_USAGE, "the keys directory needs a name");
	if (!str_is_word(cluster, ".-_") || strlen(cluster) > 64)
		return err_set(
			err, ERR_USAGE,
			"cluster name '%s' may hold letters, digits, '.', '-' and '_', 64 at "
			"most",
			cluster);
	r = check_free(final, err);
	if (r == 0)
		r = make_parent(final, err);
	if (r == 0)
		r = str_printf(&temp, err, "%s.tmp-XXXXXX", final);
	if (r < 0)
		return r;
	if (!mkdtemp(temp)) /* 0700 */
		return err_errno(err, ERR_FAILED, errno, "cannot create a directory beside '%s'",
				 final);
	r = make_beside(final, temp, cluster, err);
	if (r < 0 && tree_remove(temp, &ignored) < 0)
		err_detail(err, "remove '%s' yourself: %s", temp, ignored.msg);
	return r;
}

/* -- opening ---------------------------------------------------------------------------------- */

static int load_pair(const char *dir, const char *name, X509 **ret_cert, EVP_PKEY **ret_key,
		     struct err *err)
{
	CLEANUP(X509_freep) X509 *cert = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_free char *cert_path = NULL;
	cleanup_free char *key_path = NULL;
	int r = str_printf(&cert_path, err, "%s/%s.crt", dir, name);

	if (r == 0)
		r = str_printf(&key_path, err, "%s/%s.key", dir, name);
	if (r == 0)
		r = x509_load(cert_path, ERR_USAGE, &cert, err);
	if (r == 0)
		r = x509_key_load(key_path, ERR_USAGE, &key, err);
	if (r < 0)
		return r;
	if (X509_check_private_key(cert, key) != 1)
		return x509_error(err, ERR_CONFIG, "'%s' and '%s' do not belong together",
				  cert_path, key_path);
	*ret_cert = steal_ptr(&cert);
	*ret_key = steal_ptr(&key);
	return 0;
}

static int check_signer(const struct keys *keys, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = sk_X509_new_null();
	time_t now = clock_now();
	int r = 0;

	if (!cas || X509_up_ref(keys->ca) != 1 || !sk_X509_push(cas, keys->ca))
		return err_nomem(err);
	r = x509_check_chain(keys->signer, cas, NULL, now, X509_FOR_BUNDLE, err);
	if (r < 0)
		return err_prefix(err, "the signer in '%s'", keys->dir);
	if (keys->signer_not_after - now < (time_t)KEYS_SIGNER_WARN_DAYS * KEYS_DAY_S)
		warning("the signer in '%s' expires in %ld days; bundles cannot be installed after "
			"that",
			keys->dir, (long)((keys->signer_not_after - now) / KEYS_DAY_S));
	return 0;
}

static int open_dir(const char *dir, int *ret_fd, struct err *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st = { .st_mode = 0 };

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_USAGE,
			       "there is no keys directory '%s': make one with 'pgha-bundle keys "
			       "init --out %s'",
			       dir, dir);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the keys directory '%s'", dir);
	if (st.st_mode & 022)
		return err_set(err, ERR_CONFIG,
			       "'%s' may be written by others (mode %04o): chmod 700 '%s'", dir,
			       (unsigned int)st.st_mode & 07777, dir);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int keys_open(const char *dir, struct keys *ret, struct err *err)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	int r = str_dup(&keys.dir, dir, err);

	if (r == 0)
		r = open_dir(dir, &keys.dir_fd, err);
	if (r == 0)
		r = load_pair(dir, "ca", &keys.ca, &keys.ca_key, err);
	if (r == 0)
		r = load_pair(dir, "signer", &keys.signer, &keys.signer_key, err);
	if (r < 0)
		return r;
	keys.signer_not_after = x509_not_after(keys.signer);
	r = check_signer(&keys, err);
	if (r < 0)
		return r;
	*ret = keys;
	keys = (struct keys)KEYS_INIT;
	return 0;
}

void keys_release(struct keys *keys)
{
	if (keys->dir && keys->dir_fd >= 0)
		close(keys->dir_fd); /* unlocks */
	X509_free(keys->ca);
	X509_free(keys->signer);
	EVP_PKEY_free(keys->ca_key);
	EVP_PKEY_free(keys->signer_key);
	free(keys->dir);
	*keys = (struct keys)KEYS_INIT;
}

/* -- locking and the sequence ----------------------------------------------------------------- */

int keys_lock(struct keys *keys, struct err *err)
{
	if (keys->locked > 0) {
		keys->locked++;
		return 0;
	}
	if (flock(keys->dir_fd, LOCK_EX | LOCK_NB) < 0) {
		int r = 0;

		if (errno == EWOULDBLOCK)
			notice("waiting for another build that works with '%s'", keys->dir);
		while (r == 0 && flock(keys->dir_fd, LOCK_EX) < 0) {
			if (errno != EINTR)
				return err_errno(err, ERR_FAILED, errno, "cannot lock '%s'",
						 keys->dir);
			r = interrupt_check(err);
		}
		if (r < 0)
			return r;
	}
	keys->locked = 1;
	return 0;
}

void keys_unlock(struct keys *keys)
{
	if (--keys->locked == 0)
		flock(keys->dir_fd, LOCK_UN);
}

static int read_sequence(const char *dir, uint64_t *ret, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	int r = path_join(dir, "sequence", &path, err);

	if (r == 0)
		r = x509_read_private(path, ERR_CONFIG, &text, err);
	if (r < 0)
		return r;
	if (text.len && text.buf[text.len - 1] == '\n')
		text.buf[--text.len] = '\0';
	r = str_u64(ret, text.buf, 0, SEQUENCE_MAX - 1, err);
	return r < 0 ? err_prefix(err, "'%s'", path) : 0;
}

int keys_sequence_take(struct keys *keys, uint64_t *ret, struct err *err)
{
	uint64_t last = 0;
	int r = keys_lock(keys, err);

	if (r < 0)
		return r;
	r = read_sequence(keys->dir, &last, err);
	if (r < 0) {
		keys_unlock(keys);
		return r;
	}
	keys->sequence = last + 1;
	*ret = keys->sequence;
	return 0;
}

int keys_sequence_commit(struct keys *keys, struct err *err)
{
	int r = 0;

	if (!keys->sequence)
		return err_set(err, ERR_FAILED, "no sequence number was taken");
	r = write_sequence(keys->dir, keys->sequence, err);
	keys->sequence = 0;
	keys_unlock(keys);
	return r;
}
