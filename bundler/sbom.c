/* SPDX-License-Identifier: Apache-2.0 */
#include "sbom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <solv/solvable.h>

#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "lock_diff.h"

void sbom_release(struct sbom *sbom)
{
	for (size_t i = 0; i < sbom->count; i++) {
		struct sbom_part *p = &sbom->parts[i];

		free(p->id);
		free(p->purl);
		free(p->name);
		free(p->version);
		free(p->file);
		free(p->url);
		free(p->license);
		free(p->supplier);
		free(p->homepage);
		free(p->origin);
	}
	free(sbom->parts);
	free(sbom->name);
	free(sbom->version);
	*sbom = (struct sbom)SBOM_INIT;
}

static int copy_text(char **ret, const char *text, struct err *err)
{
	return text && *text ? str_dup(ret, text, err) : 0;
}

/* Percent-encoded as package URLs want it. */
static void add_encoded(struct str *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		const char one[2] = { *p, '\0' };

		if (str_is_word(one, ".-_~:"))
			str_addc(out, *p);
		else
			str_addf(out, "%%%02X", (unsigned char)*p);
	}
}

/* Of letters, digits, '.' and '-' alone, and one for each TEXT. */
static int make_id(const char *kind, const char *text, char **ret, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;

	str_addf(&out, "%s-", kind);
	for (const char *p = text; *p; p++) {
		const char one[2] = { *p, '\0' };

		if (str_is_word(one, "."))
			str_addc(&out, *p);
		else if (*p == '-')
			str_add(&out, "--");
		else
			str_addf(&out, "-%02x-", (unsigned char)*p);
	}
	return str_done(&out, ret, err);
}

/* pkg:rpm/NAME@VERSION-RELEASE?arch=…&distro=…&epoch=…, qualifiers in order. */
static int rpm_purl(const struct lock *lock, const struct lock_nevra *v, char **ret,
		    struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	const char *colon = strchr(v->evr, ':');
	const char *distro = strchr(lock->platform.id, ':');

	str_add(&out, "pkg:rpm/");
	add_encoded(&out, v->name);
	str_addc(&out, '@');
	add_encoded(&out, colon ? colon + 1 : v->evr);
	str_add(&out, "?arch=");
	add_encoded(&out, v->arch);
	str_add(&out, "&distro=");
	add_encoded(&out, distro ? distro + 1 : lock->platform.id);
	if (colon)
		str_addf(&out, "&epoch=%.*s", (int)(colon - v->evr), v->evr);
	return str_done(&out, ret, err);
}

static int wheel_purl(const struct lock_wheel *w, char **ret, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;

	str_add(&out, "pkg:pypi/");
	add_encoded(&out, w->name);
	str_addc(&out, '@');
	add_encoded(&out, w->version);
	str_add(&out, "?file_name=");
	add_encoded(&out, w->file);
	return str_done(&out, ret, err);
}

static size_t find_parent(const struct lock *lock, const struct lock_rpm *rpm)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	if (!str_starts(rpm->reason, "package "))
		return SBOM_ROOT;
	for (size_t i = 0; i < lock->rpms.count; i++)
		if (&rpms[i] != rpm && !strcmp(rpms[i].nevra, rpm->reason + strlen("package ")))
			return i;
	return SBOM_ROOT;
}

/* The key is known once the package was there. */
static const char *signer_of(const struct contents *contents, const char *file)
{
	const size_t dir = strlen("repo/Packages/");

	for (size_t i = 0; contents && i < contents->set.index.member_count; i++) {
		const struct index_member *m = &contents->set.index.members[i];

		if (m->key && !strncmp(m->path, "repo/Packages/", dir) &&
		    !strcmp(m->path + dir, file))
			return m->key;
	}
	return NULL;
}

/* What only the repository's metadata say. */
static int add_details(struct contents *contents, const struct lock_rpm *rpm, struct sbom_part *p,
		       struct err *err)
{
	Id id = contents ? contents_solvable(contents, rpm->sha256) : 0;
	Solvable *s = id ? &contents->pool->solvables[id] : NULL;
	int r = 0;

	if (!s)
		return 0;
	r = copy_text(&p->supplier, s->vendor ? pool_id2str(contents->pool, s->vendor) : NULL, err);
	return r < 0 ? r : copy_text(&p->homepage, solvable_lookup_str(s, SOLVABLE_URL), err);
}

static int add_rpm(const struct lock *lock, const struct lock_rpm *rpm, struct contents *contents,
		   struct sbom_part *p, struct err *err)
{
	const struct lock_repo *repo = lock_find_repo(lock, rpm->repo);
	const char *signer = signer_of(contents, path_basename(rpm->path));
	CLEANUP(lock_nevra_release) struct lock_nevra v = { .name = NULL };
	int r = lock_nevra_split(rpm->nevra, &v, err);

	if (r == 0)
		r = make_id("rpm", rpm->nevra, &p->id, err);
	if (r == 0)
		r = rpm_purl(lock, &v, &p->purl, err);
	if (r == 0)
		r = str_dup(&p->name, v.name, err);
	if (r == 0)
		r = str_dup(&p->version, v.evr, err);
	if (r == 0)
		r = str_dup(&p->file, path_basename(rpm->path), err);
	if (r == 0 && repo && repo->baseurl)
		r = lock_rpm_url(lock, rpm, &p->url, err);
	if (r == 0)
		r = copy_text(&p->license, rpm->license, err);
	if (r == 0)
		r = str_printf(&p->origin, err, "repository %s, %s%s%s", rpm->repo, rpm->path,
			       signer ? ", signed by " : "", signer ? signer : "");
	p->sha256 = rpm->sha256;
	p->parent = find_parent(lock, rpm);
	return r < 0 ? r : add_details(contents, rpm, p, err);
}

static int add_wheel(const struct lock_wheel *w, const struct wheel_meta *meta, struct sbom_part *p,
		     struct err *err)
{
	const char *url = w->url ? w->url : w->sdist.url;
	int r = make_id("pypi", w->name, &p->id, err);

	if (r == 0)
		r = wheel_purl(w, &p->purl, err);
	if (r == 0)
		r = str_dup(&p->name, w->name, err);
	if (r == 0)
		r = str_dup(&p->version, w->version, err);
	if (r == 0)
		r = str_dup(&p->file, w->file, err);
	if (r == 0)
		r = copy_text(&p->url, url, err);
	if (r == 0 && meta)
		r = copy_text(&p->license, meta->license, err);
	if (r == 0 && meta)
		r = copy_text(&p->supplier, meta->author, err);
	if (r == 0 && meta)
		r = copy_text(&p->homepage, meta->homepage, err);
	if (r == 0 && w->url)
		r = str_printf(&p->origin, err, "Python index, %s", w->url);
	else if (r == 0)
		r = str_printf(&p->origin, err, "built from %s, SHA-256 %s", w->sdist.url,
			       w->sdist.sha256);
	p->sha256 = w->sha256;
	p->parent = SBOM_ROOT;
	return r;
}

/* A UUID of version 8 (RFC 9562) from a digest of what is described. */
static int make_uuid(const struct lock *lock, const struct contents *contents, struct sbom *sbom,
		     struct err *err)
{
	struct lock sorted = *lock; /* sorted already, as find_parent() needs it */
	cleanup_free char *text = NULL;
	char hex[SHA256_HEX_SIZE];
	int r = lock_format(&sorted, &text, err);

	if (r == 0 && contents)
		r = sha256_hex(contents->set.index_text.buf, contents->set.index_text.len, hex,
			       err);
	else if (r == 0)
		r = sha256_hex(text, strlen(text), hex, err);
	if (r < 0)
		return r;
	snprintf(sbom->uuid, sizeof(sbom->uuid), "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8,
		 hex + 13, hex + 17, hex + 20);
	if (contents)
		r = str_printf(&sbom->version, err, "%llu",
			       (unsigned long long)contents->set.index.sequence);
	else
		r = str_printf(&sbom->version, err, "%.12s", hex);
	return r < 0 ? r
		     : str_printf(&sbom->name, err, "pgha-%s",
				  contents ? contents->set.index.cluster : "lock");
}

int sbom_make(const struct lock *lock, struct contents *contents, time_t created, struct sbom *ret,
	      struct err *err)
{
	const struct lock_rpm *rpms = lock->rpms.items;
	const struct lock_wheel *wheels = lock->wheels.items;
	int r = contents ? contents_pool(contents, err) : 0;

	if (r == 0)
		r = make_uuid(lock, contents, ret, err);
	if (r < 0)
		return r;
	ret->created = created;
	ret->parts = calloc(lock->rpms.count + lock->wheels.count + 1, sizeof(*ret->parts));
	if (!ret->parts)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++)
		r = add_rpm(lock, &rpms[i], contents, &ret->parts[ret->count++], err);
	for (size_t i = 0; r == 0 && i < lock->wheels.count; i++)
		r = add_wheel(&wheels[i], contents ? &contents->wheels[i] : NULL,
			      &ret->parts[ret->count++], err);
	return r;
}
