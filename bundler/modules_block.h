/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What modules_compile() makes of a modules.yaml: tables of records, one behind the other, then the
 * strings. Records name strings by their offset (0: none, "") and a range of another table by its first
 * record and a count. Numbers are the machine's own: the block is for a cache, not for an exchange. It
 * may stand at any address, so records are copied out.
 */
#ifndef PGHA_MODULES_BLOCK_H
#define PGHA_MODULES_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define BLOCK_MAGIC "PGHAMODS"

enum block_table {
	BLOCK_STREAMS,   /* struct block_stream */
	BLOCK_DEFAULTS,  /* struct block_default */
	BLOCK_ARTIFACTS, /* struct block_artifact */
	BLOCK_REQUIRES,  /* struct block_require */
	BLOCK_WORDS,     /* uint32_t: offsets of strings */
	BLOCK_NOTES,     /* the same: what was left out, a line each */
	BLOCK_STRINGS,   /* bytes */
	BLOCK_TABLES
};

struct block_header {
	char magic[8];
	uint32_t format;
	uint32_t reserved;
	uint64_t counts[BLOCK_TABLES];
};

struct block_range {
	uint32_t first;
	uint32_t count;
};

#define BLOCK_STATIC_CONTEXT 1U

struct block_stream {
	uint64_t version;
	uint32_t name;
	uint32_t stream;
	uint32_t context;
	uint32_t arch;
	uint32_t flags;
	uint32_t reserved;
	struct block_range requires;      /* of BLOCK_REQUIRES, by group, then by module */
	struct block_range artifacts;     /* of BLOCK_ARTIFACTS */
	struct block_range demodularized; /* of BLOCK_WORDS: names of packages */
};

struct block_require {
	uint32_t group; /* which item of the list `dependencies` */
	uint32_t module;
	struct block_range streams; /* of BLOCK_WORDS, sorted; none: any stream */
};

struct block_artifact {
	uint64_t hash;     /* block_hash() of the text */
	uint32_t text;     /* name-[epoch:]version-release.arch, the epoch only when it is not 0 */
	uint32_t name_len; /* 0: a source package */
};

struct block_default {
	uint64_t modified;
	uint32_t module;
	uint32_t stream;             /* or 0 */
	struct block_range profiles; /* of BLOCK_WORDS, pairs: a stream, its profiles with commas */
};

/* A block whose offsets and counts were checked. */
struct block {
	const unsigned char *tables[BLOCK_TABLES]; /* borrowed */
	uint32_t counts[BLOCK_TABLES];
};

/* ERR_FAILED when DATA is not what this version of the program writes, or is damaged. */
int block_open(struct block *ret, const void *data, size_t size_bytes, struct err *err) MUST_CHECK;

/* Indexes and offsets are of a block that block_open() took. */
struct block_stream block_stream(const struct block *block, uint32_t i);
struct block_default block_default(const struct block *block, uint32_t i);
struct block_artifact block_artifact(const struct block *block, uint32_t i);
struct block_require block_require(const struct block *block, uint32_t i);
const char *block_word(const struct block *block, uint32_t i);
const char *block_note(const struct block *block, uint32_t i);
const char *block_string(const struct block *block, uint32_t offset);

/* Size of one record. */
size_t block_record_size(enum block_table table);

#define BLOCK_HASH_INIT UINT64_C(0xcbf29ce484222325)

/* FNV-1a, piece by piece: start with BLOCK_HASH_INIT. */
static inline uint64_t block_hash(uint64_t hash, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

#endif
