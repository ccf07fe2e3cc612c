/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendor's OpenPGP signature on an RPM, checked by librpm against pinned keys alone: never
 * against the host's rpm database or keyring. The header must be signed, and the signed header
 * must carry the payload's SHA-256, so that every byte that is installed is covered.
 */
#ifndef PGHA_RPMSIG_H
#define PGHA_RPMSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "err.h"
#include "pgp.h"

struct rpmsig_keyring;
struct rpmts_s; /* librpm's */

/*
 * A keyring of those of KEYS whose fingerprint is in PINS (NULL-terminated, either case); other
 * keys are left out. ERR_VERIFY when a pinned key is not among KEYS, is revoked or weak, or
 * when PINS is empty.
 */
int rpmsig_keyring_new(const struct pgp_keys *keys, const char *const *pins,
		       struct rpmsig_keyring **ret, struct err *err) MUST_CHECK;
void rpmsig_keyring_free(struct rpmsig_keyring *keyring);

struct rpmsig_info {
	char signer[PGP_FPR_SIZE]; /* primary key */
	time_t signed_at;
	time_t key_expires; /* 0: never */
	bool key_expired;   /* the key has expired since: accepted, and worth a notice */
	bool payload_compared; /* with the digest in the signed header, by us: librpm was content with the header alone */
	char *nevra; /* of the verified header: name-[epoch:]version-release.arch, epoch only
			     when not 0 */
};

#define RPMSIG_INFO_INIT      \
	{                     \
		.nevra = NULL \
	}

/*
 * The digest of a package's payload, for who reads the package anyway: fed from its first byte. Where the
 * payload begins is taken from the file and believed by rpmsig_check() only when librpm agrees.
 */
struct rpmsig_payload;

int rpmsig_payload_new(struct rpmsig_payload **ret, struct err *err) MUST_CHECK;
/* The first piece must reach into the header, or the digest is not used. */
void rpmsig_payload_update(struct rpmsig_payload *payload, const void *data, size_t size_bytes);
void rpmsig_payload_free(struct rpmsig_payload *payload);

/*
 * Checks the RPM in FD (seekable; its offset is moved). NAME is for messages. ERR_VERIFY for an
 * unsigned package, one with digests only, an unknown key, a weak hash, a changed byte, or a
 * signature made after the key expired. INFO is filled only on success and released with
 * rpmsig_info_release(). librpm's log callback is the default one afterwards.
 * PAYLOAD, which has been fed all that is in FD, spares reading it; NULL: it is read. It is used up.
 */
int rpmsig_check(const struct rpmsig_keyring *keyring, int fd, const char *name,
		 struct rpmsig_payload *payload, struct rpmsig_info *info,
		 struct err *err) MUST_CHECK;
/* The same for a file. */
int rpmsig_check_file(const struct rpmsig_keyring *keyring, const char *path,
		      struct rpmsig_info *info, struct err *err) MUST_CHECK;
void rpmsig_info_release(struct rpmsig_info *info);

/*
 * Makes TS demand of each package that it installs what rpmsig_check() demands: the signature over the header and, with PAYLOAD, the
 * payload's digest. Without, the bytes must be those of which rpmsig_check() has said payload_compared.
 */
void rpmsig_demand(struct rpmts_s *ts, bool payload);

#endif
