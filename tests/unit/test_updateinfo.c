/* SPDX-License-Identifier: Apache-2.0 */
#include "updateinfo.h"

#include "unit.h"

#define PACKAGE(name, evr_epoch, version)                                       \
	"<package name=\"" name "\" epoch=\"" evr_epoch "\" version=\"" version \
	"\" release=\"1.el8\" arch=\"x86_64\""

static int cut_text(const char *text, size_t len, struct str *ret, struct err *ret_err)
{
	CLEANUP(inside_release) struct inside inside = INSIDE_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	struct lock_rpm rpms[2] = { { .nevra = (char *)"wanted-7:2.0-1.el8.x86_64" },
				    { .nevra = (char *)"two-words-1.0-1.el8.x86_64" } };
	cleanup_fclose FILE *in = fmemopen((char *)text, len, "r");
	struct err err = ERR_INIT;
	int r = 0;

	assert_non_null(in);
	lock.rpms = (struct schema_list){ .items = rpms, .count = 2 };
	r = inside_make(&lock, &inside, &err);
	lock.rpms = (struct schema_list){ .items = NULL };
	assert_int_equal(r, 0);
	return updateinfo_cut("updateinfo.xml", in, &inside, ret, ret_err);
}

static void what_names_nothing_inside_is_left_out(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "<updates></updates>", "" },
		{ "<updates/>", "" },
		{ "<updates>\n<update a='1'><id>x</id><pkglist><collection>" PACKAGE(
			  "wanted", "7", "2.0") "/></collection></pkglist></update>\n</updates>",
		  "<update a='1'><id>x</id><pkglist><collection>" PACKAGE(
			  "wanted", "7", "2.0") "/></collection></pkglist></update>\n" },
		{ "<updates><update><pkglist><collection>" PACKAGE(
			  "two-words", "0", "1.0") "><filename>f</filename></"
						   "package>" PACKAGE("other", "0",
								      "1.0") "><filename>g<"
									     "/filename></"
									     "package></"
									     "collection></"
									     "pkglist></"
									     "update></"
									     "updates>",
		  "<update><pkglist><collection>" PACKAGE(
			  "two-words", "0", "1.0") "><filename>f</filename></package></"
						   "collection></pkglist></update>\n" },
		/* another version, another epoch, no package at all */
		{ "<updates><update><pkglist><collection>" PACKAGE(
			  "wanted", "7", "2.1") "/></collection></pkglist></update></updates>",
		  "" },
		{ "<updates><update><pkglist><collection>" PACKAGE(
			  "wanted", "0", "2.0") "/></collection></pkglist></update></updates>",
		  "" },
		{ "<updates><update><pkglist/></update></updates>", "" },
		/* a whole collection goes, with what was cut in it */
		{ "<updates><update><pkglist><collection short='a'>" PACKAGE(
			  "other", "0",
			  "1") "/></collection><collection "
			       "short='b'>" PACKAGE("other", "0", "1") "/>" PACKAGE(
				       "wante"
				       "d",
				       "7", "2.0") "/></collection></pkglist></update>"
						   "<update><id>second</id></update></updates>",
		  "<update><pkglist><collection short='b'>" PACKAGE(
			  "wanted", "7", "2.0") "/></collection></pkglist></update>\n" },
		/* the vendor's own words stay: entities, comments, CDATA, what is beyond ASCII */
		{ "<?xml version='1.0' encoding='utf-8'?><updates><update><!-- a "
		  "--><title>&lt;&#233;\xc3\xa9</title>"
		  "<description><![CDATA[</update>]]></"
		  "description><pkglist><collection>" PACKAGE(
			  "wanted", "7", "2.0") "/></collection></pkglist></update></updates>",
		  "<update><!-- a --><title>&lt;&#233;\xc3\xa9</title>"
		  "<description><![CDATA[</update>]]></"
		  "description><pkglist><collection>" PACKAGE(
			  "wanted", "7", "2.0") "/></collection></pkglist></update>\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		struct err err = ERR_INIT;

		if (cut_text(cases[i].in, strlen(cases[i].in), &out, &err) < 0)
			fail_msg("case %zu: %s", i, err.msg);
		assert_string_equal(out.buf ? out.buf : "", cases[i].out);
	}
}

/* Advisories before, across and behind the pieces in which the file is read. */
static void long_files_are_cut_as_short_ones(void **state)
{
	CLEANUP(str_release) struct str in = STR_INIT;
	CLEANUP(str_release) struct str want = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	str_add(&in, "<updates>");
	for (unsigned int i = 0; i < 3000; i++) {
		CLEANUP(str_release) struct str one = STR_INIT;

		str_addf(&one,
			 "<update><id>%u</id><description>%*s</description><pkglist><collection>",
			 i, (int)(i % 211), "x");
		str_add(&one, i % 3 ? PACKAGE("other", "0", "1.0") "/>"
				    : PACKAGE("wanted", "7", "2.0") "/>");
		str_add(&one, "</collection></pkglist></update>");
		str_add(&in, one.buf);
		if (i % 3 == 0)
			str_addf(&want, "%s\n", one.buf);
	}
	str_add(&in, "</updates>");
	assert_ok(cut_text(in.buf, in.len, &out, &err));
	assert_string_equal(out.buf, want.buf);
}

static void what_cannot_be_understood_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"text",
		"<updates>",
		"<updates><update></updates>",
		"<metadata/>",
		"<!DOCTYPE updates [<!ENTITY a 'b'>]><updates/>",
		"<?xml version='1.0' encoding='ISO-8859-1'?><updates/>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		struct err err = ERR_INIT;

		assert_fails(ERR_VERIFY, cut_text(*cases[i] ? cases[i] : " ",
						  *cases[i] ? strlen(cases[i]) : 1, &out, &err));
		assert_contains(err.msg, "updateinfo.xml");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_names_nothing_inside_is_left_out),
		cmocka_unit_test(long_files_are_cut_as_short_ones),
		cmocka_unit_test(what_cannot_be_understood_is_refused),
	};

	return cmocka_run_group_tests_name("updateinfo", tests, NULL, NULL);
}
