/* SPDX-License-Identifier: Apache-2.0 */
/* One certificate and its key: what is kept, whether it fits, and how it is made. */
#include <openssl/err.h>
#include <string.h>

#include "clock.h"
#include "file.h"
#include "keys.h"
#include "keys_private.h"

void keys_pair_release(struct keys_pair *pair)
{
	free(pair->name);
	free(pair->cert_path);
	free(pair->key_path);
	X509_free(pair->cert);
	EVP_PKEY_free(pair->key);
	*pair = (struct keys_pair){ .name = NULL };
}

/* The directory of NAME. */
static int make_dir(const struct keys *keys, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	cleanup_free char *path = NULL;

	if (!slash)
		return 0;
	if (str_printf(&path, err, "%s/%.*s", keys->dir, (int)(slash - name), name) < 0)
		return -err->code;
	return dir_make(path, 0700, err);
}

static int load(struct keys_pair *pair, struct err *err)
{
	int r = 0;

	if (keys_exists(pair->key_path))
		r = x509_key_load(pair->key_path, ERR_CONFIG, &pair->key, err);
	if (r == 0 && keys_exists(pair->cert_path))
		r = x509_load(pair->cert_path, ERR_CONFIG, &pair->cert, err);
	if (r < 0 && strcmp(pair->name, "signer") != 0)
		err_detail(err, "remove both '%s' and '%s' to have new ones made", pair->cert_path,
			   pair->key_path);
	return r;
}

int keys_pair_open(const struct keys *keys, const char *name, struct keys_pair *ret,
		   struct err *err)
{
	CLEANUP(keys_pair_release) struct keys_pair pair = { .name = NULL };
	cleanup_free char *cert = NULL;
	cleanup_free char *key = NULL;
	int r = str_dup(&pair.name, name, err);

	if (r == 0)
		r = str_printf(&cert, err, "%s.crt", name);
	if (r == 0)
		r = str_printf(&key, err, "%s.key", name);
	if (r == 0)
		r = keys_path(keys, cert, &pair.cert_path, err);
	if (r == 0)
		r = keys_path(keys, key, &pair.key_path, err);
	if (r == 0)
		r = make_dir(keys, name, err);
	if (r == 0)
		r = load(&pair, err);
	if (r < 0)
		return r;
	*ret = pair;
	pair = (struct keys_pair){ .name = NULL };
	return 0;
}

const char *keys_pair_unfit(const struct keys *keys, const struct keys_pair *pair,
			    const struct x509_profile *profile, time_t min_life_s)
{
	const char *why = NULL;

	if (!pair->cert || !pair->key)
		return "not there";
	if (X509_check_private_key(pair->cert, pair->key) != 1) {
		ERR_clear_error();
		return "key";
	}
	if (keys->crl && x509_crl_has(keys->crl, pair->cert))
		return "revoked";
	/* One that already lives as long as its CA cannot be made to live longer. */
	if (keys->ca && x509_not_after(pair->cert) >= x509_not_after(keys->ca))
		min_life_s = 0;
	why = x509_unfit(pair->cert, profile, keys->ca ? keys->ca : pair->cert, clock_now(),
			 min_life_s);
	ERR_clear_error();
	return why;
}

int keys_new_key(const struct keys *keys, EVP_PKEY **ret, struct err *err)
{
	return x509_key_generate(keys->settings.rsa_bits ? X509_KEY_RSA3072 : X509_KEY_P256, ret,
				 err);
}

int keys_check_usage(const struct keys *keys, X509 *cert, unsigned int usage, struct err *err)
{
	static const struct {
		unsigned int usage;
		enum x509_purpose purpose;
	} checks[] = {
		{ X509_USE_EMAIL | X509_USE_BUNDLE, X509_FOR_BUNDLE },
		{ X509_USE_SERVER, X509_FOR_SERVER },
		{ X509_USE_CLIENT, X509_FOR_CLIENT },
		{ X509_USE_SEAL, X509_FOR_SEAL },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++)
		if (usage & checks[i].usage)
			r = x509_check_chain(cert, keys->chain, NULL, clock_now(),
					     checks[i].purpose, err);
	return r;
}

int keys_pair_write(const struct keys *keys, const struct keys_pair *pair, const char *action,
		    struct err *err)
{
	int r = keys_log(keys, action, pair->name, pair->cert, err);

	if (r == 0)
		r = x509_key_write(pair->key_path, pair->key, err);
	return r < 0 ? r : x509_write(pair->cert_path, pair->cert, err);
}

/* Times start a day early: the clocks of machines without a network are not exact. */
int keys_pair_make(struct keys *keys, struct keys_pair *pair, const struct x509_profile *profile,
		   time_t life_s, const char *action, struct err *err)
{
	struct x509_profile timed = *profile;
	int r = keys_ca_unlock(keys, err);

	if (r < 0)
		return r;
	timed.not_before = clock_now() - KEYS_DAY_S;
	timed.not_after = clock_now() + life_s;
	if (timed.not_after > x509_not_after(keys->ca))
		timed.not_after = x509_not_after(keys->ca);
	X509_free(steal_ptr(&pair->cert));
	EVP_PKEY_free(steal_ptr(&pair->key));
	r = keys_new_key(keys, &pair->key, err);
	if (r == 0)
		r = x509_create(&timed, pair->key, keys->ca, keys->ca_key, &pair->cert, err);
	if (r == 0)
		r = keys_check_usage(keys, pair->cert, profile->usage, err);
	return r < 0 ? r : keys_pair_write(keys, pair, action, err);
}

/* -- what a name stands for ------------------------------------------------------------------- */

time_t keys_life(const struct keys *keys, const char *name)
{
	const struct keys_settings *s = &keys->settings;
	unsigned int days = s->node_days;

	if (!strcmp(name, "signer"))
		days = s->signer_days;
	else if (str_starts(name, "clients/"))
		days = s->client_days;
	else if (str_ends(name, "/transport"))
		days = KEYS_CA_DAYS;
	return (time_t)days * KEYS_DAY_S;
}

time_t keys_min_life(const struct keys *keys, const char *name)
{
	if (str_ends(name, "/transport"))
		return 0;
	return keys_life(keys, name) / 3;
}

struct x509_profile keys_signer_profile(const struct keys *keys)
{
	return (struct x509_profile){
		.organization = "pgha",
		.unit = keys->settings.cluster,
		.common_name = "pgha bundle signer",
		.usage = X509_USE_EMAIL | X509_USE_BUNDLE,
	};
}

struct x509_profile keys_client_profile(const char *common_name)
{
	return (struct x509_profile){
		.organization = "pgha",
		.unit = "client",
		.common_name = common_name,
		.usage = X509_USE_CLIENT,
	};
}

struct x509_profile keys_transport_profile(const char *node)
{
	return (struct x509_profile){
		.organization = "pgha",
		.unit = "transport",
		.common_name = node,
		.usage = X509_USE_SEAL,
	};
}
