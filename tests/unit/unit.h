/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes, in the order that cmocka wants. */
#ifndef PGHA_TESTS_UNIT_H
#define PGHA_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"

/* A failure shows the error's own words. */
#define assert_ok(call)                                                     \
	do {                                                                \
		err = (struct err)ERR_INIT;                                 \
		if ((call) != 0)                                            \
			fail_msg("%s: %s\n%s", #call, err.msg, err.detail); \
	} while (0)

#define assert_fails(expected_code, call)                        \
	do {                                                     \
		err = (struct err)ERR_INIT;                      \
		assert_int_equal((call), -(int)(expected_code)); \
		assert_int_equal(err.code, (expected_code));     \
		assert_true(err.msg[0] != '\0');                 \
	} while (0)

#define assert_contains(text, part)                                     \
	do {                                                            \
		if (!strstr((text), (part)))                            \
			fail_msg("'%s' is not in: %s", (part), (text)); \
	} while (0)

#define RUN_TESTS(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
