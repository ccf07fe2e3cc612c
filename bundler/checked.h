/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cache remembers of its own files, in CACHE/checked: what was checked, by which keys, and
 * which file it was (device, inode, size, times of the last change of content and of status). A file
 * that is still the same need not be hashed again to say that there is nothing to fetch; who packs it
 * hashes it all the same. The record is believed only when nobody else can write to the cache, and
 * until the next boot: what a crash of the machine left of a file is not known.
 */
#ifndef PGHA_CHECKED_H
#define PGHA_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "digest.h"
#include "err.h"
#include "pgp.h"

struct checked_file {
	char sha256[SHA256_HEX_SIZE];
	uint64_t device, inode, size_bytes;
	int64_t mtime_ns, ctime_ns;
	char keys[SHA256_HEX_SIZE]; /* of the keyring that vouched; "-" for a wheel */
	char signer[PGP_FPR_SIZE];  /* or "-" */
	int64_t key_expires;        /* of the signer; 0: never */
	char *nevra;                /* of the verified header, or "-" */
	bool used;                  /* in this run */
};

/* When a keyring was last read from its vendor. */
struct checked_keys {
	char digest[SHA256_HEX_SIZE];
	int64_t asked;
};

struct checked {
	const char *cache; /* borrowed */
	struct checked_file *files;
	size_t count, sorted; /* SORTED of them are those that were loaded, by digest */
	struct checked_keys *keys;
	size_t key_count;
	bool changed;
	bool shared; /* others may write to the cache: nothing is believed, nothing kept */
};

#define CHECKED_INIT          \
	{                     \
		.cache = NULL \
	}

/* A record that is not there, of another boot, or damaged is an empty one. CACHE outlives RET. */
int checked_load(const char *cache, struct checked *ret, struct err *err) MUST_CHECK;
void checked_release(struct checked *checked);

/* What is known of the file with that digest, as long as ST is still its state; borrowed, until the
 * next checked_put(), or NULL. */
const struct checked_file *checked_find(struct checked *checked, const char *sha256,
					const struct stat *st);
/* Remembers a file that was checked; FACTS' digest, keys, signer, expiry and name are taken. */
int checked_put(struct checked *checked, const struct checked_file *facts, const struct stat *st,
		struct err *err) MUST_CHECK;

/* When the keyring DIGEST was last read from its vendor, or 0. */
time_t checked_keys_asked(const struct checked *checked, const char *digest);
int checked_keys_put(struct checked *checked, const char *digest, time_t asked,
		     struct err *err) MUST_CHECK;

/* Writes the record when something has changed, without files that are gone. */
int checked_save(struct checked *checked, struct err *err) MUST_CHECK;

#endif
