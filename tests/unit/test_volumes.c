/* SPDX-License-Identifier: Apache-2.0 */
#include "volumes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "pack_write.h"
#include "tar.h"

#define H0 "0000000000000000000000000000000000000000000000000000000000000000"
#define MIB (UINT64_C(1) << 20)

static void sizes_are_read_as_media_are_sold(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} cases[] = {
		{ "4.7G", 4700000000 },
		{ "650M", 650000000 },
		{ "25GiB", 25 * 1024 * MIB },
		{ "2000K", 2000000 },
		{ "1T", 1000000000000 },
		{ "1MiB", MIB },
		{ "1048576", MIB },
		{ "1048575", 0 },
		{ "4.7", 0 },
		{ "G", 0 },
		{ "", 0 },
		{ "-5G", 0 },
		{ "5GB", 0 },
		{ "5 G", 0 },
		{ "nan", 0 },
		{ "1e400G", 0 },
		{ " 5G", 0 },
		{ "0x10M", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		uint64_t bytes = 0;
		int r = volumes_parse_size(cases[i].text, &bytes, &err);

		if (bytes != cases[i].bytes || (r == 0) != (cases[i].bytes != 0))
			fail_msg("'%s': %d, %llu", cases[i].text, r, (unsigned long long)bytes);
	}
}

static void make_index(struct index *index, size_t count, uint64_t size)
{
	struct err err = ERR_INIT;
	char path[64];

	assert_int_equal(str_dup(&index->cluster, "test", &err), 0);
	assert_int_equal(str_dup(&index->platform.id, "platform:el8", &err), 0);
	assert_int_equal(str_dup(&index->platform.arch, "x86_64", &err), 0);
	index->sequence = 7;
	index->created = 1770000000;
	index->expires = 1780000000;
	memcpy(index->installer_sha256, H0, SHA256_HEX_SIZE);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "wheels/%06zu", i);
		assert_int_equal(index_add(index, path, size, H0, NULL, &err), 0);
	}
	assert_int_equal(index_sort(index, &err), 0);
	assert_int_equal(index_payload_digest(index, index->payload_sha256, &err), 0);
}

static void no_volume_is_larger_than_asked_for(void **state)
{
	static const struct {
		size_t count;
		uint64_t size, max;
	} cases[] = {
		{ 10, MIB / 2, MIB },    { 10, MIB / 2, 2 * MIB },
		{ 3000, 3000, 2 * MIB }, { 3000, 3000, MIB },
		{ 2, 1, MIB },           { 700, 5000, 3 * MIB + 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(index_release) struct index index = INDEX_INIT;
		CLEANUP(index_release) struct index again = INDEX_INIT;
		CLEANUP(str_release) struct str text = STR_INIT;
		struct err err = ERR_INIT;
		uint64_t sum = 0;

		make_index(&index, cases[i].count, cases[i].size);
		if (volumes_divide(&index, cases[i].max, &err))
			fail_msg("case %zu: %s", i, err.msg);
		assert_int_equal(index_format(&index, &text, &err), 0);
		for (size_t v = 0; v < index_volume_count(&index); v++) {
			uint64_t bytes = pack_volume_bytes(&index, v);

			assert_true(text.len + PACK_HEAD_MAX + bytes <= cases[i].max);
			assert_true(bytes > 0);
			sum += bytes;
		}
		assert_int_equal(sum,
				 cases[i].count * tar_member_bytes("wheels/000000", cases[i].size));
		assert_int_equal(index_parse("index.yaml", text.buf, text.len, &again, &err), 0);
		assert_int_equal(index_volume_count(&again), index_volume_count(&index));
	}
}

static void one_that_fits_whole_has_no_volumes(void **state)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_index(&index, 10, 1000);
	assert_int_equal(volumes_divide(&index, MIB, &err), 0);
	assert_int_equal(index.volumes.count, 0);
}

static void what_fits_on_no_volume_is_named(void **state)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_index(&index, 2, MIB);
	assert_int_equal(volumes_divide(&index, MIB, &err), -ERR_USAGE);
	assert_non_null(strstr(err.msg, "'wheels/000000' alone has 1048576 bytes"));
}

static void an_index_that_fills_the_volume_is_said(void **state)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_index(&index, 12000, 1);
	assert_int_equal(volumes_divide(&index, MIB, &err), -ERR_USAGE);
	assert_non_null(strstr(err.msg, "index"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read_as_media_are_sold),
		cmocka_unit_test(no_volume_is_larger_than_asked_for),
		cmocka_unit_test(one_that_fits_whole_has_no_volumes),
		cmocka_unit_test(what_fits_on_no_volume_is_named),
		cmocka_unit_test(an_index_that_fills_the_volume_is_said),
	};

	return cmocka_run_group_tests_name("volumes", tests, NULL, NULL);
}
