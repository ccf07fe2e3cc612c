/* SPDX-License-Identifier: Apache-2.0 */
#include "lock_fit.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "lock_diff.h"

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static int check_platform(const char *path, const struct lock *lock, const struct definition *def,
			  struct err *err)
{
	const struct lock_platform *l = &lock->platform;
	const struct definition_platform *d = &def->platform;
	const struct {
		const char *key, *locked, *wanted;
	} parts[] = {
		{ "id", l->id, d->id },
		{ "arch", l->arch, d->arch },
		{ "glibc", l->glibc, d->glibc },
		{ "python", l->python, d->python },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!is_same(parts[i].locked, parts[i].wanted))
			return err_set(err, ERR_CONFIG,
				       "'%s' was made for another platform than that of '%s' (%s: "
				       "'%s', not '%s'): resolve again",
				       path, def->path, parts[i].key,
				       parts[i].locked ? parts[i].locked : "",
				       parts[i].wanted ? parts[i].wanted : "");
	return 0;
}

/* --- keys --------------------------------------------------------------------------------------- */

static bool has_package_of(const struct lock *lock, const char *repo)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++)
		if (!strcmp(rpms[i].repo, repo))
			return true;
	return false;
}

/* A bundle names the definition's keys and holds the lock's packages: its nodes would refuse it. */
static int check_trust(const char *path, const struct lock *lock, const struct definition *def,
		       struct err *err)
{
	const struct lock_repo *repo = lock->repos.items;

	for (size_t i = 0; i < lock->repos.count; i++, repo++) {
		const struct strv *pinned = definition_keys(def, repo->id);

		for (size_t k = 0; k < repo->keys.count && has_package_of(lock, repo->id); k++)
			if (!pinned || !strv_has(pinned, repo->keys.items[k]))
				return err_set(err, ERR_CONFIG,
					       "'%s' pins key %s for repository '%s', and '%s' "
					       "does not (trust): resolve again",
					       path, repo->keys.items[k], repo->id, def->path);
	}
	return 0;
}

/* --- wheels ------------------------------------------------------------------------------------- */

static char plain(char c)
{
	return (char)(c == '_' || c == '.' ? '-' : c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* PEP 503 sees no difference between '-', '_' and '.', nor between 'A' and 'a'. */
static bool is_named(const char *name, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (plain(name[i]) != plain(text[i]))
			return false;
	return !name[len];
}

static int check_wheels(const char *path, const struct lock *lock, const struct definition *def,
			struct strv *warnings, struct err *err)
{
	const struct lock_wheel *wheels = lock->wheels.items;
	int r = 0;

	if (def->wheels.requirements.count && !lock->wheels.count)
		return err_set(err, ERR_CONFIG,
			       "'%s' has no wheels and '%s' asks for some: resolve again", path,
			       def->path);
	for (size_t i = 0; r == 0 && i < def->wheels.requirements.count; i++) {
		const char *text = def->wheels.requirements.items[i];
		size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789-_.");
		bool found = strpbrk(text, ";/@") != NULL; /* for some, or not known by its name */

		for (size_t k = 0; !found && k < lock->wheels.count; k++)
			found = is_named(wheels[k].name, text, len);
		if (!found)
			r = strv_addf(warnings, err,
				      "'%s' has no wheel of '%s', which '%s' asks for: resolve "
				      "again if the definition has changed",
				      path, text, def->path);
	}
	return r;
}

/* --- packages ----------------------------------------------------------------------------------- */

/* Whether NEVRA goes by the name that TEXT begins with: "name >= version" is one, too. */
static bool is_asked_for(const char *nevra, const char *text)
{
	cleanup_free char *name = strndup(text, strcspn(text, " <>="));

	return name && lock_nevra_match(nevra, name);
}

static bool has_named(const struct lock *lock, const char *text)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++)
		if (is_asked_for(rpms[i].nevra, text))
			return true;
	return false;
}

/* A package that is there for REASON and goes by no name that was asked for: it provides one. */
static bool has_provider(const struct lock *lock, const struct definition_requests *requests,
			 const char *reason)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++) {
		bool named = strcmp(rpms[i].reason, reason) != 0;

		for (size_t k = 0; !named && k < requests->count; k++)
			named = is_asked_for(rpms[i].nevra, requests->items[k].name);
		if (!named)
			return true;
	}
	return false;
}

static int check_packages(const char *path, const struct lock *lock, const struct definition *def,
			  struct strv *warnings, struct err *err)
{
	CLEANUP(definition_requests_release) struct definition_requests requests = { .count = 0 };
	int r = definition_requests(def, &requests, err);

	for (size_t i = 0; r == 0 && i < requests.count; i++) {
		const struct definition_request *request = &requests.items[i];

		if (request->name[0] == '@' || strpbrk(request->name, "(/") ||
		    has_named(lock, request->name) ||
		    has_provider(lock, &requests, request->reason))
			continue;
		r = strv_addf(warnings, err,
			      "%s: '%s' has no package '%s' (%s): resolve again if the definition "
			      "has changed",
			      request->where, path, request->name, request->reason);
	}
	return r;
}

int lock_fit(const char *path, const struct lock *lock, const struct definition *def,
	     struct strv *warnings, struct err *err)
{
	int r = check_platform(path, lock, def, err);

	if (r == 0)
		r = check_trust(path, lock, def, err);
	if (r == 0)
		r = check_wheels(path, lock, def, warnings, err);
	if (r == 0 && !def->baseline)
		r = check_packages(path, lock, def, warnings, err);
	return r;
}
