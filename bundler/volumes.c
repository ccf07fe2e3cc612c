/* SPDX-License-Identifier: Apache-2.0 */
#include "volumes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "pack_write.h"
#include "str.h"
#include "tar.h"

#define SIZE_MIN (UINT64_C(1) << 20)
#define SIZE_MAX_BYTES (UINT64_C(1) << 50)
#define TRIES_MAX 20

int volumes_parse_size(const char *text, uint64_t *ret_bytes, struct err *err)
{
	static const struct {
		const char *unit;
		double bytes;
	} units[] = {
		{ "", 1 },           { "K", 1e3 },           { "M", 1e6 },
		{ "G", 1e9 },        { "T", 1e12 },          { "KiB", 1024. },
		{ "MiB", 1048576. }, { "GiB", 1073741824. }, { "TiB", 1099511627776. },
	};
	char *end = NULL;
	double value = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;

	if (value >= 0 && end != text + strspn(text, "0123456789."))
		value = -1; /* hexadecimal, an exponent */
	for (size_t i = 0; value >= 0 && i < ARRAY_SIZE(units); i++) {
		double bytes = value * units[i].bytes;

		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (bytes < (double)SIZE_MIN || bytes > (double)SIZE_MAX_BYTES)
			break;
		*ret_bytes = (uint64_t)bytes;
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "'%.80s' is no size of a volume: give 4.7G, 650M or 25GiB, 1MiB at least",
		       text);
}

/* Fills volumes of at most ROOM bytes in the members' order. */
static int fill(struct index *index, uint64_t room, uint64_t max_bytes, struct err *err)
{
	uint64_t left = 0;
	int r = 0;

	strv_release(&index->volumes);
	for (size_t i = 0; r == 0 && i < index->member_count; i++) {
		const struct index_member *m = &index->members[i];
		uint64_t bytes = tar_member_bytes(m->path, m->size_bytes);

		if (m->from_base)
			continue;
		if (bytes > room)
			return err_set(
				err, ERR_USAGE,
				"'%.200s' alone has %llu bytes: it fits on no volume of %llu",
				m->path, (unsigned long long)m->size_bytes,
				(unsigned long long)max_bytes);
		if (bytes > left) {
			r = strv_add(&index->volumes, m->path, err);
			left = room;
		}
		left -= bytes;
	}
	return r;
}

/* The index tells the volumes, and takes room on each of them. */
int volumes_divide(struct index *index, uint64_t max_bytes, struct err *err)
{
	uint64_t head = 0;

	for (int i = 0; i < TRIES_MAX; i++) {
		CLEANUP(str_release) struct str text = STR_INIT;
		uint64_t needed = 0;
		int r = index_format(index, &text, err);

		if (r < 0)
			return r;
		needed = text.len + PACK_HEAD_MAX;
		if (index->volumes.count && needed <= head)
			return 0;
		if (head < needed)
			head = needed;
		if (head >= max_bytes)
			return err_set(
				err, ERR_USAGE,
				"the bundle's index alone has %zu bytes: volumes of %llu are "
				"too small",
				text.len, (unsigned long long)max_bytes);
		r = fill(index, max_bytes - head, max_bytes, err);
		if (r < 0)
			return r;
		if (index->volumes.count > INDEX_VOLUMES_MAX)
			return err_set(err, ERR_USAGE, "more than %u volumes: make them larger",
				       INDEX_VOLUMES_MAX);
		if (index->volumes.count < 2) {
			strv_release(&index->volumes);
			return 0;
		}
	}
	return err_set(err, ERR_FAILED, "the bundle cannot be divided into volumes of %llu bytes",
		       (unsigned long long)max_bytes);
}
