/* SPDX-License-Identifier: Apache-2.0 */
/* What programs need, asked of real ones and of damaged copies. */
#include "unit.h"

#include <unistd.h>

#include "elf_needs.h"
#include "file.h"
#include "proc.h"

static char dir[] = "/tmp/pgha-test-elf-XXXXXX";
static char *self;
static size_t self_size;

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	return file_read("/proc/self/exe", 256U << 20, ERR_FAILED, &self, &self_size, &err);
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	free(self);
	return tree_remove(dir, &err);
}

static char *put(const char *name, const void *data, size_t size)
{
	char *path = NULL;
	struct err err = ERR_INIT;

	assert_ok(path_join(dir, name, &path, &err));
	assert_ok(file_write_atomic(path, 0755, data, size, &err));
	return path;
}

static void a_program_says_what_it_needs(void **state)
{
	CLEANUP(elf_needs_release) struct elf_needs needs = ELF_NEEDS_INIT;
	struct err err = ERR_INIT;
	bool glibc = false;

	(void)state;
	assert_ok(elf_read("self", self, self_size, &needs, &err));
	assert_true(strv_has(&needs.libraries, "libc.so.6"));
	for (size_t i = 0; i < needs.versions.count; i++)
		glibc = glibc || str_starts(needs.versions.items[i], "GLIBC_2.");
	assert_true(glibc);
}

/* This very program links cmocka and was built with the glibc of today. */
static void an_installer_that_needs_too_much_is_refused_in_one_line(void **state)
{
	cleanup_free char *path = put("self", self, self_size);
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_CONFIG, elf_check_installer(path, "x86_64", "2.5", &err));
	assert_contains(err.msg, "glibc 2.5: it needs glibc 2.");
	assert_contains(err.msg, "libcmocka.so.0");
	assert_fails(ERR_CONFIG, elf_check_installer(path, "x86_64", "99.0", &err));
	assert_null(strstr(err.msg, "needs glibc"));
	assert_contains(err.msg, "it needs lib");
#ifdef __x86_64__
	assert_fails(ERR_CONFIG, elf_check_installer(path, "aarch64", "99.0", &err));
	assert_contains(err.msg, "not built for aarch64");
#endif
}

static void what_is_no_program_is_refused_and_a_script_is_not(void **state)
{
	cleanup_free char *script = put("script", "#!/bin/sh\n", 10);
	cleanup_free char *text = put("text", "an installer", 12);
	cleanup_free char *empty = put("empty", "", 0);
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(elf_check_installer(script, "x86_64", "2.28", &err));
	assert_fails(ERR_CONFIG, elf_check_installer(text, "x86_64", "2.28", &err));
	assert_fails(ERR_CONFIG, elf_check_installer(empty, "x86_64", "2.28", &err));
	assert_fails(ERR_CONFIG, elf_check_installer("/nonexistent", "x86_64", "2.28", &err));
}

/* Whatever stands in the file, the reader stays inside of it: the sanitizers see when it does not. */
static void a_damaged_program_is_read_within_its_bounds(void **state)
{
	unsigned int seed = 20260101;
	size_t head = self_size < 8192 ? self_size : 8192;
	unsigned int refused = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		CLEANUP(elf_needs_release) struct elf_needs needs = ELF_NEEDS_INIT;
		size_t size = round % 3 ? self_size : (size_t)rand_r(&seed) % self_size;
		/* The first half of the rounds in the headers, the others where versions and names are. */
		size_t range = round < 1500 ? 1024 : head;
		/* An allocation of its own: what is behind it is nobody's. */
		cleanup_free char *copy = malloc(size + 1);
		struct err err = ERR_INIT;

		assert_non_null(copy);
		copy = realloc(copy, size ? size : 1);
		assert_non_null(copy);
		memcpy(copy, self, size);
		for (int i = 0; size && i < 8; i++)
			copy[(size_t)rand_r(&seed) % (size < range ? size : range)] =
				(char)rand_r(&seed);
		refused += elf_read("damaged", copy, size, &needs, &err) != 0;
	}
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_says_what_it_needs),
		cmocka_unit_test(an_installer_that_needs_too_much_is_refused_in_one_line),
		cmocka_unit_test(what_is_no_program_is_refused_and_a_script_is_not),
		cmocka_unit_test(a_damaged_program_is_read_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
