/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "url.h"

static void an_origin_is_scheme_host_and_port(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "https://a.example/x", "HTTPS://A.example:443?y", true },
		{ "http://a.example:80", "http://a.example/z", true },
		{ "https://a.example:8443/x", "https://a.example:8443/y", true },
		{ "https://[::1]:8443/x", "https://[::1]:8443/y", true },
		{ "https://[::1]/x", "https://[::1]:443", true },
		{ "https://a.example/x", "http://a.example:443/x", false },
		{ "https://a.example/x", "https://a.example:8443/x", false },
		{ "https://a.example/x", "https://a.example.org/x", false },
		{ "https://a.example/x", "https://b.a.example/x", false },
		{ "https://a.example/x", "https://a.example@b.example/x", false },
		{ "https://a.example/x", "https://b.example/?https://a.example/x", false },
		{ "https://[::1]/x", "https://[::2]/x", false },
		{ "a.example", "a.example", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (url_same_origin(rows[i].a, rows[i].b) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_origin_is_scheme_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
