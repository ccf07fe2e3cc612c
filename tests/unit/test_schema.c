/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sys/types.h>

#include "schema.h"

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

struct item {
	char *name;
	mode_t mode;
};

struct thing {
	char *name;
	bool enable;
	unsigned int port;
	struct strv words;
	struct schema_list items;
};

static const struct schema_field item_fields[] = {
	SCHEMA_STRING(struct item, name, "name", SCHEMA_REQUIRED | SCHEMA_WORD),
	SCHEMA_MODE(struct item, mode, "mode", 0),
	SCHEMA_END,
};

static const struct schema_field thing_fields[] = {
	SCHEMA_STRING(struct thing, name, "name", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_BOOL(struct thing, enable, "enable", 0),
	SCHEMA_UINT(struct thing, port, "port", 0, 1, 65535),
	SCHEMA_STRV(struct thing, words, "packages", 0),
	SCHEMA_LIST(struct thing, items, "items", 0, item_fields, struct item),
	SCHEMA_END,
};

static int load(const char *text, struct thing *thing, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	int r = yaml_parse("t.yaml", text, strlen(text), ERR_CONFIG, &doc, err);

	return r < 0 ? r : schema_load(yaml_root(doc), thing_fields, thing, err);
}

static void table_fills_the_structure(void **state)
{
	struct thing thing = { .port = 1 };
	struct item *items = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(load("name: x\nenable: true\nport: 5432\npackages: [a, b]\n"
		       "items: [{name: i, mode: \"0640\"}, {name: j}]\n",
		       &thing, &err));
	items = thing.items.items;
	assert_string_equal(thing.name, "x");
	assert_true(thing.enable);
	assert_int_equal(thing.port, 5432);
	assert_int_equal(thing.words.count, 2);
	assert_int_equal(thing.items.count, 2);
	assert_int_equal(items[0].mode, 0640);
	assert_string_equal(items[1].name, "j");
	schema_release(thing_fields, &thing);
	assert_null(thing.items.items);
}

static void mistakes_have_positions_and_words(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "name: x\npakages: []\n",
		  "t.yaml:2:1: unknown key 'pakages' (did you mean 'packages'?)" },
		{ "name: x\nzzzzzz: 1\n", "t.yaml:2:1: unknown key 'zzzzzz'" },
		{ "enable: true\n", "key 'name' is missing" },
		{ "name: ''\n", "'name' may not be empty" },
		{ "name: [x]\n", "t.yaml:1:7: 'name' must be a value" },
		{ "name: x\nenable: yes\n", "'enable' must be true or false" },
		{ "name: x\nenable: 'true'\n", "'enable' must be true or false" },
		{ "name: x\nport: 0\n", "'port': '0' is not a number from 1 to 65535" },
		{ "name: x\npackages: a\n", "'packages' must be a list" },
		{ "name: x\nitems:\n- {name: i, mode: 0640}\n", "quoted octal mode" },
		{ "name: x\nitems:\n- {name: i/j}\n", "t.yaml:3:10: 'name' may hold letters" },
		{ "name: x\nitems:\n- {}\n", "t.yaml:3:3: key 'name' is missing" },
		{ "- x\n", "a mapping (key: value) is expected here" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct thing thing = { .name = NULL };
		struct err err = ERR_INIT;

		assert_fails(ERR_CONFIG, load(cases[i].text, &thing, &err));
		assert_contains(err.msg, cases[i].message);
		schema_release(thing_fields, &thing);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_fills_the_structure),
		cmocka_unit_test(mistakes_have_positions_and_words),
	};

	return RUN_TESTS(tests);
}
