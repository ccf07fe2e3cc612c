/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"

#define RECORD_DIR "record" /* below STATE */
#define ENTRIES "entries"
#define FILES "files"
#define BEGUN "begun"
#define ENTRIES_BYTES_MAX (16U << 20)

static const char *const kinds[RECORD_KINDS] = {
	[RECORD_PACKAGE] = "package",    [RECORD_GROUP] = "group",
	[RECORD_USER] = "user",          [RECORD_MEMBER] = "member",
	[RECORD_TREE] = "tree",          [RECORD_DIRECTORY] = "directory",
	[RECORD_LINK] = "link",          [RECORD_FILE] = "file",
	[RECORD_UNIT] = "unit",          [RECORD_HELD] = "held",
	[RECORD_ONE_WAY] = "oneway",     [RECORD_PORT] = "port",
	[RECORD_SYSCTL] = "sysctl",      [RECORD_BOOLEAN] = "boolean",
	[RECORD_PORT_TYPE] = "porttype", [RECORD_PACKAGED] = "packaged",
	[RECORD_DEFAULT] = "default",
};

struct record {
	const struct install *in;
	uint64_t sequence;
	struct record_entries entries;
	int fd;
	bool gathers; /* not synced one by one */
};

static void entry_release(struct record_entry *entry)
{
	free(entry->object);
	free(entry->was);
	free(entry->now);
}

void record_entries_release(struct record_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		entry_release(&entries->items[i]);
	free(entries->items);
	*entries = (struct record_entries)RECORD_ENTRIES_INIT;
}

static struct record_entry *find(const struct record_entries *entries, enum record_kind kind,
				 const char *object)
{
	for (size_t i = 0; i < entries->count; i++)
		if (entries->items[i].kind == kind && !strcmp(entries->items[i].object, object))
			return &entries->items[i];
	return NULL;
}

/* A copy of E behind the others. */
static int add(struct record_entries *entries, const struct record_entry *e, struct err *err)
{
	struct record_entry *there = NULL;
	struct record_entry *items = NULL;
	char *now = NULL;
	int r = str_dup(&now, e->now, err);

	if (r < 0)
		return r;
	items = realloc(entries->items, (entries->count + 1) * sizeof(*items));
	if (!items) {
		free(now);
		return err_nomem(err);
	}
	entries->items = items;
	there = &items[entries->count++];
	*there = (struct record_entry){ .kind = e->kind, .now = now, .sequence = e->sequence };
	r = str_dup(&there->object, e->object, err);
	return r < 0 ? r : str_dup(&there->was, e->was, err);
}

/* An object that is there already gets its newest value only. */
static int merge(struct record_entries *entries, const struct record_entry *e, struct err *err)
{
	struct record_entry *there = find(entries, e->kind, e->object);
	char *now = NULL;
	int r = there ? str_dup(&now, e->now, err) : add(entries, e, err);

	if (r == 0 && there) {
		free(there->now);
		there->now = now;
	}
	return r;
}

/* -- attributes -- */

void record_attributes(char ret[RECORD_ATTRIBUTES_SIZE], mode_t mode, uid_t uid, gid_t gid,
		       const char *sha256)
{
	snprintf(ret, RECORD_ATTRIBUTES_SIZE, "%04o:%u:%u%s%s", (unsigned int)mode & 07777,
		 (unsigned int)uid, (unsigned int)gid, sha256 ? ":" : "", sha256 ? sha256 : "");
}

bool record_parse(const char *text, mode_t *ret_mode, uid_t *ret_uid, gid_t *ret_gid,
		  char ret_sha256[SHA256_HEX_SIZE])
{
	unsigned int mode = 0, uid = 0, gid = 0;
	int end = 0;

	if (sscanf(text, "%o:%u:%u%n", &mode, &uid, &gid, &end) != 3 || !end)
		return false;
	*ret_mode = mode;
	*ret_uid = uid;
	*ret_gid = gid;
	*ret_sha256 = '\0';
	if (text[end] == '\0')
		return true;
	if (text[end] != ':' || strlen(text + end + 1) != SHA256_HEX_SIZE - 1)
		return false;
	memcpy(ret_sha256, text + end + 1, SHA256_HEX_SIZE);
	return true;
}

/* -- reading -- */

int record_path(const struct install *in, uint64_t sequence, const char *name, char **ret,
		struct err *err)
{
	return str_printf(ret, err, "%s/" RECORD_DIR "/%" PRIu64 "/%s", in->state_dir, sequence,
			  name);
}

int record_kept_path(const struct install *in, const struct record_entry *entry, char **ret_path,
		     struct err *err)
{
	cleanup_free char *files = NULL;
	int r = record_path(in, entry->sequence, FILES, &files, err);

	return r < 0 ? r : str_printf(ret_path, err, "%s%s", files, entry->object);
}

/* Cuts LINE in pieces; false when it is not such a line. */
static bool split(char *line, struct record_entry *ret)
{
	char *word[4] = { line };

	for (size_t i = 1; i < ARRAY_SIZE(word); i++) {
		word[i] = strchr(word[i - 1], '\t');
		if (!word[i])
			return false;
		*word[i]++ = '\0';
	}
	ret->object = word[1];
	ret->was = word[2];
	ret->now = word[3];
	for (size_t i = 0; i < RECORD_KINDS; i++) {
		ret->kind = (enum record_kind)i;
		if (!strcmp(word[0], kinds[i]))
			return true;
	}
	return false;
}

/* Hands each line to TAKE. RET_SIZE is that of the whole lines. */
static int read_lines(const struct install *in, uint64_t sequence,
		      int (*take)(struct record_entries *, const struct record_entry *,
				  struct err *),
		      struct record_entries *entries, size_t *ret_size, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	char *line = NULL, *end = NULL;
	int r = record_path(in, sequence, ENTRIES, &path, err);

	*ret_size = 0;
	if (r == 0 && access(path, F_OK) < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, ERR_FAILED, errno, "cannot read '%s'", path);
	if (r == 0)
		r = file_read(path, ENTRIES_BYTES_MAX, ERR_FAILED, &text, NULL, err);
	for (line = text; r == 0 && (end = strchr(line, '\n')); line = end + 1) {
		struct record_entry entry = { .sequence = sequence };

		*end = '\0';
		if (!split(line, &entry))
			return err_set(err, ERR_FAILED,
				       "'%s' was damaged, or written by another version", path);
		r = take(entries, &entry, err);
	}
	if (r == 0)
		*ret_size = (size_t)(line - text);
	return r;
}

static int load_one(const struct install *in, uint64_t sequence, struct record_entries *entries,
		    size_t *ret_size, struct err *err)
{
	return read_lines(in, sequence, merge, entries, ret_size, err);
}

struct sequences {
	uint64_t *items;
	size_t count;
};

static void sequences_release(struct sequences *s)
{
	free(s->items);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The oldest first. */
static int list_sequences(const struct install *in, struct sequences *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *dir = NULL;
	int r = str_printf(&dir, err, "%s/" RECORD_DIR, in->state_dir);

	if (r < 0 || access(dir, F_OK) < 0)
		return r;
	r = dir_list(dir, &names, err);
	if (r < 0)
		return r;
	ret->items = calloc(names.count + 1, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	for (size_t i = 0; i < names.count; i++) {
		struct err foreign = ERR_INIT;

		if (str_u64(&ret->items[ret->count], names.items[i], 0, UINT64_MAX, &foreign) == 0)
			ret->count++;
	}
	qsort(ret->items, ret->count, sizeof(*ret->items), by_value);
	return 0;
}

static int load_all(const struct install *in,
		    int (*take)(struct record_entries *, const struct record_entry *, struct err *),
		    struct record_entries *ret, struct err *err)
{
	CLEANUP(sequences_release) struct sequences all = { .items = NULL };
	CLEANUP(record_entries_release) struct record_entries entries = RECORD_ENTRIES_INIT;
	int r = list_sequences(in, &all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++) {
		size_t size = 0;

		r = read_lines(in, all.items[i], take, &entries, &size, err);
	}
	if (r < 0)
		return r;
	*ret = entries;
	entries = (struct record_entries)RECORD_ENTRIES_INIT;
	return 0;
}

int record_load(const struct install *in, struct record_entries *ret, struct err *err)
{
	return load_all(in, merge, ret, err);
}

int record_load_history(const struct install *in, struct record_entries *ret, struct err *err)
{
	return load_all(in, add, ret, err);
}

int record_newest(const struct install *in, uint64_t *ret, struct err *err)
{
	CLEANUP(sequences_release) struct sequences all = { .items = NULL };
	int r = list_sequences(in, &all, err);

	*ret = r == 0 && all.count ? all.items[all.count - 1] : 0;
	return r;
}

int record_load_one(const struct install *in, uint64_t sequence, struct record_entries *ret,
		    struct err *err)
{
	size_t size = 0;

	return load_one(in, sequence, ret, &size, err);
}

/* -- its beginning -- */

static int boot_id(char ret[64], struct err *err)
{
	cleanup_fclose FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || !fgets(ret, 64, f))
		return err_errno(err, ERR_FAILED, errno, "cannot tell which boot this is");
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int write_begun(const struct record *record, struct err *err)
{
	cleanup_free char *path = NULL;
	char boot[64] = "", text[128];
	struct timespec now = { .tv_sec = 0 };
	int r = record_path(record->in, record->sequence, BEGUN, &path, err);

	if (r < 0 || access(path, F_OK) == 0)
		return r;
	r = boot_id(boot, err);
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "%s %" PRIu64 "\n", boot,
		 (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	return r < 0 ? r : file_write_atomic(path, 0600, text, strlen(text), err);
}

int record_begun(const struct install *in, uint64_t sequence, uint64_t *ret_us, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	char boot[64] = "";
	int r = record_path(in, sequence, BEGUN, &path, err);

	*ret_us = 0;
	if (r < 0 || access(path, F_OK) < 0)
		return r;
	if ((r = file_read(path, 128, ERR_FAILED, &text, NULL, err)) || (r = boot_id(boot, err)))
		return r;
	if (str_starts(text, boot) && sscanf(text + strlen(boot), " %" SCNu64, ret_us) != 1)
		*ret_us = 0;
	return 0;
}

/* -- writing -- */

uint64_t record_sequence(const struct record *record)
{
	return record->sequence;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	record_entries_release(&record->entries);
	cleanup_closep(&record->fd);
	free(record);
}
DEFINE_CLEANUP(struct record *, record_free);

static int open_entries(struct record *record, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *path = NULL;
	struct stat st;
	size_t size = 0;
	int r = record_path(record->in, record->sequence, FILES, &dir, err);

	if (r == 0)
		r = record_path(record->in, record->sequence, ENTRIES, &path, err);
	if (r == 0)
		r = dir_make(dir, 0700, err);
	if (r == 0)
		r = load_one(record->in, record->sequence, &record->entries, &size, err);
	if (r == 0)
		r = write_begun(record, err);
	if (r < 0)
		return r;
	record->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (record->fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	if (fstat(record->fd, &st) < 0 ||
	    ((size_t)st.st_size != size && ftruncate(record->fd, (off_t)size) < 0))
		return err_errno(err, ERR_FAILED, errno, "cannot mend '%s'", path);
	return 0;
}

int record_open(const struct install *in, uint64_t sequence, struct record **ret, struct err *err)
{
	CLEANUP(record_freep) struct record *record = calloc(1, sizeof(*record));
	int r = 0;

	if (!record)
		return err_nomem(err);
	*record = (struct record){ .in = in, .sequence = sequence, .fd = -1 };
	r = open_entries(record, err);
	if (r == 0)
		*ret = steal_ptr(&record);
	return r;
}

static int sync_entries(const struct record *record, struct err *err)
{
	return fsync(record->fd) < 0
		       ? err_errno(err, ERR_FAILED, errno, "cannot write the record of changes")
		       : 0;
}

static int append(struct record *record, const struct record_entry *e, struct err *err)
{
	CLEANUP(str_release) struct str line = STR_INIT;
	int r = 0;

	if (strpbrk(e->object, "\t\n") || strpbrk(e->was, "\t\n") || strpbrk(e->now, "\t\n"))
		return err_set(err, ERR_CONFIG, "the %s '%s' has a tab or a line end in its name",
			       kinds[e->kind], e->object);
	str_addf(&line, "%s\t%s\t%s\t%s\n", kinds[e->kind], e->object, e->was, e->now);
	r = str_check(&line, err);
	if (r == 0)
		r = fd_write_all(record->fd, "the record of changes", line.buf, line.len, err);
	if (r == 0 && !record->gathers)
		r = sync_entries(record, err);
	return r < 0 ? r : merge(&record->entries, e, err);
}

void record_gather(struct record *record)
{
	if (record)
		record->gathers = true;
}

int record_settle(struct record *record, struct err *err)
{
	if (!record || !record->gathers)
		return 0;
	record->gathers = false;
	return sync_entries(record, err);
}

int record_add(struct record *record, enum record_kind kind, const char *object, const char *was,
	       const char *now, struct err *err)
{
	const struct record_entry *there = record ? find(&record->entries, kind, object) : NULL;
	struct record_entry entry = { .kind = kind };

	if (!record || (there && !strcmp(there->now, now)))
		return 0;
	entry.object = (char *)object;
	entry.was = there ? there->was : (char *)was;
	entry.now = (char *)now;
	entry.sequence = record->sequence;
	return append(record, &entry, err);
}

int record_note(struct record *record, enum record_kind kind, const char *object, const char *was,
		struct err *err)
{
	return record && find(&record->entries, kind, object)
		       ? 0
		       : record_add(record, kind, object, was, was, err);
}

const char *record_was(const struct record *record, enum record_kind kind, const char *object)
{
	const struct record_entry *there = record ? find(&record->entries, kind, object) : NULL;

	return there ? there->was : NULL;
}

int record_add_file(struct record *record, const char *path, const struct stat *was,
		    const void *data, size_t size_bytes, const char *now, struct err *err)
{
	struct record_entry key = { .object = (char *)path };
	char attributes[RECORD_ATTRIBUTES_SIZE];
	char sha256[SHA256_HEX_SIZE];
	cleanup_free char *kept = NULL;
	cleanup_free char *dir = NULL;
	int r = 0;

	if (!record || !was || find(&record->entries, RECORD_FILE, path))
		return record_add(record, RECORD_FILE, path, RECORD_ABSENT, now, err);
	key.sequence = record->sequence;
	r = sha256_hex(data, size_bytes, sha256, err);
	if (r == 0)
		r = record_kept_path(record->in, &key, &kept, err);
	if (r == 0)
		r = path_beside(kept, ".", &dir, err);
	if (r == 0)
		r = dir_make(dir, 0700, err);
	if (r == 0)
		r = file_write_atomic(kept, 0600, data, size_bytes, err);
	record_attributes(attributes, was->st_mode, was->st_uid, was->st_gid, sha256);
	return r < 0 ? r : record_add(record, RECORD_FILE, path, attributes, now, err);
}

/* -- one of many -- */

/* Content that only SEQUENCE knows goes over to RECORD. A run that was killed here begins again. */
static int take_over(struct record *record, uint64_t sequence, struct err *err)
{
	CLEANUP(record_entries_release) struct record_entries entries = RECORD_ENTRIES_INIT;
	size_t size = 0;
	int r = load_one(record->in, sequence, &entries, &size, err);

	for (size_t i = 0; r == 0 && i < entries.count; i++) {
		const struct record_entry *e = &entries.items[i];
		struct record_entry mine = *e;
		cleanup_free char *from = NULL;
		cleanup_free char *to = NULL;
		cleanup_free char *parent = NULL;

		mine.sequence = record->sequence;
		if (e->kind == RECORD_FILE && strcmp(e->was, RECORD_ABSENT) != 0 &&
		    !find(&record->entries, e->kind, e->object)) {
			r = record_kept_path(record->in, e, &from, err);
			if (r == 0)
				r = record_kept_path(record->in, &mine, &to, err);
			if (r == 0)
				r = path_beside(to, ".", &parent, err);
			if (r == 0)
				r = dir_make(parent, 0700, err);
			if (r == 0 && rename(from, to) < 0 && errno != ENOENT)
				r = err_errno(err, ERR_FAILED, errno, "cannot move '%s'", from);
		}
		if (r == 0)
			r = record_add(record, e->kind, e->object, e->was, e->now, err);
	}
	return r < 0 ? r : record_remove(record->in, sequence, err);
}

int record_squash(const struct install *in, uint64_t before, struct err *err)
{
	CLEANUP(sequences_release) struct sequences all = { .items = NULL };
	CLEANUP(record_freep) struct record *oldest = NULL;
	int r = list_sequences(in, &all, err);

	for (size_t i = 1; r == 0 && i < all.count && all.items[i] < before; i++) {
		if (!oldest)
			r = record_open(in, all.items[0], &oldest, err);
		if (r == 0)
			r = take_over(oldest, all.items[i], err);
	}
	return r;
}

/* At once: entries without what their files held would mislead who reads them (sweep.h knows the name). */
int record_remove(const struct install *in, uint64_t sequence, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *gone = NULL;
	int r = str_printf(&dir, err, "%s/" RECORD_DIR "/%" PRIu64, in->state_dir, sequence);

	if (r == 0)
		r = str_printf(&gone, err, "%s.gone", dir);
	if (r == 0)
		r = tree_remove(gone, err);
	if (r < 0)
		return r;
	if (rename(dir, gone) < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, ERR_FAILED, errno, "cannot remove '%s'", dir);
	return tree_remove(gone, err);
}

void record_mark(uint64_t sequence, char ret[RECORD_MARK_SIZE])
{
	snprintf(ret, RECORD_MARK_SIZE, RECORD_DIR "/%" PRIu64 "/undone", sequence);
}

int record_remove_all(const struct install *in, struct err *err)
{
	CLEANUP(sequences_release) struct sequences all = { .items = NULL };
	cleanup_free char *dir = NULL;
	int r = list_sequences(in, &all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++)
		r = record_remove(in, all.items[i], err);
	if (r == 0)
		r = str_printf(&dir, err, "%s/" RECORD_DIR, in->state_dir);
	return r < 0 ? r : tree_remove(dir, err);
}
