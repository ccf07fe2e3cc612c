/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys directory: DIR/{ca,signer}.{crt,key}, DIR/sequence, DIR/keys.yaml (settings), DIR/issued.jsonl (the
 * record of what was issued), DIR/crl.pem; below DIR/nodes/NODE the transport key and the services'
 * certificates, SERVICE-NAME.{crt,key}; applications' in DIR/clients; requests that await another CA's
 * answer in DIR/requests. What is there is kept while it fits, so that building again changes nothing.
 */
#ifndef PGHA_KEYS_H
#define PGHA_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "passphrase.h"
#include "str.h"
#include "x509.h"

#define KEYS_DAY_S 86400
#define KEYS_CA_DAYS 3652    /* ten years */
#define KEYS_SIGNER_DAYS 365 /* one year */
#define KEYS_SIGNER_WARN_DAYS 60
#define KEYS_NODE_DAYS 825       /* what TLS clients of all kinds still accept */
#define KEYS_NODE_RENEW_DAYS 275 /* a third */
#define KEYS_CLIENT_DAYS 365
#define KEYS_PASSPHRASE_MIN 12 /* characters */

struct keys_settings {
	char *cluster;
	unsigned int rsa_bits; /* 0: EC */
	unsigned int signer_days, node_days, client_days;
};

struct keys {
	char *dir;
	int dir_fd; /* also what is locked */
	unsigned int locked;
	struct keys_settings settings;
	STACK_OF(X509) *chain; /* DIR/ca.crt: the CA, and who issued it, to the root */
	X509 *ca;
	struct passphrase_source ca_passphrase; /* borrowed: where keys_ca_unlock() gets it */
	EVP_PKEY *ca_key;                       /* NULL as long as nobody needed it */
	X509_CRL *crl;                          /* DIR/crl.pem, or NULL */
	X509 *signer;
	EVP_PKEY *signer_key;
	time_t signer_not_after;
	uint64_t sequence; /* taken and not yet committed, or 0 */
};

#define KEYS_INIT            \
	{                    \
		.dir_fd = -1 \
	}

/* All borrowed; 0 and NULL stand for the defaults. */
struct keys_options {
	const char *cluster;
	unsigned int rsa_bits; /* of every key; default: EC, P-384 for the CA and P-256 */
	unsigned int ca_days, signer_days, node_days, client_days;
	const char *passphrase;       /* for the CA's key file */
	const char *const *permitted; /* see struct x509_profile */
	/* A CA that exists: its certificate first, then who issued it, to the root. */
	STACK_OF(X509) *chain;
	EVP_PKEY *ca_key;
	bool no_ca; /* make a directory for certificates that another CA will issue */
};

/* Makes DIR (0700) with a CA and a signer. DIR may be absent or empty; anything in it is ERR_FAILED, and
 * nothing is touched. */
int keys_init(const char *dir, const struct keys_options *options, struct err *err) MUST_CHECK;

/* An existing CA's key and certificates (PEM; the key perhaps encrypted, by PASSPHRASE then), in order,
 * as x509_ca_chain() wants them. *RET_ENCRYPTED: whether PASSPHRASE was needed. */
int keys_ca_from_files(const char *key_path, const char *cert_path,
		       const struct passphrase_source *passphrase, EVP_PKEY **ret_key,
		       STACK_OF(X509) **ret_chain, struct str *ret_passphrase,
		       struct err *err) MUST_CHECK;
int keys_ca_from_pkcs12(const char *path, const struct passphrase_source *passphrase,
			EVP_PKEY **ret_key, STACK_OF(X509) **ret_chain, struct str *ret_passphrase,
			struct err *err) MUST_CHECK;

/* Opens DIR with what is in it, perhaps no CA and no signer. A DIR that others may write, a symbolic link
 * in it, a file that is damaged: ERR_CONFIG; a DIR that is not there: ERR_USAGE. */
int keys_open_any(const char *dir, struct keys *ret, struct err *err) MUST_CHECK;
/*
 * Opens DIR for a build: CA and signer must be there. Private files that others may read are ERR_CONFIG,
 * an expired CA or signer, or a signer that is not the CA's, ERR_VERIFY. Warns on stderr when the signer
 * expires soon.
 */
int keys_open(const char *dir, struct keys *ret, struct err *err) MUST_CHECK;
/* Also gives back a sequence number that was not committed. */
void keys_release(struct keys *keys);

/* Makes keys->ca_key ready; does nothing when it is. Without DIR/ca.key, ERR_CONFIG that names 'keys
 * request'; a wrong passphrase is ERR_VERIFY. */
int keys_ca_unlock(struct keys *keys, struct err *err) MUST_CHECK;

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

/* As keys_node_certificate(), for an application: clients/NAME. An existing one is ERR_FAILED. */
int keys_issue_client(struct keys *keys, const char *name, struct err *err) MUST_CHECK;

/* -- lists -- */

struct keys_item {
	char *name; /* "ca", "signer", "nodes/NODE/SERVICE-NAME", "clients/NAME" */
	bool loaded;
	struct x509_facts facts; /* when loaded */
	char *problem;           /* NULL: none */
	bool waits;              /* a request for it awaits another CA's answer */
};

struct keys_list {
	struct keys_item *items;
	size_t count;
};

#define KEYS_LIST_INIT        \
	{                     \
		.items = NULL \
	}

/* Every certificate in DIR: the CA, the signer, then by name. What is wrong with one is in its item. */
int keys_list_load(struct keys *keys, struct keys_list *ret, struct err *err) MUST_CHECK;
void keys_list_release(struct keys_list *list);
/* Whether NAME, as a person gives it, means ITEM: its name whole, or without "nodes/" or "clients/", or a
 * node's name, which means all of its services' certificates. */
bool keys_item_is(const struct keys_item *item, const char *name);

/* -- later -- */

/* A new key and certificate for the certificate of that name (struct keys_item), with the subject, names
 * and usages that it has. */
int keys_renew(struct keys *keys, const char *name, struct err *err) MUST_CHECK;
/* Whether so little is left of its life that it should be renewed. */
bool keys_is_due(const struct keys *keys, const struct keys_item *item);

/* Puts SERIAL (hexadecimal) on the list in DIR/crl.pem; one that stands there is left. */
int keys_revoke(struct keys *keys, const char *serial, struct err *err) MUST_CHECK;
/* The serial number in upper case without colons, added to RET, when a certificate with it was issued here;
 * else ERR_USAGE. */
int keys_known_serial(const struct keys *keys, const char *text, struct str *ret,
		      struct err *err) MUST_CHECK;
/* Takes the list at PATH, which the CA signed. One that is older than what is there is refused. */
int keys_crl_import(struct keys *keys, const char *path, struct err *err) MUST_CHECK;
/* The list for certs/crl.pem of a bundle, PEM, added to RET; nothing when none was made. ERR_VERIFY when it
 * has expired. */
int keys_crl_pem(const struct keys *keys, struct str *ret, struct err *err) MUST_CHECK;

/* -- another CA -- */

/* A key and a request for the certificate of that name, DIR/requests/NAME.{key,csr}; the key of an earlier
 * request is kept. *RET_PATH: of the request; the caller frees. */
int keys_request(struct keys *keys, const char *name, const struct x509_profile *profile,
		 char **ret_path, struct err *err) MUST_CHECK;
/* The same for a certificate that is there, the signer, or an application ("clients/NAME"). */
int keys_request_named(struct keys *keys, const char *name, char **ret_path,
		       struct err *err) MUST_CHECK;
/* Whether the pair "nodes/NODE/ID" is not there, unfit or due. */
int keys_node_needs(struct keys *keys, const char *node, const char *id,
		    const struct x509_profile *wanted, bool *ret, struct err *err) MUST_CHECK;
/* The chain of the CA that issues: sets DIR/ca.crt. Another one than what is there is ERR_FAILED. */
int keys_import_ca(struct keys *keys, const char *path, struct err *err) MUST_CHECK;
/*
 * Takes the certificate at PATH, finds whose it is by its key, and puts it in place when it is what was
 * asked for and passes its chain's check. *RET_NAME: what it is; the caller frees. ERR_VERIFY.
 */
int keys_import(struct keys *keys, const char *path, char **ret_name, struct err *err) MUST_CHECK;

/* -- transport -- */

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
struct topology; /* lib/topology.h */
int keys_passphrases_load(const char *path, struct keys_passphrases **ret,
			  struct err *err) MUST_CHECK;
/* Cleansed. */
void keys_passphrases_free(struct keys_passphrases *p);
/* Borrowed in *RET; a NODE without one is ERR_CONFIG. */
int keys_passphrase(const struct keys_passphrases *p, const char *node, const char **ret,
		    struct err *err) MUST_CHECK;
/* Warns of lines for nodes that are none of TOPOLOGY's: a misspelt name, or a node that went. */
void keys_passphrases_tell_unknown(const struct keys_passphrases *p,
				   const struct topology *topology);

#endif
