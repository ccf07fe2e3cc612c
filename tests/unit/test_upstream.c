/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sys/stat.h>

#include "digest.h"
#include "file.h"
#include "upstream.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define METALINK_OF(hash, urls)                                                                 \
	"<metalink><files><file name=\"repomd.xml\"><verification><hash type=\"" hash "\">" A64 \
	"</hash></verification><size>5</size><resources>" urls                                  \
	"</resources></file></files></metalink>"
#define URL(preference, url) "<url preference=\"" preference "\">" url "/repodata/repomd.xml</url>"

/* A string for a member that is not const. */
#define TEXT(text) ((char[]){ text })

static char dir[] = "/tmp/pgha-test-upstream-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

/* Puts TEXT where the list of URL is kept. */
static void keep(const char *url, const char *text)
{
	char name[SHA256_HEX_SIZE];
	char path[sizeof(dir) + 80];
	struct err err = ERR_INIT;

	assert_ok(sha256_hex(url, strlen(url), name, &err));
	snprintf(path, sizeof(path), "%s/mirrors", dir);
	assert_ok(dir_make(path, 0755, &err));
	snprintf(path, sizeof(path), "%s/mirrors/%s", dir, name);
	assert_ok(file_write_atomic(path, 0644, text, strlen(text), &err));
}

static int open_one(struct repofile_repo *repo, struct strv *warnings, struct upstreams *ret,
		    struct err *err)
{
	static const struct http_limits offline = { .offline = true };
	const struct repofile_list list = { .items = repo,
					    .count = 1,
					    .vars = { .releasever = "8", .arch = "x86_64" } };

	static char id[] = "a";

	repo->id = id;
	repo->enabled = true;
	return upstreams_open(&list, dir, &offline, warnings, ret, err);
}

static void join(const struct strv *list, char *buf, size_t size)
{
	*buf = '\0';
	for (size_t i = 0; i < list->count; i++) {
		size_t len = strlen(buf);

		snprintf(buf + len, size - len, "%s%s", i ? " " : "", list->items[i]);
	}
}

#define LIST "https://lists/mirrorlist?repo=a"
#define LINK "https://lists/metalink?repo=a"

static void lists_become_bases_in_the_right_order(void **state)
{
	static const struct {
		const char *url;
		const char *text;
		const char *user;
		const char *bases; /* NULL: an error */
		const char *says;
	} cases[] = {
		{ LIST, "# made by hand\n\n  https://a/x/ \r\nhttps://b//\nhttps://a/x\n", NULL,
		  "https://a/x https://b", NULL },
		{ LIST, "https://a/$releasever/${basearch}/os\nhttps://b/$never/os", NULL,
		  "https://a/8/x86_64/os", NULL },
		{ LIST, "ftp://a\nrsync://a\nfile:///srv\n/srv\nno mirror at all\nhttps://z\n",
		  NULL, "https://z", NULL },
		{ LIST, "https://me:secret@a/\nhttps://b/?x\nhttps://c/#x\nhttps://z\n", NULL,
		  "https://z", NULL },
		/* Nobody vouches for what comes by http. */
		{ LIST, "http://a\nhttps://z\n", NULL, "https://z", NULL },
		{ LIST, "http://a\nhttp://b\n", NULL, "http://a http://b", NULL },
		{ "http://lists/m", "http://a\nhttps://z\n", NULL, "https://z http://a", NULL },
		{ "http://lists/n", "http://a\nhttps://z\n", "me", "https://z", NULL },
		{ LIST, "http://a\n", "me", NULL, "no server that can be used" },
		{ LIST, "", NULL, NULL, "no server that can be used" },
		{ LIST, "# nothing\n", NULL, NULL, "no server that can be used" },
		{ LIST, "<html><body>Please log in</body></html>\n", NULL, NULL,
		  "repository 'a': list of mirrors 'https://lists/mirrorlist?repo=a': line 1: this "
		  "is no metalink" },
		{ LIST, METALINK_OF("sha256", URL("1", "https://a")), NULL, "https://a", NULL },
		/* What says that it is a metalink may not come without digests. */
		{ LINK, "https://a\n", NULL, NULL, "not well-formed" },
		{ LINK, METALINK_OF("md5", URL("1", "https://a")), NULL, NULL, "no SHA-256" },
		{ LINK,
		  METALINK_OF("sha256", URL("7", "http://a") URL("70", "rsync://b")
						URL("8", "https://c") URL("9", "https://d") URL(
							"8", "https://e") URL("100", "ftp://f")),
		  NULL, "https://d https://c https://e http://a", NULL },
		{ LINK,
		  METALINK_OF("sha256", "<url>https://a/</url><url>https://b/repomd.xml</url>"),
		  NULL, NULL, "no server that can be used" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(upstreams_release) struct upstreams ups = UPSTREAMS_INIT;
		CLEANUP(strv_release) struct strv warnings = STRV_INIT;
		struct repofile_repo repo = { .mirrorlist = (char *)cases[i].url,
					      .username = (char *)cases[i].user };
		struct err err = ERR_INIT;
		char got[256] = "";
		int r = 0;

		keep(cases[i].url, cases[i].text);
		r = open_one(&repo, &warnings, &ups, &err);
		if (r == 0)
			join(&ups.items[0].source.bases, got, sizeof(got));
		if (cases[i].bases ? r != 0 || strcmp(got, cases[i].bases) != 0
				   : r != -ERR_VERIFY || !strstr(err.msg, cases[i].says))
			fail_msg("case %zu: '%s' %s", i, got, err.msg);
		assert_int_equal(warnings.count, 0);
	}
}

static void a_metalink_says_which_repomd_is_accepted(void **state)
{
	CLEANUP(upstreams_release) struct upstreams ups = UPSTREAMS_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	char *own[] = { TEXT("http://own"), NULL };
	struct repofile_repo repo = { .metalink = TEXT(LINK),
				      .mirrorlist = TEXT(LIST),
				      .baseurls = { .items = own, .count = 1 },
				      .timeout_s = 7,
				      .proxy = TEXT("http://p"),
				      .password = TEXT("secret") };
	struct err err = ERR_INIT;
	struct upstream *u = NULL;

	(void)state;
	keep(LINK, METALINK_OF("sha256", URL("1", "http://m")));
	assert_ok(open_one(&repo, &warnings, &ups, &err));
	u = upstreams_find(&ups, "a");
	assert_non_null(u);
	assert_null(upstreams_find(&ups, "b"));
	assert_int_equal(u->digest_count, 1);
	assert_string_equal(u->digests[0].sha256, A64);
	assert_int_equal(u->digests[0].size_bytes, 5);
	assert_int_equal(u->source.bases.count, 2);
	assert_string_equal(u->source.bases.items[0], "http://own");
	assert_int_equal(u->source.settings.timeout_s, 7);
	assert_string_equal(u->source.settings.proxy, "http://p");
	assert_string_equal(u->source.settings.password, "secret");
}

static void without_a_kept_list_offline_fails_or_skips(void **state)
{
	CLEANUP(upstreams_release) struct upstreams ups = UPSTREAMS_INIT;
	CLEANUP(upstreams_release) struct upstreams again = UPSTREAMS_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct repofile_repo repo = { .mirrorlist = TEXT("https://lists/never") };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_NETWORK, open_one(&repo, &warnings, &ups, &err));
	assert_contains(err.msg, "repository 'a': no list of its mirrors is kept");
	repo.skip_if_unavailable = true;
	assert_ok(open_one(&repo, &warnings, &again, &err));
	assert_int_equal(again.items[0].source.bases.count, 0);
	assert_int_equal(warnings.count, 1);
	assert_contains(warnings.items[0], "the repository is left out");
}

static void a_list_in_a_file_may_name_files_and_is_kept(void **state)
{
	CLEANUP(upstreams_release) struct upstreams ups = UPSTREAMS_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	CLEANUP(strv_release) struct strv kept = STRV_INIT;
	char path[sizeof(dir) + 8], url[sizeof(path) + 8];
	struct repofile_repo repo = { .mirrorlist = url };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(path, sizeof(path), "%s/list", dir);
	snprintf(url, sizeof(url), "file://%s", path);
	assert_ok(file_write_atomic(path, 0644, "file:///srv/repo\n", 17, &err));
	assert_ok(open_one(&repo, &warnings, &ups, &err));
	assert_string_equal(ups.items[0].source.bases.items[0], "file:///srv/repo");
	snprintf(path, sizeof(path), "%s/mirrors", dir);
	assert_ok(dir_list(path, &kept, &err));
	assert_int_not_equal(kept.count, 0);
}

static void a_disabled_repository_has_no_bases(void **state)
{
	CLEANUP(upstreams_release) struct upstreams ups = UPSTREAMS_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct repofile_repo repo = { .id = TEXT("a"),
				      .mirrorlist = TEXT("https://nowhere.invalid/") };
	const struct repofile_list list = { .items = &repo, .count = 1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(upstreams_open(&list, dir, NULL, &warnings, &ups, &err));
	assert_int_equal(ups.count, 1);
	assert_int_equal(ups.items[0].source.bases.count, 0);
}

/* A .repo file as an operator writes it, and what a lock has of it. */
static void a_locks_servers_are_asked_as_the_repo_file_says(void **state)
{
	static const char text[] = "[main]\ntimeout=7\nretries=2\nminrate=9\nip_resolve=4\n"
				   "bandwidth=1M\nthrottle=50%\nuser_agent=test\n"
				   "[a]\nbaseurl=https://a/x\nmetalink=" LINK "\n"
				   "username=me\npassword=secret\nproxy=_none_\n"
				   "sslverifystatus=1\n";
	CLEANUP(upstreams_release) struct upstreams ups = UPSTREAMS_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	static const struct http_limits offline = { .offline = true };
	const struct http_settings *s = NULL;
	struct lock_repo *repo = NULL;
	char path[64], named[128];
	struct err err = ERR_INIT;

	(void)state;
	snprintf(path, sizeof(path), "%s/a.repo", dir);
	assert_ok(file_write_atomic(path, 0600, text, strlen(text), &err));
	assert_ok(lock_add_repo(&lock, &repo, &err));
	assert_ok(str_dup(&repo->id, "a", &err));
	assert_ok(str_dup(&repo->baseurl, "https://elsewhere/x", &err));
	assert_ok(str_dup(&repo->repofile, path, &err));
	assert_ok(str_dup(&lock.platform.id, "platform:el8", &err));
	assert_ok(str_dup(&lock.platform.arch, "x86_64", &err));
	assert_ok(upstreams_open_lock(&lock, dir, &offline, &warnings, &ups, &err));
	s = &ups.items[0].source.settings;
	assert_int_equal(s->timeout_s, 7);
	assert_int_equal(s->retries, 2);
	assert_int_equal(s->minrate_bytes, 9);
	assert_int_equal(s->ip_version, 4);
	assert_int_equal(s->throttle_bytes, 512 << 10);
	assert_string_equal(s->user_agent, "test");
	assert_string_equal(s->proxy, "");
	assert_string_equal(s->username, "me");
	assert_string_equal(s->password, "secret");
	assert_true(s->sslverifystatus);
	/* The lock's own servers do not decide who is told the password. */
	join(s->login_urls, named, sizeof(named));
	assert_string_equal(named, LINK " https://a/x");
	assert_string_equal(ups.items[0].source.bases.items[0], "https://elsewhere/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_become_bases_in_the_right_order),
		cmocka_unit_test(a_metalink_says_which_repomd_is_accepted),
		cmocka_unit_test(without_a_kept_list_offline_fails_or_skips),
		cmocka_unit_test(a_list_in_a_file_may_name_files_and_is_kept),
		cmocka_unit_test(a_disabled_repository_has_no_bases),
		cmocka_unit_test(a_locks_servers_are_asked_as_the_repo_file_says),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
