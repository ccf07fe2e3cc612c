/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <solv/repo.h>
#include <solv/repo_updateinfoxml.h>

#include "advisory.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD                                             \
	"pgha-lock: 1\n"                                 \
	"platform: {id: \"platform:el8\", arch: x}\n"    \
	"repos:\n"                                       \
	"  - {id: base, baseurl: \"https://mirror/8\", " \
	"repomd: " SHA ", keys: []}\nrpms:\n"
#define RPM(nevra)                                                      \
	"  - {nevra: \"" nevra "\", repo: base, path: a.rpm, size: 5, " \
	"sha256: " SHA ", license: MIT, reason: requested}\n"

#define UPDATE(id, kind, severity, refs, collections)                                 \
	"<update type='" kind "'><id>" id "</id><title>about " id "</title>" severity \
	"<references>" refs "</references><pkglist>" collections "</pkglist></update>"
#define SEVERITY(s) "<severity>" s "</severity>"
#define REF(type, id) "<reference type='" type "' id='" id "' href='x' title='x'/>"
#define COLLECTION(x) "<collection><name>c</name>" x "</collection>"
#define PACKAGE(name, epoch, version, release, arch)                                         \
	"<package name='" name "' epoch='" epoch "' version='" version "' release='" release \
	"' arch='" arch "'><filename>x.rpm</filename></package>"
#define MODULE(name, stream, context) \
	"<module name='" name "' stream='" stream "' version='1' context='" context "' arch='x'/>"

static const char locked_text[] = HEAD RPM("app-1-1.x86_64") RPM("kernel-1-1.x86_64")
	RPM("kernel-3-1.x86_64") RPM("lib-1:1-1.x86_64") RPM("modular-1-1.module.x86_64")
		RPM("old-1-1.noarch") "wheels: []\n";
static const char fresh_text[] = HEAD RPM("app-2-1.x86_64") RPM("kernel-3-1.x86_64")
	RPM("lib-1:1-1.x86_64") RPM("modular-2-1.module.x86_64") "wheels: []\n";

/* Each line of the result: id, whether it is reached, packages. */
static const struct {
	const char *what, *updates, *result;
} cases[] = {
	{ "a newer version is meant, of the same name and architecture",
	  UPDATE("A1", "security", SEVERITY("Important"), "",
		 COLLECTION(PACKAGE("app", "0", "2", "1", "x86_64") PACKAGE(
			 "app", "0", "2", "1", "i686") PACKAGE("apps", "0", "2", "1", "x86_64"))),
	  "A1 yes: app.x86_64 1-1 2-1\n" },
	{ "the same version or an older one is not",
	  UPDATE("A1", "security", "", "",
		 COLLECTION(PACKAGE("app", "0", "1", "1", "x86_64")
				    PACKAGE("app", "0", "0.9", "1", "x86_64"))),
	  "" },
	{ "an epoch counts",
	  UPDATE("A1", "bugfix", "", "", COLLECTION(PACKAGE("lib", "0", "9", "1", "x86_64"))), "" },
	{ "what the fresh answer does not have is not reached",
	  UPDATE("A1", "bugfix", "", "",
		 COLLECTION(PACKAGE("lib", "1", "2", "1", "x86_64")
				    PACKAGE("app", "0", "2", "1", "x86_64"))),
	  "A1 no: app.x86_64 1-1 2-1, lib.x86_64 1:1-1 1:2-1\n" },
	{ "what goes is fixed",
	  UPDATE("A1", "bugfix", "", "", COLLECTION(PACKAGE("old", "0", "2", "1", "noarch"))),
	  "A1 yes: old.noarch 1-1 2-1\n" },
	{ "of several versions beside each other the newest counts",
	  UPDATE("A1", "security", "", "", COLLECTION(PACKAGE("kernel", "0", "2", "1", "x86_64"))),
	  "" },
	{ "an active stream's collection counts, another's does not",
	  UPDATE("A1", "security", "", "",
		 COLLECTION(MODULE("m", "1", "c0ffee")
				    PACKAGE("modular", "0", "2", "1.module", "x86_64")))
		  UPDATE("A2", "security", "", "",
			 COLLECTION(MODULE("m", "2", "c0ffee")
					    PACKAGE("modular", "0", "2", "1.module", "x86_64")))
			  UPDATE("A3", "security", "", "",
				 COLLECTION(MODULE("m", "1", "beef") PACKAGE(
					 "modular", "0", "2", "1.module", "x86_64"))),
	  "A1 yes: modular.x86_64 1-1.module 2-1.module\n" },
	{ "one of several streams is enough, and other collections count for themselves",
	  UPDATE("A1", "security", "", "",
		 COLLECTION(MODULE("m", "2", "c0ffee") PACKAGE("modular", "0", "9", "1", "x86_64"))
			 COLLECTION(MODULE("m", "2", "c0ffee") MODULE("m", "1", "c0ffee")
					    PACKAGE("modular", "0", "2", "1.module", "x86_64"))
				 COLLECTION(PACKAGE("app", "0", "1", "2", "x86_64"))),
	  "A1 yes: app.x86_64 1-1 1-2, modular.x86_64 1-1.module 2-1.module\n" },
	{ "severities come in their order, then types, then ids",
	  UPDATE("Z", "security", SEVERITY("Critical"), "",
		 COLLECTION(PACKAGE("app", "0", "2", "1", "x86_64")))
		  UPDATE("B", "bugfix", SEVERITY("None"), "",
			 COLLECTION(PACKAGE("app", "0", "2", "1", "x86_64")))
			  UPDATE("C", "security", "", "",
				 COLLECTION(PACKAGE("app", "0", "2", "1", "x86_64")))
				  UPDATE("Y", "security", SEVERITY("low"), "",
					 COLLECTION(PACKAGE("app", "0", "2", "1", "x86_64")))
					  UPDATE("A", "bugfix", "", "",
						 COLLECTION(
							 PACKAGE("app", "0", "2", "1", "x86_64"))),
	  "Z yes: app.x86_64 1-1 2-1\nY yes: app.x86_64 1-1 2-1\nC yes: app.x86_64 1-1 2-1\n"
	  "A yes: app.x86_64 1-1 2-1\nB yes: app.x86_64 1-1 2-1\n" },
	{ "the same advisory twice is one, fixed by the newest it names",
	  UPDATE("A1", "security", "", REF("cve", "CVE-2") REF("bugzilla", "7"),
		 COLLECTION(PACKAGE("app", "0", "2", "1", "x86_64")))
		  UPDATE("A1", "security", "", REF("cve", "CVE-1") REF("cve", "CVE-2"),
			 COLLECTION(PACKAGE("app", "0", "3", "1", "x86_64"))),
	  "A1 no CVE-1 CVE-2: app.x86_64 1-1 3-1\n" },
	{ "an advisory that says nothing is nothing",
	  "<update type='security'><id>A1</id></update><update/>"
	  "<update><id>A2</id><pkglist><collection><package/></collection></pkglist></update>",
	  "" },
};

static bool is_active(const char *name, const char *stream, const char *context, void *arg)
{
	(void)arg;
	return !strcmp(name, "m") && !strcmp(stream, "1") && !strcmp(context, "c0ffee");
}

static void check(size_t i)
{
	CLEANUP(lock_release) struct lock locked = LOCK_INIT;
	CLEANUP(lock_release) struct lock fresh = LOCK_INIT;
	CLEANUP(advisories_release) struct advisories found = { .items = NULL };
	CLEANUP(str_release) struct str got = STR_INIT;
	cleanup_free char *xml = NULL;
	cleanup_fclose FILE *in = NULL;
	Pool *pool = pool_create();
	struct err err = ERR_INIT;

	pool_setdisttype(pool, DISTTYPE_RPM);
	assert_ok(lock_parse("l", locked_text, strlen(locked_text), &locked, &err));
	assert_ok(lock_parse("f", fresh_text, strlen(fresh_text), &fresh, &err));
	assert_ok(str_printf(&xml, &err, "<updates>%s</updates>", cases[i].updates));
	in = fmemopen(xml, strlen(xml), "r");
	assert_non_null(in);
	assert_int_equal(repo_add_updateinfoxml(repo_create(pool, "r"), in, 0), 0);
	assert_ok(advisories_find(pool, &locked, &fresh, is_active, NULL, &found, &err));
	str_add(&got, "");
	for (size_t k = 0; k < found.count; k++) {
		const struct advisory *a = &found.items[k];

		str_addf(&got, "%s %s", a->id, a->reached ? "yes" : "no");
		for (size_t n = 0; n < a->cves.count; n++)
			str_addf(&got, " %s", a->cves.items[n]);
		for (size_t n = 0; n < a->count; n++)
			str_addf(&got, "%s%s.%s %s %s", n ? ", " : ": ", a->packages[n].name,
				 a->packages[n].arch, a->packages[n].locked, a->packages[n].fixed);
		str_addc(&got, '\n');
	}
	if (strcmp(got.buf ? got.buf : "", cases[i].result) != 0)
		fail_msg("%s:\n%snot\n%s", cases[i].what, got.buf, cases[i].result);
	pool_free(pool);
}

static void advisories_match_as_dnf_matches_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(i);
}

static void what_they_say_is_fit_for_a_terminal(void **state)
{
	char id[] = "RHSA-2026:1", type[] = "security\x1b[2J", severity[] = "", title[] = "x\ny";
	char name[] = "app", arch[] = "x86_64", old[] = "1-1", new[] = "2-1\x07";
	struct advisory_package package = {
		.name = name, .arch = arch, .locked = old, .fixed = new
	};
	struct advisory advisory = { .id = id,
				     .type = type,
				     .severity = severity,
				     .title = title,
				     .packages = &package,
				     .count = 1 };
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(advisory_lines(&advisory, &lines, &err));
	assert_int_equal(lines.count, 2);
	assert_string_equal(lines.items[0], "-          security?[2J  RHSA-2026:1     x?y");
	assert_string_equal(lines.items[1], "           app.x86_64  1-1 -> 2-1?  (not in these "
					    "repositories' answer)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(advisories_match_as_dnf_matches_them),
		cmocka_unit_test(what_they_say_is_fit_for_a_terminal),
	};

	return RUN_TESTS(tests);
}
