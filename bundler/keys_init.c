/* SPDX-License-Identifier: Apache-2.0 */
/* A new keys directory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "keys.h"
#include "keys_private.h"

static const char ignored_by_git[] = "# Private keys are never put under version control.\n"
				     "*.key\n"
				     "requests/\n";

static int make_ca(const struct keys_options *options, EVP_PKEY **ret_key, X509 **ret,
		   struct err *err)
{
	const unsigned int days = options->ca_days ? options->ca_days : KEYS_CA_DAYS;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	/* Times start a day early: the clocks of machines without a network are not exact. */
	const struct x509_profile profile = {
		.organization = "pgha",
		.unit = options->cluster,
		.common_name = "pgha cluster CA",
		.usage = X509_USE_CA,
		.permitted = options->permitted,
		.not_before = clock_now() - KEYS_DAY_S,
		.not_after = clock_now() + (time_t)days * KEYS_DAY_S,
	};
	int r = options->rsa_bits ? x509_rsa_generate(options->rsa_bits, &key, err)
				  : x509_key_generate(X509_KEY_P384, &key, err);

	if (r == 0)
		r = x509_create(&profile, key, NULL, NULL, ret, err);
	if (r == 0)
		*ret_key = steal_ptr(&key);
	return r;
}

static int new_authority(struct keys *keys, const struct keys_options *options, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *chain = sk_X509_new_null();
	CLEANUP(X509_freep) X509 *ca = NULL;
	int r = chain ? make_ca(options, &keys->ca_key, &ca, err) : err_nomem(err);

	if (r < 0)
		return r;
	if (!sk_X509_push(chain, ca))
		return err_nomem(err);
	ca = NULL;
	return keys_ca_write(keys, chain, err);
}

static int make_signer(struct keys *keys, const struct keys_options *options, struct err *err)
{
	const struct x509_profile profile = keys_signer_profile(keys);
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	int r = 0;

	if (options->ca_key) {
		if (EVP_PKEY_up_ref(options->ca_key) != 1)
			return err_nomem(err);
		keys->ca_key = options->ca_key;
		r = keys_ca_write(keys, options->chain, err);
	} else {
		r = new_authority(keys, options, err);
		if (r == 0)
			r = keys_log(keys, "init", "ca", keys->ca, err);
	}
	if (r == 0)
		r = keys_ca_key_write(keys, keys->ca_key, options->passphrase, err);
	if (r == 0)
		r = keys_pair_open(keys, "signer", &pair, err);
	return r < 0 ? r
		     : keys_pair_make(keys, &pair, &profile, keys_life(keys, "signer"), "init",
				      err);
}

static int write_small(const char *dir, const char *name, const char *text, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = path_join(dir, name, &path, err);

	return r < 0 ? r : file_write_atomic(path, 0600, text, strlen(text), err);
}

/* DIR is private, and empty. */
static int make_authorities(const char *dir, const struct keys_options *options, struct err *err)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	int r = str_dup(&keys.dir, dir, err);

	if (r == 0)
		r = str_dup(&keys.settings.cluster, options->cluster, err);
	keys.settings.rsa_bits = options->rsa_bits;
	keys.settings.signer_days = options->signer_days ? options->signer_days : KEYS_SIGNER_DAYS;
	keys.settings.node_days = options->node_days ? options->node_days : KEYS_NODE_DAYS;
	keys.settings.client_days = options->client_days ? options->client_days : KEYS_CLIENT_DAYS;
	if (r == 0)
		r = write_small(dir, ".gitignore", ignored_by_git, err);
	if (r == 0)
		r = keys_settings_write(&keys, err);
	if (r == 0)
		r = write_small(dir, "sequence", "0\n", err);
	if (r == 0 && !options->no_ca)
		r = make_signer(&keys, options, err);
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
static int make_beside(const char *dir, const char *temp, const struct keys_options *options,
		       struct err *err)
{
	int r = make_authorities(temp, options, err);

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

int keys_init(const char *dir, const struct keys_options *options, struct err *err)
{
	const char *cluster = options->cluster;
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
	r = make_beside(final, temp, options, err);
	if (r < 0 && tree_remove(temp, &ignored) < 0)
		err_detail(err, "remove '%s' yourself: %s", temp, ignored.msg);
	return r;
}
