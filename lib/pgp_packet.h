/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGP below the level of keys (RFC 4880): armor, packets, signature packets, RSA verification.
 * Input may be hostile; nothing is copied that can be pointed at.
 */
#ifndef PGHA_PGP_PACKET_H
#define PGHA_PGP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "pgp.h"
#include "str.h"

/* Section 4.3. */
enum pgp_tag {
	PGP_TAG_SIGNATURE = 2,
	PGP_TAG_SECRET_KEY = 5,
	PGP_TAG_PUBLIC_KEY = 6,
	PGP_TAG_USER_ID = 13,
	PGP_TAG_PUBLIC_SUBKEY = 14,
	PGP_TAG_USER_ATTRIBUTE = 17,
};

/* Section 5.2.1. */
enum pgp_signature_type {
	PGP_SIG_BINARY = 0x00,
	PGP_SIG_CERTIFICATION = 0x10, /* to 0x13 */
	PGP_SIG_CERTIFICATION_LAST = 0x13,
	PGP_SIG_SUBKEY_BINDING = 0x18,
	PGP_SIG_PRIMARY_BINDING = 0x19,
	PGP_SIG_DIRECT_KEY = 0x1f,
	PGP_SIG_KEY_REVOCATION = 0x20,
	PGP_SIG_SUBKEY_REVOCATION = 0x28,
};

struct pgp_bytes {
	const uint8_t *data; /* borrowed */
	size_t size;
};

struct pgp_packet {
	unsigned int tag;
	struct pgp_bytes body;
	struct pgp_bytes whole; /* with its header */
};

/* Takes the first packet off REST: 1, or 0 at the end, or -1 when malformed. Lengths that only the
 * end of data tells are malformed here: keys and signatures never have them. */
int pgp_packet_next(struct pgp_bytes *rest, struct pgp_packet *ret);

/* A signature packet of version 4, taken apart. */
struct pgp_sig {
	struct pgp_signature about;
	struct pgp_bytes hashed; /* from the version to the end of the hashed subpackets */
	struct pgp_bytes mpis;
	uint32_t key_expires_s;    /* after the key's creation; 0: never */
	unsigned int key_flags;    /* section 5.2.3.21, first octet; 0 when not given */
	struct pgp_bytes embedded; /* body of an embedded signature */
};

/* 0, or -1 when malformed or of a version other than 4. Only hashed subpackets count, but for the
 * issuer and an embedded signature, which prove themselves. */
int pgp_sig_parse(struct pgp_bytes body, struct pgp_sig *ret);

/* A public key packet of version 4. */
struct pgp_material {
	struct pgp_bytes body;
	unsigned int algorithm;
	unsigned int bits;
	time_t created;
	char fpr[PGP_FPR_SIZE];
	struct pgp_bytes rsa_n, rsa_e; /* RSA only */
};

/* 0, or -1 when malformed or of another version. */
int pgp_material_parse(struct pgp_bytes body, struct pgp_material *ret);

/*
 * True when SIG is KEY's signature over SUBJECTS: key packets (PRIMARY, and SUBKEY unless NULL)
 * and a user ID (unless its data is NULL), as section 5.2.4 has them hashed. RSA with SHA-2, and
 * with SHA-1 too: vendors' keys are bound with it (AlmaLinux's of 2021), nobody chose the content
 * but the vendor, and only a second preimage would help a forger.
 */
bool pgp_sig_verify(const struct pgp_sig *sig, const struct pgp_material *key,
		    const struct pgp_material *primary, const struct pgp_material *subkey,
		    struct pgp_bytes user_id);

/* True when SIG is KEY's signature over DATA, a binary document (section 5.2.4). RSA with SHA-256 or
 * better. */
bool pgp_sig_verify_data(const struct pgp_sig *sig, const struct pgp_material *key,
			 struct pgp_bytes data);

/* Appends the binary content of every armored public key block of TEXT. ERR_VERIFY when a block is
 * malformed or there is none. */
int pgp_dearmor(const char *name, struct pgp_bytes text, struct str *out,
		struct err *err) MUST_CHECK;
/* The same for armored signatures. */
int pgp_dearmor_signature(const char *name, struct pgp_bytes text, struct str *out,
			  struct err *err) MUST_CHECK;
/* Appends DATA as one armored public key block. */
int pgp_armor_add(struct str *out, struct pgp_bytes data, struct err *err) MUST_CHECK;

#endif
