/* SPDX-License-Identifier: Apache-2.0 */
#include "repofile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "repofile_options.h"

#define REPOFILE_SIZE_MAX (1U << 20)
#define PRIORITY_DEFAULT 99
#define COST_DEFAULT 1000

/* --- sections and lines ------------------------------------------------------------------------- */

struct entry {
	unsigned int number; /* of its line */
	char *key;
	char *value; /* perhaps a password: overwritten when it is freed */
};

struct raw_section {
	char *id; /* as it stands there */
	unsigned int number;
	struct entry *entries;
	size_t count;
};

struct parser {
	const char *path; /* borrowed */
	struct raw_section *sections;
	size_t count;
	unsigned int line;     /* that is being read */
	unsigned int key_line; /* of the option below */
	char *key;             /* the option that may go on in the next line, or NULL */
	struct str value;
};

static void parser_release(struct parser *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct raw_section *s = &p->sections[i];

		for (size_t k = 0; k < s->count; k++) {
			free(s->entries[k].key);
			repofile_secret_freep(&s->entries[k].value);
		}
		free(s->entries);
		free(s->id);
	}
	free(p->sections);
	free(p->key);
	str_release(&p->value);
}

/* Takes the option that was collected, if there is one. */
static int finish_option(struct parser *p, struct err *err)
{
	struct raw_section *s = NULL;
	struct entry *more = NULL;

	if (!p->key)
		return 0;
	s = &p->sections[p->count - 1];
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->entries[i].key, p->key))
			return err_set(err, ERR_CONFIG,
				       "%s:%u: '%.60s' stands twice in this section", p->path,
				       p->key_line, p->key);
	more = reallocarray(s->entries, s->count + 1, sizeof(*more));
	if (!more)
		return err_nomem(err);
	s->entries = more;
	more += s->count++;
	*more = (struct entry){ .number = p->key_line, .key = steal_ptr(&p->key) };
	return str_done(&p->value, &more->value, err);
}

static int start_section(struct parser *p, char *line, struct err *err)
{
	char *end = strchr(line, ']');
	struct raw_section *more = NULL;
	int r = finish_option(p, err);

	if (r < 0)
		return r;
	if (!end || end[1 + strspn(end + 1, " \t\r")])
		return err_set(err, ERR_CONFIG, "%s:%u: '[id]' is expected", p->path, p->line);
	*end = '\0';
	more = reallocarray(p->sections, p->count + 1, sizeof(*more));
	if (!more)
		return err_nomem(err);
	p->sections = more;
	more += p->count++;
	*more = (struct raw_section){ .number = p->line };
	return str_dup(&more->id, line + 1, err);
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
	if (!equals || !p->count)
		return err_set(err, ERR_CONFIG, "%s:%u: %s is expected", p->path, p->line,
			       p->count ? "'option=value'" : "'[id]'");
	*equals = '\0';
	p->key_line = p->line;
	str_add(&p->value, trim(equals + 1));
	return str_dup(&p->key, trim(line), err);
}

static int read_lines(struct parser *p, char *text, struct err *err)
{
	char *line = NULL;
	int r = 0;

	while (r == 0 && (line = strsep(&text, "\n"))) {
		p->line++;
		r = read_line(p, line, err);
	}
	return r < 0 ? r : finish_option(p, err);
}

/* --- what they mean ----------------------------------------------------------------------------- */

struct builder {
	const char *path; /* borrowed, as all here */
	const struct repofile_vars *vars;
	const struct raw_section *main; /* or NULL */
	struct repofile_list *list;
	struct strv *warnings;
};

static struct repofile_line line_of(const struct builder *b, const struct entry *e)
{
	return (struct repofile_line){
		.path = b->path, .number = e->number, .key = e->key, .value = e->value
	};
}

static int give_notes(const struct builder *b, const struct repofile_section *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->notes.count; i++)
		if (!strv_has(b->warnings, s->notes.items[i]))
			r = strv_add(b->warnings, s->notes.items[i], err);
	return r;
}

/* What [main] says for itself; the rest is applied to each repository. */
static int build_main(const struct builder *b, struct err *err)
{
	struct repofile_repo nobody = { .id = NULL };
	CLEANUP(repofile_section_release)
	struct repofile_section s = { .repo = &nobody, .vars = b->vars };
	int r = 0;

	for (size_t i = 0; r == 0 && b->main && i < b->main->count; i++) {
		const struct repofile_line line = line_of(b, &b->main->entries[i]);
		const struct repofile_option *o = repofile_option_find(line.key, true);

		if (!o)
			r = repofile_option_unknown(&line, true, err);
		else if (!repofile_option_inherits(o))
			r = repofile_option_apply(o, &line, &s, err);
	}
	if (r == 0 && s.refused.code) {
		*err = s.refused;
		return -(int)err->code;
	}
	return r < 0 ? r : give_notes(b, &s, err);
}

static const struct entry *find_entry(const struct raw_section *section, const char *key)
{
	for (size_t i = 0; section && i < section->count; i++)
		if (!strcmp(section->entries[i].key, key))
			return &section->entries[i];
	return NULL;
}

/* The section's own options, then those of [main] that it does not have or adds to. */
static int apply_all(const struct builder *b, const struct raw_section *raw,
		     struct repofile_section *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < raw->count; i++) {
		const struct repofile_line line = line_of(b, &raw->entries[i]);
		const struct repofile_option *o = repofile_option_find(line.key, false);

		r = o ? repofile_option_apply(o, &line, s, err)
		      : repofile_option_unknown(&line, false, err);
	}
	for (size_t i = 0; r == 0 && b->main && i < b->main->count; i++) {
		const struct repofile_line line = line_of(b, &b->main->entries[i]);
		const struct repofile_option *o = repofile_option_find(line.key, true);

		if (repofile_option_inherits(o) &&
		    (repofile_option_adds(o) || !find_entry(raw, line.key)))
			r = repofile_option_apply(o, &line, s, err);
	}
	return r;
}

static int apply_enabled(const struct builder *b, const struct raw_section *raw,
			 struct repofile_section *s, struct err *err)
{
	const struct entry *e = find_entry(raw, "enabled");
	struct repofile_line line = { .path = NULL };

	if (!e)
		e = find_entry(b->main, "enabled");
	if (!e)
		return 0;
	line = line_of(b, e);
	return repofile_option_apply(repofile_option_find("enabled", false), &line, s, err);
}

/* Appends an empty repository to the list. */
static int add_repo(const struct builder *b, const struct raw_section *raw, struct err *err)
{
	cleanup_free char *id = NULL;
	struct repofile_list *list = b->list;
	struct repofile_repo *more = NULL;
	int r = repofile_expand(raw->id, b->vars, &id, err);

	if (r < 0)
		return err_prefix(err, "%s:%u", b->path, raw->number);
	if (!str_is_word(id, "._-+:"))
		return err_set(err, ERR_CONFIG, "%s:%u: '%.60s' is no repository id", b->path,
			       raw->number, id);
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].id, id))
			return err_set(err, ERR_CONFIG,
				       "%s:%u: repository '%s' stands twice (also %s)", b->path,
				       raw->number, id, list->items[i].where);
	more = reallocarray(list->items, list->count + 1, sizeof(*more));
	if (!more)
		return err_nomem(err);
	list->items = more;
	more += list->count++;
	*more = (struct repofile_repo){ .enabled = true,
					.priority = PRIORITY_DEFAULT,
					.cost = COST_DEFAULT };
	more->id = steal_ptr(&id);
	r = str_dup(&more->file, b->path, err);
	return r < 0 ? r : str_printf(&more->where, err, "%s:%u", b->path, raw->number);
}

static int build_repo(const struct builder *b, const struct raw_section *raw, struct err *err)
{
	CLEANUP(repofile_section_release)
	struct repofile_section s = { .vars = b->vars };
	int r = add_repo(b, raw, err);

	if (r < 0)
		return r;
	s.repo = &b->list->items[b->list->count - 1];
	r = apply_enabled(b, raw, &s, err);
	/* What a disabled one says is nobody's business. */
	if (r < 0 || !s.repo->enabled)
		return r;
	r = apply_all(b, raw, &s, err);
	if (r == 0)
		r = repofile_section_check(&s, err);
	return r < 0 ? r : give_notes(b, &s, err);
}

static int build_all(const struct parser *p, struct builder *b, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->sections[i].id, "main") != 0)
			continue;
		if (b->main)
			return err_set(err, ERR_CONFIG, "%s:%u: '[main]' stands twice", p->path,
				       p->sections[i].number);
		b->main = &p->sections[i];
	}
	r = build_main(b, err);
	for (size_t i = 0; r == 0 && i < p->count; i++)
		if (&p->sections[i] != b->main)
			r = build_repo(b, &p->sections[i], err);
	return r;
}

/* --- the whole ---------------------------------------------------------------------------------- */

int repofile_parse(const char *path, const char *text, const struct repofile_vars *vars,
		   struct repofile_list *list, struct strv *warnings, struct err *err)
{
	CLEANUP(parser_release) struct parser p = { .path = path, .value = STR_SECRET };
	CLEANUP(repofile_secret_freep) char *copy = strdup(text);
	size_t len = strlen(text);
	struct repofile_vars own = *vars;
	struct builder b = { .path = path, .vars = &own, .list = list, .warnings = warnings };
	int r = 0;

	if (!copy)
		return err_nomem(err);
	own.file = path;
	list->vars = *vars;
	r = read_lines(&p, copy, err);
	/* The lines were cut apart with NULs. */
	secret_cleanse(copy, len);
	return r < 0 ? r : build_all(&p, &b, err);
}

/* A password that everybody can read is none. */
static int check_mode(const char *path, const struct repofile_list *list, size_t first,
		      struct strv *warnings, struct err *err)
{
	bool secret = false;
	struct stat st;

	for (size_t i = first; i < list->count; i++)
		secret = secret || list->items[i].password || list->items[i].proxy_password;
	if (!secret || stat(path, &st) < 0 || !(st.st_mode & S_IROTH))
		return 0;
	return strv_addf(warnings, err,
			 "%s: it has a password, and everybody can read it: chmod o-r", path);
}

int repofile_load(const char *path, const struct repofile_vars *vars, struct repofile_list *list,
		  struct strv *warnings, struct err *err)
{
	CLEANUP(repofile_secret_freep) char *text = NULL;
	size_t first = list->count;
	size_t size = 0;
	int r = file_read(path, REPOFILE_SIZE_MAX, ERR_CONFIG, &text, &size, err);

	if (r == 0 && strlen(text) != size)
		r = err_set(err, ERR_CONFIG, "%s: not a text file", path);
	if (r == 0)
		r = repofile_parse(path, text, vars, list, warnings, err);
	return r < 0 ? r : check_mode(path, list, first, warnings, err);
}

void repofile_secret_freep(char **secret)
{
	if (*secret)
		secret_cleanse(*secret, strlen(*secret));
	free(*secret);
}

void repofile_release(struct repofile_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct repofile_repo *repo = &list->items[i];
		char *const texts[] = { repo->id,
					repo->where,
					repo->file,
					repo->mirrorlist,
					repo->metalink,
					repo->sslcacert,
					repo->sslclientcert,
					repo->sslclientkey,
					repo->proxy,
					repo->proxy_username,
					repo->proxy_auth_method,
					repo->proxy_sslcacert,
					repo->proxy_sslclientcert,
					repo->proxy_sslclientkey,
					repo->username,
					repo->user_agent };

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			free(texts[k]);
		repofile_secret_freep(&repo->password);
		repofile_secret_freep(&repo->proxy_password);
		strv_release(&repo->baseurls);
		strv_release(&repo->gpgkey);
		strv_release(&repo->includepkgs);
		strv_release(&repo->excludepkgs);
	}
	free(list->items);
	*list = (struct repofile_list){ .items = NULL };
}
