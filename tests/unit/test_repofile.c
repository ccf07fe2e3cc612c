/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "repofile.h"

static const struct repofile_vars el8 = { .releasever = "8", .arch = "x86_64" };

static int parse(const char *text, struct repofile_list *list, struct strv *warnings,
		 struct err *err)
{
	return repofile_parse("/etc/yum.repos.d/a.repo", text, &el8, list, warnings, err);
}

static void a_stock_file_is_read_as_dnf_reads_it(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;
	const struct repofile_repo *repo = NULL;

	(void)state;
	assert_ok(parse("# comment\n"
			"\n"
			"[appstream-$releasever]\r\n"
			"name=Red Hat $basearch; not a comment\n"
			"baseurl = https://cdn/rhel$releasever/${releasever}/$basearch/os//\n"
			"gpgkey=https://k/$arch,\n"
			"  file:///etc/pki/k2 file:///etc/pki/k3\n"
			"gpgcheck=1\n"
			"repo_gpgcheck = False\n"
			"sslverify=1\n"
			"sslcacert=ca.pem\n"
			"sslclientcert=/e/c.pem\n"
			"sslclientkey=/e/k.pem\n"
			"includepkgs=etcd,haproxy\n"
			"excludepkgs=a*\n"
			"; also a comment\n"
			" b?-[0-9]\n"
			"priority=10\n"
			"metadata_expire=1h\n"
			"[debug]\n"
			"enabled=0\n"
			"mirrorlist=https://mirrors/\n"
			"sslverify=0\n"
			"countme=1\n"
			"[last]\n"
			"baseurl=file:///srv/$-/repo\n"
			"module_hotfixes=yes",
			&list, &warnings, &err));
	assert_int_equal(list.count, 3);
	repo = &list.items[0];
	assert_string_equal(repo->id, "appstream-8");
	assert_string_equal(repo->where, "/etc/yum.repos.d/a.repo:3");
	assert_string_equal(repo->baseurls.items[0], "https://cdn/rhel8/8/x86_64/os");
	assert_int_equal(repo->gpgkey.count, 3);
	assert_string_equal(repo->gpgkey.items[0], "https://k/x86_64");
	assert_string_equal(repo->gpgkey.items[2], "file:///etc/pki/k3");
	assert_string_equal(repo->sslcacert, "/etc/yum.repos.d/ca.pem");
	assert_string_equal(repo->sslclientkey, "/e/k.pem");
	assert_int_equal(repo->includepkgs.count, 2);
	assert_int_equal(repo->excludepkgs.count, 2);
	assert_string_equal(repo->excludepkgs.items[1], "b?-[0-9]");
	assert_int_equal(repo->priority, 10);
	assert_int_equal(repo->cost, 1000);
	assert_true(repo->enabled);
	assert_false(repo->module_hotfixes);
	assert_false(list.items[1].enabled);
	assert_string_equal(list.items[2].baseurls.items[0], "file:///srv/$-/repo");
	assert_int_equal(list.items[2].priority, 99);
	assert_true(list.items[2].module_hotfixes);
	/* What a disabled repository says is nobody's business. */
	assert_int_equal(warnings.count, 1);
	assert_string_equal(warnings.items[0],
			    "/etc/yum.repos.d/a.repo:19: 'metadata_expire' has no effect here");
}

static void what_is_wrong_or_weakens_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "[a]\nbaseurl=https://h/\nsslverify=0\n", "a.repo:3: 'sslverify' is not supp" },
		{ "[a]\nsslverify=maybe\n", "a.repo:2: 'sslverify' must be 1 or 0" },
		{ "[a]\nbaseurl=https://h/\nrepo_gpgcheck=1\n", "a.repo:3: 'repo_gpgcheck' is" },
		{ "[a]\nbaseurl=https://h/\nsslverifystatus=1\n", "a.repo:3: " },
		{ "[a]\nmirrorlist=https://h/\n",
		  "a.repo:2: 'mirrorlist' is not supported: name " },
		{ "[a]\nmetalink=https://h/\n", "a.repo:2: 'metalink' is not supported: name one" },
		{ "[a]\nbaseurl=https://h/\nproxy=http://p/\n", "set https_proxy" },
		{ "[a]\nbaseurl=https://h/\npassword=secret\n", "use a client certificate" },
		{ "[a]\nbaseurl=https://h/\nexludepkgs=x\n",
		  "a.repo:3: unknown option 'exludepkgs' (did you mean 'excludepkgs'?)" },
		{ "[a]\nbaseurl=https://h/\nsslfoobar=x\n",
		  "a.repo:3: unknown option 'sslfoobar'" },
		{ "[a]\nbaseurl=https://me:pw@h/\n", "without credentials" },
		{ "[a]\nbaseurl=ftp://h/\n", "a.repo:2: 'baseurl' must be" },
		{ "[a]\nbaseurl=https://h/?x=1\n", "without '?'" },
		{ "[a]\nbaseurl=https://h/$foo\n", "a.repo:2: unknown variable '$foo' (set DNF_V" },
		{ "[a]\nname=x\n", "a.repo:1: repository 'a' has no baseurl" },
		{ "[a]\nbaseurl=https://h/\nsslclientcert=/c\n", "only one of sslclientcert" },
		{ "[a]\nbaseurl=https://h/\nbaseurl=https://i/\n",
		  "a.repo:3: 'baseurl' stands tw" },
		{ "[a]\nbaseurl=https://h/\n[a]\n",
		  "a.repo:3: repository 'a' stands twice (also " },
		{ "[main]\n", "a.repo:1: '[main]' is not supported" },
		{ "[a b]\n", "a.repo:1: 'a b' is no repository id" },
		{ "[a\n", "a.repo:1: '[id]' is expected" },
		{ "baseurl=https://h/\n", "a.repo:1: '[id]' is expected" },
		{ "[a]\nbaseurl\n", "a.repo:2: 'option=value' is expected" },
		{ "[a]\n  baseurl=https://h/\n", "a.repo:2: nothing goes on" },
		{ "[a]\npriority=high\n", "a.repo:2: 'priority' must be a number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
		CLEANUP(strv_release) struct strv warnings = STRV_INIT;
		struct err err = ERR_INIT;

		if (parse(cases[i].text, &list, &warnings, &err) != -ERR_CONFIG ||
		    !strstr(err.msg, cases[i].says))
			fail_msg("case %zu: wanted '%s', got '%s'", i, cases[i].says, err.msg);
		if (strstr(err.msg, "secret") || strstr(err.msg, "pw@"))
			fail_msg("case %zu: a password is in '%s'", i, err.msg);
	}
}

static void variables_come_from_the_environment_too(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(setenv("DNF_VAR_mirror", "near.example", 1), 0);
	assert_ok(parse("[a]\nbaseurl=https://$mirror/x http://other/\n", &list, &warnings, &err));
	unsetenv("DNF_VAR_mirror");
	assert_string_equal(list.items[0].baseurls.items[0], "https://near.example/x");
	assert_string_equal(list.items[0].baseurls.items[1], "http://other");
	assert_string_equal(warnings.items[0],
			    "/etc/yum.repos.d/a.repo:2: metadata comes without authentication "
			    "(http); use https");
}

static void two_files_may_not_define_one_repository(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(parse("[a]\nbaseurl=https://h/\n", &list, &warnings, &err));
	assert_fails(ERR_CONFIG, repofile_parse("b.repo", "[a]\nbaseurl=https://i/\n", &el8, &list,
						&warnings, &err));
	assert_contains(err.msg, "b.repo:1: repository 'a' stands twice (also /etc/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stock_file_is_read_as_dnf_reads_it),
		cmocka_unit_test(what_is_wrong_or_weakens_is_refused_with_its_line),
		cmocka_unit_test(variables_come_from_the_environment_too),
		cmocka_unit_test(two_files_may_not_define_one_repository),
	};

	return RUN_TESTS(tests);
}
