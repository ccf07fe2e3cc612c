/* SPDX-License-Identifier: Apache-2.0 */
/* The whole command, from a signed tarball to an installed root: real RPMs, real keys, and a
 * service that needs no system manager. */
#include "installed.h"

/* What a second run may change: the journal grows. */
static void list_without_journal(const char *root, struct str *ret)
{
	CLEANUP(str_release) struct str all = STR_INIT;
	char *save = NULL;

	tree_list(root, &all);
	for (char *l = strtok_r(all.buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (!strstr(l, "/pgha/journal ") && !strstr(l, "/var/lib/rpm"))
			str_addf(ret, "%s\n", l);
	}
}

static void a_node_is_installed_and_the_second_run_changes_nothing(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	static const char *const names[] = { "liba-1", "app-1", "extra-1", NULL };
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-a.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	assert_contains(out.buf, "install app-1-1.noarch\n");
	assert_in_root(root, "opt/app", "app 1\n", 0644);
	assert_in_root(root, "opt/extra", NULL, 0);
	assert_in_root(root, "etc/demo/demo.conf", "password = s3cret\n", 0640);
	assert_in_root(root, "etc/demo/server.key", "PRIVATE KEY", 0600);
	assert_in_root(root, "etc/demo/server.crt", "CERTIFICATE", 0644);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
	assert_in_root(root, "var/lib/pgha/packages", NULL, 0);
	assert_in_root(root, "var/lib/pgha/committed", "node: node1\n", 0600);
	assert_in_root(root, "var/lib/pgha/vendors", rpms.fpr, 0600);
	assert_in_root(root, "var/lib/pgha/journal", " end commit", 0600);
	list_without_journal(root, &before);
	/* The CA is remembered. */
	assert_int_equal(RUN(&again, "--node", "node1", "--root", root, "--bundle", bundle,
			     "--passphrase-file", passphrase_path),
			 0);
	assert_string_equal(again.buf, "node1: nothing to do\n");
	list_without_journal(root, &after);
	assert_string_equal(before.buf, after.buf);
	tree_drop(root);
}

/* As a run leaves it that is killed between librpm's work and the journal. */
static void packages_in_doubt_are_installed_again_once(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	CLEANUP(str_release) struct str again = STR_INIT;
	CLEANUP(str_release) struct str third = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-i.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle), 0);
	write_file(root, "var/lib/pgha/packages", "app-1-1.noarch\n", 15, 0600);
	assert_int_equal(INSTALL(&again, root, bundle), 0);
	assert_string_equal(again.buf, "install again app-1-1.noarch\n");
	assert_int_equal(INSTALL(&third, root, bundle), 0);
	assert_string_equal(third.buf, "node1: nothing to do\n");
	tree_drop(root);
}

static void without_root_verify_works_and_an_installation_says_why_not(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	cleanup_free char *ca = NULL;
	cleanup_free char *data = NULL;
	struct err err = ERR_INIT;
	int status = 0;
	size_t size = 0;
	pid_t pid = 0;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-j.tar", names);
	assert_ok(file_read(ca_path, 0, ERR_FAILED, &data, &size, &err));
	write_file(dir, "ca.crt", data, size, 0644);
	put_path(&ca, "ca.crt");
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(bundle, 0644), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(100);
		status = RUN(&out, "verify", "--bundle", bundle, "--ca", ca);
		_exit(status ? status
			     : RUN(&out, "--node", "node1", "--bundle", bundle, "--ca", ca));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ERR_HOST);
}

/* The names of the lines that the plan's sections have, without what is behind them. */
static void only_lines(const char *plan, struct str *ret)
{
	for (const char *l = plan; *l; l = strchr(l, '\n') + 1)
		if (str_starts(l, "  ") && l[2] != ' ')
			str_add_len(ret, l + 2, strcspn(l + 2, "\n") + 1);
	str_add(ret, "");
}

static void a_dry_run_says_the_same_and_changes_nothing(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str dry = STR_INIT;
	CLEANUP(str_release) struct str lines = STR_INIT;
	CLEANUP(str_release) struct str plan = STR_INIT;
	CLEANUP(str_release) struct str real = STR_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-b.tar", names);
	root = make_root();
	tree_list(root, &before);
	assert_int_equal(INSTALL(&dry, root, bundle, "--dry-run"), 0);
	assert_int_equal(RUN(&plan, "plan", "--node", "node1", "--root", root, "--bundle", bundle,
			     "--ca", ca_path, "--passphrase-file", passphrase_path),
			 0);
	assert_string_equal(dry.buf, plan.buf);
	tree_list(root, &after);
	assert_string_equal(before.buf, after.buf);
	assert_int_equal(INSTALL(&real, root, bundle), 0);
	only_lines(dry.buf, &lines);
	assert_string_equal(lines.buf, real.buf);
	tree_drop(root);
}

static void results_come_as_json(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-c.tar", names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, bundle, "--dry-run", "--json"), 0);
	one_line(&out);
	assert_true(str_starts(out.buf, "{\"cluster\": \"test\", \"node\": \"node1\", "));
	assert_contains(out.buf, "\"packages\": [{\"action\": \"install\", \"package\": "
				 "\"app-1-1.noarch\", \"replaces\": null, ");
	assert_contains(out.buf, "\"dry_run\": true, \"changes\": [\"install app-1-1.noarch\", ");
	assert_contains(out.buf, "\"pending\": [], \"preflight\": [{\"name\": ");
	assert_contains(out.buf, "}]}");
	tree_drop(root);
}

static void an_older_bundle_is_refused_and_a_newer_one_upgrades(void **state)
{
	static const char *const old_names[] = { "liba-1", "app-1", NULL };
	static const char *const new_names[] = { "liba-2", "app-2", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *old_bundle = NULL;
	cleanup_free char *new_bundle = NULL;
	char *root = NULL;

	(void)state;
	if (!usable)
		skip();
	old_bundle = make_bundle("pgha-test-d.tar", old_names);
	new_bundle = make_bundle("pgha-test-e.tar", new_names);
	root = make_root();
	assert_int_equal(INSTALL(&out, root, old_bundle), 0);
	assert_int_equal(INSTALL(&out, root, new_bundle), 0);
	assert_contains(out.buf, "upgrade app-2-1.noarch (from app-1-1.noarch)\n");
	assert_in_root(root, "opt/app", "app 2\n", 0);
	assert_in_root(root, "opt/liba", "liba 1\n", 0);
	assert_int_equal(INSTALL(&out, root, old_bundle), ERR_VERIFY);
	assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
	tree_drop(root);
}

static void what_is_refused_installs_nothing_and_leaves_no_staging(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	cleanup_free char *bundle = NULL;
	cleanup_free char *wrong = NULL;
	cleanup_free char *broken = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-f.tar", names);
	put_path(&wrong, "wrong");
	put_path(&broken, "nowhere.tar");
	const struct {
		const char *node, *bundle, *passphrase;
		int code;
	} cases[] = {
		{ "node3", bundle, passphrase_path, ERR_USAGE },
		{ "node1", broken, passphrase_path, ERR_USAGE },
		{ "node1", bundle, wrong, ERR_VERIFY },
		{ "node1", bundle, ca_path, ERR_CONFIG }, /* readable by others */
		{ "node1", ca_path, passphrase_path, ERR_VERIFY },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		char *root = make_root();
		int code = RUN(&out, "--node", cases[i].node, "--root", root, "--bundle",
			       cases[i].bundle, "--ca", ca_path, "--passphrase-file",
			       cases[i].passphrase);

		if (code != cases[i].code)
			fail_msg("case %zu: exit %d", i, code);
		assert_string_equal(out.buf, "");
		assert_in_root(root, "opt", NULL, 0);
		assert_in_root(root, "etc/demo", NULL, 0);
		assert_in_root(root, "var/lib/pgha", NULL, 0);
		tree_drop(root);
	}
}

/* The bundle's signer can list any fingerprint; the RPM's own signature is looked at. */
static void an_rpm_of_no_pinned_vendor_is_refused_at_installation(void **state)
{
	static const struct {
		const char *const names[3];
		const char *package;
	} cases[] = {
		{ { "unsigned-1", NULL }, "unsigned" },
		{ { "stranger-1", NULL }, "stranger" },
	};

	(void)state;
	if (!usable)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		CLEANUP(pack_release) struct pack pack = PACK_INIT;
		CLEANUP(keys_release) struct keys keys = KEYS_INIT;
		cleanup_free char *bundle = NULL;
		cleanup_free char *text = NULL;
		struct err err = ERR_INIT;
		char *root = make_root();
		const char *rest = strstr(service, "packages: [app]") + strlen("packages: [app]");

		assert_ok(str_printf(&text, &err, "service: demo\nlayer: demo\npackages: [%s]%s",
				     cases[i].package, rest));
		assert_ok(keys_open(keys_dir, &keys, &err));
		add_repo(&pack, cases[i].names);
		add_text(&pack, "manifests/topology.yaml", topology);
		add_text(&pack, "manifests/services/demo/service.yaml", text);
		add_text(&pack, "manifests/services/demo/templates/demo.conf", template);
		add_node(&pack, &keys, "node1");
		put_path(&bundle, "pgha-test-g.tar");
		deliver_as(&pack, &keys, bundle);
		assert_int_equal(INSTALL(&out, root, bundle), ERR_VERIFY);
		assert_in_root(root, "opt", NULL, 0);
		/* Ours refused before librpm was asked, and nothing stands on record. */
		assert_in_root(root, "var/lib/pgha/journal", NULL, 0);
		assert_in_root(root, "var/lib/pgha/staging", NULL, 0);
		tree_drop(root);
	}
}

static void verify_needs_no_state_and_says_what_it_saw(void **state)
{
	static const char *const names[] = { "liba-1", "app-1", NULL };
	CLEANUP(str_release) struct str out = STR_INIT;
	cleanup_free char *bundle = NULL;

	(void)state;
	if (!usable)
		skip();
	bundle = make_bundle("pgha-test-h.tar", names);
	assert_int_equal(RUN(&out, "verify", "--bundle", bundle, "--ca", ca_path), 0);
	assert_contains(out.buf, "pgha-test-h.tar: intact\n");
	assert_contains(out.buf, "cluster    test\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_installed_and_the_second_run_changes_nothing),
		cmocka_unit_test(packages_in_doubt_are_installed_again_once),
		cmocka_unit_test(without_root_verify_works_and_an_installation_says_why_not),
		cmocka_unit_test(a_dry_run_says_the_same_and_changes_nothing),
		cmocka_unit_test(results_come_as_json),
		cmocka_unit_test(an_older_bundle_is_refused_and_a_newer_one_upgrades),
		cmocka_unit_test(what_is_refused_installs_nothing_and_leaves_no_staging),
		cmocka_unit_test(an_rpm_of_no_pinned_vendor_is_refused_at_installation),
		cmocka_unit_test(verify_needs_no_state_and_says_what_it_saw),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
