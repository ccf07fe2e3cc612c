/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "digest.h"
#include "file.h"
#include "metalink.h"
#include "url.h"

#define LIST_SIZE_MAX (1U << 20) /* bytes of a list of mirrors; Fedora's have 60,000 */

/* What a .repo file or a lock says about one repository's servers; all borrowed. */
struct place {
	struct upstream *to;
	struct repofile_vars vars;      /* for what the list has */
	const char *list;               /* URL of its list of mirrors, or NULL */
	bool metalink;                  /* the list must be one */
	bool skip;                      /* skip_if_unavailable */
	bool signed_metadata;           /* repo_gpgcheck */
	char *kept;                     /* owned: where the list is kept */
	struct http_transfer *transfer; /* NULL: the kept list is taken as it is */
};

struct opening {
	const char *cache;
	const struct http_limits *limits;
	struct strv *warnings;
	struct place *places;
	size_t count;
	struct http_transfer *transfers;
	size_t transfer_count;
};

/* Paths of the kept lists that this process has asked for. */
static struct strv asked = STRV_INIT;

static void opening_release(struct opening *o)
{
	for (size_t i = 0; i < o->transfer_count; i++)
		http_transfer_release(&o->transfers[i]);
	for (size_t i = 0; o->places && i < o->count; i++)
		free(o->places[i].kept);
	free(o->transfers);
	free(o->places);
}

static int opening_init(struct opening *o, size_t count, struct upstreams *ret, struct err *err)
{
	ret->items = calloc(count + 1, sizeof(*ret->items));
	o->places = calloc(count + 1, sizeof(*o->places));
	o->transfers = calloc(count + 1, sizeof(*o->transfers));
	if (!ret->items || !o->places || !o->transfers)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		ret->items[i].source = (struct http_source)HTTP_SOURCE_INIT;
	ret->count = count;
	return 0;
}

/* --- bases -------------------------------------------------------------------------------------- */

/* Without slashes at its end; what BASES has already is passed over. */
static int add_base(struct strv *bases, const char *url, struct err *err)
{
	size_t len = strlen(url);
	cleanup_free char *base = NULL;
	int r = str_dup(&base, url, err);

	if (r < 0)
		return r;
	while (len && base[len - 1] == '/')
		base[--len] = '\0';
	return strv_has(bases, base) ? 0 : strv_take(bases, steal_ptr(&base), err);
}

/*
 * Whether a list may send us to URL. A list from the network names no file of this machine, and a
 * password goes to no server in the clear because a list says so.
 */
static bool is_usable(const struct place *p, const char *url)
{
	if (!url_is_valid(url) || strpbrk(url, "?#"))
		return false;
	if (str_starts(url, "file:"))
		return str_starts(p->list, "file:");
	return !str_starts(url, "http:") || !p->to->source.settings.username;
}

/* Appends the https (or file) ones of MIRRORS, then the http ones. */
static int add_mirrors(const struct place *p, const struct strv *mirrors, struct err *err)
{
	struct strv *bases = &p->to->source.bases;
	/* Without digests only TLS says that metadata is not another's. */
	bool need_tls =
		!p->to->digest_count && !p->signed_metadata && str_starts(p->list, "https:");
	bool tls = false;
	int r = 0;

	for (int http = 0; r == 0 && http <= 1; http++) {
		if (http && need_tls && tls)
			break;
		for (size_t i = 0; r == 0 && i < mirrors->count; i++) {
			const char *url = mirrors->items[i];

			if (str_starts(url, "http:") != (http == 1) || !is_usable(p, url))
				continue;
			tls = tls || str_starts(url, "https:");
			r = add_base(bases, url, err);
		}
	}
	return r;
}

/* --- the two kinds of lists --------------------------------------------------------------------- */

/* Appends URL with its variables replaced; one with an unknown variable is passed over. */
static int add_expanded(const struct place *p, const char *url, struct strv *mirrors,
			struct err *err)
{
	struct err unknown = ERR_INIT;
	char *text = NULL;

	if (repofile_expand(url, &p->vars, &text, &unknown) == 0)
		return strv_take(mirrors, text, err);
	if (unknown.code == ERR_CONFIG)
		return 0;
	*err = unknown;
	return -(int)err->code;
}

/* A URL a line; everything else is no mirror, as for librepo. */
static int read_mirrorlist(const struct place *p, char *text, struct err *err)
{
	static const char blanks[] = " \t\r";
	CLEANUP(strv_release) struct strv mirrors = STRV_INIT;
	char *rest = text;
	char *line = NULL;
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n"))) {
		size_t len = 0;

		line += strspn(line, blanks);
		len = strlen(line);
		while (len && strchr(blanks, line[len - 1]))
			line[--len] = '\0';
		if (*line && *line != '#')
			r = add_expanded(p, line, &mirrors, err);
	}
	return r < 0 ? r : add_mirrors(p, &mirrors, err);
}

/* The best first; equal ones as they stand there. */
static int add_preferred(const struct place *p, const struct metalink *m, unsigned int preference,
			 struct strv *mirrors, struct err *err)
{
	static const char suffix[] = "/repodata/repomd.xml";
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->url_count; i++) {
		const struct metalink_url *u = &m->urls[i];
		cleanup_free char *base = NULL;

		if (u->preference != preference || !str_ends(u->url, suffix))
			continue;
		base = strndup(u->url, strlen(u->url) - strlen(suffix));
		r = base ? add_expanded(p, base, mirrors, err) : err_nomem(err);
	}
	return r;
}

static int read_metalink(const struct place *p, const char *text, size_t size, struct err *err)
{
	CLEANUP(metalink_release) struct metalink m = METALINK_INIT;
	CLEANUP(strv_release) struct strv mirrors = STRV_INIT;
	struct upstream *u = p->to;
	int r = metalink_parse(text, size, &m, err);

	for (unsigned int i = 0; r == 0 && i <= METALINK_PREFERENCE_MAX; i++)
		r = add_preferred(p, &m, METALINK_PREFERENCE_MAX - i, &mirrors, err);
	if (r < 0)
		return r;
	u->digests = calloc(m.digest_count, sizeof(*u->digests));
	if (!u->digests)
		return err_nomem(err);
	u->digest_count = m.digest_count;
	for (size_t i = 0; i < m.digest_count; i++) {
		memcpy(u->digests[i].sha256, m.digests[i].sha256, SHA256_HEX_SIZE);
		u->digests[i].size_bytes = m.digests[i].size_bytes;
	}
	return add_mirrors(p, &mirrors, err);
}

static int read_list(const struct place *p, const char *text, size_t size, struct err *err)
{
	struct strv *bases = &p->to->source.bases;
	size_t before = bases->count;
	/* A mirrorlist that is a metalink is read as one, and as nothing less when its URL says so. */
	bool xml = text[strspn(text, " \t\r\n")] == '<' || str_starts(text, "\xef\xbb\xbf");
	cleanup_free char *copy = NULL;
	int r = 0;

	if (p->metalink || xml) {
		r = read_metalink(p, text, size, err);
	} else {
		r = str_dup(&copy, text, err);
		if (r == 0)
			r = read_mirrorlist(p, copy, err);
	}
	if (r == 0 && bases->count == before)
		r = err_set(err, ERR_VERIFY, "it names no server that can be used");
	if (r == -(int)ERR_VERIFY)
		err_prefix(err, "repository '%s': list of mirrors '%s'", p->to->id,
			   URL_SHOWN(p->list));
	return r;
}

/* --- lists that are kept ------------------------------------------------------------------------ */

static int keep_list(const struct place *p, const char *text, size_t size, struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = str_dup(&dir, p->kept, err);

	if (r < 0)
		return r;
	*strrchr(dir, '/') = '\0';
	r = dir_make(dir, 0755, err);
	if (r == 0)
		r = file_write_cached(p->kept, 0644, text, size, err);
	return r < 0 || strv_has(&asked, p->kept) ? r : strv_add(&asked, p->kept, err);
}

/* Reads the kept list; WHY is the reason when a new one could not be had, or NULL. */
static int read_kept(const struct opening *o, struct place *p, const struct err *why,
		     struct err *err)
{
	char when[CLOCK_TEXT_SIZE] = "";
	cleanup_free char *text = NULL;
	struct err gone = ERR_INIT;
	struct stat st;
	size_t size = 0;
	int r = 0;

	if (stat(p->kept, &st) < 0 ||
	    file_read(p->kept, LIST_SIZE_MAX, ERR_NETWORK, &text, &size, &gone) < 0) {
		if (!why)
			return err_set(err, ERR_NETWORK,
				       "repository '%s': no list of its mirrors is kept, and "
				       "nothing may be downloaded: run once without --offline",
				       p->to->id);
		*err = *why;
		return err_prefix(err, "repository '%s'", p->to->id);
	}
	clock_format(st.st_mtime, when);
	if (why)
		r = strv_addf(o->warnings, err,
			      "repository '%s': its list of mirrors cannot be had, that of %s is "
			      "used: %s",
			      p->to->id, when, why->msg);
	return r < 0 ? r : read_list(p, text, size, err);
}

static int read_place(const struct opening *o, struct place *p, struct err *err)
{
	const struct http_transfer *t = p->transfer;
	int r = 0;

	if (!t)
		return read_kept(o, p, NULL, err);
	if (t->failure.code == ERR_NETWORK)
		return read_kept(o, p, &t->failure, err);
	if (t->failure.code) {
		*err = t->failure;
		return err_prefix(err, "repository '%s'", p->to->id);
	}
	/* A NUL would end the text before its end. */
	if (!t->body.len || strlen(t->body.buf) != t->body.len)
		return err_set(err, ERR_VERIFY,
			       "repository '%s': list of mirrors '%s' is empty or no text",
			       p->to->id, URL_SHOWN(p->list));
	r = read_list(p, t->body.buf, t->body.len, err);
	return r < 0 ? r : keep_list(p, t->body.buf, t->body.len, err);
}

/* --- opening ------------------------------------------------------------------------------------ */

/* Prepares what place P asks for. */
static int plan_list(struct opening *o, struct place *p, struct err *err)
{
	bool offline = o->limits && o->limits->offline && !str_starts(p->list, "file:");
	char name[SHA256_HEX_SIZE];
	int r = sha256_hex(p->list, strlen(p->list), name, err);

	if (r == 0)
		r = str_printf(&p->kept, err, "%s/mirrors/%s", o->cache, name);
	if (r < 0 || offline || strv_has(&asked, p->kept))
		return r;
	p->transfer = &o->transfers[o->transfer_count++];
	*p->transfer = (struct http_transfer){
		.url = p->list,
		.settings = &p->to->source.settings,
		.max_bytes = LIST_SIZE_MAX,
		.may_fail = true,
	};
	return 0;
}

static void forget(struct upstream *u)
{
	strv_release(&u->source.bases);
	free(steal_ptr(&u->digests));
	u->digest_count = 0;
}

static int open_places(struct opening *o, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->count; i++)
		if (o->places[i].list)
			r = plan_list(o, &o->places[i], err);
	if (r == 0)
		r = http_fetch(o->transfers, o->transfer_count, o->limits, NULL, err);
	for (size_t i = 0; r == 0 && i < o->count; i++) {
		struct place *p = &o->places[i];

		r = p->list ? read_place(o, p, err) : 0;
		if ((r == -(int)ERR_NETWORK || r == -(int)ERR_VERIFY) && p->skip) {
			forget(p->to);
			r = strv_addf(o->warnings, err, "%s; the repository is left out", err->msg);
			if (r == 0)
				*err = (struct err)ERR_INIT;
		}
	}
	return r;
}

/* How the .repo file says that the servers are to be asked, but for what a lock has of it. */
static int set_network(struct upstream *u, const struct repofile_repo *from, struct err *err)
{
	struct http_settings *to = &u->source.settings;
	const char *list = from->metalink ? from->metalink : from->mirrorlist;
	int r = list ? strv_add(&u->named, list, err) : 0;

	for (size_t i = 0; r == 0 && i < from->baseurls.count; i++)
		r = strv_add(&u->named, from->baseurls.items[i], err);
	to->login_urls = &u->named;
	to->proxy = from->proxy;
	to->proxy_username = from->proxy_username;
	to->proxy_password = from->proxy_password;
	to->proxy_auth_method = from->proxy_auth_method;
	to->proxy_sslcacert = from->proxy_sslcacert;
	to->proxy_sslclientcert = from->proxy_sslclientcert;
	to->proxy_sslclientkey = from->proxy_sslclientkey;
	to->username = from->username;
	to->password = from->password;
	to->user_agent = from->user_agent;
	to->timeout_s = from->timeout_s;
	to->minrate_bytes = from->minrate_bytes;
	to->throttle_bytes = from->throttle_bytes;
	to->retries = from->retries;
	to->ip_version = from->ip_version;
	to->sslverifystatus = from->sslverifystatus;
	return r;
}

static int place_repo(struct place *p, struct upstream *u, const struct repofile_repo *repo,
		      const struct repofile_vars *vars, struct err *err)
{
	struct http_settings *s = &u->source.settings;
	int r = 0;

	p->to = u;
	u->id = repo->id;
	if (!repo->enabled)
		return 0;
	p->vars = *vars;
	p->vars.file = repo->file;
	r = set_network(u, repo, err);
	s->sslcacert = repo->sslcacert;
	s->sslclientcert = repo->sslclientcert;
	s->sslclientkey = repo->sslclientkey;
	p->skip = repo->skip_if_unavailable;
	p->signed_metadata = repo->repo_gpgcheck;
	p->list = repo->metalink ? repo->metalink : repo->mirrorlist;
	p->metalink = repo->metalink || (p->list && strstr(p->list, "metalink"));
	for (size_t i = 0; r == 0 && i < repo->baseurls.count; i++)
		r = add_base(&u->source.bases, repo->baseurls.items[i], err);
	return r;
}

int upstreams_open(const struct repofile_list *repos, const char *cache,
		   const struct http_limits *limits, struct strv *warnings, struct upstreams *ret,
		   struct err *err)
{
	CLEANUP(opening_release)
	struct opening o = { .cache = cache, .limits = limits, .warnings = warnings };
	int r = opening_init(&o, repos->count, ret, err);

	for (; r == 0 && o.count < repos->count; o.count++)
		r = place_repo(&o.places[o.count], &ret->items[o.count], &repos->items[o.count],
			       &repos->vars, err);
	return r < 0 ? r : open_places(&o, err);
}

/* --- a lock's repositories ---------------------------------------------------------------------- */

/* The section that the lock names; nothing else of it counts. */
static int read_network(struct upstream *u, const struct lock_repo *repo,
			const struct repofile_vars *vars, struct err *err)
{
	CLEANUP(strv_release) struct strv ignored = STRV_INIT;
	int r = repofile_load(repo->repofile, vars, &u->settings, &ignored, err);

	if (r < 0)
		return err_prefix(err, "network settings of repository '%s'", repo->id);
	for (size_t i = 0; i < u->settings.count; i++) {
		const struct repofile_repo *section = &u->settings.items[i];

		if (!strcmp(section->id, repo->id))
			return set_network(u, section, err);
	}
	return err_set(err, ERR_CONFIG,
		       "%s: there is no repository '%s' any more, whose network settings are "
		       "needed: run `pgha-bundle resolve` again",
		       repo->repofile, repo->id);
}

static int place_lock(struct place *p, struct upstream *u, const struct lock_repo *repo,
		      const struct repofile_vars *vars, struct err *err)
{
	struct http_settings *s = &u->source.settings;
	int r = 0;

	p->to = u;
	p->vars = *vars;
	p->vars.file = repo->repofile;
	u->id = repo->id;
	s->sslcacert = repo->sslcacert;
	s->sslclientcert = repo->sslclientcert;
	s->sslclientkey = repo->sslclientkey;
	/* Each file's digest is in the lock. */
	p->signed_metadata = true;
	p->list = repo->metalink ? repo->metalink : repo->mirrorlist;
	p->metalink = repo->metalink || (p->list && strstr(p->list, "metalink"));
	if (repo->baseurl)
		r = add_base(&u->source.bases, repo->baseurl, err);
	for (size_t i = 0; r == 0 && i < repo->mirrors.count; i++)
		r = add_base(&u->source.bases, repo->mirrors.items[i], err);
	return r == 0 && repo->repofile ? read_network(u, repo, vars, err) : r;
}

int upstreams_open_lock(const struct lock *lock, const char *cache,
			const struct http_limits *limits, struct strv *warnings,
			struct upstreams *ret, struct err *err)
{
	const struct lock_repo *repos = lock->repos.items;
	const struct repofile_vars vars = { .arch = lock->platform.arch,
					    .releasever = repofile_releasever(lock->platform.id) };
	CLEANUP(opening_release)
	struct opening o = { .cache = cache, .limits = limits, .warnings = warnings };
	int r = opening_init(&o, lock->repos.count, ret, err);

	for (; r == 0 && o.count < lock->repos.count; o.count++)
		r = place_lock(&o.places[o.count], &ret->items[o.count], &repos[o.count], &vars,
			       err);
	return r < 0 ? r : open_places(&o, err);
}

void upstreams_release(struct upstreams *upstreams)
{
	for (size_t i = 0; i < upstreams->count; i++) {
		struct upstream *u = &upstreams->items[i];

		http_source_release(&u->source);
		free(u->digests);
		strv_release(&u->named);
		repofile_release(&u->settings);
	}
	free(upstreams->items);
	*upstreams = (struct upstreams)UPSTREAMS_INIT;
}

struct upstream *upstreams_find(const struct upstreams *upstreams, const char *id)
{
	for (size_t i = 0; i < upstreams->count; i++)
		if (!strcmp(upstreams->items[i].id, id))
			return &upstreams->items[i];
	return NULL;
}
