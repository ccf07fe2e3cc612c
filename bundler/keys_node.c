/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys directory holds for each node: DIR/nodes/NODE/NAME.{crt,key}. */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "file.h"
#include "keys.h"

struct node_pair {
	char *cert_path;
	char *key_path;
	X509 *cert;
	EVP_PKEY *key;
};

static void pair_release(struct node_pair *pair)
{
	free(pair->cert_path);
	free(pair->key_path);
	X509_free(pair->cert);
	EVP_PKEY_free(pair->key);
}

static int pair_paths(const struct keys *keys, const char *node, const char *name,
		      struct node_pair *pair, struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = 0;

	if (!str_is_word(node, ".-_") || *node == '.' || !str_is_word(name, ".-_") || *name == '.')
		return err_set(err, ERR_CONFIG,
			       "'%s' and '%s' do not make a file's name: letters, digits, '.', '-' "
			       "and '_'",
			       node, name);
	r = str_printf(&dir, err, "%s/nodes/%s", keys->dir, node);
	if (r == 0)
		r = dir_make(dir, 0700, err);
	if (r == 0)
		r = str_printf(&pair->cert_path, err, "%s/%s.crt", dir, name);
	if (r == 0)
		r = str_printf(&pair->key_path, err, "%s/%s.key", dir, name);
	return r;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* What is kept: 0 with PAIR filled only when both files are there. */
static int pair_load(struct node_pair *pair, struct err *err)
{
	int r = 0;

	if (!is_there(pair->cert_path) || !is_there(pair->key_path))
		return 0;
	r = x509_key_load(pair->key_path, ERR_CONFIG, &pair->key, err);
	if (r == 0)
		r = x509_load(pair->cert_path, ERR_CONFIG, &pair->cert, err);
	if (r < 0)
		err_detail(err, "remove both '%s' and '%s' to have new ones made", pair->cert_path,
			   pair->key_path);
	return r;
}

/* The key is written first: a certificate that is there has its key, or the pair is made again. */
static int pair_make(const struct keys *keys, const struct x509_profile *profile,
		     struct node_pair *pair, struct err *err)
{
	int r = 0;

	X509_free(steal_ptr(&pair->cert));
	EVP_PKEY_free(steal_ptr(&pair->key));
	r = x509_key_generate(X509_KEY_P256, &pair->key, err);
	if (r == 0)
		r = x509_create(profile, pair->key, keys->ca, keys->ca_key, &pair->cert, err);
	if (r == 0)
		r = x509_key_write(pair->key_path, pair->key, err);
	if (r == 0)
		r = x509_write(pair->cert_path, pair->cert, err);
	return r;
}

static bool pair_fits(const struct keys *keys, const struct x509_profile *profile,
		      const struct node_pair *pair, time_t min_life_s)
{
	bool fits = false;

	if (!pair->cert || !pair->key)
		return false;
	/* One that already lives as long as its CA cannot be made to live longer. */
	if (x509_not_after(pair->cert) >= x509_not_after(keys->ca))
		min_life_s = 0;
	fits = X509_check_private_key(pair->cert, pair->key) == 1 &&
	       !x509_unfit(pair->cert, profile, keys->ca, clock_now(), min_life_s);
	ERR_clear_error();
	return fits;
}

/* The pair of NODE and NAME for LIFE_S seconds, as kept or made anew. */
static int pair_get(struct keys *keys, const char *node, const char *name,
		    struct x509_profile profile, time_t life_s, time_t min_life_s,
		    struct node_pair *pair, struct err *err)
{
	time_t end = x509_not_after(keys->ca);
	int r = keys_lock(keys, err);

	if (r < 0)
		return r;
	profile.not_before = clock_now() - KEYS_DAY_S; /* clocks without a network */
	profile.not_after = clock_now() + life_s;
	if (profile.not_after > end)
		profile.not_after = end;
	r = pair_paths(keys, node, name, pair, err);
	if (r == 0)
		r = pair_load(pair, err);
	if (r == 0 && !pair_fits(keys, &profile, pair, min_life_s))
		r = pair_make(keys, &profile, pair, err);
	keys_unlock(keys);
	return r < 0 ? err_prefix(err, "certificate '%s' of node '%s'", name, node) : 0;
}

int keys_node_certificate(struct keys *keys, const char *node, const char *name,
			  const struct x509_profile *wanted, struct str *ret_cert_pem,
			  struct str *ret_key_pem, struct err *err)
{
	CLEANUP(pair_release) struct node_pair pair = { .cert = NULL };
	int r = 0;

	/* No certificate of a node may be taken for the signer's, or for a CA's. */
	if (!wanted->usage || wanted->usage & ~(unsigned int)(X509_USE_SERVER | X509_USE_CLIENT))
		return err_set(err, ERR_CONFIG,
			       "certificate '%s' of node '%s' may be for serverAuth and clientAuth "
			       "alone",
			       name, node);
	if (!strcmp(name, "transport"))
		return err_set(err, ERR_CONFIG, "the name 'transport' is not free");
	r = pair_get(keys, node, name, *wanted, (time_t)KEYS_NODE_DAYS * KEYS_DAY_S,
		     (time_t)KEYS_NODE_RENEW_DAYS * KEYS_DAY_S, &pair, err);
	if (r == 0)
		r = x509_to_pem(pair.cert, ret_cert_pem, err);
	if (r == 0)
		r = x509_key_to_pem(pair.key, ret_key_pem, err);
	return r;
}

int keys_transport(struct keys *keys, const char *node, X509 **ret_cert, EVP_PKEY **ret_key,
		   struct err *err)
{
	CLEANUP(pair_release) struct node_pair pair = { .cert = NULL };
	const struct x509_profile profile = {
		.organization = "pgha",
		.unit = "transport",
		.common_name = node,
		.usage = X509_USE_SEAL,
	};
	int r = pair_get(keys, node, "transport", profile, (time_t)KEYS_CA_DAYS * KEYS_DAY_S, 0,
			 &pair, err);

	if (r < 0)
		return r;
	*ret_cert = steal_ptr(&pair.cert);
	*ret_key = steal_ptr(&pair.key);
	return 0;
}
