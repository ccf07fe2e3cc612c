/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a wheel is built from: its source archive and the pinned wheels that it is built with. They stay in
 * the cache under their digests, so that it can be built again without a network.
 */
#ifndef PGHA_WHEEL_INPUT_H
#define PGHA_WHEEL_INPUT_H

#include <stdbool.h>

#include "err.h"
#include "lock.h"
#include "pip.h"

struct wheel_input {
	const char *name; /* of the distribution; borrowed, as the next ones */
	const char *url;
	const char *sha256;
	char *file; /* how it is called */
};

struct wheel_inputs {
	struct wheel_input *items;
	size_t count;
};

/* The last component of a wheel's URL: one component of harmless characters (PEP 427); the caller frees. */
int wheel_url_file(const char *url, char **ret_file, struct err *err) MUST_CHECK;
/* The same of a source archive's. */
int wheel_url_source(const char *url, char **ret_file, struct err *err) MUST_CHECK;

/* Those of SDIST, which is a wheel's of NAME, the source first; RET borrows from both. */
int wheel_inputs_list(const char *name, const struct lock_sdist *sdist, struct wheel_inputs *ret,
		      struct err *err) MUST_CHECK;
void wheel_inputs_release(struct wheel_inputs *inputs);

/* Whether it lies in CACHE, with whatever content. */
bool wheel_input_cached(const char *cache, const char *sha256);
/* Puts it at DEST: from CACHE, or from pip's index and into CACHE. ERR_VERIFY when its digest is another. */
int wheel_input_bring(const struct pip *pip, const char *cache, const char *name, const char *url,
		      const char *sha256, const char *dest, struct err *err) MUST_CHECK;

#endif
