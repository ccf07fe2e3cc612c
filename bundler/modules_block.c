/* SPDX-License-Identifier: Apache-2.0 */
#include "modules_block.h"

#include <string.h>

#include "modules.h"

static const size_t record_sizes[BLOCK_TABLES] = {
	[BLOCK_STREAMS] = sizeof(struct block_stream),
	[BLOCK_DEFAULTS] = sizeof(struct block_default),
	[BLOCK_ARTIFACTS] = sizeof(struct block_artifact),
	[BLOCK_REQUIRES] = sizeof(struct block_require),
	[BLOCK_WORDS] = sizeof(uint32_t),
	[BLOCK_NOTES] = sizeof(uint32_t),
	[BLOCK_STRINGS] = 1,
};

size_t block_record_size(enum block_table table)
{
	return record_sizes[table];
}

#define DEFINE_RECORD(name, table)                                                   \
	struct name name(const struct block *block, uint32_t i)                      \
	{                                                                            \
		struct name r;                                                       \
                                                                                     \
		memcpy(&r, block->tables[table] + (size_t)i * sizeof(r), sizeof(r)); \
		return r;                                                            \
	}                                                                            \
	struct block_swallow_semicolon

DEFINE_RECORD(block_stream, BLOCK_STREAMS);
DEFINE_RECORD(block_default, BLOCK_DEFAULTS);
DEFINE_RECORD(block_artifact, BLOCK_ARTIFACTS);
DEFINE_RECORD(block_require, BLOCK_REQUIRES);

static uint32_t offset_at(const struct block *block, enum block_table table, uint32_t i)
{
	uint32_t offset = 0;

	memcpy(&offset, block->tables[table] + (size_t)i * sizeof(offset), sizeof(offset));
	return offset;
}

const char *block_word(const struct block *block, uint32_t i)
{
	return block_string(block, offset_at(block, BLOCK_WORDS, i));
}

const char *block_note(const struct block *block, uint32_t i)
{
	return block_string(block, offset_at(block, BLOCK_NOTES, i));
}

const char *block_string(const struct block *block, uint32_t offset)
{
	return (const char *)block->tables[BLOCK_STRINGS] + offset;
}

/* --- checking ------------------------------------------------------------------------------------ */

static bool is_string(const struct block *block, uint32_t offset)
{
	return offset < block->counts[BLOCK_STRINGS];
}

static bool is_range(const struct block *block, enum block_table table, struct block_range range)
{
	return range.first <= block->counts[table] &&
	       range.count <= block->counts[table] - range.first;
}

static bool check_stream(const struct block *block, uint32_t i)
{
	const struct block_stream s = block_stream(block, i);

	return is_string(block, s.name) && is_string(block, s.stream) &&
	       is_string(block, s.context) && is_string(block, s.arch) &&
	       is_range(block, BLOCK_REQUIRES, s.requires) &&
	       is_range(block, BLOCK_ARTIFACTS, s.artifacts) &&
	       is_range(block, BLOCK_WORDS, s.demodularized);
}

static bool check_default(const struct block *block, uint32_t i)
{
	const struct block_default d = block_default(block, i);

	return is_string(block, d.module) && is_string(block, d.stream) &&
	       is_range(block, BLOCK_WORDS, d.profiles) && d.profiles.count % 2 == 0;
}

static bool check_artifact(const struct block *block, uint32_t i)
{
	const struct block_artifact a = block_artifact(block, i);

	return is_string(block, a.text) && a.name_len < block->counts[BLOCK_STRINGS] - a.text;
}

static bool check_require(const struct block *block, uint32_t i)
{
	const struct block_require r = block_require(block, i);

	return is_string(block, r.module) && is_range(block, BLOCK_WORDS, r.streams);
}

static bool check_word(const struct block *block, uint32_t i)
{
	return is_string(block, offset_at(block, BLOCK_WORDS, i));
}

static bool check_note(const struct block *block, uint32_t i)
{
	return is_string(block, offset_at(block, BLOCK_NOTES, i));
}

static bool check_tables(const struct block *block)
{
	static bool (*const checks[])(const struct block *, uint32_t) = {
		[BLOCK_STREAMS] = check_stream,     [BLOCK_DEFAULTS] = check_default,
		[BLOCK_ARTIFACTS] = check_artifact, [BLOCK_REQUIRES] = check_require,
		[BLOCK_WORDS] = check_word,         [BLOCK_NOTES] = check_note,
	};
	const unsigned char *strings = block->tables[BLOCK_STRINGS];
	uint32_t size = block->counts[BLOCK_STRINGS];

	/* The first string is the empty one, and the last one ends. */
	if (!size || strings[0] || strings[size - 1])
		return false;
	for (size_t t = 0; t < BLOCK_STRINGS; t++)
		for (uint32_t i = 0; i < block->counts[t]; i++)
			if (!checks[t](block, i))
				return false;
	return true;
}

int block_open(struct block *ret, const void *data, size_t size_bytes, struct err *err)
{
	struct block_header header;
	size_t at = sizeof(header);

	if (size_bytes < sizeof(header))
		return err_set(err, ERR_FAILED, "compiled module metadata is cut short");
	memcpy(&header, data, sizeof(header));
	if (memcmp(header.magic, BLOCK_MAGIC, sizeof(header.magic)) != 0 ||
	    header.format != MODULES_FORMAT)
		return err_set(err, ERR_FAILED,
			       "compiled module metadata is of another version of this program");
	for (size_t t = 0; t < BLOCK_TABLES; t++) {
		if (header.counts[t] > UINT32_MAX ||
		    header.counts[t] > (size_bytes - at) / record_sizes[t])
			return err_set(err, ERR_FAILED, "compiled module metadata is cut short");
		ret->tables[t] = (const unsigned char *)data + at;
		ret->counts[t] = (uint32_t)header.counts[t];
		at += (size_t)header.counts[t] * record_sizes[t];
	}
	if (at != size_bytes || !check_tables(ret))
		return err_set(err, ERR_FAILED, "compiled module metadata is damaged");
	return 0;
}
