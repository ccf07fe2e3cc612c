/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template becomes a row of tokens, sections knowing where they end; rendering walks the row with
 * a stack of contexts.
 */
#include "mustache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mustache_value.h"

#define TEXT_MAX (1U << 20)  /* bytes of a template */
#define STEPS_MAX (4U << 20) /* tokens rendered: nested loops over long lists end here */
#define DELIMITER_MAX 8

struct token {
	char kind; /* 't' text, 'v' variable, '&' unquoted, '#', '^', '/', '>' */
	unsigned int line;
	const char *start; /* text or name, borrowed from the template */
	size_t len;
	const char *indent; /* '>': what stands before it on its line; also borrowed */
	size_t indent_len;
	size_t end; /* '#' and '^': the index of its '/' */
};

struct parsed {
	const char *name; /* borrowed, for messages */
	const char *text;
	struct token *tokens;
	size_t count, size;
};

static void parsed_release(struct parsed *t)
{
	free(t->tokens);
}

static int fail_at(const struct parsed *t, unsigned int line, struct err *err, const char *what,
		   const char *name, size_t len)
{
	return err_set(err, ERR_CONFIG, "%s:%u: %s%s%.*s%s", t->name, line, what, len ? " '" : "",
		       (int)(len > 80 ? 80 : len), name, len ? "'" : "");
}

/* --- reading ------------------------------------------------------------------------------- */

struct reader {
	struct parsed *t;
	const char *p;         /* where we are */
	const char *text_from; /* text not yet made a token */
	unsigned int line;
	char open[DELIMITER_MAX + 1], close[DELIMITER_MAX + 1];
	size_t stack[MUSTACHE_DEPTH_MAX]; /* open sections, as indices of tokens */
	size_t depth;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\n' || c == '\r';
}

static int add_token(struct parsed *t, struct token token, struct err *err)
{
	if (t->count == t->size) {
		size_t size = t->size ? t->size * 2 : 32;
		struct token *tokens = reallocarray(t->tokens, size, sizeof(*tokens));

		if (!tokens)
			return err_nomem(err);
		t->tokens = tokens;
		t->size = size;
	}
	t->tokens[t->count++] = token;
	return 0;
}

static int add_text(struct reader *r, const char *end, struct err *err)
{
	if (end == r->text_from)
		return 0;
	return add_token(r->t,
			 (struct token){ .kind = 't',
					 .line = r->line,
					 .start = r->text_from,
					 .len = (size_t)(end - r->text_from) },
			 err);
}

/* Where the text before a standalone tag ends and the text after it goes on; false for a tag that
 * shares its line. */
static bool find_standalone(const struct reader *r, const char *tag, const char *after,
			    const char **ret_before, const char **ret_after)
{
	const char *before = tag;

	while (before > r->t->text && is_blank(before[-1]))
		before--;
	if (before > r->t->text && before[-1] != '\n')
		return false;
	while (is_blank(*after))
		after++;
	if (after[0] == '\r' && after[1] == '\n')
		after++;
	if (*after != '\0' && *after != '\n')
		return false;
	*ret_before = before;
	*ret_after = *after ? after + 1 : after;
	return true;
}

static void trim(const char **start, const char **end)
{
	while (*start < *end && is_space(**start))
		(*start)++;
	while (*end > *start && is_space((*end)[-1]))
		(*end)--;
}

static int set_delimiters(struct reader *r, const char *start, const char *end, struct err *err)
{
	const char *middle = start;
	const char *second = NULL;
	size_t open_len, close_len;

	while (middle < end && !is_space(*middle))
		middle++;
	second = middle;
	while (second < end && is_space(*second))
		second++;
	open_len = (size_t)(middle - start);
	close_len = (size_t)(end - second);
	for (const char *p = start; p < end; p++)
		if (*p == '=' || (p >= second && is_space(*p)))
			close_len = 0;
	if (!open_len || !close_len || open_len > DELIMITER_MAX || close_len > DELIMITER_MAX)
		return fail_at(r->t, r->line, err, "bad delimiters", start, (size_t)(end - start));
	memcpy(r->open, start, open_len);
	r->open[open_len] = '\0';
	memcpy(r->close, second, close_len);
	r->close[close_len] = '\0';
	return 0;
}

static int close_section(struct reader *r, struct token *token, struct err *err)
{
	struct token *open = NULL;

	if (!r->depth)
		return fail_at(r->t, token->line, err, "nothing is open that could be closed by",
			       token->start, token->len);
	open = &r->t->tokens[r->stack[--r->depth]];
	if (open->len != token->len || memcmp(open->start, token->start, token->len) != 0) {
		fail_at(r->t, token->line, err, "the open section is not", token->start,
			token->len);
		err_detail(err, "section '%.*s' was opened in line %u", (int)open->len, open->start,
			   open->line);
		return -ERR_CONFIG;
	}
	open->end = r->t->count;
	return 0;
}

static int add_tag(struct reader *r, struct token token, struct err *err)
{
	bool section = token.kind == '#' || token.kind == '^';
	int rc = 0;

	if (!token.len)
		return fail_at(r->t, token.line, err, "a tag without a name", "", 0);
	for (size_t i = 0; i < token.len; i++)
		if (is_space(token.start[i]))
			return fail_at(r->t, token.line, err, "a space within the name",
				       token.start, token.len);
	if (token.kind == '/')
		rc = close_section(r, &token, err);
	if (section && r->depth == MUSTACHE_DEPTH_MAX)
		return fail_at(r->t, token.line, err, "sections are nested too deep", "", 0);
	if (section)
		r->stack[r->depth++] = r->t->count;
	return rc < 0 ? rc : add_token(r->t, token, err);
}

/* Finds the end of the tag whose content starts at START: its closing delimiter, and behind it. */
static const char *find_close(const struct reader *r, char kind, const char *start,
			      const char **ret_after)
{
	char close[DELIMITER_MAX + 2];
	const char *end = NULL;

	snprintf(close, sizeof(close), "%s%s",
		 kind == '{'   ? "}"
		 : kind == '=' ? "="
			       : "",
		 r->close);
	end = strstr(start, close);
	if (end)
		*ret_after = end + strlen(close);
	return end;
}

/* Reads the tag at r->p. */
static int read_tag(struct reader *r, struct err *err)
{
	const char *tag = r->p;
	const char *start = tag + strlen(r->open);
	const char *end = NULL, *after = NULL, *before = tag, *rest = NULL;
	struct token token = { .kind = 'v', .line = r->line };
	int rc = 0;

	if (*start && strchr("#^/>!=&", *start))
		token.kind = *start++;
	else if (*start == '{' && !strcmp(r->open, "{{") && !strcmp(r->close, "}}"))
		token.kind = *start++;
	end = find_close(r, token.kind, start, &after);
	if (!end)
		return fail_at(r->t, r->line, err, "a tag that does not end", "", 0);
	for (const char *p = tag; p < after; p++)
		r->line += *p == '\n';
	rest = after;
	if (strchr("#^/>!=", token.kind) && find_standalone(r, tag, after, &before, &rest)) {
		token.indent = before;
		token.indent_len = (size_t)(tag - before);
		r->line += rest > after && rest[-1] == '\n';
	}
	rc = add_text(r, before, err);
	trim(&start, &end);
	token.start = start;
	token.len = (size_t)(end - start);
	if (token.kind == '{')
		token.kind = '&';
	if (rc == 0 && token.kind == '=')
		rc = set_delimiters(r, start, end, err);
	else if (rc == 0 && token.kind != '!')
		rc = add_tag(r, token, err);
	r->p = r->text_from = rest;
	return rc;
}

static int parsed_read(struct parsed *t, const char *name, const char *text, struct err *err)
{
	struct reader r = {
		.t = t, .p = text, .text_from = text, .line = 1, .open = "{{", .close = "}}"
	};
	int rc = 0;

	*t = (struct parsed){ .name = name, .text = text };
	if (strlen(text) > TEXT_MAX)
		return err_set(err, ERR_CONFIG, "%s: the template is too large", name);
	while (rc == 0 && *r.p) {
		if (!strncmp(r.p, r.open, strlen(r.open))) {
			rc = read_tag(&r, err);
			continue;
		}
		r.line += *r.p == '\n';
		r.p++;
	}
	if (rc == 0)
		rc = add_text(&r, r.p, err);
	if (rc == 0 && r.depth) {
		const struct token *open = &t->tokens[r.stack[r.depth - 1]];

		rc = fail_at(t, open->line, err, "a section that is not closed:", open->start,
			     open->len);
	}
	return rc;
}

int mustache_check(const char *name, const char *text,
		   int (*visit)(void *context, char kind, const char *tag, unsigned int line,
				struct err *err),
		   void *context, struct err *err)
{
	CLEANUP(parsed_release) struct parsed t = { .name = name };
	int r = parsed_read(&t, name, text, err);

	for (size_t i = 0; r == 0 && visit && i < t.count; i++) {
		const struct token *token = &t.tokens[i];
		cleanup_free char *tag = NULL;

		if (token->kind == 't' || token->kind == '/')
			continue;
		tag = strndup(token->start, token->len);
		if (!tag)
			return err_nomem(err);
		r = visit(context, token->kind, tag, token->line, err);
	}
	return r;
}

/* --- rendering ----------------------------------------------------------------------------- */

struct renderer {
	const struct mustache_options *options;
	const struct mustache_format *format;
	struct str *out;
	size_t out_from; /* length of OUT at the start */
	const struct mustache_value *stack[MUSTACHE_DEPTH_MAX + 1];
	size_t depth;
	unsigned int partials;
	unsigned int steps;
};

static int render_range(struct renderer *r, const struct parsed *t, size_t from, size_t to,
			struct err *err);

/* The specification's resolution: the first part anywhere on the stack, the others below it.
 * RET_OPEN says that the name was missed in a map that need not have it. */
static const struct mustache_value *resolve(const struct renderer *r, const char *name, size_t len,
					    bool *ret_open)
{
	const struct mustache_value *value = NULL;
	const char *end = name + len;
	const char *dot = NULL;

	if (len == 1 && *name == '.')
		return r->stack[r->depth - 1];
	dot = memchr(name, '.', len);
	for (size_t i = r->depth; !value && i > 0; i--)
		value = mustache_get_len(r->stack[i - 1], name, (size_t)((dot ? dot : end) - name));
	while (value && dot) {
		const char *part = dot + 1;

		*ret_open = value->open;
		dot = memchr(part, '.', (size_t)(end - part));
		value = mustache_get_len(value, part, (size_t)((dot ? dot : end) - part));
	}
	return value;
}

static int lookup(const struct renderer *r, const struct parsed *t, const struct token *token,
		  const struct mustache_value **ret, struct err *err)
{
	bool section = token->kind == '#' || token->kind == '^';
	bool open = false;

	*ret = resolve(r, token->start, token->len, &open);
	if (!*ret && r->options->strict && !(section && open))
		return fail_at(t, token->line, err, "unknown variable", token->start, token->len);
	if (*ret && (*ret)->secret && r->options->no_secrets)
		return fail_at(t, token->line, err,
			       "a secret may not stand where others can see it:", token->start,
			       token->len);
	return 0;
}

static bool is_true(const struct mustache_value *value)
{
	if (!value)
		return false;
	switch (value->type) {
	case MUSTACHE_BOOL:
		return value->on;
	case MUSTACHE_STRING:
		return *value->text != '\0';
	case MUSTACHE_LIST:
		return value->count > 0;
	case MUSTACHE_MAP:
		break;
	}
	return true;
}

static int render_variable(struct renderer *r, const struct parsed *t, const struct token *token,
			   struct err *err)
{
	const struct mustache_value *value = NULL;
	const char *text = NULL;
	int rc = lookup(r, t, token, &value, err);

	if (rc < 0 || !value)
		return rc;
	if (value->type == MUSTACHE_LIST || value->type == MUSTACHE_MAP)
		return r->options->strict
			       ? fail_at(t, token->line, err,
					 "a list or map has no text:", token->start, token->len)
			       : 0;
	text = value->type == MUSTACHE_STRING ? value->text : value->on ? "true" : "false";
	if (token->kind == '&') {
		str_add(r->out, text);
		return 0;
	}
	rc = r->format->quote(r->out, text, err);
	if (rc < 0)
		err_prefix(err, "%s:%u: '%.*s'", t->name, token->line,
			   (int)(token->len > 80 ? 80 : token->len), token->start);
	return rc;
}

static int render_pushed(struct renderer *r, const struct parsed *t, const struct token *token,
			 const struct mustache_value *context, size_t from, struct err *err)
{
	int rc = 0;

	if (r->depth == ARRAY_SIZE(r->stack))
		return fail_at(t, token->line, err, "sections are nested too deep", "", 0);
	r->stack[r->depth++] = context;
	rc = render_range(r, t, from, token->end, err);
	r->depth--;
	return rc;
}

static int render_section(struct renderer *r, const struct parsed *t, size_t at, struct err *err)
{
	const struct token *token = &t->tokens[at];
	const struct mustache_value *value = NULL;
	int rc = lookup(r, t, token, &value, err);

	if (rc < 0)
		return rc;
	if (token->kind == '^')
		return is_true(value) ? 0 : render_range(r, t, at + 1, token->end, err);
	if (!is_true(value))
		return 0;
	if (value->type != MUSTACHE_LIST)
		return render_pushed(r, t, token, value, at + 1, err);
	for (size_t i = 0; rc == 0 && i < value->count; i++)
		rc = render_pushed(r, t, token, value->items[i], at + 1, err);
	return rc;
}

/* The specification indents the partial's text before it is rendered, so values of several lines
 * stay as they are. */
static void add_indented(struct str *out, const char *text, const char *indent, size_t indent_len)
{
	while (*text) {
		const char *newline = strchr(text, '\n');
		size_t len = newline ? (size_t)(newline - text) + 1 : strlen(text);

		str_add_len(out, indent, indent_len);
		str_add_len(out, text, len);
		text += len;
	}
}

static int render_partial(struct renderer *r, const struct parsed *t, const struct token *token,
			  struct err *err)
{
	CLEANUP(str_release) struct str indented = STR_INIT;
	CLEANUP(parsed_release) struct parsed partial = { .name = NULL };
	cleanup_free char *name = strndup(token->start, token->len);
	const char *text = NULL;
	int rc = 0;

	if (!name)
		return err_nomem(err);
	if (r->options->partial)
		text = r->options->partial(r->options->context, name);
	if (!text)
		return r->options->strict
			       ? fail_at(t, token->line, err, "unknown partial", name, strlen(name))
			       : 0;
	if (r->partials == MUSTACHE_PARTIAL_MAX)
		return fail_at(t, token->line, err, "partials are nested too deep:", name,
			       strlen(name));
	add_indented(&indented, text, token->indent, token->indent_len);
	str_add(&indented, "");
	rc = str_check(&indented, err);
	if (rc == 0)
		rc = parsed_read(&partial, name, indented.buf, err);
	if (rc < 0)
		return rc;
	r->steps += (unsigned int)(partial.count + indented.len / 64);
	r->partials++;
	rc = render_range(r, &partial, 0, partial.count, err);
	r->partials--;
	return rc;
}

static int render_token(struct renderer *r, const struct parsed *t, size_t at, struct err *err)
{
	const struct token *token = &t->tokens[at];

	switch (token->kind) {
	case 't':
		str_add_len(r->out, token->start, token->len);
		return 0;
	case '#':
	case '^':
		return render_section(r, t, at, err);
	case '>':
		return render_partial(r, t, token, err);
	default:
		return render_variable(r, t, token, err);
	}
}

static int render_range(struct renderer *r, const struct parsed *t, size_t from, size_t to,
			struct err *err)
{
	for (size_t i = from; i < to; i++) {
		const struct token *token = &t->tokens[i];
		int rc = render_token(r, t, i, err);

		if (rc < 0)
			return rc;
		if (++r->steps > STEPS_MAX || r->out->len - r->out_from > MUSTACHE_OUTPUT_MAX)
			return fail_at(t, token->line, err, "the template renders too much", "", 0);
		if (token->kind == '#' || token->kind == '^')
			i = token->end;
	}
	return 0;
}

int mustache_render(const char *name, const char *text, const struct mustache_value *data,
		    const struct mustache_options *options, struct str *out, struct err *err)
{
	CLEANUP(parsed_release) struct parsed t = { .name = name };
	struct renderer r = { .options = options,
			      .format = options->format ? options->format : mustache_format("text"),
			      .out = out,
			      .out_from = out->len };
	int rc = parsed_read(&t, name, text, err);

	if (rc < 0)
		return rc;
	r.stack[r.depth++] = data;
	rc = render_range(&r, &t, 0, t.count, err);
	return rc < 0 ? rc : str_check(out, err);
}
