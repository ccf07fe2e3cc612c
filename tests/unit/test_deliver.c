/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "deliver.h"
#include "digest.h"
#include "file.h"

static void an_installer_that_was_exchanged_is_not_laid_beside_its_bundle(void **state)
{
	char dir[] = "/tmp/pgha-deliver-XXXXXX";
	char program[64], beside[64];
	struct deliver d = { .output = dir, .installer = program };
	struct index index = INDEX_INIT;
	struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/program", dir);
	snprintf(beside, sizeof(beside), "%s/pgha-install", dir);
	assert_ok(file_write_atomic(program, 0755, "another", 7, &err));
	assert_ok(sha256_hex("what was signed", 15, index.installer_sha256, &err));
	assert_fails(ERR_VERIFY, deliver_companions(&d, &index, &paths, &err));
	assert_contains(err.msg, "was exchanged during the build");
	assert_int_not_equal(access(beside, F_OK), 0);
	assert_ok(tree_remove(dir, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_installer_that_was_exchanged_is_not_laid_beside_its_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
