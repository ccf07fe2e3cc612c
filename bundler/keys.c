/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the keys directory, its lock and its sequence. */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "keys_private.h"
#include "progress.h"

#define SEQUENCE_MAX UINT64_C(999999999999) /* room in a file's name */

/* -- files ------------------------------------------------------------------------------------ */

bool keys_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

static int refuse_other(const char *path, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFIG, "'%s' is not %s: nothing in a keys directory may be a link",
		       path, what);
}

/* Who may change what lies here decides who signs for the cluster. Root may anyway. */
static int check_writers(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_mode & 022)
		return err_set(err, ERR_CONFIG,
			       "'%s' may be written by others (mode %04o): chmod %s '%s'", path,
			       (unsigned int)st->st_mode & 07777,
			       S_ISDIR(st->st_mode) ? "700" : "go-w", path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return err_set(
			err, ERR_CONFIG,
			"'%s' belongs to another user (%u), who could exchange keys: chown it, or "
			"run as that user",
			path, (unsigned int)st->st_uid);
	return 0;
}

int keys_path(const struct keys *keys, const char *name, char **ret_path, struct err *err)
{
	cleanup_free char *path = NULL;
	size_t end = strlen(keys->dir) + 1;
	int r = str_printf(&path, err, "%s/%s", keys->dir, name);

	while (r == 0) {
		char *slash = strchr(path + end, '/');
		struct stat st = { .st_mode = 0 };

		if (slash)
			*slash = '\0';
		if (lstat(path, &st) < 0 && errno != ENOENT)
			r = err_errno(err, ERR_CONFIG, errno, "cannot examine '%s'", path);
		else if (st.st_mode && slash && !S_ISDIR(st.st_mode))
			r = refuse_other(path, "a directory", err);
		else if (st.st_mode && !slash && !S_ISREG(st.st_mode))
			r = refuse_other(path, "a regular file", err);
		else if (st.st_mode)
			r = check_writers(path, &st, err);
		if (!slash)
			break;
		*slash = '/';
		end = (size_t)(slash - path) + 1;
	}
	if (r == 0)
		*ret_path = steal_ptr(&path);
	return r;
}

/* -- opening ---------------------------------------------------------------------------------- */

static int load_signer(struct keys *keys, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	int r = keys_pair_open(keys, "signer", &pair, err);

	if (r < 0)
		return r;
	if (!pair.cert || !pair.key)
		return err_set(err, ERR_USAGE,
			       "'%s' is not there: 'pgha-bundle keys import' brings it when "
			       "another CA issues it, 'keys renew signer' makes it",
			       pair.key ? pair.cert_path : pair.key_path);
	if (X509_check_private_key(pair.cert, pair.key) != 1)
		return x509_error(err, ERR_CONFIG, "'%s' and '%s' do not belong together",
				  pair.cert_path, pair.key_path);
	keys->signer = steal_ptr(&pair.cert);
	keys->signer_key = steal_ptr(&pair.key);
	keys->signer_not_after = x509_not_after(keys->signer);
	return 0;
}

static int check_signer(const struct keys *keys, struct err *err)
{
	time_t now = clock_now();
	int r = x509_check_chain(keys->signer, keys->chain, keys->crl, now, X509_FOR_BUNDLE, err);

	if (r < 0)
		return err_prefix(err, "the signer in '%s'", keys->dir);
	if (keys->signer_not_after - now < (time_t)KEYS_SIGNER_WARN_DAYS * KEYS_DAY_S)
		warning("the signer in '%s' expires in %ld days; bundles cannot be installed after "
			"that: pgha-bundle keys renew --keys '%s' signer",
			keys->dir, (long)((keys->signer_not_after - now) / KEYS_DAY_S), keys->dir);
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
	if (check_writers(dir, &st, err) < 0)
		return -(int)err->code;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int keys_open_any(const char *dir, struct keys *ret, struct err *err)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	int r = str_dup(&keys.dir, dir, err);

	for (size_t len = r == 0 ? strlen(keys.dir) : 0; len > 1 && keys.dir[len - 1] == '/'; len--)
		keys.dir[len - 1] = '\0';
	if (r == 0)
		r = open_dir(keys.dir, &keys.dir_fd, err);
	if (r == 0)
		r = keys_settings_load(&keys, err);
	if (r == 0)
		r = keys_ca_load(&keys, err);
	if (r == 0)
		r = keys_crl_load(&keys, err);
	if (r < 0)
		return r;
	*ret = keys;
	keys = (struct keys)KEYS_INIT;
	return 0;
}

int keys_open(const char *dir, struct keys *ret, struct err *err)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	int r = keys_open_any(dir, &keys, err);

	if (r == 0 && !keys.ca)
		r = err_set(err, ERR_USAGE,
			    "'%s/ca.crt' is not there: 'pgha-bundle keys init' makes a CA, 'keys "
			    "import --ca-cert' brings another's",
			    keys.dir);
	if (r == 0)
		r = load_signer(&keys, err);
	if (r == 0)
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
	x509_stack_free(keys->chain);
	X509_CRL_free(keys->crl);
	X509_free(keys->ca);
	X509_free(keys->signer);
	EVP_PKEY_free(keys->ca_key);
	EVP_PKEY_free(keys->signer_key);
	free(keys->settings.cluster);
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

static int write_sequence(const char *dir, uint64_t sequence, struct err *err)
{
	cleanup_free char *path = NULL;
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", sequence);
	int r = path_join(dir, "sequence", &path, err);

	return r < 0 ? r : file_write_atomic(path, 0600, text, (size_t)len, err);
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
