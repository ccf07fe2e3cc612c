/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "file.h"
#include "lock_fit.h"

#define HEAD(python)                                                                \
	"pgha: 1\nplatform: {id: \"platform:el8\", arch: x86_64, glibc: \"2.28\", " \
	"python: \"" python "\"}\nrepos: [a.repo]\n"

static void load(const char *text, struct definition *def)
{
	char dir[] = "/tmp/pgha-lock-fit-XXXXXX";
	cleanup_free char *path = NULL;
	struct err err = ERR_INIT;

	assert_non_null(mkdtemp(dir));
	assert_ok(path_join(dir, "b.yaml", &path, &err));
	assert_ok(file_write_atomic(path, 0644, text, strlen(text), &err));
	assert_ok(definition_load(path, def, &err));
	assert_ok(tree_remove(dir, &err));
}

static void add_rpm(struct lock *lock, const char *nevra, const char *reason)
{
	struct err err = ERR_INIT;
	struct lock_rpm *rpm = NULL;

	assert_ok(lock_add_rpm(lock, &rpm, &err));
	rpm->nevra = strdup(nevra);
	rpm->reason = strdup(reason);
}

/* keepalived, what it needs, EXTRA if any, and with WHEEL that of psycopg-pool. */
static void make_lock(struct lock *lock, const char *extra, bool wheel)
{
	struct err err = ERR_INIT;
	struct lock_wheel *item = NULL;

	lock->platform = (struct lock_platform){ .id = strdup("platform:el8"),
						 .arch = strdup("x86_64"),
						 .glibc = strdup("2.28"),
						 .python = strdup("3.12") };
	add_rpm(lock, "keepalived-1:2.2.8-4.el8.x86_64", "requested");
	add_rpm(lock, "libnl3-3.5.0-1.el8.x86_64", "package keepalived-1:2.2.8-4.el8.x86_64");
	if (extra)
		add_rpm(lock, extra, "requested");
	if (!wheel)
		return;
	assert_ok(lock_add_wheel(lock, &item, &err));
	item->name = strdup("psycopg-pool");
}

struct fit_case {
	const char *definition;
	const char *extra; /* requested, and in the lock */
	bool wheel;
	int code;
	const char *told; /* part of the error or the only warning; NULL: neither */
};

static void check(const struct fit_case *c)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(strv_release) struct strv warnings = STRV_INIT;
	struct err err = ERR_INIT;

	load(c->definition, &def);
	make_lock(&lock, c->extra, c->wheel);
	if (c->code) {
		assert_fails(c->code, lock_fit("p.lock", &lock, &def, &warnings, &err));
		assert_contains(err.msg, c->told);
		return;
	}
	assert_ok(lock_fit("p.lock", &lock, &def, &warnings, &err));
	if (!c->told && warnings.count)
		fail_msg("told of %s: %s", c->definition, warnings.items[0]);
	assert_int_equal(warnings.count, c->told ? 1 : 0);
	if (c->told)
		assert_contains(warnings.items[0], c->told);
}

static void a_lock_of_another_platform_or_without_wheels_is_refused(void **state)
{
	static const struct fit_case cases[] = {
		{ HEAD("3.11"), NULL, false, ERR_CONFIG, "(python: '3.12', not '3.11')" },
		{ "pgha: 1\nplatform: {id: \"platform:el8\", arch: x86_64}\nrepos: [a.repo]\n",
		  NULL, false, ERR_CONFIG, "(glibc: '2.28', not '')" },
		{ HEAD("3.12") "wheels: {requirements: [psycopg_pool]}\n", NULL, false, ERR_CONFIG,
		  "'p.lock' has no wheels" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

#define KEY_A "567E347AD0044ADE55BA8A5F199E2F91FD431D51"
#define KEY_B "D4BF08AE67A0B4C7A1DBCCD240BCA2B408B40D20"

/* base, with the package lib that KEY_A and KEY_B may have signed, and empty, with none. */
static void add_repos(struct lock *lock)
{
	struct err err = ERR_INIT;
	struct lock_rpm *rpm = NULL;

	for (int i = 0; i < 2; i++) {
		struct lock_repo *repo = NULL;

		assert_ok(lock_add_repo(lock, &repo, &err));
		repo->id = strdup(i ? "empty" : "base");
		assert_ok(strv_add(&repo->keys, KEY_A, &err));
		assert_ok(strv_add(&repo->keys, KEY_B, &err));
	}
	assert_ok(lock_add_rpm(lock, &rpm, &err));
	rpm->nevra = strdup("lib-1-1.noarch");
	rpm->repo = strdup("base");
	rpm->reason = strdup("requested");
}

static void a_lock_whose_keys_the_definition_does_not_pin_is_refused(void **state)
{
	static const struct fit_case cases[] = {
		{ HEAD("3.12") "trust: {base: [" KEY_A ", " KEY_B "]}\n", NULL, false, 0, NULL },
		{ HEAD("3.12") "trust: {base: [" KEY_A "]}\n", NULL, false, ERR_CONFIG,
		  "pins key " KEY_B " for repository 'base'" },
		{ HEAD("3.12") "trust: {empty: [" KEY_A ", " KEY_B "]}\n", NULL, false, ERR_CONFIG,
		  "pins key " KEY_A " for repository 'base'" },
		{ HEAD("3.12"), NULL, false, ERR_CONFIG, "does not (trust)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
		CLEANUP(lock_release) struct lock lock = LOCK_INIT;
		CLEANUP(strv_release) struct strv warnings = STRV_INIT;
		struct err err = ERR_INIT;

		load(cases[i].definition, &def);
		lock.platform = (struct lock_platform){ .id = strdup("platform:el8"),
							.arch = strdup("x86_64"),
							.glibc = strdup("2.28"),
							.python = strdup("3.12") };
		add_repos(&lock);
		if (!cases[i].code) {
			assert_ok(lock_fit("p.lock", &lock, &def, &warnings, &err));
			continue;
		}
		assert_fails(cases[i].code, lock_fit("p.lock", &lock, &def, &warnings, &err));
		assert_contains(err.msg, cases[i].told);
	}
}

static void what_the_lock_has_not_is_a_warning(void **state)
{
	static const struct fit_case cases[] = {
		{ HEAD("3.12") "packages: [keepalived, haproxy]\n", NULL, false, 0,
		  "b.yaml:4:24: 'p.lock' has no package 'haproxy' (requested)" },
		{ HEAD("3.12") "packages: ['haproxy >= 2', keepalived]\n", NULL, false, 0,
		  "no package 'haproxy >= 2'" },
		{ HEAD("3.12") "packages: ['ha*', keepalived]\n", NULL, false, 0, "'ha*'" },
		{ HEAD("3.12") "wheels: {requirements: ['psycopg[c]>=3']}\n", NULL, true, 0,
		  "no wheel of 'psycopg[c]>=3'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

static void what_the_lock_has_is_no_warning(void **state)
{
	static const struct fit_case cases[] = {
		{ HEAD("3.12"), NULL, false, 0, NULL },
		/* keepalived, asked for by no name, may provide it */
		{ HEAD("3.12") "packages: [keepalived-3.0]\n", NULL, false, 0, NULL },
		{ HEAD("3.12") "packages: [keepalived]\n", NULL, false, 0, NULL },
		{ HEAD("3.12") "packages: ['keepalived >= 1:2', 'keep*.x86_64', "
			       "keepalived-2.2.8]\n",
		  NULL, false, 0, NULL },
		{ HEAD("3.12") "packages: [keepalived, /usr/bin/x, '@core', "
			       "'libx.so.1()(64bit)']\n",
		  NULL, false, 0, NULL },
		{ HEAD("3.12") "packages: [keepalived, webserver]\n", "nginx-1-1.x86_64", false, 0,
		  NULL },
		{ HEAD("3.12") "packages: [keepalived, haproxy]\nbaseline: host.inv\n", NULL, false,
		  0, NULL },
		{ HEAD("3.12") "wheels: {requirements: ['Psycopg_Pool[x]>=3', "
			       "\"a; python_version < '3'\"]}\n",
		  NULL, true, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_of_another_platform_or_without_wheels_is_refused),
		cmocka_unit_test(a_lock_whose_keys_the_definition_does_not_pin_is_refused),
		cmocka_unit_test(what_the_lock_has_not_is_a_warning),
		cmocka_unit_test(what_the_lock_has_is_no_warning),
	};

	return RUN_TESTS(tests);
}
