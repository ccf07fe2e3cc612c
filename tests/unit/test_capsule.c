/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include "capsule.h"

static void a_capsule_comes_back_as_it_was(void **state)
{
	static const struct {
		const char *name, *value;
	} env[] = {
		{ "PLAIN", "word" },
		{ "EMPTY", "" },
		{ "NUMBER", "0123" },
		{ "BOOLEAN", "true" },
		{ "NOTHING", "~" },
		{ "SPACES", "  a b  " },
		{ "QUOTES", "it's \"quoted\" \\ and: {a, #b} & *c !d %e @f `g" },
		{ "LINES", "one\ntwo\r\n\tthree" },
		{ "FRENCH", "motdepass\xc3\xa9" },
		{ "CONTROL", "a\x01\x7f" },
	};
	CLEANUP(pki_release) struct pki node = pki_issue("n", X509_USE_SERVER, X509_KEY_P256, NULL);
	CLEANUP(capsule_release) struct capsule c = CAPSULE_INIT;
	CLEANUP(capsule_release) struct capsule again = CAPSULE_INIT;
	CLEANUP(str_release) struct str pem = STR_SECRET;
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(x509_key_to_pem(node.key, &pem, &err));
	assert_ok(capsule_set_names(&c, "cluster-1", "node1", &err));
	for (size_t i = 0; i < ARRAY_SIZE(env); i++)
		assert_ok(capsule_add_env(&c, env[i].name, env[i].value, &err));
	assert_ok(capsule_add_key(&c, "etcd-server", pem.buf, &err));
	assert_ok(capsule_format(&c, &text, &err));
	assert_ok(capsule_parse("c", text.buf, text.len, &again, &err));
	assert_string_equal(again.cluster, "cluster-1");
	assert_string_equal(again.node, "node1");
	assert_int_equal(again.env_count, ARRAY_SIZE(env));
	for (size_t i = 0; i < ARRAY_SIZE(env); i++)
		assert_string_equal(capsule_env(&again, env[i].name), env[i].value);
	assert_int_equal(again.key_count, 1);
	assert_string_equal(capsule_key(&again, "etcd-server"), pem.buf);
	assert_null(capsule_env(&again, "etcd-server"));
}

static void the_order_of_additions_does_not_show(void **state)
{
	static const char *const names[] = { "B", "A", "C" };
	CLEANUP(str_release) struct str forth = STR_INIT;
	CLEANUP(str_release) struct str back = STR_INIT;
	CLEANUP(capsule_release) struct capsule a = CAPSULE_INIT;
	CLEANUP(capsule_release) struct capsule b = CAPSULE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(capsule_set_names(&a, "c", "node1", &err));
	assert_ok(capsule_set_names(&b, "c", "node1", &err));
	for (size_t i = 0; i < 3; i++) {
		assert_ok(capsule_add_env(&a, names[i], "x", &err));
		assert_ok(capsule_add_env(&b, names[2 - i], "x", &err));
	}
	assert_ok(capsule_format(&a, &forth, &err));
	assert_ok(capsule_format(&b, &back, &err));
	assert_string_equal(forth.buf, back.buf);
	assert_string_equal(forth.buf, "pgha-capsule: 1\ncluster: c\nnode: node1\n"
				       "env:\n  A: x\n  B: x\n  C: x\nkeys: {}\n");
}

static void a_name_has_one_value(void **state)
{
	CLEANUP(capsule_release) struct capsule c = CAPSULE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(capsule_add_env(&c, "A", "hunter2", &err));
	assert_ok(capsule_add_env(&c, "A", "hunter2", &err));
	assert_int_equal(c.env_count, 1);
	assert_fails(ERR_CONFIG, capsule_add_env(&c, "A", "hunter3", &err));
	assert_null(strstr(err.msg, "hunter"));
}

static void what_yaml_cannot_carry_is_refused_at_build_time(void **state)
{
	static const char *const values[] = {
		"hunter2 \xff",     /* no UTF-8 */
		"hunter2\xc2\x85x", /* next line, which YAML 1.1 folds */
		"hunter2\xc2\x80",  /* a control character */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		CLEANUP(capsule_release) struct capsule c = CAPSULE_INIT;
		CLEANUP(str_release) struct str text = STR_SECRET;
		struct err err = ERR_INIT;

		assert_ok(capsule_set_names(&c, "c", "node1", &err));
		assert_ok(capsule_add_env(&c, "PASSWORD", values[i], &err));
		assert_fails(ERR_CONFIG, capsule_format(&c, &text, &err));
		assert_contains(err.msg, "characters that YAML cannot carry");
		assert_null(strstr(err.msg, "hunter"));
		assert_int_equal(text.len, 0);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"pgha-capsule: 2\ncluster: c\nnode: n\nenv: {}\nkeys: {}\n",
		"pgha-capsule: 1\ncluster: c\nnode: n\nenv: {}\n",
		"pgha-capsule: 1\ncluster: c\nnode: n\nenv: []\nkeys: {}\n",
		"pgha-capsule: 1\ncluster: c\nnode: n\nenv: {A: [hunter2]}\nkeys: {}\n",
		"pgha-capsule: 1\ncluster: c\nnode: n\nenv: {A: hunter2, A: hunter2}\nkeys: {}\n",
		"pgha-capsule: 1\ncluster: c\nnode: n\nenv: {A: \"hunter2\\0x\"}\nkeys: {}\n",
		"pgha-capsule: 1\ncluster: c\nnode: n\nenv: {}\nkeys: {}\nmore: hunter2\n",
		"pgha-capsule: 1\ncluster: c\nnode: ''\nenv: {}\nkeys: {}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct capsule c = CAPSULE_INIT;
		struct err err = ERR_INIT;

		assert_fails(ERR_VERIFY,
			     capsule_parse("n.cms", texts[i], strlen(texts[i]), &c, &err));
		assert_null(c.cluster);
		assert_null(strstr(err.msg, "hunter"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capsule_comes_back_as_it_was),
		cmocka_unit_test(the_order_of_additions_does_not_show),
		cmocka_unit_test(a_name_has_one_value),
		cmocka_unit_test(what_yaml_cannot_carry_is_refused_at_build_time),
		cmocka_unit_test(anything_else_is_refused),
	};

	return RUN_TESTS(tests);
}
