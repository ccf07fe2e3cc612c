/* SPDX-License-Identifier: Apache-2.0 */
#include "repofile.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "file.h"
#include "url.h"

#define REPOFILE_SIZE_MAX (1U << 20)
#define PRIORITY_DEFAULT 99
#define COST_DEFAULT 1000

/* --- options ------------------------------------------------------------------------------------ */

enum option_kind {
	OPTION_BASEURL,
	OPTION_URLS,
	OPTION_LIST,
	OPTION_PATH,
	OPTION_BOOL,
	OPTION_INT,
	OPTION_SILENT,   /* has no effect here, and nobody expects one */
	OPTION_HARMLESS, /* has no effect here: a warning */
	OPTION_ON,       /* we always do so: refused when it is switched off */
	OPTION_OFF,      /* we never do so: refused when it is switched on */
	OPTION_REFUSED,
};

struct option {
	const char *name;
	enum option_kind kind;
	size_t offset;
	const char *advice; /* OPTION_ON, OPTION_OFF, OPTION_REFUSED: what to do */
};

#define MEMBER(m) offsetof(struct repofile_repo, m)
#define ADVICE_PROXY "set https_proxy in the environment instead"
#define ADVICE_PASSWORD "use a client certificate (sslclientcert, sslclientkey)"

static const struct option options[] = {
	{ "baseurl", OPTION_BASEURL, MEMBER(baseurls), NULL },
	{ "gpgkey", OPTION_URLS, MEMBER(gpgkey), NULL },
	{ "includepkgs", OPTION_LIST, MEMBER(includepkgs), NULL },
	{ "excludepkgs", OPTION_LIST, MEMBER(excludepkgs), NULL },
	{ "exclude", OPTION_LIST, MEMBER(excludepkgs), NULL },
	{ "sslcacert", OPTION_PATH, MEMBER(sslcacert), NULL },
	{ "sslclientcert", OPTION_PATH, MEMBER(sslclientcert), NULL },
	{ "sslclientkey", OPTION_PATH, MEMBER(sslclientkey), NULL },
	{ "enabled", OPTION_BOOL, MEMBER(enabled), NULL },
	{ "module_hotfixes", OPTION_BOOL, MEMBER(module_hotfixes), NULL },
	{ "priority", OPTION_INT, MEMBER(priority), NULL },
	{ "cost", OPTION_INT, MEMBER(cost), NULL },

	{ "name", OPTION_SILENT, 0, NULL },
	/* Packages are always checked, against the keys that the definition pins. */
	{ "gpgcheck", OPTION_SILENT, 0, NULL },

	{ "sslverify", OPTION_ON, 0, "name the server's authority with sslcacert" },
	{ "repo_gpgcheck", OPTION_OFF, 0,
	  "signatures of metadata are not checked; set it to 0: packages are checked against the "
	  "pinned keys in any case" },
	{ "sslverifystatus", OPTION_OFF, 0, "revocation is not asked for over the network" },

	{ "mirrorlist", OPTION_REFUSED, 0, "name one mirror with baseurl" },
	{ "metalink", OPTION_REFUSED, 0, "name one mirror with baseurl" },
	{ "mediaid", OPTION_REFUSED, 0, "name a directory with baseurl=file:///…" },
	{ "proxy", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_username", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_password", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_auth_method", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_sslcacert", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_sslverify", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_sslclientcert", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "proxy_sslclientkey", OPTION_REFUSED, 0, ADVICE_PROXY },
	{ "username", OPTION_REFUSED, 0, ADVICE_PASSWORD },
	{ "password", OPTION_REFUSED, 0, ADVICE_PASSWORD },

	{ "async", OPTION_HARMLESS, 0, NULL },
	{ "bandwidth", OPTION_HARMLESS, 0, NULL },
	{ "countme", OPTION_HARMLESS, 0, NULL },
	{ "deltarpm", OPTION_HARMLESS, 0, NULL },
	{ "deltarpm_percentage", OPTION_HARMLESS, 0, NULL },
	{ "enabled_metadata", OPTION_HARMLESS, 0, NULL },
	{ "enablegroups", OPTION_HARMLESS, 0, NULL },
	{ "failovermethod", OPTION_HARMLESS, 0, NULL },
	{ "fastestmirror", OPTION_HARMLESS, 0, NULL },
	{ "http_caching", OPTION_HARMLESS, 0, NULL },
	{ "ip_resolve", OPTION_HARMLESS, 0, NULL },
	{ "keepalive", OPTION_HARMLESS, 0, NULL },
	{ "max_parallel_downloads", OPTION_HARMLESS, 0, NULL },
	{ "mdpolicy", OPTION_HARMLESS, 0, NULL },
	{ "metadata_expire", OPTION_HARMLESS, 0, NULL },
	{ "minrate", OPTION_HARMLESS, 0, NULL },
	{ "mirrorlist_expire", OPTION_HARMLESS, 0, NULL },
	{ "retries", OPTION_HARMLESS, 0, NULL },
	{ "skip_if_unavailable", OPTION_HARMLESS, 0, NULL },
	{ "ssl_check_cert_permissions", OPTION_HARMLESS, 0, NULL },
	{ "throttle", OPTION_HARMLESS, 0, NULL },
	{ "timeout", OPTION_HARMLESS, 0, NULL },
	{ "type", OPTION_HARMLESS, 0, NULL },
	{ "ui_repoid_vars", OPTION_HARMLESS, 0, NULL },
	{ "user_agent", OPTION_HARMLESS, 0, NULL },
};

struct parser {
	const char *path;                 /* borrowed */
	const struct repofile_vars *vars; /* borrowed */
	struct repofile_list *list;       /* borrowed */
	struct strv *warnings;            /* borrowed */
	struct strv notes;                /* warnings of the present section */
	struct err refused;               /* the first refusal of the present section */
	struct repofile_repo *repo;       /* the present section, in LIST; or NULL */
	uint64_t seen;                    /* options of the present section, by their index */
	unsigned int line;                /* that is being read */
	unsigned int key_line;            /* of the option below */
	char *key;                        /* the option that may go on in the next line, or NULL */
	struct str value;
};

_Static_assert(ARRAY_SIZE(options) <= 64, "struct parser keeps one bit for each option");

static void parser_release(struct parser *p)
{
	free(p->key);
	str_release(&p->value);
	strv_release(&p->notes);
}

/* --- variables ---------------------------------------------------------------------------------- */

const char *repofile_basearch(const char *arch)
{
	static const struct {
		const char *arch;
		const char *basearch;
	} table[] = {
		{ "x86_64", "x86_64" },  { "aarch64", "aarch64" }, { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },    { "riscv64", "riscv64" }, { "i686", "i386" },
		{ "armv7hl", "armhfp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].arch, arch))
			return table[i].basearch;
	return NULL;
}

static const char *variable(const struct repofile_vars *vars, const char *name)
{
	char env[64];

	if (!strcmp(name, "releasever"))
		return vars->releasever;
	if (!strcmp(name, "arch"))
		return vars->arch;
	if (!strcmp(name, "basearch"))
		return vars->arch ? repofile_basearch(vars->arch) : NULL;
	if ((size_t)snprintf(env, sizeof(env), "DNF_VAR_%s", name) >= sizeof(env))
		return NULL;
	return getenv(env);
}

const char *repofile_releasever(const char *platform_id)
{
	const char *p = platform_id + strlen(platform_id);

	while (p > platform_id && (isdigit((unsigned char)p[-1]) || p[-1] == '.'))
		p--;
	return *p ? p : NULL;
}

int repofile_expand(const char *text, const struct repofile_vars *vars, char **ret, struct err *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	CLEANUP(str_release) struct str out = STR_INIT;

	while (*text) {
		bool brace = text[0] == '$' && text[1] == '{';
		const char *start = text + 1 + brace;
		size_t len = *text == '$' ? strspn(start, letters) : 0;
		cleanup_free char *name = NULL;
		const char *value = NULL;

		if (!len || (brace && start[len] != '}')) {
			str_addc(&out, *text++);
			continue;
		}
		name = strndup(start, len);
		if (!name)
			return err_nomem(err);
		value = variable(vars, name);
		if (!value)
			return err_set(err, ERR_CONFIG,
				       "unknown variable '$%.60s' (set DNF_VAR_%.60s in the "
				       "environment)",
				       name, name);
		str_add(&out, value);
		text = start + len + brace;
	}
	return str_done(&out, ret, err);
}

static int expand(const struct parser *p, const char *text, char **ret, struct err *err)
{
	int r = repofile_expand(text, p->vars, ret, err);

	return r < 0 ? err_prefix(err, "%s:%u", p->path, p->key_line) : 0;
}

/* --- values ------------------------------------------------------------------------------------- */

static int bad_value(const struct parser *p, struct err *err, const char *what)
{
	return err_set(err, ERR_CONFIG, "%s:%u: '%s' must be %s", p->path, p->key_line, p->key,
		       what);
}

static int parse_bool(const struct parser *p, const char *text, bool *ret, struct err *err)
{
	static const char *const words[] = { "0", "no", "false", "off", "1", "yes", "true", "on" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(text, words[i])) {
			*ret = i >= 4;
			return 0;
		}
	}
	return bad_value(p, err, "1 or 0");
}

static int parse_int(const struct parser *p, const char *text, int *ret, struct err *err)
{
	uint64_t value = 0;

	if (str_u64(&value, text, 0, INT_MAX, err) < 0)
		return bad_value(p, err, "a number");
	*ret = (int)value;
	return 0;
}

/* Items stand between blanks, commas and line ends. */
static int parse_list(const char *text, struct strv *list, struct err *err)
{
	static const char between[] = " \t\r\n,";
	int r = 0;

	while (r == 0 && *(text += strspn(text, between))) {
		size_t len = strcspn(text, between);

		r = strv_take(list, strndup(text, len), err);
		text += len;
	}
	return r;
}

static int parse_urls(const struct parser *p, const char *text, struct strv *list, struct err *err)
{
	int r = parse_list(text, list, err);

	for (size_t i = 0; r == 0 && i < list->count; i++)
		if (!url_is_valid(list->items[i]))
			r = bad_value(p, err,
				      "an https, http or file URL without credentials in it");
	return r;
}

static int parse_baseurl(struct parser *p, const char *text, struct strv *urls, struct err *err)
{
	bool clear = false;
	int r = parse_urls(p, text, urls, err);

	if (r == 0 && !urls->count)
		return bad_value(p, err, "a URL");
	for (size_t i = 0; r == 0 && i < urls->count; i++) {
		char *url = urls->items[i];
		size_t len = strlen(url);

		if (strpbrk(url, "?#"))
			return bad_value(p, err, "a URL without '?' and '#'");
		while (len && url[len - 1] == '/')
			url[--len] = '\0';
		clear = clear || str_starts(url, "http:");
	}
	if (r == 0 && clear)
		r = strv_addf(&p->notes, err,
			      "%s:%u: metadata comes without authentication (http); use https",
			      p->path, p->key_line);
	return r;
}

static int parse_path(const struct parser *p, const char *text, char **ret, struct err *err)
{
	if (!*text)
		return bad_value(p, err, "a path");
	free(steal_ptr(ret));
	return path_beside(p->path, text, ret, err);
}

/* Only remembered: a disabled repository may say what it likes. */
static int refuse(struct parser *p, const struct option *o)
{
	if (!p->refused.code)
		err_set(&p->refused, ERR_CONFIG, "%s:%u: '%s' is not supported: %s", p->path,
			p->key_line, o->name, o->advice);
	return 0;
}

static int apply(struct parser *p, const struct option *o, const char *text, struct err *err)
{
	void *member = (char *)p->repo + o->offset;
	bool on = false;
	int r = 0;

	switch (o->kind) {
	case OPTION_BASEURL:
		return parse_baseurl(p, text, member, err);
	case OPTION_URLS:
		return parse_urls(p, text, member, err);
	case OPTION_LIST:
		return parse_list(text, member, err);
	case OPTION_PATH:
		return parse_path(p, text, member, err);
	case OPTION_BOOL:
		return parse_bool(p, text, member, err);
	case OPTION_INT:
		return parse_int(p, text, member, err);
	case OPTION_SILENT:
		return 0;
	case OPTION_HARMLESS:
		return strv_addf(&p->notes, err, "%s:%u: '%s' has no effect here", p->path,
				 p->key_line, o->name);
	case OPTION_ON:
	case OPTION_OFF:
		r = parse_bool(p, text, &on, err);
		return r < 0 || on == (o->kind == OPTION_ON) ? r : refuse(p, o);
	case OPTION_REFUSED:
		return refuse(p, o);
	}
	return 0;
}

/* --- lines -------------------------------------------------------------------------------------- */

static int unknown_option(const struct parser *p, struct err *err)
{
	const char *names[ARRAY_SIZE(options) + 1] = { NULL };
	const char *near = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		names[i] = options[i].name;
	near = str_nearest(p->key, names);
	if (near)
		return err_set(err, ERR_CONFIG,
			       "%s:%u: unknown option '%.60s' (did you mean '%s'?)", p->path,
			       p->key_line, p->key, near);
	return err_set(err, ERR_CONFIG, "%s:%u: unknown option '%.60s'", p->path, p->key_line,
		       p->key);
}

/* Takes the option that was collected, if there is one. */
static int finish_option(struct parser *p, struct err *err)
{
	cleanup_free char *raw = NULL;
	cleanup_free char *text = NULL;
	size_t i = 0;
	int r = 0;

	if (!p->key)
		return 0;
	while (i < ARRAY_SIZE(options) && strcmp(options[i].name, p->key))
		i++;
	if (i == ARRAY_SIZE(options))
		return unknown_option(p, err);
	if (p->seen & UINT64_C(1) << i)
		return err_set(err, ERR_CONFIG, "%s:%u: '%s' stands twice in this section", p->path,
			       p->key_line, p->key);
	p->seen |= UINT64_C(1) << i;
	r = str_done(&p->value, &raw, err);
	if (r == 0 && options[i].kind < OPTION_SILENT)
		r = expand(p, raw, &text, err);
	if (r == 0)
		r = apply(p, &options[i], text ? text : raw, err);
	free(steal_ptr(&p->key));
	return r;
}

/* Checks the section that ends here. */
static int finish_section(struct parser *p, struct err *err)
{
	const struct repofile_repo *repo = p->repo;
	int r = finish_option(p, err);

	if (r < 0 || !repo || !repo->enabled)
		return r;
	if (p->refused.code) {
		*err = p->refused;
		return -(int)err->code;
	}
	for (size_t i = 0; r == 0 && i < p->notes.count; i++)
		r = strv_add(p->warnings, p->notes.items[i], err);
	if (r < 0)
		return r;
	if (!repo->baseurls.count)
		return err_set(err, ERR_CONFIG, "%s: repository '%s' has no baseurl", repo->where,
			       repo->id);
	if (!repo->sslclientcert != !repo->sslclientkey)
		return err_set(err, ERR_CONFIG,
			       "%s: repository '%s' has only one of sslclientcert and sslclientkey",
			       repo->where, repo->id);
	return 0;
}

static int start_section(struct parser *p, char *line, struct err *err)
{
	char *end = strchr(line, ']');
	cleanup_free char *id = NULL;
	struct repofile_repo *items = NULL;
	int r = finish_section(p, err);

	if (r < 0)
		return r;
	if (!end || end[1 + strspn(end + 1, " \t\r")])
		return err_set(err, ERR_CONFIG, "%s:%u: '[id]' is expected", p->path, p->line);
	*end = '\0';
	p->key_line = p->line;
	r = expand(p, line + 1, &id, err);
	if (r < 0)
		return r;
	if (!strcmp(id, "main"))
		return err_set(err, ERR_CONFIG,
			       "%s:%u: '[main]' is not supported: put its options into the "
			       "repositories' own sections",
			       p->path, p->line);
	if (!str_is_word(id, "._-+:"))
		return err_set(err, ERR_CONFIG, "%s:%u: '%.60s' is no repository id", p->path,
			       p->line, id);
	for (size_t i = 0; i < p->list->count; i++)
		if (!strcmp(p->list->items[i].id, id))
			return err_set(err, ERR_CONFIG,
				       "%s:%u: repository '%s' stands twice (also %s)", p->path,
				       p->line, id, p->list->items[i].where);
	items = reallocarray(p->list->items, p->list->count + 1, sizeof(*items));
	if (!items)
		return err_nomem(err);
	p->list->items = items;
	p->repo = &items[p->list->count++];
	*p->repo = (struct repofile_repo){ .enabled = true,
					   .priority = PRIORITY_DEFAULT,
					   .cost = COST_DEFAULT };
	p->repo->id = steal_ptr(&id);
	p->seen = 0;
	p->refused.code = ERR_NONE;
	strv_release(&p->notes);
	r = str_dup(&p->repo->file, p->path, err);
	return r < 0 ? r : str_printf(&p->repo->where, err, "%s:%u", p->path, p->line);
}

static char *trim(char *text)
{
	size_t len = 0;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int read_line(struct parser *p, char *line, struct err *err)
{
	char *equals = NULL;
	int r = 0;

	if (!*trim(line) || *line == '#' || *line == ';')
		return 0;
	if (*line == ' ' || *line == '\t') {
		if (!p->key)
			return err_set(err, ERR_CONFIG, "%s:%u: nothing goes on in this line",
				       p->path, p->line);
		str_addc(&p->value, '\n');
		str_add(&p->value, trim(line));
		return 0;
	}
	if (*line == '[')
		return start_section(p, line, err);
	r = finish_option(p, err);
	if (r < 0)
		return r;
	equals = strchr(line, '=');
	if (!equals || !p->repo)
		return err_set(err, ERR_CONFIG, "%s:%u: %s is expected", p->path, p->line,
			       p->repo ? "'option=value'" : "'[id]'");
	*equals = '\0';
	p->key_line = p->line;
	str_add(&p->value, trim(equals + 1));
	return str_dup(&p->key, trim(line), err);
}

int repofile_parse(const char *path, const char *text, const struct repofile_vars *vars,
		   struct repofile_list *list, struct strv *warnings, struct err *err)
{
	CLEANUP(parser_release)
	struct parser p = { .path = path, .vars = vars, .list = list, .warnings = warnings };
	cleanup_free char *copy = strdup(text);
	char *rest = copy;
	char *line = NULL;
	int r = 0;

	if (!copy)
		return err_nomem(err);
	list->vars = *vars;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		p.line++;
		r = read_line(&p, line, err);
	}
	return r < 0 ? r : finish_section(&p, err);
}

int repofile_load(const char *path, const struct repofile_vars *vars, struct repofile_list *list,
		  struct strv *warnings, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0;
	int r = file_read(path, REPOFILE_SIZE_MAX, ERR_CONFIG, &text, &size, err);

	if (r == 0 && strlen(text) != size)
		r = err_set(err, ERR_CONFIG, "%s: not a text file", path);
	return r < 0 ? r : repofile_parse(path, text, vars, list, warnings, err);
}

void repofile_release(struct repofile_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct repofile_repo *repo = &list->items[i];

		free(repo->id);
		free(repo->where);
		free(repo->file);
		strv_release(&repo->baseurls);
		strv_release(&repo->gpgkey);
		free(repo->sslcacert);
		free(repo->sslclientcert);
		free(repo->sslclientkey);
		strv_release(&repo->includepkgs);
		strv_release(&repo->excludepkgs);
	}
	free(list->items);
	*list = (struct repofile_list){ .items = NULL };
}
