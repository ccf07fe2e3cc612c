/* SPDX-License-Identifier: Apache-2.0 */
#include "dotenv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "str.h"

#define DOTENV_SIZE_MAX (1U << 20)
#define VARIABLES_MAX 4096 /* each is looked for among all */

struct variable {
	char *name;
	struct str value; /* secret */
	unsigned int line;
};

struct dotenv {
	struct variable *vars;
	size_t count;
};

DEFINE_CLEANUP(struct dotenv *, dotenv_free);

void dotenv_free(struct dotenv *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->count; i++) {
		free(env->vars[i].name);
		str_release(&env->vars[i].value);
	}
	free(env->vars);
	free(env);
}

static const struct variable *find(const struct dotenv *env, const char *name)
{
	for (size_t i = 0; i < env->count; i++)
		if (!strcmp(env->vars[i].name, name))
			return &env->vars[i];
	return NULL;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r");
}

/* White space, or a comment with a blank before it, may follow a value. */
static bool at_end(const char *p)
{
	const char *q = skip_blanks(p);

	return !*q || (*q == '#' && q != p);
}

static const char *parse_quoted(const char *p, struct str *value)
{
	char quote = *p++;

	for (; *p && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p[1]) {
			p++;
			str_addc(value, *p == 'n' ? '\n' : *p);
		} else {
			str_addc(value, *p);
		}
	}
	return *p == quote ? p + 1 : NULL;
}

static const char *parse_bare(const char *p, struct str *value)
{
	const char *end = p;

	while (*end && !at_end(end))
		end += *end == ' ' || *end == '\t' || *end == '\r' ? strspn(end, " \t\r") : 1;
	str_add_len(value, p, (size_t)(end - p));
	return end;
}

/* P stands behind NAME=. Returns where the value begins, *RET_END where it ends: NULL when a quote
 * stays open. */
static const char *parse_value(const char *p, struct str *value, const char **ret_end)
{
	const char *start = skip_blanks(p);

	if (*start == '\'' || *start == '"') {
		*ret_end = parse_quoted(start, value);
		return start;
	}
	/* NAME= # comment: nothing before the comment. */
	if (*start == '#' && start != p)
		start = p;
	*ret_end = start == p && at_end(p) ? p : parse_bare(start, value);
	return start;
}

static int add_variable(struct dotenv *env, const char *name, size_t name_len, unsigned int line,
			struct variable **ret, struct err *err)
{
	struct variable *vars = reallocarray(env->vars, env->count + 1, sizeof(*vars));

	if (!vars)
		return err_nomem(err);
	env->vars = vars;
	vars += env->count;
	*vars = (struct variable){ .line = line, .value = STR_SECRET };
	vars->name = strndup(name, name_len);
	if (!vars->name)
		return err_nomem(err);
	env->count++;
	*ret = vars;
	return 0;
}

static int parse_line(struct dotenv *env, const char *file, unsigned int line, const char *text,
		      struct err *err)
{
	const char *p = skip_blanks(text);
	struct variable *var = NULL;
	cleanup_free char *name = NULL;
	const struct variable *before = NULL;
	const char *end = NULL;
	size_t len;
	int r;

	if (!*p || *p == '#')
		return 0;
	if (str_starts(p, "export "))
		p = skip_blanks(p + 7);
	len = strcspn(p, "= \t");
	name = strndup(p, len);
	if (!name)
		return err_nomem(err);
	/* The text of a bad line is not shown: it may be a password. */
	if (p[len] != '=' || !str_is_word(name, "_") || (*name >= '0' && *name <= '9'))
		return err_set(err, ERR_CONFIG, "%s:%u: expected NAME=value", file, line);
	before = find(env, name);
	if (before)
		return err_set(err, ERR_CONFIG, "%s:%u: '%s' stands already in line %u", file, line,
			       name, before->line);
	if (env->count == VARIABLES_MAX)
		return err_set(err, ERR_CONFIG, "%s:%u: more than %d variables", file, line,
			       VARIABLES_MAX);
	r = add_variable(env, p, len, line, &var, err);
	if (r < 0)
		return r;
	parse_value(p + len + 1, &var->value, &end);
	if (!end || !at_end(end))
		return err_set(err, ERR_CONFIG, "%s:%u: the quotes of '%s' do not match", file,
			       line, name);
	str_add_len(&var->value, "", 0);
	return str_check(&var->value, err);
}

int dotenv_parse(const char *name, const char *text, struct dotenv **ret, struct err *err)
{
	CLEANUP(dotenv_freep) struct dotenv *env = calloc(1, sizeof(*env));
	CLEANUP(str_release) struct str line = STR_SECRET;
	unsigned int number = 0;
	int r = 0;

	if (!env)
		return err_nomem(err);
	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");

		str_reset(&line);
		str_add_len(&line, text, len);
		r = str_check(&line, err);
		if (r == 0)
			r = parse_line(env, name, ++number, line.buf, err);
		text += len + (text[len] == '\n');
	}
	if (r == 0)
		*ret = steal_ptr(&env);
	return r;
}

int dotenv_load(const char *path, struct dotenv **ret, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct stat st = { .st_mode = 0 };
	int r;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_CONFIG,
			       "'%s' is not there: it holds the passwords, and 'pgha-bundle "
			       "secrets init' makes it",
			       path);
	if (fd < 0)
		return err_errno(err, ERR_CONFIG, errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, ERR_CONFIG, errno, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "'%s' is not a regular file", path);
	if (st.st_mode & 077)
		return err_set(err, ERR_CONFIG,
			       "'%s' holds passwords but others may read it: run chmod 600 '%s'",
			       path, path);
	r = fd_read_all(fd, path, DOTENV_SIZE_MAX, &text, err);
	if (r < 0)
		return r;
	if (strlen(text.buf) != text.len)
		return err_set(err, ERR_CONFIG, "'%s' contains a NUL character", path);
	return dotenv_parse(path, text.buf, ret, err);
}

const char *dotenv_get(const struct dotenv *env, const char *name)
{
	const struct variable *var = find(env, name);

	return var ? var->value.buf : NULL;
}

unsigned int dotenv_line(const struct dotenv *env, const char *name)
{
	const struct variable *var = find(env, name);

	return var ? var->line : 0;
}

const char *dotenv_name(const struct dotenv *env, size_t i)
{
	return i < env->count ? env->vars[i].name : NULL;
}

/* Where the value of NAME begins within LINE and where it ends, or NULL: it sets another. */
static const char *find_value(const char *line, const char *name, const char **ret_end)
{
	CLEANUP(str_release) struct str old = STR_SECRET;
	const char *p = skip_blanks(line);
	size_t len = strlen(name);

	if (str_starts(p, "export "))
		p = skip_blanks(p + 7);
	if (strncmp(p, name, len) != 0 || p[len] != '=')
		return NULL;
	p = parse_value(p + len + 1, &old, ret_end);
	return *ret_end ? p : NULL;
}

int dotenv_replace(const char *text, const char *name, const char *value, struct str *ret,
		   struct err *err)
{
	CLEANUP(str_release) struct str line = STR_SECRET;
	bool found = false;
	int r = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *start = NULL, *end = NULL;

		str_reset(&line);
		str_add_len(&line, text, len);
		r = str_check(&line, err);
		if (r < 0)
			return r;
		start = find_value(line.buf, name, &end);
		if (start) {
			str_add_len(ret, line.buf, (size_t)(start - line.buf));
			dotenv_add_value(ret, value);
			str_add(ret, end);
			found = true;
		} else {
			str_add(ret, line.buf);
		}
		str_addc(ret, '\n');
		text += len + (text[len] == '\n');
	}
	if (!found) {
		str_add(ret, name);
		str_addc(ret, '=');
		dotenv_add_value(ret, value);
		str_addc(ret, '\n');
	}
	return str_check(ret, err);
}

void dotenv_add_value(struct str *ret, const char *value)
{
	if (!*value || str_is_word(value, "._-/:,+=@%")) {
		str_add(ret, value);
		return;
	}
	if (!strpbrk(value, "'\n")) {
		str_addc(ret, '\'');
		str_add(ret, value);
		str_addc(ret, '\'');
		return;
	}
	str_addc(ret, '"');
	for (const char *p = value; *p; p++) {
		if (*p == '\n') {
			str_add(ret, "\\n");
			continue;
		}
		if (*p == '"' || *p == '\\')
			str_addc(ret, '\\');
		str_addc(ret, *p);
	}
	str_addc(ret, '"');
}
