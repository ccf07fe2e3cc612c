/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and transactions with real RPMs in real, empty roots. */
/* libsolv loses the place of the rpm database, each time. */
#define RPMS_LEAK "leak:repo_add_rpmdb\n"
#include "rpms.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "plan.h"
#include "rpmtx.h"
#include "state.h"

static struct rpms rpms;
static bool usable;
static atomic_bool disk_is_broken;

/* Instead of the C library's. */
int syncfs(int fd)
{
	if (!disk_is_broken)
		return (int)syscall(SYS_syncfs, fd);
	errno = EIO;
	return -1;
}

static int make_all(void **state)
{
	(void)state;
	usable = rpms_can();
	if (usable)
		rpms_make(&rpms);
	return 0;
}

static int release_all(void **state)
{
	(void)state;
	if (usable)
		rpms_drop(&rpms);
	return 0;
}

/* A root of its own for each test. */
struct site {
	struct install in;
	struct state state;
	char *root;
	char *log;
};

static int site_new(void **state)
{
	struct site *s = calloc(1, sizeof(*s));
	struct err err = ERR_INIT;

	assert_non_null(s);
	s->root = tree_new();
	s->state = (struct state)STATE_INIT;
	s->in = (struct install){ .node = "node1", .root = s->root };
	assert_ok(install_init(&s->in, &err));
	assert_ok(state_open(&s->in, &s->state, &err));
	assert_ok(path_join(s->root, "log", &s->log, &err));
	*state = s;
	return 0;
}

static int site_free(void **state)
{
	struct site *s = *state;

	state_close(&s->in, &s->state);
	install_release(&s->in);
	free(s->log);
	tree_drop(s->root);
	free(s);
	return 0;
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int plan_names(struct site *s, const char *const *names, const char *const *doubtful,
		      struct plan *plan, struct err *err)
{
	CLEANUP(strv_release) struct strv want = STRV_INIT;
	CLEANUP(strv_release) struct strv doubt = STRV_INIT;

	for (; *names; names++)
		assert_int_equal(strv_add(&want, *names, err), 0);
	for (; doubtful && *doubtful; doubtful++)
		assert_int_equal(strv_add(&doubt, *doubtful, err), 0);
	return plan_packages(&s->in, &want, &doubt, plan, err);
}

static void assert_plan(const struct plan *plan, const char *expected)
{
	CLEANUP(strv_release) struct strv lines = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	assert_ok(plan_describe(plan, &lines, &err));
	str_add(&text, "");
	for (size_t i = 0; i < lines.count; i++)
		str_addf(&text, "%s\n", lines.items[i]);
	assert_string_equal(text.buf ? text.buf : "", expected);
}

static int run_plan(struct site *s, const struct plan *plan, bool test, struct err *err)
{
	CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;

	assert_int_equal(vendor_load(&s->in, &vendor, err), 0);
	return rpmtx_run(&s->in, plan, &vendor, test, s->log, err);
}

/* Plans and installs NAMES, which must give EXPECTED. */
static void install(struct site *s, const char *const *names, const char *expected)
{
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	struct err err = ERR_INIT;

	assert_ok(plan_names(s, names, NULL, &plan, &err));
	assert_plan(&plan, expected);
	assert_ok(run_plan(s, &plan, true, &err));
	assert_ok(run_plan(s, &plan, false, &err));
}

static void assert_file(const struct site *s, const char *path, const char *expected)
{
	cleanup_free char *full = NULL;
	cleanup_free char *data = NULL;
	struct err err = ERR_INIT;

	assert_ok(install_path(&s->in, path, &full, &err));
	if (!expected) {
		assert_int_equal(access(full, F_OK), -1);
		return;
	}
	assert_ok(file_read(full, 0, ERR_FAILED, &data, NULL, &err));
	assert_string_equal(data, expected);
}

static void assert_log(const struct site *s, const char *part)
{
	cleanup_free char *data = NULL;
	struct err err = ERR_INIT;

	assert_ok(file_read(s->log, 0, ERR_FAILED, &data, NULL, &err));
	assert_contains(data, part);
}

static void what_is_wanted_and_required_is_installed_and_nothing_else(void **state)
{
	struct site *s = *state;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1", "extra-1", "oldname-1"));
	install(s, NAMES("app"), "install app-1-1.noarch\ninstall liba-1-1.noarch\n");
	assert_file(s, "/opt/app", "app 1\n");
	assert_file(s, "/opt/liba", "liba 1\n");
	assert_file(s, "/opt/extra", NULL);
	assert_file(s, "/opt/oldname", NULL);
	install(s, NAMES("app"), "");
}

static void a_wanted_package_is_upgraded_and_its_dependency_is_left_alone(void **state)
{
	struct site *s = *state;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1"));
	install(s, NAMES("app"), "install app-1-1.noarch\ninstall liba-1-1.noarch\n");
	rpms_stage(&rpms, &s->in, NAMES("liba-2", "app-2", "needsnew-1"));
	install(s, NAMES("app"), "upgrade app-2-1.noarch (from app-1-1.noarch)\n");
	assert_file(s, "/opt/app", "app 2\n");
	assert_file(s, "/opt/liba", "liba 1\n");
	install(s, NAMES("app", "needsnew"),
		"upgrade liba-2-1.noarch (from liba-1-1.noarch)\ninstall needsnew-1-1.noarch\n");
	/* A bundle with less than what is installed takes nothing back. */
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1"));
	install(s, NAMES("app"), "");
}

static void an_obsoleted_package_is_replaced(void **state)
{
	struct site *s = *state;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("oldname-1"));
	install(s, NAMES("oldname"), "install oldname-1-1.noarch\n");
	rpms_stage(&rpms, &s->in, NAMES("newname-1"));
	install(s, NAMES("newname"), "upgrade newname-1-1.noarch (from oldname-1-1.noarch)\n");
	assert_file(s, "/opt/newname", "newname 2\n");
	assert_file(s, "/opt/oldname", NULL);
}

static void what_cannot_be_solved_is_told_in_words(void **state)
{
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	struct site *s = *state;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("broken-1"));
	assert_fails(ERR_NETWORK, plan_names(s, NAMES("broken"), NULL, &plan, &err));
	assert_contains(err.detail, "nobody-has-this");
	assert_fails(ERR_NETWORK, plan_names(s, NAMES("unheard-of"), NULL, &plan, &err));
	assert_contains(err.msg, "'unheard-of'");
	assert_int_equal(plan.count, 0);
}

static void a_plan_alone_changes_nothing(void **state)
{
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	CLEANUP(str_release) struct str before = STR_INIT;
	CLEANUP(str_release) struct str after = STR_INIT;
	struct site *s = *state;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1"));
	tree_list(s->root, &before);
	assert_ok(plan_names(s, NAMES("app"), NULL, &plan, &err));
	tree_list(s->root, &after);
	assert_string_equal(before.buf, after.buf);
}

/* "%post" leaves librpm's result at 0. */
static void a_failing_scriptlet_is_a_failure(void **state)
{
	static const char *const names[] = { "postfails", "prefails" };
	struct site *s = *state;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("postfails-1", "prefails-1"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(plan_release) struct plan plan = PLAN_INIT;
		struct err err = ERR_INIT;

		assert_ok(plan_names(s, NAMES(names[i]), NULL, &plan, &err));
		assert_ok(run_plan(s, &plan, true, &err));
		assert_fails(ERR_FAILED, run_plan(s, &plan, false, &err));
		assert_contains(err.detail, names[i]);
		assert_contains(err.detail, "no luck");
	}
}

static void what_does_not_reach_the_disk_is_a_failure(void **state)
{
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct site *s = *state;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1"));
	assert_ok(plan_names(s, NAMES("app"), NULL, &plan, &err));
	disk_is_broken = true;
	assert_ok(run_plan(s, &plan, true, &err)); /* writes nothing */
	assert_fails(ERR_FAILED, run_plan(s, &plan, false, &err));
	assert_contains(err.msg, "cannot sync");
	assert_ok(strv_add(&names, "app-1-1.noarch", &err));
	assert_fails(ERR_FAILED, rpmtx_back(&s->in, &names, NULL, NULL, false, NULL, &err));
	assert_contains(err.msg, "cannot sync");
	disk_is_broken = false;
}

static void a_doubtful_package_is_installed_again(void **state)
{
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	struct site *s = *state;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1"));
	install(s, NAMES("app"), "install app-1-1.noarch\ninstall liba-1-1.noarch\n");
	assert_ok(install_path(&s->in, "/opt/app", &path, &err));
	assert_int_equal(unlink(path), 0);
	assert_ok(plan_names(s, NAMES("app"), NAMES("app-1-1.noarch", "gone-1-1.noarch"), &plan,
			     &err));
	assert_plan(&plan, "install again app-1-1.noarch\n");
	assert_ok(run_plan(s, &plan, true, &err));
	assert_ok(run_plan(s, &plan, false, &err));
	assert_file(s, "/opt/app", "app 1\n");
}

static void the_test_transaction_sees_a_file_conflict(void **state)
{
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	struct site *s = *state;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-2", "clash-1"));
	assert_ok(plan_names(s, NAMES("liba", "clash"), NULL, &plan, &err));
	assert_fails(ERR_FAILED, run_plan(s, &plan, true, &err));
	assert_contains(err.detail, "/opt/liba-file");
	assert_file(s, "/opt/liba-file", NULL);
}

static void an_rpm_without_the_pinned_signature_is_refused_twice(void **state)
{
	static const struct {
		const char *file, *name, *member;
	} cases[] = {
		{ "unsigned-1", "unsigned", "repo/Packages/unsigned-1-1.noarch.rpm" },
		{ "stranger-1", "stranger", "repo/Packages/stranger-1-1.noarch.rpm" },
	};
	struct site *s = *state;

	if (!usable)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;
		CLEANUP(plan_release) struct plan plan = PLAN_INIT;
		struct err err = ERR_INIT;

		rpms_stage(&rpms, &s->in, NAMES(cases[i].file));
		assert_ok(vendor_load(&s->in, &vendor, &err));
		assert_fails(ERR_VERIFY, vendor_check_rpm(&s->in, &vendor, cases[i].member, &err));
		assert_ok(plan_names(s, NAMES(cases[i].name), NULL, &plan, &err));
		assert_fails(ERR_VERIFY, run_plan(s, &plan, false, &err));
	}
	assert_file(s, "/opt/unsigned", NULL);
	assert_file(s, "/opt/stranger", NULL);
}

static void a_signed_rpm_passes_and_one_changed_byte_does_not(void **state)
{
	static const char member[] = "repo/Packages/liba-1-1.noarch.rpm";
	CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;
	struct site *s = *state;
	cleanup_free char *path = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1"));
	assert_ok(vendor_load(&s->in, &vendor, &err));
	assert_ok(vendor_check_rpm(&s->in, &vendor, member, &err));
	/* The index names who signed: it may not be another. */
	memcpy(index_find(&s->in.index, member)->key, rpms.other_fpr, PGP_FPR_SIZE);
	assert_fails(ERR_VERIFY, vendor_check_rpm(&s->in, &vendor, member, &err));
	memcpy(index_find(&s->in.index, member)->key, rpms.fpr, PGP_FPR_SIZE);
	assert_ok(vendor_check_rpm(&s->in, &vendor, member, &err));
	assert_ok(path_join(s->in.staging, member, &path, &err));
	assert_ok(file_read(path, 0, ERR_FAILED, &data, &size, &err));
	data[size - 20] ^= 1;
	assert_ok(file_write_atomic(path, 0600, data, size, &err));
	assert_fails(ERR_VERIFY, vendor_check_rpm(&s->in, &vendor, member, &err));
}

static void a_package_is_not_hashed_again_while_its_file_is_what_was_checked(void **state)
{
	static const struct {
		const char *name;
		bool changed, refused;
	} cases[] = { { "liba", false, false }, { "extra", true, true } };
	struct site *s = *state;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "extra-1"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;
		CLEANUP(plan_release) struct plan plan = PLAN_INIT;
		cleanup_free char *path = NULL;
		cleanup_free char *data = NULL;
		size_t size = 0;
		struct err err = ERR_INIT;

		assert_ok(vendor_load(&s->in, &vendor, &err));
		assert_ok(plan_names(s, NAMES(cases[i].name), NULL, &plan, &err));
		assert_false(plan.packages[0].checked.taken);
		assert_ok(vendor_check_package(&s->in, &vendor, &plan.packages[0], &err));
		assert_ok(path_join(s->in.staging, plan.packages[0].file, &path, &err));
		assert_ok(file_read(path, 0, ERR_FAILED, &data, &size, &err));
		data[size - 20] ^= cases[i].changed;
		if (cases[i].changed)
			assert_ok(file_write_atomic(path, 0600, data, size, &err));
		if (cases[i].refused)
			assert_fails(ERR_VERIFY, run_plan(s, &plan, false, &err));
		else
			assert_ok(run_plan(s, &plan, false, &err));
	}
	assert_file(s, "/opt/liba", "liba 1\n");
	assert_file(s, "/opt/extra", NULL);
}

/* By a scriptlet of the same transaction, when librpm has verified all and unpacks. */
static void a_file_that_changes_during_the_transaction_is_not_unpacked(void **state)
{
	CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	struct site *s = *state;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("meddler-1", "victim-1"));
	assert_ok(vendor_load(&s->in, &vendor, &err));
	assert_ok(plan_names(s, NAMES("victim"), NULL, &plan, &err));
	assert_int_equal(plan.count, 2);
	for (size_t i = 0; i < plan.count; i++) {
		assert_ok(vendor_check_package(&s->in, &vendor, &plan.packages[i], &err));
		/* Otherwise librpm is one that reads the payload itself, and this is not about it. */
		if (!plan.packages[i].checked.taken)
			skip();
	}
	assert_int_equal(run_plan(s, &plan, false, &err), -ERR_FAILED);
	assert_log(s, "is not what was verified");
	assert_file(s, "/opt/meddler", "meddler 1\n");
	assert_file(s, "/opt/victim", NULL);
}

static void scriptlets_speak_into_the_log_and_not_to_standard_output(void **state)
{
	struct site *s = *state;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1", "app-1"));
	install(s, NAMES("app"), "install app-1-1.noarch\ninstall liba-1-1.noarch\n");
	/* rpm 4.20 has more to say. */
	assert_log(s, "app says hello\n");
}

/* librpm before 4.19 would end the process from its own handler. */
static void a_signal_waits_until_the_transaction_is_over(void **state)
{
	struct site *s = *state;
	int status = 0;
	pid_t pid = 0;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("signals-1"));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		CLEANUP(plan_release) struct plan plan = PLAN_INIT;
		struct err err = ERR_INIT;
		int r = 0;

		interrupt_init();
		r = plan_names(s, NAMES("signals"), NULL, &plan, &err);
		if (!r)
			r = run_plan(s, &plan, false, &err);
		_exit(r ? 1 : interrupt_seen() ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_file(s, "/opt/signals", "signals 1\n");
	install(s, NAMES("signals"), "");
}

static void a_vendor_that_is_new_to_the_node_must_be_accepted(void **state)
{
	CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;
	CLEANUP(strv_release) struct strv news = STRV_INIT;
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	struct site *s = *state;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1"));
	assert_ok(vendor_load(&s->in, &vendor, &err));
	/* The first installation shows what it takes. */
	assert_ok(vendor_confirm(&s->in, &vendor, &news, &err));
	assert_int_equal(news.count, 1);
	assert_contains(news.items[0], rpms.fpr);
	assert_contains(news.items[0], "vendor@test");
	/* A node that knows another vendor alone refuses. */
	assert_ok(strv_add(&known, rpms.other_fpr, &err));
	assert_ok(state_list_save(&s->in, "vendors", &known, &err));
	assert_fails(ERR_VERIFY, vendor_confirm(&s->in, &vendor, &news, &err));
	assert_contains(err.msg, "--accept-key");
	s->in.accept_key = rpms.other_fpr;
	assert_fails(ERR_VERIFY, vendor_confirm(&s->in, &vendor, &news, &err));
	s->in.accept_key = rpms.fpr;
	assert_ok(vendor_confirm(&s->in, &vendor, &news, &err));
	assert_ok(vendor_remember(&s->in, &vendor, &err));
	s->in.accept_key = NULL;
	strv_release(&news);
	assert_ok(vendor_confirm(&s->in, &vendor, &news, &err));
	assert_int_equal(news.count, 0);
}

/* Of a repository that gave no package, say. */
static void a_pin_whose_key_the_bundle_lacks_is_neither_needed_nor_remembered(void **state)
{
	CLEANUP(vendor_release) struct vendor vendor = VENDOR_INIT;
	CLEANUP(strv_release) struct strv news = STRV_INIT;
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	struct site *s = *state;
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	struct err err = ERR_INIT;

	if (!usable)
		skip();
	rpms_stage(&rpms, &s->in, NAMES("liba-1"));
	assert_ok(path_join(s->in.staging, "manifests/bundle.yaml", &path, &err));
	assert_ok(str_printf(&text, &err, "trust: {baseos: [%s], idle: [%s]}\n", rpms.fpr,
			     rpms.other_fpr));
	assert_ok(file_write_atomic(path, 0644, text, strlen(text), &err));
	assert_ok(vendor_load(&s->in, &vendor, &err));
	assert_ok(vendor_check_rpm(&s->in, &vendor, "repo/Packages/liba-1-1.noarch.rpm", &err));
	assert_ok(vendor_confirm(&s->in, &vendor, &news, &err));
	assert_int_equal(news.count, 1);
	assert_contains(news.items[0], rpms.fpr);
	assert_ok(vendor_remember(&s->in, &vendor, &err));
	assert_ok(state_list_load(&s->in, "vendors", &known, &err));
	assert_int_equal(known.count, 1);
	assert_string_equal(known.items[0], rpms.fpr);
}

/* Not called without sanitizers: shows the callers of a leak inside libsolv (rpms.h). */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, site_new, site_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_wanted_and_required_is_installed_and_nothing_else),
		TEST(a_wanted_package_is_upgraded_and_its_dependency_is_left_alone),
		TEST(an_obsoleted_package_is_replaced),
		TEST(what_cannot_be_solved_is_told_in_words),
		TEST(a_plan_alone_changes_nothing),
		TEST(a_failing_scriptlet_is_a_failure),
		TEST(what_does_not_reach_the_disk_is_a_failure),
		TEST(a_doubtful_package_is_installed_again),
		TEST(the_test_transaction_sees_a_file_conflict),
		TEST(an_rpm_without_the_pinned_signature_is_refused_twice),
		TEST(a_signed_rpm_passes_and_one_changed_byte_does_not),
		TEST(a_package_is_not_hashed_again_while_its_file_is_what_was_checked),
		TEST(a_file_that_changes_during_the_transaction_is_not_unpacked),
		TEST(scriptlets_speak_into_the_log_and_not_to_standard_output),
		TEST(a_signal_waits_until_the_transaction_is_over),
		TEST(a_vendor_that_is_new_to_the_node_must_be_accepted),
		TEST(a_pin_whose_key_the_bundle_lacks_is_neither_needed_nor_remembered),
	};

	return cmocka_run_group_tests(tests, make_all, release_all);
}
