/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmio.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "present.h"
#include "record.h"
#include "rpmtx.h"

#define NAME \
	"unpacking" /* of STATE; a line for each path: "+" it was not there, or "=", and the path */
#define BYTES_MAX (64U << 20)
#define DEFAULT ".rpmnew" /* behind the name of a file that the package does not replace */
#define SUFFIX_DIGITS 8   /* librpm's: ";" and its transaction's number */

static inline void header_free(Header *h)
{
	headerFree(*h);
}

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

static inline void fd_close(FD_t *fd)
{
	if (*fd)
		Fclose(*fd);
}

static inline void files_free(rpmfi *fi)
{
	rpmfiFree(*fi);
}

/* -- the list -- */

static int list_path(const struct install *in, char **ret, struct err *err)
{
	return path_join(in->state_dir, NAME, ret, err);
}

static int load(const struct install *in, struct strv *ret, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	char *save = NULL;
	int r = list_path(in, &path, err);

	if (r < 0 || access(path, F_OK) < 0)
		return r;
	r = file_read(path, BYTES_MAX, ERR_FAILED, &text, NULL, err);
	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save))
		r = strv_add(ret, line, err);
	return r;
}

/* "+" and "=" of one path side by side: by path first. */
static int by_path(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	int r = strcmp(*x + 1, *y + 1);

	return r ? r : strcmp(*x, *y);
}

static void sort(struct strv *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), by_path);
}

static int add_file(const struct install *in, const struct strv *before, const char *path,
		    struct strv *list, struct err *err)
{
	cleanup_free char *seen = NULL;
	cleanup_free char *line = NULL;
	const char *key = NULL;
	struct stat st;
	int r = install_path(in, path, &seen, err);

	if (r == 0)
		r = str_printf(&line, err, "+%s", path);
	if (r < 0 || strpbrk(path, "\n"))
		return r;
	key = line;
	if (lstat(seen, &st) == 0 &&
	    !(before->count && bsearch(&key, before->items, before->count, sizeof(key), by_path)))
		*line = '=';
	return strv_take(list, steal_ptr(&line), err);
}

static int add_package(const struct install *in, rpmts ts, const struct plan_package *p,
		       const struct strv *before, struct strv *list, struct err *err)
{
	cleanup_free char *path = NULL;
	CLEANUP(header_free) Header header = NULL;
	CLEANUP(fd_close) FD_t fd = NULL;
	CLEANUP(files_free) rpmfi files = NULL;
	int r = path_join(in->staging, p->file, &path, err);

	if (r < 0)
		return r;
	fd = Fopen(path, "r.ufdio");
	if (!fd || Ferror(fd) || rpmReadPackageFile(ts, fd, p->file, &header) == RPMRC_FAIL ||
	    !header)
		return err_set(err, ERR_VERIFY, "librpm does not take '%s'", p->file);
	files = rpmfiNew(ts, header, RPMTAG_BASENAMES, RPMFI_FLAGS_QUERY);
	for (rpmfiInit(files, 0); r == 0 && rpmfiNext(files) >= 0;) {
		rpmfileAttrs flags = rpmfiFFlags(files);
		cleanup_free char *beside = NULL;

		/* What the package owns without bringing it may be somebody's data. */
		if (flags & RPMFILE_GHOST)
			continue;
		r = add_file(in, before, rpmfiFN(files), list, err);
		if (r == 0 && (flags & RPMFILE_CONFIG))
			r = str_printf(&beside, err, "%s" DEFAULT, rpmfiFN(files));
		if (r == 0 && beside)
			r = add_file(in, before, beside, list, err);
	}
	return r;
}

int unpack_begin(const struct install *in, const struct plan *plan, struct err *err)
{
	CLEANUP(strv_release) struct strv before = STRV_INIT;
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(ts_free) rpmts ts = NULL;
	cleanup_free char *path = NULL;
	int r = rpmtx_configure(in, err);

	if (r == 0)
		r = load(in, &before, err);
	if (r < 0)
		return r;
	sort(&before);
	ts = rpmtsCreate();
	/* The signatures were verified, and are again before anything is unpacked. */
	rpmtsSetVSFlags(ts, RPMVSF_MASK_NOSIGNATURES | RPMVSF_MASK_NODIGESTS);
	for (size_t i = 0; r == 0 && i < plan->count; i++)
		r = add_package(in, ts, &plan->packages[i], &before, &list, err);
	for (size_t i = 0; r == 0 && i < before.count; i++)
		r = strv_add(&list, before.items[i], err);
	sort(&list);
	for (size_t i = 0; i < list.count; i++)
		if (!i || strcmp(list.items[i] + 1, list.items[i - 1] + 1) != 0)
			str_addf(&text, "%s\n", list.items[i]);
	if (r == 0)
		r = str_check(&text, err);
	if (r == 0)
		r = list_path(in, &path, err);
	return r < 0 ? r : file_write_atomic(path, 0600, text.buf ? text.buf : "", text.len, err);
}

int unpack_end(const struct install *in, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = list_path(in, &path, err);

	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
	return r;
}

/* -- what was not renamed -- */

/* NAME;6b020dad, and the length of NAME. */
static bool is_unfinished(const char *name, size_t *ret_len)
{
	const char *end = strrchr(name, ';');
	size_t digits = 0;

	if (!end || end == name)
		return false;
	while (isxdigit((unsigned char)end[1 + digits]))
		digits++;
	*ret_len = (size_t)(end - name);
	return digits == SUFFIX_DIGITS && end[1 + digits] == '\0';
}

static size_t dir_len(const char *path)
{
	return (size_t)(path_basename(path) - path);
}

/* Opens PATH's directory without following a link; -1 in RET when there is none such. */
static int open_parent(int root_fd, const char *path, int *ret)
{
	struct err none = ERR_INIT;
	cleanup_free char *dir = strndup(path + 1, dir_len(path) - 1);

	*ret = -1;
	return dir && dir_open_beneath(root_fd, dir, 0, ret, &none) == 0 ? 0 : -1;
}

static bool is_one_of(char *const *lines, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		const char *base = path_basename(lines[i] + 1);

		if (strlen(base) == len && !strncmp(base, name, len))
			return true;
	}
	return false;
}

/* LINES are of one directory. */
static int clean_directory(int root_fd, char *const *lines, size_t count, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_close int fd = -1;
	char proc[32];
	int r = 0;

	if (open_parent(root_fd, lines[0] + 1, &fd) < 0)
		return 0;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	r = dir_list(proc, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		size_t len = 0;

		if (is_unfinished(names.items[i], &len) &&
		    is_one_of(lines, count, names.items[i], len) &&
		    unlinkat(fd, names.items[i], 0) < 0 && errno != ENOENT && errno != EISDIR)
			r = err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", names.items[i]);
	}
	return r;
}

static int clean(int root_fd, const struct strv *list, struct err *err)
{
	int r = 0;

	for (size_t i = 0, n = 0; r == 0 && i < list->count; i += n) {
		const char *first = list->items[i] + 1;
		size_t len = dir_len(first);

		for (n = 1; i + n < list->count; n++)
			if (dir_len(list->items[i + n] + 1) != len ||
			    strncmp(list->items[i + n] + 1, first, len) != 0)
				break;
		r = clean_directory(root_fd, list->items + i, n, err);
	}
	return r;
}

static int open_list(const struct install *in, struct strv *list, int *ret_root_fd, struct err *err)
{
	int r = load(in, list, err);

	if (r < 0 || !list->count)
		return r;
	sort(list);
	*ret_root_fd = open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_root_fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open the root '%.200s'", in->root);
	return 0;
}

int unpack_clean(const struct install *in, struct err *err)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	cleanup_close int root_fd = -1;
	int r = open_list(in, &list, &root_fd, err);

	return r < 0 || !list.count ? r : clean(root_fd, &list, err);
}

/* -- what was new -- */

static bool is_owned(rpmts ts, const char *path)
{
	CLEANUP(iterator_free)
	rpmdbMatchIterator it = rpmtsInitIterator(ts, RPMDBI_INSTFILENAMES, path, 0);

	return rpmdbNextIterator(it) != NULL;
}

/* A directory goes when nothing is in it. */
static int remove_new(int root_fd, const char *path, struct err *err)
{
	cleanup_close int fd = -1;

	if (open_parent(root_fd, path, &fd) < 0)
		return 0;
	if (unlinkat(fd, path_basename(path), 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM) {
		if (unlinkat(fd, path_basename(path), AT_REMOVEDIR) == 0 || errno == ENOENT ||
		    errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY)
			return 0;
	}
	return err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", path);
}

/* With DEFAULTS also what lies beside a configuration file. */
static int remove_unowned(const struct install *in, bool defaults, struct err *err)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	CLEANUP(ts_free) rpmts ts = NULL;
	cleanup_close int root_fd = -1;
	int r = open_list(in, &list, &root_fd, err);

	if (r < 0 || !list.count)
		return r;
	r = clean(root_fd, &list, err);
	if (r == 0)
		r = rpmtx_configure(in, err);
	if (r < 0)
		return r;
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root))
		return err_set(err, ERR_FAILED, "librpm does not take the root '%.200s'", in->root);
	/* What lies in a directory comes behind it: from the end. */
	for (size_t i = list.count; r == 0 && i-- > 0;) {
		const char *path = list.items[i] + 1;

		if (*list.items[i] == '+' && (defaults || !str_ends(path, DEFAULT)) &&
		    !is_owned(ts, path))
			r = remove_new(root_fd, path, err);
	}
	return r;
}

int unpack_take_back(const struct install *in, struct err *err)
{
	return remove_unowned(in, true, err);
}

int unpack_drop_unowned(const struct install *in, struct err *err)
{
	return remove_unowned(in, false, err);
}

/* -- what is not asked for -- */

static bool is_declared(const struct setup *setup, const char *path, size_t len)
{
	for (size_t i = 0; i < setup->count; i++) {
		const struct service *service = setup->services[i].service;

		SERVICE_EACH(struct service_file, file, service->files)
		if (strlen(file->dest) == len && !strncmp(file->dest, path, len) &&
		    !strv_has(&setup->kept, file->dest))
			return true;
	}
	return false;
}

static int record_default(const struct setup *setup, int root_fd, const char *path, struct err *err)
{
	cleanup_close int fd = -1;
	cleanup_free char *is = NULL;
	int r = 0;

	if (open_parent(root_fd, path, &fd) < 0)
		return 0;
	r = present_look(fd, path_basename(path), &is, err);
	return r < 0 || !strcmp(is, RECORD_ABSENT) ? r
						   : record_add(setup->in->record, RECORD_DEFAULT,
								path, RECORD_ABSENT, is, err);
}

int unpack_settle_defaults(const struct setup *setup, struct err *err)
{
	CLEANUP(strv_release) struct strv list = STRV_INIT;
	cleanup_close int root_fd = -1;
	int r = open_list(setup->in, &list, &root_fd, err);

	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const char *path = list.items[i] + 1;

		if (*list.items[i] != '+' || !str_ends(path, DEFAULT))
			continue;
		if (is_declared(setup, path, strlen(path) - strlen(DEFAULT)))
			r = remove_new(root_fd, path, err);
		else
			r = record_default(setup, root_fd, path, err);
	}
	return r;
}
