/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <solv/knownid.h>
#include <solv/solvable.h>

#include "cleanup.h"
#include "file.h"
#include "resolver.h"
#include "wheel.h"

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

static int lock_platform(const struct definition_platform *from, struct lock_platform *to,
			 struct err *err)
{
	int r = str_dup(&to->id, from->id, err);

	if (r == 0)
		r = str_dup(&to->arch, from->arch, err);
	if (r == 0)
		r = dup_or_null(&to->glibc, from->glibc, err);
	if (r == 0)
		r = dup_or_null(&to->python, from->python, err);
	return r;
}

/* What the .repo file says, not which server answered: the same lock from each of them. */
/* Whether FROM says how its servers are to be asked, beside what the lock has of it. */
static bool has_network(const struct repofile_repo *from)
{
	return from->proxy || from->proxy_username || from->proxy_sslcacert ||
	       from->proxy_sslclientcert || from->username || from->user_agent || from->timeout_s ||
	       from->minrate_bytes || from->throttle_bytes || from->retries || from->ip_version ||
	       from->sslverifystatus;
}

static int lock_places(struct lock_repo *to, const struct repofile_repo *from, struct err *err)
{
	int r = from->baseurls.count ? str_dup(&to->baseurl, from->baseurls.items[0], err) : 0;

	for (size_t i = 1; r == 0 && i < from->baseurls.count; i++)
		r = strv_add(&to->mirrors, from->baseurls.items[i], err);
	if (r == 0)
		r = dup_or_null(&to->mirrorlist, from->mirrorlist, err);
	if (r == 0)
		r = dup_or_null(&to->metalink, from->metalink, err);
	if (r == 0 && has_network(from)) {
		to->repofile = realpath(from->file, NULL);
		if (!to->repofile)
			r = err_errno(err, ERR_CONFIG, errno, "cannot find '%s'", from->file);
	}
	return r;
}

static int lock_repo(const struct definition *def, const struct metadata_repo *from,
		     struct lock *lock, struct err *err)
{
	struct lock_repo *to = NULL;
	int r = lock_add_repo(lock, &to, err);

	if (r == 0)
		r = str_dup(&to->id, from->source->id, err);
	if (r == 0)
		r = lock_places(to, from->source, err);
	if (r == 0)
		r = str_dup(&to->repomd, from->sha256, err);
	to->revision = from->revision;
	if (r == 0)
		r = dup_list(&to->keys, definition_keys(def, from->source->id), err);
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

static int lock_rpm(Pool *pool, const struct solve_choice *choice, struct lock *lock,
		    struct err *err)
{
	Solvable *s = pool_id2solvable(pool, choice->solvable);
	const char *sha256 = NULL;
	const char *license = NULL;
	const char *location = NULL;
	const char *key = NULL;
	Id type = 0;
	struct lock_rpm *rpm = NULL;
	int r = lock_add_rpm(lock, &rpm, err);

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
	if (r == 0 && lock_rpm_check(rpm, &key, err) < 0) {
		err->code = ERR_VERIFY;
		r = err_prefix(err, "repository '%s': %s of '%.200s'", s->repo->name, key,
			       choice->nevra);
	}
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

int resolve_fill(struct resolver *resolver, const struct solve_result *result, struct lock *ret,
		 struct err *err)
{
	const struct metadata *md = &resolver->metadata;
	int r = lock_platform(&resolver->def->platform, &ret->platform, err);

	for (size_t i = 0; r == 0 && i < md->count; i++)
		if (md->repos[i].repo) /* else skipped: nothing comes from there */
			r = lock_repo(resolver->def, &md->repos[i], ret, err);
	for (size_t i = 0; r == 0 && i < result->count; i++)
		r = lock_rpm(resolver->solve.pool, &result->items[i], ret, err);
	return r < 0 ? r : check_lock(ret, err);
}

/* pip has its own settings and no --offline: without a local index it would ask the network. */
static int resolve_wheels(const struct definition *def, const struct metadata_options *options,
			  const struct update *update, struct strv *warnings, struct lock *ret,
			  struct err *err)
{
	bool offline = options->limits && options->limits->offline && !getenv("PIP_NO_INDEX");
	int r = 0;

	if (!def->wheels.requirements.count)
		return 0;
	if (!offline)
		return wheel_resolve(def, options->cache, update, ret, err);
	if (!update)
		return err_set(err, ERR_NETWORK,
			       "wheels come from a Python index, and there is no network: resolve "
			       "without --offline, carry a lock's wheels on with --update, or name "
			       "a local index (PIP_NO_INDEX, PIP_FIND_LINKS)");
	r = strv_add(warnings,
		     "without the network the wheels stay as the lock has them: whether they are "
		     "what the definition requires was not asked",
		     err);
	return r < 0 ? r : wheel_copy(update->base, ret, err);
}

static int resolve(const struct definition *def, const struct metadata_options *options,
		   struct update *update, struct strv *warnings, struct lock *ret, struct err *err)
{
	CLEANUP(resolver_release) struct resolver rs = RESOLVER_INIT;
	CLEANUP(solve_result_release) struct solve_result result = { .items = NULL };
	int r = resolver_open(def, options, warnings, &rs, err);
	bool opened = r == 0;

	if (r == 0 && update)
		r = update_solve(update, &rs, &result, err);
	else if (r == 0)
		r = resolver_solve(&rs, &result, err);
	if (r == 0)
		r = resolve_fill(&rs, &result, ret, err);
	if (r == 0)
		r = resolve_wheels(def, options, update, warnings, ret, err);
	if (r == 0)
		r = check_lock(ret, err);
	/* Also where there is no solution: whoever changes the request will ask again. */
	if (opened && r != -(int)ERR_INTERRUPTED)
		metadata_save(&rs.metadata);
	return r;
}

int resolve_lock(const struct definition *def, const struct metadata_options *options,
		 struct strv *warnings, struct lock *ret, struct err *err)
{
	return resolve(def, options, NULL, warnings, ret, err);
}

int resolve_update(const struct definition *def, const struct metadata_options *options,
		   struct update *update, struct strv *warnings, struct lock *ret, struct err *err)
{
	int r = update_check(update, def, err);

	return r < 0 ? r : resolve(def, options, update, warnings, ret, err);
}
