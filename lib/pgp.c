/* SPDX-License-Identifier: Apache-2.0 */
#include "pgp.h"

#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "pgp_packet.h"

#define INPUT_MAX (1U << 20) /* bytes of a key file */
#define KEYS_MAX 64          /* in a file */
#define SUBKEYS_MAX 32       /* of a key */
#define SELF_SIGNATURES_MAX 256
#define USER_ID_SHOWN 200 /* bytes */
#define FLAG_SIGN 0x02    /* RFC 4880 section 5.2.3.21 */

/* What a signature packet belongs to. */
enum component { COMPONENT_NONE, COMPONENT_PRIMARY, COMPONENT_USER_ID, COMPONENT_SUBKEY };

/* A key while its packets are read. */
struct reader {
	struct pgp_key key;
	struct pgp_material primary;
	struct str packets;
	time_t newest_self; /* creation of the self-signature that expiry comes from */
	unsigned int self_signatures;

	enum component component;
	struct pgp_packet head; /* the user ID or subkey that signatures belong to */
	bool head_written;
	size_t head_start; /* in PACKETS */
	struct pgp_material subkey;
	struct pgp_subkey *sub;
	time_t newest_binding;
	bool proven_user_id; /* user_id is one that the key has certified */
};

bool pgp_fpr_is_valid(const char *fpr)
{
	return strlen(fpr) == PGP_FPR_SIZE - 1 &&
	       strspn(fpr, "0123456789abcdefABCDEF") == PGP_FPR_SIZE - 1;
}

static void key_release(struct pgp_key *key)
{
	free(key->user_id);
	free(key->subkeys);
	free(key->packets);
}

void pgp_keys_release(struct pgp_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		key_release(&keys->items[i]);
	free(keys->items);
	*keys = (struct pgp_keys)PGP_KEYS_INIT;
}

const struct pgp_key *pgp_find(const struct pgp_keys *keys, const char *fpr)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcasecmp(keys->items[i].fpr, fpr) == 0)
			return &keys->items[i];
	return NULL;
}

static void add_bytes(struct str *s, struct pgp_bytes b)
{
	str_add_len(s, b.data, b.size);
}

/* Keeps the packet that signatures belong to, once one of them counts. */
static void write_head(struct reader *r)
{
	if (!r->head_written)
		add_bytes(&r->packets, r->head.whole);
	r->head_written = true;
}

static void begin_head(struct reader *r, const struct pgp_packet *packet)
{
	r->head = *packet;
	r->head_written = false;
	r->head_start = r->packets.len;
}

static int set_user_id(struct reader *r, struct pgp_bytes id, struct err *err)
{
	size_t n = id.size < USER_ID_SHOWN ? id.size : USER_ID_SHOWN;
	char *text = malloc(n + 1);

	if (!text)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(id.data[i] < 0x20 || id.data[i] == 0x7f ? '?' : id.data[i]);
	text[n] = '\0';
	free(r->key.user_id);
	r->key.user_id = text;
	return 0;
}

/* True when SIG names the primary key (or nobody) as its maker; a limit on verified ones keeps a
 * hostile file from costing minutes. */
static bool may_be_own(struct reader *r, const struct pgp_sig *sig)
{
	if (sig->about.issuer[0] && strcmp(sig->about.issuer, r->primary.fpr + 24) != 0)
		return false;
	return r->self_signatures++ < SELF_SIGNATURES_MAX;
}

/* The newest self-signature says when the key expires. */
static void note_expiry(struct reader *r, const struct pgp_sig *sig)
{
	if (r->key.self_signed && sig->about.created < r->newest_self)
		return;
	r->newest_self = sig->about.created;
	r->key.self_signed = true;
	r->key.expires = sig->key_expires_s ? r->primary.created + (time_t)sig->key_expires_s : 0;
}

static int read_certification(struct reader *r, const struct pgp_packet *packet,
			      const struct pgp_sig *sig, struct err *err)
{
	if (sig->about.type < PGP_SIG_CERTIFICATION ||
	    sig->about.type > PGP_SIG_CERTIFICATION_LAST || !may_be_own(r, sig) ||
	    !pgp_sig_verify(sig, &r->primary, &r->primary, NULL, r->head.body))
		return 0;
	note_expiry(r, sig);
	write_head(r);
	add_bytes(&r->packets, packet->whole);
	if (r->proven_user_id)
		return 0;
	r->proven_user_id = true;
	return set_user_id(r, r->head.body, err);
}

/* A subkey that signs must have signed the binding too, or somebody could claim another's key. */
static bool is_cross_signed(const struct reader *r, const struct pgp_sig *binding)
{
	const struct pgp_bytes none = { .data = NULL };
	struct pgp_sig back;

	return binding->embedded.data && pgp_sig_parse(binding->embedded, &back) == 0 &&
	       back.about.type == PGP_SIG_PRIMARY_BINDING &&
	       pgp_sig_verify(&back, &r->subkey, &r->primary, &r->subkey, none);
}

static void read_binding(struct reader *r, const struct pgp_packet *packet,
			 const struct pgp_sig *sig)
{
	const struct pgp_bytes none = { .data = NULL };

	if (sig->about.type != PGP_SIG_SUBKEY_BINDING || !(sig->key_flags & FLAG_SIGN) ||
	    r->sub->revoked || r->subkey.bits < PGP_RSA_BITS_MIN || !may_be_own(r, sig) ||
	    !pgp_sig_verify(sig, &r->primary, &r->primary, &r->subkey, none) ||
	    !is_cross_signed(r, sig))
		return;
	if (!r->sub->bound || sig->about.created >= r->newest_binding)
		r->sub->expires =
			sig->key_expires_s ? r->subkey.created + (time_t)sig->key_expires_s : 0;
	if (sig->about.created > r->newest_binding)
		r->newest_binding = sig->about.created;
	r->sub->bound = true;
	write_head(r);
	add_bytes(&r->packets, packet->whole);
}

/* The type of a signature of any version that might revoke, or 0. */
static unsigned int raw_type(struct pgp_bytes body)
{
	if (body.size < 3)
		return 0;
	return body.data[0] <= 3 ? body.data[2] : body.data[1];
}

static int read_signature(struct reader *r, const struct pgp_packet *packet, struct err *err)
{
	const struct pgp_bytes none = { .data = NULL };
	struct pgp_sig sig;

	/* Who can put a revocation here could as well withhold the key: no need to verify it. */
	if (raw_type(packet->body) == PGP_SIG_KEY_REVOCATION) {
		r->key.revoked = true;
		return 0;
	}
	if (raw_type(packet->body) == PGP_SIG_SUBKEY_REVOCATION) {
		if (r->component == COMPONENT_SUBKEY) {
			r->sub->revoked = true;
			r->sub->bound = false;
			r->packets.len = r->head_start;
		}
		return 0;
	}
	if (pgp_sig_parse(packet->body, &sig) < 0)
		return 0;
	switch (r->component) {
	case COMPONENT_PRIMARY:
		if (sig.about.type == PGP_SIG_DIRECT_KEY && may_be_own(r, &sig) &&
		    pgp_sig_verify(&sig, &r->primary, &r->primary, NULL, none)) {
			note_expiry(r, &sig);
			add_bytes(&r->packets, packet->whole);
		}
		return 0;
	case COMPONENT_USER_ID:
		return read_certification(r, packet, &sig, err);
	case COMPONENT_SUBKEY:
		read_binding(r, packet, &sig);
		return 0;
	case COMPONENT_NONE:
		break;
	}
	return 0;
}

static int read_subkey(struct reader *r, const struct pgp_packet *packet, const char *name,
		       struct err *err)
{
	struct pgp_subkey *grown = NULL;

	r->component = COMPONENT_NONE;
	if (pgp_material_parse(packet->body, &r->subkey) < 0)
		return 0; /* of another version */
	if (r->key.subkey_count >= SUBKEYS_MAX)
		return err_set(err, ERR_VERIFY, "%s: too many subkeys", name);
	grown = reallocarray(r->key.subkeys, r->key.subkey_count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	r->key.subkeys = grown;
	r->sub = &grown[r->key.subkey_count++];
	*r->sub = (struct pgp_subkey){ .algorithm = r->subkey.algorithm,
				       .bits = r->subkey.bits,
				       .created = r->subkey.created };
	memcpy(r->sub->fpr, r->subkey.fpr, PGP_FPR_SIZE);
	r->component = COMPONENT_SUBKEY;
	r->newest_binding = 0;
	return 0;
}

static void read_primary(struct reader *r, const struct pgp_packet *packet)
{
	*r = (struct reader){ .component = COMPONENT_NONE };
	if (pgp_material_parse(packet->body, &r->primary) < 0)
		return; /* of another version: its packets are passed over */
	r->key.algorithm = r->primary.algorithm;
	r->key.bits = r->primary.bits;
	r->key.created = r->primary.created;
	memcpy(r->key.fpr, r->primary.fpr, PGP_FPR_SIZE);
	r->component = COMPONENT_PRIMARY;
	add_bytes(&r->packets, packet->whole);
}

/* Appends the key that was read, if any, to KEYS. */
static int finish_key(struct reader *r, struct pgp_keys *keys, const char *name, struct err *err)
{
	struct pgp_key *grown = NULL;
	char *packets = NULL;

	if (!r->key.fpr[0])
		return 0;
	if (keys->count >= KEYS_MAX)
		return err_set(err, ERR_VERIFY, "%s: too many keys", name);
	if (!r->key.user_id && str_dup(&r->key.user_id, "", err) < 0)
		return -err->code;
	grown = reallocarray(keys->items, keys->count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	keys->items = grown;
	r->key.packets_size = r->packets.len;
	if (str_done(&r->packets, &packets, err) < 0)
		return -err->code;
	r->key.packets = (unsigned char *)packets;
	grown[keys->count++] = r->key;
	*r = (struct reader){ .component = COMPONENT_NONE };
	return 0;
}

static void reader_release(struct reader *r)
{
	key_release(&r->key);
	str_release(&r->packets);
}

static int read_packet(struct reader *r, const struct pgp_packet *packet, struct pgp_keys *keys,
		       const char *name, struct err *err)
{
	if (packet->tag == PGP_TAG_SECRET_KEY)
		return err_set(err, ERR_VERIFY,
			       "%s: holds a private key; it must not leave its owner", name);
	if (packet->tag == PGP_TAG_PUBLIC_KEY) {
		if (finish_key(r, keys, name, err) < 0)
			return -err->code;
		read_primary(r, packet);
		return 0;
	}
	if (!r->key.fpr[0])
		return 0;
	switch (packet->tag) {
	case PGP_TAG_USER_ID:
		begin_head(r, packet);
		r->component = COMPONENT_USER_ID;
		return r->key.user_id ? 0 : set_user_id(r, packet->body, err);
	case PGP_TAG_PUBLIC_SUBKEY:
		begin_head(r, packet);
		return read_subkey(r, packet, name, err);
	case PGP_TAG_SIGNATURE:
		return read_signature(r, packet, err);
	case PGP_TAG_USER_ATTRIBUTE:
		r->component = COMPONENT_NONE;
		return 0;
	default:
		return 0;
	}
}

static int read_packets(const char *name, struct pgp_bytes rest, struct pgp_keys *keys,
			struct err *err)
{
	CLEANUP(reader_release) struct reader r = { .component = COMPONENT_NONE };
	struct pgp_packet packet;
	size_t before = keys->count;
	int more;

	while ((more = pgp_packet_next(&rest, &packet)) > 0)
		if (read_packet(&r, &packet, keys, name, err) < 0)
			return -err->code;
	if (more < 0)
		return err_set(err, ERR_VERIFY, "%s: malformed OpenPGP packet", name);
	if (finish_key(&r, keys, name, err) < 0)
		return -err->code;
	if (keys->count == before)
		return err_set(err, ERR_VERIFY, "%s: no OpenPGP public key of version 4 in it",
			       name);
	return 0;
}

int pgp_read(const char *name, const void *data, size_t size_bytes, struct pgp_keys *keys,
	     struct err *err)
{
	CLEANUP(str_release) struct str binary = STR_INIT;
	struct pgp_bytes bytes = { .data = data, .size = size_bytes };

	if (size_bytes > INPUT_MAX)
		return err_set(err, ERR_VERIFY, "%s: %zu bytes are too many for public keys", name,
			       size_bytes);
	if (size_bytes > 0 && bytes.data[0] & 0x80)
		return read_packets(name, bytes, keys, err);
	if (pgp_dearmor(name, bytes, &binary, err) < 0)
		return -err->code;
	bytes = (struct pgp_bytes){ .data = (const uint8_t *)binary.buf, .size = binary.len };
	return read_packets(name, bytes, keys, err);
}

int pgp_key_check(const struct pgp_key *key, struct err *err)
{
	if (key->revoked)
		return err_set(
			err, ERR_VERIFY,
			"key %s (%s) is revoked: ask the vendor for the one that replaces it",
			key->fpr, key->user_id);
	if (key->algorithm != PGP_RSA && key->algorithm != 3)
		return err_set(
			err, ERR_VERIFY,
			"key %s (%s) is %s: only RSA keys are accepted, ask the vendor for one",
			key->fpr, key->user_id,
			key->algorithm == PGP_DSA     ? "DSA"
			: key->algorithm == PGP_ECDSA ? "ECDSA"
			: key->algorithm == PGP_EDDSA ? "EdDSA"
						      : "of an unknown algorithm");
	if (key->bits < PGP_RSA_BITS_MIN)
		return err_set(err, ERR_VERIFY,
			       "key %s (%s) is weak, RSA of %u bits, less than %d: ask the vendor "
			       "for a stronger one",
			       key->fpr, key->user_id, key->bits, PGP_RSA_BITS_MIN);
	if (!key->self_signed)
		return err_set(err, ERR_VERIFY,
			       "key %s (%s) has no valid signature of its own: take the vendor's "
			       "original file",
			       key->fpr, key->user_id);
	return 0;
}

int pgp_armor(const struct pgp_key *key, char **ret_text, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	const struct pgp_bytes bytes = { .data = key->packets, .size = key->packets_size };

	if (pgp_armor_add(&out, bytes, err) < 0)
		return -err->code;
	return str_done(&out, ret_text, err);
}
