/* SPDX-License-Identifier: Apache-2.0 */
#include "built.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "derived.h"
#include "file.h"
#include "tar.h"

#define KIND "built 1"
#define RECORD_BYTES_MAX (1U << 20)
#define DAY_S 86400

/* Another program may write other bytes. */
int built_key(const struct str *inputs, const char *output, char ret_key[SHA256_HEX_SIZE],
	      struct err *err)
{
	cleanup_free char *place = realpath(output, NULL);
	char program[SHA256_HEX_SIZE];
	char digest[SHA256_HEX_SIZE];
	const char *parts[] = { digest, program, place };
	int r = 0;

	if (!place)
		return err_errno(err, ERR_FAILED, errno, "cannot use '%s'", output);
	r = sha256_hex(inputs->buf, inputs->len, digest, err);
	if (r == 0)
		r = sha256_file("/proc/self/exe", program, NULL, err);
	return r < 0 ? r : derived_key(KIND, parts, ARRAY_SIZE(parts), ret_key, err);
}

/* One line: which file it was, then its name. */
static void add_line(struct str *text, const struct stat *st, const char *name)
{
	str_addf(text,
		 "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 ".%09ld %" PRId64 ".%09ld %s\n",
		 (uint64_t)st->st_dev, (uint64_t)st->st_ino, (int64_t)st->st_size,
		 (int64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (int64_t)st->st_ctim.tv_sec,
		 st->st_ctim.tv_nsec, name);
}

/* Whether LINE is what would be written of the file now. */
static int is_there(const char *line, const char *output, bool *ret, struct strv *ret_paths,
		    struct err *err)
{
	CLEANUP(str_release) struct str now = STR_INIT;
	const char *name = strrchr(line, ' ');
	cleanup_free char *path = NULL;
	struct stat st;
	int r = 0;

	*ret = false;
	if (!name)
		return 0;
	r = path_join(output, name + 1, &path, err);
	if (r < 0 || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return r;
	add_line(&now, &st, name + 1);
	r = str_check(&now, err);
	if (r < 0)
		return r;
	*ret = strncmp(now.buf, line, strlen(line)) == 0 && now.len == strlen(line) + 1;
	return strv_add(ret_paths, path, err);
}

static int read_index(const char *path, struct index *ret, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct tar_reader tar = { .fd = fd, .name = path };
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	r = tar_read_sized(&tar, INDEX_NAME, INDEX_SIZE_MAX, &text, err);
	return r < 0 ? r : index_parse(INDEX_NAME, text.buf, text.len, ret, err);
}

int built_find(const char *cache, const char *key, const char *output, unsigned int valid_days,
	       bool *ret_found, struct strv *ret_paths, struct index *ret_index, struct err *err)
{
	CLEANUP(strv_release) struct strv paths = STRV_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = derived_open(cache, DERIVED_FILES, key, NULL);
	char *save = NULL;
	bool there = true;
	int r = 0;

	*ret_found = false;
	if (fd < 0)
		return 0;
	r = fd_read_all(fd, "record of a build", RECORD_BYTES_MAX, &text, err);
	for (char *line = r == 0 ? strtok_r(text.buf, "\n", &save) : NULL; line && there && r == 0;
	     line = strtok_r(NULL, "\n", &save))
		r = is_there(line, output, &there, &paths, err);
	if (r < 0 || !there || !paths.count)
		return r;
	r = read_index(paths.items[0], &index, err);
	if (r < 0 || index.expires - clock_now() <= (time_t)valid_days * DAY_S / 2)
		return r;
	*ret_paths = paths;
	paths = (struct strv)STRV_INIT;
	index_release(ret_index);
	*ret_index = index;
	index = (struct index)INDEX_INIT;
	*ret_found = true;
	return 0;
}

int built_save(const char *cache, const char *key, const struct strv *paths, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_close int fd = memfd_create("built", MFD_CLOEXEC);
	int r = 0;

	for (size_t i = 0; i < paths->count; i++) {
		struct stat st;

		if (lstat(paths->items[i], &st) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot stat '%s'",
					 paths->items[i]);
		add_line(&text, &st, path_basename(paths->items[i]));
	}
	r = str_check(&text, err);
	if (r == 0 && fd < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot make a file in memory");
	if (r == 0)
		r = fd_write_all(fd, "record of a build", text.buf, text.len, err);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = err_errno(err, ERR_FAILED, errno, "cannot rewind a file in memory");
	return r < 0 ? r : derived_save(cache, DERIVED_FILES, key, fd, err);
}
