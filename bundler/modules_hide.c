/* SPDX-License-Identifier: Apache-2.0 */
/* Which packages the active streams show and hide: libdnf's setModuleExcludes(). */
#include <stdlib.h>
#include <string.h>

#include <solv/repo.h>

#include "cleanup.h"
#include "modules_private.h"

#define EXPLAINED_STREAMS_MAX 3

/* --- artifacts ---------------------------------------------------------------------------------------- */

static struct block_artifact artifact_at(const struct modules_item *item, uint32_t i)
{
	return block_artifact(item->block, item->record.artifacts.first + i);
}

static const char *text_of(const struct modules_item *item, const struct block_artifact *artifact)
{
	return block_string(item->block, artifact->text);
}

static void insert(struct modules *m, const struct modules_item *item)
{
	for (uint32_t i = 0; i < item->record.artifacts.count; i++) {
		const struct block_artifact artifact = artifact_at(item, i);
		const char *text = text_of(item, &artifact);
		size_t k = artifact.hash & (m->slot_count - 1);

		while (m->slots[k].text &&
		       (m->slots[k].hash != artifact.hash || strcmp(m->slots[k].text, text) != 0))
			k = (k + 1) & (m->slot_count - 1);
		if (!m->slots[k].text)
			m->slots[k] = (struct artifact_slot){ artifact.hash, text, item };
	}
}

static int index_artifacts(struct modules *m, struct err *err)
{
	size_t count = 0;

	free(steal_ptr(&m->slots));
	for (size_t i = 0; i < m->item_count; i++)
		count += m->items[i].record.artifacts.count;
	for (m->slot_count = 1024; m->slot_count < count * 2;)
		m->slot_count *= 2;
	m->slots = calloc(m->slot_count, sizeof(*m->slots));
	if (!m->slots)
		return err_nomem(err);
	/* An artifact of an active stream is shown, whatever other streams have it too. */
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < m->item_count; i++)
			if (m->items[i].active == !pass)
				insert(m, &m->items[i]);
	return 0;
}

struct nevra_text {
	const char *name, *evr, *arch;
	size_t name_len, evr_len, arch_len;
	uint64_t hash;
};

static struct nevra_text nevra_text(Pool *pool, const Solvable *s)
{
	struct nevra_text t = { .name = pool_id2str(pool, s->name),
				.evr = pool_id2str(pool, s->evr),
				.arch = pool_id2str(pool, s->arch) };

	t.name_len = strlen(t.name);
	t.evr_len = strlen(t.evr);
	t.arch_len = strlen(t.arch);
	t.hash = block_hash(BLOCK_HASH_INIT, t.name, t.name_len);
	t.hash = block_hash(t.hash, "-", 1);
	t.hash = block_hash(t.hash, t.evr, t.evr_len);
	t.hash = block_hash(t.hash, ".", 1);
	t.hash = block_hash(t.hash, t.arch, t.arch_len);
	return t;
}

static bool is_text(const struct nevra_text *t, const char *text)
{
	if (strncmp(text, t->name, t->name_len) != 0 || text[t->name_len] != '-')
		return false;
	text += t->name_len + 1;
	if (strncmp(text, t->evr, t->evr_len) != 0 || text[t->evr_len] != '.')
		return false;
	return !strcmp(text + t->evr_len + 1, t->arch);
}

/* The stream that has the package, an active one if there is; or NULL. */
static const struct modules_item *find_artifact(const struct modules *m, Pool *pool,
						const Solvable *s)
{
	const struct nevra_text t = nevra_text(pool, s);

	if (!m->slot_count)
		return NULL;
	for (size_t k = t.hash & (m->slot_count - 1); m->slots[k].text;
	     k = (k + 1) & (m->slot_count - 1))
		if (m->slots[k].hash == t.hash && is_text(&t, m->slots[k].text))
			return m->slots[k].item;
	return NULL;
}

/* --- names -------------------------------------------------------------------------------------------- */

/* Names of packages that a stream no longer has; only the newest version of a context says so. */
static bool is_demodularized(const struct modules *m, const struct modules_item *item,
			     const char *name, size_t len)
{
	const struct module *module = modules_find(m, item->name);

	for (size_t i = 0; i < module->item_count; i++) {
		const struct modules_item *other = &module->items[i];
		bool newest = other->active && !strcmp(other->stream, item->stream) &&
			      !strcmp(other->arch, item->arch);

		for (size_t k = 0;
		     newest && other->record.demodularized.count && k < module->item_count; k++)
			newest = module->items[k].key != other->key ||
				 strcmp(module->items[k].arch, other->arch) != 0 ||
				 module->items[k].record.version <= other->record.version;
		for (uint32_t k = 0; newest && k < other->record.demodularized.count; k++) {
			const char *word =
				block_word(other->block, other->record.demodularized.first + k);

			if (!strncmp(word, name, len) && !word[len])
				return true;
		}
	}
	return false;
}

static bool has_demodularized(const struct module *module)
{
	for (size_t i = 0; i < module->item_count; i++)
		if (module->items[i].active && module->items[i].record.demodularized.count)
			return true;
	return false;
}

/* The name that the artifact hides elsewhere, or NULL: source packages hide nothing. */
static const char *hiding_name(const struct modules *m, const struct modules_item *item,
			       const struct block_artifact *artifact, bool demodularized)
{
	const char *text = text_of(item, artifact);

	if (!artifact->name_len ||
	    (demodularized && is_demodularized(m, item, text, artifact->name_len)))
		return NULL;
	return text;
}

static void collect_names(const struct modules *m, Pool *pool, Map *names)
{
	for (size_t i = 0; i < m->item_count; i++) {
		const struct modules_item *item = &m->items[i];
		bool demodularized = item->active && has_demodularized(modules_find(m, item->name));

		for (uint32_t k = 0; item->active && k < item->record.artifacts.count; k++) {
			const struct block_artifact artifact = artifact_at(item, k);
			const char *name = hiding_name(m, item, &artifact, demodularized);
			Id id = name ? pool_strn2id(pool, name, artifact.name_len, 0) : 0;

			if (id)
				MAPSET(names, id);
		}
	}
}

/* The first of NAMES that S has or provides, or 0. */
static Id find_name(Pool *pool, const Solvable *s, const Map *names)
{
	const Id *provides = s->provides ? s->repo->idarraydata + s->provides : NULL;

	if (MAPTST(names, s->name))
		return s->name;
	for (; provides && *provides; provides++) {
		Id id = *provides;

		while (ISRELDEP(id))
			id = GETRELDEP(pool, id)->name;
		if (MAPTST(names, id))
			return id;
	}
	return 0;
}

/* --- hiding -------------------------------------------------------------------------------------------- */

int modules_hide(const struct modules *modules, Pool *pool,
		 bool (*is_hotfix)(const char *repo, void *arg), void *arg, Map *considered,
		 Map *hidden, struct err *err)
{
	struct modules *m = (struct modules *)(uintptr_t)modules;
	Map names;
	Repo *repo = NULL;
	int i = 0;
	int r = 0;

	if (!m->item_count)
		return 0;
	r = index_artifacts(m, err);
	if (r < 0)
		return r;
	map_init(&names, pool->ss.nstrings);
	collect_names(m, pool, &names);
	FOR_REPOS(i, repo)
	{
		Solvable *s = NULL;
		Id p = 0;

		if (repo == pool->installed || is_hotfix(repo->name, arg))
			continue;
		FOR_REPO_SOLVABLES(repo, p, s) {
			const struct modules_item *item = find_artifact(m, pool, s);

			if (item ? item->active : !find_name(pool, s, &names))
				continue;
			MAPCLR(considered, p);
			MAPSET(hidden, p);
		}
	}
	map_free(&names);
	return 0;
}

const char *modules_stream(const struct modules *modules, Pool *pool, Id p)
{
	const struct modules_item *item = find_artifact(modules, pool, pool_id2solvable(pool, p));

	if (!item || !item->active)
		return NULL;
	snprintf(((struct modules *)(uintptr_t)modules)->answer, sizeof(modules->answer), "%s:%s",
		 item->name, item->stream);
	return modules->answer;
}

/* --- explaining ----------------------------------------------------------------------------------------- */

static bool has_artifact(const struct modules_item *item, const struct nevra_text *t)
{
	for (uint32_t i = 0; i < item->record.artifacts.count; i++) {
		const struct block_artifact artifact = artifact_at(item, i);

		if (artifact.hash == t->hash && is_text(t, text_of(item, &artifact)))
			return true;
	}
	return false;
}

/* Streams that have the package, each once. */
static size_t list_streams(const struct modules *m, const struct nevra_text *t,
			   const struct modules_item **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < m->item_count && count < EXPLAINED_STREAMS_MAX; i++) {
		const struct modules_item *item = &m->items[i];
		bool known = false;

		for (size_t k = 0; k < count; k++)
			known = known || (!strcmp(ret[k]->name, item->name) &&
					  !strcmp(ret[k]->stream, item->stream));
		if (!known && has_artifact(item, t))
			ret[count++] = item;
	}
	return count;
}

/* What happened to the module of ITEM, which has a package and is not active. */
static void explain_state(const struct modules *m, const struct modules_item *item, struct str *out)
{
	const struct module *module = modules_find(m, item->name);
	const char *active = modules_active_stream(module);

	if (module->state == MODULE_DISABLED)
		str_addf(out, "module %s is disabled", item->name);
	else if (active && !strcmp(active, item->stream))
		str_addf(out, "another context of that stream is active");
	else if (active)
		str_addf(out, "%s:%s is active instead%s", item->name, active,
			 module->state == MODULE_DEFAULT ? " (the default)" : "");
	else
		str_add(out, "that stream is not enabled");
}

static void explain_artifact(const struct modules *m, const struct modules_item *const *items,
			     size_t count, struct str *out)
{
	str_add(out, "it belongs to ");
	for (size_t i = 0; i < count; i++)
		str_addf(out, "%s%s:%s", i ? " and " : "", items[i]->name, items[i]->stream);
	str_add(out, ", and ");
	explain_state(m, items[0], out);
	str_addf(out, ": enable it with modules: {enable: ['%s:%s']}", items[0]->name,
		 items[0]->stream);
}

static void explain_name(const struct modules *m, Pool *pool, const Solvable *s, struct str *out)
{
	Map names;
	Id name = 0;
	const char *text = NULL;
	bool found = false;

	map_init(&names, pool->ss.nstrings);
	collect_names(m, pool, &names);
	name = find_name(pool, s, &names);
	map_free(&names);
	text = pool_id2str(pool, name);
	for (size_t i = 0; name && !found && i < m->item_count; i++) {
		const struct modules_item *item = &m->items[i];

		for (uint32_t k = 0; item->active && !found && k < item->record.artifacts.count;
		     k++) {
			const struct block_artifact artifact = artifact_at(item, k);

			if (artifact.name_len != strlen(text) ||
			    strncmp(text_of(item, &artifact), text, artifact.name_len) != 0)
				continue;
			found = true;
			str_addf(out, "the active stream %s:%s hides it, which has ", item->name,
				 item->stream);
			if (name == s->name)
				str_add(out, "packages of that name");
			else
				str_addf(out, "%s, a name that it provides", text);
			str_addf(out, ": disable the module with modules: {disable: [%s]}",
				 item->name);
		}
	}
}

const char *modules_explain(const struct modules *modules, Pool *pool, Id p, char *buf, size_t size)
{
	const Solvable *s = pool_id2solvable(pool, p);
	const struct nevra_text t = nevra_text(pool, s);
	const struct modules_item *items[EXPLAINED_STREAMS_MAX];
	size_t count = list_streams(modules, &t, items);
	CLEANUP(str_release) struct str out = STR_INIT;

	if (count)
		explain_artifact(modules, items, count, &out);
	else
		explain_name(modules, pool, s, &out);
	snprintf(buf, size, "%s", out.buf && !out.failed ? out.buf : "module streams hide it");
	return buf;
}
