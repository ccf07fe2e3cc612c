/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "progress.h"
#include "record.h"
#include "removal.h"
#include "schema.h"
#include "sweep.h"
#include "yaml.h"

#define LIST_BYTES_MAX (1U << 20)
#define JOURNAL_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)

static int journal_line(struct journal *j, const char *what, const char *step, const char *text,
			struct err *err)
{
	CLEANUP(str_release) struct str line = STR_INIT;
	char now[CLOCK_TEXT_SIZE];
	int r = 0;

	clock_format(clock_now(), now);
	str_addf(&line, "%s %d %s %s", now, (int)getpid(), what, step);
	if (*text)
		str_addf(&line, " %s", text);
	str_addc(&line, '\n');
	if ((r = str_check(&line, err)))
		return r;
	if (j->fd < 0) {
		str_add(&j->early, line.buf);
		return str_check(&j->early, err);
	}
	if ((r = fd_write_all(j->fd, "journal", line.buf, line.len, err)))
		return r;
	if (fsync(j->fd) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot write the journal");
	return 0;
}

int journal_begin(struct journal *j, const char *step, const char *object, struct err *err)
{
	j->step_start_ms = clock_monotonic_ms();
	return journal_line(j, "begin", step, object, err);
}

int journal_end(struct journal *j, const char *step, const char *result, struct err *err)
{
	uint64_t elapsed = clock_monotonic_ms() - j->step_start_ms;

	notice("%-14s %4llu.%llu s  %s", step, (unsigned long long)(elapsed / 1000),
	       (unsigned long long)(elapsed / 100 % 10), result);
	return journal_line(j, "end", step, result, err);
}

int journal_ignored(struct journal *j, const char *what, const char *text, struct err *err)
{
	return journal_line(j, "ignored", what, text, err);
}

int journal_narrowed(struct journal *j, const char *line, struct err *err)
{
	return journal_line(j, "change", line, "", err);
}

int journal_fail(struct journal *j, const char *why, struct err *err)
{
	return journal_line(j, "fail", why, "", err);
}

static int state_path(const struct install *in, const char *name, char **ret, struct err *err)
{
	return str_printf(ret, err, "%s/%s", in->state_dir, name);
}

/* Below the root: the last one is STATE. */
static const char *const way[] = { "var", "lib", "pgha" };

#define WAY_LEN ARRAY_SIZE(way)
#define TRIES 1000 /* to lock a directory that others remove */

/* What is verified there must not be exchanged afterwards. */
static int check_private(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_uid == geteuid() && !(st->st_mode & 022))
		return 0;
	return err_set(err, ERR_HOST,
		       "others than this user may write to '%.200s' (owner %u, mode %04o): see who "
		       "has used that, then move it away, or give it back with chown root: and "
		       "chmod 700",
		       path, (unsigned int)st->st_uid, (unsigned int)st->st_mode & 07777);
}

/* Who may write to the directory above may put another one in the place of the next. A sticky bit keeps
 * others from that, and group 0 is root's. */
static int check_parent(const char *path, const struct stat *st, struct err *err)
{
	bool others = (st->st_mode & S_IWOTH) || ((st->st_mode & S_IWGRP) && st->st_gid);

	if (!others || (st->st_mode & S_ISVTX))
		return 0;
	return err_set(err, ERR_HOST,
		       "others than root may write to '%.200s' (mode %04o): see who has used that, "
		       "then chmod 755 it",
		       path, (unsigned int)st->st_mode & 07777);
}

static int refuse_entry(int fd, const char *name, const char *path, int errnum, struct err *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return err_set(err, ERR_HOST,
			       "'%.200s' is a symbolic link: see what put it there and make it a "
			       "directory (one with room elsewhere can be mounted there)",
			       path);
	return err_errno(err, ERR_HOST, errnum, "cannot open the directory '%.200s'", path);
}

/* The directory NAME, which is PATH, of *FD, in its place; made where it is missing. *FD is -1 when somebody
 * removes it meanwhile. */
static int enter(int *fd, const char *name, const char *path, bool *ret_made, struct err *err)
{
	int next = -1;

	*ret_made = mkdirat(*fd, name, !strcmp(name, way[WAY_LEN - 1]) ? 0700 : 0755) == 0;
	if (!*ret_made && errno != EEXIST && errno != ENOENT)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%.200s'", path);
	next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0 && errno != ENOENT)
		return refuse_entry(*fd, name, path, errno, err);
	close(*fd);
	*fd = next;
	return 0;
}

/* STATE's directory; on the way to it nothing may be a symbolic link, or anybody's to exchange. -1 when somebody
 * removes it meanwhile. */
static int open_directory(const struct install *in, struct state *state, int *ret_fd,
			  struct err *err)
{
	cleanup_close int fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(str_release) struct str path = STR_INIT;
	struct stat st;
	int made_count = 0;
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open '%.200s'", in->root);
	str_add(&path, strcmp(in->root, "/") != 0 ? in->root : "");
	for (size_t i = 0; i < WAY_LEN && fd >= 0; i++) {
		bool made = false;

		str_addf(&path, "/%s", way[i]);
		if ((r = str_check(&path, err)) || (r = enter(&fd, way[i], path.buf, &made, err)))
			return r;
		made_count += made;
		if (made_count > state->made)
			state->made = made_count;
		if (fd < 0)
			break;
		if (fstat(fd, &st) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot look at '%.200s'",
					 path.buf);
		r = i + 1 < WAY_LEN ? check_parent(path.buf, &st, err)
				    : check_private(path.buf, &st, err);
		if (r)
			return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Whatever lies in STATE is there itself: behind a link, what is kept would be written somewhere else. */
static int check_entries(const struct install *in, int dir_fd, struct err *err)
{
	cleanup_closedir DIR *dir = NULL;
	struct dirent *e = NULL;
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	int r = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		cleanup_closep(&fd);
		return err_errno(err, ERR_FAILED, errno, "cannot list '%s'", in->state_dir);
	}
	while (!r && (e = readdir(dir))) {
		struct stat st;

		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(st.st_mode))
			r = err_set(err, ERR_HOST,
				    "'%s/%.200s' is a symbolic link: see what put it there, then "
				    "remove it",
				    in->state_dir, e->d_name);
	}
	rewinddir(dir); /* the offset is DIR_FD's too */
	return r;
}

/* Whether FD is still the directory that everybody finds: a run that made it and did nothing removes it
 * before it gives up the lock. */
static bool is_there(const struct install *in, int fd)
{
	struct stat is;
	struct stat found;

	return fstat(fd, &is) == 0 && lstat(in->state_dir, &found) == 0 &&
	       is.st_dev == found.st_dev && is.st_ino == found.st_ino;
}

static int lock_directory(const struct install *in, int fd, struct err *err)
{
	int r = check_entries(in, fd, err);

	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_FAILED,
			       "another pgha-install is at work here ('%s' is locked): wait for it",
			       in->state_dir);
	return err_errno(err, ERR_FAILED, errno, "cannot lock '%s'", in->state_dir);
}

int state_open(struct install *in, struct state *st, struct err *err)
{
	int r = 0;

	for (int i = 0; st->dir_fd < 0; i++) {
		cleanup_close int fd = -1;

		if (i == TRIES)
			return err_set(err, ERR_FAILED,
				       "somebody removes '%s' again and again: see who does",
				       in->state_dir);
		if ((r = open_directory(in, st, &fd, err)) ||
		    (fd >= 0 && (r = lock_directory(in, fd, err))))
			return r;
		if (fd >= 0 && is_there(in, fd))
			st->dir_fd = steal_fd(&fd);
	}
	in->journal = &st->journal;
	return sweep_state(in, err);
}

int journal_open(const struct install *in, struct state *st, struct err *err)
{
	struct journal *j = &st->journal;
	int r = 0;

	if (j->fd >= 0)
		return 0;
	j->fd = openat(st->dir_fd, "journal", JOURNAL_FLAGS | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s/journal'", in->state_dir);
	if (j->early.len)
		r = fd_write_all(j->fd, "journal", j->early.buf, j->early.len, err);
	str_release(&j->early);
	return r;
}

/* What this run made and did not need; the lock is still held. */
static void remove_made(const struct install *in, int made)
{
	for (size_t depth = WAY_LEN; made > 0; made--, depth--) {
		cleanup_close int fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (size_t i = 0; fd >= 0 && i + 1 < depth; i++) {
			int next =
				openat(fd, way[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			close(fd);
			fd = next;
		}
		if (fd < 0 || unlinkat(fd, way[depth - 1], AT_REMOVEDIR) < 0)
			return; /* something is in it */
	}
}

void state_close(struct install *in, struct state *st)
{
	in->journal = NULL;
	if (st->journal.fd >= 0)
		close(st->journal.fd);
	if (st->dir_fd >= 0) {
		remove_made(in, st->made);
		close(st->dir_fd);
	}
	str_release(&st->journal.early);
	*st = (struct state)STATE_INIT;
}

/* What was committed */

struct committed_text {
	char *version, *cluster, *node, *sequence, *index;
};

static const struct schema_field committed_fields[] = {
	SCHEMA_STRING(struct committed_text, version, "pgha-committed", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct committed_text, cluster, "cluster", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct committed_text, node, "node", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct committed_text, sequence, "sequence", SCHEMA_REQUIRED),
	SCHEMA_STRING(struct committed_text, index, "index", SCHEMA_REQUIRED),
	SCHEMA_END,
};

static void committed_text_release(struct committed_text *t)
{
	schema_release(committed_fields, t);
}

void state_committed_release(struct state_committed *c)
{
	free(c->cluster);
	free(c->node);
	*c = (struct state_committed)STATE_COMMITTED_INIT;
}

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

int state_committed_load(const struct install *in, struct state_committed *ret, struct err *err)
{
	CLEANUP(committed_text_release) struct committed_text text = { .version = NULL };
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	CLEANUP(state_committed_release) struct state_committed c = STATE_COMMITTED_INIT;
	cleanup_free char *path = NULL;
	int r = state_path(in, "committed", &path, err);

	if (r)
		return r;
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*ret = c;
		return 0;
	}
	/* A file of ours that is damaged: nothing that the operator's files could mend. */
	if ((r = yaml_load(path, ERR_FAILED, &doc, err)) ||
	    (r = schema_load(yaml_root(doc), committed_fields, &text, err)) ||
	    (r = str_u64(&c.sequence, text.sequence, 1, UINT64_MAX, err)))
		return err_prefix(err, "'%s'", path);
	if (strcmp(text.version, "1") != 0 || strlen(text.index) != SHA256_HEX_SIZE - 1)
		return err_set(err, ERR_FAILED, "'%s' was written by another version", path);
	memcpy(c.index_sha256, text.index, SHA256_HEX_SIZE);
	c.cluster = steal_ptr(&text.cluster);
	c.node = steal_ptr(&text.node);
	*ret = c;
	c = (struct state_committed)STATE_COMMITTED_INIT;
	return 0;
}

int state_committed_check(const struct state_committed *c, const char *node,
			  const struct index *index, const char *index_sha256, struct err *err)
{
	if (!c->sequence)
		return 0;
	if (strcmp(c->cluster, index->cluster) != 0)
		return err_set(err, ERR_VERIFY,
			       "this machine belongs to cluster '%s', the bundle is for '%s'",
			       c->cluster, index->cluster);
	if (index->sequence < c->sequence)
		return err_set(err, ERR_VERIFY,
			       "the bundle is older (sequence %" PRIu64
			       ") than what is installed (sequence %" PRIu64
			       "): 'pgha-install rollback' goes back",
			       index->sequence, c->sequence);
	if (index->sequence == c->sequence && strcmp(index_sha256, c->index_sha256) != 0)
		return err_set(err, ERR_VERIFY,
			       "another bundle with sequence %" PRIu64
			       " is installed: build one with a higher sequence",
			       c->sequence);
	if (strcmp(c->node, node) != 0)
		return err_set(err, ERR_USAGE, "this machine is '%s', not '%s'", c->node, node);
	return 0;
}

/* One staged member below DIR, by another name of the same file: nobody writes to it any more. */
static int keep_member(const struct install *in, const char *dir, const char *path, struct err *err)
{
	cleanup_free char *source = NULL;
	cleanup_free char *target = NULL;
	char *slash = NULL;
	int r = 0;

	if ((r = str_printf(&source, err, "%s/%s", in->staging, path)) ||
	    (r = str_printf(&target, err, "%s/%s", dir, path)))
		return r;
	slash = strrchr(target, '/');
	*slash = '\0';
	r = dir_make(target, 0700, err);
	*slash = '/';
	if (!r && link(source, target) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot keep '%.300s'", target);
	return r;
}

static int sync_directory(const char *path, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot sync '%.200s'", path);
	return 0;
}

int state_kept_path(const struct install *in, uint64_t sequence, char **ret, struct err *err)
{
	return str_printf(ret, err, "%s/bundles/%" PRIu64, in->state_dir, sequence);
}

/* Secrets are not kept: those of this node are in the files that they belong into. */
static int keep_bundle(const struct install *in, struct err *err)
{
	cleanup_free char *parent = NULL;
	cleanup_free char *final = NULL;
	cleanup_free char *temp = NULL;
	int r = 0;

	if ((r = state_path(in, "bundles", &parent, err)) || (r = dir_make(parent, 0700, err)) ||
	    (r = state_kept_path(in, in->index.sequence, &final, err)) ||
	    (r = str_printf(&temp, err, "%s.new", final)) || (r = tree_remove(temp, err)) ||
	    (r = keep_member(in, temp, INDEX_NAME, err)) ||
	    (r = keep_member(in, temp, INDEX_SIGNATURE_NAME, err)))
		return r;
	for (size_t i = 0; i < in->index.member_count; i++) {
		const char *path = in->index.members[i].path;

		if (!str_starts(path, "nodes/") && (r = keep_member(in, temp, path, err)))
			return r;
	}
	if ((r = sync_directory(temp, err)) || (r = tree_remove(final, err)))
		return r;
	if (rename(temp, final) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rename '%s'", temp);
	return sync_directory(parent, err);
}

int state_prune(const struct install *in, uint64_t before, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *parent = NULL;
	char keep[2][24];
	int r = 0;

	snprintf(keep[0], sizeof(keep[0]), "%" PRIu64, before);
	snprintf(keep[1], sizeof(keep[1]), "%" PRIu64, in->index.sequence);
	if ((r = state_path(in, "bundles", &parent, err)) || (r = dir_list(parent, &names, err)))
		return r;
	for (size_t i = 0; !r && i < names.count; i++) {
		cleanup_free char *path = NULL;

		if (!strcmp(names.items[i], keep[0]) || !strcmp(names.items[i], keep[1]))
			continue;
		r = path_join(parent, names.items[i], &path, err);
		if (!r)
			r = tree_remove(path, err);
	}
	return r;
}

static int write_committed(const struct install *in, uint64_t sequence, const char *index_sha256,
			   struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	int r = 0;

	str_add(&text, "pgha-committed: 1\ncluster: ");
	yaml_emit_scalar(&text, in->index.cluster);
	str_add(&text, "\nnode: ");
	yaml_emit_scalar(&text, in->node);
	str_addf(&text, "\nsequence: %" PRIu64 "\nindex: ", sequence);
	yaml_emit_scalar(&text, index_sha256);
	str_addc(&text, '\n');
	if ((r = str_check(&text, err)) || (r = state_path(in, "committed", &path, err)))
		return r;
	return file_write_atomic(path, 0600, text.buf, text.len, err);
}

int state_commit(const struct install *in, const char *index_sha256, struct err *err)
{
	int r = keep_bundle(in, err);

	return r ? r : write_committed(in, in->index.sequence, index_sha256, err);
}

int state_commit_again(const struct install *in, uint64_t sequence, const char *index_sha256,
		       struct err *err)
{
	return write_committed(in, sequence, index_sha256, err);
}

int state_kept_before(const struct install *in, uint64_t before, uint64_t *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *parent = NULL;
	int r = state_path(in, "bundles", &parent, err);

	*ret = 0;
	if (r || access(parent, F_OK) < 0)
		return r;
	r = dir_list(parent, &names, err);
	for (size_t i = 0; !r && i < names.count; i++) {
		struct err foreign = ERR_INIT;
		uint64_t n = 0;

		if (!str_u64(&n, names.items[i], 1, UINT64_MAX, &foreign) && n < before && n > *ret)
			*ret = n;
	}
	return r;
}

int state_log_path(const struct install *in, const char *what, char **ret, struct err *err)
{
	cleanup_free char *dir = NULL;
	char now[CLOCK_TEXT_SIZE];
	int r = state_path(in, "log", &dir, err);

	if (r || (r = dir_make(dir, 0700, err)))
		return r;
	clock_format(clock_now(), now);
	return str_printf(ret, err, "%s/%s-%s.log", dir, what, now);
}

/* The facts go last: a killed run's successor knows what was begun and whose machine this is, and does the rest. */
int state_forget(const struct install *in, struct err *err)
{
	/* What is staged is the next bundle. */
	static const char *const stay[] = { "journal",   "log",     "record",
					    "committed", "staging", REMOVAL_MARK };
	static const char *const last[] = { "committed", REMOVAL_MARK };
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	int r = dir_list(in->state_dir, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *path = NULL;
		bool stays = false;

		for (size_t j = 0; j < ARRAY_SIZE(stay); j++)
			stays |= !strcmp(names.items[i], stay[j]);
		if (stays)
			continue;
		r = state_path(in, names.items[i], &path, err);
		if (r == 0)
			r = tree_remove(path, err);
	}
	if (r == 0)
		r = record_remove_all(in, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(last); i++) {
		cleanup_free char *path = NULL;

		r = state_path(in, last[i], &path, err);
		if (r == 0 && unlink(path) < 0 && errno != ENOENT)
			r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
	}
	return r;
}

/* Lists */

int state_list_load(const struct install *in, const char *name, struct strv *ret, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	char *save = NULL;
	int r = state_path(in, name, &path, err);

	if (r)
		return r;
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	r = file_read(path, LIST_BYTES_MAX, ERR_FAILED, &text, NULL, err);
	if (r)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save))
		r = strv_add(ret, line, err);
	return r;
}

int state_list_save(const struct install *in, const char *name, const struct strv *list,
		    struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	int r = state_path(in, name, &path, err);

	if (r)
		return r;
	if (!list->count) {
		if (unlink(path) < 0 && errno != ENOENT)
			return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
		return 0;
	}
	for (size_t i = 0; i < list->count; i++)
		str_addf(&text, "%s\n", list->items[i]);
	r = str_check(&text, err);
	return r ? r : file_write_atomic(path, 0600, text.buf, text.len, err);
}
