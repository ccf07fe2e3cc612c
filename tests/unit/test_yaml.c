/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "yaml.h"

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

static void tree_knows_its_positions(void **state)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - {k: \"v w\"}\n";
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	const struct yaml_node *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(yaml_parse("t.yaml", text, strlen(text), ERR_CONFIG, &doc, &err));
	b = yaml_get(yaml_root(doc), "b");
	assert_int_equal(b->count, 2);
	assert_int_equal(b->items[0]->line, 3);
	assert_int_equal(b->items[0]->column, 5);
	assert_true(b->items[0]->plain);
	assert_string_equal(yaml_get(b->items[1], "k")->text, "v w");
	assert_false(yaml_get(b->items[1], "k")->plain);
	assert_null(yaml_get(yaml_root(doc), "c"));
}

static void hostile_documents_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "a: 1\na: 2\n", "t.yaml:2:1: key 'a' stands here twice" },
		{ "a: &x 1\nb: *x\n", "t.yaml:1:4: anchors and tags are not allowed" },
		{ "a: !!str 1\n", "anchors and tags are not allowed" },
		{ "a: [1, 2\n", "t.yaml:" },
		{ "a: [@core]\n", "t.yaml:1:5: this character cannot begin a value: put '@'" },
		{ "a:\n\t- 1\n", "t.yaml:2:1: this character cannot begin a value" },
		{ "a: 1\n---\nb: 2\n", "only one document is allowed" },
		{ "? [a]\n: b\n", "a key must be a word" },
		{ "a: \"x\\0y\"\n", "a NUL character is not allowed" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		  "]]]]]",
		  "nested too deeply" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct yaml_doc *doc = NULL;
		struct err err = ERR_INIT;

		assert_fails(ERR_VERIFY, yaml_parse("t.yaml", cases[i].text, strlen(cases[i].text),
						    ERR_VERIFY, &doc, &err));
		assert_null(doc);
		assert_contains(err.msg, cases[i].message);
	}
}

/* Compared with one another, these took minutes. */
static void of_very_many_keys_two_are_found(void **state)
{
	static const char *const lasts[] = { "k200000", "k100000" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lasts); i++) {
		CLEANUP(str_release) struct str text = STR_INIT;
		struct yaml_doc *doc = NULL;
		struct err err = ERR_INIT;

		for (unsigned int k = 0; k < 200000; k++)
			str_addf(&text, "k%u: 1\n", k);
		str_addf(&text, "%s: 1\n", lasts[i]);
		if (i == 0) {
			assert_ok(yaml_parse("t.yaml", text.buf, text.len, ERR_VERIFY, &doc, &err));
			yaml_doc_free(doc);
			continue;
		}
		assert_fails(ERR_VERIFY,
			     yaml_parse("t.yaml", text.buf, text.len, ERR_VERIFY, &doc, &err));
		assert_string_equal(err.msg, "t.yaml:200001:1: key 'k100000' stands here twice");
	}
}

static void empty_document_is_an_empty_mapping(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "---\n", "~" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;

		assert_ok(yaml_parse("t", texts[i], strlen(texts[i]), ERR_CONFIG, &doc, &err));
		assert_int_equal(yaml_root(doc)->type, YAML_MAPPING);
		assert_int_equal(yaml_root(doc)->count, 0);
	}
}

static void emitted_scalars_come_back_as_they_were(void **state)
{
	static const struct {
		const char *text, *emitted;
	} cases[] = {
		{ "haproxy-2.8_1.el8+x", "haproxy-2.8_1.el8+x" },
		{ "12", "12" },
		{ "012", "\"012\"" },
		{ "1.5", "\"1.5\"" },
		{ "0e12b7", "\"0e12b7\"" },
		{ "0e12b7fa", "0e12b7fa" },
		{ "yes", "\"yes\"" },
		{ "", "\"\"" },
		{ "platform:el8", "\"platform:el8\"" },
		{ "a\nb\t\"\\", "\"a\\nb\\x09\\\"\\\\\"" },
		{ "été", "\"été\"" },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
		CLEANUP(str_release) struct str s = STR_INIT;

		yaml_emit_scalar(&s, cases[i].text);
		assert_string_equal(s.buf, cases[i].emitted);
		str_reset(&s);
		str_add(&s, "k: ");
		yaml_emit_scalar(&s, cases[i].text);
		assert_ok(yaml_parse("t", s.buf, s.len, ERR_CONFIG, &doc, &err));
		assert_string_equal(yaml_get(yaml_root(doc), "k")->text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_knows_its_positions),
		cmocka_unit_test(hostile_documents_are_refused),
		cmocka_unit_test(of_very_many_keys_two_are_found),
		cmocka_unit_test(empty_document_is_an_empty_mapping),
		cmocka_unit_test(emitted_scalars_come_back_as_they_were),
	};

	return RUN_TESTS(tests);
}
