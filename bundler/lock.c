/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "digest.h"
#include "file.h"
#include "url.h"
#include "wheel_tags.h"
#include "yaml.h"

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

static int parse_u64(const struct yaml_node *node, void *member, struct err *err)
{
	if (node->type != YAML_SCALAR || !node->plain)
		return yaml_error(node, err, "a number is expected");
	if (str_u64(member, node->text, 0, INT64_MAX, err) < 0)
		return yaml_error(node, err, "'%.40s' is not a number", node->text);
	return 0;
}

static const struct schema_field platform_fields[] = {
	SCHEMA_STRING(struct lock_platform, id, "id", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_platform, arch, "arch",
		      SCHEMA_REQUIRED | SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRING(struct lock_platform, glibc, "glibc", SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRING(struct lock_platform, python, "python", SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_END,
};

static const struct schema_field repo_fields[] = {
	SCHEMA_STRING(struct lock_repo, id, "id", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_repo, baseurl, "baseurl", SCHEMA_NONEMPTY),
	SCHEMA_STRV(struct lock_repo, mirrors, "mirrors", 0),
	SCHEMA_STRING(struct lock_repo, mirrorlist, "mirrorlist", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_repo, metalink, "metalink", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_repo, repomd, "repomd", SCHEMA_REQUIRED),
	SCHEMA_CUSTOM(struct lock_repo, revision, "revision", 0, parse_u64, NULL),
	SCHEMA_STRV(struct lock_repo, keys, "keys", SCHEMA_REQUIRED),
	SCHEMA_STRV(struct lock_repo, gpgkey, "gpgkey", 0),
	SCHEMA_STRING(struct lock_repo, sslcacert, "sslcacert", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_repo, sslclientcert, "sslclientcert", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_repo, sslclientkey, "sslclientkey", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_repo, repofile, "repofile", SCHEMA_NONEMPTY),
	SCHEMA_END,
};

static const struct schema_field rpm_fields[] = {
	SCHEMA_STRING(struct lock_rpm, nevra, "nevra", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_rpm, repo, "repo", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct lock_rpm, path, "path", SCHEMA_REQUIRED),
	SCHEMA_CUSTOM(struct lock_rpm, size_bytes, "size", SCHEMA_REQUIRED, parse_u64, NULL),
	SCHEMA_STRING(struct lock_rpm, sha256, "sha256", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct lock_rpm, license, "license", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct lock_rpm, reason, "reason", SCHEMA_REQUIRED),
	SCHEMA_END,
};

static const struct schema_field build_fields[] = {
	SCHEMA_STRING(struct lock_build, name, "name",
		      SCHEMA_REQUIRED | SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRING(struct lock_build, version, "version", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_build, url, "url", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_build, sha256, "sha256", SCHEMA_REQUIRED),
	SCHEMA_END,
};

static const struct schema_field sdist_fields[] = {
	SCHEMA_STRING(struct lock_sdist, url, "url", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_sdist, sha256, "sha256", SCHEMA_REQUIRED),
	SCHEMA_LIST(struct lock_sdist, build, "build", 0, build_fields, struct lock_build),
	SCHEMA_END,
};

static const struct schema_field wheel_fields[] = {
	SCHEMA_STRING(struct lock_wheel, name, "name",
		      SCHEMA_REQUIRED | SCHEMA_NONEMPTY | SCHEMA_WORD),
	SCHEMA_STRING(struct lock_wheel, version, "version", SCHEMA_REQUIRED | SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_wheel, file, "file", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct lock_wheel, url, "url", SCHEMA_NONEMPTY),
	SCHEMA_STRING(struct lock_wheel, sha256, "sha256", SCHEMA_REQUIRED),
	SCHEMA_STRUCT(struct lock_wheel, sdist, "sdist", 0, sdist_fields),
	SCHEMA_END,
};

static const struct schema_field lock_fields[] = {
	SCHEMA_UINT(struct lock, version, "pgha-lock", SCHEMA_REQUIRED, 1, 1),
	SCHEMA_STRUCT(struct lock, platform, "platform", SCHEMA_REQUIRED, platform_fields),
	SCHEMA_LIST(struct lock, repos, "repos", SCHEMA_REQUIRED, repo_fields, struct lock_repo),
	SCHEMA_LIST(struct lock, rpms, "rpms", SCHEMA_REQUIRED, rpm_fields, struct lock_rpm),
	SCHEMA_LIST(struct lock, wheels, "wheels", 0, wheel_fields, struct lock_wheel),
	SCHEMA_END,
};

void lock_release(struct lock *lock)
{
	schema_release(lock_fields, lock);
	*lock = (struct lock)LOCK_INIT;
}

/* --- checks of what the schema cannot say ----------------------------------------------------- */

static bool is_sha256(const char *text)
{
	unsigned char raw[SHA256_SIZE];

	return hex_decode(raw, sizeof(raw), text) && !strpbrk(text, "ABCDEF");
}

/* A word that goes into messages, file names and other files: printable ASCII without blanks. */
static bool is_token(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return *text != '\0';
}

/* name-[epoch:]version-release.arch, none of them empty. */
static bool is_nevra(const char *text)
{
	const char *arch = strrchr(text, '.');
	const char *dash = arch;
	size_t dashes = 0;

	if (!is_token(text) || strchr(text, '/') || !arch || !arch[1])
		return false;
	for (const char *p = arch; p > text && dashes < 2; p--)
		if (p[-1] == '-') {
			if (p == dash)
				return false;
			dash = p - 1;
			dashes++;
		}
	return dashes == 2 && dash > text;
}

static bool is_fingerprint(const char *text)
{
	size_t len = strlen(text);

	return (len == 40 || len == 64) && strspn(text, "0123456789ABCDEF") == len;
}

/* The value of KEY, or the mapping itself when it is absent, so that there is a place to name. */
static const struct yaml_node *at(const struct yaml_node *item, const char *key)
{
	const struct yaml_node *node = yaml_get(item, key);

	return node ? node : item;
}

static int check_base(const struct yaml_node *node, const char *url, struct err *err)
{
	if (url_is_valid(url) && !str_ends(url, "/") && !strpbrk(url, "?#"))
		return 0;
	return yaml_error(node, err,
			  "an https, http or file URL without credentials and without a slash at "
			  "its end is expected");
}

static int check_places(const struct yaml_node *node, const struct lock_repo *repo, struct err *err)
{
	const char *const lists[] = { repo->mirrorlist, repo->metalink };
	static const char *const names[] = { "mirrorlist", "metalink" };
	int r = 0;

	if (!repo->baseurl && !repo->mirrorlist && !repo->metalink)
		return yaml_error(node, err,
				  "one of 'baseurl', 'mirrorlist' and 'metalink' is missing");
	if (repo->mirrors.count && !repo->baseurl)
		return yaml_error(at(node, "mirrors"), err, "there is no 'baseurl' before them");
	if (repo->baseurl)
		r = check_base(at(node, "baseurl"), repo->baseurl, err);
	for (size_t i = 0; r == 0 && i < repo->mirrors.count; i++)
		r = check_base(at(node, "mirrors"), repo->mirrors.items[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
		if (lists[i] && !url_is_valid(lists[i]))
			r = yaml_error(at(node, names[i]), err,
				       "a URL without credentials is expected");
	return r;
}

static int check_repo(const struct yaml_node *node, const struct lock_repo *repo, struct err *err)
{
	const char *const files[] = { repo->sslcacert, repo->sslclientcert, repo->sslclientkey,
				      repo->repofile };
	static const char *const names[] = { "sslcacert", "sslclientcert", "sslclientkey",
					     "repofile" };
	int r = 0;

	if (!str_is_word(repo->id, "._-+:"))
		return yaml_error(at(node, "id"), err, "'%.60s' is no repository id", repo->id);
	r = check_places(node, repo, err);
	if (r < 0)
		return r;
	if (!is_sha256(repo->repomd))
		return yaml_error(at(node, "repomd"), err, "64 lower-case hex digits are expected");
	for (size_t i = 0; i < repo->keys.count; i++)
		if (!is_fingerprint(repo->keys.items[i]))
			return yaml_error(at(node, "keys"), err, "'%.80s' is no fingerprint",
					  repo->keys.items[i]);
	for (size_t i = 0; i < repo->gpgkey.count; i++)
		if (!url_is_valid(repo->gpgkey.items[i]))
			return yaml_error(at(node, "gpgkey"), err,
					  "a URL without credentials is expected");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i] && (files[i][0] != '/' || !str_is_plain(files[i])))
			return yaml_error(at(node, names[i]), err, "an absolute path is expected");
	return 0;
}

int lock_rpm_check(const struct lock_rpm *rpm, const char **ret_key, struct err *err)
{
	*ret_key = "nevra";
	if (!is_nevra(rpm->nevra))
		return err_set(err, ERR_CONFIG,
			       "'%.200s' is no package: name-version-release.arch is expected",
			       rpm->nevra);
	*ret_key = "path";
	if (!path_is_safe(rpm->path) || !str_is_plain(rpm->path) || !str_ends(rpm->path, ".rpm"))
		return err_set(err, ERR_CONFIG,
			       "'%.200s' is no plain path of an RPM below its repository",
			       rpm->path);
	*ret_key = "sha256";
	if (!is_sha256(rpm->sha256))
		return err_set(err, ERR_CONFIG, "64 lower-case hex digits are expected");
	*ret_key = "size";
	if (!rpm->size_bytes)
		return err_set(err, ERR_CONFIG, "an RPM is not empty");
	if (rpm->size_bytes > LOCK_RPM_SIZE_MAX)
		return err_set(err, ERR_CONFIG, "no RPM has %llu bytes",
			       (unsigned long long)rpm->size_bytes);
	*ret_key = "license";
	if (!str_is_plain(rpm->license))
		return err_set(err, ERR_CONFIG, "control characters in the licence");
	*ret_key = "reason";
	if (!str_is_plain(rpm->reason))
		return err_set(err, ERR_CONFIG, "control characters in the reason");
	return 0;
}

static int check_rpm(const struct yaml_node *node, const struct lock *lock,
		     const struct lock_rpm *rpm, struct err *err)
{
	struct err why = ERR_INIT;
	const char *key = NULL;

	if (lock_rpm_check(rpm, &key, &why) < 0)
		return yaml_error(at(node, key), err, "%s", why.msg);
	if (!lock_find_repo(lock, rpm->repo))
		return yaml_error(at(node, "repo"), err, "no repository '%.60s' in this lock",
				  rpm->repo);
	return 0;
}

static int check_builds(const struct yaml_node *node, const struct lock_sdist *sdist,
			struct err *err)
{
	const struct lock_build *builds = sdist->build.items;

	for (size_t i = 0; i < sdist->build.count; i++) {
		const struct yaml_node *item = yaml_get(node, "build")->items[i];

		if (builds[i].name[0] == '-' || !str_is_word(builds[i].version, ".!+-_"))
			return yaml_error(item, err,
					  "'%.60s' '%.60s' is no distribution and version",
					  builds[i].name, builds[i].version);
		if (!url_is_valid(builds[i].url) || !is_sha256(builds[i].sha256))
			return yaml_error(item, err,
					  "a URL without credentials and a SHA-256 are expected");
	}
	return 0;
}

/* The machine that the lock is for loads it. */
static int check_wheel_file(const struct yaml_node *node, const struct lock_platform *platform,
			    const struct lock_wheel *wheel, struct err *err)
{
	struct err why = ERR_INIT;

	if (wheel_tags_check_name(wheel->file, wheel->name, &why) == 0 &&
	    wheel_tags_check(wheel->file, platform, &why) == 0)
		return 0;
	return why.code == ERR_HOST ? err_nomem(err)
				    : yaml_error(at(node, "file"), err, "%s", why.msg);
}

static int check_wheel(const struct yaml_node *node, const struct lock_platform *platform,
		       const struct lock_wheel *wheel, struct err *err)
{
	/* Both stand in a requirements file: pip must not take them for an option. */
	if (wheel->name[0] == '-')
		return yaml_error(at(node, "name"), err, "'%.60s' is no distribution's name",
				  wheel->name);
	if (!is_token(wheel->version) || !str_is_word(wheel->version, ".!+-_"))
		return yaml_error(at(node, "version"), err, "'%.60s' is no version",
				  wheel->version);
	if (!path_is_safe(wheel->file) || !is_token(wheel->file) || strchr(wheel->file, '/') ||
	    !str_ends(wheel->file, ".whl"))
		return yaml_error(at(node, "file"), err, "'%.200s' is no wheel's file name",
				  wheel->file);
	if (!wheel->url && !wheel->sdist.url)
		return yaml_error(node, err, "a wheel needs a 'url' or an 'sdist'");
	if (wheel->url && !url_is_valid(wheel->url))
		return yaml_error(at(node, "url"), err, "a URL without credentials is expected");
	if (!is_sha256(wheel->sha256))
		return yaml_error(at(node, "sha256"), err, "64 lower-case hex digits are expected");
	if (wheel->sdist.url &&
	    (!url_is_valid(wheel->sdist.url) || !is_sha256(wheel->sdist.sha256)))
		return yaml_error(at(node, "sdist"), err,
				  "a URL without credentials and a SHA-256 are expected");
	if (wheel->sdist.build.count && check_builds(at(node, "sdist"), &wheel->sdist, err) < 0)
		return -(int)err->code;
	return check_wheel_file(node, platform, wheel, err);
}

/* --- order ------------------------------------------------------------------------------------- */

static int cmp_repo(const void *a, const void *b)
{
	return strcmp(((const struct lock_repo *)a)->id, ((const struct lock_repo *)b)->id);
}

static int cmp_rpm(const void *a, const void *b)
{
	return strcmp(((const struct lock_rpm *)a)->nevra, ((const struct lock_rpm *)b)->nevra);
}

static int cmp_wheel(const void *a, const void *b)
{
	return strcmp(((const struct lock_wheel *)a)->name, ((const struct lock_wheel *)b)->name);
}

static int cmp_build(const void *a, const void *b)
{
	return strcmp(((const struct lock_build *)a)->name, ((const struct lock_build *)b)->name);
}

static void sort_list(struct schema_list *list, size_t item_size,
		      int (*cmp)(const void *, const void *))
{
	if (list->count > 1)
		qsort(list->items, list->count, item_size, cmp);
}

static void lock_sort(struct lock *lock)
{
	struct lock_wheel *wheels = lock->wheels.items;

	for (size_t i = 0; i < lock->wheels.count; i++)
		sort_list(&wheels[i].sdist.build, sizeof(struct lock_build), cmp_build);
	sort_list(&lock->repos, sizeof(struct lock_repo), cmp_repo);
	sort_list(&lock->rpms, sizeof(struct lock_rpm), cmp_rpm);
	sort_list(&lock->wheels, sizeof(struct lock_wheel), cmp_wheel);
}

/* What stands twice in LIST, which is sorted: the second one's key, or NULL. The key is the first
 * member of the structure. */
static const char *find_double(const struct schema_list *list, size_t item_size)
{
	const char *items = list->items;

	for (size_t i = 1; i < list->count; i++) {
		const char *const *a = (const char *const *)(items + (i - 1) * item_size);
		const char *const *b = (const char *const *)(items + i * item_size);

		if (!strcmp(*a, *b))
			return *b;
	}
	return NULL;
}

/* --- reading ------------------------------------------------------------------------------------ */

static int check_lock(const struct yaml_node *root, struct lock *lock, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	const struct lock_rpm *rpms = lock->rpms.items;
	const struct lock_wheel *wheels = lock->wheels.items;
	const char *twice = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < lock->repos.count; i++)
		r = check_repo(yaml_get(root, "repos")->items[i], &repos[i], err);
	for (size_t i = 0; r == 0 && i < lock->rpms.count; i++)
		r = check_rpm(yaml_get(root, "rpms")->items[i], lock, &rpms[i], err);
	for (size_t i = 0; r == 0 && i < lock->wheels.count; i++)
		r = check_wheel(yaml_get(root, "wheels")->items[i], &lock->platform, &wheels[i],
				err);
	if (r < 0)
		return r;
	lock_sort(lock);
	twice = find_double(&lock->repos, sizeof(*repos));
	if (!twice)
		twice = find_double(&lock->rpms, sizeof(*rpms));
	if (!twice)
		twice = find_double(&lock->wheels, sizeof(*wheels));
	if (twice)
		return yaml_error(root, err, "'%.200s' stands twice", twice);
	return 0;
}

int lock_parse(const char *name, const char *text, size_t len, struct lock *ret, struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	int r = yaml_parse(name, text, len, ERR_CONFIG, &doc, err);

	if (r == 0)
		r = schema_load(yaml_root(doc), lock_fields, ret, err);
	if (r == 0)
		r = check_lock(yaml_root(doc), ret, err);
	return r;
}

int lock_load(const char *path, struct lock *ret, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0;
	int r = file_read(path, LOCK_SIZE_MAX, ERR_USAGE, &text, &size, err);

	return r < 0 ? r : lock_parse(path, text, size, ret, err);
}

/* --- building ----------------------------------------------------------------------------------- */

static int list_add(struct schema_list *list, size_t item_size, void **ret, struct err *err)
{
	void *bigger = reallocarray(list->items, list->count + 1, item_size);

	if (!bigger)
		return err_nomem(err);
	list->items = bigger;
	*ret = (char *)list->items + list->count * item_size;
	memset(*ret, 0, item_size);
	list->count++;
	return 0;
}

int lock_add_repo(struct lock *lock, struct lock_repo **ret, struct err *err)
{
	void *item = NULL;
	int r = list_add(&lock->repos, sizeof(**ret), &item, err);

	if (r == 0)
		*ret = item;
	return r;
}

int lock_add_rpm(struct lock *lock, struct lock_rpm **ret, struct err *err)
{
	void *item = NULL;
	int r = list_add(&lock->rpms, sizeof(**ret), &item, err);

	if (r == 0)
		*ret = item;
	return r;
}

int lock_add_wheel(struct lock *lock, struct lock_wheel **ret, struct err *err)
{
	void *item = NULL;
	int r = list_add(&lock->wheels, sizeof(**ret), &item, err);

	if (r == 0)
		*ret = item;
	return r;
}

int lock_add_build(struct lock_sdist *sdist, struct lock_build **ret, struct err *err)
{
	void *item = NULL;
	int r = list_add(&sdist->build, sizeof(**ret), &item, err);

	if (r == 0)
		*ret = item;
	return r;
}

int lock_copy_sdist(const struct lock_sdist *from, struct lock_sdist *to, struct err *err)
{
	const struct lock_build *builds = from->build.items;
	int r = from->url ? str_dup(&to->url, from->url, err) : 0;

	if (r == 0 && from->sha256)
		r = str_dup(&to->sha256, from->sha256, err);
	for (size_t i = 0; r == 0 && i < from->build.count; i++) {
		struct lock_build *build = NULL;

		r = lock_add_build(to, &build, err);
		if (r == 0)
			r = str_dup(&build->name, builds[i].name, err);
		if (r == 0)
			r = str_dup(&build->version, builds[i].version, err);
		if (r == 0)
			r = str_dup(&build->url, builds[i].url, err);
		if (r == 0)
			r = str_dup(&build->sha256, builds[i].sha256, err);
	}
	return r;
}

void lock_release_builds(struct lock_sdist *sdist)
{
	struct lock_build *builds = sdist->build.items;

	for (size_t i = 0; i < sdist->build.count; i++)
		schema_release(build_fields, &builds[i]);
	free(builds);
	sdist->build = (struct schema_list){ .items = NULL };
}

void lock_release_sdist(struct lock_sdist *sdist)
{
	schema_release(sdist_fields, sdist);
	*sdist = (struct lock_sdist){ .url = NULL };
}

/* --- writing ------------------------------------------------------------------------------------ */

static void add_pair(struct str *out, const char *key, const char *value, bool first)
{
	if (!value)
		return;
	str_addf(out, first ? "{%s: " : ", %s: ", key);
	yaml_emit_scalar(out, value);
}

static void add_strings(struct str *out, const char *key, const struct strv *list)
{
	str_addf(out, ", %s: [", key);
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			str_add(out, ", ");
		yaml_emit_scalar(out, list->items[i]);
	}
	str_addc(out, ']');
}

static void add_platform(struct str *out, const struct lock_platform *platform)
{
	str_add(out, "platform: ");
	add_pair(out, "id", platform->id, true);
	add_pair(out, "arch", platform->arch, false);
	add_pair(out, "glibc", platform->glibc, false);
	add_pair(out, "python", platform->python, false);
	str_add(out, "}\n");
}

static void add_repo(struct str *out, const struct lock_repo *repo)
{
	str_add(out, "  - ");
	add_pair(out, "id", repo->id, true);
	add_pair(out, "baseurl", repo->baseurl, false);
	if (repo->mirrors.count)
		add_strings(out, "mirrors", &repo->mirrors);
	add_pair(out, "mirrorlist", repo->mirrorlist, false);
	add_pair(out, "metalink", repo->metalink, false);
	add_pair(out, "repomd", repo->repomd, false);
	if (repo->revision)
		str_addf(out, ", revision: %llu", (unsigned long long)repo->revision);
	add_strings(out, "keys", &repo->keys);
	if (repo->gpgkey.count)
		add_strings(out, "gpgkey", &repo->gpgkey);
	add_pair(out, "sslcacert", repo->sslcacert, false);
	add_pair(out, "sslclientcert", repo->sslclientcert, false);
	add_pair(out, "sslclientkey", repo->sslclientkey, false);
	add_pair(out, "repofile", repo->repofile, false);
	str_add(out, "}\n");
}

static void add_line(struct str *out, const char *start, const char *key, const char *value)
{
	str_addf(out, "%s%s: ", start, key);
	yaml_emit_scalar(out, value);
	str_addc(out, '\n');
}

static void add_rpm(struct str *out, const struct lock_rpm *rpm)
{
	add_line(out, "  - ", "nevra", rpm->nevra);
	add_line(out, "    ", "repo", rpm->repo);
	add_line(out, "    ", "path", rpm->path);
	str_addf(out, "    size: %llu\n", (unsigned long long)rpm->size_bytes);
	add_line(out, "    ", "sha256", rpm->sha256);
	add_line(out, "    ", "license", rpm->license);
	add_line(out, "    ", "reason", rpm->reason);
}

static void add_builds(struct str *out, const struct lock_sdist *sdist)
{
	const struct lock_build *builds = sdist->build.items;

	if (!sdist->build.count)
		return;
	str_add(out, ", build: [");
	for (size_t i = 0; i < sdist->build.count; i++) {
		str_add(out, i ? ", " : "");
		add_pair(out, "name", builds[i].name, true);
		add_pair(out, "version", builds[i].version, false);
		add_pair(out, "url", builds[i].url, false);
		add_pair(out, "sha256", builds[i].sha256, false);
		str_addc(out, '}');
	}
	str_addc(out, ']');
}

static void add_wheel(struct str *out, const struct lock_wheel *wheel)
{
	str_add(out, "  - ");
	add_pair(out, "name", wheel->name, true);
	add_pair(out, "version", wheel->version, false);
	add_pair(out, "file", wheel->file, false);
	add_pair(out, "url", wheel->url, false);
	add_pair(out, "sha256", wheel->sha256, false);
	if (wheel->sdist.url) {
		str_add(out, ", sdist: ");
		add_pair(out, "url", wheel->sdist.url, true);
		add_pair(out, "sha256", wheel->sdist.sha256, false);
		add_builds(out, &wheel->sdist);
		str_addc(out, '}');
	}
	str_add(out, "}\n");
}

int lock_format(struct lock *lock, char **ret_text, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	const struct lock_repo *repos = lock->repos.items;
	const struct lock_rpm *rpms = lock->rpms.items;
	const struct lock_wheel *wheels = lock->wheels.items;

	lock_sort(lock);
	str_addf(&out, "pgha-lock: %u\n", lock->version);
	add_platform(&out, &lock->platform);
	str_add(&out, lock->repos.count ? "repos:\n" : "repos: []\n");
	for (size_t i = 0; i < lock->repos.count; i++)
		add_repo(&out, &repos[i]);
	str_add(&out, lock->rpms.count ? "rpms:\n" : "rpms: []\n");
	for (size_t i = 0; i < lock->rpms.count; i++)
		add_rpm(&out, &rpms[i]);
	str_add(&out, lock->wheels.count ? "wheels:\n" : "wheels: []\n");
	for (size_t i = 0; i < lock->wheels.count; i++)
		add_wheel(&out, &wheels[i]);
	return str_done(&out, ret_text, err);
}

/* --- questions ---------------------------------------------------------------------------------- */

const struct lock_repo *lock_find_repo(const struct lock *lock, const char *id)
{
	const struct lock_repo *repos = lock->repos.items;

	for (size_t i = 0; i < lock->repos.count; i++)
		if (!strcmp(repos[i].id, id))
			return &repos[i];
	return NULL;
}

int lock_rpm_url(const struct lock *lock, const struct lock_rpm *rpm, char **ret_url,
		 struct err *err)
{
	const struct lock_repo *repo = lock_find_repo(lock, rpm->repo);

	if (!repo)
		return err_set(err, ERR_CONFIG, "no repository '%s' for package '%s'", rpm->repo,
			       rpm->nevra);
	if (!repo->baseurl)
		return err_set(err, ERR_FAILED, "repository '%s' has no baseurl", repo->id);
	return url_join(repo->baseurl, rpm->path, ret_url, err);
}
