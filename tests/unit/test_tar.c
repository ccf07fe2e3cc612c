/* SPDX-License-Identifier: Apache-2.0 */
#include "tar.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "cleanup.h"
#include "file.h"
#include "proc.h"

#define DIR90                                                                       \
	"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789/" \
	"bcdefghijklmnopq"

struct member {
	const char *path;
	const char *data;
};

static const struct member members[] = {
	{ "certs/a.crt", "one" },
	{ "empty", "" },
	{ DIR90 "/" DIR90 "/prefix-and-name", "two" },
	{ DIR90 DIR90 DIR90 "-needs-pax", "three" },
};

static int memory_fd(const void *data, size_t size)
{
	struct err err = ERR_INIT;
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "memory", data, size, &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void make_archive(struct str *out)
{
	struct err err = ERR_INIT;
	cleanup_close int fd = memory_fd("", 0);
	struct tar_writer w = { .fd = fd, .name = "archive" };
	uint64_t expect = 2 * (uint64_t)TAR_BLOCK;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		size_t len = strlen(members[i].data);

		assert_int_equal(tar_write_data(&w, members[i].path, members[i].data, len, &err),
				 0);
		expect += tar_member_bytes(members[i].path, len);
	}
	assert_int_equal(tar_write_end(&w, &err), 0);
	assert_int_equal(w.offset, expect);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(fd, "archive", 1U << 20, out, &err), 0);
	assert_int_equal(out->len, expect);
}

static int append(void *arg, const void *data, size_t len, struct err *err)
{
	struct str *s = arg;

	str_add_len(s, data, len);
	return str_check(s, err);
}

/* Reads the archive; contents that differ count as a failure of their own, 99. */
static int read_archive(const void *data, size_t size, struct err *err)
{
	cleanup_close int fd = memory_fd(data, size);
	struct tar_reader r = { .fd = fd, .name = "archive" };
	bool same = true;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		CLEANUP(str_release) struct str got = STR_INIT;
		size_t len = strlen(members[i].data);
		int ret = 0;

		if ((ret = tar_read_header(&r, members[i].path, len, err)) ||
		    (ret = tar_read_contents(&r, members[i].path, len, append, &got, err)))
			return ret;
		same = same && got.len == len &&
		       !memcmp(got.buf ? got.buf : "", members[i].data, len);
	}
	if (!same)
		return 99;
	return tar_read_end(&r, err);
}

static void what_the_writer_makes_the_reader_takes(void **state)
{
	CLEANUP(str_release) struct str archive = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_archive(&archive);
	assert_int_equal(read_archive(archive.buf, archive.len, &err), 0);
}

static void any_changed_byte_is_seen(void **state)
{
	CLEANUP(str_release) struct str archive = STR_INIT;
	size_t contents_bytes = 0;

	(void)state;
	make_archive(&archive);
	for (size_t i = 0; i < archive.len; i++) {
		struct err err = ERR_INIT;
		int r = 0;

		archive.buf[i] ^= 1;
		r = read_archive(archive.buf, archive.len, &err);
		contents_bytes += r == 99;
		if (r != 99 && r != -ERR_VERIFY)
			fail_msg("byte %zu changed: %d", i, r);
		archive.buf[i] ^= 1;
	}
	/* Contents alone are the digests' business: 3 + 0 + 3 + 5 bytes. */
	assert_int_equal(contents_bytes, 11);
}

static void truncated_and_extended_archives_are_refused(void **state)
{
	CLEANUP(str_release) struct str archive = STR_INIT;
	struct err err = ERR_INIT;
	size_t len = 0;

	(void)state;
	make_archive(&archive);
	for (size_t i = 0; i < archive.len; i++)
		assert_int_equal(read_archive(archive.buf, i, &err), -ERR_VERIFY);
	len = archive.len;
	str_addc(&archive, '\0');
	assert_int_equal(read_archive(archive.buf, len + 1, &err), -ERR_VERIFY);
	assert_non_null(strstr(err.msg, "something follows"));
}

static void gnu_tar_reads_what_we_write(void **state)
{
	CLEANUP(str_release) struct str archive = STR_INIT;
	CLEANUP(str_release) struct str expect = STR_INIT;
	struct err err = ERR_INIT;
	cleanup_free char *out = NULL;
	char path[] = "/tmp/pgha-tar-XXXXXX";
	cleanup_close int fd = mkstemp(path);
	const char *argv[] = {
		"tar", "-tvf", path, "--numeric-owner", "--full-time", "--utc", NULL
	};
	const struct proc proc = { .argv = argv };
	int r = 0;

	(void)state;
	make_archive(&archive);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, path, archive.buf, archive.len, &err), 0);
	r = proc_check(&proc, &out, &err);
	unlink(path);
	if (r)
		fail_msg("%s\n%s", err.msg, err.detail);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		str_addf(&expect, "-rw-r--r-- 0/0 %15zu 1980-01-01 00:00:00 %s\n",
			 strlen(members[i].data), members[i].path);
	assert_string_equal(out, expect.buf);
}

static void headers_of_index_and_signature_tell_their_size(void **state)
{
	static const struct {
		uint64_t size, max;
		int ret;
	} cases[] = {
		{ 1, 10, 0 },
		{ 10, 10, 0 },
		{ 11, 10, -ERR_VERIFY },
		{ 0, 10, -ERR_VERIFY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str header = STR_INIT;
		struct err err = ERR_INIT;
		uint64_t size = 77;

		assert_int_equal(tar_header_make("index.yaml", cases[i].size, &header, &err), 0);
		cleanup_close int fd = memory_fd(header.buf, header.len);
		struct tar_reader r = { .fd = fd, .name = "archive" };

		assert_int_equal(tar_read_sized_header(&r, "index.yaml", cases[i].max, &size, &err),
				 cases[i].ret);
		assert_int_equal(size, cases[i].ret ? 77 : cases[i].size);
	}
}

static void a_source_that_changed_is_not_packed(void **state)
{
	static const struct {
		uint64_t size;
		const char *sha256;
		int ret;
	} cases[] = {
		{ 3, NULL, 0 },
		{ 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 0 },
		{ 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae",
		  -ERR_VERIFY },
		{ 2, NULL, -ERR_VERIFY },
		{ 4, NULL, -ERR_VERIFY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		cleanup_close int fd = memory_fd("", 0);
		cleanup_close int source = memory_fd("abc", 3);
		struct tar_writer w = { .fd = fd, .name = "archive" };

		assert_int_equal(
			tar_write_fd(&w, "a", source, cases[i].size, cases[i].sha256, &err),
			cases[i].ret);
	}
}

static void unsafe_paths_get_no_header(void **state)
{
	static const char *const paths[] = { "", "/a", "../a", "a/../b", "a//b", "./a", "a/" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(str_release) struct str header = STR_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(tar_header_make(paths[i], 1, &header, &err), -ERR_FAILED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_writer_makes_the_reader_takes),
		cmocka_unit_test(any_changed_byte_is_seen),
		cmocka_unit_test(truncated_and_extended_archives_are_refused),
		cmocka_unit_test(gnu_tar_reads_what_we_write),
		cmocka_unit_test(headers_of_index_and_signature_tell_their_size),
		cmocka_unit_test(a_source_that_changed_is_not_packed),
		cmocka_unit_test(unsafe_paths_get_no_header),
	};

	return cmocka_run_group_tests_name("tar", tests, NULL, NULL);
}
