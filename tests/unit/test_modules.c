/* SPDX-License-Identifier: Apache-2.0 */
/* What the streams do to packages is in tests/solver/: here, reading, and what nobody should trust. */
#include "unit.h"

#include <unistd.h>

#include "modules.h"
#include "modules_block.h"
#include "proc.h"

#define DATA "../shared/data/"
#define MUST "summary: s, description: d, license: {module: [MIT]}"
#define ID "name: m, stream: '1', version: 5, context: c, arch: x86_64, " MUST

struct fixture {
	struct str block;
	struct strv warnings;
	struct modules *modules;
	struct block view;
};

static void fixture_release(struct fixture *f)
{
	modules_free(f->modules);
	str_release(&f->block);
	strv_release(&f->warnings);
}

static int compile(struct fixture *f, const char *text, struct err *err)
{
	cleanup_fclose FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(in);
	return modules_compile("m.yaml", in, &f->block, err);
}

static void compiled(struct fixture *f, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(compile(f, text, &err));
	assert_ok(block_open(&f->view, f->block.buf, f->block.len, &err));
	for (uint32_t i = 0; i < f->view.counts[BLOCK_NOTES]; i++)
		assert_ok(strv_add(&f->warnings, block_note(&f->view, i), &err));
}

static void resolved(struct fixture *f, const char *enable)
{
	CLEANUP(strv_release) struct strv none = STRV_INIT;
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	struct err err = ERR_INIT;

	if (enable)
		assert_ok(strv_add(&list, enable, &err));
	assert_ok(modules_new("platform:el8", "x86_64", &f->modules, &err));
	assert_ok(modules_add(f->modules, "appstream", f->block.buf, f->block.len, &err));
	assert_ok(modules_resolve(f->modules, &list, &none, "b:1:1", &f->warnings, &err));
}

/* libyaml's work grows with the square of the depth: this one takes it an hour. */
static void a_deep_document_ends_the_reading(void **state)
{
	static const char start[] = "---\ndocument: modulemd\nversion: 2\ndata: ";
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	str_add(&text, start);
	for (unsigned int i = 0; i < 2000000; i++)
		str_addc(&text, '[');
	assert_fails(ERR_VERIFY, compile(&f, text.buf, &err));
	assert_contains(err.msg, "m.yaml:4:106: nested too deeply");
}

static void a_stream_is_kept_with_what_decides(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	struct block_stream s = { .name = 0 };
	struct block_require require = { .group = 0 };

	(void)state;
	compiled(&f,
		 "data: {" ID ",\n"
		 "  static_context: true,\n"
		 "  components: {rpms: {a: {buildorder: 18446744073709551616}}},\n"
		 "  ? [odd, key] : value,\n"
		 "  profiles: {x: {rpms: [a-0:1-1.x]}},\n"
		 "  dependencies: [{buildrequires: {z: [9]},\n"
		 "                  requires: {platform: [el8], b: ['2', '10', '2'], a: []}}],\n"
		 "  demodularized: {rpms: [z, y]},\n"
		 "  artifacts: {rpm-map: {sha256: {abc: {name: no}}},\n"
		 "    rpms: ['a-0:1.2-3.x86_64', 'b-c-10:1.2-3.noarch', 'a-00:1.2-3.src']}}\n"
		 "document: modulemd\n"
		 "version: 2\n"
		 "artifacts: {rpms: ['no-0:1-1.x']}\n");
	assert_int_equal(f.warnings.count, 0);
	assert_int_equal(f.view.counts[BLOCK_STREAMS], 1);
	s = block_stream(&f.view, 0);
	assert_string_equal(block_string(&f.view, s.name), "m");
	assert_string_equal(block_string(&f.view, s.stream), "1");
	assert_string_equal(block_string(&f.view, s.context), "c");
	assert_string_equal(block_string(&f.view, s.arch), "x86_64");
	assert_int_equal(s.version, 5);
	assert_int_equal(s.flags, BLOCK_STATIC_CONTEXT);
	assert_int_equal(s.artifacts.count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		static const struct {
			const char *text;
			uint32_t name_len;
		} want[] = { { "a-1.2-3.x86_64", 1 },
			     { "b-c-10:1.2-3.noarch", 3 },
			     { "a-1.2-3.src", 0 } };
		const struct block_artifact a = block_artifact(&f.view, s.artifacts.first + i);

		assert_string_equal(block_string(&f.view, a.text), want[i].text);
		assert_int_equal(a.name_len, want[i].name_len);
	}
	assert_int_equal(s.requires.count, 3);
	require = block_require(&f.view, s.requires.first + 1);
	assert_string_equal(block_string(&f.view, require.module), "b");
	assert_int_equal(require.streams.count, 2);
	assert_string_equal(block_word(&f.view, require.streams.first), "10");
	assert_string_equal(block_word(&f.view, require.streams.first + 1), "2");
	assert_int_equal(s.demodularized.count, 2);
	assert_string_equal(block_word(&f.view, s.demodularized.first), "y");
}

static void what_makes_no_sense_is_left_out_and_the_rest_stays(void **state)
{
	static const struct {
		const char *document;
		const char *says;
	} cases[] = {
		{ "just text\n", "it is no mapping" },
		{ "version: 2\ndata: {" ID "}\n", "it has no 'document'" },
		{ "document: modulemd\ndata: {" ID "}\n", "it has no 'version'" },
		{ "document: modulemd\nversion: 2\n", "it has no 'data'" },
		{ "document: modulemd\nversion: 2\ndata: []\n", "'data' is no mapping" },
		{ "document: modulemd\nversion: 3\ndata: {" ID "}\n", "version 1 or 2" },
		{ "document: modulemd-packager\nversion: 2\ndata: {" ID "}\n", "not known here" },
		{ "document: modulemd\nversion: 2\ndata: {stream: '1', " MUST "}\n",
		  "it names no module and stream" },
		{ "document: modulemd\nversion: 2\ndata: {name: m, stream: '1'}\n",
		  "no summary, description or license" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", version: 18446744073709551616}\n",
		  "a number from 0" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", version: -1}\n",
		  "a number from 0" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", name: [m]}\n",
		  "a text is expected" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", arch: \"a\\0b\"}\n",
		  "a text is expected" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", static_context: yes}\n",
		  "neither true nor false" },
		{ "document: modulemd\nversion: 2\n"
		  "data: {" ID ", static_context: true, context: a-b}\n",
		  "static context" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", artifacts: {rpms: [a-1-1.x]}}\n",
		  "is not name-epoch:version-release.arch" },
		{ "document: modulemd\nversion: 2\ndata: {" ID ", artifacts: {rpms: [{a: b}]}}\n",
		  "a list of texts" },
		{ "document: modulemd\nversion: 2\n"
		  "data: {" ID ", dependencies: [{requires: {a: ['1', '-2']}}]}\n",
		  "with and without '-'" },
		{ "document: modulemd\nversion: 2\n"
		  "data: {" ID ", dependencies: [{requires: {a: ['1'], a: ['1']}}]}\n",
		  "names a module twice" },
		{ "document: modulemd-defaults\nversion: 1\ndata: {stream: '1'}\n",
		  "it names no module" },
		{ "document: modulemd-defaults\nversion: 2\ndata: {module: m}\n",
		  "is of version 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
		CLEANUP(str_release) struct str text = STR_INIT;

		str_addf(&text,
			 "---\n%s...\n---\ndocument: modulemd\nversion: 2\n"
			 "data: {" ID ", artifacts: {rpms: ['a-0:1-1.x86_64']}}\n",
			 cases[i].document);
		compiled(&f, text.buf);
		if (f.warnings.count != 1)
			fail_msg("%s: %zu warnings", cases[i].document, f.warnings.count);
		assert_contains(f.warnings.items[0], cases[i].says);
		assert_contains(f.warnings.items[0], "m.yaml:");
		assert_int_equal(f.view.counts[BLOCK_STREAMS], 1);
		assert_int_equal(f.view.counts[BLOCK_DEFAULTS], 0);
		assert_int_equal(f.view.counts[BLOCK_ARTIFACTS], 1);
		assert_int_equal(f.view.counts[BLOCK_REQUIRES], 0);
		assert_int_equal(f.view.counts[BLOCK_WORDS], 0);
	}
}

static void warnings_are_few(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	CLEANUP(str_release) struct str text = STR_INIT;

	(void)state;
	for (size_t i = 0; i < 30; i++)
		str_add(&text, "---\ntext\n");
	compiled(&f, text.buf);
	assert_int_equal(f.warnings.count, 11);
	assert_string_equal(f.warnings.items[10], "m.yaml: 20 more module documents are left out");
}

static void obsoletes_and_translations_are_passed_over(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };

	(void)state;
	compiled(&f, "document: modulemd-obsoletes\nversion: 1\ndata: {module: m}\n---\n"
		     "document: modulemd-translations\nversion: 1\ndata: {module: m}\n");
	assert_int_equal(f.warnings.count, 0);
	assert_int_equal(f.view.counts[BLOCK_STREAMS], 0);
}

static void an_empty_file_has_none(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };

	(void)state;
	compiled(&f, "\n");
	assert_int_equal(f.view.counts[BLOCK_STREAMS], 0);
	resolved(&f, NULL);
}

static void what_is_no_yaml_is_refused_with_its_place(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_fails(ERR_VERIFY, compile(&f, "data:\n  x: [1, 2\ny: }\n", &err));
	assert_contains(err.msg, "m.yaml:3:");
}

/* --- real data -------------------------------------------------------------------------------------- */

/* What the file at PATH, which is unpacked by gzip, says; NULL where it is not here. */
static char *real(const char *path)
{
	const char *const argv[] = { "gzip", "-dc", path, NULL };
	const struct proc gunzip = { .argv = argv };
	struct err err = ERR_INIT;
	char *text = NULL;

	if (access(path, R_OK)) {
		print_message("%s is not here\n", path);
		return NULL;
	}
	assert_ok(proc_check(&gunzip, &text, &err));
	return text;
}

static size_t count_modules(const struct block *view)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;

	for (uint32_t i = 0; i < view->counts[BLOCK_STREAMS]; i++) {
		const char *name = block_string(view, block_stream(view, i).name);

		if (!strv_has(&names, name))
			assert_ok(strv_add(&names, name, &err));
	}
	return names.count;
}

static void rhel_8_is_read_whole(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	cleanup_free char *text = real(DATA "modules/rhel8-appstream.modules.yaml.gz");
	bool container_tools = false;

	(void)state;
	if (!text)
		skip();
	compiled(&f, text);
	assert_int_equal(f.warnings.count, 0);
	assert_int_equal(f.view.counts[BLOCK_STREAMS], 862);
	assert_int_equal(f.view.counts[BLOCK_DEFAULTS], 49);
	assert_int_equal(count_modules(&f.view), 55);
	/* libmodulemd 2.14 rejects one of these for a number that does not fit. */
	for (uint32_t i = 0; i < f.view.counts[BLOCK_STREAMS]; i++) {
		const struct block_stream s = block_stream(&f.view, i);

		if (!strcmp(block_string(&f.view, s.name), "container-tools") &&
		    !strcmp(block_string(&f.view, s.stream), "rhel8"))
			container_tools = true;
	}
	assert_true(container_tools);
	resolved(&f, "postgresql:16");
	assert_int_equal(f.warnings.count, 0);
}

static void an_odd_file_of_the_field_is_read(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	cleanup_free char *text =
		real(DATA "repodata/pigsty-pgsql-el8/repodata/"
			  "38c7e286b2e74d7d9376f68c56eed5da4ecc721b5ec71cf788a3e661e374de36-"
			  "modules.yaml.gz");

	(void)state;
	if (!text)
		skip();
	compiled(&f, text);
	assert_int_equal(f.warnings.count, 0);
	assert_int_equal(f.view.counts[BLOCK_STREAMS], 1);
	assert_int_equal(f.view.counts[BLOCK_DEFAULTS], 1);
	resolved(&f, "el8.x86_64");
}

/* --- what nobody should trust ------------------------------------------------------------------------- */

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static void use(const void *block, size_t size)
{
	CLEANUP(strv_release) struct strv none = STRV_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct modules *m = NULL;
	struct err err = ERR_INIT;

	assert_ok(modules_new("platform:el8", "x86_64", &m, &err));
	if (modules_add(m, "r", block, size, &err) == 0) {
		Pool *pool = pool_create();
		Map map;

		map_init(&map, 10);
		if (modules_resolve(m, &none, &none, "b:1:1", &warnings, &err) == 0)
			assert_ok(modules_hide(m, pool, NULL, NULL, &map, &map, &err));
		map_free(&map);
		pool_free(pool);
	} else {
		assert_int_equal(err.code, ERR_FAILED);
	}
	modules_free(m);
}

static const char sample[] =
	"document: modulemd\nversion: 2\n"
	"data: {" ID ", static_context: true, demodularized: {rpms: [q]},\n"
	"  dependencies: [{requires: {platform: [el8], n: ['1', '2']}}],\n"
	"  artifacts: {rpms: ['a-0:1-1.x86_64', 'b-2:1-1.src']}}\n"
	"---\ndocument: modulemd\nversion: 1\n"
	"data: {name: n, stream: '2', version: 1, " MUST ", dependencies: {requires: {o: p}}}\n"
	"---\ndocument: modulemd-defaults\nversion: 1\n"
	"data: {module: m, stream: '1', modified: 3, profiles: {'1': [a, b]}}\n";

static void a_damaged_block_is_refused_or_harmless(void **state)
{
	CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
	uint32_t seed = 20241121;

	(void)state;
	compiled(&f, sample);
	assert_int_equal(f.warnings.count, 0);
	for (size_t i = 0; i < 20000; i++) {
		cleanup_free unsigned char *copy = malloc(f.block.len);
		size_t flips = 1 + draw(&seed) % 4;

		assert_non_null(copy);
		memcpy(copy, f.block.buf, f.block.len);
		while (flips--)
			copy[draw(&seed) % f.block.len] ^= (unsigned char)(1U << draw(&seed) % 8);
		use(copy, f.block.len);
	}
	for (size_t len = 0; len < f.block.len; len++) {
		cleanup_free unsigned char *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, f.block.buf, len);
		use(copy, len);
	}
}

static void damaged_yaml_is_refused_or_harmless(void **state)
{
	uint32_t seed = 20241122;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		CLEANUP(fixture_release) struct fixture f = { .modules = NULL };
		struct err err = ERR_INIT;
		char copy[sizeof(sample)];
		size_t flips = 1 + draw(&seed) % 6;

		memcpy(copy, sample, sizeof(sample));
		while (flips--)
			copy[draw(&seed) % (sizeof(sample) - 1)] ^= (char)(1U << draw(&seed) % 7);
		if (!copy[0])
			copy[0] = ' ';
		if (compile(&f, copy, &err) == 0)
			use(f.block.buf, f.block.len);
		else
			assert_int_equal(err.code, ERR_VERIFY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deep_document_ends_the_reading),
		cmocka_unit_test(a_stream_is_kept_with_what_decides),
		cmocka_unit_test(what_makes_no_sense_is_left_out_and_the_rest_stays),
		cmocka_unit_test(warnings_are_few),
		cmocka_unit_test(obsoletes_and_translations_are_passed_over),
		cmocka_unit_test(an_empty_file_has_none),
		cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place),
		cmocka_unit_test(rhel_8_is_read_whole),
		cmocka_unit_test(an_odd_file_of_the_field_is_read),
		cmocka_unit_test(a_damaged_block_is_refused_or_harmless),
		cmocka_unit_test(damaged_yaml_is_refused_or_harmless),
	};

	return RUN_TESTS(tests);
}
