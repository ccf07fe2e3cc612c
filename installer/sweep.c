/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "present.h"
#include "record.h"

/* As file_write_atomic() names what it has not finished. */
static bool is_temporary(const char *name)
{
	const char *tail = strstr(name, ".tmp-");

	return tail && strlen(tail) == strlen(".tmp-XXXXXX");
}

static bool is_half(const char *name)
{
	return str_ends(name, ".new") || str_ends(name, ".gone");
}

/* Goes through DIR with all that is below it when DEEP. */
static int sweep(const char *dir, bool (*is_left)(const char *name), bool deep, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct stat st;
	int r = 0;

	if (lstat(dir, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, ERR_FAILED, errno, "cannot look at '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return 0;
	r = dir_list(dir, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *path = NULL;

		r = path_join(dir, names.items[i], &path, err);
		if (r == 0 && is_left(names.items[i]))
			r = tree_remove(path, err);
		else if (r == 0 && deep)
			r = sweep(path, is_left, deep, err);
	}
	return r;
}

static int drop_empty(const struct install *in, const char *name, struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = path_join(in->state_dir, name, &dir, err);

	return r < 0 || rmdir(dir) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST
		       ? r
		       : err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", dir);
}

int sweep_state(const struct install *in, struct err *err)
{
	static const struct {
		const char *name;
		bool (*is_left)(const char *name);
		bool deep;
	} places[] = {
		{ ".", is_temporary, false },       { "bundles", is_half, false },
		{ "bundles", is_temporary, true },  { "record", is_half, false },
		{ "record", is_temporary, true },   { "previous", is_temporary, true },
		{ "changed", is_temporary, false },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
		cleanup_free char *dir = NULL;

		r = path_join(in->state_dir, places[i].name, &dir, err);
		if (r == 0)
			r = sweep(dir, places[i].is_left, places[i].deep, err);
	}
	return r < 0 ? r : drop_empty(in, "record", err);
}

/* As the files' step and a rollback name what takes PATH's place. */
static int sweep_beside(int root_fd, const char *path, struct err *err)
{
	cleanup_free char *temp = NULL;
	cleanup_close int parent = -1;
	struct stat st;
	int r = present_open_parent(root_fd, path, &parent, err);

	if (r == 0 && parent >= 0)
		r = str_printf(&temp, err, INSTALL_TEMP_FORMAT, path_basename(path));
	if (r < 0 || parent < 0 || fstatat(parent, temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return r;
	return unlinkat(parent, temp, 0) < 0
		       ? err_errno(err, ERR_FAILED, errno, "cannot remove '%s' beside '%s'", temp,
				   path)
		       : 0;
}

int sweep_placed(const struct install *in, struct err *err)
{
	CLEANUP(record_entries_release) struct record_entries all = RECORD_ENTRIES_INIT;
	cleanup_close int root_fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (root_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open the root '%.200s'", in->root);
	r = record_load(in, &all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (all.items[i].kind == RECORD_FILE || all.items[i].kind == RECORD_LINK)
			r = sweep_beside(root_fd, all.items[i].object, err);
	return r;
}
