/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and RPMs that signed_rpms.sh makes, for the tests that need them. Include unit.h first. */
#ifndef PGHA_TESTS_SIGNED_RPMS_H
#define PGHA_TESTS_SIGNED_RPMS_H

#include "file.h"
#include "proc.h"

static char signed_dir[] = "/tmp/pgha-test-signed-XXXXXX";

static inline int signed_set_up(void **state)
{
	const char *argv[] = { "tests/unit/signed_rpms.sh", signed_dir, NULL };
	struct proc proc = { .argv = argv };
	struct err err = ERR_INIT;

	(void)state;
	if (!mkdtemp(signed_dir))
		return -1;
	if (proc_check(&proc, NULL, &err) == 0)
		return 0;
	print_error("%s\n%s", err.msg, err.detail);
	return -1;
}

static inline int signed_tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(signed_dir, &err);
}

/* The path of NAME there; good until the fourth call after this one. */
static inline const char *signed_path(const char *name)
{
	static char paths[4][128];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", signed_dir, name);
	return paths[turn];
}

#endif
