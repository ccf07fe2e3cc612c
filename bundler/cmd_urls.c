/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle urls: what a lock names, for other download tools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "commands.h"
#include "file.h"
#include "lock.h"
#include "progress.h"
#include "servers.h"
#include "url.h"
#include "wheel_input.h"

struct options {
	const char *lock;
	const char *format;
	const char *cache;
	bool offline;
};

static const struct cli_option urls_options[] = {
	{ "lock", 0, CLI_VALUE, "FILE", "what 'resolve' wrote", true,
	  offsetof(struct options, lock) },
	{ "format", 0, CLI_VALUE, "TOOL", "plain, or the input of aria2, wget or curl", false,
	  offsetof(struct options, format) },
	{ "cache", 0, CLI_VALUE, "DIR", "where lists of mirrors are kept", false,
	  offsetof(struct options, cache) },
	{ "offline", 0, CLI_FLAG, NULL, "take lists of mirrors from the cache alone", false,
	  offsetof(struct options, offline) },
	CLI_OPTION_END,
};

/* One file to download. */
struct file {
	const struct strv *urls; /* the preferred one first */
	const char *name;
	const char *sha256;
};

struct urls;

/* What one download tool reads. */
struct format {
	const char *name;
	bool mirrors; /* it takes several URLs of one file */
	bool plain;   /* contract: one URL a line, whatever its kind */
	const char *how;
	void (*begin)(struct urls *u, const struct lock_repo *repo);
	void (*file)(struct urls *u, const struct file *file);
};

struct urls {
	const struct lock *lock;
	const struct format *format;
	struct servers servers;
	struct strv *bases; /* of each of the lock's repositories */
	struct str out;
	bool began;
};

static void urls_release(struct urls *u)
{
	for (size_t i = 0; u->bases && i < u->lock->repos.count; i++)
		strv_release(&u->bases[i]);
	free(u->bases);
	servers_release(&u->servers);
	str_release(&u->out);
}

/* -- formats -- */

static void plain_file(struct urls *u, const struct file *file)
{
	str_addf(&u->out, "%s\n", file->urls->items[0]);
}

/* aria2 takes certificates on its command line alone. */
static void aria2_begin(struct urls *u, const struct lock_repo *repo)
{
	if (!repo || (!repo->sslclientcert && !repo->sslcacert && !repo->repofile))
		return;
	str_addf(&u->out, "# repository '%s' needs:", repo->id);
	if (repo->sslcacert)
		str_addf(&u->out, " --ca-certificate=%s", repo->sslcacert);
	if (repo->sslclientcert)
		str_addf(&u->out, " --certificate=%s", repo->sslclientcert);
	if (repo->sslclientkey)
		str_addf(&u->out, " --private-key=%s", repo->sslclientkey);
	if (repo->repofile)
		str_addf(&u->out, " and the proxy, user or password of %s", repo->repofile);
	str_addc(&u->out, '\n');
}

static void aria2_file(struct urls *u, const struct file *file)
{
	for (size_t i = 0; i < file->urls->count; i++)
		str_addf(&u->out, "%s%s", i ? "\t" : "", file->urls->items[i]);
	str_addf(&u->out, "\n  out=%s\n  checksum=sha-256=%s\n", file->name, file->sha256);
}

/* wget's list has no comments. */
static void wget_begin(struct urls *u, const struct lock_repo *repo)
{
	(void)u;
	if (!repo || (!repo->sslclientcert && !repo->sslcacert && !repo->repofile))
		return;
	notice("repository '%s' needs%s%s%s%s%s%s%s%s", repo->id,
	       repo->sslcacert ? " --ca-certificate=" : "", repo->sslcacert ? repo->sslcacert : "",
	       repo->sslclientcert ? " --certificate=" : "",
	       repo->sslclientcert ? repo->sslclientcert : "",
	       repo->sslclientkey ? " --private-key=" : "",
	       repo->sslclientkey ? repo->sslclientkey : "",
	       repo->repofile ? " the proxy, user or password of " : "",
	       repo->repofile ? repo->repofile : "");
}

static void curl_option(struct str *out, const char *name, const char *value)
{
	if (!value)
		return;
	str_addf(out, "%s = \"", name);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			str_addc(out, '\\');
		str_addc(out, *p);
	}
	str_add(out, "\"\n");
}

/* Options hold until the next `next`, so that no certificate is shown to another repository. */
static void curl_begin(struct urls *u, const struct lock_repo *repo)
{
	str_addf(&u->out, "%s# %s\nfail\nlocation\nproto-redir = \"=http,https\"\n",
		 u->began ? "next\n" : "", repo ? repo->id : "wheels");
	u->began = true;
	if (!repo)
		return;
	curl_option(&u->out, "cacert", repo->sslcacert);
	curl_option(&u->out, "cert", repo->sslclientcert);
	curl_option(&u->out, "key", repo->sslclientkey);
	if (repo->repofile)
		str_addf(&u->out, "# add here the proxy, user or password of %s\n", repo->repofile);
}

static void curl_file(struct urls *u, const struct file *file)
{
	curl_option(&u->out, "url", file->urls->items[0]);
	curl_option(&u->out, "output", file->name);
}

static const struct format formats[] = {
	{ .name = "plain", .plain = true, .file = plain_file },
	{ .name = "aria2",
	  .mirrors = true,
	  .how = "aria2c --dir=DIR --input-file=FILE",
	  .begin = aria2_begin,
	  .file = aria2_file },
	{ .name = "wget",
	  .how = "wget --directory-prefix=DIR --input-file=FILE",
	  .begin = wget_begin,
	  .file = plain_file },
	{ .name = "curl",
	  .how = "cd DIR && curl --parallel --config FILE",
	  .begin = curl_begin,
	  .file = curl_file },
};

static int find_format(const char *name, const struct format **ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name ? name : "plain")) {
			*ret = &formats[i];
			return 0;
		}
	return err_set(err, ERR_USAGE,
		       "unknown format '%s': plain, aria2, wget or curl is expected", name);
}

/* -- files -- */

static bool uses(const struct lock *lock, const struct lock_repo *repo)
{
	const struct lock_rpm *rpms = lock->rpms.items;

	for (size_t i = 0; i < lock->rpms.count; i++)
		if (!strcmp(rpms[i].repo, repo->id))
			return true;
	return false;
}

/* Lists of mirrors are only asked for when nothing else says where a repository is, or when the tool
 * can use them. */
static bool needs_servers(const struct urls *u)
{
	const struct lock_repo *repos = u->lock->repos.items;

	for (size_t i = 0; i < u->lock->repos.count; i++)
		if (uses(u->lock, &repos[i]) &&
		    (!repos[i].baseurl ||
		     (u->format->mirrors && (repos[i].mirrorlist || repos[i].metalink))))
			return true;
	return false;
}

/* aria2 and wget know no file: URLs, and what lies here needs no download. */
static bool is_downloadable(const struct format *format, const char *base)
{
	return format->plain || !strcmp(format->name, "curl") || !str_starts(base, "file:");
}

static int list_bases(struct urls *u, size_t i, struct strv *ret, struct err *err)
{
	const struct lock_repo *repo = (const struct lock_repo *)u->lock->repos.items + i;
	const struct strv *more =
		u->servers.open ? &servers_source(&u->servers, i)->bases : &repo->mirrors;
	int r = 0;

	if (!u->servers.open && is_downloadable(u->format, repo->baseurl))
		r = strv_add(ret, repo->baseurl, err);
	for (size_t k = 0; r == 0 && k < more->count; k++)
		if (is_downloadable(u->format, more->items[k]))
			r = strv_add(ret, more->items[k], err);
	if (r == 0 && ret->count == 0)
		warning("repository '%s' is on this machine: give its directory to --import too",
			repo->id);
	return r;
}

static int add_rpm(struct urls *u, const struct lock_rpm *rpm, struct err *err)
{
	const struct lock_repo *repo = lock_find_repo(u->lock, rpm->repo);
	const struct strv *bases = &u->bases[repo - (const struct lock_repo *)u->lock->repos.items];
	CLEANUP(strv_release) struct strv urls = STRV_INIT;
	const struct file file = { .urls = &urls,
				   .name = path_basename(rpm->path),
				   .sha256 = rpm->sha256 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < (u->format->mirrors ? bases->count : 1); i++) {
		char *url = NULL;

		if (i == bases->count)
			return 0; /* on this machine */
		r = url_join(bases->items[i], rpm->path, &url, err);
		if (r == 0)
			r = strv_take(&urls, url, err);
	}
	if (r == 0 && urls.count)
		u->format->file(u, &file);
	return r;
}

/* Those of one repository, or all in the lock's order. */
static int add_rpms(struct urls *u, const struct lock_repo *repo, struct err *err)
{
	const struct lock_rpm *rpms = u->lock->rpms.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->lock->rpms.count; i++)
		if (!repo || !strcmp(rpms[i].repo, repo->id))
			r = add_rpm(u, &rpms[i], err);
	return r;
}

static int add_repos(struct urls *u, struct err *err)
{
	const struct lock_repo *repos = u->lock->repos.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->lock->repos.count; i++)
		if (uses(u->lock, &repos[i]))
			r = list_bases(u, i, &u->bases[i], err);
	if (r == 0 && !u->format->begin)
		return add_rpms(u, NULL, err);
	for (size_t i = 0; r == 0 && i < u->lock->repos.count; i++) {
		if (u->bases[i].count == 0)
			continue;
		u->format->begin(u, &repos[i]);
		r = add_rpms(u, &repos[i], err);
	}
	return r;
}

/* Two sources may be built with the same. */
static int add_once(struct urls *u, const char *url, const char *name, const char *sha256,
		    struct strv *seen, struct err *err)
{
	CLEANUP(strv_release) struct strv urls = STRV_INIT;
	const struct file file = { .urls = &urls, .name = name, .sha256 = sha256 };
	int r = 0;

	if (strv_has(seen, sha256))
		return 0;
	r = strv_add(seen, sha256, err);
	if (r == 0)
		r = strv_add(&urls, url, err);
	if (r == 0)
		u->format->file(u, &file);
	return r;
}

/* Of a wheel that was built: the source, and what it is built with. */
static int add_wheel(struct urls *u, const struct lock_wheel *w, struct strv *seen, struct err *err)
{
	CLEANUP(wheel_inputs_release) struct wheel_inputs inputs = { .items = NULL };
	int r = 0;

	if (w->url)
		return add_once(u, w->url, w->file, w->sha256, seen, err);
	r = wheel_inputs_list(w->name, &w->sdist, &inputs, err);
	for (size_t i = 0; r == 0 && i < inputs.count; i++) {
		const struct wheel_input *in = &inputs.items[i];

		r = add_once(u, in->url, in->file, in->sha256, seen, err);
	}
	return r;
}

static int add_wheels(struct urls *u, struct err *err)
{
	const struct lock_wheel *wheels = u->lock->wheels.items;
	CLEANUP(strv_release) struct strv seen = STRV_INIT;
	int r = 0;

	if (u->format->begin && u->lock->wheels.count)
		u->format->begin(u, NULL);
	for (size_t i = 0; r == 0 && i < u->lock->wheels.count; i++)
		r = add_wheel(u, &wheels[i], &seen, err);
	return r;
}

static int list_all(struct urls *u, const struct options *o, struct err *err)
{
	const struct http_limits limits = { .offline = o->offline };
	cleanup_free char *cache = NULL;
	int r = 0;

	u->bases = calloc(u->lock->repos.count + 1, sizeof(*u->bases));
	if (!u->bases)
		return err_nomem(err);
	if (u->format->how && strcmp(u->format->name, "wget") != 0)
		str_addf(&u->out, "# %s\n", u->format->how);
	if (needs_servers(u)) {
		r = cache_dir(o->cache, &cache, err);
		u->servers = (struct servers){ .lock = u->lock, .cache = cache, .limits = &limits };
		if (r == 0)
			r = servers_open(&u->servers, err);
	}
	if (r == 0)
		r = add_repos(u, err);
	if (r == 0)
		r = add_wheels(u, err);
	return r < 0 ? r : str_check(&u->out, err);
}

static int cmd_urls(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(urls_release) struct urls u = { .lock = &lock };
	int r = find_format(o->format, &u.format, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = lock_load(o->lock, &lock, err);
	if (r == 0)
		r = list_all(&u, o, err);
	if (r < 0)
		return r;
	if (u.out.buf)
		cli_print(u.out.buf);
	if (u.format->how)
		notice("run: %s; then: pgha-bundle fetch --lock %s --import DIR", u.format->how,
		       o->lock);
	return 0;
}

const struct cli_command bundle_cmd_urls = {
	.name = "urls",
	.args = "",
	.summary = "print one artifact URL a line, or what a download tool reads",
	.options = urls_options,
	.run = cmd_urls,
	.options_size = sizeof(struct options),
};
