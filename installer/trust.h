/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CA a bundle is checked against: read once, so that what a later step takes (ca.crt for the services,
 * what this machine remembers) is what the signature was checked with, also when the file changes meanwhile.
 */
#ifndef PGHA_TRUST_H
#define PGHA_TRUST_H

#include "err.h"
#include "str.h"

#define TRUST_PLACE "/etc/pgha/ca.crt" /* below root: what an operator laid down beforehand */

struct trust_source {
	const char *ca;            /* a file, or NULL */
	const char *sha256;        /* the fingerprint of its first certificate, or NULL */
	const char *known;         /* what this machine remembers, which may not be there */
	const char *place;         /* TRUST_PLACE as the installer sees it */
	const struct strv *beside; /* the bundle: a ca.crt may lie beside it */
};

struct trust {
	int fd;        /* sealed memory, or -1 */
	char path[32]; /* of it, for everybody who reads the CA */
};

#define TRUST_INIT       \
	{                \
		.fd = -1 \
	}

/*
 * The file that is named; else what is known, else TRUST_PLACE (nobody but root may write there); else a ca.crt beside
 * the bundle, this program or in the current directory, whose fingerprint is asked for on the
 * terminal. With a fingerprint, given or typed in, the file's first certificate must have it and each further one must
 * have issued the one before: ERR_VERIFY otherwise. ERR_USAGE when there is no file, or no terminal.
 */
int trust_find(const struct trust_source *from, struct trust *ret, struct err *err) MUST_CHECK;
void trust_release(struct trust *t);

#endif
