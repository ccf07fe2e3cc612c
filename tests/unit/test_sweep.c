/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed run has left below STATE goes, and nothing else does. */
#include "scene.h"

#include "sweep.h"

#define STATE "var/lib/pgha/"

static char root[] = "/tmp/pgha-sweep-XXXXXX";
static struct install in;

static int begin(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(root));
	in = (struct install){ .node = "box", .root = root };
	assert_ok(install_init(&in, &err));
	return 0;
}

static int end(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	install_release(&in);
	assert_ok(tree_remove(root, &err));
	return 0;
}

static void what_was_not_finished_goes_and_the_rest_stays(void **state)
{
	static const struct {
		const char *path;
		bool stays;
	} cases[] = {
		{ STATE "committed", true },
		{ STATE "committed.tmp-a1B2c3", false },
		{ STATE "committed.tmp-a1B2", true },
		{ STATE "log/packages.tmp-a1B2c3", true },
		{ STATE "bundles/1/manifests/bundle.yaml", true },
		{ STATE "bundles/1/manifests/bundle.yaml.tmp-a1B2c3", false },
		{ STATE "bundles/1/manifests/x.new", true },
		{ STATE "bundles/2.new/index", false },
		{ STATE "bundles/3.gone/index", false },
		{ STATE "record/1/files/etc/app.conf", true },
		{ STATE "record/1/files/etc/app.conf.tmp-a1B2c3", false },
		{ STATE "record/2.new/entries", false },
		{ STATE "record/2.gone/entries", false },
		{ STATE "previous/etc/app.conf", true },
		{ STATE "previous/etc/app.conf.tmp-a1B2c3", false },
		{ STATE "changed/app", true },
		{ STATE "changed/app.tmp-a1B2c3", false },
		{ "etc/app.conf.tmp-a1B2c3", true },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		scene_put(root, cases[i].path, "x");
	assert_ok(sweep_state(&in, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (scene_has(root, cases[i].path) != cases[i].stays)
			fail_msg("'%s' %s", cases[i].path, cases[i].stays ? "is gone" : "stays");
	assert_false(scene_has(root, STATE "bundles/2.new"));
	assert_false(scene_has(root, STATE "record/2.gone"));
}

/* All were removed, and then it was killed. */
static void a_place_for_records_without_one_goes(void **state)
{
	cleanup_free char *dir = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(path_join(root, STATE "record", &dir, &err));
	assert_ok(tree_remove(dir, &err));
	scene_put(root, STATE "record/4.gone/entries", "x");
	assert_ok(sweep_state(&in, &err));
	assert_false(scene_has(root, STATE "record"));
}

static void a_state_with_nothing_in_it_is_clean(void **state)
{
	struct install none = { .node = "box", .root = root };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(str_dup(&none.state_dir, "/nowhere/at/all", &err));
	assert_ok(sweep_state(&none, &err));
	install_release(&none);
}

static void a_link_leads_nowhere(void **state)
{
	cleanup_free char *link = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(path_join(root, STATE "previous", &link, &err));
	assert_ok(tree_remove(link, &err));
	scene_put(root, "elsewhere/deep/y.tmp-a1B2c3", "x");
	assert_int_equal(symlink("../../../elsewhere", link), 0);
	assert_ok(sweep_state(&in, &err));
	assert_true(scene_has(root, "elsewhere/deep/y.tmp-a1B2c3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_finished_goes_and_the_rest_stays),
		cmocka_unit_test(a_place_for_records_without_one_goes),
		cmocka_unit_test(a_state_with_nothing_in_it_is_clean),
		cmocka_unit_test(a_link_leads_nowhere),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
