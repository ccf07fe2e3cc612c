/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgha.lock: what `resolve` chose, in YAML that people review and commit. `fetch` and `build` use it
 * and nothing else. The same content gives the same bytes.
 */
#ifndef PGHA_LOCK_H
#define PGHA_LOCK_H

#include <stdint.h>

#include "err.h"
#include "schema.h"
#include "str.h"

#define LOCK_RPM_SIZE_MAX (UINT64_C(1) << 40) /* bytes; the sum of a lock's stays a number */
#define LOCK_SIZE_MAX (64U << 20) /* bytes of a lock; 100,000 packages need half of it */

struct lock_platform {
	char *id;     /* "platform:el8" */
	char *arch;   /* "x86_64" */
	char *glibc;  /* "2.28", or NULL */
	char *python; /* "3.12", or NULL */
};

struct lock_repo {
	char *id;
	char *baseurl; /* without a slash at its end; http, https or file; no credentials in it;
			  NULL when there is only a list of mirrors */
	struct strv mirrors; /* further base URLs, in the order of the .repo file */
	char *mirrorlist;    /* URL, or NULL */
	char *metalink;      /* URL, or NULL */
	char *repomd;        /* SHA-256 of repomd.xml, lower-case hexadecimal */
	uint64_t revision;   /* repomd.xml's <revision>, where it is a number; 0: none */
	struct strv keys;    /* pinned primary fingerprints, upper case; may be empty */
	struct strv gpgkey;  /* URLs where the .repo file says that the keys are; may be empty */
	char *sslcacert;     /* absolute paths on the build host, or NULL */
	char *sslclientcert;
	char *sslclientkey;
	char *repofile; /* absolute path of the .repo file that has proxy, password, time-outs …; NULL:
			   none of these is needed. Secrets are not in the lock. */
};

struct lock_rpm {
	char *nevra; /* name-[epoch:]version-release.arch, epoch only when not 0 */
	char *repo;  /* a lock_repo's id: lock_load() has checked that it exists */
	char *path;  /* below the repository's baseurl; path_is_safe() holds; not percent-encoded */
	uint64_t size_bytes;
	char *sha256; /* lower-case hexadecimal */
	char *license;
	char *reason; /* "service NAME", "requested" or "package NEVRA" */
};

/* What a wheel was built with. */
struct lock_build {
	char *name;
	char *version;
	char *url;
	char *sha256;
};

struct lock_sdist {
	char *url; /* NULL: the wheel was downloaded as it is */
	char *sha256;
	struct schema_list build; /* of struct lock_build, sorted by name; may be empty */
};

struct lock_wheel {
	char *name;
	char *version;
	char *file; /* one component ending in .whl */
	char *url;  /* of the wheel; NULL when it was built from SDIST */
	char *sha256;
	struct lock_sdist sdist;
};

struct lock {
	unsigned int version;
	struct lock_platform platform;
	struct schema_list repos;  /* of struct lock_repo, sorted by id */
	struct schema_list rpms;   /* of struct lock_rpm, sorted by nevra */
	struct schema_list wheels; /* of struct lock_wheel, sorted by name */
};

#define LOCK_INIT            \
	{                    \
		.version = 1 \
	}

/*
 * Reads a lock strictly: unknown and missing keys, unsafe paths, malformed digests, references to
 * repositories that are not there, and things that stand twice are ERR_CONFIG with
 * "file:line:column"; a file that cannot be opened is ERR_USAGE. RET must be LOCK_INIT; release it
 * also after a failure.
 */
int lock_load(const char *path, struct lock *ret, struct err *err) MUST_CHECK;
/* The same from memory; NAME is for messages. */
int lock_parse(const char *name, const char *text, size_t len, struct lock *ret,
	       struct err *err) MUST_CHECK;
void lock_release(struct lock *lock);

/* Sorts the lists in place and writes YAML into new memory that the caller frees. */
int lock_format(struct lock *lock, char **ret_text, struct err *err) MUST_CHECK;

/* Append an empty item for the caller to fill with memory of its own (malloc); what was added is
 * released with the lock. The pointer is borrowed and holds until the next addition. */
int lock_add_repo(struct lock *lock, struct lock_repo **ret, struct err *err) MUST_CHECK;
int lock_add_rpm(struct lock *lock, struct lock_rpm **ret, struct err *err) MUST_CHECK;
int lock_add_wheel(struct lock *lock, struct lock_wheel **ret, struct err *err) MUST_CHECK;

/* What a package may be in a lock, its repository aside; ERR_CONFIG, with the key that is wrong in
 * *RET_KEY. */
int lock_rpm_check(const struct lock_rpm *rpm, const char **ret_key, struct err *err) MUST_CHECK;

int lock_add_build(struct lock_sdist *sdist, struct lock_build **ret, struct err *err) MUST_CHECK;
/* All of FROM, which may be empty, into TO, which is. */
int lock_copy_sdist(const struct lock_sdist *from, struct lock_sdist *to,
		    struct err *err) MUST_CHECK;
/* Both leave an empty list and an empty one. */
void lock_release_builds(struct lock_sdist *sdist);
void lock_release_sdist(struct lock_sdist *sdist);

/* Borrowed, or NULL. */
const struct lock_repo *lock_find_repo(const struct lock *lock, const char *id);
/* The whole URL of an RPM, path percent-encoded; the caller frees. */
int lock_rpm_url(const struct lock *lock, const struct lock_rpm *rpm, char **ret_url,
		 struct err *err) MUST_CHECK;

#endif
