/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of bundler/keys*.c and bundler/cmd_keys*.c. */
#ifndef PGHA_KEYS_PRIVATE_H
#define PGHA_KEYS_PRIVATE_H

#include "keys.h"

/* -- files -- */

/* DIR/NAME, where neither a directory on the way nor the file is anything but itself: a symbolic link
 * is ERR_CONFIG. The file may be absent. The caller frees. */
int keys_path(const struct keys *keys, const char *name, char **ret_path,
	      struct err *err) MUST_CHECK;
bool keys_exists(const char *path);

/* -- settings: DIR/keys.yaml -- */

int keys_settings_load(struct keys *keys, struct err *err) MUST_CHECK;
int keys_settings_write(const struct keys *keys, struct err *err) MUST_CHECK;

/* -- the CA -- */

/* Fills keys->chain and keys->ca from DIR/ca.crt; 0 without them when it is not there. */
int keys_ca_load(struct keys *keys, struct err *err) MUST_CHECK;
int keys_ca_write(struct keys *keys, STACK_OF(X509) *chain, struct err *err) MUST_CHECK;
/* Under PASSPHRASE unless it is NULL. */
int keys_ca_key_write(const struct keys *keys, EVP_PKEY *key, const char *passphrase,
		      struct err *err) MUST_CHECK;
bool keys_has_ca_key(const struct keys *keys);

/* Fills keys->crl when DIR/crl.pem is there. */
int keys_crl_load(struct keys *keys, struct err *err) MUST_CHECK;

/* -- pairs of a certificate and its key -- */

/* NAME is "signer", "nodes/NODE/SERVICE-NAME" or "clients/NAME". */
struct keys_pair {
	char *name;
	char *cert_path, *key_path;
	X509 *cert;    /* NULL: not there */
	EVP_PKEY *key; /* NULL: not there */
};

void keys_pair_release(struct keys_pair *pair);
/* Loads what is there; a missing directory is made. A private key that others may read, or a file that
 * is none, is ERR_CONFIG. */
int keys_pair_open(const struct keys *keys, const char *name, struct keys_pair *ret,
		   struct err *err) MUST_CHECK;
/* NULL when PAIR is whole and what PROFILE asks for, MIN_LIFE_S seconds from now too (or to its CA's
 * end); else a few words. */
const char *keys_pair_unfit(const struct keys *keys, const struct keys_pair *pair,
			    const struct x509_profile *profile, time_t min_life_s);
/* A new key and certificate in the place of what was there, for LIFE_S seconds at most; recorded as
 * ACTION. PROFILE's times are ignored. Needs the CA's key. */
int keys_pair_make(struct keys *keys, struct keys_pair *pair, const struct x509_profile *profile,
		   time_t life_s, const char *action, struct err *err) MUST_CHECK;
/* Records CERT and puts both in place: the key first, so that a certificate that is there has its
 * key. */
int keys_pair_write(const struct keys *keys, const struct keys_pair *pair, const char *action,
		    struct err *err) MUST_CHECK;
/* A key of the kind that this directory has. */
int keys_new_key(const struct keys *keys, EVP_PKEY **ret, struct err *err) MUST_CHECK;
/* CERT is good for all of USAGE now, by the CA of KEYS. */
int keys_check_usage(const struct keys *keys, X509 *cert, unsigned int usage,
		     struct err *err) MUST_CHECK;
/* What a pair of that name is to live for, and what must be left of it or it is made again; seconds. */
time_t keys_life(const struct keys *keys, const char *name);
time_t keys_min_life(const struct keys *keys, const char *name);
/* FOLDER/OWNER[/NAME], each of the latter a plain word; ERR_CONFIG. The caller frees. */
int keys_name(const char *folder, const char *owner, const char *name, char **ret,
	      struct err *err) MUST_CHECK;
/* What applications have; COMMON_NAME is "client NAME". */
struct x509_profile keys_client_profile(const char *common_name);
struct x509_profile keys_signer_profile(const struct keys *keys);
struct x509_profile keys_transport_profile(const char *node);

/* -- the log: DIR/issued.jsonl -- */

int keys_log(const struct keys *keys, const char *action, const char *name, X509 *cert,
	     struct err *err) MUST_CHECK;
/* The latest line for a certificate with SERIAL: its name in *RET_NAME, which the caller frees; NULL when
 * there is none. */
int keys_log_find(const struct keys *keys, const char *serial, char **ret_name,
		  struct err *err) MUST_CHECK;

#endif
