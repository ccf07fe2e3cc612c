/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of `make bench`: the least that libsolv itself takes for the same question, with nothing of pgha around it.
 *
 *   floor write ARCH PRIMARY OUT           PRIMARY (XML, packed or not) as a .solv file
 *   floor warm ARCH A.solv B.solv NAME...  read both, make whatprovides, solve
 *   floor cold ARCH A.xml.gz B.xml.gz NAME...  the same from the XML, parsed once
 *
 * Prints how many packages the answer has. Exit 1: no answer; 2: usage, or a file that cannot be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <solv/pool.h>
#include <solv/poolarch.h>
#include <solv/repo.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_solv.h>
#include <solv/repo_write.h>
#include <solv/solv_xfopen.h>
#include <solv/solver.h>
#include <solv/transaction.h>

static void die(const char *what, const char *which)
{
	fprintf(stderr, "floor: %s '%s'\n", what, which);
	exit(2);
}

static Pool *new_pool(const char *arch)
{
	Pool *pool = pool_create();

	if (pool_setdisttype(pool, DISTTYPE_RPM) < 0)
		die("no rules of rpm in this libsolv, for", arch);
	pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1);
	pool_setarch(pool, arch);
	return pool;
}

static void add_repo(Pool *pool, const char *path, int is_solv)
{
	Repo *repo = repo_create(pool, path);
	FILE *in = is_solv ? fopen(path, "r") : solv_xfopen(path, "r");

	if (!in || (is_solv ? repo_add_solv(repo, in, 0) : repo_add_rpmmd(repo, in, NULL, 0)))
		die("cannot read", path);
	fclose(in);
}

static int write_solv(const char *arch, const char *from, const char *to)
{
	Pool *pool = new_pool(arch);
	FILE *out = fopen(to, "w");

	add_repo(pool, from, 0);
	if (!out || repo_write(pool->repos[1], out) || fclose(out))
		die("cannot write", to);
	pool_free(pool);
	return 0;
}

static int solve(Pool *pool, char *const names[], int count)
{
	Solver *solver = NULL;
	Transaction *answer = NULL;
	Queue job;
	int r = 1;

	pool_addfileprovides(pool);
	pool_createwhatprovides(pool);
	queue_init(&job);
	for (int i = 0; i < count; i++)
		queue_push2(&job, SOLVER_SOLVABLE_NAME | SOLVER_INSTALL,
			    pool_str2id(pool, names[i], 1));
	solver = solver_create(pool);
	solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	if (!solver_solve(solver, &job)) {
		answer = solver_create_transaction(solver);
		printf("%d packages\n", answer->steps.count);
		transaction_free(answer);
		r = 0;
	}
	solver_free(solver);
	queue_free(&job);
	return r;
}

int main(int argc, char **argv)
{
	Pool *pool = NULL;
	int is_solv = argc > 1 && !strcmp(argv[1], "warm");
	int r = 0;

	if (argc == 5 && !strcmp(argv[1], "write"))
		return write_solv(argv[2], argv[3], argv[4]);
	if (argc < 6 || (!is_solv && strcmp(argv[1], "cold") != 0))
		die("usage: floor write|warm|cold ARCH A B …, not", argc > 1 ? argv[1] : "");
	pool = new_pool(argv[2]);
	add_repo(pool, argv[3], is_solv);
	add_repo(pool, argv[4], is_solv);
	r = solve(pool, argv + 5, argc - 5);
	/* As a program that is done: what it holds goes with it. */
	return r;
}
