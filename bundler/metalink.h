/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metalink 3.0 as MirrorManager serves it for repomd.xml (http://www.metalinker.org/, with
 * MirrorManager's mm0:timestamp and mm0:alternates). What a document says comes from outside: no
 * document type, no entities, limited depth and lengths; what is not known is passed over.
 */
#ifndef PGHA_METALINK_H
#define PGHA_METALINK_H

#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"

#define METALINK_PREFERENCE_MAX 100

struct metalink_url {
	char *url; /* as it stands there: any protocol, nothing checked but that it is printable */
	unsigned int preference; /* 0 (also for a bad value) to 100, higher is better */
};

/* A repomd.xml that is accepted. */
struct metalink_digest {
	char sha256[SHA256_HEX_SIZE]; /* lower case */
	uint64_t size_bytes;          /* 0: not told */
	uint64_t timestamp;           /* 0: not told */
};

struct metalink {
	struct metalink_url *urls; /* in the order of the document */
	size_t url_count;
	struct metalink_digest *digests; /* the present one, then the alternates, the newest first;
					    those without SHA-256 are left out */
	size_t digest_count;
};

#define METALINK_INIT        \
	{                    \
		.urls = NULL \
	}

/*
 * ERR_VERIFY for what is no metalink, is not one of repomd.xml, or gives no SHA-256 of it. RET is
 * released with metalink_release(), also after a failure.
 */
int metalink_parse(const char *text, size_t size_bytes, struct metalink *ret,
		   struct err *err) MUST_CHECK;
void metalink_release(struct metalink *metalink);

#endif
