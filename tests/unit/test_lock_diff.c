/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "lock_diff.h"

static void a_nevra_is_split_from_its_end(void **state)
{
	static const struct {
		const char *nevra, *name, *evr, *arch;
	} cases[] = {
		{ "a-1-1.x86_64", "a", "1-1", "x86_64" },
		{ "a-b-c-1:2~rc1-3^x.el8.noarch", "a-b-c", "1:2~rc1-3^x.el8", "noarch" },
		{ "python3.11-3.11.1-1.i686", "python3.11", "3.11.1-1", "i686" },
		{ "a-1.x86_64", NULL, NULL, NULL },
		{ "-1-1.x86_64", NULL, NULL, NULL },
		{ "a--1.x86_64", NULL, NULL, NULL },
		{ "a-1-.x86_64", NULL, NULL, NULL },
		{ "a-1-1.", NULL, NULL, NULL },
		{ "a-1-1", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
		struct err err = ERR_INIT;

		if (!cases[i].name) {
			assert_fails(ERR_CONFIG, lock_nevra_split(cases[i].nevra, &v, &err));
			continue;
		}
		assert_ok(lock_nevra_split(cases[i].nevra, &v, &err));
		assert_string_equal(v.name, cases[i].name);
		assert_string_equal(v.evr, cases[i].evr);
		assert_string_equal(v.arch, cases[i].arch);
	}
}

static void a_nevra_matches_what_people_write(void **state)
{
	static const struct {
		const char *nevra, *pattern;
		bool match;
	} cases[] = {
		{ "a-b-1:2-3.noarch", "a-b", true },
		{ "a-b-1:2-3.noarch", "a-b.noarch", true },
		{ "a-b-1:2-3.noarch", "a-b-2", true },
		{ "a-b-1:2-3.noarch", "a-b-1:2-3", true },
		{ "a-b-1:2-3.noarch", "a-b-2-3.noarch", true },
		{ "a-b-1:2-3.noarch", "a-*", true },
		{ "a-b-1:2-3.noarch", "a", false },
		{ "a-b-1:2-3.noarch", "a-b-0:2-3", false },
		{ "a-b-1:2-3.noarch", "a-b.x86_64", false },
		{ "a-2-3.noarch", "a-0:2-3.noarch", true },
		{ "a-2-3.noarch", "a-1:2-3.noarch", false },
		{ "none", "none", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(lock_nevra_match(cases[i].nevra, cases[i].pattern),
				 cases[i].match);
}

static void versions_compare_as_rpm_and_pip_do(void **state)
{
	static const struct {
		bool wheels;
		const char *older, *newer;
	} cases[] = {
		{ false, "9-1", "10-1" },         { false, "9-1", "1:1-1" },
		{ false, "1~rc1-1", "1-1" },      { false, "1-1.el8", "1-1.el8_10" },
		{ true, "4.1.9", "4.1.10" },      { true, "4.1.0rc1", "4.1.0" },
		{ true, "4.1.0a2", "4.1.0b1" },   { true, "4.1.0.dev3", "4.1.0" },
		{ true, "4.1.0", "4.1.0.post1" }, { true, "4.1.0.post1.dev1", "4.1.0.post1" },
		{ true, "2024.1", "1!1.0" },      { true, "1.0", "1.0+local.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool w = cases[i].wheels;

		if (lock_compare_versions(w, cases[i].older, cases[i].newer) >= 0 ||
		    lock_compare_versions(w, cases[i].newer, cases[i].older) <= 0)
			fail_msg("%s is not older than %s", cases[i].older, cases[i].newer);
		assert_int_equal(lock_compare_versions(w, cases[i].older, cases[i].older), 0);
	}
}

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEAD                                             \
	"pgha-lock: 1\n"                                 \
	"platform: {id: \"platform:el8\", arch: x}\n"    \
	"repos:\n"                                       \
	"  - {id: base, baseurl: \"https://mirror/8\", " \
	"repomd: " SHA_A ", keys: []}\nrpms:\n"
#define RPM(nevra, sha)                                                 \
	"  - {nevra: \"" nevra "\", repo: base, path: a.rpm, size: 5, " \
	"sha256: " sha ", license: MIT, reason: requested}\n"
#define WHEEL(name, version)                                                     \
	"  - {name: " name ", version: \"" version "\", file: " name "-" version \
	"-py3-none-any.whl, "                                                    \
	"url: \"https://index/x.whl\", sha256: " SHA_A "}\n"

static void read_lock(const char *text, struct lock *lock)
{
	struct err err = ERR_INIT;

	assert_ok(lock_parse("t.lock", text, strlen(text), lock, &err));
}

static void each_change_is_told_once_by_kind(void **state)
{
	static const char *const expected[] = {
		"up        kernel   2-1 -> 3-1",
		"up        up       1-1 -> 1:1-1",
		"up        w        1.0rc1 -> 1.0  wheel",
		"down      down     2-1 -> 1-1",
		"added     multi    2-1  (requested)",
		"added     new      1-1  (requested)",
		"removed   gone     1-1",
		"replaced  rebuilt  1-1",
	};
	CLEANUP(lock_release) struct lock from = LOCK_INIT;
	CLEANUP(lock_release) struct lock to = LOCK_INIT;
	CLEANUP(lock_diff_release) struct lock_diff diff = LOCK_DIFF_INIT;
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	cleanup_free char *summary = NULL;
	struct err err = ERR_INIT;

	(void)state;
	read_lock(HEAD RPM("arch-1-1.noarch", SHA_A) RPM("down-2-1.x86_64", SHA_A)
			  RPM("gone-1-1.x86_64", SHA_A) RPM("kernel-1-1.x86_64", SHA_A)
				  RPM("kernel-2-1.x86_64", SHA_A) RPM("multi-2-1.i686", SHA_A) RPM(
					  "rebuilt-1-1.x86_64", SHA_A) RPM("same-1-1.x86_64", SHA_A)
					  RPM("up-1-1.x86_64", SHA_A) "wheels:\n" WHEEL("same", "1")
						  WHEEL("w", "1.0rc1"),
		  &from);
	read_lock(HEAD RPM("arch-1-1.noarch", SHA_A) RPM("down-1-1.x86_64", SHA_A)
			  RPM("kernel-1-1.x86_64", SHA_A) RPM("kernel-3-1.x86_64", SHA_A)
				  RPM("multi-2-1.i686", SHA_A) RPM("multi-2-1.x86_64", SHA_A) RPM(
					  "new-1-1.x86_64", SHA_A) RPM("rebuilt-1-1.x86_64", SHA_B)
					  RPM("same-1-1.x86_64", SHA_A)
						  RPM("up-1:1-1.x86_64", SHA_A) "wheels:\n" WHEEL(
							  "same", "1") WHEEL("w", "1.0"),
		  &to);
	assert_ok(lock_diff(&from, &to, &diff, &err));
	assert_ok(lock_diff_lines(&diff, &lines, &err));
	for (size_t i = 0; i < lines.count && i < ARRAY_SIZE(expected); i++)
		assert_string_equal(lines.items[i], expected[i]);
	assert_int_equal(lines.count, ARRAY_SIZE(expected));
	assert_ok(lock_diff_summary(&diff, &summary, &err));
	assert_string_equal(summary, "3 up, 1 down, 2 added, 1 removed, 1 replaced");
	assert_int_equal(diff.repos.count, 0);
	assert_false(diff.platform);
}

static void the_same_lock_has_no_changes(void **state)
{
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(lock_diff_release) struct lock_diff diff = LOCK_DIFF_INIT;
	cleanup_free char *summary = NULL;
	struct err err = ERR_INIT;

	(void)state;
	read_lock(HEAD RPM("a-1-1.x86_64", SHA_A) "wheels:\n" WHEEL("w", "1"), &lock);
	assert_ok(lock_diff(&lock, &lock, &diff, &err));
	assert_int_equal(diff.count, 0);
	assert_ok(lock_diff_summary(&diff, &summary, &err));
	assert_string_equal(summary, "no package changes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nevra_is_split_from_its_end),
		cmocka_unit_test(a_nevra_matches_what_people_write),
		cmocka_unit_test(versions_compare_as_rpm_and_pip_do),
		cmocka_unit_test(each_change_is_told_once_by_kind),
		cmocka_unit_test(the_same_lock_has_no_changes),
	};

	return RUN_TESTS(tests);
}
