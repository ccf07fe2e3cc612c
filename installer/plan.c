/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <errno.h>
#include <signal.h>
#include <solv/evr.h>
#include <solv/pool.h>
#include <solv/poolarch.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/repo_rpmdb.h>
#include <solv/repo_rpmmd.h>
#include <solv/solv_xfopen.h>
#include <solv/solver.h>
#include <solv/solverdebug.h>
#include <solv/transaction.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "locks.h"
#include "rpmtx.h"

#define REPO_DIR "repo/"
#define PROBLEMS_MAX 10

DEFINE_CLEANUP(Pool *, pool_free);
DEFINE_CLEANUP(Solver *, solver_free);
DEFINE_CLEANUP(Transaction *, transaction_free);

void plan_release(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		free(plan->packages[i].nevra);
		free(plan->packages[i].old);
		free(plan->packages[i].file);
	}
	free(plan->packages);
	strv_release(&plan->gone);
	*plan = (struct plan)PLAN_INIT;
}

int plan_nevra_name(const char *nevra, char **ret, struct err *err)
{
	char *cut = NULL;
	int r = str_dup(ret, nevra, err);

	/* Neither version nor release has a dash. */
	for (int i = 0; r == 0 && i < 2 && (cut = strrchr(*ret, '-')); i++)
		*cut = '\0';
	return r;
}

/* The two sides of the question */

static int add_installed(Pool *pool, const struct install *in, Repo **ret, struct err *err)
{
	Repo *repo = repo_create(pool, "installed");
	sigset_t signals;
	int r = rpmtx_configure(in, err);

	if (r)
		return r;
	pool_set_installed(pool, repo);
	*ret = repo;
	if (!rpmtx_has_database(in))
		return 0;
	rpmtx_hold_signals(&signals);
	r = repo_add_rpmdb(repo, NULL, REPO_USE_ROOTDIR);
	rpmtx_release_signals(&signals);
	if (r)
		return err_set(err, ERR_FAILED, "cannot read the rpm database of '%.200s': %s",
			       in->root, pool_errstr(pool));
	return 0;
}

/* repo/repodata/…-KIND.xml.gz and the like; repomd.xml has nothing to add, the index covers all. */
static const char *find_metadata(const struct install *in, const char *kind)
{
	for (size_t i = 0; i < in->index.member_count; i++) {
		const char *path = in->index.members[i].path;
		const char *at = NULL;

		if (!str_starts(path, REPO_DIR "repodata/"))
			continue;
		at = strstr(path, kind);
		if (at && str_starts(at + strlen(kind), ".xml"))
			return path;
	}
	return NULL;
}

static int add_metadata(Repo *repo, const struct install *in, const char *kind,
			const char *language, int flags, struct err *err)
{
	const char *member = find_metadata(in, kind);
	cleanup_free char *path = NULL;
	cleanup_fclose FILE *f = NULL;
	int r = 0;

	if (!member)
		return err_set(err, ERR_VERIFY, "the bundle's repository has no '%s' metadata",
			       kind);
	if ((r = path_join(in->staging, member, &path, err)))
		return r;
	f = solv_xfopen(path, "r");
	if (!f)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%.300s'", path);
	if (repo_add_rpmmd(repo, f, language, flags))
		return err_set(err, ERR_FAILED, "cannot read '%.200s': %s", member,
			       pool_errstr(repo->pool));
	return 0;
}

static int add_bundle(Pool *pool, const struct install *in, Repo **ret, struct err *err)
{
	Repo *repo = repo_create(pool, "bundle");
	int r = add_metadata(repo, in, "primary", NULL, 0, err);

	if (!r)
		r = add_metadata(repo, in, "filelists", "FL", REPO_EXTEND_SOLVABLES, err);
	*ret = repo;
	return r;
}

/* The request */

/* Job: one of the bundle's newest NAME, or an installed one that is as new. */
static int want_name(Pool *pool, Repo *bundle, const char *name, Queue *jobs, struct err *err)
{
	Id id = pool_str2id(pool, name, 0);
	Queue candidates;
	Id best = 0;
	Id p = 0;
	Id pp = 0;
	int found = 0;

	queue_init(&candidates);
	for (pp = id ? pool_whatprovides(pool, id) : 0; pp && (p = pool->whatprovidesdata[pp]);
	     pp++) {
		Solvable *s = pool_id2solvable(pool, p);

		if (s->name != id || s->repo != bundle || !pool_installable(pool, s))
			continue;
		if (!best || pool_evrcmp(pool, s->evr, best, EVRCMP_COMPARE) > 0)
			best = s->evr;
	}
	for (pp = id ? pool_whatprovides(pool, id) : 0; pp && (p = pool->whatprovidesdata[pp]);
	     pp++) {
		Solvable *s = pool_id2solvable(pool, p);

		if (s->name != id || (s->repo != bundle && s->repo != pool->installed) ||
		    (s->repo == bundle && !pool_installable(pool, s)))
			continue;
		if (!best || pool_evrcmp(pool, s->evr, best, EVRCMP_COMPARE) >= 0)
			queue_push(&candidates, p);
	}
	found = candidates.count;
	if (found)
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF,
			    pool_queuetowhatprovides(pool, &candidates));
	queue_free(&candidates);
	if (!found)
		return err_set(err, ERR_NETWORK,
			       "neither the bundle nor this machine has the package '%s'", name);
	return 0;
}

/* Words for what cannot be solved; the first problems are enough. */
static int unsolvable(Solver *solver, struct err *err)
{
	int count = (int)solver_problem_count(solver);
	int r = err_set(err, ERR_NETWORK,
			"the bundle's packages do not fit what is installed on this machine");

	for (int i = 1; i <= count && i <= PROBLEMS_MAX; i++) {
		Queue rules;

		queue_init(&rules);
		solver_findallproblemrules(solver, i, &rules);
		for (int j = 0; j < rules.count && j < PROBLEMS_MAX; j++) {
			Id source = 0;
			Id target = 0;
			Id dep = 0;
			SolverRuleinfo type =
				solver_ruleinfo(solver, rules.elements[j], &source, &target, &dep);

			err_detail(err, "%s",
				   solver_problemruleinfo2str(solver, type, source, target, dep));
		}
		queue_free(&rules);
	}
	return r;
}

/* The answer */

static struct plan_package *add_package(struct plan *plan, Pool *pool, Solvable *s,
					enum plan_action action, struct err *err)
{
	unsigned int medium = 0;
	const char *location = solvable_lookup_location(s, &medium);
	const char *nevra = pool_solvable2str(pool, s);
	struct plan_package *p = NULL;

	p = realloc(plan->packages, (plan->count + 1) * sizeof(*p));
	if (!p) {
		err_nomem(err);
		return NULL;
	}
	plan->packages = p;
	p = &plan->packages[plan->count++];
	*p = (struct plan_package){ .action = action };
	if (str_dup(&p->nevra, nevra, err) ||
	    str_printf(&p->file, err, REPO_DIR "%s", location ? location : ""))
		return NULL;
	return p;
}

static int check_member(const struct install *in, struct plan_package *p, struct err *err)
{
	const struct index_member *member = index_find(&in->index, p->file);

	if (!member)
		return err_set(err, ERR_VERIFY,
			       "'%s' stands in the bundle's repository, not in its index",
			       p->nevra);
	p->size_bytes = member->size_bytes;
	return 0;
}

static int read_transaction(const struct install *in, Transaction *trans, struct plan *plan,
			    struct err *err)
{
	Pool *pool = trans->pool;

	for (int i = 0; i < trans->steps.count; i++) {
		Id id = trans->steps.elements[i];
		Solvable *s = pool_id2solvable(pool, id);
		struct plan_package *p = NULL;
		Id old = 0;
		int r = 0;

		if (s->repo == pool->installed) {
			/* Replaced ones come with what replaces them; nothing else may go. */
			if (transaction_obs_pkg(trans, id)) {
				if (strv_add(&plan->gone, pool_solvable2str(pool, s), err))
					return -(int)err->code;
				continue;
			}
			return err_set(err, ERR_FAILED,
				       "the packages cannot be installed without removing '%s'",
				       pool_solvable2str(pool, s));
		}
		old = transaction_obs_pkg(trans, id);
		p = add_package(plan, pool, s, old ? PLAN_UPGRADE : PLAN_INSTALL, err);
		if (!p)
			return -(int)err->code;
		if (old && (r = str_dup(&p->old, pool_solvid2str(pool, old), err)))
			return r;
		if ((r = check_member(in, p, err)))
			return r;
	}
	return 0;
}

static bool is_planned(const struct plan *plan, const char *nevra)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (!strcmp(plan->packages[i].nevra, nevra))
			return true;
	}
	return false;
}

/* What an interrupted transaction left, and the bundle still has, is installed once more. */
static int add_doubtful(const struct install *in, Repo *bundle, const struct strv *doubtful,
			struct plan *plan, struct err *err)
{
	Pool *pool = bundle->pool;
	Solvable *s = NULL;
	Id id = 0;

	FOR_REPO_SOLVABLES(bundle, id, s) {
		struct plan_package *p = NULL;
		cleanup_free char *nevra = NULL;
		bool installed = false;
		Id q = 0;
		Id qq = 0;
		int r = str_dup(&nevra, pool_solvable2str(pool, s), err);

		if (r)
			return r;
		if (!strv_has(doubtful, nevra) || is_planned(plan, nevra))
			continue;
		FOR_PROVIDES(q, qq, s->name) {
			Solvable *other = pool_id2solvable(pool, q);

			installed = installed ||
				    (other->repo == pool->installed && other->name == s->name &&
				     other->evr == s->evr && other->arch == s->arch);
		}
		if (!installed)
			continue;
		p = add_package(plan, pool, s, PLAN_REINSTALL, err);
		if (!p)
			return -(int)err->code;
		if ((r = check_member(in, p, err)))
			return r;
	}
	return 0;
}

static int by_nevra(const void *a, const void *b)
{
	const struct plan_package *pa = a;
	const struct plan_package *pb = b;

	return strcmp(pa->nevra, pb->nevra);
}

static Solver *new_solver(Pool *pool)
{
	static const int flags[] = {
		SOLVER_FLAG_ALLOW_VENDORCHANGE, SOLVER_FLAG_KEEP_ORPHANS,
		SOLVER_FLAG_BEST_OBEY_POLICY,   SOLVER_FLAG_YUM_OBSOLETES,
		SOLVER_FLAG_IGNORE_RECOMMENDED,
	};
	Solver *solver = solver_create(pool);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		solver_set_flag(solver, flags[i], 1);
	return solver;
}

/* --- what the operator holds ---------------------------------------------------------------- */

/* The entry for which P, of the bundle, may not come; RET_OTHER is the installed one that it would replace. */
static const char *find_refusal(const struct locks *locks, Pool *pool, Id p, Id *ret_other)
{
	Solvable *s = pool_id2solvable(pool, p);
	const char *entry = locks_refuse(locks, pool, p);
	Id *obsoletes = s->obsoletes ? s->repo->idarraydata + s->obsoletes : NULL;
	Id q = 0;
	Id qq = 0;

	*ret_other = 0;
	FOR_PROVIDES(q, qq, s->name)
		if (pool->solvables[q].repo == pool->installed &&
		    pool->solvables[q].name == s->name)
			*ret_other = q;
	for (; !entry && obsoletes && *obsoletes; obsoletes++)
		FOR_PROVIDES(q, qq, *obsoletes)
			if (!entry && pool->solvables[q].repo == pool->installed &&
			    pool->solvables[q].name != s->name &&
			    pool_match_nevr(pool, &pool->solvables[q], *obsoletes)) {
				entry = locks_keep(locks, pool, q);
				if (!entry)
					entry = locks_protect(
						locks, pool_id2str(pool, pool->solvables[q].name));
				*ret_other = q;
			}
	return entry;
}

/* What must not come is hidden. True when there is such. */
static bool hide_refused(Pool *pool, Repo *bundle, const struct locks *locks, Map *seen)
{
	Solvable *s = NULL;
	bool any = false;
	Id other = 0;
	Id id = 0;

	map_init(seen, pool->nsolvables);
	map_setall(seen);
	FOR_REPO_SOLVABLES(bundle, id, s)
		if (find_refusal(locks, pool, id, &other)) {
			MAPCLR(seen, id);
			any = true;
		}
	return any;
}

/* TRANS is the solution that there would be without the operator's word. */
static int tell_refused(Transaction *trans, const struct locks *locks, struct err *err)
{
	Pool *pool = trans->pool;
	int r = 0;

	for (int i = 0; i < trans->steps.count; i++) {
		Id id = trans->steps.elements[i];
		Id other = 0;
		const char *entry = NULL;
		cleanup_free char *old = NULL;

		if (pool->solvables[id].repo == pool->installed)
			continue;
		entry = find_refusal(locks, pool, id, &other);
		if (!entry)
			continue;
		if (other && str_dup(&old, pool_solvid2str(pool, other), err))
			return -(int)err->code;
		if (r == 0)
			r = err_set(
				err, ERR_NETWORK,
				"the bundle needs '%s'%s%s%s, and dnf's configuration here holds "
				"'%s': take that out (dnf versionlock delete, excludepkgs in "
				"dnf.conf), or build the bundle for what is held",
				pool_solvid2str(pool, id), old ? " in place of '" : "",
				old ? old : "", old ? "'" : "", entry);
		else
			err_detail(err, "and '%s', held by '%s'", pool_solvid2str(pool, id), entry);
	}
	return r;
}

static int solve(const struct install *in, Pool *pool, Repo *bundle, Queue *jobs, struct plan *plan,
		 struct err *err)
{
	CLEANUP(solver_freep) Solver *solver = NULL;
	CLEANUP(transaction_freep) Transaction *trans = NULL;
	CLEANUP(locks_release) struct locks locks = LOCKS_INIT;
	Map seen;
	bool held = false;
	int problems = 0;
	int r = locks_load(in, &locks, err);

	if (r)
		return r;
	held = hide_refused(pool, bundle, &locks, &seen);
	pool->considered = held ? &seen : NULL;
	solver = new_solver(pool);
	problems = solver_solve(solver, jobs);
	pool->considered = NULL;
	if (problems && held) {
		solver_free(solver);
		solver = new_solver(pool);
		if (solver_solve(solver, jobs) == 0) {
			trans = solver_create_transaction(solver);
			r = tell_refused(trans, &locks, err);
		}
	}
	map_free(&seen);
	if (r)
		return r;
	if (problems)
		return unsolvable(solver, err);
	trans = solver_create_transaction(solver);
	return read_transaction(in, trans, plan, err);
}

static void set_up(Pool *pool, const struct install *in, const char *arch)
{
	/* Debian's libsolv goes by Debian's rules unless told. */
	pool_setdisttype(pool, DISTTYPE_RPM);
	pool_setarch(pool, arch);
	pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1);
	if (!install_is_live(in))
		pool_set_rootdir(pool, in->root);
}

int plan_packages(const struct install *in, const struct strv *names, const struct strv *doubtful,
		  struct plan *ret, struct err *err)
{
	CLEANUP(pool_freep) Pool *pool = pool_create();
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	Repo *installed = NULL;
	Repo *bundle = NULL;
	Queue jobs;
	int r = 0;

	set_up(pool, in, in->index.platform.arch);
	if ((r = add_installed(pool, in, &installed, err)) ||
	    (r = add_bundle(pool, in, &bundle, err)))
		return r;
	pool_addfileprovides(pool);
	pool_createwhatprovides(pool);
	queue_init(&jobs);
	for (size_t i = 0; !r && i < names->count; i++)
		r = want_name(pool, bundle, names->items[i], &jobs, err);
	if (!r)
		r = solve(in, pool, bundle, &jobs, &plan, err);
	queue_free(&jobs);
	if (!r && doubtful->count)
		r = add_doubtful(in, bundle, doubtful, &plan, err);
	if (r)
		return r;
	if (plan.count)
		qsort(plan.packages, plan.count, sizeof(*plan.packages), by_nevra);
	strv_sort(&plan.gone);
	*ret = plan;
	plan = (struct plan)PLAN_INIT;
	return 0;
}

int plan_describe(const struct plan *plan, struct strv *lines, struct err *err)
{
	static const char *const verbs[] = {
		[PLAN_INSTALL] = "install",
		[PLAN_UPGRADE] = "upgrade",
		[PLAN_REINSTALL] = "install again",
		[PLAN_DOWNGRADE] = "put back",
	};
	int r = 0;

	for (size_t i = 0; !r && i < plan->count; i++) {
		const struct plan_package *p = &plan->packages[i];

		r = p->old ? strv_addf(lines, err, "%s %s (from %s)", verbs[p->action], p->nevra,
				       p->old)
			   : strv_addf(lines, err, "%s %s", verbs[p->action], p->nevra);
	}
	return r;
}

int plan_installed(const struct install *in, const struct strv *names, struct strv *ret_nevras,
		   struct err *err)
{
	CLEANUP(pool_freep) Pool *pool = pool_create();
	Repo *installed = NULL;
	Solvable *s = NULL;
	Id id = 0;
	int r = 0;

	set_up(pool, in, NULL);
	if ((r = add_installed(pool, in, &installed, err)))
		return r;
	FOR_REPO_SOLVABLES(installed, id, s)
		if (!r && strv_has(names, pool_id2str(pool, s->name)))
			r = strv_add(ret_nevras, pool_solvable2str(pool, s), err);
	return r;
}

int plan_restore(const struct install *in, const struct strv *nevras, struct plan *ret,
		 struct strv *ret_missing, struct err *err)
{
	CLEANUP(pool_freep) Pool *pool = pool_create();
	CLEANUP(plan_release) struct plan plan = PLAN_INIT;
	CLEANUP(strv_release) struct strv found = STRV_INIT;
	Repo *bundle = NULL;
	Solvable *s = NULL;
	Id id = 0;
	int r = 0;

	set_up(pool, in, in->index.platform.arch);
	if ((r = add_bundle(pool, in, &bundle, err)))
		return r;
	FOR_REPO_SOLVABLES(bundle, id, s) {
		struct plan_package *p = NULL;

		if (!strv_has(nevras, pool_solvable2str(pool, s)))
			continue;
		p = add_package(&plan, pool, s, PLAN_DOWNGRADE, err);
		if (!p)
			return -(int)err->code;
		if ((r = check_member(in, p, err)) || (r = strv_add(&found, p->nevra, err)))
			return r;
	}
	for (size_t i = 0; !r && i < nevras->count; i++)
		if (!strv_has(&found, nevras->items[i]))
			r = strv_add(ret_missing, nevras->items[i], err);
	if (r)
		return r;
	if (plan.count)
		qsort(plan.packages, plan.count, sizeof(*plan.packages), by_nevra);
	*ret = plan;
	plan = (struct plan)PLAN_INIT;
	return 0;
}

/* What may go, each if it can; all else stays as it is. */
static int erasure_jobs(Repo *installed, const struct strv *nevras, Queue *jobs,
			struct strv *ret_installed, struct err *err)
{
	Solvable *s = NULL;
	Id id = 0;
	int r = 0;

	FOR_REPO_SOLVABLES(installed, id, s) {
		const char *nevra = pool_solvable2str(installed->pool, s);
		bool ours = strv_has(nevras, nevra);

		queue_push2(jobs,
			    SOLVER_SOLVABLE | (ours ? SOLVER_ERASE | SOLVER_WEAK : SOLVER_LOCK),
			    id);
		if (r == 0 && ours)
			r = strv_add(ret_installed, nevra, err);
	}
	strv_sort(ret_installed);
	return r;
}

int plan_erasable(const struct install *in, const struct strv *nevras, struct strv *ret_installed,
		  struct strv *ret_erasable, struct err *err)
{
	CLEANUP(pool_freep) Pool *pool = pool_create();
	CLEANUP(solver_freep) Solver *solver = NULL;
	CLEANUP(transaction_freep) Transaction *trans = NULL;
	Repo *installed = NULL;
	Queue jobs;
	int r = 0;

	set_up(pool, in, NULL);
	if ((r = add_installed(pool, in, &installed, err)))
		return r;
	pool_addfileprovides(pool);
	pool_createwhatprovides(pool);
	queue_init(&jobs);
	r = erasure_jobs(installed, nevras, &jobs, ret_installed, err);
	solver = solver_create(pool);
	if (!r && solver_solve(solver, &jobs))
		r = unsolvable(solver, err);
	queue_free(&jobs);
	if (r)
		return r;
	trans = solver_create_transaction(solver);
	for (int i = 0; !r && i < trans->steps.count; i++)
		r = strv_add(ret_erasable, pool_solvid2str(pool, trans->steps.elements[i]), err);
	strv_sort(ret_erasable);
	return r;
}
