/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading OpenPGP public keys and signatures (RFC 4880), as far as librpm does not tell:
 * fingerprints, strength, expiry and revocation, and which subkeys the primary key has really
 * bound. A vendor is pinned by the primary key's fingerprint, which covers nothing but that
 * key's own packet: whatever else a key file holds counts only when a signature of the primary
 * key covers it. Version 4 keys; pure functions on memory that may be hostile.
 */
#ifndef PGHA_PGP_H
#define PGHA_PGP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "err.h"

#define PGP_FPR_SIZE 41 /* upper-case hex and NUL */
#define PGP_RSA_BITS_MIN 2048

/* RFC 4880 sections 9.1 and 9.4. */
enum pgp_algorithm {
	PGP_RSA = 1,
	PGP_DSA = 17,
	PGP_ECDSA = 19,
	PGP_EDDSA = 22,
};

enum pgp_hash {
	PGP_MD5 = 1,
	PGP_SHA1 = 2,
	PGP_SHA256 = 8,
	PGP_SHA384 = 9,
	PGP_SHA512 = 10,
	PGP_SHA224 = 11,
};

struct pgp_subkey {
	char fpr[PGP_FPR_SIZE];
	unsigned int algorithm;
	unsigned int bits;
	time_t created;
	time_t expires; /* 0: never */
	bool revoked;
	bool bound; /* the primary key has verifiably made it one that signs, and it is RSA >= 2048 */
};

struct pgp_key {
	char fpr[PGP_FPR_SIZE]; /* of the primary key */
	unsigned int algorithm; /* enum pgp_algorithm, or another number of RFC 4880 */
	unsigned int bits;      /* 0: not known for this algorithm */
	time_t created;
	time_t expires; /* 0: never; by the newest verified self-signature */
	bool revoked;   /* a revocation signature is there; it is believed unverified */
	bool self_signed;
	char *user_id; /* the first one; control characters replaced; never NULL */
	struct pgp_subkey *subkeys;
	size_t subkey_count;
	unsigned char *packets; /* binary, without what nobody needs: other people's certifications,
				   user attributes, subkeys that are not bound */
	size_t packets_size;
};

struct pgp_keys {
	struct pgp_key *items;
	size_t count;
};

#define PGP_KEYS_INIT         \
	{                     \
		.items = NULL \
	}

/*
 * Reads every public key of a file, ASCII-armored (several blocks too) or binary, and appends it to
 * KEYS. NAME is for messages. ERR_VERIFY when it is malformed, too big or holds no key.
 */
int pgp_read(const char *name, const void *data, size_t size_bytes, struct pgp_keys *keys,
	     struct err *err) MUST_CHECK;
void pgp_keys_release(struct pgp_keys *keys);
/* By fingerprint in either case; borrowed, or NULL. */
const struct pgp_key *pgp_find(const struct pgp_keys *keys, const char *fpr);

/*
 * Refuses (ERR_VERIFY) a key that must not vouch for anything: revoked, not self-signed, RSA
 * below 2048 bits, or another algorithm (RHEL 8's rpm knows RSA and DSA alone). Expiry depends
 * on when a signature was made and is not looked at.
 */
int pgp_key_check(const struct pgp_key *key, struct err *err) MUST_CHECK;

/* The key as an ASCII-armored block; the caller frees. */
int pgp_armor(const struct pgp_key *key, char **ret_text, struct err *err) MUST_CHECK;

/* True for 40 hexadecimal digits. */
bool pgp_fpr_is_valid(const char *fpr);

/* What a signature packet says about itself; nothing of it is verified here. */
struct pgp_signature {
	unsigned int type; /* RFC 4880 section 5.2.1 */
	unsigned int algorithm;
	unsigned int hash;
	time_t created;
	char issuer[17]; /* key ID, upper-case hex, or "" */
};

/* The first packet of DATA, which must be a signature of version 3 or 4. */
int pgp_signature_read(const char *name, const void *data, size_t size_bytes,
		       struct pgp_signature *ret, struct err *err) MUST_CHECK;

/* Who made a detached signature. */
struct pgp_signer {
	char fpr[PGP_FPR_SIZE]; /* of the primary key */
	time_t signed_at;
	bool key_expired; /* since then: worth a notice */
};

/*
 * Verifies SIGNATURE, armored or binary, as one over DATA by one of KEYS whose fingerprint is in PINS
 * (NULL-terminated, either case), or by a subkey that this key has bound; when there are several
 * signatures, one suffices. ERR_VERIFY, saying by whom it is, when none is: by another key, by a
 * revoked or weak one, with SHA-1, made before the key or after its expiry, or over other data. NAME
 * is for messages.
 */
int pgp_verify_detached(const char *name, const void *signature, size_t signature_size,
			const void *data, size_t size_bytes, const struct pgp_keys *keys,
			const char *const *pins, struct pgp_signer *ret,
			struct err *err) MUST_CHECK;

#endif
