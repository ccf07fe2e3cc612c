/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "lock.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD                                                         \
	"pgha-lock: 1\n"                                             \
	"platform: {id: \"platform:el8\", arch: x86_64}\n"           \
	"repos:\n"                                                   \
	"  - {id: base, baseurl: \"https://mirror/8\", repomd: " SHA \
	", keys: [567E347AD0044ADE55BA8A5F199E2F91FD431D51]}\n"
#define RPM(path)                   \
	"rpms:\n"                   \
	"  - nevra: a-1-1.x86_64\n" \
	"    repo: base\n"          \
	"    path: " path "\n"      \
	"    size: 5\n"             \
	"    sha256: " SHA "\n"     \
	"    license: MIT\n"        \
	"    reason: requested\n"
#define NEVRA(nevra)                                                                       \
	"rpms:\n  - {nevra: \"" nevra "\", repo: base, path: a.rpm, size: 1, sha256: " SHA \
	", license: x, reason: y}\n"
#define TAIL "wheels: []\n"
/* A lock with one repository that has also MORE. */
#define PLACES(more)                                                                       \
	"pgha-lock: 1\nplatform: {id: \"platform:el8\", arch: x}\nrepos:\n  - {id: b" more \
	", repomd: " SHA ", keys: []}\nrpms: []\n"

static int parse(const char *text, struct lock *lock, struct err *err)
{
	return lock_parse("t.lock", text, strlen(text), lock, err);
}

static char *text_of(const char *value)
{
	char *copy = strdup(value);

	assert_non_null(copy);
	return copy;
}

static void add_package(struct lock *lock, const char *nevra, const char *path)
{
	struct err err = ERR_INIT;
	struct lock_rpm *rpm = NULL;

	assert_int_equal(lock_add_rpm(lock, &rpm, &err), 0);
	*rpm = (struct lock_rpm){ .nevra = text_of(nevra),
				  .repo = text_of("base"),
				  .path = text_of(path),
				  .size_bytes = UINT64_C(5000000000),
				  .sha256 = text_of(SHA),
				  .license = text_of("GPLv2+ and \"odd\": words"),
				  .reason = text_of("service haproxy") };
}

static void fill(struct lock *lock)
{
	struct err err = ERR_INIT;
	struct lock_repo *repo = NULL;
	struct lock_wheel *wheel = NULL;

	lock->platform.id = text_of("platform:el8");
	lock->platform.arch = text_of("x86_64");
	lock->platform.glibc = text_of("2.28");
	assert_int_equal(lock_add_repo(lock, &repo, &err), 0);
	repo->id = text_of("base");
	repo->baseurl = text_of("https://mirror.example/8");
	repo->repomd = text_of(SHA);
	repo->sslcacert = text_of("/etc/ca.pem");
	assert_int_equal(strv_add(&repo->gpgkey, "https://mirror.example/KEY", &err), 0);
	add_package(lock, "zsh-5-1.x86_64", "Packages/z/zsh-5-1.x86_64.rpm");
	add_package(lock, "a++-1:2~rc1-3.x86_64", "a++-2~rc1-3^x.x86_64.rpm");
	assert_int_equal(lock_add_wheel(lock, &wheel, &err), 0);
	wheel->name = text_of("ydiff");
	wheel->version = text_of("1.4.2");
	wheel->file = text_of("ydiff-1.4.2-py3-none-any.whl");
	wheel->sha256 = text_of(SHA);
	wheel->sdist.url = text_of("https://index/ydiff.tar.gz");
	wheel->sdist.sha256 = text_of(SHA);
}

static void what_is_written_is_read_back_and_written_the_same(void **state)
{
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(lock_release) struct lock again = LOCK_INIT;
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	struct err err = ERR_INIT;
	const struct lock_rpm *rpms = NULL;

	(void)state;
	fill(&lock);
	assert_int_equal(lock_format(&lock, &first, &err), 0);
	if (parse(first, &again, &err) < 0)
		fail_msg("%s in\n%s", err.msg, first);
	assert_int_equal(lock_format(&again, &second, &err), 0);
	assert_string_equal(first, second);
	rpms = again.rpms.items;
	assert_string_equal(rpms[0].nevra, "a++-1:2~rc1-3.x86_64");
	assert_string_equal(rpms[0].license, "GPLv2+ and \"odd\": words");
	assert_true(rpms[0].size_bytes == UINT64_C(5000000000));
	assert_string_equal(rpms[1].nevra, "zsh-5-1.x86_64");
}

static void the_text_is_what_the_design_shows(void **state)
{
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse(HEAD RPM("Packages/a/a-1-1.x86_64.rpm") TAIL, &lock, &err), 0);
	assert_int_equal(lock_format(&lock, &text, &err), 0);
	assert_string_equal(text, "pgha-lock: 1\n"
				  "platform: {id: \"platform:el8\", arch: x86_64}\n"
				  "repos:\n"
				  "  - {id: base, baseurl: \"https://mirror/8\", repomd: " SHA
				  ", keys: [\"567E347AD0044ADE55BA8A5F199E2F91FD431D51\"]}\n"
				  "rpms:\n"
				  "  - nevra: a-1-1.x86_64\n"
				  "    repo: base\n"
				  "    path: Packages/a/a-1-1.x86_64.rpm\n"
				  "    size: 5\n"
				  "    sha256: " SHA "\n"
				  "    license: MIT\n"
				  "    reason: requested\n"
				  "wheels: []\n");
}

static void a_url_joins_and_encodes_the_path(void **state)
{
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	cleanup_free char *url = NULL;
	struct err err = ERR_INIT;
	const struct lock_rpm *rpms = NULL;

	(void)state;
	fill(&lock);
	rpms = lock.rpms.items;
	assert_int_equal(lock_rpm_url(&lock, &rpms[1], &url, &err), 0);
	assert_string_equal(url, "https://mirror.example/8/a++-2~rc1-3%5Ex.x86_64.rpm");
}

static void a_hostile_lock_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ HEAD RPM("../../etc/a.rpm") TAIL, "t.lock:8:11: '../../etc/a.rpm' is no plain" },
		{ HEAD RPM("/etc/a.rpm") TAIL, "t.lock:8:11: '/etc/a.rpm' is no plain" },
		{ HEAD RPM("a/./b.rpm") TAIL, "t.lock:8:11: " },
		{ HEAD RPM("a.exe") TAIL, "t.lock:8:11: " },
		{ HEAD RPM("\"a\\nb.rpm\"") TAIL, "t.lock:8:11: " },
		{ HEAD RPM("a.rpm\n    evil: 1") TAIL, "unknown key 'evil'" },
		{ HEAD RPM("a.rpm\n    size: 5") TAIL, "t.lock:" },
		{ HEAD RPM("a.rpm") "wheels: [{name: x, version: \"1\", file: ../x.whl, url: "
				    "\"https://i/x\", sha256: " SHA "}]\n",
		  "t.lock:13:40: '../x.whl' is no wheel's file name" },
		{ HEAD RPM("a.rpm") "wheels: [{name: -r, version: \"1\", file: x.whl, url: "
				    "\"https://i/x\", sha256: " SHA "}]\n",
		  "t.lock:13:17: '-r' is no distribution's name" },
		{ HEAD RPM("a.rpm") "wheels: [{name: x, version: \"1\", file: x.whl, sha256: " SHA
				    "}]\n",
		  "needs a 'url' or an 'sdist'" },
		{ HEAD RPM("a.rpm") "wheels: [{name: x, version: \"1\", file: "
				    "y-1-py3-none-any.whl, url: \"https://i/x\", sha256: " SHA
				    "}]\n",
		  "t.lock:13:40: 'y-1-py3-none-any.whl' is a wheel of 'y', not of 'x'" },
		{ "pgha-lock: 1\nplatform: {id: \"platform:el8\", arch: x86_64, glibc: \"2.28\", "
		  "python: \"3.12\"}\nrepos: []\nrpms: []\nwheels:\n"
		  "  - {name: x, version: \"1\", url: \"https://i/x\", sha256: " SHA
		  ", file: x-1-cp312-cp312-manylinux_2_34_x86_64.whl}\n",
		  "needs glibc 2.34, and the target has 2.28" },
		{ HEAD RPM("a.rpm") "  - {nevra: a-1-1.x86_64, repo: base, path: b.rpm, size: 1, "
				    "sha256: " SHA ", license: x, reason: y}\n",
		  "'a-1-1.x86_64' stands twice" },
		{ HEAD "rpms:\n  - {nevra: a-1-1.x, repo: other, path: b.rpm, size: 1, sha256: " SHA
		       ", license: x, reason: y}\n",
		  "t.lock:6:28: no repository 'other' in this lock" },
		{ HEAD "rpms:\n  - {nevra: a-1-1.x, repo: base, path: b.rpm, size: -1, sha256: " SHA
		       ", license: x, reason: y}\n",
		  "'-1' is not a number" },
		{ HEAD "rpms:\n  - {nevra: a-1-1.x, repo: base, path: b.rpm, size: 0, sha256: " SHA
		       ", license: x, reason: y}\n",
		  "an RPM is not empty" },
		{ HEAD
		  "rpms:\n  - {nevra: a-1-1.x, repo: base, path: b.rpm, size: 1, sha256: abcd, "
		  "license: x, reason: y}\n",
		  "64 lower-case hex digits" },
		{ "pgha-lock: 1\nplatform: {id: \"platform:el8\", arch: x86_64}\nrepos:\n  - {id: "
		  "b, baseurl: \"https://me:secret@x\", repomd: " SHA ", keys: []}\nrpms: []\n",
		  "without credentials" },
		{ "pgha-lock: 2\n", "t.lock:1:12: " },
		{ "pgha-lock: 1\nplatform: {id: \"platform:el8\", arch: x86_64}\nrepos:\n  - {id: "
		  "b, baseurl: \"gopher://x\", repomd: " SHA ", keys: []}\nrpms: []\n",
		  "t.lock:4:22: an https, http or file URL" },
		{ "pgha-lock: 1\nplatform: {id: \"platform:el8\", arch: x86_64}\nrepos:\n  - {id: "
		  "b, baseurl: \"https://x\", repomd: " SHA ", keys: [FD431D51]}\nrpms: []\n",
		  "'FD431D51' is no fingerprint" },
		{ HEAD NEVRA("a"), "'a' is no package" },
		{ HEAD NEVRA("a-1.x86_64"), "is no package" },
		{ HEAD NEVRA("a-1-1"), "is no package" },
		{ HEAD NEVRA("a-1-1."), "is no package" },
		{ HEAD NEVRA("a-1-.x86_64"), "is no package" },
		{ HEAD NEVRA("a--1.x86_64"), "is no package" },
		{ HEAD NEVRA("-1-1.x86_64"), "is no package" },
		{ HEAD NEVRA("a/b-1-1.x86_64"), "is no package" },
		{ HEAD NEVRA("a b-1-1.x86_64"), "is no package" },
		{ PLACES(""),
		  "t.lock:4:5: one of 'baseurl', 'mirrorlist' and 'metalink' is missing" },
		{ PLACES(", baseurl: \"\""), "t.lock:4:" },
		{ PLACES(", mirrors: [\"https://a\"]"), "is missing" },
		{ PLACES(", metalink: \"https://m\", mirrors: [\"https://a\"]"),
		  "t.lock:4:45: there is no 'baseurl' before them" },
		{ PLACES(", baseurl: \"https://a/\""), "without a slash at its end" },
		{ PLACES(", baseurl: \"https://a?x\""), "an https, http or file URL" },
		{ PLACES(", baseurl: \"https://a\", mirrors: \"https://b\""), "t.lock:4:" },
		{ PLACES(", baseurl: \"https://a\", mirrors: [\"ftp://b\"]"),
		  "an https, http or file URL" },
		{ PLACES(", baseurl: \"https://a\", mirrors: [\"https://u:p@b\"]"),
		  "without credentials" },
		{ PLACES(", baseurl: \"https://a\", mirrors: [\"https://b/\"]"),
		  "without a slash at its end" },
		{ PLACES(", mirrorlist: \"https://u:p@m\""), "a URL without credentials" },
		{ PLACES(", mirrorlist: \"/etc/passwd\""), "a URL without credentials" },
		{ PLACES(", mirrorlist: [\"https://m\"]"), "t.lock:4:" },
		{ PLACES(", metalink: \"javascript:x\""), "a URL without credentials" },
		{ PLACES(", metalink: \"https://m\\n\""), "a URL without credentials" },
		{ PLACES(", metalink: \"https://m\", metalink: \"https://n\""), "t.lock:4:" },
		{ PLACES(", metalink: \"https://m\", revision: -1"), "'-1' is not a number" },
		{ PLACES(", metalink: \"https://m\", revision: \"1\""), "a number is expected" },
		{ PLACES(", metalink: \"https://m\", revision: 99999999999999999999"),
		  "is not a number" },
		{ PLACES(", metalink: \"https://m\", revision: [1]"), "a number is expected" },
		{ PLACES(", metalink: \"https://m\", repofile: etc/x.repo"), "an absolute path" },
		{ PLACES(", metalink: \"https://m\", repofile: \"/etc/x\\n.repo\""),
		  "an absolute path" },
		{ PLACES(", metalink: \"https://m\", sslclientkey: \"~/key\""),
		  "an absolute path" },
		{ PLACES(", metalink: \"https://m\", password: x"), "unknown key 'password'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(lock_release) struct lock lock = LOCK_INIT;
		struct err err = ERR_INIT;

		if (parse(cases[i].text, &lock, &err) != -ERR_CONFIG ||
		    !strstr(err.msg, cases[i].says))
			fail_msg("case %zu: wanted '%s', got '%s'", i, cases[i].says, err.msg);
	}
}

static void a_lock_that_is_not_there_is_a_usage_error(void **state)
{
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(lock_load("/nonexistent/pgha.lock", &lock, &err), -ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back_and_written_the_same),
		cmocka_unit_test(the_text_is_what_the_design_shows),
		cmocka_unit_test(a_url_joins_and_encodes_the_path),
		cmocka_unit_test(a_hostile_lock_is_refused_with_its_place),
		cmocka_unit_test(a_lock_that_is_not_there_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
