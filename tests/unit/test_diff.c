/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "diff.h"
#include "file.h"
#include "proc.h"

static void unified(const char *a, size_t a_len, const char *b, size_t b_len, struct str *out)
{
	CLEANUP(diff_lines_release) struct diff_lines old_text = { .items = NULL };
	CLEANUP(diff_lines_release) struct diff_lines new_text = { .items = NULL };
	struct err err = ERR_INIT;

	assert_ok(diff_split(a, a_len, &old_text, &err));
	assert_ok(diff_split(b, b_len, &new_text, &err));
	assert_ok(diff_unified(&old_text, &new_text, NULL, out, &err));
	str_add(out, "");
}

static void a_diff_is_unified(void **state)
{
	static const struct {
		const char *a, *b, *diff;
	} cases[] = {
		{ "", "", "" },
		{ "a\n", "a\n", "" },
		{ "", "a\n", "@@ -0,0 +1 @@\n+a\n" },
		{ "a\n", "", "@@ -1 +0,0 @@\n-a\n" },
		{ "a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n" },
		{ "a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n" },
		{ "a\n", "a\nb", "@@ -1 +1,2 @@\n a\n+b\n\\ No newline at end of file\n" },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n6\n7\n8\n9\n",
		  "@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n" },
		/* Seven common lines part two hunks, six do not. */
		{ "x\n1\n2\n3\n4\n5\n6\n7\nx\n", "y\n1\n2\n3\n4\n5\n6\n7\ny\n",
		  "@@ -1,4 +1,4 @@\n-x\n+y\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-x\n+y\n" },
		{ "x\n1\n2\n3\n4\n5\n6\nx\n", "y\n1\n2\n3\n4\n5\n6\ny\n",
		  "@@ -1,8 +1,8 @@\n-x\n+y\n 1\n 2\n 3\n 4\n 5\n 6\n-x\n+y\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;

		unified(cases[i].a, strlen(cases[i].a), cases[i].b, strlen(cases[i].b), &out);
		assert_string_equal(cases[i].diff, out.buf);
	}
}

static void make_text(struct str *ret, unsigned int *seed, size_t lines, unsigned int words)
{
	str_add(ret, "");
	for (size_t i = 0; i < lines; i++)
		str_addf(ret, "%u%s", (unsigned int)rand_r(seed) % words,
			 i + 1 < lines || rand_r(seed) % 4 ? "\n" : "");
}

/* How many lines DIFF removes and adds. */
static size_t count_edits(const char *diff)
{
	size_t count = 0;

	for (const char *l = diff; l && *l; l = strchr(l, '\n'), l += l != NULL)
		count += *l == '-' || *l == '+';
	return count;
}

/* Runs diffutils' COMMAND on the two files; gives its exit status. */
static int stock(const char *command, const char *a, const char *b, char **ret_out)
{
	CLEANUP(proc_result_release) struct proc_result res = PROC_RESULT_INIT;
	const char *const diff[] = { "diff", "-d", "-U3", a, b, NULL };
	const char *const patch[] = { "patch", "--quiet", a, b, NULL };
	const struct proc proc = { .argv = strcmp(command, "diff") ? patch : diff };
	struct err err = ERR_INIT;

	assert_ok(proc_run(&proc, &res, &err));
	assert_ok(str_done(&res.out, ret_out, &err));
	return res.status;
}

/* The body of diff -u, without the two lines of names. */
static const char *behind_names(const char *text)
{
	for (int i = 0; i < 2 && *text; i++)
		text = strchr(text, '\n') + 1;
	return text;
}

static void it_is_as_short_as_that_of_diffutils_and_patch_takes_it(void **state)
{
	char dir[] = "/tmp/pgha-diff-XXXXXX";
	struct err err = ERR_INIT;
	unsigned int seed = 20;

	(void)state;
	if (access("/usr/bin/diff", X_OK) || access("/usr/bin/patch", X_OK))
		skip();
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 60; i++) {
		CLEANUP(str_release) struct str a = STR_INIT;
		CLEANUP(str_release) struct str b = STR_INIT;
		CLEANUP(str_release) struct str out = STR_INIT;
		CLEANUP(str_release) struct str patch = STR_INIT;
		cleanup_free char *a_path = NULL, *b_path = NULL, *p_path = NULL;
		cleanup_free char *theirs = NULL, *said = NULL, *patched = NULL;

		make_text(&a, &seed, (size_t)(i % 20), 6);
		make_text(&b, &seed, (size_t)rand_r(&seed) % 20, 6);
		unified(a.buf, a.len, b.buf, b.len, &out);
		assert_ok(path_join(dir, "a", &a_path, &err));
		assert_ok(path_join(dir, "b", &b_path, &err));
		assert_ok(path_join(dir, "p", &p_path, &err));
		assert_ok(file_write_atomic(a_path, 0600, a.buf, a.len, &err));
		assert_ok(file_write_atomic(b_path, 0600, b.buf, b.len, &err));
		if (!stock("diff", a_path, b_path, &theirs)) {
			assert_string_equal("", out.buf);
			continue;
		}
		assert_int_equal(count_edits(behind_names(theirs)), count_edits(out.buf));
		str_addf(&patch, "--- a\n+++ b\n%s", out.buf);
		assert_ok(file_write_atomic(p_path, 0600, patch.buf, patch.len, &err));
		if (stock("patch", a_path, p_path, &said))
			fail_msg("%s\n%s", said, patch.buf);
		if (b.len && a.len) {
			assert_ok(file_read(a_path, 0, ERR_FAILED, &patched, NULL, &err));
			assert_string_equal(b.buf, patched);
		}
	}
	assert_ok(tree_remove(dir, &err));
}

static void texts_with_nothing_in_common_are_one_replacement(void **state)
{
	CLEANUP(str_release) struct str a = STR_INIT;
	CLEANUP(str_release) struct str b = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		str_addf(&a, "a%d\n", i);
		str_addf(&b, "b%d\n", i);
	}
	unified(a.buf, a.len, b.buf, b.len, &out);
	assert_true(str_starts(out.buf, "@@ -1,3000 +1,3000 @@\n-a0\n-a1\n"));
	assert_int_equal(6000, count_edits(out.buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_diff_is_unified),
		cmocka_unit_test(it_is_as_short_as_that_of_diffutils_and_patch_takes_it),
		cmocka_unit_test(texts_with_nothing_in_common_are_one_replacement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
