/* SPDX-License-Identifier: Apache-2.0 */
/* Detached signatures over documents, RFC 4880 sections 5.2.4 and 11.4. */
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "clock.h"
#include "pgp_packet.h"

#define SIGNATURE_FILE_MAX (256U << 10)
#define SIGNATURES_MAX 16

/* What is verified, and by what. */
struct detached {
	const char *name;
	struct pgp_bytes data;
	const struct pgp_keys *keys;
	const char *const *pins;
};

static bool is_pinned(const struct detached *d, const char *fpr)
{
	for (const char *const *pin = d->pins; *pin; pin++)
		if (!strcasecmp(*pin, fpr))
			return true;
	return false;
}

/* A signature by nobody may be anybody's. */
static bool is_issuer(const struct pgp_signature *about, const char *fpr)
{
	return !about->issuer[0] || !strcmp(about->issuer, fpr + PGP_FPR_SIZE - 1 - 16);
}

/* The expiry of the key or bound subkey FPR of KEY in *RET (0: never); false when it is neither. */
static bool find_expiry(const struct pgp_key *key, const char *fpr, time_t *ret)
{
	*ret = key->expires;
	if (!strcmp(key->fpr, fpr))
		return true;
	for (size_t i = 0; i < key->subkey_count; i++) {
		const struct pgp_subkey *sub = &key->subkeys[i];

		if (strcmp(sub->fpr, fpr) != 0 || !sub->bound)
			continue;
		if (sub->expires && (!*ret || sub->expires < *ret))
			*ret = sub->expires;
		return true;
	}
	return false;
}

static int check_time(const struct detached *d, const struct pgp_sig *sig,
		      const struct pgp_key *key, const struct pgp_material *material,
		      time_t expires, struct err *err)
{
	if (sig->about.created < material->created)
		return err_set(err, ERR_VERIFY, "%s is signed with a time before key %s was made",
			       d->name, key->fpr);
	if (expires && sig->about.created >= expires)
		return err_set(err, ERR_VERIFY,
			       "%s was signed by key %s (%s) after that had expired", d->name,
			       key->fpr, key->user_id);
	return 0;
}

/* Tries MATERIAL, the primary or a subkey of KEY: 1 when SIG is its signature, 0 when it is nobody's
 * business here, or a failure. */
static int try_material(const struct detached *d, const struct pgp_sig *sig,
			const struct pgp_key *key, const struct pgp_material *material,
			struct pgp_signer *ret, struct err *err)
{
	time_t expires = 0;

	if (!is_issuer(&sig->about, material->fpr) || !find_expiry(key, material->fpr, &expires))
		return 0;
	if (pgp_key_check(key, err) < 0)
		return err_prefix(err, "%s", d->name);
	if (!pgp_sig_verify_data(sig, material, d->data)) {
		if (!sig->about.issuer[0])
			return 0;
		return err_set(err, ERR_VERIFY, "%s is not what key %s (%s) has signed, or damaged",
			       d->name, key->fpr, key->user_id);
	}
	if (check_time(d, sig, key, material, expires, err) < 0)
		return -(int)err->code;
	memcpy(ret->fpr, key->fpr, sizeof(ret->fpr));
	ret->signed_at = sig->about.created;
	ret->key_expired = expires && clock_now() >= expires;
	return 1;
}

static int try_key(const struct detached *d, const struct pgp_sig *sig, const struct pgp_key *key,
		   struct pgp_signer *ret, struct err *err)
{
	struct pgp_bytes rest = { .data = key->packets, .size = key->packets_size };
	struct pgp_packet packet;
	struct pgp_material material;
	int r = 0;

	while (r == 0 && pgp_packet_next(&rest, &packet) > 0) {
		if (packet.tag != PGP_TAG_PUBLIC_KEY && packet.tag != PGP_TAG_PUBLIC_SUBKEY)
			continue;
		if (pgp_material_parse(packet.body, &material) == 0)
			r = try_material(d, sig, key, &material, ret, err);
	}
	return r;
}

static int not_pinned(const struct detached *d, const struct pgp_signature *about, struct err *err)
{
	for (size_t i = 0; i < d->keys->count; i++) {
		const struct pgp_key *key = &d->keys->items[i];

		if (about->issuer[0] && is_issuer(about, key->fpr))
			return err_set(err, ERR_VERIFY,
				       "%s is signed by key %s (%s), which is not pinned", d->name,
				       key->fpr, key->user_id);
	}
	return err_set(err, ERR_VERIFY, "%s is not signed by a pinned key, but by key ID %s",
		       d->name, about->issuer[0] ? about->issuer : "unknown");
}

static int check_signature(const struct detached *d, struct pgp_bytes body, struct pgp_signer *ret,
			   struct err *err)
{
	struct pgp_sig sig;
	int r = 0;

	if (pgp_sig_parse(body, &sig) < 0 || sig.about.type != PGP_SIG_BINARY)
		return err_set(err, ERR_VERIFY,
			       "%s: its signature is none of version 4 over a document", d->name);
	for (size_t i = 0; r == 0 && i < d->keys->count; i++)
		if (is_pinned(d, d->keys->items[i].fpr))
			r = try_key(d, &sig, &d->keys->items[i], ret, err);
	if (r == 0)
		return not_pinned(d, &sig.about, err);
	if (r < 0 && (sig.about.hash < PGP_SHA256 || sig.about.hash > PGP_SHA512))
		return err_set(err, ERR_VERIFY,
			       "%s has a weak signature (%s): SHA-256 or better is needed", d->name,
			       sig.about.hash == PGP_SHA1 ? "SHA-1" : "an old digest");
	return r < 0 ? r : 0;
}

static int check_packets(const struct detached *d, struct pgp_bytes rest, struct pgp_signer *ret,
			 struct err *err)
{
	struct err why = ERR_INIT;
	struct pgp_packet packet;
	unsigned int count = 0;
	int more = 0;

	while ((more = pgp_packet_next(&rest, &packet)) > 0 && count < SIGNATURES_MAX) {
		struct err *first = count++ ? &why : err;

		if (packet.tag != PGP_TAG_SIGNATURE)
			return err_set(err, ERR_VERIFY, "%s: its signature holds something else",
				       d->name);
		if (check_signature(d, packet.body, ret, first) == 0) {
			*err = (struct err)ERR_INIT;
			return 0;
		}
	}
	if (more < 0 || !count)
		return err_set(err, ERR_VERIFY, "%s: malformed OpenPGP signature", d->name);
	return -(int)err->code;
}

int pgp_verify_detached(const char *name, const void *signature, size_t signature_size,
			const void *data, size_t size_bytes, const struct pgp_keys *keys,
			const char *const *pins, struct pgp_signer *ret, struct err *err)
{
	CLEANUP(str_release) struct str binary = STR_INIT;
	const struct detached d = { .name = name,
				    .data = { .data = data, .size = size_bytes },
				    .keys = keys,
				    .pins = pins };
	struct pgp_bytes bytes = { .data = signature, .size = signature_size };

	if (signature_size > SIGNATURE_FILE_MAX)
		return err_set(err, ERR_VERIFY, "%s: its signature is too big", name);
	if (!signature_size || !(bytes.data[0] & 0x80)) {
		if (pgp_dearmor_signature(name, bytes, &binary, err) < 0)
			return -err->code;
		bytes = (struct pgp_bytes){ .data = (const uint8_t *)binary.buf,
					    .size = binary.len };
	}
	return check_packets(&d, bytes, ret, err);
}
