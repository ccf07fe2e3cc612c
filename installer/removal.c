/* SPDX-License-Identifier: Apache-2.0 */
#include "removal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytecode.h"
#include "cleanup.h"
#include "file.h"
#include "hold.h"
#include "machine.h"
#include "plan.h"
#include "present.h"
#include "rpmtx.h"
#include "state.h"
#include "unit.h"
#include "writable.h"

#define SAVED ".pgha-save" /* behind the name of a file that somebody has changed */
#define SAVED_MAX 1000     /* so many of one file; then the last one is replaced */
/* Words of the mark. */
#define MARK_BEGUN "begun"
#define MARK_FILES "files"     /* they are undone */
#define MARK_FORWARD "forward" /* an installation follows, which does all of it again */

void removal_release(struct removal *removal)
{
	strv_release(&removal->changes);
	strv_release(&removal->stays);
}

/* -- units -- */

int removal_units(struct removal *removal, struct err *err)
{
	const struct record_entries *all = removal->entries;
	int r = removal->apply ? hold_release(removal->in, err) : 0;

	for (size_t i = all->count; r == 0 && i-- > 0;) {
		const struct record_entry *e = &all->items[i];

		if (e->kind == RECORD_UNIT)
			r = unit_take_back(removal->in, e->object, e->was, removal->apply,
					   &removal->changes, err);
		else if (machine_has(e->kind))
			r = machine_take_back(removal->in, e->kind, e->object, e->was, e->now,
					      removal->apply, &removal->changes, err);
	}
	return r;
}

/* -- files and links -- */

/* RET keeps what REMOVAL borrows until it is released. */
static int need_label(struct removal *removal, struct label **ret, struct err *err)
{
	int r = 0;

	if (removal->apply && !removal->label) {
		r = label_open(removal->in, ret, err);
		removal->label = *ret;
	}
	return r;
}

static void done_with_label(struct removal *removal, const struct label *own)
{
	if (own)
		removal->label = NULL;
}

/* WAS, with the content that the record kept, as TEMP beside. */
static int restore_temp(const struct removal *removal, const struct record_entry *e, int parent,
			const char *temp, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	cleanup_free char *kept = NULL;
	cleanup_close int from = -1;
	cleanup_close int fd = -1;
	char sha256[SHA256_HEX_SIZE];
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r = record_kept_path(removal->in, e, &kept, err);

	if (r < 0 || !record_parse(e->was, &mode, &uid, &gid, sha256))
		return r < 0 ? r : err_set(err, ERR_FAILED, "the record of it is damaged");
	from = open(kept, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", kept);
	r = fd_read_all(from, kept, FILE_SIZE_MAX, &text, err);
	if (r < 0)
		return r;
	fd = openat(parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%s' beside it", temp);
	r = fd_write_all(fd, temp, text.buf ? text.buf : "", text.len, err);
	if (r == 0)
		r = label_fd(removal->label, fd, e->object, err);
	if (r == 0 && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = err_errno(err, ERR_FAILED, errno, "cannot write it");
	return r;
}

/* What a run that was killed has not renamed into place. */
static int remove_temp(int parent, const char *name, char **ret_temp, struct err *err)
{
	int r = str_printf(ret_temp, err, INSTALL_TEMP_FORMAT, name);

	if (r == 0 && unlinkat(parent, *ret_temp, 0) < 0 && errno != ENOENT)
		r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s' beside it", *ret_temp);
	return r;
}

static int put_back(const struct removal *removal, const struct record_entry *e, int parent,
		    const char *name, const char *temp, struct err *err)
{
	int r = 0;

	if (!strcmp(e->was, RECORD_ABSENT))
		return unlinkat(parent, name, 0) < 0 && errno != ENOENT
			       ? err_errno(err, ERR_FAILED, errno, "cannot remove it")
			       : 0;
	if (*e->was != '>')
		r = restore_temp(removal, e, parent, temp, err);
	else if (symlinkat(e->was + 1, parent, temp) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot create '%s' beside it", temp);
	if (r == 0 && (renameat(parent, temp, parent, name) < 0 || fsync(parent) < 0))
		r = err_errno(err, ERR_FAILED, errno, "cannot put it back");
	return r;
}

/* Of an earlier one there may be something already: NAME.pgha-save, .pgha-save.2, … */
static int save_name(int parent, const char *name, char **ret, struct err *err)
{
	struct stat st;
	int r = str_printf(ret, err, "%s" SAVED, name);

	for (unsigned int i = 2;
	     r == 0 && fstatat(parent, *ret, &st, AT_SYMLINK_NOFOLLOW) == 0 && i <= SAVED_MAX;
	     i++) {
		cleanup_freep(ret);
		r = str_printf(ret, err, "%s" SAVED ".%u", name, i);
	}
	return r;
}

/* What somebody has written there since is not thrown away. */
static int save(struct removal *removal, const struct record_entry *e, int parent, const char *name,
		struct err *err)
{
	cleanup_free char *saved = NULL;
	int r = save_name(parent, name, &saved, err);

	if (r == 0)
		r = strv_addf(&removal->stays, err, "%s%s: %s was changed by somebody", e->object,
			      saved + strlen(name), e->object);
	if (r == 0 && removal->apply && renameat(parent, name, parent, saved) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot rename it");
	return r;
}

/* RET_FD stays -1 where there is none; what somebody has put in its way is told. */
static int open_parent(struct removal *removal, const char *path, int *ret_fd, struct err *err)
{
	cleanup_free char *obstacle = NULL;
	int r = present_open_parent(removal->root_fd, path, ret_fd, err);

	if (r < 0 || *ret_fd >= 0)
		return r;
	r = present_obstacle(removal->root_fd, path, &obstacle, err);
	if (r < 0 || !obstacle)
		return r;
	return strv_addf(
		&removal->stays, err,
		"what is behind %s, which is no directory any more: %s was not looked for there",
		obstacle, path);
}

static int take_back(struct removal *removal, const struct record_entry *e, struct err *err)
{
	const char *name = path_basename(e->object);
	cleanup_close int parent = -1;
	cleanup_free char *is = NULL;
	cleanup_free char *temp = NULL;
	int r = open_parent(removal, e->object, &parent, err);

	if (r < 0 || parent < 0)
		return r;
	if (removal->apply)
		r = remove_temp(parent, name, &temp, err);
	if (r == 0)
		r = present_look(parent, name, &is, err);
	/* Undone already; the attributes count here. */
	if (r < 0 || !strcmp(is, e->was))
		return r;
	if (strcmp(is, RECORD_ABSENT) != 0 && !present_same_content(is, e->now) &&
	    !present_same_content(is, e->was))
		r = save(removal, e, parent, name, err);
	if (r == 0)
		r = strv_addf(&removal->changes, err, "%s %s",
			      strcmp(e->was, RECORD_ABSENT) ? "restore" : "remove", e->object);
	if (r < 0 || !removal->apply)
		return r;
	r = put_back(removal, e, parent, name, temp, err);
	if (r < 0)
		unlinkat(parent, temp, 0);
	return r;
}

/* It is of the packages that go. What somebody has put in its place since is not. */
static int drop_default(struct removal *removal, const struct record_entry *e, struct err *err)
{
	cleanup_close int parent = -1;
	cleanup_free char *is = NULL;
	int r = present_open_parent(removal->root_fd, e->object, &parent, err);

	if (r < 0 || parent < 0 || (r = present_look(parent, path_basename(e->object), &is, err)) ||
	    !present_same_content(is, e->now))
		return r;
	r = strv_addf(&removal->changes, err, "remove %s", e->object);
	if (r < 0 || !removal->apply)
		return r;
	return unlinkat(parent, path_basename(e->object), 0) < 0 && errno != ENOENT
		       ? err_errno(err, ERR_FAILED, errno, "cannot remove it")
		       : 0;
}

static int remove_tree(struct removal *removal, const char *path, struct err *err)
{
	cleanup_close int parent = -1;
	struct stat st;
	int r = open_parent(removal, path, &parent, err);

	if (r < 0 || parent < 0 ||
	    (fstatat(parent, path_basename(path), &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT))
		return r;
	r = strv_addf(&removal->changes, err, "remove %s with all that is in it", path);
	return r < 0 || !removal->apply ? r : tree_remove_at(parent, path_basename(path), err);
}

int removal_begin(const struct removal *removal, struct err *err)
{
	CLEANUP(strv_release) struct strv undone = STRV_INIT;
	CLEANUP(strv_release) struct strv begun = STRV_INIT;
	int r = 0;

	if (!removal->apply || !removal->mark)
		return 0;
	if ((r = state_list_load(removal->in, removal->mark, &undone, err)) ||
	    (undone.count && !strv_has(&undone, MARK_FORWARD)) ||
	    (r = strv_add(&begun, MARK_BEGUN, err)))
		return r;
	return state_list_save(removal->in, removal->mark, &begun, err);
}

int removal_go_forward(const struct install *in, const char *mark, struct err *err)
{
	CLEANUP(strv_release) struct strv undone = STRV_INIT;
	CLEANUP(strv_release) struct strv forward = STRV_INIT;
	int r = state_list_load(in, mark, &undone, err);

	if (r < 0 || !undone.count)
		return r;
	r = strv_add(&forward, MARK_FORWARD, err);
	return r < 0 ? r : state_list_save(in, mark, &forward, err);
}

int removal_forget(const struct install *in, struct err *err)
{
	static const struct strv none = STRV_INIT;
	CLEANUP(state_committed_release) struct state_committed last = STATE_COMMITTED_INIT;
	char mark[RECORD_MARK_SIZE];
	int r = state_committed_load(in, &last, err);

	record_mark(in->index.sequence, mark);
	if (r == 0)
		r = state_list_save(in, mark, &none, err);
	record_mark(last.sequence, mark);
	return r < 0 || !last.sequence ? r : state_list_save(in, mark, &none, err);
}

int removal_is_begun(const struct install *in, const char *mark, bool *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv undone = STRV_INIT;
	int r = state_list_load(in, mark, &undone, err);

	*ret = undone.count && !strv_has(&undone, MARK_FORWARD);
	return r;
}

int removal_has_begun(const struct install *in, const char *mark, bool *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv undone = STRV_INIT;
	int r = state_list_load(in, mark, &undone, err);

	*ret = undone.count > 0;
	return r;
}

int removal_files(struct removal *removal, struct err *err)
{
	CLEANUP(strv_release) struct strv undone = STRV_INIT;
	CLEANUP(label_freep) struct label *label = NULL;
	const struct record_entries *all = removal->entries;
	int r = removal->mark ? state_list_load(removal->in, removal->mark, &undone, err) : 0;

	if (r < 0 || strv_has(&undone, MARK_FILES) || (r = need_label(removal, &label, err)) < 0)
		return r;
	for (size_t i = all->count; r == 0 && i-- > 0;) {
		const struct record_entry *e = &all->items[i];

		if (e->kind == RECORD_FILE || e->kind == RECORD_LINK)
			r = take_back(removal, e, err);
		else if (e->kind == RECORD_TREE)
			r = remove_tree(removal, e->object, err);
		else if (e->kind == RECORD_DEFAULT)
			r = drop_default(removal, e, err);
		if (r < 0)
			err_prefix(err, "'%s'", e->object);
	}
	done_with_label(removal, label);
	if (r < 0 || !removal->apply || !removal->mark)
		return r;
	r = strv_add(&undone, MARK_FILES, err);
	return r < 0 ? r : state_list_save(removal->in, removal->mark, &undone, err);
}

/* -- packages -- */

static int list_packages(struct removal *removal, struct strv *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	const struct record_entries *all = removal->entries;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->count; i++) {
		const struct record_entry *e = &all->items[i];

		if (e->kind != RECORD_PACKAGE)
			continue;
		if (!strcmp(e->was, RECORD_ABSENT))
			r = strv_add(&names, e->object, err);
		else
			r = strv_addf(&removal->stays, err, "%s: it was %s before", e->now, e->was);
	}
	/* A killed upgrade may have left two of one name. */
	return r < 0 || !names.count ? r : plan_installed(removal->in, &names, ret, err);
}

/* The file that was put back is an older package's own than the one that goes: librpm has kept it beside, as somebody's change. */
static int drop_saved(struct removal *removal, const struct record_entry *e, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *is = NULL;
	cleanup_free char *saved = NULL;
	char sha256[SHA256_HEX_SIZE];
	cleanup_close int parent = -1;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r = str_printf(&path, err, "%s.rpmsave", e->object);

	if (r == 0)
		r = present_open_parent(removal->root_fd, path, &parent, err);
	if (r < 0 || parent < 0)
		return r;
	if ((r = present_look(parent, path_basename(e->object), &is, err)) ||
	    (r = present_look(parent, path_basename(path), &saved, err)) ||
	    strcmp(is, RECORD_ABSENT) != 0 || !record_parse(saved, &mode, &uid, &gid, sha256) ||
	    strcmp(sha256, e->was) != 0)
		return r;
	return unlinkat(parent, path_basename(path), 0) < 0
		       ? err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path)
		       : 0;
}

static int drop_all_saved(struct removal *removal, struct err *err)
{
	const struct record_entries *all = removal->entries;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->count; i++)
		if (all->items[i].kind == RECORD_PACKAGED)
			r = drop_saved(removal, &all->items[i], err);
	return r;
}

int removal_packages(struct removal *removal, const char *log, struct err *err)
{
	CLEANUP(strv_release) struct strv ours = STRV_INIT;
	CLEANUP(strv_release) struct strv going = STRV_INIT;
	CLEANUP(strv_release) struct strv there = STRV_INIT;
	int r = list_packages(removal, &ours, err);

	if (r == 0 && ours.count)
		r = plan_erasable(removal->in, &ours, &there, &going, err);
	for (size_t i = 0; r == 0 && i < there.count; i++)
		r = strv_has(&going, there.items[i])
			    ? strv_addf(&removal->changes, err, "remove %s", there.items[i])
			    : strv_addf(&removal->stays, err, "%s: another package needs it",
					there.items[i]);
	if (r < 0 || (!going.count && !removal->apply))
		return r;
	if (!going.count)
		return drop_all_saved(removal, err);
	r = writable_packages(removal->in, &going, err);
	if (r == 0)
		r = rpmtx_back(removal->in, &going, NULL, NULL, true, NULL, err);
	if (r == 0 && removal->apply)
		r = bytecode_remove(removal->in, removal->root_fd, &going, err);
	if (r < 0 || !removal->apply)
		return r;
	/* Killed from here on, an installation puts those back that are half removed. */
	r = state_list_save(removal->in, STATE_DOUBTFUL, &going, err);
	if (r == 0)
		r = rpmtx_back(removal->in, &going, NULL, NULL, false, log, err);
	return r < 0 ? r : drop_all_saved(removal, err);
}

/* -- directories -- */

static bool is_data(const struct removal *removal, const char *path)
{
	for (const char *const *d = removal->data; d && *d; d++)
		if (!strcmp(*d, path))
			return true;
	return false;
}

/* It goes with one above it. */
static bool is_within_data(const struct removal *removal, const char *path)
{
	for (const char *const *d = removal->data; d && *d; d++)
		if (str_starts(path, *d) && path[strlen(*d)] == '/')
			return true;
	return false;
}

int removal_check_data(const struct removal *removal, struct err *err)
{
	for (const char *const *d = removal->data; d && *d; d++) {
		bool known = !removal->entries->count;

		for (size_t i = 0; !known && i < removal->entries->count; i++)
			known = removal->entries->items[i].kind == RECORD_DIRECTORY &&
				!strcmp(removal->entries->items[i].object, *d);
		if (!known)
			return err_set(err, ERR_USAGE,
				       "'%s' is no directory that an installation made here: "
				       "'uninstall --dry-run' lists them",
				       *d);
	}
	return 0;
}

static int take_back_directory(struct removal *removal, const struct record_entry *e,
			       struct err *err)
{
	const char *name = path_basename(e->object);
	char text[RECORD_ATTRIBUTES_SIZE];
	char none[SHA256_HEX_SIZE];
	cleanup_close int parent = -1;
	cleanup_close int fd = -1;
	struct stat st;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r = open_parent(removal, e->object, &parent, err);

	if (r < 0 || parent < 0)
		return r;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOTDIR || errno == ELOOP
			       ? strv_addf(&removal->stays, err, "%s: it is no directory any more",
					   e->object)
		       : errno == ENOENT ? 0
					 : err_errno(err, ERR_FAILED, errno, "cannot open it");
	if (is_data(removal, e->object))
		return remove_tree(removal, e->object, err);
	if (is_within_data(removal, e->object))
		return 0;
	if (!strcmp(e->was, RECORD_ABSENT)) {
		if (removal->apply && unlinkat(parent, name, AT_REMOVEDIR) < 0)
			return strv_addf(&removal->stays, err, "%s: %s", e->object,
					 errno == ENOTEMPTY || errno == EEXIST ? "it is not empty"
									       : strerror(errno));
		return strv_addf(&removal->changes, err, "remove %s%s", e->object,
				 removal->apply ? "" : ", if it is empty then");
	}
	record_attributes(text, st.st_mode, st.st_uid, st.st_gid, NULL);
	if (!strcmp(text, e->was) || !record_parse(e->was, &mode, &uid, &gid, none) ||
	    (!removal->attributes && strcmp(text, e->now) != 0))
		return 0;
	r = strv_addf(&removal->changes, err, "restore %s", e->object);
	if (r == 0 && removal->apply && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		r = err_errno(err, ERR_FAILED, errno, "cannot restore owner and mode");
	return r;
}

static int bring_directory(struct removal *removal, const struct record_entry *e, struct err *err)
{
	const char *name = path_basename(e->object);
	char none[SHA256_HEX_SIZE];
	const size_t told = removal->stays.count;
	cleanup_close int parent = -1;
	cleanup_close int fd = -1;
	struct stat st;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r = 0;

	if (strcmp(e->now, RECORD_ABSENT) != 0 || !record_parse(e->was, &mode, &uid, &gid, none))
		return 0;
	r = open_parent(removal, e->object, &parent, err);
	if (r < 0 || removal->stays.count > told ||
	    (parent >= 0 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0))
		return r;
	r = strv_addf(&removal->changes, err, "create directory %s", e->object);
	if (r < 0 || !removal->apply)
		return r;
	if (parent < 0 || mkdirat(parent, name, 0700) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create it");
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot restore owner and mode");
	return label_fd(removal->label, fd, e->object, err);
}

/* The deepest first: a path comes behind what it lies in. */
static int by_path_falling(const void *a, const void *b)
{
	const struct record_entry *const *x = a, *const *y = b;

	return strcmp((*y)->object, (*x)->object);
}

static int each_directory(struct removal *removal, bool deepest_first,
			  int (*one)(struct removal *, const struct record_entry *, struct err *),
			  struct err *err)
{
	const struct record_entries *all = removal->entries;
	cleanup_free const struct record_entry **list = calloc(all->count + 1, sizeof(*list));
	size_t count = 0;
	int r = 0;

	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].kind == RECORD_DIRECTORY)
			list[count++] = &all->items[i];
	if (count)
		qsort(list, count, sizeof(*list), by_path_falling);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct record_entry *e = list[deepest_first ? i : count - 1 - i];

		r = one(removal, e, err);
		if (r < 0)
			err_prefix(err, "'%s'", e->object);
	}
	return r;
}

int removal_directories(struct removal *removal, struct err *err)
{
	return each_directory(removal, true, take_back_directory, err);
}

int removal_bring_directories(struct removal *removal, struct err *err)
{
	CLEANUP(label_freep) struct label *label = NULL;
	int r = need_label(removal, &label, err);

	if (r == 0)
		r = each_directory(removal, false, bring_directory, err);
	done_with_label(removal, label);
	return r;
}

/* -- accounts -- */

int removal_accounts(struct removal *removal, struct err *err)
{
	const struct record_entries *all = removal->entries;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->count; i++) {
		const struct record_entry *e = &all->items[i];

		if (e->kind == RECORD_USER || e->kind == RECORD_GROUP)
			r = strv_addf(&removal->stays, err, "%s %s: it may own files elsewhere",
				      e->kind == RECORD_USER ? "user" : "group", e->object);
	}
	return r;
}
