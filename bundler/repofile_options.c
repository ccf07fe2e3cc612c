/* SPDX-License-Identifier: Apache-2.0 */
#include "repofile_options.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "repofile_value.h"

#define DAY_S 86400

enum option_kind {
	OPTION_BASEURL,
	OPTION_LISTURL, /* of a list of mirrors */
	OPTION_URLS,
	OPTION_LIST,
	OPTION_PATH,
	OPTION_STRING,
	OPTION_PROXY,
	OPTION_AUTH,
	OPTION_BOOL,
	OPTION_INT,
	OPTION_UINT,
	OPTION_SECONDS, /* -1: never */
	OPTION_TIMEOUT,
	OPTION_BYTES,
	OPTION_BANDWIDTH,
	OPTION_THROTTLE,
	OPTION_IP,
	OPTION_ON,       /* we always do so: refused when it is switched off */
	OPTION_OFF,      /* we never do so: refused when it is switched on */
	OPTION_SECRET,   /* from here on no variables are replaced */
	OPTION_SILENT,   /* has no effect here, and nobody expects one */
	OPTION_HARMLESS, /* has no effect here: a warning, with advice when somebody may expect one */
	OPTION_REFUSED,
};

/* Who may say it. */
enum option_flags {
	OF_REPO = 0,
	OF_BOTH = 1,     /* [main] too, unless the repository says otherwise */
	OF_ADDS = 1 | 2, /* [main] too, and the repository's own is added */
};

struct repofile_option {
	const char *name;
	enum option_kind kind;
	unsigned int flags;
	size_t offset;
	const char *advice; /* OPTION_ON, OPTION_OFF, OPTION_REFUSED: what to do */
};

#define MEMBER(m) offsetof(struct repofile_repo, m)
#define IGNORED(name, flags)                          \
	{                                             \
		name, OPTION_HARMLESS, flags, 0, NULL \
	}
#define SILENT(name, flags)                         \
	{                                           \
		name, OPTION_SILENT, flags, 0, NULL \
	}
#define ADVICE_TLS "name the authority that signed its certificate with "

static const struct repofile_option options[] = {
	{ "baseurl", OPTION_BASEURL, OF_REPO, MEMBER(baseurls), NULL },
	{ "mirrorlist", OPTION_LISTURL, OF_REPO, MEMBER(mirrorlist), NULL },
	{ "metalink", OPTION_LISTURL, OF_REPO, MEMBER(metalink), NULL },
	{ "gpgkey", OPTION_URLS, OF_REPO, MEMBER(gpgkey), NULL },
	{ "module_hotfixes", OPTION_BOOL, OF_REPO, MEMBER(module_hotfixes), NULL },
	{ "priority", OPTION_INT, OF_REPO, MEMBER(priority), NULL },
	{ "cost", OPTION_INT, OF_REPO, MEMBER(cost), NULL },
	{ "includepkgs", OPTION_LIST, OF_ADDS, MEMBER(includepkgs), NULL },
	{ "excludepkgs", OPTION_LIST, OF_ADDS, MEMBER(excludepkgs), NULL },
	{ "exclude", OPTION_LIST, OF_ADDS, MEMBER(excludepkgs), NULL },
	{ "enabled", OPTION_BOOL, OF_BOTH, MEMBER(enabled), NULL },
	{ "skip_if_unavailable", OPTION_BOOL, OF_BOTH, MEMBER(skip_if_unavailable), NULL },
	{ "metadata_expire", OPTION_SECONDS, OF_BOTH, MEMBER(metadata_expire_s), NULL },
	{ "repo_gpgcheck", OPTION_BOOL, OF_BOTH, MEMBER(repo_gpgcheck), NULL },

	{ "sslcacert", OPTION_PATH, OF_BOTH, MEMBER(sslcacert), NULL },
	{ "sslclientcert", OPTION_PATH, OF_BOTH, MEMBER(sslclientcert), NULL },
	{ "sslclientkey", OPTION_PATH, OF_BOTH, MEMBER(sslclientkey), NULL },
	{ "sslverify", OPTION_ON, OF_BOTH, 0, ADVICE_TLS "sslcacert" },
	{ "sslverifystatus", OPTION_BOOL, OF_BOTH, MEMBER(sslverifystatus), NULL },
	{ "username", OPTION_STRING, OF_BOTH, MEMBER(username), NULL },
	{ "password", OPTION_SECRET, OF_BOTH, MEMBER(password), NULL },
	{ "proxy", OPTION_PROXY, OF_BOTH, MEMBER(proxy), NULL },
	{ "proxy_username", OPTION_STRING, OF_BOTH, MEMBER(proxy_username), NULL },
	{ "proxy_password", OPTION_SECRET, OF_BOTH, MEMBER(proxy_password), NULL },
	{ "proxy_auth_method", OPTION_AUTH, OF_BOTH, MEMBER(proxy_auth_method), NULL },
	{ "proxy_sslcacert", OPTION_PATH, OF_BOTH, MEMBER(proxy_sslcacert), NULL },
	{ "proxy_sslclientcert", OPTION_PATH, OF_BOTH, MEMBER(proxy_sslclientcert), NULL },
	{ "proxy_sslclientkey", OPTION_PATH, OF_BOTH, MEMBER(proxy_sslclientkey), NULL },
	{ "proxy_sslverify", OPTION_ON, OF_BOTH, 0, ADVICE_TLS "proxy_sslcacert" },

	{ "user_agent", OPTION_STRING, OF_BOTH, MEMBER(user_agent), NULL },
	{ "timeout", OPTION_TIMEOUT, OF_BOTH, MEMBER(timeout_s), NULL },
	{ "minrate", OPTION_BYTES, OF_BOTH, MEMBER(minrate_bytes), NULL },
	{ "throttle", OPTION_THROTTLE, OF_BOTH, 0, NULL },
	{ "bandwidth", OPTION_BANDWIDTH, OF_BOTH, 0, NULL },
	{ "retries", OPTION_UINT, OF_BOTH, MEMBER(retries), NULL },
	{ "ip_resolve", OPTION_IP, OF_BOTH, MEMBER(ip_version), NULL },

	{ "mediaid", OPTION_REFUSED, OF_REPO, 0, "name a directory with baseurl=file:///…" },

	SILENT("name", OF_REPO),
	/* Packages are always checked, against the keys that the definition pins. */
	SILENT("gpgcheck", OF_BOTH),
	SILENT("countme", OF_BOTH),
	SILENT("enabled_metadata", OF_REPO),
	SILENT("ui_repoid_vars", OF_REPO),
	SILENT("type", OF_REPO),

	IGNORED("async", OF_BOTH),
	IGNORED("cachedir", OF_BOTH),
	IGNORED("deltarpm", OF_BOTH),
	IGNORED("deltarpm_percentage", OF_BOTH),
	IGNORED("enablegroups", OF_BOTH),
	IGNORED("failovermethod", OF_BOTH),
	IGNORED("fastestmirror", OF_BOTH),
	IGNORED("http_caching", OF_BOTH),
	IGNORED("keepalive", OF_BOTH),
	IGNORED("max_downloads_per_mirror", OF_BOTH),
	IGNORED("max_parallel_downloads", OF_BOTH),
	IGNORED("mdpolicy", OF_BOTH),
	IGNORED("mirrorlist_expire", OF_BOTH),
	IGNORED("protected_packages", OF_BOTH),
	IGNORED("ssl_check_cert_permissions", OF_BOTH),
};

#define IN_DEFINITION(what) "it is a matter of the definition: " what

/* Of [main] alone, as far as they are more than how dnf talks to its user. */
static const struct repofile_option main_options[] = {
	{ "best", OPTION_ON, 0, 0, "the best candidate is taken; ask for a version in 'packages'" },
	{ "obsoletes", OPTION_ON, 0, 0, "obsoletes always count" },
	{ "strict", OPTION_ON, 0, 0, "what is asked for must be there" },
	{ "skip_broken", OPTION_OFF, 0, 0, "what is asked for must be there" },
	{ "ignorearch", OPTION_OFF, 0, 0, IN_DEFINITION("'platform'") },
	{ "disable_excludes", OPTION_REFUSED, 0, 0, "take 'excludepkgs' out instead" },
	{ "arch", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'platform'") },
	{ "basearch", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'platform'") },
	{ "module_platform_id", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'platform'") },
	{ "releasever", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'platform'") },
	{ "install_weak_deps", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'weak_deps'") },
	{ "exclude_from_weak", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'weak_deps'") },
	{ "exclude_from_weak_autodetect", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'weak_deps'") },
	{ "group_package_types", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'packages'") },
	{ "module_stream_switch", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'modules'") },
	{ "module_obsoletes", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'modules'") },
	{ "installroot", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'baseline'") },
	{ "reposdir", OPTION_HARMLESS, 0, 0, IN_DEFINITION("'repos'") },
	{ "varsdir", OPTION_HARMLESS, 0, 0, "variables are in vars/ beside the .repo file" },
	IGNORED("allow_vendor_change", 0),
	IGNORED("bugtracker_url", 0),
	IGNORED("cacheonly", 0),
	IGNORED("comment", 0),
	IGNORED("config_file_path", 0),
	IGNORED("destdir", 0),
	IGNORED("installonlypkgs", 0),
	IGNORED("localpkg_gpgcheck", 0),
	IGNORED("gpgkey_dns_verification", 0),
	IGNORED("multilib_policy", 0),
	IGNORED("optional_metadata_types", 0),
	IGNORED("tsflags", 0),
	IGNORED("upgrade_group_objects_upgrade", 0),
	IGNORED("zchunk", 0),
	SILENT("assumeno", 0),
	SILENT("assumeyes", 0),
	SILENT("autocheck_running_kernel", 0),
	SILENT("check_config_file_age", 0),
	SILENT("clean_requirements_on_remove", 0),
	SILENT("debug_solver", 0),
	SILENT("debuglevel", 0),
	SILENT("defaultyes", 0),
	SILENT("diskspacecheck", 0),
	SILENT("errorlevel", 0),
	SILENT("exit_on_lock", 0),
	SILENT("history_list_view", 0),
	SILENT("history_record", 0),
	SILENT("history_record_packages", 0),
	SILENT("installonly_limit", 0),
	SILENT("keepcache", 0),
	SILENT("log_compress", 0),
	SILENT("log_rotate", 0),
	SILENT("log_size", 0),
	SILENT("logdir", 0),
	SILENT("logfilelevel", 0),
	SILENT("metadata_timer_sync", 0),
	SILENT("persistdir", 0),
	SILENT("persistence", 0),
	SILENT("pluginconfpath", 0),
	SILENT("pluginpath", 0),
	SILENT("plugins", 0),
	SILENT("protect_running_kernel", 0),
	SILENT("recent", 0),
	SILENT("reset_nice", 0),
	SILENT("rpmverbosity", 0),
	SILENT("showdupesfromrepos", 0),
	SILENT("system_cachedir", 0),
	SILENT("transformdb", 0),
	SILENT("usr_drift_protected_paths", 0),
};

/* --- finding ------------------------------------------------------------------------------------ */

static const struct repofile_option *find_in(const struct repofile_option *table, size_t count,
					     const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(table[i].name, key))
			return &table[i];
	return NULL;
}

const struct repofile_option *repofile_option_find(const char *key, bool main)
{
	const struct repofile_option *o = find_in(options, ARRAY_SIZE(options), key);

	if (!main)
		return o;
	if (o)
		return o->flags ? o : NULL;
	/* How dnf colours its words. */
	if (str_starts(key, "color"))
		return find_in(main_options, ARRAY_SIZE(main_options), "plugins");
	return find_in(main_options, ARRAY_SIZE(main_options), key);
}

bool repofile_option_inherits(const struct repofile_option *option)
{
	return option->flags & OF_BOTH;
}

bool repofile_option_adds(const struct repofile_option *option)
{
	return option->flags == OF_ADDS;
}

int repofile_option_unknown(const struct repofile_line *line, bool main, struct err *err)
{
	const char *names[ARRAY_SIZE(options) + ARRAY_SIZE(main_options) + 1] = { NULL };
	const char *near = NULL;
	size_t count = 0;

	if (main && find_in(options, ARRAY_SIZE(options), line->key))
		return err_set(err, ERR_CONFIG, "%s:%u: '%s' belongs into a repository's section",
			       line->path, line->number, line->key);
	if (!main && find_in(main_options, ARRAY_SIZE(main_options), line->key))
		return err_set(err, ERR_CONFIG, "%s:%u: '%s' belongs into the section '[main]'",
			       line->path, line->number, line->key);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!main || options[i].flags)
			names[count++] = options[i].name;
	for (size_t i = 0; main && i < ARRAY_SIZE(main_options); i++)
		names[count++] = main_options[i].name;
	near = str_nearest(line->key, names);
	if (near)
		return err_set(err, ERR_CONFIG,
			       "%s:%u: unknown option '%.60s' (did you mean '%s'?)", line->path,
			       line->number, line->key, near);
	return err_set(err, ERR_CONFIG, "%s:%u: unknown option '%.60s'", line->path, line->number,
		       line->key);
}

/* --- applying ----------------------------------------------------------------------------------- */

/* Only remembered: a disabled repository may say what it likes. */
static int refuse(struct repofile_section *s, const struct repofile_line *line,
		  const struct repofile_option *o)
{
	if (!s->refused.code)
		err_set(&s->refused, ERR_CONFIG, "%s:%u: '%s' is not supported: %s", line->path,
			line->number, o->name, o->advice);
	return 0;
}

static int apply_number(const struct repofile_option *o, const struct repofile_line *line,
			const char *text, struct repofile_section *s, void *member, struct err *err)
{
	double value = 0;
	int number = 0;
	int r = 0;

	switch (o->kind) {
	case OPTION_UINT:
		r = repofile_value_int(line, text, &number, err);
		if (r == 0)
			*(unsigned int *)member = (unsigned int)number;
		return r;
	case OPTION_SECONDS:
		if (!strcmp(text, "-1") || !strcmp(text, "never"))
			value = -1;
		else
			r = repofile_value_seconds(line, text, &value, err);
		if (r == 0)
			*(int64_t *)member = (int64_t)value;
		return r;
	case OPTION_TIMEOUT:
		r = repofile_value_seconds(line, text, &value, err);
		if (r == 0 && value > DAY_S)
			return repofile_value_bad(line, err, "at most a day");
		if (r == 0)
			*(unsigned int *)member = (unsigned int)value;
		return r;
	case OPTION_BYTES:
		r = repofile_value_bytes(line, text, &value, err);
		if (r == 0)
			*(uint64_t *)member = (uint64_t)value;
		return r;
	case OPTION_BANDWIDTH:
		return repofile_value_bytes(line, text, &s->bandwidth, err);
	default:
		return repofile_value_throttle(line, text, &s->throttle, err);
	}
}

static int apply_kind(const struct repofile_option *o, const struct repofile_line *line,
		      const char *text, struct repofile_section *s, struct err *err)
{
	void *member = (char *)s->repo + o->offset;
	bool on = false;
	int r = 0;

	switch (o->kind) {
	case OPTION_BASEURL:
		return repofile_value_baseurl(s, line, text, err);
	case OPTION_LISTURL:
		return repofile_value_listurl(s, line, text, member, err);
	case OPTION_URLS:
		return repofile_value_urls(line, text, member, err);
	case OPTION_LIST:
		return repofile_value_list(text, member, err);
	case OPTION_PATH:
		return repofile_value_path(line, text, member, err);
	case OPTION_STRING:
		return repofile_value_string(line, text, member, err);
	case OPTION_PROXY:
		return repofile_value_proxy(line, text, member, err);
	case OPTION_AUTH:
		return repofile_value_auth(line, text, member, err);
	case OPTION_BOOL:
		return repofile_value_bool(line, text, member, err);
	case OPTION_INT:
		return repofile_value_int(line, text, member, err);
	case OPTION_IP:
		return repofile_value_ip(line, text, member, err);
	case OPTION_SECRET:
		return repofile_value_secret(text, member, err);
	case OPTION_SILENT:
		return 0;
	case OPTION_HARMLESS:
		return strv_addf(&s->notes, err, "%s:%u: '%s' has no effect here%s%s", line->path,
				 line->number, o->name, o->advice ? ": " : "",
				 o->advice ? o->advice : "");
	case OPTION_ON:
	case OPTION_OFF:
		r = repofile_value_bool(line, text, &on, err);
		return r < 0 || on == (o->kind == OPTION_ON) ? r : refuse(s, line, o);
	case OPTION_REFUSED:
		return refuse(s, line, o);
	default:
		return apply_number(o, line, text, s, member, err);
	}
}

/* Whether there is a user or password in a URL, seen before a message can show a part of it. */
static bool has_credentials(const char *text)
{
	const char *p = text;

	while ((p = strstr(p, "://"))) {
		p += strlen("://");
		if (memchr(p, '@', strcspn(p, "/?#")))
			return true;
	}
	return false;
}

int repofile_option_apply(const struct repofile_option *option, const struct repofile_line *line,
			  struct repofile_section *section, struct err *err)
{
	cleanup_free char *text = NULL;

	if (option->kind >= OPTION_SECRET || has_credentials(line->value) ||
	    (option->kind == OPTION_PROXY && strchr(line->value, '@')))
		return apply_kind(option, line, line->value, section, err);
	if (repofile_expand(line->value, section->vars, &text, err) < 0 &&
	    err->code == ERR_CONFIG && option->kind < OPTION_LIST && strchr(line->value, '@'))
		/* The variable may be a piece of a password. */
		return err_set(err, ERR_CONFIG, "%s:%u: unknown variable in '%s'", line->path,
			       line->number, line->key);
	if (!text)
		return err_prefix(err, "%s:%u", line->path, line->number);
	return apply_kind(option, line, text, section, err);
}

/* --- whole sections ----------------------------------------------------------------------------- */

static int check_pair(const struct repofile_repo *repo, bool one, bool other, const char *names,
		      struct err *err)
{
	if (one == other)
		return 0;
	return err_set(err, ERR_CONFIG, "%s: repository '%s' has only one of %s", repo->where,
		       repo->id, names);
}

static bool sends_in_clear(const struct repofile_repo *repo)
{
	const char *list = repo->metalink ? repo->metalink : repo->mirrorlist;

	for (size_t i = 0; i < repo->baseurls.count; i++)
		if (str_starts(repo->baseurls.items[i], "http:"))
			return true;
	return list && str_starts(list, "http:");
}

int repofile_section_check(struct repofile_section *section, struct err *err)
{
	struct repofile_repo *repo = section->repo;
	double throttle = section->throttle;
	int r = 0;

	if (section->refused.code) {
		*err = section->refused;
		return -(int)err->code;
	}
	if (!repo->baseurls.count && !repo->mirrorlist && !repo->metalink)
		return err_set(err, ERR_CONFIG,
			       "%s: repository '%s' has no baseurl, mirrorlist or metalink",
			       repo->where, repo->id);
	r = check_pair(repo, repo->sslclientcert, repo->sslclientkey,
		       "sslclientcert and sslclientkey", err);
	if (r == 0)
		r = check_pair(repo, repo->proxy_sslclientcert, repo->proxy_sslclientkey,
			       "proxy_sslclientcert and proxy_sslclientkey", err);
	if (r == 0)
		r = check_pair(repo, repo->proxy_username, repo->proxy_password,
			       "proxy_username and proxy_password", err);
	if (r == 0)
		r = check_pair(repo, repo->username, repo->password, "username and password", err);
	if (r < 0)
		return r;
	/* As dnf: up to 1 it is a part of the bandwidth. */
	repo->throttle_bytes = (uint64_t)(throttle <= 1 ? throttle * section->bandwidth : throttle);
	if (throttle > 0 && !repo->throttle_bytes)
		return err_set(err, ERR_CONFIG,
			       "%s: repository '%s' has a throttle that is a part of a bandwidth, "
			       "and no bandwidth",
			       repo->where, repo->id);
	if (repo->throttle_bytes && repo->throttle_bytes < repo->minrate_bytes)
		return err_set(err, ERR_CONFIG,
			       "%s: repository '%s' has a throttle that is lower than minrate",
			       repo->where, repo->id);
	if (repo->username && sends_in_clear(repo))
		r = strv_addf(&section->notes, err,
			      "%s: the password of repository '%s' is sent without encryption "
			      "(http); use https",
			      repo->where, repo->id);
	return r;
}

void repofile_section_release(struct repofile_section *section)
{
	strv_release(&section->notes);
}
