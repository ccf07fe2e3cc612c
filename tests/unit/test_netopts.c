/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "netopts.h"

static void rates_are_read_as_curl_reads_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} rows[] = {
		{ "1", 1 },
		{ "500K", 500 << 10 },
		{ "500k", 500 << 10 },
		{ "2M", 2 << 20 },
		{ "1G", 1 << 30 },
		{ "0", 0 },
		{ "", 0 },
		{ "K", 0 },
		{ "-1", 0 },
		{ "1.5M", 0 },
		{ "1T", 0 },
		{ "1MB", 0 },
		{ " 1", 0 },
		{ "99999999999G", 0 },
		{ "18446744073709551616", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct netopts options = { .limit_rate = rows[i].text };
		struct http_limits limits = { .parallel = 0 };
		struct err err = ERR_INIT;

		if (rows[i].bytes) {
			assert_ok(netopts_parse(&options, &limits, &err));
			assert_true(limits.rate_bytes == rows[i].bytes);
		} else {
			assert_fails(ERR_USAGE, netopts_parse(&options, &limits, &err));
			assert_contains(err.msg, "--limit-rate");
		}
	}
}

static void counts_have_a_range(void **state)
{
	static const struct netopts bad[] = { { .parallel = "0" },  { .parallel = "65" },
					      { .parallel = "x" },  { .per_host = "0" },
					      { .per_host = "-1" }, { .per_host = "" } };
	const struct netopts good = { .parallel = "64", .per_host = "1", .offline = true };
	struct http_limits limits = { .parallel = 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(ERR_USAGE, netopts_parse(&bad[i], &limits, &err));
	assert_int_equal(limits.parallel, 0);
	assert_ok(netopts_parse(&good, &limits, &err));
	assert_int_equal(limits.parallel, 64);
	assert_int_equal(limits.per_host, 1);
	assert_int_equal(limits.rate_bytes, 0);
	assert_true(limits.offline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_read_as_curl_reads_them),
		cmocka_unit_test(counts_have_a_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
