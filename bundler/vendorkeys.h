/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendors' public keys: read from a repository's gpgkey URLs at each run, so that a revocation is
 * seen, and kept in CACHE/keys for when these cannot be had. Which server it was does not matter: a
 * pin is the key's own digest.
 */
#ifndef PGHA_VENDORKEYS_H
#define PGHA_VENDORKEYS_H

#include <stddef.h>

#include "err.h"
#include "http.h"
#include "pgp.h"
#include "str.h"

/* Whose keys; everything is borrowed. */
struct vendorkeys {
	const char *repo; /* its id, for messages */
	const struct strv *pins;
	const struct strv *gpgkey;        /* URLs */
	const struct http_source *source; /* the repository's servers; NULL: not known */
	const struct http_limits *limits; /* or NULL; its `offline`: what is kept, and file: */
	const char *cache;
};

/*
 * Appends to RET what the URLs hold, and those pinned keys that are only kept; a caller uses the
 * pinned ones alone. A key that was seen revoked once counts as revoked ever after. A kept key that
 * serves in place of one that cannot be had is a note in WARNINGS. *RET_NEW is increased by the
 * number of pinned keys that were not kept like that before. ERR_VERIFY without a gpgkey URL, ERR_NETWORK when
 * neither a URL nor the cache has them; whether every pin was found is the caller's to see.
 */
int vendorkeys_load(const struct vendorkeys *what, struct strv *warnings, struct pgp_keys *ret,
		    size_t *ret_new, struct err *err) MUST_CHECK;

#endif
