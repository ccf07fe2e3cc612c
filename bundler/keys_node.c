/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys directory holds for each node and application. */
#include <string.h>

#include "clock.h"
#include "keys.h"
#include "keys_private.h"

int keys_name(const char *folder, const char *owner, const char *name, char **ret, struct err *err)
{
	if (!str_is_word(owner, ".-_") || *owner == '.' ||
	    (name && (!str_is_word(name, ".-_") || *name == '.')))
		return err_set(err, ERR_CONFIG,
			       "'%s'%s%s%s cannot be in a file's name: only letters, digits, "
			       "'.', '-' and '_' can",
			       owner, name ? " and '" : "", name ? name : "", name ? "'" : "");
	return str_printf(ret, err, "%s/%s%s%s", folder, owner, name ? "/" : "", name ? name : "");
}

/* The pair of that name as kept, or made anew. */
static int pair_get(struct keys *keys, const char *name, const struct x509_profile *profile,
		    struct keys_pair *pair, struct err *err)
{
	int r = keys_lock(keys, err);

	if (r < 0)
		return r;
	r = keys_pair_open(keys, name, pair, err);
	if (r == 0 && keys_pair_unfit(keys, pair, profile, keys_min_life(keys, name)))
		r = keys_pair_make(keys, pair, profile, keys_life(keys, name), "build", err);
	keys_unlock(keys);
	return r;
}

int keys_node_needs(struct keys *keys, const char *node, const char *id,
		    const struct x509_profile *wanted, bool *ret, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	cleanup_free char *file = NULL;
	int r = keys_name("nodes", node, id, &file, err);

	if (r == 0)
		r = keys_pair_open(keys, file, &pair, err);
	if (r == 0)
		*ret = keys_pair_unfit(keys, &pair, wanted, keys_min_life(keys, file));
	return r;
}

int keys_node_certificate(struct keys *keys, const char *node, const char *name,
			  const struct x509_profile *wanted, struct str *ret_cert_pem,
			  struct str *ret_key_pem, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	cleanup_free char *file = NULL;
	int r = 0;

	/* No certificate of a node may be taken for the signer's, or for a CA's. */
	if (!wanted->usage || wanted->usage & ~(unsigned int)(X509_USE_SERVER | X509_USE_CLIENT))
		return err_set(err, ERR_CONFIG,
			       "certificate '%s' of node '%s' may be for serverAuth and clientAuth "
			       "alone",
			       name, node);
	if (!strcmp(name, "transport"))
		return err_set(err, ERR_CONFIG, "the name 'transport' is not free");
	r = keys_name("nodes", node, name, &file, err);
	if (r == 0)
		r = pair_get(keys, file, wanted, &pair, err);
	if (r == 0)
		r = x509_to_pem(pair.cert, ret_cert_pem, err);
	if (r == 0)
		r = x509_key_to_pem(pair.key, ret_key_pem, err);
	return r < 0 ? err_prefix(err, "certificate '%s' of node '%s'", name, node) : 0;
}

/*
 * The certificate only tells cms_seal() the key: it is in no bundle, and nobody checks who issued it. So
 * the node's own key signs it where the CA's is not at hand.
 */
static int self_signed(struct keys *keys, const char *node, struct keys_pair *pair, struct err *err)
{
	struct x509_profile profile = keys_transport_profile(node);
	int r = 0;

	if (pair->cert && pair->key && X509_check_private_key(pair->cert, pair->key) == 1 &&
	    !x509_unfit(pair->cert, &profile, pair->cert, clock_now(), 0))
		return 0;
	X509_free(steal_ptr(&pair->cert));
	EVP_PKEY_free(steal_ptr(&pair->key));
	profile.not_before = clock_now() - KEYS_DAY_S;
	profile.not_after = clock_now() + (time_t)KEYS_CA_DAYS * KEYS_DAY_S;
	r = keys_new_key(keys, &pair->key, err);
	if (r == 0)
		r = x509_create(&profile, pair->key, NULL, NULL, &pair->cert, err);
	return r < 0 ? r : keys_pair_write(keys, pair, "build", err);
}

int keys_transport(struct keys *keys, const char *node, X509 **ret_cert, EVP_PKEY **ret_key,
		   struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	const struct x509_profile profile = keys_transport_profile(node);
	cleanup_free char *file = NULL;
	int r = keys_name("nodes", node, "transport", &file, err);

	if (r == 0)
		r = keys_lock(keys, err);
	if (r < 0)
		return r;
	r = keys_pair_open(keys, file, &pair, err);
	if (r == 0 && keys_pair_unfit(keys, &pair, &profile, 0))
		r = keys_has_ca_key(keys) ? keys_pair_make(keys, &pair, &profile,
							   keys_life(keys, file), "build", err)
					  : self_signed(keys, node, &pair, err);
	keys_unlock(keys);
	if (r < 0)
		return err_prefix(err, "certificate 'transport' of node '%s'", node);
	*ret_cert = steal_ptr(&pair.cert);
	*ret_key = steal_ptr(&pair.key);
	return 0;
}

/*
 * The common name has a blank, so it can be no account's: where a service takes the CN of a client's
 * certificate for a user, `root` would be root without a password.
 */
int keys_issue_client(struct keys *keys, const char *name, struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	cleanup_free char *file = NULL;
	cleanup_free char *common_name = NULL;
	struct x509_profile profile;
	int r = keys_name("clients", name, NULL, &file, err);

	if (r < 0)
		err->code = ERR_USAGE;
	else
		r = str_printf(&common_name, err, "client %s", name);
	if (r == 0)
		r = keys_lock(keys, err);
	if (r < 0)
		return -err->code;
	profile = keys_client_profile(common_name);
	r = keys_pair_open(keys, file, &pair, err);
	if (r == 0 && (pair.cert || pair.key))
		r = err_set(err, ERR_FAILED,
			    "'%s' exists and was not touched: 'pgha-bundle keys renew %s' makes a "
			    "new one",
			    pair.cert ? pair.cert_path : pair.key_path, file);
	if (r == 0)
		r = keys_pair_make(keys, &pair, &profile, keys_life(keys, file), "issue", err);
	keys_unlock(keys);
	return r < 0 ? err_prefix(err, "certificate of client '%s'", name) : 0;
}
