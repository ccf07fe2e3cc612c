/* SPDX-License-Identifier: Apache-2.0 */
#include "rpmsig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <rpm/header.h>
#include <rpm/rpmcli.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmts.h>

#include "cleanup.h"
#include "clock.h"
#include "compat.h"
#include "digest.h"
#include "str.h"

#define SIGNATURE_OF_DATA 0 /* RFC 4880 section 5.2.1: of a binary document */

/*
 * Left for librpm to judge: the RSA signature over the header, the header's SHA-256, and the
 * payload's digest that stands in the header. What is switched off are weaker ways to the same
 * result, which would count otherwise: DSA, signatures of RPM 3, MD5, SHA-1.
 */
#define VERIFY_FLAGS \
	(RPMVSF_NODSAHEADER | RPMVSF_NODSA | RPMVSF_NORSA | RPMVSF_NOMD5 | RPMVSF_NOSHA1HEADER)

/* The same without the payload. Before 4.17.1 librpm has no success to tell then: see verify_all(). */
#define HEADER_FLAGS (VERIFY_FLAGS | RPMVSF_NEEDPAYLOAD)

/* For reading what a file says of itself, to tell what is wrong with it. */
#define READ_FLAGS (RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES)

#define USER_ID_SIZE 96 /* as much as a message shows */
#define PINS_SHOWN 3

/* A key that may sign: a primary key or one of its bound subkeys. */
struct signer {
	char key_id[17];
	char fpr[PGP_FPR_SIZE]; /* of the primary key */
	char user_id[USER_ID_SIZE];
	bool primary;
	time_t created;
	time_t expires; /* the earlier of both; 0: never */
};

struct rpmsig_keyring {
	rpmKeyring keyring;
	struct signer *signers;
	size_t count;
};

void rpmsig_keyring_free(struct rpmsig_keyring *keyring)
{
	if (!keyring)
		return;
	rpmKeyringFree(keyring->keyring);
	free(keyring->signers);
	free(keyring);
}

DEFINE_CLEANUP(struct rpmsig_keyring *, rpmsig_keyring_free);
DEFINE_CLEANUP(rpmPubkey, rpmPubkeyFree);
DEFINE_CLEANUP(rpmts, rpmtsFree);
DEFINE_CLEANUP(Header, headerFree);

static time_t earlier(time_t a, time_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

static void add_signer(struct rpmsig_keyring *k, const struct pgp_key *key, const char *fpr,
		       time_t created, time_t expires)
{
	struct signer *s = &k->signers[k->count++];

	*s = (struct signer){ .created = created, .expires = earlier(key->expires, expires) };
	memcpy(s->key_id, fpr + 24, sizeof(s->key_id));
	memcpy(s->fpr, key->fpr, sizeof(s->fpr));
	snprintf(s->user_id, sizeof(s->user_id), "%s", key->user_id);
	s->primary = !strcmp(fpr, key->fpr);
}

/* What librpm gets are our own filtered packets, without subkeys that nobody bound. */
static int add_to_librpm(struct rpmsig_keyring *k, const struct pgp_key *key, struct err *err)
{
	CLEANUP(rpmPubkeyFreep) rpmPubkey main = rpmPubkeyNew(key->packets, key->packets_size);
	rpmPubkey *subkeys = NULL;
	int count = 0;

	if (!main || rpmKeyringAddKey(k->keyring, main) < 0)
		return err_set(err, ERR_VERIFY, "librpm refuses the key %s (%s)", key->fpr,
			       key->user_id);
	subkeys = rpmGetSubkeys(main, &count);
	for (int i = 0; i < count; i++) {
		rpmKeyringAddKey(k->keyring, subkeys[i]);
		rpmPubkeyFree(subkeys[i]);
	}
	free(subkeys);
	return 0;
}

static int add_key(struct rpmsig_keyring *k, const struct pgp_key *key, struct err *err)
{
	struct signer *grown = NULL;

	if (pgp_key_check(key, err) < 0)
		return -err->code;
	grown = reallocarray(k->signers, k->count + 1 + key->subkey_count, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	k->signers = grown;
	add_signer(k, key, key->fpr, key->created, key->expires);
	for (size_t i = 0; i < key->subkey_count; i++)
		if (key->subkeys[i].bound)
			add_signer(k, key, key->subkeys[i].fpr, key->subkeys[i].created,
				   key->subkeys[i].expires);
	return add_to_librpm(k, key, err);
}

int rpmsig_keyring_new(const struct pgp_keys *keys, const char *const *pins,
		       struct rpmsig_keyring **ret, struct err *err)
{
	CLEANUP(rpmsig_keyring_freep) struct rpmsig_keyring *k = calloc(1, sizeof(*k));

	if (!k || rpmInitCrypto() < 0)
		return err_nomem(err);
	k->keyring = rpmKeyringNew();
	if (!pins || !pins[0])
		return err_set(err, ERR_VERIFY, "no OpenPGP key is pinned");
	for (; *pins; pins++) {
		const struct pgp_key *key = pgp_find(keys, *pins);

		if (!key)
			return err_set(err, ERR_VERIFY,
				       "the pinned key %s is not among the vendor's keys", *pins);
		if (add_key(k, key, err) < 0)
			return -err->code;
	}
	*ret = steal_ptr(&k);
	return 0;
}

/* Collects what librpm says, for the details of an error. */
static int on_log(rpmlogRec rec, rpmlogCallbackData data)
{
	str_add(data, rpmlogRecMessage(rec));
	return 0; /* nothing more to do: librpm prints nothing */
}

static bool line_ends(const char *line, size_t n, const char *suffix)
{
	size_t k = strlen(suffix);

	return n >= k && memcmp(line + n - k, suffix, k) == 0;
}

/* True for a line of librpm that tells why: not what is well, the file's name, or a kind of
 * signature that does not count anyway. */
static bool line_tells(const char *line, size_t n, const char *name)
{
	bool is_name = n == strlen(name) + 1 && !memcmp(line, name, n - 1);

	return n && !line_ends(line, n, ": OK") && !is_name &&
	       (!line_ends(line, n, ": NOTFOUND") || str_starts(line, "Header RSA"));
}

static void add_details(struct err *err, const struct str *log, const char *name)
{
	const char *line = log->buf;

	while (line && *line) {
		size_t n = strcspn(line, "\n");

		while (n && *line == ' ') {
			line++;
			n--;
		}
		if (line_tells(line, n, name))
			err_detail(err, "librpm: %.*s", n < 200 ? (int)n : 200, line);
		line += n + (line[n] == '\n');
	}
}

static FD_t open_fd(int fd)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? NULL : fdDup(fd);
}

static int read_header(rpmts ts, int fd, const char *name, Header *ret, struct err *err)
{
	FD_t f = open_fd(fd);
	rpmRC rc;

	if (!f)
		return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", name);
	rc = rpmReadPackageFile(ts, f, name, ret);
	Fclose(f);
	if (rc != RPMRC_OK)
		return err_set(err, ERR_VERIFY, "'%s' is no intact package: do not use it", name);
	return 0;
}

static const struct signer *find_signer(const struct rpmsig_keyring *k, const char *key_id)
{
	for (size_t i = 0; i < k->count; i++)
		if (strcmp(k->signers[i].key_id, key_id) == 0)
			return &k->signers[i];
	return NULL;
}

static const char *algorithm_name(unsigned int algorithm)
{
	return algorithm == PGP_DSA     ? "DSA"
	       : algorithm == PGP_ECDSA ? "ECDSA"
	       : algorithm == PGP_EDDSA ? "EdDSA"
					: "an unknown algorithm";
}

static bool is_rsa(unsigned int algorithm)
{
	return algorithm == PGP_RSA || algorithm == 3; /* RSA that only signs */
}

static int not_pinned(const struct rpmsig_keyring *k, const struct pgp_signature *sig,
		      const char *name, struct err *err)
{
	CLEANUP(str_release) struct str pins = STR_INIT;
	unsigned int shown = 0;

	for (size_t i = 0; i < k->count && shown < PINS_SHOWN; i++)
		if (k->signers[i].primary)
			str_addf(&pins, "%s%s (%s)", shown++ ? ", " : "", k->signers[i].fpr,
				 k->signers[i].user_id);
	if (str_check(&pins, err) < 0)
		return -err->code;
	return err_set(err, ERR_VERIFY,
		       "'%s' is signed by the%s%s key %s, which is not pinned (pinned: %s): do not "
		       "use it, unless the vendor says that this is his key; then pin it",
		       name, is_rsa(sig->algorithm) ? "" : " ",
		       is_rsa(sig->algorithm) ? "" : algorithm_name(sig->algorithm),
		       *sig->issuer ? sig->issuer : "(of unknown ID)",
		       pins.len ? pins.buf : "none");
}

static int judge_time(const struct signer *signer, const struct pgp_signature *sig,
		      const char *name, struct err *err)
{
	bool early = sig->created < signer->created;
	char when[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];

	if (!early && (!signer->expires || sig->created < signer->expires))
		return 0;
	clock_format(sig->created, when);
	clock_format(early ? signer->created : signer->expires, end);
	return err_set(err, ERR_VERIFY,
		       "'%s' was signed at %s, %s its key %s (%s) %s at %s: do not use it, and ask "
		       "the vendor for one that is signed by a key in force",
		       name, when, early ? "before" : "after", signer->fpr, signer->user_id,
		       early ? "was made" : "had expired", end);
}

/* What a signature says of itself, as far as that is reason enough to refuse it. */
static int judge(const struct rpmsig_keyring *k, const struct pgp_signature *sig, const char *name,
		 const struct signer **ret, struct err *err)
{
	const struct signer *signer = find_signer(k, sig->issuer);

	if (!signer)
		return not_pinned(k, sig, name, err);
	if (sig->type != SIGNATURE_OF_DATA)
		return err_set(err, ERR_VERIFY,
			       "'%s' has a signature of a wrong kind (0x%02x) by key %s (%s): do "
			       "not use it",
			       name, sig->type, signer->fpr, signer->user_id);
	if (!is_rsa(sig->algorithm))
		return err_set(err, ERR_VERIFY,
			       "'%s' is signed by key %s (%s) with %s: only RSA is accepted", name,
			       signer->fpr, signer->user_id, algorithm_name(sig->algorithm));
	if (sig->hash != PGP_SHA256 && sig->hash != PGP_SHA384 && sig->hash != PGP_SHA512)
		return err_set(err, ERR_VERIFY,
			       "'%s' has a weak signature (%s) by key %s (%s): ask the vendor for "
			       "one with SHA-256 or better",
			       name,
			       sig->hash == PGP_SHA1  ? "SHA-1"
			       : sig->hash == PGP_MD5 ? "MD5"
						      : "unknown hash",
			       signer->fpr, signer->user_id);
	*ret = signer;
	return judge_time(signer, sig, name, err);
}

static int read_signature(Header h, rpmTagVal tag, const char *name, struct pgp_signature *ret,
			  bool *ret_found, struct err *err)
{
	struct rpmtd_s td;
	int r;

	*ret_found = headerGet(h, tag, &td, HEADERGET_MINMEM);
	if (!*ret_found)
		return 0;
	r = pgp_signature_read(name, td.data, td.count, ret, err);
	rpmtdFreeData(&td);
	return r;
}

/*
 * librpm has refused the package: says why, from what the file says of itself, which nobody has
 * verified, so it is only believed when it speaks against the package.
 */
static int explain(const struct rpmsig_keyring *k, int fd, const char *name, struct err *err)
{
	/* Over the header; then those that RPM 3 made, over header and payload. */
	static const rpmTagVal tags[] = { RPMTAG_RSAHEADER, RPMTAG_DSAHEADER, RPMTAG_SIGPGP,
					  RPMTAG_SIGGPG };
	CLEANUP(rpmtsFreep) rpmts ts = rpmtsCreate();
	CLEANUP(headerFreep) Header h = NULL;
	struct pgp_signature sig;
	const struct signer *signer = NULL;
	bool found = false;
	size_t i;

	rpmtsSetVfyLevel(ts, 0);
	rpmtsSetVfyFlags(ts, READ_FLAGS);
	rpmtsSetVSFlags(ts, READ_FLAGS);
	if (read_header(ts, fd, name, &h, err) < 0)
		return -err->code;
	for (i = 0; !found && i < sizeof(tags) / sizeof(tags[0]); i++)
		if (read_signature(h, tags[i], name, &sig, &found, err) < 0)
			return -err->code;
	if (!found)
		return err_set(err, ERR_VERIFY,
			       "'%s' is not signed, it has digests at the most: do not use it, and "
			       "ask the vendor for a signed one",
			       name);
	if (judge(k, &sig, name, &signer, err) < 0)
		return -err->code;
	if (tags[i - 1] != RPMTAG_RSAHEADER)
		return err_set(err, ERR_VERIFY,
			       "'%s' has no RSA signature over its header: do not use it", name);
	return err_set(err, ERR_VERIFY,
		       "'%s' was changed after key %s (%s) had signed it, or the signature is "
		       "forged: do not use it",
		       name, signer->fpr, signer->user_id);
}

/* -- the payload -- */

/* The file format of RPM 4: a lead, the signatures' header, which is padded, the header. */
#define LEAD_SIZE 96U
#define INTRO_SIZE 16U

struct rpmsig_payload {
	struct digest *digest;
	uint64_t start; /* where it begins; 0: not known */
	uint64_t read;  /* bytes of the file so far */
};

int rpmsig_payload_new(struct rpmsig_payload **ret, struct err *err)
{
	struct rpmsig_payload *p = calloc(1, sizeof(*p));

	if (!p)
		return err_nomem(err);
	if (digest_new(&p->digest, err) < 0) {
		free(p);
		return -err->code;
	}
	*ret = p;
	return 0;
}

void rpmsig_payload_free(struct rpmsig_payload *payload)
{
	if (payload)
		digest_free(payload->digest);
	free(payload);
}

static uint64_t read_be32(const unsigned char *p)
{
	return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
}

/* Of a header with its intro: entries of 16 bytes, and their data. */
static uint64_t header_size(const unsigned char *intro)
{
	return INTRO_SIZE + 16 * read_be32(intro + 8) + read_be32(intro + 12);
}

static uint64_t find_payload(const unsigned char *data, size_t size_bytes)
{
	uint64_t header = LEAD_SIZE;

	if (size_bytes < LEAD_SIZE + INTRO_SIZE)
		return 0;
	header += (header_size(data + LEAD_SIZE) + 7) & ~(uint64_t)7;
	return header + INTRO_SIZE > size_bytes ? 0 : header + header_size(data + header);
}

void rpmsig_payload_update(struct rpmsig_payload *payload, const void *data, size_t size_bytes)
{
	uint64_t skip;

	if (payload->read == 0)
		payload->start = find_payload(data, size_bytes);
	skip = payload->start > payload->read ? payload->start - payload->read : 0;
	if (payload->start && skip < size_bytes)
		digest_update(payload->digest, (const char *)data + skip, size_bytes - skip);
	payload->read += size_bytes;
}

/* -- what librpm says -- */

/* What librpm says of all that FLAGS does not leave out. */
static int verify(rpmts ts, rpmVSFlags flags, int fd, const char *name, bool *ret, struct err *err)
{
	struct rpmQVKArguments_s qva = { .qva_flags = 0 };
	FD_t f = open_fd(fd);

	if (!f)
		return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", name);
	rpmtsSetVfyFlags(ts, flags);
	rpmtsSetVSFlags(ts, flags);
	*ret = rpmVerifySignatures(&qva, ts, f, name) == 0;
	Fclose(f);
	return 0;
}

/* The payload's SHA-256 as the header tells it; NULL: it does not. */
static const char *told_digest(Header h, struct rpmtd_s *td)
{
	if (headerGetNumber(h, RPMTAG_PAYLOADDIGESTALGO) != PGP_SHA256 ||
	    !headerGet(h, RPMTAG_PAYLOADDIGEST, td, HEADERGET_MINMEM))
		return NULL;
	return rpmtdNextString(td);
}

/* The SHA-256 of what follows the offset of FD, where reading the header has left it. */
static int digest_payload(int fd, const char *name, struct rpmsig_payload *payload,
			  char ret[SHA256_HEX_SIZE], struct err *err)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	if (!payload || at <= 0 || payload->start != (uint64_t)at)
		return sha256_fd(fd, name, ret, NULL, err);
	digest_final_hex(payload->digest, ret);
	payload->start = 0;
	return 0;
}

/* True when that is the payload that H tells. */
static int match_payload(Header h, int fd, const char *name, struct rpmsig_payload *payload,
			 bool *ret, struct err *err)
{
	struct rpmtd_s td = { .count = 0 };
	const char *told = told_digest(h, &td);
	char found[SHA256_HEX_SIZE];
	int r = 0;

	*ret = false;
	if (told) {
		r = digest_payload(fd, name, payload, found, err);
		*ret = r == 0 && strcmp(told, found) == 0;
	}
	rpmtdFreeData(&td);
	return r;
}

/*
 * The quick way: librpm verifies the header, and OpenSSL, which knows the processor's instructions for
 * it, hashes the payload, whose digest is in the signed header. That the signature counts is
 * rpmVerifySignatures()'s word alone: rpmReadPackageFile() is content without one. False in RET when
 * this does not settle it in the package's favour, for whatever reason.
 */
static int verify_quickly(rpmts ts, int fd, const char *name, struct rpmsig_payload *payload,
			  Header *ret_header, bool *ret, struct err *err)
{
	CLEANUP(headerFreep) Header h = NULL;
	struct err ignored = ERR_INIT;

	if (verify(ts, HEADER_FLAGS, fd, name, ret, err) < 0)
		return -err->code;
	if (!*ret)
		return 0;
	rpmtsSetVSFlags(ts, READ_FLAGS); /* it is verified */
	*ret = read_header(ts, fd, name, &h, &ignored) == 0;
	if (!*ret)
		return 0;
	if (match_payload(h, fd, name, payload, ret, err) < 0)
		return -err->code;
	if (*ret)
		*ret_header = steal_ptr(&h);
	return 0;
}

static int verify_all(const struct rpmsig_keyring *k, rpmts ts, int fd, const char *name,
		      struct rpmsig_payload *payload, struct str *log, Header *ret_header,
		      bool *ret_quickly, struct err *err)
{
	bool good = false;

	if (verify_quickly(ts, fd, name, payload, ret_header, &good, err) < 0)
		return -err->code;
	*ret_quickly = good;
	if (good)
		return 0;
	str_reset(log);
	if (verify(ts, VERIFY_FLAGS, fd, name, &good, err) < 0)
		return -err->code;
	return good ? read_header(ts, fd, name, ret_header, err) : explain(k, fd, name, err);
}

/* Who made the header's signature, which librpm has verified by now, and how. */
static int check_signature(const struct rpmsig_keyring *k, Header h, const char *name,
			   struct rpmsig_info *info, struct err *err)
{
	struct pgp_signature sig;
	const struct signer *signer = NULL;
	bool found = false;

	if (read_signature(h, RPMTAG_RSAHEADER, name, &sig, &found, err) < 0)
		return -err->code;
	if (!found)
		return err_set(err, ERR_VERIFY,
			       "'%s' has no RSA signature over its header: do not use it", name);
	if (judge(k, &sig, name, &signer, err) < 0)
		return -err->code;
	memcpy(info->signer, signer->fpr, sizeof(info->signer));
	info->signed_at = sig.created;
	info->key_expires = signer->expires;
	info->key_expired = signer->expires && clock_now() >= signer->expires;
	return 0;
}

/* librpm's own RPMTAG_NEVRA shows an epoch of 0 when the header carries one. */
static int read_nevra(Header h, const char *name, char **ret, struct err *err)
{
	const char *n = headerGetString(h, RPMTAG_NAME);
	const char *v = headerGetString(h, RPMTAG_VERSION);
	const char *r = headerGetString(h, RPMTAG_RELEASE);
	const char *a = headerGetString(h, RPMTAG_ARCH);
	unsigned long long epoch = headerGetNumber(h, RPMTAG_EPOCH);

	if (!n || !v || !r || !a)
		return err_set(err, ERR_VERIFY,
			       "'%s' has no name, version, release or architecture", name);
	if (epoch)
		return str_printf(ret, err, "%s-%llu:%s-%s.%s", n, epoch, v, r, a);
	return str_printf(ret, err, "%s-%s-%s.%s", n, v, r, a);
}

static int check(const struct rpmsig_keyring *k, rpmts ts, int fd, const char *name,
		 struct rpmsig_payload *payload, struct str *log, struct rpmsig_info *info,
		 struct err *err)
{
	CLEANUP(headerFreep) Header h = NULL;
	struct rpmsig_info found = RPMSIG_INFO_INIT;

	if (verify_all(k, ts, fd, name, payload, log, &h, &found.payload_compared, err) < 0 ||
	    check_signature(k, h, name, &found, err) < 0 ||
	    read_nevra(h, name, &found.nevra, err) < 0)
		return -err->code;
	*info = found;
	return 0;
}

int rpmsig_check(const struct rpmsig_keyring *keyring, int fd, const char *name,
		 struct rpmsig_payload *payload, struct rpmsig_info *info, struct err *err)
{
	CLEANUP(rpmtsFreep) rpmts ts = rpmtsCreate();
	CLEANUP(str_release) struct str log = STR_INIT;
	int mask, r;

	if (!ts || rpmtsSetKeyring(ts, keyring->keyring) < 0)
		return err_set(err, ERR_FAILED, "librpm refuses the keyring");
	rpmtsSetVfyLevel(ts, RPMSIG_SIGNATURE_TYPE | RPMSIG_DIGEST_TYPE);
	rpmlogSetCallback(on_log, &log);
	mask = rpmlogSetMask(RPMLOG_UPTO(RPMLOG_INFO));
	r = check(keyring, ts, fd, name, payload, &log, info, err);
	rpmlogSetMask(mask);
	rpmlogSetCallback(NULL, NULL);
	if (r < 0)
		add_details(err, &log, name);
	return r;
}

int rpmsig_check_file(const struct rpmsig_keyring *keyring, const char *path,
		      struct rpmsig_info *info, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	return rpmsig_check(keyring, fd, path, NULL, info, err);
}

void rpmsig_demand(rpmts ts, bool payload)
{
	rpmtsSetVfyLevel(ts, RPMSIG_SIGNATURE_TYPE | RPMSIG_DIGEST_TYPE);
	rpmtsSetVfyFlags(ts, payload ? VERIFY_FLAGS : HEADER_FLAGS);
}

void rpmsig_info_release(struct rpmsig_info *info)
{
	free(info->nevra);
	*info = (struct rpmsig_info)RPMSIG_INFO_INIT;
}
