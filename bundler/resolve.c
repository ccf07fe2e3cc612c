/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <solv/knownid.h>
#include <solv/solvable.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"
#include "repofile.h"
#include "repomd.h"
#include "solve.h"
#include "wheel.h"

struct resolver {
	const struct definition *def; /* borrowed, as the next two */
	const char *cache;
	struct lock *lock;
	char *releasever;
	struct repofile_list repofiles;
	struct repomd *repos; /* the enabled ones */
	size_t repo_count;
	struct definition_requests requests;
	struct solve solve;
	struct solve_result result;
};

static void resolver_release(struct resolver *rs)
{
	free(rs->releasever);
	solve_result_release(&rs->result);
	solve_release(&rs->solve);
	definition_requests_release(&rs->requests);
	for (size_t i = 0; i < rs->repo_count; i++)
		repomd_release(&rs->repos[i]);
	free(rs->repos);
	repofile_release(&rs->repofiles);
}

/* --- what is not done yet must not be passed over -------------------------------------------------- */

static int check_supported(const struct definition *def, struct err *err)
{
	const struct yaml_node *root = yaml_root(def->doc);

	if (def->modules.enable.count)
		return yaml_error(
			yaml_get(yaml_get(root, "modules"), "enable"), err,
			"enabling module streams is not supported: every stream counts as "
			"disabled");
	if (def->baseline)
		return yaml_error(yaml_get(root, "baseline"), err,
				  "only 'none' is supported: a closure that is complete from an "
				  "empty root");
	return 0;
}

/* --- repositories ---------------------------------------------------------------------------------- */

/* "platform:el8" gives "8", "platform:f40" gives "40"; without a number at its end there is none. */
static int find_releasever(struct resolver *rs, struct err *err)
{
	const char *id = rs->def->platform.id;
	const char *p = id + strlen(id);

	while (p > id && (isdigit((unsigned char)p[-1]) || p[-1] == '.'))
		p--;
	return *p ? str_dup(&rs->releasever, p, err) : 0;
}

static int check_trust(const struct resolver *rs, struct err *err)
{
	const struct yaml_node *node = yaml_get(yaml_root(rs->def->doc), "trust");

	for (size_t i = 0; node && i < node->count; i++) {
		cleanup_free const char **ids = calloc(rs->repofiles.count + 1, sizeof(*ids));
		const char *near = NULL;
		bool found = false;

		if (!ids)
			return err_nomem(err);
		for (size_t k = 0; k < rs->repofiles.count; k++) {
			ids[k] = rs->repofiles.items[k].id;
			found = found || !strcmp(ids[k], node->keys[i]->text);
		}
		near = str_nearest(node->keys[i]->text, ids);
		if (!found && near)
			return yaml_error(node->keys[i], err,
					  "no repository '%.60s' in the .repo files (did you mean "
					  "'%s'?)",
					  node->keys[i]->text, near);
		if (!found)
			return yaml_error(node->keys[i], err,
					  "no repository '%.60s' in the .repo files",
					  node->keys[i]->text);
	}
	return 0;
}

static int read_repofiles(struct resolver *rs, struct strv *warnings, struct err *err)
{
	const struct definition *def = rs->def;
	struct repofile_vars vars = { .arch = def->platform.arch };
	int r = find_releasever(rs, err);

	vars.releasever = rs->releasever;
	for (size_t i = 0; r == 0 && i < def->repos.count; i++)
		r = repofile_load(def->repos.items[i], &vars, &rs->repofiles, warnings, err);
	return r < 0 ? r : check_trust(rs, err);
}

static int load_repos(struct resolver *rs, struct err *err)
{
	int r = 0;

	rs->repos = calloc(rs->repofiles.count + 1, sizeof(*rs->repos));
	if (!rs->repos)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < rs->repofiles.count; i++) {
		r = interrupt_check(err);
		if (r == 0 && rs->repofiles.items[i].enabled)
			r = repomd_load(rs->solve.pool, &rs->repofiles.items[i], rs->cache,
					&rs->repos[rs->repo_count++], err);
	}
	if (r == 0 && !rs->repo_count)
		r = yaml_error(yaml_get(yaml_root(rs->def->doc), "repos"), err,
			       "no repository is enabled");
	return r;
}

/* --- the lock -------------------------------------------------------------------------------------- */

static int dup_or_null(char **ret, const char *text, struct err *err)
{
	return text ? str_dup(ret, text, err) : 0;
}

static int dup_list(struct strv *ret, const struct strv *list, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && list && i < list->count; i++)
		r = strv_add(ret, list->items[i], err);
	return r;
}

static int lock_platform(struct resolver *rs, struct err *err)
{
	const struct definition_platform *from = &rs->def->platform;
	struct lock_platform *to = &rs->lock->platform;
	int r = str_dup(&to->id, from->id, err);

	if (r == 0)
		r = str_dup(&to->arch, from->arch, err);
	if (r == 0)
		r = dup_or_null(&to->glibc, from->glibc, err);
	if (r == 0)
		r = dup_or_null(&to->python, from->python, err);
	return r;
}

static int lock_repo(struct resolver *rs, const struct repomd *from, struct err *err)
{
	struct lock_repo *to = NULL;
	int r = lock_add_repo(rs->lock, &to, err);

	if (r == 0)
		r = str_dup(&to->id, from->source->id, err);
	if (r == 0)
		r = str_dup(&to->baseurl, from->source->baseurl, err);
	if (r == 0)
		r = str_dup(&to->repomd, from->sha256, err);
	if (r == 0)
		r = dup_list(&to->keys, definition_keys(rs->def, from->source->id), err);
	if (r == 0)
		r = dup_list(&to->gpgkey, &from->source->gpgkey, err);
	if (r == 0)
		r = dup_or_null(&to->sslcacert, from->source->sslcacert, err);
	if (r == 0)
		r = dup_or_null(&to->sslclientcert, from->source->sslclientcert, err);
	if (r == 0)
		r = dup_or_null(&to->sslclientkey, from->source->sslclientkey, err);
	return r;
}

static int lock_rpm(struct resolver *rs, const struct solve_choice *choice, struct err *err)
{
	Pool *pool = rs->solve.pool;
	Solvable *s = pool_id2solvable(pool, choice->solvable);
	const char *sha256 = NULL;
	const char *license = NULL;
	const char *location = NULL;
	Id type = 0;
	struct lock_rpm *rpm = NULL;
	int r = lock_add_rpm(rs->lock, &rpm, err);

	if (r == 0)
		r = str_dup(&rpm->nevra, choice->nevra, err);
	if (r == 0)
		r = str_dup(&rpm->reason, choice->reason, err);
	if (r == 0)
		r = str_dup(&rpm->repo, s->repo->name, err);
	if (r < 0)
		return r;
	sha256 = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);
	if (!sha256 || type != REPOKEY_TYPE_SHA256)
		return err_set(
			err, ERR_VERIFY,
			"repository '%s' gives no SHA-256 of '%s': its metadata must be made "
			"with SHA-256 (createrepo_c --checksum sha256)",
			s->repo->name, choice->nevra);
	r = str_dup(&rpm->sha256, sha256, err);
	if (r == 0 && solvable_lookup_str(s, SOLVABLE_MEDIABASE))
		return err_set(
			err, ERR_VERIFY,
			"repository '%s' says that '%s' is elsewhere (xml:base): that is not "
			"supported",
			s->repo->name, choice->nevra);
	location = solvable_lookup_location(s, NULL);
	if (r == 0 && (!location || !path_is_safe(location)))
		return err_set(err, ERR_VERIFY, "repository '%s' has no plain path for '%s'",
			       s->repo->name, choice->nevra);
	if (r == 0)
		r = str_dup(&rpm->path, location, err);
	license = solvable_lookup_str(s, SOLVABLE_LICENSE);
	if (r == 0)
		r = str_dup(&rpm->license, license ? license : "", err);
	rpm->size_bytes = solvable_lookup_num(s, SOLVABLE_DOWNLOADSIZE, 0);
	return r;
}

static int fill_lock(struct resolver *rs, struct err *err)
{
	int r = lock_platform(rs, err);

	for (size_t i = 0; r == 0 && i < rs->repo_count; i++)
		r = lock_repo(rs, &rs->repos[i], err);
	for (size_t i = 0; r == 0 && i < rs->result.count; i++)
		r = lock_rpm(rs, &rs->result.items[i], err);
	if (r == 0 && rs->def->wheels.requirements.count)
		r = wheel_resolve(rs->def, rs->cache, rs->lock, err);
	return r;
}

/* What metadata says comes from outside: only what a lock may hold leaves here. */
static int check_lock(struct lock *lock, struct err *err)
{
	CLEANUP(lock_release) struct lock again = LOCK_INIT;
	cleanup_free char *text = NULL;
	int r = lock_format(lock, &text, err);

	if (r < 0)
		return r;
	r = lock_parse("the new lock", text, strlen(text), &again, err);
	if (r < 0)
		err->code = ERR_VERIFY;
	return r < 0 ? -(int)ERR_VERIFY : 0;
}

int resolve_lock(const struct definition *def, const char *cache, struct strv *warnings,
		 struct lock *ret, struct err *err)
{
	CLEANUP(resolver_release)
	struct resolver rs = { .def = def, .cache = cache, .lock = ret };
	int r = check_supported(def, err);

	if (r == 0)
		r = definition_requests(def, &rs.requests, err);
	if (r == 0)
		r = read_repofiles(&rs, warnings, err);
	if (r == 0)
		r = solve_init(&rs.solve, def->platform.arch, err);
	if (r == 0)
		r = load_repos(&rs, err);
	if (r == 0)
		r = solve_prepare(&rs.solve, rs.repos, rs.repo_count, err);
	if (r == 0)
		r = solve_run(&rs.solve, &rs.requests, &rs.result, err);
	if (r == 0)
		r = fill_lock(&rs, err);
	return r < 0 ? r : check_lock(ret, err);
}
