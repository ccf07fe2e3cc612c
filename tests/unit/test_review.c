/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: how a file's change is shown, and the whole of it as it is demanded of an installation. */
#include "installed.h"

#include "review.h"

/* --- without secrets ------------------------------------------------------------------------ */

/* The diff of OLD_TEXT (NULL: there was none) and of a file that has the password s3cret. */
static char *diff_of(const char *old_text, const char *new_text, const char *masked,
		     bool is_private)
{
	CLEANUP(review_release) struct review review = REVIEW_INIT;
	CLEANUP(strv_release) struct strv secrets = STRV_INIT;
	CLEANUP(str_release) struct str old = STR_INIT;
	struct review_file file = { .path = "/etc/x",
				    .new_text = new_text,
				    .new_len = strlen(new_text),
				    .masked = masked,
				    .is_private = is_private,
				    .secrets = &secrets };
	struct err err = ERR_INIT;
	char *ret = NULL;

	assert_ok(strv_add(&secrets, "s3cret", &err));
	if (old_text) {
		str_add(&old, old_text);
		file.old_text = &old;
	}
	assert_ok(review_add_file(&review, "change /etc/x", &file, &err));
	assert_int_equal(1, review.detail_count);
	assert_ok(str_dup(&ret,
			  review.details[0].diff ? review.details[0].diff : review.details[0].note,
			  &err));
	return ret;
}

#define HEAD "--- /etc/x\n+++ /etc/x\n"

static void no_secret_is_shown_neither_old_nor_new(void **state)
{
	static const struct {
		const char *old_text, *new_text, *masked, *diff;
	} cases[] = {
		/* The value alone changes: that it does is told. */
		{ "password = old\n", "password = s3cret\n", "password = ********\n",
		  HEAD "@@ -1 +1 @@\n-password = ********\n+password = ********\n" },
		/* Today's secret at another place. */
		{ "port = 1\n# s3cret was here\nx = s3cret\n", "port = 2\nx = 1\n",
		  "port = 2\nx = 1\n",
		  HEAD "@@ -1,3 +1,2 @@\n-port = 1\n-# ******** was here\n-x = ********\n"
		       "+port = 2\n+x = 1\n" },
		/* What has no like in the new content may be yesterday's. */
		{ "\"old\" \"hunter2\"\nhunter3\nauth:\n", "\"new\" \"s3cret\"\n",
		  "\"new\" \"********\"\n",
		  HEAD "@@ -1,3 +1 @@\n-\"old\" ********\n-********\n-auth:\n"
		       "+\"new\" \"********\"\n" },
		/* A word that tells, wherever it stands; also in a comment. */
		{ "server a pass=1 password hunter2\n#the secret is x\n#plain\n", "server a\n",
		  "server a\n",
		  HEAD "@@ -1,3 +1 @@\n-server a pass=1 password ********\n-#the secret ********\n"
		       "-#plain\n+server a\n" },
		/* A key that goes with a secret somewhere never shows a value. */
		{ "stats auth a:hunter2\n", "stats auth a:s3cret\nstats enable\n",
		  "stats auth a:********\nstats enable\n",
		  HEAD "@@ -1 +1,2 @@\n-stats ********\n+stats auth a:********\n+stats enable\n" },
		{ "  - ttl: 20\n", "  - ttl: 30\n", "  - ttl: 30\n",
		  HEAD "@@ -1 +1 @@\n-  - ttl: 20\n+  - ttl: 30\n" },
		{ NULL, "a = s3cret\n", "a = ********\n",
		  "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 @@\n+a = ********\n" },
		/* A value of several lines: the places are not known any more. */
		{ "a\n", "a = s3\ncret\n", "a = ********\n", "not shown: it is no text" },
		{ "a\n", "key\n", NULL, "a private key is not shown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *diff =
			diff_of(cases[i].old_text, cases[i].new_text, cases[i].masked, true);

		assert_string_equal(cases[i].diff, diff);
		assert_null(strstr(diff, "hunter"));
		assert_null(strstr(diff, "s3cret"));
	}
}

static void what_everybody_may_read_is_shown_and_moves_no_cursor(void **state)
{
	cleanup_free char *diff =
		diff_of("user joe\n\tx\n\033[2Jy\n\xff\n", "user joe\n", "user joe\n", false);

	(void)state;
	assert_string_equal(HEAD "@@ -1,4 +1 @@\n user joe\n-\tx\n-?[2Jy\n-?\n", diff);
}

/* --- the whole ------------------------------------------------------------------------------ */

static const char *const names[] = { "liba-1", "app-1", NULL };
static const char *const next_names[] = { "liba-2", "app-2", NULL };

#define PLAN(out, root, bundle, ...)                                                             \
	RUN(out, "plan", "--node", "node1", "--root", root, "--bundle", bundle, "--ca", ca_path, \
	    "--passphrase-file", passphrase_path, ##__VA_ARGS__)

/* The last line of a plan. */
static const char *digest_of(const struct str *plan)
{
	const char *at = strstr(plan->buf, "\nplan ");
	static char digest[SHA256_HEX_SIZE];

	assert_non_null(at);
	assert_int_equal(strlen(at), 6 + SHA256_HEX_SIZE);
	memcpy(digest, at + 6, SHA256_HEX_SIZE - 1);
	return digest;
}

static void two_plans_are_equal_and_the_installation_can_be_held_to_one(void **state)
{
	CLEANUP(str_release) struct str first = STR_INIT;
	CLEANUP(str_release) struct str second = STR_INIT;
	CLEANUP(str_release) struct str json = STR_INIT;
	CLEANUP(str_release) struct str json_again = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	const char *digest = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-a.tar", names);
	root = make_root();
	assert_int_equal(PLAN(&first, root, bundle), 0);
	assert_int_equal(PLAN(&second, root, bundle), 0);
	assert_string_equal(first.buf, second.buf);
	assert_int_equal(PLAN(&json, root, bundle, "--json"), 0);
	assert_int_equal(PLAN(&json_again, root, bundle, "--json"), 0);
	assert_string_equal(json.buf, json_again.buf);
	digest = digest_of(&first);
	assert_contains(json.buf, digest);
	assert_null(strstr(first.buf, "s3cret"));
	assert_null(strstr(json.buf, "s3cret"));
	assert_null(strstr(json.buf, "PRIVATE KEY"));
	assert_contains(first.buf, "    +password = ********\n");
	assert_contains(first.buf, "    + subject O=pgha, CN=node1\n"
				   "    + names   10.0.0.1, 127.0.0.1, localhost, node1, ");
	assert_int_equal(INSTALL(&out, root, bundle, "--plan", "c0ffee"), ERR_USAGE);
	assert_int_equal(
		INSTALL(&out, root, bundle, "--plan",
			"0000000000000000000000000000000000000000000000000000000000000000"),
		ERR_VERIFY);
	assert_string_equal(out.buf, "");
	assert_in_root(root, "opt", NULL, 0);
	assert_in_root(root, "etc/demo", NULL, 0);
	assert_in_root(root, "var/lib/pgha/journal", NULL, 0);
	assert_int_equal(INSTALL(&out, root, bundle, "--plan", digest), 0);
	assert_contains(out.buf, "install app-1-1.noarch\n");
	/* It is another one now: there is nothing to do. */
	assert_int_equal(INSTALL(&out, root, bundle, "--plan", digest), ERR_VERIFY);
	tree_drop(root);
}

static void a_file_changed_behind_the_review_is_noticed(void **state)
{
	CLEANUP(str_release) struct str plan = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *next = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-b.tar", names);
	next = make_bundle("pgha-test-c.tar", next_names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	assert_int_equal(PLAN(&plan, root, next), 0);
	assert_contains(plan.buf, "  upgrade app-2-1.noarch (from app-1-1.noarch)\n");
	write_file(root, "etc/demo/demo.conf", "mine\n", 5, 0640);
	assert_int_equal(INSTALL(&out, root, next, "--plan", digest_of(&plan)), ERR_VERIFY);
	assert_in_root(root, "opt/app", "app 1\n", 0);
	tree_drop(root);
}

/* --- what cannot be undone ------------------------------------------------------------------ */

static void an_upgrade_that_no_kept_bundle_can_undo_wants_the_operators_word(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str plan = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *next = NULL;
	cleanup_free char *kept = NULL;
	struct err err = ERR_INIT;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-d.tar", names);
	next = make_bundle("pgha-test-e.tar", next_names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	assert_int_equal(PLAN(&plan, root, next), 0);
	assert_null(strstr(plan.buf, "irreversible"));
	assert_ok(path_join(root, "var/lib/pgha/bundles", &kept, &err));
	assert_ok(tree_remove(kept, &err));
	str_reset(&plan);
	assert_int_equal(PLAN(&plan, root, next), 0);
	assert_contains(plan.buf,
			"irreversible\n  app-1-1.noarch goes: no kept bundle has it\nplan ");
	assert_int_equal(INSTALL(&again, root, next), ERR_HOST);
	assert_in_root(root, "opt/app", "app 1\n", 0);
	assert_int_equal(INSTALL(&again, root, next, "--accept-irreversible"), 0);
	assert_in_root(root, "opt/app", "app 2\n", 0);
	assert_in_root(root, "var/lib/pgha/journal", "irreversible", 0);
	tree_drop(root);
}

static void rollback_refuses_what_a_manifest_does_not_let_go_back(void **state)
{
	static const char *const levels[] = { "major" };

	(void)state;
	if (!usable)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		CLEANUP(str_release) struct str plan = STR_INIT;
		CLEANUP(str_release) struct str back = STR_INIT;
		cleanup_free char *yaml = NULL;
		cleanup_free char *bundle = NULL;
		cleanup_free char *next = NULL;
		struct err err = ERR_INIT;
		char *root = make_root();

		assert_ok(str_printf(&yaml, &err,
				     "%sno_downgrade: [{package: app, level: %s, reason: {fr: non, "
				     "en: its data has moved}}]\n",
				     service, levels[i]));
		bundle = make_bundle("pgha-test-f.tar", names);
		next = make_bundle_of("pgha-test-g.tar", next_names, yaml, template);
		assert_int_equal(INSTALL(&out, root, bundle), 0);
		assert_int_equal(PLAN(&plan, root, next), 0);
		assert_contains(plan.buf, "app-2-1.noarch comes and app-1-1.noarch goes: no "
					  "rollback, its data has moved\n");
		assert_int_equal(INSTALL(&out, root, next), ERR_HOST);
		assert_int_equal(INSTALL(&out, root, next, "--accept-irreversible"), 0);
		assert_int_equal(RUN(&back, "rollback", "--node", "node1", "--root", root),
				 ERR_CONFIG);
		assert_string_equal("", back.buf);
		assert_in_root(root, "opt/app", "app 2\n", 0);
		tree_drop(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_secret_is_shown_neither_old_nor_new),
		cmocka_unit_test(what_everybody_may_read_is_shown_and_moves_no_cursor),
		cmocka_unit_test(two_plans_are_equal_and_the_installation_can_be_held_to_one),
		cmocka_unit_test(a_file_changed_behind_the_review_is_noticed),
		cmocka_unit_test(an_upgrade_that_no_kept_bundle_can_undo_wants_the_operators_word),
		cmocka_unit_test(rollback_refuses_what_a_manifest_does_not_let_go_back),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
