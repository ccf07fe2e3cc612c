/* SPDX-License-Identifier: Apache-2.0 */
#include "pack_write.h"

#include "bundle.h"

#define COUNT 40

static char *dir;

static int make_dir(void **state)
{
	(void)state;
	dir = tree_new();
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	tree_drop(dir);
	return 0;
}

/* Members of all sizes around a block and a chunk, in memory and in files. */
static void make_pack(struct pack *pack)
{
	static const size_t sizes[] = { 0, 1, 511, 512, 513, 4096, 262143, 262144, 262145, 600000 };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT; i++) {
		const size_t size = sizes[i % ARRAY_SIZE(sizes)];
		cleanup_free char *data = malloc(size + 1);
		char path[32], name[32];

		assert_non_null(data);
		memset(data, (int)('a' + i % 26), size);
		/* In another order than the archive's, whose first one has the longest path. */
		snprintf(path, sizeof(path), "wheels/%02zu", COUNT - 1 - i);
		snprintf(name, sizeof(name), "source%zu", i);
		if (i % 3 == 0) {
			assert_ok(pack_add_data(pack, path, data, size, &err));
		} else {
			cleanup_free char *source = NULL;

			write_file(dir, name, data, size, 0600);
			assert_ok(path_join(dir, name, &source, &err));
			assert_ok(pack_add_file(pack, path, source, &err));
		}
	}
}

static const struct str index_text = { .buf = (char *)"index", .len = 5 };
static const struct str signature = { .buf = (char *)"signature", .len = 9 };

static int write_to(struct pack *pack, const struct index *index, const char *name,
		    struct err *ret_err)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < index_volume_count(index); i++) {
		assert_ok(strv_addf(&paths, &err, "%s/%s.%zu", dir, name, i));
		(void)unlink(paths.items[i]);
	}
	return pack_write(pack, index, &index_text, &signature, &paths, &paths, ret_err);
}

static void members(struct str *want, const struct pack *pack, const struct index *index,
		    size_t from, size_t to)
{
	struct err err = ERR_INIT;

	bundle_member(want, INDEX_NAME, index_text.buf, index_text.len);
	bundle_member(want, INDEX_SIGNATURE_NAME, signature.buf, signature.len);
	for (size_t i = from; i < to; i++) {
		const struct pack_member *m = &pack->members[i];
		cleanup_free char *data = NULL;

		if (index->members[i].from_base)
			continue;
		if (m->source)
			assert_ok(file_read(m->source, 0, ERR_FAILED, &data, NULL, &err));
		bundle_member(want, m->path, m->source ? data : m->data.buf, m->size_bytes);
	}
	bundle_end(want);
}

static void assert_file(const char *name, const struct str *want)
{
	cleanup_free char *path = NULL;
	cleanup_free char *data = NULL;
	struct err err = ERR_INIT;
	struct stat st;
	size_t size = 0;

	assert_ok(path_join(dir, name, &path, &err));
	assert_ok(file_read(path, 0, ERR_FAILED, &data, &size, &err));
	assert_int_equal(size, want->len);
	assert_memory_equal(data, want->buf, size);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void many_threads_write_what_one_would(void **state)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(str_release) struct str want = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_pack(&pack);
	assert_ok(pack_index(&pack, &index, &err));
	assert_ok(write_to(&pack, &index, "whole", &err));
	members(&want, &pack, &index, 0, COUNT);
	assert_file("whole.0", &want);
}

static void volumes_and_what_a_base_has(void **state)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(str_release) struct str first = STR_INIT;
	CLEANUP(str_release) struct str second = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_pack(&pack);
	assert_ok(pack_index(&pack, &index, &err));
	index.members[0].from_base = true;
	index.members[5].from_base = true;
	index.members[COUNT - 1].from_base = true;
	assert_ok(strv_add(&index.volumes, index.members[1].path, &err));
	assert_ok(strv_add(&index.volumes, index.members[17].path, &err));
	assert_ok(write_to(&pack, &index, "part", &err));
	members(&first, &pack, &index, 0, 17);
	members(&second, &pack, &index, 17, COUNT);
	assert_file("part.0", &first);
	assert_file("part.1", &second);
}

static void a_source_that_changed_or_is_gone_fails(void **state)
{
	static const struct {
		const char *what;
		const char *data; /* NULL: gone */
		size_t size;
		enum err_code code;
	} cases[] = {
		{ "other content", "bbbbb", 5, ERR_VERIFY },
		{ "longer", "aaaaaa", 6, ERR_VERIFY },
		{ "shorter", "aaaa", 4, ERR_VERIFY },
		{ "empty", "", 0, ERR_VERIFY },
		{ "gone", NULL, 0, ERR_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(pack_release) struct pack pack = PACK_INIT;
		CLEANUP(index_release) struct index index = INDEX_INIT;
		cleanup_free char *source = NULL;
		struct err err = ERR_INIT;

		make_pack(&pack);
		write_file(dir, "one", "aaaaa", 5, 0600);
		assert_ok(path_join(dir, "one", &source, &err));
		assert_ok(pack_add_file(&pack, "wheels/one", source, &err));
		assert_ok(pack_index(&pack, &index, &err));
		assert_int_equal(unlink(source), 0);
		if (cases[i].data)
			write_file(dir, "one", cases[i].data, cases[i].size, 0600);
		assert_fails(cases[i].code, write_to(&pack, &index, "changed", &err));
		assert_contains(err.msg, source);
	}
}

static void an_archive_that_is_there_is_not_overwritten(void **state)
{
	CLEANUP(pack_release) struct pack pack = PACK_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_pack(&pack);
	assert_ok(pack_index(&pack, &index, &err));
	write_file(dir, "there", "x", 1, 0600);
	assert_ok(strv_addf(&paths, &err, "%s/there", dir));
	assert_fails(ERR_FAILED,
		     pack_write(&pack, &index, &index_text, &signature, &paths, &paths, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_threads_write_what_one_would),
		cmocka_unit_test(volumes_and_what_a_base_has),
		cmocka_unit_test(a_source_that_changed_or_is_gone_fails),
		cmocka_unit_test(an_archive_that_is_there_is_not_overwritten),
	};

	return cmocka_run_group_tests_name("pack_write", tests, make_dir, drop_dir);
}
