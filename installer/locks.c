/* SPDX-License-Identifier: Apache-2.0 */
#include "locks.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "pkgspec.h"
#include "present.h"

#define DNF_CONF "/etc/dnf/dnf.conf"
#define LOCK_CONF "/etc/dnf/plugins/versionlock.conf"
#define LOCK_LIST "/etc/dnf/plugins/versionlock.list"
#define PROTECTED_DIR "/etc/dnf/protected.d"
#define FILE_BYTES_MAX (1U << 20)
#define PATTERN_MAX 256
#define STARS_MAX 8 /* fnmatch(3) tries each against all that follow */

void locks_release(struct locks *locks)
{
	strv_release(&locks->only);
	strv_release(&locks->never);
	strv_release(&locks->protected);
}

/* --- reading -------------------------------------------------------------------------------- */

/* An administrator may have linked it to another place; nothing leads out of another root. -1: not there. */
static int open_config(const struct install *in, const char *path, int *ret_fd, struct err *err)
{
	cleanup_close int root = -1;
	cleanup_close int parent = -1;
	int r = 0;

	*ret_fd = -1;
	if (install_is_live(in)) {
		*ret_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	} else {
		root = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return err_errno(err, ERR_USAGE, errno, "cannot open the root '%.200s'",
					 in->root);
		r = present_open_parent(root, path, &parent, err);
		if (r < 0 || parent < 0)
			return r;
		*ret_fd = openat(parent, path_basename(path),
				 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	}
	if (*ret_fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_errno(err, ERR_CONFIG, errno, "cannot open '%s'", path);
	return 0;
}

/* RET stays empty when there is no such file. */
static int read_config(const struct install *in, const char *path, struct str *ret, struct err *err)
{
	cleanup_close int fd = -1;
	struct stat st;
	int r = open_config(in, path, &fd, err);

	if (r < 0 || fd < 0)
		return r;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "'%s' is no plain file", path);
	r = fd_read_all(fd, path, FILE_BYTES_MAX, ret, err);
	if (r < 0) {
		err->code = ERR_CONFIG;
		return -ERR_CONFIG;
	}
	str_add(ret, "");
	return str_check(ret, err);
}

static int add_pattern(struct strv *list, const char *path, const char *pattern, struct err *err)
{
	size_t stars = 0;

	for (const char *p = pattern; *p; p++)
		stars += *p == '*';
	if (strlen(pattern) > PATTERN_MAX || stars > STARS_MAX || !str_is_plain(pattern))
		return err_set(err, ERR_CONFIG,
			       "'%s' has an entry that is no name or pattern of packages", path);
	return strv_add(list, pattern, err);
}

/* Words between blanks and commas. */
static int add_words(struct strv *list, const char *path, char *text, struct err *err)
{
	char *save = NULL;
	int r = 0;

	for (char *w = strtok_r(text, " \t\r,", &save); r == 0 && w;
	     w = strtok_r(NULL, " \t\r,", &save))
		r = add_pattern(list, path, w, err);
	return r;
}

/* "KEY = VALUE" in [main]: what is before '=' ends at *RET_VALUE. */
static const char *split_option(char *line, char **ret_value)
{
	char *equals = strchr(line, '=');
	char *end = equals;

	if (!equals)
		return NULL;
	while (end > line && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	*ret_value = equals + 1 + strspn(equals + 1, " \t");
	return line;
}

struct option {
	const char *key;
	int (*take)(void *into, const char *path, char *value, struct err *err);
	void *into;
};

/* The INI files of dnf: a line that begins with a blank goes on with the value before it. */
static int read_main(const struct install *in, const char *path, const struct option *options,
		     struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	const struct option *current = NULL;
	bool is_main = false;
	char *save = NULL;
	int r = read_config(in, path, &text, err);

	for (char *l = text.buf ? strtok_r(text.buf, "\n", &save) : NULL; r == 0 && l;
	     l = strtok_r(NULL, "\n", &save)) {
		const char *key = NULL;
		char *value = l;

		if (strchr("#;", *l))
			continue;
		if (*l == '[') {
			is_main = str_starts(l, "[main]");
			current = NULL;
			continue;
		}
		if (!strchr(" \t", *l)) {
			key = split_option(l, &value);
			current = NULL;
			for (const struct option *o = options; is_main && key && o->key; o++)
				if (!strcmp(o->key, key))
					current = o;
		}
		if (current)
			r = current->take(current->into, path, value, err);
	}
	return r;
}

static int take_words(void *into, const char *path, char *value, struct err *err)
{
	return add_words(into, path, value, err);
}

static int take_bool(void *into, const char *path, char *value, struct err *err)
{
	(void)path;
	(void)err;
	value[strcspn(value, " \t\r")] = '\0';
	*(bool *)into = strcasecmp(value, "0") && strcasecmp(value, "no") &&
			strcasecmp(value, "false") && strcasecmp(value, "off");
	return 0;
}

static int take_path(void *into, const char *path, char *value, struct err *err)
{
	char **ret = into;

	value[strcspn(value, " \t\r")] = '\0';
	if (*value != '/')
		return err_set(err, ERR_CONFIG, "'%s': '%.100s' is no absolute path", path, value);
	free(*ret);
	*ret = NULL;
	return str_dup(ret, value, err);
}

/* NAME-EPOCH:VERSION-RELEASE.ARCH, patterns, '!' before what is not wanted; '#' begins a comment. */
static int read_list(const struct install *in, const char *path, struct locks *locks,
		     struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	char *save = NULL;
	int r = read_config(in, path, &text, err);

	for (char *l = text.buf ? strtok_r(text.buf, "\n", &save) : NULL; r == 0 && l;
	     l = strtok_r(NULL, "\n", &save)) {
		char *word = NULL;
		char *rest = NULL;

		l[strcspn(l, "#")] = '\0';
		word = strtok_r(l, " \t\r", &rest);
		if (word && *word == '!' && word[1])
			r = add_pattern(&locks->never, path, word + 1, err);
		else if (word)
			r = add_pattern(&locks->only, path, word, err);
	}
	return r;
}

static int load_versionlock(const struct install *in, struct locks *locks, struct err *err)
{
	cleanup_free char *list = NULL;
	bool enabled = true;
	const struct option options[] = { { "enabled", take_bool, &enabled },
					  { "locklist", take_path, &list },
					  { NULL, NULL, NULL } };
	int r = read_main(in, LOCK_CONF, options, err);

	return r < 0 || !enabled ? r : read_list(in, list ? list : LOCK_LIST, locks, err);
}

static int load_protected(const struct install *in, struct locks *locks, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	int r = install_path(in, PROTECTED_DIR, &dir, err);

	if (r < 0 || access(dir, F_OK) < 0)
		return r;
	r = dir_list(dir, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		CLEANUP(str_release) struct str text = STR_INIT;
		cleanup_free char *path = NULL;
		char *save = NULL;

		if (!str_ends(names.items[i], ".conf"))
			continue;
		r = path_join(PROTECTED_DIR, names.items[i], &path, err);
		if (r == 0)
			r = read_config(in, path, &text, err);
		for (char *l = text.buf ? strtok_r(text.buf, "\n", &save) : NULL; r == 0 && l;
		     l = strtok_r(NULL, "\n", &save))
			r = *l == '#' ? 0 : add_words(&locks->protected, path, l, err);
	}
	return r;
}

int locks_load(const struct install *in, struct locks *ret, struct err *err)
{
	const struct option options[] = { { "excludepkgs", take_words, &ret->never },
					  { "exclude", take_words, &ret->never },
					  { "protected_packages", take_words, &ret->protected },
					  { NULL, NULL, NULL } };
	int r = read_main(in, DNF_CONF, options, err);

	if (r == 0)
		r = load_versionlock(in, ret, err);
	return r < 0 ? r : load_protected(in, ret, err);
}

/* --- asking --------------------------------------------------------------------------------- */

static const char *find_match(const struct strv *list, Pool *pool, Id p)
{
	for (size_t i = 0; i < list->count; i++)
		if (pkgspec_match(pool, p, list->items[i]))
			return list->items[i];
	return NULL;
}

/* Whether ENTRY, of which version, release and architecture may be left out, is about packages called NAME. */
static bool is_about(const char *entry, const char *name)
{
	cleanup_free char *copy = strdup(entry);
	char *cut = NULL;

	if (!copy || fnmatch(entry, name, 0) == 0)
		return true;
	cut = strrchr(copy, '.');
	if (cut && !strchr(cut, '-')) {
		*cut = '\0';
		if (fnmatch(copy, name, 0) == 0)
			return true;
		*cut = '.';
	}
	for (int i = 0; i < 2 && (cut = strrchr(copy, '-')); i++) {
		*cut = '\0';
		/* The name may have dashes itself: a version has a number. */
		if (strpbrk(cut + 1, "0123456789*?[") && fnmatch(copy, name, 0) == 0)
			return true;
	}
	return false;
}

static const char *find_only(const struct locks *locks, Pool *pool, Id p)
{
	const char *name = pool_id2str(pool, pool_id2solvable(pool, p)->name);

	for (size_t i = 0; i < locks->only.count; i++)
		if (is_about(locks->only.items[i], name))
			return locks->only.items[i];
	return NULL;
}

const char *locks_refuse(const struct locks *locks, Pool *pool, Id p)
{
	const char *never = find_match(&locks->never, pool, p);

	if (never)
		return never;
	return find_match(&locks->only, pool, p) ? NULL : find_only(locks, pool, p);
}

const char *locks_keep(const struct locks *locks, Pool *pool, Id p)
{
	return find_match(&locks->only, pool, p);
}

const char *locks_protect(const struct locks *locks, const char *name)
{
	for (size_t i = 0; i < locks->protected.count; i++)
		if (fnmatch(locks->protected.items[i], name, 0) == 0)
			return locks->protected.items[i];
	return NULL;
}
