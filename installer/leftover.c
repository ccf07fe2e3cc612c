/* SPDX-License-Identifier: Apache-2.0 */
#include "leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "machine.h"
#include "ours.h"
#include "place.h"
#include "place_file.h"
#include "present.h"
#include "record.h"
#include "removal.h"
#include "review.h"
#include "state.h"
#include "unit.h"

struct leftovers {
	struct setup *setup;
	bool apply;
	struct strv *changes;
	struct strv gone;         /* paths that are not there any more, or will not be */
	struct manifest *earlier; /* of the committed bundle, whose files these may be; or NULL */
};

static void leftovers_release(struct leftovers *l)
{
	strv_release(&l->gone);
	manifest_free(l->earlier);
}

/* E is as it was before the first installation, by the record; unless a run has noted that and may have been
 * killed before it did it. */
static bool is_undone(const struct leftovers *l, const struct record_entry *e)
{
	bool settled = false;
	const struct record_entry *newest =
		ours_newest(l->setup->ours, e->kind, e->object, &settled);

	return !strcmp(e->was, e->now) && (settled || !strcmp(newest->was, newest->now));
}

/* --- units ---------------------------------------------------------------------------------- */

static bool is_declared_unit(const struct setup *setup, const char *name)
{
	for (size_t i = 0; i < setup->count; i++)
		SERVICE_EACH(struct service_unit, unit, setup->services[i].service->units)
	if (!strcmp(unit->name, name))
		return true;
	return false;
}

static int take_unit_back(struct leftovers *l, const struct record_entry *e, struct err *err)
{
	struct setup *setup = l->setup;
	int r = 0;

	if (is_undone(l, e) || is_declared_unit(setup, e->object))
		return 0;
	if (l->apply)
		r = record_add(setup->in->record, RECORD_UNIT, e->object, e->now, e->was, err);
	return r < 0 ? r : unit_take_back(setup->in, e->object, e->was, l->apply, l->changes, err);
}

/* --- the machine's settings ----------------------------------------------------------------- */

static int take_setting_back(struct leftovers *l, const struct record_entry *e, struct err *err)
{
	const struct install *in = l->setup->in;
	size_t before = l->changes->count;
	CLEANUP(strv_release) struct strv done = STRV_INIT;
	const char *now = e->now;
	bool wanted = false, settled = false;
	int r = machine_declares(l->setup, e->kind, e->object, &wanted, err);

	if (r < 0 || wanted || is_undone(l, e))
		return r;
	/* Noted, and killed before it was done. */
	if (!strcmp(e->was, e->now))
		now = ours_newest(l->setup->ours, e->kind, e->object, &settled)->was;
	r = machine_take_back(in, e->kind, e->object, e->was, now, false, l->changes, err);
	if (r < 0 || l->changes->count == before || !l->apply)
		return r;
	r = record_add(in->record, e->kind, e->object, now, e->was, err);
	return r < 0 ? r : machine_take_back(in, e->kind, e->object, e->was, now, true, &done, err);
}

/* --- files ---------------------------------------------------------------------------------- */

/* The committed bundle's manifests say which service reads a file. One that this program cannot read any
 * more says nothing. */
static int load_earlier(struct leftovers *l, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed last = STATE_COMMITTED_INIT;
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *kept = NULL;
	cleanup_free char *dir = NULL;
	struct err ignored = ERR_INIT;
	int r = state_committed_load(l->setup->in, &last, err);

	if (r == 0)
		r = state_kept_path(l->setup->in, last.sequence, &kept, err);
	if (r == 0)
		r = path_join(kept, "manifests/services", &dir, err);
	if (r < 0 || access(dir, F_OK) < 0)
		return r;
	if (dir_list(dir, &names, &ignored) == 0 &&
	    manifest_load(dir, &names, &l->earlier, &ignored) < 0)
		l->earlier = NULL;
	return 0;
}

/* Whether SERVICE declares a file or certificate at PATH. */
static bool reads(const struct service *service, const char *path, enum service_on_change *ret)
{
	SERVICE_EACH(struct service_file, file, service->files)
	if (!strcmp(file->dest, path)) {
		*ret = file->on_change;
		return true;
	}
	SERVICE_EACH(struct service_certificate, c, service->certificates)
	if (!strcmp(c->cert, path) || !strcmp(c->key, path) || !strcmp(c->ca, path) ||
	    (c->bundle && !strcmp(c->bundle, path)) || (c->crl && !strcmp(c->crl, path))) {
		*ret = strcmp(c->ca, path) ? c->on_change : c->on_ca_change;
		return true;
	}
	return false;
}

/* The units of a service that is still here and read the file need to know. */
static int want(struct leftovers *l, const char *path, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->setup->count; i++) {
		struct setup_service *s = &l->setup->services[i];
		const struct service *before =
			l->earlier ? manifest_find(l->earlier, s->service->name) : NULL;
		enum service_on_change what = SERVICE_NONE;

		if (reads(s->service, path, &what) || (before && reads(before, path, &what)))
			r = setup_want(l->setup, s, what, l->apply, err);
	}
	if (r == 0 && place_is_unit_file(path))
		r = setup_want_reload(l->setup, l->apply, err);
	return r;
}

/* What goes is kept in the record, so that a rollback brings it again. */
static int record_present(struct leftovers *l, const struct record_entry *e, int parent,
			  const char *name, const char *is, struct err *err)
{
	struct record *record = l->setup->in->record;
	CLEANUP(str_release) struct str text = STR_SECRET;
	cleanup_close int fd = -1;
	struct stat st;
	int r = 0;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return record_add(record, RECORD_FILE, e->object, is, e->was, err);
	fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot read it");
	r = fd_read_all(fd, e->object, FILE_SIZE_MAX, &text, err);
	return r < 0 ? r
		     : record_add_file(record, e->object, &st, text.buf ? text.buf : "", text.len,
				       e->was, err);
}

static int keep(struct leftovers *l, const char *path, struct err *err)
{
	int r = strv_add(&l->setup->kept, path, err);

	if (r == 0 && l->setup->review)
		r = strv_addf(&l->setup->review->kept, err,
			      "keep file %s (the bundle does not want it any more)", path);
	return r;
}

static int undo_file(struct leftovers *l, const struct record_entry *e, char *is, struct err *err)
{
	/* It was judged before. */
	struct record_entry one = { .kind = e->kind,
				    .object = e->object,
				    .was = e->was,
				    .now = is,
				    .sequence = e->sequence };
	const struct record_entries list = { .items = &one, .count = 1 };
	struct removal removal = { .in = l->setup->in,
				   .entries = &list,
				   .apply = l->apply,
				   .root_fd = l->setup->root_fd,
				   .label = l->setup->label };
	int r = removal_files(&removal, err);

	for (size_t i = 0; r == 0 && i < removal.changes.count; i++)
		r = strv_add(l->changes, removal.changes.items[i], err);
	removal_release(&removal);
	if (r == 0 && !strcmp(e->was, RECORD_ABSENT))
		r = strv_add(&l->gone, e->object, err);
	return r;
}

static int take_file_back(struct leftovers *l, const struct record_entry *e, struct err *err)
{
	struct setup *setup = l->setup;
	const char *name = path_basename(e->object);
	cleanup_close int parent = -1;
	cleanup_free char *is = NULL;
	enum ours_verdict whose = OURS_NOT;
	int r = 0;

	if (is_undone(l, e) || strv_has(&setup->declared, e->object))
		return 0;
	r = present_open_parent(setup->root_fd, e->object, &parent, err);
	if (r < 0 || parent < 0)
		return r;
	r = present_look(parent, name, &is, err);
	if (r == 0 && strcmp(e->was, e->now) != 0 && strcmp(is, e->was) != 0 &&
	    !place_is_named(setup->in->take_ours, e->object))
		r = ours_judge(setup->ours, e->object, is, &whose, err);
	if (r == 0 && whose == OURS_CHANGED)
		return keep(l, e->object, err);
	if (r == 0 && strcmp(is, e->was) != 0)
		r = want(l, e->object, err);
	if (r == 0 && l->apply)
		r = record_present(l, e, parent, name, is, err);
	return r < 0 ? r : undo_file(l, e, is, err);
}

/* --- directories ---------------------------------------------------------------------------- */

static bool is_wanted(const struct setup *setup, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < setup->declared.count; i++) {
		const char *d = setup->declared.items[i];

		if (str_starts(d, path) && (d[len] == '\0' || d[len] == '/'))
			return true;
	}
	return false;
}

static int is_left_empty(struct leftovers *l, const char *path, bool *ret, struct err *err)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	cleanup_free char *whole = NULL;
	int r = install_path(l->setup->in, path, &whole, err);

	if (r == 0)
		r = dir_list(whole, &names, err);
	*ret = true;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		cleanup_free char *inside = NULL;

		r = path_join(path, names.items[i], &inside, err);
		*ret &= r == 0 && strv_has(&l->gone, inside);
	}
	return r;
}

static int undo_directory(struct leftovers *l, const struct record_entry *e, int parent, int fd,
			  struct err *err)
{
	char none[SHA256_HEX_SIZE];
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r = record_add(l->setup->in->record, RECORD_DIRECTORY, e->object, e->now, e->was, err);

	if (r < 0)
		return r;
	if (!strcmp(e->was, RECORD_ABSENT))
		return unlinkat(parent, path_basename(e->object), AT_REMOVEDIR) < 0
			       ? err_errno(err, ERR_FAILED, errno, "cannot remove it")
			       : 0;
	if (record_parse(e->was, &mode, &uid, &gid, none) &&
	    (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		return err_errno(err, ERR_FAILED, errno, "cannot restore owner and mode");
	return 0;
}

static int take_directory_back(struct leftovers *l, const struct record_entry *e, struct err *err)
{
	struct setup *setup = l->setup;
	bool ours = !strcmp(e->was, RECORD_ABSENT);
	bool empty = true;
	char is[RECORD_ATTRIBUTES_SIZE];
	cleanup_close int parent = -1;
	cleanup_close int fd = -1;
	struct stat st;
	int r = 0;

	if (is_undone(l, e) || is_wanted(setup, e->object))
		return 0;
	r = present_open_parent(setup->root_fd, e->object, &parent, err);
	if (r < 0 || parent < 0)
		return r;
	fd = openat(parent, path_basename(e->object),
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : err_errno(err, ERR_FAILED, errno, "cannot open it");
	record_attributes(is, st.st_mode, st.st_uid, st.st_gid, NULL);
	if (ours)
		r = is_left_empty(l, e->object, &empty, err);
	/* Somebody else has given it another owner or mode since. */
	if (r < 0 || !empty || (!ours && strcmp(is, e->now) != 0))
		return r;
	r = strv_addf(l->changes, err, "%s directory %s", ours ? "remove" : "restore", e->object);
	if (r == 0 && ours)
		r = strv_add(&l->gone, e->object, err);
	return r < 0 || !l->apply ? r : undo_directory(l, e, parent, fd, err);
}

/* The deepest first: a path comes behind what it lies in. */
static int by_path_falling(const void *a, const void *b)
{
	const struct record_entry *const *x = a, *const *y = b;

	return strcmp((*y)->object, (*x)->object);
}

/* --- the step ------------------------------------------------------------------------------- */

static int take_back(struct leftovers *l, enum record_kind kind,
		     int (*one)(struct leftovers *, const struct record_entry *, struct err *),
		     struct err *err)
{
	const struct record_entries *all = ours_entries(l->setup->ours);
	cleanup_free const struct record_entry **list = calloc(all->count + 1, sizeof(*list));
	size_t count = 0;
	int r = 0;

	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].kind == kind)
			list[count++] = &all->items[i];
	if (count)
		qsort(list, count, sizeof(*list), by_path_falling);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = one(l, list[i], err);
		if (r < 0)
			err_prefix(err, "'%s'", list[i]->object);
	}
	return r;
}

int leftover_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	CLEANUP(leftovers_release)
	struct leftovers l = { .setup = setup, .apply = apply, .changes = changes };
	int r = load_earlier(&l, err);

	if (r == 0)
		r = take_back(&l, RECORD_UNIT, take_unit_back, err);
	for (size_t kind = 0; r == 0 && kind < RECORD_KINDS; kind++)
		if (machine_has((enum record_kind)kind))
			r = take_back(&l, (enum record_kind)kind, take_setting_back, err);
	if (r == 0)
		r = take_back(&l, RECORD_FILE, take_file_back, err);
	return r < 0 ? r : take_back(&l, RECORD_DIRECTORY, take_directory_back, err);
}
