/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys directory: DIR/{ca,signer}.{crt,key}, DIR/sequence, and below DIR/nodes/NODE the
 * transport key and the services' certificates, SERVICE-NAME.{crt,key}. What is there is kept while
 * it fits, so that building again changes nothing.
 */
#ifndef PGHA_KEYS_H
#define PGHA_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "str.h"
#include "x509.h"

#define KEYS_DAY_S 86400
#define KEYS_CA_DAYS 3652    /* ten years */
#define KEYS_SIGNER_DAYS 365 /* one year */
#define KEYS_SIGNER_WARN_DAYS 60
#define KEYS_NODE_DAYS 825 /* what TLS clients of all kinds still accept */
#define KEYS_NODE_RENEW_DAYS 275
#define KEYS_PASSPHRASE_MIN 12 /* characters */

struct keys {
	char *dir;
	int dir_fd; /* also what is locked */
	unsigned int locked;
	X509 *ca;
	EVP_PKEY *ca_key;
	X509 *signer;
	EVP_PKEY *signer_key;
	time_t signer_not_after;
	uint64_t sequence; /* taken and not yet committed, or 0 */
};

#define KEYS_INIT            \
	{                    \
		.dir_fd = -1 \
	}

/* Makes DIR (0700) with a new CA and signer for CLUSTER. DIR may be absent or empty; anything in it
 * is ERR_FAILED, and nothing is touched. */
int keys_init(const char *dir, const char *cluster, struct err *err) MUST_CHECK;

/*
 * Loads the CA and the signer: private files that others may read are ERR_CONFIG, a DIR that is not
 * there is ERR_USAGE, an expired CA or signer, or a signer that is not the CA's, ERR_VERIFY. Warns
 * on stderr when the signer expires soon.
 */
int keys_open(const char *dir, struct keys *ret, struct err *err) MUST_CHECK;
/* Also gives back a sequence number that was not committed. */
void keys_release(struct keys *keys);

/* Waits for other builds; may be nested. Every function here that writes does it by itself. */
int keys_lock(struct keys *keys, struct err *err) MUST_CHECK;
void keys_unlock(struct keys *keys);

/*
 * The certificate of SERVICE-NAME on NODE (NAME: "SERVICE-NAME" whole) after WANTED, whose times
 * are ignored, and its key, both PEM; RET_KEY_PEM should be secret. What is kept in DIR is reused
 * while it fits; otherwise both are made anew.
 */
int keys_node_certificate(struct keys *keys, const char *node, const char *name,
			  const struct x509_profile *wanted, struct str *ret_cert_pem,
			  struct str *ret_key_pem, struct err *err) MUST_CHECK;

/* NODE's transport certificate, which its capsule is sealed to, and key, which goes into the bundle
 * under the node's passphrase. The caller frees both. */
int keys_transport(struct keys *keys, const char *node, X509 **ret_cert, EVP_PKEY **ret_key,
		   struct err *err) MUST_CHECK;

/*
 * The next sequence number. The directory stays locked, so that no other build takes the same one,
 * until keys_sequence_commit(), which records it once the tarball is in place, or keys_release().
 */
int keys_sequence_take(struct keys *keys, uint64_t *ret, struct err *err) MUST_CHECK;
int keys_sequence_commit(struct keys *keys, struct err *err) MUST_CHECK;

/* -- passphrases -- */

/* A file of NODE=passphrase lines: everything behind the first '=' as it stands, '#' at a line's
 * start is a comment. ERR_CONFIG when others may read it, or a passphrase is shorter than
 * KEYS_PASSPHRASE_MIN. */
struct keys_passphrases;
int keys_passphrases_load(const char *path, struct keys_passphrases **ret,
			  struct err *err) MUST_CHECK;
/* Cleansed. */
void keys_passphrases_free(struct keys_passphrases *p);
/* Borrowed in *RET; a NODE without one is ERR_CONFIG. */
int keys_passphrase(const struct keys_passphrases *p, const char *node, const char **ret,
		    struct err *err) MUST_CHECK;

#endif
