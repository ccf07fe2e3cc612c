/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second trust on every RPM: the vendors' OpenPGP keys that the bundle pins, and of which this
 * node remembers the fingerprints, so that the bundle's signer alone cannot bring a vendor of his
 * own.
 */
#ifndef PGHA_VENDOR_H
#define PGHA_VENDOR_H

#include "err.h"
#include "install.h"
#include "pgp.h"
#include "plan.h"
#include "rpmsig.h"
#include "str.h"

struct vendor {
	struct strv pins; /* of keys that are here: primary, upper case, sorted, each once */
	struct pgp_keys keys;
	struct rpmsig_keyring *keyring;
};

#define VENDOR_INIT                                      \
	{                                                \
		.pins = STRV_INIT, .keys = PGP_KEYS_INIT \
	}

/* From the staged manifests/bundle.yaml (trust) and keys/. Needs in->index. */
int vendor_load(const struct install *in, struct vendor *v, struct err *err) MUST_CHECK;
void vendor_release(struct vendor *v);
/*
 * Compares with what the node remembers. A node that remembers nothing takes them and lists them in
 * NEWS (a line each); on another a new key is ERR_VERIFY unless in->accept_key (fingerprints with
 * commas between) names it.
 */
int vendor_confirm(const struct install *in, const struct vendor *v, struct strv *news,
		   struct err *err) MUST_CHECK;
/* Fingerprints with commas between, or NULL: else ERR_USAGE. */
int vendor_check_list(const char *list, struct err *err) MUST_CHECK;
int vendor_remember(const struct install *in, const struct vendor *v, struct err *err) MUST_CHECK;
/* The staged RPM FILE (repo/Packages/…) is signed by the pinned key that the index names. */
int vendor_check_rpm(const struct install *in, const struct vendor *v, const char *file,
		     struct err *err) MUST_CHECK;
/*
 * The same of PACKAGE's file. When librpm was content with the header's signature and the payload's digest was compared here, the
 * file is known again by PACKAGE's stamp, and rpmtx_run() has no need to read the payload once more.
 */
int vendor_check_package(const struct install *in, const struct vendor *v,
			 struct plan_package *package, struct err *err) MUST_CHECK;

#endif
