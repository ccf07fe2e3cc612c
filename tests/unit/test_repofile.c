/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sys/stat.h>

#include "file.h"
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
			"fastestmirror=1\n"
			"[debug]\n"
			"enabled=0\n"
			"mirrorlist=https://mirrors/\n"
			"sslverify=0\n"
			"priority=high\n"
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
			    "/etc/yum.repos.d/a.repo:20: 'fastestmirror' has no effect here");
}

static void what_is_wrong_or_weakens_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "[a]\nbaseurl=https://h/\nsslverify=0\n",
		  "a.repo:3: 'sslverify' is not supported: name the authority that signed its "
		  "certificate with sslcacert" },
		{ "[a]\nbaseurl=https://h/\nproxy_sslverify=no\n", "with proxy_sslcacert" },
		{ "[a]\nsslverify=maybe\n", "a.repo:2: 'sslverify' must be 1 or 0" },
		{ "[a]\nmediaid=1.2\nbaseurl=https://h/\n", "a.repo:2: 'mediaid' is not supp" },
		{ "[a]\nbaseurl=https://h/\nproxy=http://me:secret@p/\n",
		  "a.repo:3: 'proxy' must be the URL of an http, https or socks proxy without" },
		{ "[a]\nbaseurl=https://h/\nproxy=ftp://p/\n", "'proxy' must be" },
		{ "[a]\nbaseurl=https://h/\nproxy=http:///\n", "'proxy' must be" },
		{ "[a]\nbaseurl=https://h/\nproxy_auth_method=secret\n",
		  "'proxy_auth_method' must be" },
		{ "[a]\nbaseurl=https://h/\npassword=secret\n", "only one of username and passw" },
		{ "[a]\nbaseurl=https://h/\nproxy_username=me\n", "only one of proxy_username" },
		{ "[a]\nbaseurl=https://h/\npasswrod=secret\n",
		  "a.repo:3: unknown option 'passwrod' (did you mean 'password'?)" },
		{ "[a]\nbaseurl=https://h/\npassword secret\n", "a.repo:3: 'option=value' is" },
		{ "[a]\nbaseurl=https://h/\nuser_agent=a\n b\n", "'user_agent' must be one line" },
		{ "[a]\nbaseurl=https://h/\nmetadata_expire=1w\n",
		  "'metadata_expire' must be a ti" },
		{ "[a]\nbaseurl=https://h/\nmetadata_expire=\n",
		  "'metadata_expire' must be a tim" },
		{ "[a]\nbaseurl=https://h/\nmetadata_expire=-2\n",
		  "'metadata_expire' must be a t" },
		{ "[a]\nbaseurl=https://h/\ntimeout=3d\n", "'timeout' must be at most a day" },
		{ "[a]\nbaseurl=https://h/\nminrate=1T\n", "'minrate' must be a number of bytes" },
		{ "[a]\nbaseurl=https://h/\nminrate=1kk\n", "'minrate' must be a number of bytes" },
		{ "[a]\nbaseurl=https://h/\nthrottle=101%\n", "'throttle' must be a number of b" },
		{ "[a]\nbaseurl=https://h/\nthrottle=50%\n", "and no bandwidth" },
		{ "[a]\nbaseurl=https://h/\nthrottle=5k\nminrate=6k\n", "lower than minrate" },
		{ "[a]\nbaseurl=https://h/\nretries=-1\n", "'retries' must be a number" },
		{ "[a]\nbaseurl=https://h/\nip_resolve=5\n", "'ip_resolve' must be one of" },
		{ "[a]\nbaseurl=https://h/\nexludepkgs=x\n",
		  "a.repo:3: unknown option 'exludepkgs' (did you mean 'excludepkgs'?)" },
		{ "[a]\nbaseurl=https://h/\nsslfoobar=x\n",
		  "a.repo:3: unknown option 'sslfoobar'" },
		{ "[a]\nbaseurl=https://me:pw@h/\n", "without credentials" },
		{ "[a]\nbaseurl=https://h/ https://me:pw@$secret@h/\n", "without credentials" },
		{ "[a]\nbaseurl=https://me:p/w$secret@h/\n", "unknown variable in 'baseurl'" },
		{ "[a]\nbaseurl=https://me:p w$secret@h/\n", "without credentials" },
		{ "[a]\nproxy=http://me:pw$secret@h/\n", "without credentials" },
		{ "[a]\nproxy=me:pw$secret@h:3128\n", "without credentials" },
		{ "[a]\nbaseurl=ftp://h/\n", "a.repo:2: 'baseurl' must be" },
		{ "[a]\nbaseurl=https://h/?x=1\n", "without '?'" },
		{ "[a]\nmirrorlist=ftp://h/\n", "a.repo:2: 'mirrorlist' must be" },
		{ "[a]\nmetalink=https://me:pw@h/\n", "a.repo:2: 'metalink' must be" },
		{ "[a]\nbaseurl=https://h/$foo\n", "a.repo:2: unknown variable '$foo' (set DNF_V" },
		{ "[a]\nname=x\n", "a.repo:1: repository 'a' has no baseurl, mirrorlist or met" },
		{ "[a]\nmirrorlist=\n", "a.repo:1: repository 'a' has no baseurl, mirrorlist" },
		{ "[a]\nbaseurl=https://h/\nsslclientcert=/c\n", "only one of sslclientcert" },
		{ "[a]\nbaseurl=https://h/\nproxy_sslclientkey=/c\n", "only one of proxy_sslcl" },
		{ "[a]\nbaseurl=https://h/\nbaseurl=https://i/\n",
		  "a.repo:3: 'baseurl' stands tw" },
		{ "[a]\nbaseurl=https://h/\n[a]\n",
		  "a.repo:3: repository 'a' stands twice (also " },
		{ "[main]\n[main]\n", "a.repo:2: '[main]' stands twice" },
		{ "[main]\nbaseurl=https://h/\n", "a.repo:2: 'baseurl' belongs into a reposit" },
		{ "[a]\nbaseurl=https://h/\nbest=1\n", "a.repo:3: 'best' belongs into the secti" },
		{ "[main]\nbest=0\n", "a.repo:2: 'best' is not supported: the best candidate" },
		{ "[main]\nobsoltes=1\n", "a.repo:2: unknown option 'obsoltes' (did you mean 'ob" },
		{ "[a]\nbaseurl=https://h/\n[main]\nsslverify=0\n", "a.repo:4: 'sslverify' is" },
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

static void every_option_of_a_connection_is_read(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;
	const struct repofile_repo *repo = NULL;

	(void)state;
	assert_ok(parse("[a]\n"
			"baseurl=/srv/repo/\n"
			" https://h/\n"
			"mirrorlist=https://m/?repo=a&arch=$basearch\n"
			"metalink=https://l/?repo=a-$releasever_major$releasever_minor\n"
			"username=me\n"
			"password=pa$foo word=\\\n"
			"proxy=proxy.example:3128\n"
			"proxy_username=you\n"
			"proxy_password=#secret\n"
			"proxy_auth_method=Basic\n"
			"proxy_sslcacert=/p.pem\n"
			"user_agent=libdnf (RHEL $releasever)\n"
			"timeout=1m\n"
			"minrate=1.5k\n"
			"bandwidth=2M\n"
			"throttle=50%\n"
			"retries=4\n"
			"ip_resolve=IPv6\n"
			"metadata_expire=1.5d\n"
			"repo_gpgcheck=1\n"
			"sslverifystatus=1\n"
			"skip_if_unavailable=true\n"
			"[b]\n"
			"metalink=https://l/\n"
			"metadata_expire=never\n"
			"proxy=_none_\n"
			"throttle=300k\n"
			"[c]\n"
			"metalink=https://l/\n"
			"metadata_expire=-1\n"
			"proxy=\n",
			&list, &warnings, &err));
	repo = &list.items[0];
	assert_string_equal(repo->baseurls.items[0], "file:///srv/repo");
	assert_string_equal(repo->baseurls.items[1], "https://h");
	assert_string_equal(repo->mirrorlist, "https://m/?repo=a&arch=x86_64");
	assert_string_equal(repo->metalink, "https://l/?repo=a-8");
	assert_string_equal(repo->username, "me");
	assert_string_equal(repo->password, "pa$foo word=\\");
	assert_string_equal(repo->proxy, "proxy.example:3128");
	assert_string_equal(repo->proxy_username, "you");
	assert_string_equal(repo->proxy_password, "#secret");
	assert_string_equal(repo->proxy_auth_method, "basic");
	assert_string_equal(repo->proxy_sslcacert, "/p.pem");
	assert_string_equal(repo->user_agent, "libdnf (RHEL 8)");
	assert_int_equal(repo->timeout_s, 60);
	assert_int_equal(repo->minrate_bytes, 1536);
	assert_int_equal(repo->throttle_bytes, 1 << 20);
	assert_int_equal(repo->retries, 4);
	assert_int_equal(repo->ip_version, 6);
	assert_int_equal(repo->metadata_expire_s, 129600);
	assert_true(repo->repo_gpgcheck && repo->sslverifystatus && repo->skip_if_unavailable);
	assert_int_equal(list.items[1].metadata_expire_s, -1);
	assert_string_equal(list.items[1].proxy, "");
	assert_int_equal(list.items[1].throttle_bytes, 307200);
	assert_int_equal(list.items[2].metadata_expire_s, -1);
	assert_string_equal(list.items[2].proxy, "");
	assert_int_equal(warnings.count, 0);
}

static void main_speaks_for_each_repository_of_its_file(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	/* As /etc/dnf/dnf.conf has it, and some. */
	assert_ok(parse("[a]\n"
			"baseurl=https://h/\n"
			"excludepkgs=x\n"
			"timeout=9\n"
			"proxy=\n"
			"[main]\n"
			"gpgcheck=1\n"
			"installonly_limit=3\n"
			"clean_requirements_on_remove=True\n"
			"best=True\n"
			"skip_if_unavailable=False\n"
			"color_list_available_install=bold\n"
			"exclude=y z\n"
			"timeout=5\n"
			"proxy=http://p/\n"
			"install_weak_deps=False\n"
			"module_platform_id=platform:el8\n"
			"fastestmirror=1\n"
			"[b]\n"
			"baseurl=https://i/\n"
			"[c]\n"
			"enabled=0\n",
			&list, &warnings, &err));
	assert_int_equal(list.count, 3);
	assert_int_equal(list.items[0].timeout_s, 9);
	assert_string_equal(list.items[0].proxy, "");
	assert_int_equal(list.items[0].excludepkgs.count, 3);
	assert_int_equal(list.items[1].timeout_s, 5);
	assert_string_equal(list.items[1].proxy, "http://p/");
	assert_int_equal(list.items[1].excludepkgs.count, 2);
	assert_int_equal(warnings.count, 3);
	assert_contains(warnings.items[0], "a.repo:16: 'install_weak_deps' has no effect here: it "
					   "is a matter of the definition: 'weak_deps'");
	assert_contains(warnings.items[1], "a.repo:17: 'module_platform_id' has no effect");
	assert_contains(warnings.items[2], "a.repo:18: 'fastestmirror' has no effect");
}

static void main_may_switch_off_what_a_repository_switches_on(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(parse("[main]\nenabled=0\nsslverify=0\n[a]\nbaseurl=https://h/\n[b]\nenabled=1\n"
			"sslverify=1\nbaseurl=https://h/\n",
			&list, &warnings, &err));
	assert_false(list.items[0].enabled);
	assert_true(list.items[1].enabled);
}

static void what_goes_without_protection_is_told(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "[a]\nbaseurl=http://h/\n", "a.repo:2: metadata comes without authentication" },
		{ "[a]\nmetalink=http://h/\n", "a.repo:2: the list of mirrors comes without" },
		{ "[a]\nmirrorlist=http://h/\nusername=u\npassword=secret\n",
		  "a.repo:1: the password of repository 'a' is sent without encryption" },
		{ "[a]\nbaseurl=https://h/ http://h/\nusername=u\npassword=secret\n",
		  "a.repo:1: the password of repository 'a' is sent without encryption" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
		CLEANUP(strv_release) struct strv warnings = STRV_INIT;
		struct err err = ERR_INIT;

		assert_ok(parse(cases[i].text, &list, &warnings, &err));
		assert_true(warnings.count > 0);
		assert_contains(warnings.items[warnings.count - 1], cases[i].says);
		assert_null(strstr(warnings.items[warnings.count - 1], "secret"));
	}
}

/* Writes TEXT to NAME in DIR. */
static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[128];
	struct err err = ERR_INIT;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_ok(file_write_atomic(path, mode, text, strlen(text), &err));
}

static void variables_lie_beside_the_file_and_passwords_in_it_are_guarded(void **state)
{
	CLEANUP(repofile_release) struct repofile_list list = { .items = NULL };
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	char dir[] = "/tmp/pgha-test-repofile-XXXXXX";
	char path[sizeof(dir) + 8];
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vars", dir);
	assert_ok(dir_make(path, 0755, &err));
	put(dir, "vars/contentdir", "pub/rocky\nmore\n", 0644);
	put(dir, "vars/rltype", "", 0644);
	put(dir, "a.repo",
	    "[a]\nbaseurl=https://h/$contentdir/$releasever$rltype/$DNF3\n"
	    "username=u\npassword=p\n",
	    0644);
	snprintf(path, sizeof(path), "%s/a.repo", dir);
	assert_int_equal(setenv("DNF3", "three", 1), 0);
	assert_ok(repofile_load(path, &el8, &list, &warnings, &err));
	unsetenv("DNF3");
	assert_string_equal(list.items[0].baseurls.items[0], "https://h/pub/rocky/8/three");
	assert_int_equal(warnings.count, 1);
	assert_contains(warnings.items[0], "it has a password, and everybody can read it");
	assert_int_equal(chmod(path, 0640), 0);
	repofile_release(&list);
	strv_release(&warnings);
	assert_int_equal(setenv("DNF_VAR_rltype", "-beta", 1), 0);
	put(dir, "vars/DNF3", "file", 0644);
	assert_ok(repofile_load(path, &el8, &list, &warnings, &err));
	unsetenv("DNF_VAR_rltype");
	assert_string_equal(list.items[0].baseurls.items[0], "https://h/pub/rocky/8-beta/file");
	assert_int_equal(warnings.count, 0);
	assert_ok(tree_remove(dir, &err));
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
		cmocka_unit_test(every_option_of_a_connection_is_read),
		cmocka_unit_test(main_speaks_for_each_repository_of_its_file),
		cmocka_unit_test(main_may_switch_off_what_a_repository_switches_on),
		cmocka_unit_test(what_goes_without_protection_is_told),
		cmocka_unit_test(variables_come_from_the_environment_too),
		cmocka_unit_test(variables_lie_beside_the_file_and_passwords_in_it_are_guarded),
		cmocka_unit_test(two_files_may_not_define_one_repository),
	};

	return RUN_TESTS(tests);
}
