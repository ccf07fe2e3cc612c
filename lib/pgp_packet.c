/* SPDX-License-Identifier: Apache-2.0 */
#include "pgp_packet.h"

#include <openssl/evp.h>
#include <string.h>

#include "cleanup.h"

#define RSA_BITS_MAX 8192
#define RSA_E_SIZE_MAX 8

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);

/* Takes N bytes off REST; false when there are fewer. */
static bool take(struct pgp_bytes *rest, size_t n, struct pgp_bytes *ret)
{
	if (n > rest->size)
		return false;
	*ret = (struct pgp_bytes){ .data = rest->data, .size = n };
	rest->data += n;
	rest->size -= n;
	return true;
}

/* Takes a big-endian number of N bytes, at most 4. */
static bool take_number(struct pgp_bytes *rest, size_t n, uint32_t *ret)
{
	struct pgp_bytes b;
	uint32_t v = 0;

	if (!take(rest, n, &b))
		return false;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | b.data[i];
	*ret = v;
	return true;
}

/* Section 3.2. Leading zero octets, which are not canonical, are malformed. */
static bool take_mpi(struct pgp_bytes *rest, struct pgp_bytes *ret, unsigned int *ret_bits)
{
	uint32_t bits;

	if (!take_number(rest, 2, &bits) || !take(rest, (bits + 7) / 8, ret))
		return false;
	if (bits && ret->data[0] >> ((bits - 1) % 8) != 1)
		return false;
	if (ret_bits)
		*ret_bits = bits;
	return true;
}

/* The length in a new-format header or before a subpacket (sections 4.2.2 and 5.2.3.1). */
static bool take_length(struct pgp_bytes *rest, bool subpacket, uint32_t *ret)
{
	uint32_t first, second;

	if (!take_number(rest, 1, &first))
		return false;
	if (first < 192) {
		*ret = first;
		return true;
	}
	if (first == 255)
		return take_number(rest, 4, ret);
	if (first >= 224 && !subpacket)
		return false; /* a partial length */
	if (!take_number(rest, 1, &second))
		return false;
	*ret = ((first - 192) << 8) + second + 192;
	return true;
}

int pgp_packet_next(struct pgp_bytes *rest, struct pgp_packet *ret)
{
	struct pgp_bytes at = *rest;
	uint32_t header, length;

	if (rest->size == 0)
		return 0;
	if (!take_number(&at, 1, &header) || !(header & 0x80))
		return -1;
	if (header & 0x40) {
		ret->tag = header & 0x3f;
		if (!take_length(&at, false, &length))
			return -1;
	} else {
		ret->tag = header >> 2 & 0x0f;
		if ((header & 3) == 3 || !take_number(&at, (size_t)1 << (header & 3), &length))
			return -1;
	}
	if (!take(&at, length, &ret->body))
		return -1;
	ret->whole = (struct pgp_bytes){ .data = rest->data, .size = rest->size - at.size };
	*rest = at;
	return 1;
}

static void set_issuer(struct pgp_signature *about, const uint8_t id[8])
{
	for (size_t i = 0; i < 8; i++)
		snprintf(about->issuer + 2 * i, 3, "%02X", id[i]);
}

/* Those that say nothing about whether a key may sign packages, or for how long. */
static bool is_known_subpacket(unsigned int type)
{
	switch (type) {
	case 4:  /* exportable */
	case 7:  /* revocable */
	case 11: /* preferred ciphers, and more preferences */
	case 21:
	case 22:
	case 23:
	case 24:
	case 25: /* primary user ID */
	case 26: /* policy */
	case 28: /* signer's user ID */
	case 30: /* features */
		return true;
	default:
		return false;
	}
}

/* Section 5.2.3.1; one subpacket, BODY without its type. */
static int read_subpacket(unsigned int type, struct pgp_bytes body, bool hashed,
			  struct pgp_sig *ret)
{
	uint32_t n = 0;

	switch (type & 0x7f) {
	case 2: /* creation time */
		if (!hashed)
			return 0;
		if (body.size != 4 || !take_number(&body, 4, &n))
			return -1;
		ret->about.created = (time_t)n;
		return 0;
	case 3: /* signature expiration time: an expired self-signature would say nothing, so refuse */
		return hashed && (type & 0x80) && body.size == 4 && memcmp(body.data, "\0\0\0", 4)
			       ? -1
			       : 0;
	case 9: /* key expiration time */
		if (!hashed)
			return 0;
		if (body.size != 4 || !take_number(&body, 4, &n))
			return -1;
		ret->key_expires_s = n;
		return 0;
	case 16: /* issuer */
		if (body.size != 8)
			return -1;
		if (!ret->about.issuer[0])
			set_issuer(&ret->about, body.data);
		return 0;
	case 27: /* key flags */
		if (hashed && body.size > 0)
			ret->key_flags = body.data[0];
		return 0;
	case 32: /* embedded signature */
		ret->embedded = body;
		return 0;
	case 33: /* issuer fingerprint: its version, then 20 octets, whose end is the key ID */
		if (body.size == 21 && body.data[0] == 4 && !ret->about.issuer[0])
			set_issuer(&ret->about, body.data + 13);
		return 0;
	default:
		/* What we do not know and must understand makes the signature void. */
		return hashed && (type & 0x80) && !is_known_subpacket(type & 0x7f) ? -1 : 0;
	}
}

static int read_subpackets(struct pgp_bytes area, bool hashed, struct pgp_sig *ret)
{
	while (area.size > 0) {
		struct pgp_bytes body;
		uint32_t length, type;

		if (!take_length(&area, true, &length) || length == 0 ||
		    !take(&area, length, &body) || !take_number(&body, 1, &type) ||
		    read_subpacket(type, body, hashed, ret) < 0)
			return -1;
	}
	return 0;
}

int pgp_sig_parse(struct pgp_bytes body, struct pgp_sig *ret)
{
	struct pgp_bytes rest = body, hashed, unhashed;
	uint32_t version, type, algorithm, hash, n, left;

	*ret = (struct pgp_sig){ .key_flags = 0 };
	if (!take_number(&rest, 1, &version) || version != 4 || !take_number(&rest, 1, &type) ||
	    !take_number(&rest, 1, &algorithm) || !take_number(&rest, 1, &hash) ||
	    !take_number(&rest, 2, &n) || !take(&rest, n, &hashed))
		return -1;
	ret->hashed = (struct pgp_bytes){ .data = body.data, .size = body.size - rest.size };
	if (!take_number(&rest, 2, &n) || !take(&rest, n, &unhashed) ||
	    !take_number(&rest, 2, &left))
		return -1;
	ret->mpis = rest;
	ret->about.type = type;
	ret->about.algorithm = algorithm;
	ret->about.hash = hash;
	if (read_subpackets(hashed, true, ret) < 0 || read_subpackets(unhashed, false, ret) < 0)
		return -1;
	return 0;
}

/* Version 3, which old packages are signed with (section 5.2.2). */
static int parse_v3(struct pgp_bytes body, struct pgp_signature *ret)
{
	struct pgp_bytes id;
	uint32_t version, length, type, created, algorithm, hash;

	*ret = (struct pgp_signature){ .type = 0 };
	if (!take_number(&body, 1, &version) || version != 3 || !take_number(&body, 1, &length) ||
	    length != 5 || !take_number(&body, 1, &type) || !take_number(&body, 4, &created) ||
	    !take(&body, 8, &id) || !take_number(&body, 1, &algorithm) ||
	    !take_number(&body, 1, &hash))
		return -1;
	ret->type = type;
	ret->created = (time_t)created;
	ret->algorithm = algorithm;
	ret->hash = hash;
	set_issuer(ret, id.data);
	return 0;
}

int pgp_signature_read(const char *name, const void *data, size_t size_bytes,
		       struct pgp_signature *ret, struct err *err)
{
	struct pgp_bytes rest = { .data = data, .size = size_bytes };
	struct pgp_packet packet;
	struct pgp_sig sig;

	if (pgp_packet_next(&rest, &packet) != 1 || packet.tag != PGP_TAG_SIGNATURE)
		return err_set(err, ERR_VERIFY, "%s: the signature is no OpenPGP signature", name);
	if (pgp_sig_parse(packet.body, &sig) == 0) {
		*ret = sig.about;
		return 0;
	}
	if (parse_v3(packet.body, ret) < 0)
		return err_set(err, ERR_VERIFY, "%s: malformed OpenPGP signature", name);
	return 0;
}

/* Section 12.2: the digest is SHA-1 by definition; nothing but the pin depends on it. */
static int fingerprint(struct pgp_bytes body, char ret[PGP_FPR_SIZE])
{
	const uint8_t prefix[3] = { 0x99, (uint8_t)(body.size >> 8), (uint8_t)body.size };
	CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	if (body.size > 0xffff || !ctx || EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, prefix, sizeof(prefix)) != 1 ||
	    EVP_DigestUpdate(ctx, body.data, body.size) != 1 ||
	    EVP_DigestFinal_ex(ctx, md, &size) != 1 || size != 20)
		return -1;
	for (size_t i = 0; i < 20; i++)
		snprintf(ret + 2 * i, 3, "%02X", md[i]);
	return 0;
}

int pgp_material_parse(struct pgp_bytes body, struct pgp_material *ret)
{
	struct pgp_bytes rest = body, p;
	uint32_t version, created, algorithm;

	*ret = (struct pgp_material){ .body = body };
	if (!take_number(&rest, 1, &version) || version != 4 || !take_number(&rest, 4, &created) ||
	    !take_number(&rest, 1, &algorithm))
		return -1;
	ret->created = (time_t)created;
	ret->algorithm = algorithm;
	switch (algorithm) {
	case PGP_RSA:
	case 2: /* RSA, encryption only */
	case 3: /* RSA, signatures only */
		if (!take_mpi(&rest, &ret->rsa_n, &ret->bits) ||
		    !take_mpi(&rest, &ret->rsa_e, NULL) || rest.size)
			return -1;
		break;
	case 16: /* ElGamal */
	case PGP_DSA:
		if (!take_mpi(&rest, &p, &ret->bits))
			return -1;
		break;
	default:
		break;
	}
	return fingerprint(body, ret->fpr);
}

static uint8_t *der_length(uint8_t *at, size_t n)
{
	if (n >= 0x100) {
		*at++ = 0x82;
		*at++ = (uint8_t)(n >> 8);
	} else if (n >= 0x80) {
		*at++ = 0x81;
	}
	*at++ = (uint8_t)n;
	return at;
}

/* A DER INTEGER of an MPI, whose first octet is not 0. */
static uint8_t *der_integer(uint8_t *at, struct pgp_bytes mpi)
{
	size_t sign = mpi.data[0] >> 7;

	*at++ = 0x02;
	at = der_length(at, mpi.size + sign);
	if (sign)
		*at++ = 0;
	memcpy(at, mpi.data, mpi.size);
	return at + mpi.size;
}

/* The key as OpenSSL takes it, by way of PKCS #1's RSAPublicKey: 1.1.1 and 3 share no other call. */
static EVP_PKEY *rsa_key(const struct pgp_material *key)
{
	uint8_t integers[RSA_BITS_MAX / 8 + RSA_E_SIZE_MAX + 16];
	uint8_t der[sizeof(integers) + 8], *end = integers, *at = der;
	const uint8_t *in = der;
	size_t n;

	if (key->bits < 1024 || key->bits > RSA_BITS_MAX || key->rsa_e.size == 0 ||
	    key->rsa_e.size > RSA_E_SIZE_MAX)
		return NULL;
	end = der_integer(end, key->rsa_n);
	end = der_integer(end, key->rsa_e);
	n = (size_t)(end - integers);
	*at++ = 0x30;
	at = der_length(at, n);
	memcpy(at, integers, n);
	return d2i_PublicKey(EVP_PKEY_RSA, NULL, &in, (long)((size_t)(at - der) + n));
}

static const EVP_MD *hash_of(unsigned int hash)
{
	switch (hash) {
	case PGP_SHA1:
		return EVP_sha1();
	case PGP_SHA224:
		return EVP_sha224();
	case PGP_SHA256:
		return EVP_sha256();
	case PGP_SHA384:
		return EVP_sha384();
	case PGP_SHA512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

static bool hash_key(EVP_MD_CTX *ctx, const struct pgp_material *key)
{
	const uint8_t prefix[3] = { 0x99, (uint8_t)(key->body.size >> 8), (uint8_t)key->body.size };

	return EVP_DigestVerifyUpdate(ctx, prefix, sizeof(prefix)) == 1 &&
	       EVP_DigestVerifyUpdate(ctx, key->body.data, key->body.size) == 1;
}

static bool hash_user_id(EVP_MD_CTX *ctx, struct pgp_bytes id)
{
	const uint8_t prefix[5] = { 0xb4, (uint8_t)(id.size >> 24), (uint8_t)(id.size >> 16),
				    (uint8_t)(id.size >> 8), (uint8_t)id.size };

	return EVP_DigestVerifyUpdate(ctx, prefix, sizeof(prefix)) == 1 &&
	       EVP_DigestVerifyUpdate(ctx, id.data, id.size) == 1;
}

static bool hash_signature(EVP_MD_CTX *ctx, struct pgp_bytes hashed)
{
	const uint8_t trailer[6] = { 4,
				     0xff,
				     (uint8_t)(hashed.size >> 24),
				     (uint8_t)(hashed.size >> 16),
				     (uint8_t)(hashed.size >> 8),
				     (uint8_t)hashed.size };

	return EVP_DigestVerifyUpdate(ctx, hashed.data, hashed.size) == 1 &&
	       EVP_DigestVerifyUpdate(ctx, trailer, sizeof(trailer)) == 1;
}

static bool is_rsa_signer(unsigned int algorithm)
{
	return algorithm == PGP_RSA || algorithm == 3;
}

/* A running verification of SIG by KEY. */
struct check {
	EVP_PKEY *pkey;
	EVP_MD_CTX *ctx;
	struct pgp_bytes value;
};

static void check_release(struct check *check)
{
	EVP_PKEY_free(check->pkey);
	EVP_MD_CTX_free(check->ctx);
}

static bool check_begin(struct check *check, const struct pgp_sig *sig,
			const struct pgp_material *key)
{
	const EVP_MD *md = hash_of(sig->about.hash);
	struct pgp_bytes rest = sig->mpis;

	if (!md || !is_rsa_signer(sig->about.algorithm) || !is_rsa_signer(key->algorithm) ||
	    !take_mpi(&rest, &check->value, NULL) || rest.size ||
	    check->value.size > key->rsa_n.size)
		return false;
	check->pkey = rsa_key(key);
	check->ctx = EVP_MD_CTX_new();
	return check->pkey && check->ctx &&
	       EVP_DigestVerifyInit(check->ctx, NULL, md, NULL, check->pkey) == 1;
}

static bool check_end(struct check *check, const struct pgp_sig *sig,
		      const struct pgp_material *key)
{
	uint8_t padded[RSA_BITS_MAX / 8] = { 0 };

	if (!hash_signature(check->ctx, sig->hashed))
		return false;
	/* PKCS #1 wants the modulus's length; an MPI has no leading zeros. */
	memcpy(padded + key->rsa_n.size - check->value.size, check->value.data, check->value.size);
	return EVP_DigestVerifyFinal(check->ctx, padded, key->rsa_n.size) == 1;
}

bool pgp_sig_verify(const struct pgp_sig *sig, const struct pgp_material *key,
		    const struct pgp_material *primary, const struct pgp_material *subkey,
		    struct pgp_bytes user_id)
{
	CLEANUP(check_release) struct check check = { .pkey = NULL };

	return check_begin(&check, sig, key) && hash_key(check.ctx, primary) &&
	       (!subkey || hash_key(check.ctx, subkey)) &&
	       (!user_id.data || hash_user_id(check.ctx, user_id)) && check_end(&check, sig, key);
}

bool pgp_sig_verify_data(const struct pgp_sig *sig, const struct pgp_material *key,
			 struct pgp_bytes data)
{
	CLEANUP(check_release) struct check check = { .pkey = NULL };

	if (sig->about.type != PGP_SIG_BINARY || sig->about.hash < PGP_SHA256 ||
	    sig->about.hash > PGP_SHA512)
		return false;
	return check_begin(&check, sig, key) &&
	       EVP_DigestVerifyUpdate(check.ctx, data.data, data.size) == 1 &&
	       check_end(&check, sig, key);
}
