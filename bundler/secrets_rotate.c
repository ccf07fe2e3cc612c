/* SPDX-License-Identifier: Apache-2.0 */
/* New passwords in a .env that is in use. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "secrets.h"
#include "x509.h"

DEFINE_CLEANUP(struct dotenv *, dotenv_free);

#define KEPT_MAX 1000

static int check_names(const struct secrets *s, const char *const *names, struct err *err)
{
	cleanup_free const char **known = calloc(s->declared.count + 1, sizeof(*known));
	size_t count = 0;

	if (!known)
		return err_nomem(err);
	for (size_t i = 0; i < s->declared.count; i++)
		if (s->declared.items[i].secret)
			known[count++] = s->declared.items[i].name;
	for (; *names; names++) {
		const char *near = str_nearest(*names, known);

		if (near && !strcmp(near, *names))
			continue;
		return err_set(err, ERR_USAGE,
			       "'%.80s' is no password of this definition's services%s%s%s", *names,
			       near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
	}
	return 0;
}

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

/* The new text must say what the old one said, but for NAMES. */
static int check_rest(const struct dotenv *old, const char *path, const char *text,
		      const char *const *names, struct err *err)
{
	CLEANUP(dotenv_freep) struct dotenv *env = NULL;
	const char *name = NULL;
	int r = dotenv_parse(path, text, &env, err);

	for (size_t i = 0; r == 0 && (name = dotenv_name(old, i)); i++) {
		const char *value = dotenv_get(env, name);

		if (!value || !strcmp(value, dotenv_get(old, name)) == is_among(name, names))
			r = err_set(err, ERR_FAILED,
				    "'%s' in '%s' stands on a line that cannot be changed by "
				    "itself",
				    name, path);
	}
	return r;
}

/* PATH.previous-1, or the first number that is free: none is ever written over. */
static int keep(const char *path, const struct str *text, char **ret_kept, struct err *err)
{
	for (unsigned int n = 1; n < KEPT_MAX; n++) {
		cleanup_free char *kept = NULL;
		int r = str_printf(&kept, err, "%s.previous-%u", path, n);

		if (r == 0 && access(kept, F_OK) == 0)
			continue;
		if (r == 0)
			r = file_write_new(kept, 0600, text->buf, text->len, err);
		if (r == 0)
			*ret_kept = steal_ptr(&kept);
		return r;
	}
	return err_set(err, ERR_FAILED, "'%s' has %d previous ones: remove those of no more use",
		       path, KEPT_MAX - 1);
}

static int replace_all(const struct str *text, const char *const *names, struct str *ret,
		       struct err *err)
{
	int r = 0;

	str_add(ret, text->buf);
	for (; r == 0 && *names; names++) {
		CLEANUP(str_release) struct str password = STR_SECRET;
		CLEANUP(str_release) struct str next = STR_SECRET;

		r = secrets_random(&password, err);
		if (r == 0)
			r = dotenv_replace(ret->buf, *names, password.buf, &next, err);
		if (r < 0)
			return r;
		str_reset(ret);
		str_add(ret, next.buf);
	}
	return str_check(ret, err);
}

int secrets_rotate(const struct secrets *s, const char *const *names, char **ret_kept,
		   struct err *err)
{
	CLEANUP(dotenv_freep) struct dotenv *old = NULL;
	CLEANUP(str_release) struct str text = STR_SECRET;
	CLEANUP(str_release) struct str renewed = STR_SECRET;
	/* What a link leads to is what changes. */
	cleanup_free char *path = realpath(s->def.env, NULL);
	int r = check_names(s, names, err);

	if (r == 0 && !path)
		r = err_errno(err, ERR_CONFIG, errno, "cannot open '%s'", s->def.env);
	if (r == 0)
		r = x509_read_private(path, ERR_CONFIG, &text, err);
	str_add(&text, "");
	if (r == 0 && strlen(text.buf) != text.len)
		r = err_set(err, ERR_CONFIG, "'%s' contains a NUL character", path);
	if (r == 0)
		r = dotenv_parse(path, text.buf, &old, err);
	if (r == 0)
		r = replace_all(&text, names, &renewed, err);
	if (r == 0)
		r = check_rest(old, path, renewed.buf, names, err);
	if (r == 0)
		r = keep(path, &text, ret_kept, err);
	return r < 0 ? r : file_write_atomic(path, 0600, renewed.buf, renewed.len, err);
}
