/* SPDX-License-Identifier: Apache-2.0 */
#include "derived.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "str.h"

#define MAGIC "pgha-derived 2\n"
#define MACHINE_ID "/etc/machine-id"
#define UNUSED_S (30L * 24 * 3600)
#define TOUCH_S (24L * 3600)

/* What a file begins with; all of it text, and of one size. */
struct head {
	char magic[sizeof(MAGIC) - 1];
	char key[SHA256_HEX_SIZE];
	char host[SHA256_HEX_SIZE]; /* host_mark() */
	char sha256[SHA256_HEX_SIZE];
};

DEFINE_CLEANUP(struct digest *, digest_free);

int derived_key(const char *kind, const char *const *inputs, size_t count,
		char ret_key[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(digest_freep) struct digest *d = NULL;
	int r = digest_new(&d, err);

	if (r < 0)
		return r;
	/* With each NUL, so that no two lists give the same bytes. */
	digest_update(d, MAGIC, sizeof(MAGIC));
	digest_update(d, kind, strlen(kind) + 1);
	for (size_t i = 0; i < count; i++)
		digest_update(d, inputs[i], strlen(inputs[i]) + 1);
	digest_final_hex(d, ret_key);
	return 0;
}

static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The directory, or -1. */
static int open_dir(const char *cache, const char *name)
{
	struct err ignored = ERR_INIT;
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	struct stat st;

	if (path_join(cache, name, &path, &ignored) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !is_ours(&st))
		return -1;
	return steal_fd(&fd);
}

/*
 * What a file has here and nowhere else: this machine's name for itself, which others do not know, and
 * the file's inode, which no copy has.
 */
static int host_mark(const struct stat *st, char ret[SHA256_HEX_SIZE], struct err *err)
{
	char text[128] = "";
	cleanup_close int fd = open(MACHINE_ID, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, text, 64);
	size_t len = n > 0 ? (size_t)n : 0;

	len += (size_t)snprintf(text + len, sizeof(text) - len, " %llu",
				(unsigned long long)st->st_ino);
	return sha256_hex(text, len, ret, err);
}

static bool is_from_here(const struct head *head, const struct stat *st)
{
	struct err ignored = ERR_INIT;
	char mark[SHA256_HEX_SIZE];

	return host_mark(st, mark, &ignored) == 0 && !memcmp(mark, head->host, sizeof(mark));
}

static bool read_head(int fd, const char *key, struct head *head)
{
	return read(fd, head, sizeof(*head)) == (ssize_t)sizeof(*head) &&
	       !memcmp(head->magic, MAGIC, sizeof(head->magic)) &&
	       !memcmp(head->key, key, sizeof(head->key)) &&
	       head->sha256[sizeof(head->sha256) - 1] == '\0';
}

int derived_open(const char *cache, const char *dir, const char *key, bool *ret_foreign)
{
	cleanup_close int dir_fd = open_dir(cache, dir);
	cleanup_close int fd =
		dir_fd < 0 ? -1
			   : openat(dir_fd, key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char got[SHA256_HEX_SIZE];
	struct err ignored = ERR_INIT;
	struct head head;
	struct stat st;
	bool foreign = false;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_ours(&st))
		return -1;
	if (!read_head(fd, key, &head)) {
		unlinkat(dir_fd, key, 0);
		return -1;
	}
	foreign = !is_from_here(&head, &st);
	if (ret_foreign)
		*ret_foreign = foreign;
	if ((foreign && !ret_foreign) || sha256_fd(fd, key, got, NULL, &ignored) < 0 ||
	    strcmp(got, head.sha256) != 0) {
		unlinkat(dir_fd, key, 0);
		return -1;
	}
	if (st.st_mtime + TOUCH_S < time(NULL))
		futimens(fd, NULL);
	return lseek(fd, sizeof(head), SEEK_SET) < 0 ? -1 : steal_fd(&fd);
}

/* --- keeping ------------------------------------------------------------------------------------ */

static int copy(int from, int to, const char *name, struct err *err)
{
	char buf[1U << 16];
	ssize_t n = 0;

	if (lseek(from, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rewind what '%s' gets", name);
	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot read what '%s' gets",
					 name);
		if (fd_write_all(to, name, buf, (size_t)n, err) < 0)
			return -err->code;
	}
	return 0;
}

/* Never another's: a process in another container has the same number and the same cache. */
static int open_temp(int dir, const char *key, char **ret_name, int *ret_fd, struct err *err)
{
	cleanup_free char *name = NULL;
	cleanup_close int fd = -1;
	int r = 0;

	do {
		struct timespec now = { .tv_sec = 0 };

		free(steal_ptr(&name));
		clock_gettime(CLOCK_REALTIME, &now);
		r = str_printf(&name, err, "%s.%ld-%ld", key, (long)getpid(), now.tv_nsec);
		if (r < 0)
			return r;
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%s'", name);
	*ret_name = steal_ptr(&name);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* No fsync: what a power failure damages is not believed, and made again. */
static int write_file(int fd, const char *key, const char *temp, int from, struct err *err)
{
	struct head head;
	struct stat st;
	int r = 0;

	memcpy(head.magic, MAGIC, sizeof(head.magic));
	memcpy(head.key, key, sizeof(head.key));
	if (lseek(from, 0, SEEK_SET) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot rewind what '%s' gets", key);
	r = sha256_fd(from, key, head.sha256, NULL, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot stat '%s'", temp);
	r = host_mark(&st, head.host, err);
	if (r == 0)
		r = fd_write_all(fd, temp, &head, sizeof(head), err);
	return r < 0 ? r : copy(from, fd, temp, err);
}

static bool is_key(const char *name)
{
	return strlen(name) >= SHA256_HEX_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") >= SHA256_HEX_SIZE - 1;
}

/* Temporary files of killed runs, too. */
static void remove_unused(int dir)
{
	cleanup_close int fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	cleanup_closedir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry = NULL;
	const time_t limit = time(NULL) - UNUSED_S;

	if (!d)
		return;
	steal_fd(&fd);
	while ((entry = readdir(d))) {
		struct stat st;

		if (is_key(entry->d_name) &&
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime < limit)
			unlinkat(dir, entry->d_name, 0);
	}
}

int derived_save(const char *cache, const char *dir, const char *key, int fd, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *temp = NULL;
	cleanup_close int dir_fd = -1;
	cleanup_close int out = -1;
	int r = path_join(cache, dir, &path, err);

	if (r == 0)
		r = dir_make(path, 0700, err);
	if (r < 0)
		return r;
	dir_fd = open_dir(cache, dir);
	if (dir_fd < 0)
		return err_set(err, ERR_FAILED,
			       "'%s' is not used: it must be a directory of your own that nobody "
			       "else can write",
			       path);
	r = open_temp(dir_fd, key, &temp, &out, err);
	if (r < 0)
		return r;
	r = write_file(out, key, temp, fd, err);
	if (r == 0 && renameat(dir_fd, temp, dir_fd, key) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot rename '%s'", temp);
	if (r < 0)
		unlinkat(dir_fd, temp, 0);
	else if (!strcmp(dir, DERIVED_FILES))
		remove_unused(dir_fd);
	return r;
}
