/* SPDX-License-Identifier: Apache-2.0 */
#include "place_file.h"
#include "packaged.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "label.h"
#include "ours.h"
#include "present.h"
#include "record.h"
#include "review.h"
#include "state.h"

#define PARENT_MODE 0755

/* --- accounts ------------------------------------------------------------------------------- */

/* ROOT/etc/NAME as a stream; *RET stays NULL when there is none. */
static int open_database(struct setup *setup, const char *name, FILE **ret, struct err *err)
{
	cleanup_close int etc = -1;
	cleanup_close int fd = -1;
	struct stat st;

	if (fstatat(setup->root_fd, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	if (dir_open_beneath(setup->root_fd, "etc", 0, &etc, err) < 0)
		return -(int)err->code;
	fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0)
		*ret = fdopen(fd, "re");
	if (!*ret)
		return err_errno(err, ERR_FAILED, errno, "cannot open '/etc/%s'", name);
	(void)steal_fd(&fd);
	return 0;
}

int place_uid(struct setup *setup, const char *name, bool *ret_found, uid_t *ret, struct err *err)
{
	cleanup_fclose FILE *f = NULL;
	const struct passwd *pw = NULL;
	int r = open_database(setup, "passwd", &f, err);

	*ret_found = false;
	while (r == 0 && f && !*ret_found && (pw = fgetpwent(f))) {
		*ret_found = !strcmp(pw->pw_name, name);
		*ret = pw->pw_uid;
	}
	return r;
}

static const struct group *find_group(FILE *f, const char *name)
{
	const struct group *gr = NULL;

	while (f && (gr = fgetgrent(f)))
		if (!strcmp(gr->gr_name, name))
			return gr;
	return NULL;
}

int place_gid(struct setup *setup, const char *name, bool *ret_found, gid_t *ret, struct err *err)
{
	cleanup_fclose FILE *f = NULL;
	int r = open_database(setup, "group", &f, err);
	const struct group *gr = r == 0 ? find_group(f, name) : NULL;

	*ret_found = gr != NULL;
	if (gr)
		*ret = gr->gr_gid;
	return r;
}

int place_is_member(struct setup *setup, const char *group, const char *user, bool *ret,
		    struct err *err)
{
	cleanup_fclose FILE *f = NULL;
	int r = open_database(setup, "group", &f, err);
	const struct group *gr = r == 0 ? find_group(f, group) : NULL;

	*ret = false;
	for (char **member = gr ? gr->gr_mem : NULL; member && *member; member++)
		*ret |= !strcmp(*member, user);
	return r;
}

struct owner {
	bool known;
	uid_t uid;
	gid_t gid;
};

static int find_owner(struct setup *setup, const struct place_item *item, bool must,
		      struct owner *ret, struct err *err)
{
	bool user = false, group = false;
	int r = place_uid(setup, item->owner, &user, &ret->uid, err);

	if (r == 0)
		r = place_gid(setup, item->group, &group, &ret->gid, err);
	ret->known = user && group;
	if (r < 0 || ret->known || !must)
		return r;
	return err_set(err, ERR_FAILED, "there is no %s '%s' on this node", user ? "group" : "user",
		       user ? item->group : item->owner);
}

/* --- directories ---------------------------------------------------------------------------- */

/* Notes each directory on the way to RELATIVE that is missing, before it is made. */
static int record_missing(struct setup *setup, const char *relative, struct err *err)
{
	cleanup_free char *path = strdup(relative);
	struct stat st;
	int r = 0;

	if (!path)
		return err_nomem(err);
	for (char *slash = path; r == 0 && slash;) {
		cleanup_free char *object = NULL;

		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		if (*path && fstatat(setup->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno == ENOENT) {
			char now[RECORD_ATTRIBUTES_SIZE];

			record_attributes(now, PARENT_MODE, geteuid(), getegid(), NULL);
			r = str_printf(&object, err, "/%s", path);
			if (r == 0)
				r = record_add(setup->in->record, RECORD_DIRECTORY, object,
					       RECORD_ABSENT, now, err);
		}
		if (slash)
			*slash++ = '/';
		/* "opt/pgha/" is "opt/pgha", which has been seen. */
		if (slash && !*slash)
			break;
	}
	return r;
}

/* RELATIVE is below the root. -1 in RET_FD: it is not there. */
static int open_dir(struct setup *setup, const char *relative, bool make, int *ret_fd,
		    struct err *err)
{
	struct stat st;
	mode_t old_umask = 0;
	int r = make ? record_missing(setup, relative, err) : 0;

	if (r < 0)
		return r;
	old_umask = umask(0);
	r = dir_open_beneath(setup->root_fd, relative, make ? PARENT_MODE : 0, ret_fd, err);
	umask(old_umask);
	if (r < 0 && !make && fstatat(setup->root_fd, relative, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	return r;
}

int place_open_parent(struct setup *setup, const char *path, bool make, int *ret_fd,
		      const char **ret_name, struct err *err)
{
	const char *name = path_basename(path);
	cleanup_free char *parent = strndup(path + 1, (size_t)(name - path) - 1);

	if (!parent)
		return err_nomem(err);
	*ret_name = name;
	return open_dir(setup, parent, make, ret_fd, err);
}

static bool same_attributes(const struct stat *st, const struct place_item *item,
			    const struct owner *owner)
{
	return owner->known && st->st_uid == owner->uid && st->st_gid == owner->gid &&
	       (st->st_mode & 07777) == item->mode;
}

static int set_attributes(int fd, const struct place_item *item, const struct owner *owner,
			  struct err *err)
{
	/* The owner first: chown drops set-id bits, and the mode is never wider than it should be
	 * for the old owner. */
	if (fchown(fd, owner->uid, owner->gid) < 0 || fchmod(fd, item->mode) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot set owner and mode");
	return 0;
}

/* A path may be wanted more than once (a CA by several certificates): one line is enough. */
static int describe(struct strv *changes, const char *verb, const char *what,
		    const struct place_item *item, char **ret_line, struct err *err)
{
	int r = str_printf(ret_line, err, "%s %s %s (%04o %s:%s)", verb, what, item->path,
			   (unsigned int)item->mode, item->owner, item->group);

	return r < 0 || strv_has(changes, *ret_line) ? r : strv_add(changes, *ret_line, err);
}

static int make_directory(struct setup *setup, const struct place_item *item, int *ret_fd,
			  struct err *err)
{
	cleanup_close int parent = -1;
	const char *name = NULL;
	int r = place_open_parent(setup, item->path, true, &parent, &name, err);

	if (r < 0)
		return r;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return err_errno(err, ERR_FAILED, errno, "cannot create it");
	*ret_fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open it");
	return 0;
}

int place_note_directory(struct setup *setup, const char *path, struct err *err)
{
	char was[RECORD_ATTRIBUTES_SIZE] = RECORD_ABSENT;
	cleanup_close int fd = -1;
	struct stat st;
	int r = open_dir(setup, path + 1, false, &fd, err);

	if (r == 0 && fd >= 0 && fstat(fd, &st) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot look at it");
	if (r == 0 && fd >= 0)
		record_attributes(was, st.st_mode, st.st_uid, st.st_gid, NULL);
	if (r == 0)
		r = record_note(setup->in->record, RECORD_DIRECTORY, path, was, err);
	return r < 0 ? err_prefix(err, "'%s'", path) : 0;
}

/* FD is -1 when there is none yet. */
static int record_directory(struct setup *setup, const struct place_item *item,
			    const struct owner *owner, int fd, struct err *err)
{
	char was[RECORD_ATTRIBUTES_SIZE] = RECORD_ABSENT;
	char now[RECORD_ATTRIBUTES_SIZE];
	struct stat st;

	if (fd >= 0) {
		if (fstat(fd, &st) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot look at it");
		record_attributes(was, st.st_mode, st.st_uid, st.st_gid, NULL);
	}
	record_attributes(now, item->mode, owner->uid, owner->gid, NULL);
	return record_add(setup->in->record, RECORD_DIRECTORY, item->path, was, now, err);
}

int place_directory(struct setup *setup, const struct place_item *item, bool apply,
		    struct strv *changes, struct err *err)
{
	cleanup_close int fd = -1;
	cleanup_free char *line = NULL;
	struct owner owner = { .known = false };
	struct stat st;
	int r = find_owner(setup, item, apply, &owner, err);

	if (r == 0)
		r = open_dir(setup, item->path + 1, false, &fd, err);
	/* One that is right already is on record too: data lies there. */
	if (r == 0 && fd >= 0 && fstat(fd, &st) == 0 && same_attributes(&st, item, &owner))
		return apply ? record_directory(setup, item, &owner, fd, err) : 0;
	if (r == 0)
		r = describe(changes, fd < 0 ? "create" : "change", "directory", item, &line, err);
	if (r == 0 && apply)
		r = record_directory(setup, item, &owner, fd, err);
	if (r == 0 && apply && fd < 0)
		r = make_directory(setup, item, &fd, err);
	if (r == 0 && apply)
		r = set_attributes(fd, item, &owner, err);
	if (r == 0 && apply)
		r = label_fd(setup->label, fd, item->path, err);
	return r < 0 ? err_prefix(err, "'%s'", item->path) : 0;
}

/* --- files ---------------------------------------------------------------------------------- */

/* Reads what is there now. *RET_FOUND false: nothing. A link, or anything that is no plain file, is
 * found with other content. */
static int read_present(int parent, const char *name, const struct place_item *item,
			bool *ret_found, bool *ret_regular, struct stat *ret_st,
			struct str *ret_text, struct err *err)
{
	cleanup_close int fd = -1;

	*ret_found = *ret_regular = false;
	if (parent < 0)
		return 0;
	if (fstatat(parent, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(err, ERR_FAILED, errno, "cannot look at it");
	*ret_found = true;
	if (S_ISDIR(ret_st->st_mode))
		return err_set(err, ERR_FAILED, "it is a directory, not a file");
	*ret_regular = S_ISREG(ret_st->st_mode);
	if (!*ret_regular)
		return 0;
	fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot read it");
	return fd_read_all(fd, item->path, FILE_SIZE_MAX, ret_text, err);
}

static int keep_previous(const struct setup *setup, const struct place_item *item,
			 const struct str *text, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *dir = NULL;
	int r = str_printf(&path, err, "%s/previous%s", setup->in->state_dir, item->path);

	if (r == 0)
		r = path_beside(path, ".", &dir, err);
	if (r == 0)
		r = dir_make(dir, 0700, err);
	return r < 0 ? r
		     : file_write_atomic(path, 0600, text->buf ? text->buf : "", text->len, err);
}

int place_link_was(int parent, const char *name, char **ret, struct err *err)
{
	char target[PATH_MAX] = "";
	ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

	return n < 0 ? str_dup(ret, RECORD_ABSENT, err) : str_printf(ret, err, ">%s", target);
}

/* What is replaced goes into the record first. ST is NULL when it is no plain file. */
/* A package's own: of no use to anybody when that package is gone. */
static int record_packaged(struct setup *setup, const char *path, const struct str *present,
			   struct err *err)
{
	char sha256[SHA256_HEX_SIZE];
	bool packaged = false;
	int r = sha256_hex(present->buf ? present->buf : "", present->len, sha256, err);

	if (r == 0)
		r = packaged_content(setup->in, path, sha256, &packaged, err);
	return r < 0 || !packaged
		       ? r
		       : record_add(setup->in->record, RECORD_PACKAGED, path, sha256, sha256, err);
}

static int record_file(struct setup *setup, int parent, const char *name,
		       const struct place_item *item, const struct owner *owner,
		       const struct stat *st, const struct str *present, struct err *err)
{
	struct record *record = setup->in->record;
	char sha256[SHA256_HEX_SIZE];
	char now[RECORD_ATTRIBUTES_SIZE];
	cleanup_free char *was = NULL;
	int r = sha256_hex(item->data, item->size_bytes, sha256, err);

	record_attributes(now, item->mode, owner->uid, owner->gid, sha256);
	if (r == 0 && st && record)
		r = record_packaged(setup, item->path, present, err);
	if (r == 0 && st)
		return record_add_file(record, item->path, st, present->buf ? present->buf : "",
				       present->len, now, err);
	if (r == 0)
		r = place_link_was(parent, name, &was, err);
	return r < 0 ? r : record_add(record, RECORD_FILE, item->path, was, now, err);
}

static int write_temp(const struct setup *setup, int parent, const char *temp,
		      const struct place_item *item, const struct owner *owner, struct err *err)
{
	cleanup_close int fd = -1;
	int r = 0;

	/* What a killed run left. */
	if (unlinkat(parent, temp, 0) < 0 && errno != ENOENT)
		return err_errno(err, ERR_FAILED, errno, "cannot remove '%s' beside it", temp);
	fd = openat(parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%s' beside it", temp);
	r = fd_write_all(fd, item->path, item->data, item->size_bytes, err);
	if (r == 0)
		r = set_attributes(fd, item, owner, err);
	if (r == 0)
		r = label_fd(setup->label, fd, item->path, err);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot write it");
	return r;
}

static int replace(const struct setup *setup, int parent, const char *name,
		   const struct place_item *item, const struct owner *owner, struct err *err)
{
	cleanup_free char *temp = NULL;
	int r = str_printf(&temp, err, INSTALL_TEMP_FORMAT, name);

	if (r == 0)
		r = write_temp(setup, parent, temp, item, owner, err);
	if (r == 0 && renameat(parent, temp, parent, name) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot put it in place");
	if (r < 0) {
		if (temp)
			unlinkat(parent, temp, 0);
		return r;
	}
	if (fsync(parent) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot write its directory");
	return 0;
}

/* What stands at an item's path. */
struct found {
	struct str text;
	struct stat st;
	bool there, regular;
	bool same_content, same;
	char *is; /* in the record's words; only of what differs */
};

#define FOUND_INIT                  \
	{                           \
		.text = STR_SECRET, \
	}

static void found_release(struct found *f)
{
	str_release(&f->text);
	free(f->is);
}

static int look(struct setup *setup, const struct place_item *item, struct found *ret,
		struct err *err)
{
	cleanup_close int parent = -1;
	struct owner owner = { .known = false };
	const char *name = NULL;
	int r = find_owner(setup, item, false, &owner, err);

	if (r == 0)
		r = place_open_parent(setup, item->path, false, &parent, &name, err);
	if (r == 0)
		r = read_present(parent, name, item, &ret->there, &ret->regular, &ret->st,
				 &ret->text, err);
	if (r < 0)
		return err_prefix(err, "'%s'", item->path);
	ret->same_content =
		ret->regular && ret->text.len == item->size_bytes &&
		(!item->size_bytes || !memcmp(ret->text.buf, item->data, item->size_bytes));
	ret->same = ret->same_content && same_attributes(&ret->st, item, &owner);
	return ret->same || !ret->there ? 0 : present_look(parent, name, &ret->is, err);
}

bool place_is_named(const char *const *list, const char *path)
{
	for (; list && *list; list++)
		if (!strcmp(*list, path) || !strcmp(*list, PLACE_ALL))
			return true;
	return false;
}

static int judge(struct setup *setup, const struct place_item *item, const struct found *found,
		 enum place_verdict *ret, struct err *err)
{
	enum ours_verdict whose = OURS_NOT;
	int r = 0;

	*ret = found->same ? PLACE_SAME : PLACE_WRITE;
	if (found->same_content || !found->is || place_is_named(setup->in->take_ours, item->path))
		return 0;
	r = ours_judge(setup->ours, item->path, found->is, &whose, err);
	if (r == 0 && whose == OURS_CHANGED)
		*ret = PLACE_KEEP;
	return r;
}

int place_file_judge(struct setup *setup, const struct place_item *item, enum place_verdict *ret,
		     struct err *err)
{
	CLEANUP(found_release) struct found found = FOUND_INIT;
	int r = look(setup, item, &found, err);

	return r < 0 ? r : judge(setup, item, &found, ret, err);
}

static int review(struct setup *setup, const char *line, const struct place_item *item,
		  const struct found *found, struct err *err)
{
	const struct review_file file = {
		.path = item->path,
		.old_text = found->regular ? &found->text : NULL,
		.new_text = item->data,
		.new_len = item->size_bytes,
		.masked = item->masked,
		.is_certificate = item->is_certificate,
		.is_private = !(item->mode & 04) || (found->regular && !(found->st.st_mode & 04)),
		.secrets = &setup->secrets,
	};

	return setup->review ? review_add_file(setup->review, line, &file, err) : 0;
}

static int keep_it(struct setup *setup, const struct place_item *item, const struct found *found,
		   struct err *err)
{
	cleanup_free char *line = NULL;
	int r = 0;

	if (strv_has(&setup->kept, item->path))
		return 0;
	r = strv_add(&setup->kept, item->path, err);
	if (r == 0)
		r = str_printf(&line, err, "keep file %s", item->path);
	if (r == 0 && setup->review)
		r = strv_add(&setup->review->kept, line, err);
	return r < 0 ? r : review(setup, line, item, found, err);
}

int place_file_compare(struct setup *setup, const struct place_item *item, bool keep,
		       struct strv *changes, enum place_verdict *ret, struct err *err)
{
	CLEANUP(found_release) struct found found = FOUND_INIT;
	cleanup_free char *line = NULL;
	int r = strv_add(&setup->declared, item->path, err);

	if (r == 0)
		r = look(setup, item, &found, err);
	if (r == 0)
		r = judge(setup, item, &found, ret, err);
	if (r < 0 || *ret == PLACE_SAME)
		return r;
	if (keep)
		*ret = PLACE_KEEP;
	if (*ret == PLACE_KEEP)
		return keep_it(setup, item, &found, err);
	r = describe(changes, found.there ? "change" : "create", "file", item, &line, err);
	return r < 0 ? r : review(setup, line, item, &found, err);
}

int place_file_narrow(struct setup *setup, const struct place_item *item, bool apply,
		      struct strv *changes, struct err *err)
{
	cleanup_free char *line = NULL;
	cleanup_close int parent = -1;
	cleanup_close int fd = -1;
	const char *name = NULL;
	mode_t is = 0;
	struct stat st;
	int r = place_open_parent(setup, item->path, false, &parent, &name, err);

	if (r < 0 || parent < 0)
		return r < 0 ? err_prefix(err, "'%s'", item->path) : 0;
	fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0; /* a link has no mode */
	is = st.st_mode & 07777;
	if (!(is & ~item->mode))
		return 0;
	r = str_printf(&line, err, "narrow file %s (mode %04o to %04o)", item->path,
		       (unsigned int)is, (unsigned int)(is & item->mode));
	if (r == 0 && !strv_has(changes, line))
		r = strv_add(changes, line, err);
	if (r < 0 || !apply)
		return r;
	if (setup->in->journal)
		r = journal_narrowed(setup->in->journal, line, err);
	if (r == 0 && fchmod(fd, is & item->mode) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot change the mode of '%s'", item->path);
	return r;
}

int place_file_is_news(struct setup *setup, const struct place_item *item, bool *ret,
		       struct err *err)
{
	cleanup_free char *beside = NULL;
	bool settled = false;
	char now[RECORD_ATTRIBUTES_SIZE];
	char sha256[SHA256_HEX_SIZE];
	const char *written = ours_written(setup->ours, item->path, &settled);
	int r = sha256_hex(item->data, item->size_bytes, sha256, err);

	*ret = false;
	if (r < 0 || place_is_named(setup->in->keep_theirs, item->path))
		return r;
	record_attributes(now, item->mode, 0, 0, sha256);
	if (written && present_same_content(written, now))
		return 0;
	r = str_printf(&beside, err, "%s" OURS_NEW, item->path);
	if (r == 0)
		r = strv_add(&setup->declared, beside, err);
	if (r < 0)
		return r;
	/* Once is enough: who has read it may remove it. */
	written = ours_written(setup->ours, beside, &settled);
	*ret = !written || !settled || !present_same_content(written, now);
	return 0;
}

int place_file_write(struct setup *setup, const struct place_item *item, struct err *err)
{
	CLEANUP(str_release) struct str present = STR_SECRET;
	cleanup_close int parent = -1;
	struct owner owner = { .known = false };
	const char *name = NULL;
	bool found = false, regular = false;
	struct stat st;
	int r = find_owner(setup, item, true, &owner, err);

	if (r == 0)
		r = place_open_parent(setup, item->path, true, &parent, &name, err);
	if (r == 0)
		r = read_present(parent, name, item, &found, &regular, &st, &present, err);
	if (r == 0 && regular)
		r = keep_previous(setup, item, &present, err);
	if (r == 0)
		r = record_file(setup, parent, name, item, &owner, regular ? &st : NULL, &present,
				err);
	if (r == 0)
		r = replace(setup, parent, name, item, &owner, err);
	return r < 0 ? err_prefix(err, "'%s'", item->path) : 0;
}
