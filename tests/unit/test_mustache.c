/* SPDX-License-Identifier: Apache-2.0 */
/* lib/mustache.c: the specification's own cases where they are there, strict mode, quoting, limits.
 */
#include "unit.h"

#include "file.h"
#include "mustache.h"
#include "yaml.h"

#define SPEC_DIR "../shared/data/mustache-spec"

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

/* --- the specification --------------------------------------------------------------------- */

static int quote_html(struct str *out, const char *text, struct err *err)
{
	(void)err;
	for (const char *p = text; *p; p++) {
		if (*p == '&')
			str_add(out, "&amp;");
		else if (*p == '<')
			str_add(out, "&lt;");
		else if (*p == '>')
			str_add(out, "&gt;");
		else if (*p == '"')
			str_add(out, "&quot;");
		else
			str_addc(out, *p);
	}
	return 0;
}

static const struct mustache_format html = { "html", quote_html };

static struct mustache_value *value_of(const struct yaml_node *node)
{
	struct mustache_value *value = NULL;
	struct err err = ERR_INIT;

	if (node->type == YAML_SCALAR) {
		if (!node->plain)
			return mustache_string(node->text);
		return strcmp(node->text, "null") ? mustache_scalar(node->text)
						  : mustache_string("");
	}
	value = node->type == YAML_SEQUENCE ? mustache_list() : mustache_map();
	for (size_t i = 0; i < node->count; i++) {
		if (node->type == YAML_SEQUENCE)
			assert_int_equal(0, mustache_append(value, value_of(node->items[i]), &err));
		else
			assert_int_equal(0, mustache_set(value, node->keys[i]->text,
							 value_of(node->items[i]), &err));
	}
	return value;
}

static const char *spec_partial(const void *context, const char *name)
{
	const struct yaml_node *text = yaml_get(context, name);

	return text ? text->text : NULL;
}

/* Returns how many cases NAME has; every one of them is run. */
static size_t run_spec_file(const char *name)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;
	const struct yaml_node *tests = NULL;

	assert_int_equal(0, path_join(SPEC_DIR, name, &path, &err));
	if (yaml_load(path, ERR_CONFIG, &doc, &err) < 0)
		fail_msg("%s", err.msg);
	tests = yaml_get(yaml_root(doc), "tests");
	assert_non_null(tests);
	for (size_t i = 0; i < tests->count; i++) {
		const struct yaml_node *test = tests->items[i];
		const struct mustache_options options = { .format = &html,
							  .partial = spec_partial,
							  .context = yaml_get(test, "partials") };
		CLEANUP(mustache_freep)
		struct mustache_value *data = value_of(yaml_get(test, "data"));
		CLEANUP(str_release) struct str out = STR_INIT;
		const char *title = yaml_get(test, "name")->text;

		if (mustache_render(title, yaml_get(test, "template")->text, data, &options, &out,
				    &err) < 0)
			fail_msg("%s: %s", name, err.msg);
		str_add(&out, "");
		if (strcmp(out.buf, yaml_get(test, "expected")->text) != 0)
			fail_msg("%s: %s: got '%s' instead of '%s'", name, title, out.buf,
				 yaml_get(test, "expected")->text);
	}
	return tests->count;
}

static void every_case_of_the_specification_renders_as_it_says(void **state)
{
	/* The modules that are not optional, and how many cases each had when this was written. */
	static const struct {
		const char *file;
		size_t at_least;
	} modules[] = {
		{ "comments.json", 12 }, { "delimiters.json", 14 }, { "interpolation.json", 42 },
		{ "inverted.json", 22 }, { "partials.json", 12 },   { "sections.json", 34 },
	};
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	struct err err = ERR_INIT;
	size_t known = 0;

	(void)state;
	if (access(SPEC_DIR, R_OK) != 0) {
		print_message("skipped: %s is not here\n", SPEC_DIR);
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		size_t cases = run_spec_file(modules[i].file);

		print_message("%s: %zu cases\n", modules[i].file, cases);
		assert_true(cases >= modules[i].at_least);
	}
	/* A file that nobody runs would be skipped in silence; the optional modules have a '~'. */
	assert_int_equal(0, dir_list(SPEC_DIR, &files, &err));
	for (size_t i = 0; i < files.count; i++)
		if (str_ends(files.items[i], ".json") && files.items[i][0] != '~')
			known++;
	assert_int_equal(known, ARRAY_SIZE(modules));
}

/* --- ours ---------------------------------------------------------------------------------- */

static const char *own_partial(const void *context, const char *name)
{
	(void)context;
	if (!strcmp(name, "head"))
		return "# first\n{{cluster}}\n";
	if (!strcmp(name, "again"))
		return "{{>again}}";
	if (!strcmp(name, "twice"))
		return "{{>twice}}{{>twice}}";
	if (!strcmp(name, "broken"))
		return "\n{{nowhere}}";
	return NULL;
}

static struct mustache_value *own_data(void)
{
	struct mustache_value *data = mustache_map();
	struct mustache_value *nodes = mustache_list();
	struct mustache_value *secret = mustache_string("geheim");
	struct mustache_value *vars = mustache_map();
	struct err err = ERR_INIT;

	for (int i = 0; i < 16; i++) {
		struct mustache_value *node = mustache_map();

		assert_int_equal(0, mustache_set(node, "last", mustache_bool(i == 15), &err));
		assert_int_equal(0, mustache_append(nodes, node, &err));
	}
	mustache_mark_secret(secret);
	mustache_mark_open(vars);
	assert_int_equal(0, mustache_set(vars, "a", mustache_string("1"), &err));
	assert_int_equal(0, mustache_set(data, "vars", vars, &err));
	assert_int_equal(0, mustache_set(data, "nodes", nodes, &err));
	assert_int_equal(0, mustache_set(data, "password", secret, &err));
	assert_int_equal(0, mustache_set(data, "cluster", mustache_string("c1"), &err));
	assert_int_equal(0, mustache_set(data, "on", mustache_scalar("true"), &err));
	assert_int_equal(0, mustache_set(data, "off", mustache_scalar("false"), &err));
	assert_int_equal(0, mustache_set(data, "nothing", mustache_scalar(""), &err));
	return data;
}

static int render(const char *text, bool no_secrets, struct str *out, struct err *err)
{
	CLEANUP(mustache_freep) struct mustache_value *data = own_data();
	const struct mustache_options options = { .strict = true,
						  .no_secrets = no_secrets,
						  .partial = own_partial };

	return mustache_render("t.conf", text, data, &options, out, err);
}

static void strict_rendering_names_template_line_and_variable(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "a\n{{clusterr}}\n", "t.conf:2: unknown variable 'clusterr'" },
		{ "\n\n{{#clusterr}}{{/clusterr}}", "t.conf:3: unknown variable 'clusterr'" },
		{ "{{^clusterr}}x{{/clusterr}}", "t.conf:1: unknown variable 'clusterr'" },
		{ "{{vars.other}}", "t.conf:1: unknown variable 'vars.other'" },
		{ "{{#vars.a.b}}{{/vars.a.b}}", "t.conf:1: unknown variable 'vars.a.b'" },
		{ "{{cluster.name}}", "t.conf:1: unknown variable 'cluster.name'" },
		{ "\n{{nodes}}", "t.conf:2: a list or map has no text: 'nodes'" },
		{ "{{>nopart}}", "t.conf:1: unknown partial 'nopart'" },
		{ "{{>broken}}", "broken:2: unknown variable 'nowhere'" },
		{ "{{#on}}\n{{/off}}", "t.conf:2: the open section is not 'off'" },
		{ "{{/off}}", "t.conf:1: nothing is open that could be closed by 'off'" },
		{ "\n{{#on}}\n", "t.conf:2: a section that is not closed: 'on'" },
		{ "{{#on}}\n{{!\n}}\n{{on", "t.conf:4: a tag that does not end" },
		{ "{{ }}", "t.conf:1: a tag without a name" },
		{ "{{a b}}", "t.conf:1: a space within the name 'a b'" },
		{ "{{=<<=}}", "t.conf:1: bad delimiters '<<'" },
		{ "{{=a b c=}}", "t.conf:1: bad delimiters 'a b c'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_release) struct str out = STR_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(-ERR_CONFIG, render(cases[i].text, false, &out, &err));
		assert_string_equal(cases[i].message, err.msg);
	}
}

static void booleans_empty_strings_and_lists_steer_sections(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0,
			 render("{{#on}}A{{/on}}{{^on}}B{{/on}}{{#off}}C{{/off}}{{^off}}D{{/off}}"
				"{{#nothing}}E{{/nothing}}{{^nothing}}F{{/nothing}}{{on}} {{off}} "
				"{{#nodes}}{{#last}}.{{/last}}{{^last}},{{/last}}{{/nodes}}",
				false, &out, &err));
	assert_string_equal("ADFtrue false ,,,,,,,,,,,,,,,.", out.buf);
}

static void a_section_on_a_name_that_need_not_be_there_is_false(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, render("{{#vars.a}}A{{/vars.a}}{{#vars.b}}B{{/vars.b}}"
				   "{{^vars.b}}C{{/vars.b}}",
				   false, &out, &err));
	assert_string_equal("AC", out.buf);
}

static void partials_are_indented_like_their_tag(void **state)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, render("a:\n  {{>head}}\nb\n", false, &out, &err));
	assert_string_equal("a:\n  # first\n  c1\nb\n", out.buf);
}

static void a_secret_renders_only_where_it_may(void **state)
{
	CLEANUP(str_release) struct str out = STR_SECRET;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, render("{{password}}", false, &out, &err));
	assert_string_equal("geheim", out.buf);
	str_reset(&out);
	assert_int_equal(-ERR_CONFIG, render("-p {{password}}", true, &out, &err));
	assert_int_equal(-ERR_CONFIG, render("{{&password}}", true, &out, &err));
	assert_int_equal(-ERR_CONFIG, render("{{#password}}{{.}}{{/password}}", true, &out, &err));
	assert_null(strstr(out.buf, "geheim"));
	assert_non_null(strstr(err.msg, "'password'"));
}

static void each_format_quotes_as_the_schema_says(void **state)
{
	static const struct {
		const char *format, *value, *expected; /* NULL: refused */
	} cases[] = {
		{ "yaml", "a\"b\\c\n\t\x01\x7f", "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"" },
		{ "yaml", "caf\xc3\xa9 \xe2\x80\xa8 \xc2\x85 \xf0\x9f\x90\x98",
		  "\"caf\xc3\xa9 \\u2028 \\u0085 \xf0\x9f\x90\x98\"" },
		{ "yaml", "\xff", NULL },
		{ "yaml", "\xc0\xaf", NULL },
		{ "yaml", "\xe2\x80", NULL },
		{ "yaml", "\xed\xa0\x80", NULL },
		{ "yaml", "\xf4\x90\x80\x80", NULL },
		{ "shell", "it's $HOME", "'it'\\''s $HOME'" },
		{ "pgconf", "it's c:\\x\n", "'it''s c:\\\\x\\012'" },
		{ "sql", "it's \\", "'it''s \\'" },
		{ "systemd", "100% \"x\" \\ \n", "\"100%% \\\"x\\\" \\\\ \\x0a\"" },
		{ "squote", "it's \"$x\" #", "'it'\\''s \"$x\" #'" },
		{ "squote", "a\nb", NULL },
		{ "userlist", "say \"hi\"", "\"say \"\"hi\"\"\"" },
		{ "userlist", "a\nb", NULL },
		{ "dquote", "say \"hi\" \\ 'it' 100% $x", "\"say \\\"hi\\\" \\\\ 'it' 100% $x\"" },
		{ "dquote", "a\nb", NULL },
		{ "ini", "a b;c", "a b;c" },
		{ "ini", "a\nb", NULL },
		{ "text", "a\rb", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(mustache_freep) struct mustache_value *data = mustache_map();
		CLEANUP(str_release) struct str out = STR_INIT;
		const struct mustache_options options = { .format =
								  mustache_format(cases[i].format),
							  .strict = true };
		struct err err = ERR_INIT;
		int r = 0;

		assert_non_null(options.format);
		assert_int_equal(0, mustache_set(data, "x", mustache_string(cases[i].value), &err));
		r = mustache_render("t", "{{x}}", data, &options, &out, &err);
		assert_int_equal(cases[i].expected ? 0 : -ERR_CONFIG, r);
		if (cases[i].expected)
			assert_string_equal(cases[i].expected, out.buf);
		str_reset(&out);
		assert_int_equal(0, mustache_render("t", "{{{x}}}", data, &options, &out, &err));
		assert_string_equal(cases[i].value, out.buf);
	}
	assert_null(mustache_format("html"));
	for (const char *const *name = mustache_format_names(); *name; name++)
		assert_non_null(mustache_format(*name));
}

static void hostile_templates_end_with_an_error(void **state)
{
	CLEANUP(str_release) struct str deep = STR_INIT;
	CLEANUP(str_release) struct str loops = STR_INIT;
	CLEANUP(str_release) struct str out = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i <= MUSTACHE_DEPTH_MAX; i++)
		str_add(&deep, "{{#on}}");
	assert_int_equal(-ERR_CONFIG, render(deep.buf, false, &out, &err));
	assert_string_equal("t.conf:1: sections are nested too deep", err.msg);
	for (int i = 0; i < 12; i++)
		str_add(&loops, "{{#nodes}}");
	for (int i = 0; i < 12; i++)
		str_add(&loops, "{{/nodes}}");
	assert_int_equal(-ERR_CONFIG, render(loops.buf, false, &out, &err));
	assert_string_equal("t.conf:1: the template renders too much", err.msg);
	assert_int_equal(-ERR_CONFIG, render("{{>again}}", false, &out, &err));
	assert_string_equal("again:1: partials are nested too deep: 'again'", err.msg);
	assert_int_equal(-ERR_CONFIG, render("{{>twice}}", false, &out, &err));
}

static int collect(void *context, char kind, const char *tag, unsigned int line, struct err *err)
{
	(void)err;
	str_addf(context, "%c%s:%u ", kind, tag, line);
	return 0;
}

static void a_check_visits_every_tag(void **state)
{
	CLEANUP(str_release) struct str seen = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, mustache_check("t",
					   "{{a.b}}\n{{#c}}\n{{{d}}}{{!no}}{{/c}}\n{{^c}}{{/c}}"
					   "{{> p }}",
					   collect, &seen, &err));
	assert_string_equal("va.b:1 #c:2 &d:3 ^c:4 >p:4 ", seen.buf);
	assert_int_equal(-ERR_CONFIG, mustache_check("t", "{{#c}}", NULL, NULL, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_of_the_specification_renders_as_it_says),
		cmocka_unit_test(strict_rendering_names_template_line_and_variable),
		cmocka_unit_test(booleans_empty_strings_and_lists_steer_sections),
		cmocka_unit_test(a_section_on_a_name_that_need_not_be_there_is_false),
		cmocka_unit_test(partials_are_indented_like_their_tag),
		cmocka_unit_test(a_secret_renders_only_where_it_may),
		cmocka_unit_test(each_format_quotes_as_the_schema_says),
		cmocka_unit_test(hostile_templates_end_with_an_error),
		cmocka_unit_test(a_check_visits_every_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
