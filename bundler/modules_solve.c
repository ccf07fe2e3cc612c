/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which streams are active: libsolv decides, with a solvable for each context of each stream, made and
 * asked for as libdnf's ModulePackageContainer does it, oddities included, so that the answer is dnf's.
 */
#include <stdlib.h>
#include <string.h>

#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>

#include "cleanup.h"
#include "modules_private.h"

DEFINE_CLEANUP(Solver *, solver_free);

#define PLATFORM "platform"
#define REASON_DEPTH_MAX 4

/* --- dependencies ------------------------------------------------------------------------------------ */

static struct block_require require_at(const struct modules_item *item, uint32_t i)
{
	return block_require(item->block, item->record.requires.first + i);
}

static const char *stream_at(const struct modules_item *item, const struct block_require *require,
			     uint32_t i)
{
	return block_word(item->block, require->streams.first + i);
}

/* libdnf takes a stream for excluded when '-' is anywhere in its name, and drops the first letter. */
static bool is_negative(const char *stream)
{
	return strchr(stream, '-') != NULL;
}

static Id dependency(Pool *pool, const char *module, const char *stream)
{
	CLEANUP(str_release) struct str text = STR_INIT;

	if (stream)
		str_addf(&text, "module(%s:%s)", module, stream);
	else
		str_addf(&text, "module(%s)", module);
	return text.failed ? 0 : pool_str2id(pool, text.buf, 1);
}

/* "a:[1,2];b:[3]": the dependencies but for the platform, sorted. */
static int requires_text(const struct modules_item *item, char **ret, struct err *err)
{
	CLEANUP(strv_release) struct strv parts = STRV_INIT;
	CLEANUP(str_release) struct str joined = STR_INIT;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < item->record.requires.count; i++) {
		const struct block_require require = require_at(item, i);
		const char *module = block_string(item->block, require.module);
		CLEANUP(str_release) struct str part = STR_INIT;

		if (!strcmp(module, PLATFORM))
			continue;
		str_add(&part, module);
		for (uint32_t k = 0; k < require.streams.count; k++)
			str_addf(&part, "%s%s", k ? "," : ":[", stream_at(item, &require, k));
		if (require.streams.count)
			str_addc(&part, ']');
		r = str_check(&part, err);
		if (r == 0)
			r = strv_add(&parts, part.buf, err);
	}
	if (r < 0)
		return r;
	strv_sort(&parts);
	for (size_t i = 0; i < parts.count; i++)
		str_addf(&joined, "%s%s", i ? ";" : "", parts.items[i]);
	return str_done(&joined, ret, err);
}

static bool is_static(const struct modules_item *item)
{
	return item->record.flags & BLOCK_STATIC_CONTEXT;
}

/*
 * What tells the contexts of a stream apart. A context that was computed by the build system differs
 * from build to build, so the dependencies stand for it; where a stream with the same dependencies has
 * a static context, that one's.
 */
static int set_contexts(struct module *module, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < module->item_count; i++)
		r = requires_text(&module->items[i], &module->items[i].resolve_context, err);
	for (size_t i = 0; r == 0 && i < module->item_count; i++) {
		struct modules_item *item = &module->items[i];
		const char *context = *item->resolve_context ? NULL : "NoRequires";

		for (size_t k = 0; !is_static(item) && k < module->item_count; k++) {
			const struct modules_item *other = &module->items[k];

			if (!is_static(other) || strcmp(other->stream, item->stream) != 0 ||
			    strcmp(other->resolve_context, item->resolve_context) != 0)
				continue;
			context = other->context;
			break;
		}
		if (is_static(item) || !context)
			continue;
		free(steal_ptr(&item->resolve_context));
		r = str_dup(&item->resolve_context, context, err);
	}
	for (size_t i = 0; r == 0 && i < module->item_count; i++) {
		struct modules_item *item = &module->items[i];

		if (!is_static(item))
			continue;
		free(steal_ptr(&item->resolve_context));
		r = str_dup(&item->resolve_context, item->context, err);
	}
	return r;
}

/* --- solvables ---------------------------------------------------------------------------------------- */

static Solvable *add_solvable(Repo *repo, const char *module, const char *stream,
			      const char *context, const char *version, const char *arch)
{
	Pool *pool = repo->pool;
	Solvable *s = pool_id2solvable(pool, repo_add_solvable(repo));
	CLEANUP(str_release) struct str name = STR_INIT;
	Id any = dependency(pool, module, NULL);

	str_addf(&name, "%s:%s:%s", module, stream, context);
	s->name = pool_str2id(pool, name.buf ? name.buf : "", 1);
	s->evr = pool_str2id(pool, version, 1);
	s->arch = *arch ? pool_str2id(pool, arch, 1) : ARCH_NOARCH;
	solvable_add_deparray(s, SOLVABLE_PROVIDES, any, -1);
	solvable_add_deparray(s, SOLVABLE_PROVIDES, dependency(pool, module, stream), -1);
	/* rpm's rules let a package conflict with what it provides itself. */
	solvable_add_deparray(s, SOLVABLE_CONFLICTS, any, 0);
	return s;
}

static void add_require(Solvable *s, const struct modules_item *item, uint32_t i)
{
	Pool *pool = s->repo->pool;
	const struct block_require require = require_at(item, i);
	const char *module = block_string(item->block, require.module);
	Id any_of = 0;

	for (uint32_t k = require.streams.count; k-- > 0;) {
		const char *stream = stream_at(item, &require, k);
		Id id = 0;

		if (is_negative(stream)) {
			id = dependency(pool, module, stream + 1);
			solvable_add_deparray(s, SOLVABLE_CONFLICTS, id, 0);
			continue;
		}
		id = dependency(pool, module, stream);
		any_of = any_of ? pool_rel2id(pool, id, any_of, REL_OR, 1) : id;
	}
	if (!any_of)
		any_of = dependency(pool, module, NULL);
	solvable_add_deparray(s, SOLVABLE_REQUIRES, any_of, -1);
}

static void add_item(Repo *repo, struct modules_item *item)
{
	char version[32];
	Solvable *s = NULL;

	snprintf(version, sizeof(version), "%llu", (unsigned long long)item->record.version);
	s = add_solvable(repo, item->name, item->stream, item->resolve_context, version,
			 item->arch);
	item->solvable = pool_solvable2id(repo->pool, s);
	item->key = s->name;
	for (uint32_t i = 0; i < item->record.requires.count; i++)
		add_require(s, item, i);
}

/* In libdnf's order: it decides between what is else equal. */
static void add_items(struct modules *m, Repo *repo)
{
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t k = 0; k < m->repo_count; k++)
			for (size_t i = 0; i < m->item_count; i++)
				if (m->items[i].repo_index == k && is_static(&m->items[i]) == !pass)
					add_item(repo, &m->items[i]);
}

static int make_pool(struct modules *m, struct err *err)
{
	const char *colon = strchr(m->platform_id, ':');
	cleanup_free char *platform = NULL;
	Repo *repo = NULL;

	m->pool = pool_create();
	pool_setdebugmask(m->pool, 0);
	if (pool_setdisttype(m->pool, DISTTYPE_RPM) < 0)
		return err_set(err, ERR_HOST, "this libsolv was built without rpm's rules");
	pool_set_flag(m->pool, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1);
	pool_setarch(m->pool, m->arch);
	add_items(m, repo_create(m->pool, "available"));
	if (!colon)
		return err_set(err, ERR_CONFIG, "'%s' is no platform: NAME:STREAM", m->platform_id);
	platform = strndup(m->platform_id, (size_t)(colon - m->platform_id));
	if (!platform)
		return err_nomem(err);
	repo = repo_create(m->pool, "@System");
	add_solvable(repo, platform, colon + 1, "00000000", "0", "noarch");
	pool_set_installed(m->pool, repo);
	return 0;
}

static int exclude_disabled(struct modules *m, struct err *err)
{
	m->pool->considered = calloc(1, sizeof(*m->pool->considered));
	if (!m->pool->considered)
		return err_nomem(err);
	map_init(m->pool->considered, m->pool->nsolvables);
	map_setall(m->pool->considered);
	for (size_t i = 0; i < m->module_count; i++)
		for (size_t k = 0;
		     m->modules[i].state == MODULE_DISABLED && k < m->modules[i].item_count; k++)
			MAPCLR(m->pool->considered, m->modules[i].items[k].solvable);
	pool_createwhatprovides(m->pool);
	return 0;
}

/* --- solving ------------------------------------------------------------------------------------------ */

#define STRONG 1U /* default streams are a must */
#define BEST 2U   /* and the newest version of each */

static Solver *solve(struct modules *m, const Queue *wanted, unsigned int how, int *ret_problems)
{
	static const int flags[] = { SOLVER_FLAG_ALLOW_VENDORCHANGE, SOLVER_FLAG_KEEP_ORPHANS,
				     SOLVER_FLAG_BEST_OBEY_POLICY, SOLVER_FLAG_YUM_OBSOLETES,
				     SOLVER_FLAG_ALLOW_DOWNGRADE };
	Solver *solver = solver_create(m->pool);
	Queue jobs;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		solver_set_flag(solver, flags[i], 1);
	queue_init_clone(&jobs, wanted);
	for (int i = 0; i < jobs.count; i += 2) {
		if (how & BEST)
			jobs.elements[i] |= SOLVER_FORCEBEST;
		if (how & STRONG)
			jobs.elements[i] &= ~SOLVER_WEAK;
	}
	*ret_problems = solver_solve(solver, &jobs);
	queue_free(&jobs);
	return solver;
}

static int cmp_solvable(const void *a, const void *b)
{
	const struct modules_item *const *x = a;
	const struct modules_item *const *y = b;

	return (*x)->solvable < (*y)->solvable ? -1 : 1;
}

/* A job for each item of a wanted stream, in the order of solvables, as libdnf asks. */
static int collect_jobs(struct modules *m, Queue *jobs, struct err *err)
{
	const struct modules_item **wanted = calloc(m->item_count + 1, sizeof(*wanted));
	size_t count = 0;

	if (!wanted)
		return err_nomem(err);
	for (size_t i = 0; i < m->module_count; i++) {
		const struct module *module = &m->modules[i];

		if (module->state != MODULE_ENABLED && module->state != MODULE_DEFAULT)
			continue;
		for (size_t k = 0; k < module->item_count; k++)
			if (!strcmp(module->items[k].stream, module->stream))
				wanted[count++] = &module->items[k];
	}
	qsort(wanted, count, sizeof(*wanted), cmp_solvable);
	for (size_t i = 0; i < count; i++) {
		bool weak = modules_find(m, wanted[i]->name)->state == MODULE_DEFAULT;

		queue_push2(jobs,
			    SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES | (weak ? SOLVER_WEAK : 0),
			    dependency(m->pool, wanted[i]->name, wanted[i]->stream));
	}
	free(wanted);
	return 0;
}

/* All versions of a context that was chosen are active, from whichever repository. */
static void mark_active(struct modules *m, Solver *solver)
{
	Queue decisions;
	Map keys;

	queue_init(&decisions);
	map_init(&keys, m->pool->ss.nstrings);
	solver_get_decisionqueue(solver, &decisions);
	for (int i = 0; i < decisions.count; i++) {
		Id p = decisions.elements[i];

		if (p > 0 && p != SYSTEMSOLVABLE)
			MAPSET(&keys, pool_id2solvable(m->pool, p)->name);
	}
	for (size_t i = 0; i < m->item_count; i++)
		m->items[i].active = MAPTST(&keys, m->items[i].key);
	map_free(&keys);
	queue_free(&decisions);
}

/* --- reasons ------------------------------------------------------------------------------------------ */

static const char *platform_stream(const struct modules *m)
{
	return strchr(m->platform_id, ':') + 1;
}

/* The stream that MODULE has or shall have, or NULL. */
static const char *chosen_stream(const struct module *module)
{
	const char *active = modules_active_stream(module);

	if (active || !module)
		return active;
	return module->state == MODULE_ENABLED ? module->stream : NULL;
}

static bool reason_of_stream(const struct modules *m, const struct module *module,
			     const char *stream, unsigned int depth, struct str *out);

struct need {
	const struct modules_item *item;
	struct block_require require;
	const char *name;
	const struct module *module; /* or NULL */
	const char *have;            /* the module's stream, or NULL */
};

/* "perl:5.26 or perl:5.30"; returns how many. */
static size_t list_needed(const struct need *need, struct str *out)
{
	size_t count = 0;

	for (uint32_t i = 0; i < need->require.streams.count; i++) {
		const char *stream = stream_at(need->item, &need->require, i);

		if (!is_negative(stream))
			str_addf(out, "%s%s:%s", count++ ? " or " : "", need->name, stream);
	}
	if (!count)
		str_addf(out, "module %s", need->name);
	return count;
}

static bool is_met(const struct need *need)
{
	size_t positive = 0;

	for (uint32_t i = 0; i < need->require.streams.count; i++) {
		const char *stream = stream_at(need->item, &need->require, i);

		if (is_negative(stream))
			continue;
		positive++;
		if (need->have ? !strcmp(stream, need->have)
			       : modules_find_stream(need->module, stream) != NULL)
			return true;
	}
	return !positive && (need->have || need->module);
}

static bool reason_of_exclusion(const struct need *need, struct str *out)
{
	for (uint32_t i = 0; need->have && i < need->require.streams.count; i++) {
		const char *stream = stream_at(need->item, &need->require, i);

		if (!is_negative(stream) || strcmp(stream + 1, need->have) != 0)
			continue;
		str_addf(out, "it excludes %s:%s, and that is enabled", need->name, need->have);
		return true;
	}
	return false;
}

/* What is needed could be there: unless each stream that would do lacks something itself. */
static bool reason_below(const struct modules *m, const struct need *need, unsigned int depth,
			 struct str *out)
{
	CLEANUP(str_release) struct str below = STR_INIT;
	size_t tried = 0;

	if (need->have || !need->module || depth >= REASON_DEPTH_MAX)
		return false;
	for (uint32_t i = 0; i < need->require.streams.count; i++) {
		const char *stream = stream_at(need->item, &need->require, i);

		if (is_negative(stream) || !modules_find_stream(need->module, stream))
			continue;
		str_reset(&below);
		if (!reason_of_stream(m, need->module, stream, depth + 1, &below))
			return false;
		tried++;
	}
	if (!tried)
		return false;
	str_add(out, "it needs ");
	list_needed(need, out);
	str_addf(out, ", of which: %s", below.buf);
	return true;
}

static bool reason_of_need(const struct modules *m, const struct need *need, unsigned int depth,
			   struct str *out)
{
	bool disabled = need->module && need->module->state == MODULE_DISABLED;

	if (reason_of_exclusion(need, out))
		return true;
	if (is_met(need) && !disabled)
		return reason_below(m, need, depth, out);
	if (!strcmp(need->name, PLATFORM) && need->have) {
		str_add(out, "it is for ");
		list_needed(need, out);
		str_addf(out, ", and this is %s", m->platform_id);
		return true;
	}
	str_add(out, "it needs ");
	list_needed(need, out);
	if (need->have)
		str_addf(out, ", and %s:%s is %s", need->name, need->have,
			 need->module->state == MODULE_ENABLED ? "enabled" : "active");
	else if (disabled)
		str_addf(out, ", and module %s is disabled", need->name);
	else if (need->module)
		str_add(out, ", and no repository has that stream");
	else
		str_addf(out, ", and no repository has module %s", need->name);
	return true;
}

static bool is_for_arch(const struct modules *m, const struct modules_item *item)
{
	Id arch = pool_id2solvable(m->pool, item->solvable)->arch;

	return !m->pool->id2arch || (arch <= m->pool->lastarch && m->pool->id2arch[arch]);
}

static bool reason_of_item(const struct modules *m, const struct modules_item *item,
			   unsigned int depth, struct str *out)
{
	if (!is_for_arch(m, item)) {
		str_addf(out, "it is for the architecture %s", item->arch);
		return true;
	}
	for (uint32_t i = 0; i < item->record.requires.count; i++) {
		struct need need = { .item = item, .require = require_at(item, i) };

		need.name = block_string(item->block, need.require.module);
		need.module = modules_find(m, need.name);
		need.have = chosen_stream(need.module);
		if (!need.module && str_starts(m->platform_id, need.name) &&
		    m->platform_id[strlen(need.name)] == ':')
			need.have = platform_stream(m);
		if (reason_of_need(m, &need, depth, out))
			return true;
	}
	return false;
}

/* Appends why no context of the stream can be active, or returns false when that is not plain. */
static bool reason_of_stream(const struct modules *m, const struct module *module,
			     const char *stream, unsigned int depth, struct str *out)
{
	bool found = false;

	for (size_t i = 0; i < module->item_count; i++) {
		CLEANUP(str_release) struct str reason = STR_INIT;

		if (strcmp(module->items[i].stream, stream) != 0)
			continue;
		if (!reason_of_item(m, &module->items[i], depth, &reason) || !reason.buf)
			return false;
		if (!found)
			str_add(out, reason.buf);
		found = true;
	}
	return found && out->buf;
}

/* --- the outcome --------------------------------------------------------------------------------------- */

static void detail_needs(const struct module *module, struct err *err)
{
	const struct modules_item *item = modules_find_stream(module, module->stream);
	CLEANUP(str_release) struct str text = STR_INIT;

	for (uint32_t i = 0; i < item->record.requires.count; i++) {
		struct need need = { .item = item, .require = require_at(item, i) };

		need.name = block_string(item->block, need.require.module);
		if (!strcmp(need.name, PLATFORM))
			continue;
		str_add(&text, text.len ? ", and " : " needs ");
		list_needed(&need, &text);
	}
	err_detail(err, "%s:%s%s", module->name, module->stream, text.buf ? text.buf : "");
}

static int cannot_enable(const struct modules *m, const char *where, struct err *err)
{
	size_t enabled = 0;

	for (size_t i = 0; i < m->module_count; i++) {
		const struct module *module = &m->modules[i];
		CLEANUP(str_release) struct str reason = STR_INIT;

		if (module->state != MODULE_ENABLED)
			continue;
		enabled++;
		if (reason_of_stream(m, module, module->stream, 0, &reason))
			return err_set(err, ERR_NETWORK,
				       "%s: module stream %s:%s cannot be enabled: %s", where,
				       module->name, module->stream, reason.buf);
	}
	err_set(err, ERR_NETWORK,
		enabled > 1 ? "%s: these module streams cannot be enabled together"
			    : "%s: this module stream cannot be enabled",
		where);
	for (size_t i = 0; i < m->module_count; i++)
		if (m->modules[i].state == MODULE_ENABLED)
			detail_needs(&m->modules[i], err);
	return -(int)err->code;
}

static int warn_of_defaults(const struct modules *m, struct strv *warnings, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->module_count; i++) {
		const struct module *module = &m->modules[i];
		const char *active = modules_active_stream(module);
		CLEANUP(str_release) struct str reason = STR_INIT;

		if (module->state != MODULE_DEFAULT || (active && !strcmp(active, module->stream)))
			continue;
		if (active)
			str_addf(&reason, "an enabled stream needs %s:%s", module->name, active);
		else if (!reason_of_stream(m, module, module->stream, 0, &reason))
			str_add(&reason, "it does not go with the other streams");
		r = str_check(&reason, err);
		if (r == 0)
			r = strv_addf(warnings, err, "the default stream %s:%s is not active: %s",
				      module->name, module->stream, reason.buf);
	}
	return r;
}

static int decide(struct modules *m, const Queue *jobs, const char *where, struct err *err)
{
	/* libdnf's order: all there is, then without what defaults ask for, then any version. */
	static const unsigned int tries[] = { STRONG | BEST, BEST, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		int problems = 0;
		CLEANUP(solver_freep) Solver *solver = solve(m, jobs, tries[i], &problems);

		if (problems)
			continue;
		mark_active(m, solver);
		return 0;
	}
	return cannot_enable(m, where, err);
}

int modules_solve(struct modules *m, const char *where, struct strv *warnings, struct err *err)
{
	Queue jobs;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->module_count; i++)
		r = set_contexts(&m->modules[i], err);
	if (r == 0)
		r = make_pool(m, err);
	if (r == 0)
		r = exclude_disabled(m, err);
	if (r < 0)
		return r;
	queue_init(&jobs);
	r = collect_jobs(m, &jobs, err);
	if (r == 0 && jobs.count)
		r = decide(m, &jobs, where, err);
	queue_free(&jobs);
	return r < 0 ? r : warn_of_defaults(m, warnings, err);
}
