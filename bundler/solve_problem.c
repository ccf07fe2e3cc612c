/* SPDX-License-Identifier: Apache-2.0 */
/* Why there is no solution: libsolv's rules, told from the requests down to what cannot be. */
#include <stdlib.h>
#include <string.h>

#include <solv/bitmap.h>
#include <solv/evr.h>

#include "cleanup.h"
#include "solve_private.h"
#include "str.h"

#define PROBLEMS_MAX 4 /* that are told in words */
#define STEPS_MAX 12   /* from a request to the cause */
#define BLAMED_MAX 4   /* requests that are told by name */

/* One rule of a problem, as solver_ruleinfo() gives it. */
struct rule {
	SolverRuleinfo type;
	Id id;
	Id from, to, dep;
};

struct problem {
	const struct solve *solve; /* borrowed, as the next two */
	Solver *solver;
	const struct solve_wants *wants;
	Pool *pool;
	struct rule *rules;
	size_t count;
	Map blamed; /* indexes of wants that have a part in it */
	const struct rule *cause;
};

static void problem_release(struct problem *problem)
{
	free(problem->rules);
	map_free(&problem->blamed);
}

/* --- requests ----------------------------------------------------------------------------------------- */

static bool wants_package(Pool *pool, const struct solve_want *want, Id p)
{
	Id q = 0;
	Id pp = 0;

	for (int i = 0; i < want->any_of.count; i++)
		if (want->any_of.elements[i] == p)
			return true;
	if (want->dep)
		FOR_PROVIDES(q, pp, want->dep)
			if (q == p)
				return true;
	return false;
}

/* A rule that wants the best names no job: whose candidates it holds is who is meant. */
static void blame_best(struct problem *problem, Id rule)
{
	Queue literals;

	queue_init(&literals);
	solver_ruleliterals(problem->solver, rule, &literals);
	for (int i = 0; i < literals.count; i++)
		for (size_t k = 0; literals.elements[i] > 0 && k < problem->wants->count; k++)
			if (wants_package(problem->pool, &problem->wants->items[k],
					  literals.elements[i]))
				MAPSET(&problem->blamed, (int)k);
	queue_free(&literals);
}

static bool is_job(SolverRuleinfo type)
{
	return (type & SOLVER_RULE_TYPEMASK) == SOLVER_RULE_JOB;
}

/* The jobs of the wants come first, two words each. */
static void find_blamed(struct problem *problem)
{
	for (size_t i = 0; i < problem->count; i++) {
		const struct rule *rule = &problem->rules[i];

		if (is_job(rule->type) && (size_t)rule->from / 2 < problem->wants->count)
			MAPSET(&problem->blamed, rule->from / 2);
		else if (rule->type == SOLVER_RULE_BEST)
			blame_best(problem, rule->id);
	}
}

/* The installed package that a job of the rule keeps as it is, or 0. */
static Id locked_by(const struct problem *problem, const struct rule *rule)
{
	Id how = is_job(rule->type) ? rule->to : 0;

	if ((size_t)rule->from / 2 < problem->wants->count || (how & SOLVER_JOBMASK) != SOLVER_LOCK)
		return 0;
	return rule->dep;
}

/* --- the cause ------------------------------------------------------------------------------------------ */

/* What tells most goes first. */
static int rank(const struct problem *problem, const struct rule *rule)
{
	switch (rule->type) {
	case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
		return 6;
	case SOLVER_RULE_PKG_CONFLICTS:
	case SOLVER_RULE_PKG_SELF_CONFLICT:
	case SOLVER_RULE_PKG_OBSOLETES:
	case SOLVER_RULE_PKG_INSTALLED_OBSOLETES:
		return 5;
	case SOLVER_RULE_PKG_SAME_NAME:
	case SOLVER_RULE_PKG_IMPLICIT_OBSOLETES:
		return 4;
	case SOLVER_RULE_PKG_NOT_INSTALLABLE:
		return 3;
	case SOLVER_RULE_UPDATE:
		return 2;
	case SOLVER_RULE_PKG_REQUIRES:
		return 1;
	default:
		return locked_by(problem, rule) ? 2 : 0;
	}
}

/* Of several rules that say the same of several versions the one about the newest. */
static bool is_newer(Pool *pool, const struct rule *a, const struct rule *b)
{
	const Solvable *x = pool_id2solvable(pool, a->from);
	const Solvable *y = pool_id2solvable(pool, b->from);

	return a->from > 0 && b->from > 0 && a->type == b->type &&
	       (a->type & SOLVER_RULE_TYPEMASK) == SOLVER_RULE_PKG && x->name == y->name &&
	       pool_evrcmp(pool, x->evr, y->evr, EVRCMP_COMPARE) > 0;
}

static void find_cause(struct problem *problem)
{
	for (size_t i = 0; i < problem->count; i++) {
		const struct rule *rule = &problem->rules[i];
		int more = problem->cause ? rank(problem, rule) - rank(problem, problem->cause) : 1;

		if (more > 0 || (more == 0 && is_newer(problem->pool, rule, problem->cause)))
			problem->cause = rule;
	}
}

static int problem_read(const struct solve *solve, Solver *solver, const struct solve_wants *wants,
			Id id, struct problem *ret, struct err *err)
{
	Queue rules;

	*ret = (struct problem){
		.solve = solve, .solver = solver, .wants = wants, .pool = solve->pool
	};
	map_init(&ret->blamed, (int)wants->count + 1);
	queue_init(&rules);
	solver_findallproblemrules(solver, id, &rules);
	ret->rules = calloc((size_t)rules.count + 1, sizeof(*ret->rules));
	for (int i = 0; ret->rules && i < rules.count; i++) {
		struct rule *rule = &ret->rules[ret->count++];

		rule->id = rules.elements[i];
		rule->type = solver_ruleinfo(solver, rule->id, &rule->from, &rule->to, &rule->dep);
	}
	queue_free(&rules);
	if (!ret->rules)
		return err_nomem(err);
	find_blamed(ret);
	find_cause(ret);
	return 0;
}

void solve_find_blamed(const struct solve *solve, Solver *solver, const struct solve_wants *wants,
		       Map *blamed)
{
	struct err ignored = ERR_INIT;
	Id count = (Id)solver_problem_count(solver);

	for (Id id = 1; id <= count; id++) {
		CLEANUP(problem_release) struct problem problem = { .cause = NULL };

		if (problem_read(solve, solver, wants, id, &problem, &ignored) < 0)
			return;
		for (size_t i = 0; i < wants->count; i++)
			if (MAPTST(&problem.blamed, (int)i))
				MAPSET(blamed, (int)i);
	}
}

/* --- the way to the cause ------------------------------------------------------------------------------- */

/* Breadth first through the rules that say what is required. */
struct way {
	const struct problem *problem;
	Id *by;  /* of each solvable: the one that requires it; itself: asked for */
	Id *dep; /* and by what */
	Queue next;
};

static void reach(struct way *way, Id p, Id by, Id dep)
{
	if (p <= 0 || way->by[p])
		return;
	way->by[p] = by;
	way->dep[p] = dep;
	queue_push(&way->next, p);
}

static int cmp_newest(const void *a, const void *b, void *data)
{
	Pool *pool = data;
	const Solvable *x = pool_id2solvable(pool, *(const Id *)a);
	const Solvable *y = pool_id2solvable(pool, *(const Id *)b);
	int cmp = pool_evrcmp(pool, y->evr, x->evr, EVRCMP_COMPARE);

	return cmp ? cmp : (*(const Id *)a > *(const Id *)b) - (*(const Id *)a < *(const Id *)b);
}

static void start(struct way *way)
{
	const struct problem *problem = way->problem;
	Pool *pool = problem->pool;
	Queue first;

	queue_init(&first);
	for (size_t i = 0; i < problem->wants->count; i++) {
		const struct solve_want *want = &problem->wants->items[i];

		if (!MAPTST(&problem->blamed, (int)i))
			continue;
		for (int k = 0; k < want->any_of.count; k++)
			queue_push(&first, want->any_of.elements[k]);
	}
	solv_sort(first.elements, first.count, sizeof(Id), cmp_newest, pool);
	for (int i = 0; i < first.count; i++)
		reach(way, first.elements[i], first.elements[i], 0);
	queue_free(&first);
}

static void walk(struct way *way)
{
	const struct problem *problem = way->problem;
	Pool *pool = problem->pool;

	start(way);
	while (way->next.count) {
		Id from = queue_shift(&way->next);

		for (size_t i = 0; i < problem->count; i++) {
			const struct rule *rule = &problem->rules[i];
			Id q = 0;
			Id pp = 0;

			if (rule->type != SOLVER_RULE_PKG_REQUIRES || rule->from != from)
				continue;
			FOR_PROVIDES(q, pp, rule->dep)
				reach(way, q, from, rule->dep);
		}
	}
}

/* Details: "A requires x", "B requires y" … down to P, which is not told itself. */
static void tell_steps(const struct way *way, Id p, const char *indent, struct strv *told,
		       struct err *err)
{
	const struct problem *problem = way->problem;
	struct err ignored = ERR_INIT;
	Id steps[STEPS_MAX];
	size_t count = 0;

	while (p > 0 && way->by[p] && way->by[p] != p && count < STEPS_MAX) {
		steps[count++] = p;
		p = way->by[p];
	}
	while (count > 0) {
		CLEANUP(str_release) struct str line = STR_INIT;

		p = steps[--count];
		solve_add_package(problem->solve, way->by[p], &line);
		str_addf(&line, " requires %s", pool_dep2str(problem->pool, way->dep[p]));
		if (!line.failed && !strv_has(told, line.buf) &&
		    strv_add(told, line.buf, &ignored) == 0)
			err_detail(err, "%s%s", indent, line.buf);
	}
}

/* --- words ----------------------------------------------------------------------------------------------- */

/* What there is of DEP in other versions: " (there is only X)". */
static void add_other_versions(const struct problem *problem, Id dep, struct str *out)
{
	Pool *pool = problem->pool;
	Id best = 0;
	Id q = 0;
	Id pp = 0;

	if (!ISRELDEP(dep) || GETRELDEP(pool, dep)->flags > 7)
		return;
	FOR_PROVIDES(q, pp, GETRELDEP(pool, dep)->name)
		if (q != SYSTEMSOLVABLE &&
		    (!best || pool_evrcmp(pool, pool_id2solvable(pool, q)->evr,
					  pool_id2solvable(pool, best)->evr, EVRCMP_COMPARE) > 0))
			best = q;
	if (!best)
		return;
	str_add(out, " (there is only ");
	solve_add_package(problem->solve, best, out);
	str_add(out, ")");
}

static bool is_installed(const struct problem *problem, Id p)
{
	return p > 0 && problem->pool->solvables[p].repo == problem->pool->installed;
}

/* Whether the definition keeps the installed P as it is. */
static bool is_locked(const struct problem *problem, Id p)
{
	const Queue *jobs = &problem->solver->job;

	for (int i = (int)problem->wants->count * 2; i + 1 < jobs->count; i += 2)
		if ((jobs->elements[i] & SOLVER_JOBMASK) == SOLVER_LOCK &&
		    jobs->elements[i + 1] == p)
			return true;
	return false;
}

/* The rule by which an installed package requires P, or NULL. */
static const struct rule *needed_on_host(const struct problem *problem, Id p)
{
	Pool *pool = problem->pool;

	for (size_t i = 0; i < problem->count; i++) {
		const struct rule *rule = &problem->rules[i];
		Id q = 0;
		Id pp = 0;

		if (rule->type != SOLVER_RULE_PKG_REQUIRES || !is_installed(problem, rule->from))
			continue;
		FOR_PROVIDES(q, pp, rule->dep)
			if (q == p)
				return rule;
	}
	return NULL;
}

/* INSTALLED is on the host and in the way: why it stays. */
static void add_why_it_stays(const struct problem *problem, Id installed, struct str *out)
{
	const struct rule *rule = needed_on_host(problem, installed);

	if (is_locked(problem, installed)) {
		str_add(out, ", which is locked");
	} else if (rule) {
		str_add(out, ", which ");
		solve_add_package(problem->solve, rule->from, out);
		str_addf(out, " needs%s (%s)",
			 is_locked(problem, rule->from) ? " and which is locked itself" : "",
			 pool_dep2str(problem->pool, rule->dep));
	}
}

/* Two packages of one name, or such that one is taken for the other. */
static void add_same_name(const struct problem *problem, struct str *out)
{
	Id from = problem->cause->from;
	Id to = problem->cause->to;

	if (is_installed(problem, from) || is_installed(problem, to)) {
		Id installed = is_installed(problem, from) ? from : to;

		solve_add_package(problem->solve, installed == from ? to : from, out);
		str_add(out, " would take the place of ");
		solve_add_package(problem->solve, installed, out);
		add_why_it_stays(problem, installed, out);
		return;
	}
	solve_add_package(problem->solve, from, out);
	str_add(out, " and ");
	solve_add_package(problem->solve, to, out);
	str_add(out, " have one name, and only one of them can be on a host");
}

static void add_two(const struct problem *problem, const char *between, struct str *out)
{
	solve_add_package(problem->solve, problem->cause->from, out);
	str_add(out, between);
	solve_add_package(problem->solve, problem->cause->to, out);
}

static void add_hidden(const struct problem *problem, Id p, struct str *out)
{
	char why[400];

	solve_add_package(problem->solve, p, out);
	str_addf(out, " cannot be chosen: %s",
		 solve_what_hides(problem->solve, p, why, sizeof(why)));
}

/* What cannot be, and what to do about it. */
static void add_cause(const struct problem *problem, struct str *out)
{
	const struct rule *cause = problem->cause;
	Pool *pool = problem->pool;

	switch (cause->type) {
	case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
		solve_add_package(problem->solve, cause->from, out);
		str_addf(out, " requires %s, which no repository has",
			 pool_dep2str(pool, cause->dep));
		add_other_versions(problem, cause->dep, out);
		str_add(out, ": add the repository that has it, or ask for something else");
		break;
	case SOLVER_RULE_PKG_REQUIRES:
		solve_add_package(problem->solve, cause->from, out);
		str_addf(out, " requires %s, and nothing that has it can be installed",
			 pool_dep2str(pool, cause->dep));
		break;
	case SOLVER_RULE_PKG_NOT_INSTALLABLE:
		add_hidden(problem, cause->from, out);
		break;
	case SOLVER_RULE_PKG_CONFLICTS:
		add_two(problem, " conflicts with ", out);
		str_addf(out, " (as '%s')", pool_dep2str(pool, cause->dep));
		if (is_installed(problem, cause->to))
			add_why_it_stays(problem, cause->to, out);
		str_add(out, ": they cannot be on one host");
		break;
	case SOLVER_RULE_PKG_SELF_CONFLICT:
		solve_add_package(problem->solve, cause->from, out);
		str_addf(out, " conflicts with '%s', which it provides itself",
			 pool_dep2str(pool, cause->dep));
		break;
	case SOLVER_RULE_PKG_OBSOLETES:
	case SOLVER_RULE_PKG_INSTALLED_OBSOLETES:
		add_two(problem, " takes the place of ", out);
		str_addf(out,
			 " (it obsoletes '%s'): ask for one of them, or hide one with excludepkgs",
			 pool_dep2str(pool, cause->dep));
		break;
	case SOLVER_RULE_PKG_SAME_NAME:
	case SOLVER_RULE_PKG_IMPLICIT_OBSOLETES:
		add_same_name(problem, out);
		break;
	case SOLVER_RULE_UPDATE:
		solve_add_package(problem->solve, cause->from, out);
		str_add(out, " must stay or be replaced by another version");
		break;
	default:
		if (locked_by(problem, cause)) {
			solve_add_package(problem->solve, locked_by(problem, cause), out);
			str_add(out, " is locked and must stay as it is");
		} else {
			str_add(out,
				solver_problemruleinfo2str(problem->solver, cause->type,
							   cause->from, cause->to, cause->dep));
		}
	}
}

/* Every request once: "WHERE: 'A' (requested) and 'B' (service x)". */
static size_t add_requests(const struct problem *problem, struct str *out)
{
	const struct definition_request *told[BLAMED_MAX] = { NULL };
	size_t count = 0;
	size_t more = 0;

	for (size_t i = 0; i < problem->wants->count; i++) {
		const struct definition_request *request = problem->wants->items[i].request;
		size_t k = 0;

		if (!MAPTST(&problem->blamed, (int)i))
			continue;
		while (k < count && told[k] != request)
			k++;
		if (k < count)
			continue;
		if (count < BLAMED_MAX)
			told[count++] = request;
		else
			more++;
	}
	if (count)
		str_addf(out, "%s: ", told[0]->where);
	for (size_t i = 0; i < count; i++)
		str_addf(out, "%s'%s' (%s%s%s)", i ? " and " : "", told[i]->name, told[i]->reason,
			 i ? ", " : "", i ? told[i]->where : "");
	if (more)
		str_addf(out, " and %zu more", more);
	return count + more;
}

/* The one line. */
static void add_line(const struct problem *problem, struct str *out)
{
	size_t requests = add_requests(problem, out);

	if (!requests)
		str_add(out, "there is no solution");
	else
		str_add(out,
			requests > 1 ? " cannot be installed together" : " cannot be installed");
	if (problem->cause) {
		str_add(out, ": ");
		add_cause(problem, out);
	}
}

/* --- ways out ------------------------------------------------------------------------------------------- */

/* One element of a solution of libsolv's, or nothing when it says nothing to anybody. */
static void add_element(const struct problem *problem, Id p, Id rp, struct str *out)
{
	const Queue *jobs = &problem->solver->job;
	size_t index = (size_t)(rp > 0 ? rp - 1 : 0) / 2;
	const char *and = out->len ? ", and " : "";

	if (p == SOLVER_SOLUTION_JOB && index < problem->wants->count) {
		const struct definition_request *request = problem->wants->items[index].request;

		str_addf(out, "%sdo not ask for '%s' (%s)", and, request->name, request->where);
	} else if (p == SOLVER_SOLUTION_JOB && rp < jobs->count &&
		   (jobs->elements[rp - 1] & SOLVER_JOBMASK) == SOLVER_LOCK) {
		str_addf(out, "%slet %s change (take it out of 'locked')", and,
			 pool_solvid2str(problem->pool, jobs->elements[rp]));
	} else if (p == SOLVER_SOLUTION_JOB && rp < jobs->count &&
		   (jobs->elements[rp - 1] & SOLVER_SELECTMASK) == SOLVER_SOLVABLE) {
		str_addf(out, "%sdo not move to %s", and,
			 pool_solvid2str(problem->pool, jobs->elements[rp]));
	} else if (p > 0 && is_locked(problem, p)) {
		return; /* which another element says */
	} else if (p > 0 && rp == 0) {
		str_addf(out, "%sremove %s from the host", and, pool_solvid2str(problem->pool, p));
	} else if (p > 0) {
		str_addf(out, "%sreplace the host's %s by %s", and,
			 pool_solvid2str(problem->pool, p), pool_solvid2str(problem->pool, rp));
	}
}

static void tell_solutions(const struct problem *problem, Id id, struct err *err)
{
	CLEANUP(strv_release) struct strv told = STRV_INIT;
	struct err ignored = ERR_INIT; /* at worst a line stands twice */
	Id count = (Id)solver_solution_count(problem->solver, id);

	for (Id solution = 1; solution <= count; solution++) {
		CLEANUP(str_release) struct str line = STR_INIT;
		Id element = 0;
		Id p = 0;
		Id rp = 0;

		while ((element = solver_next_solutionelement(problem->solver, id, solution,
							      element, &p, &rp)) != 0)
			add_element(problem, p, rp, &line);
		if (!line.len || line.failed || strv_has(&told, line.buf))
			continue;
		err_detail(err, "  - %s", line.buf);
		if (strv_add(&told, line.buf, &ignored) < 0)
			continue;
	}
}

/* "ask for 'a-1-1' …": what OLDER, which is a solution, has of what cannot be had at its newest. */
static void tell_older(const struct problem *problem, const Map *older, struct err *err)
{
	Pool *pool = problem->pool;

	for (size_t i = 0; older && i < problem->wants->count; i++) {
		const struct solve_want *want = &problem->wants->items[i];

		if (!MAPTST(&problem->blamed, (int)i))
			continue;
		for (int k = 0; k < want->any_of.count; k++) {
			Id p = want->any_of.elements[k];
			const Solvable *s = pool_id2solvable(pool, p);

			if (!MAPTST(older, p) || s->repo == pool->installed)
				continue;
			err_detail(err,
				   "  - ask for '%s-%s' in place of '%s': not the newest, but from "
				   "repository '%s', and it can be installed",
				   pool_id2str(pool, s->name), pool_id2str(pool, s->evr),
				   want->request->name, s->repo->name);
		}
	}
}

static void tell_ways_out(const struct problem *problem, Id id, const Map *older, struct err *err)
{
	err_detail(err, "ways out:");
	tell_older(problem, older, err);
	tell_solutions(problem, id, err);
}

/* --- all ------------------------------------------------------------------------------------------------- */

static void tell_way(const struct problem *problem, const char *indent, struct err *err)
{
	CLEANUP(strv_release) struct strv told = STRV_INIT;
	struct way way = { .problem = problem };
	const struct rule *cause = problem->cause;

	way.by = calloc((size_t)problem->pool->nsolvables, sizeof(*way.by));
	way.dep = calloc((size_t)problem->pool->nsolvables, sizeof(*way.dep));
	queue_init(&way.next);
	if (way.by && way.dep && cause && (cause->type & SOLVER_RULE_TYPEMASK) == SOLVER_RULE_PKG) {
		walk(&way);
		tell_steps(&way, cause->from, indent, &told, err);
		tell_steps(&way, cause->to, indent, &told, err);
	}
	queue_free(&way.next);
	free(way.by);
	free(way.dep);
}

static int tell_problem(const struct problem *problem, Id id, const Map *older, struct err *err)
{
	CLEANUP(str_release) struct str line = STR_INIT;
	Id count = (Id)solver_problem_count(problem->solver);

	add_line(problem, &line);
	if (line.failed)
		return err_nomem(err);
	if (id > 1)
		err_detail(err, "%s", line.buf);
	else if (count > 1)
		err_set(err, ERR_NETWORK, "%s (and %d more problem%s, see below)", line.buf,
			count - 1, count > 2 ? "s" : "");
	else
		err_set(err, ERR_NETWORK, "%s", line.buf);
	tell_way(problem, id > 1 ? "  " : "", err);
	tell_ways_out(problem, id, older, err);
	return 0;
}

int solve_no_solution(const struct solve *solve, Solver *solver, const struct solve_wants *wants,
		      const Map *older, struct err *err)
{
	Id count = (Id)solver_problem_count(solver);
	bool unread = false;
	int r = 0;

	for (Id id = 1; r == 0 && id <= count && id <= PROBLEMS_MAX; id++) {
		CLEANUP(problem_release) struct problem problem = { .cause = NULL };

		r = problem_read(solve, solver, wants, id, &problem, err);
		if (r == 0)
			r = tell_problem(&problem, id, older, err);
		unread = unread || (problem.cause &&
				    problem.cause->type == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP);
	}
	if (unread)
		solve_tell_unread(solve, err);
	return -(int)err->code;
}
