/* SPDX-License-Identifier: Apache-2.0 */
#include "pack_write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cleanup.h"
#include "interrupt.h"
#include "progress.h"
#include "tar.h"

#define THREADS_MAX 4
#define CHUNK_BYTES (256U << 10)
#define FLUSH_BYTES (8U << 20) /* what is written is given to the disk in pieces of that size */
#define WAIT_MS 200            /* how soon an interrupt is seen */

DEFINE_CLEANUP(struct digest *, digest_free);

/* One archive. */
struct volume {
	int fd;
	const char *name; /* borrowed, for messages */
};

/* A member and its place. */
struct place {
	const struct pack_member *member;
	const struct volume *volume;
	uint64_t offset;
};

struct writer {
	struct volume *volumes;
	size_t volume_count;
	struct place *places;
	size_t count;

	pthread_t threads[THREADS_MAX];
	unsigned int thread_count;
	pthread_mutex_t mutex; /* of all that follows */
	pthread_cond_t changed;
	size_t next, done;
	uint64_t done_bytes;
	bool stop;
	struct err err; /* of the first place that failed */
	size_t err_place;
};

static void writer_release(struct writer *w)
{
	for (size_t i = 0; i < w->volume_count; i++)
		cleanup_closep(&w->volumes[i].fd);
	free(w->volumes);
	free(w->places);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->mutex);
}

/* -- one member -- */

static int put_at(const struct volume *v, const void *data, size_t len, uint64_t offset,
		  struct err *err)
{
	const char *from = data;

	while (len) {
		ssize_t n = pwrite(v->fd, from, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot write '%.300s'", v->name);
		from += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static bool advance(struct writer *w, uint64_t bytes)
{
	bool stop = false;

	pthread_mutex_lock(&w->mutex);
	w->done_bytes += bytes;
	stop = w->stop;
	pthread_mutex_unlock(&w->mutex);
	return stop;
}

/* A worker's own: what it reads with. */
struct hand {
	struct writer *writer;
	struct digest *digest;
	char *buf;
};

static ssize_t read_retried(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The disk begins with it now, so that the fsync at the end waits for little. */
static void flush_begun(const struct volume *v, uint64_t from, uint64_t to)
{
	(void)sync_file_range(v->fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
}

/* RET_SIZE counts what was read: one byte more than the member has is enough to know. */
static int copy_source(struct hand *h, const struct place *p, uint64_t offset, uint64_t *ret_size,
		       struct err *err)
{
	const char *source = p->member->source;
	cleanup_close int fd = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const uint64_t start = offset;
	uint64_t flushed = offset;
	ssize_t n = 0;
	int r = 0;

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%.300s'", source);
	while (r == 0 && (n = read_retried(fd, h->buf, CHUNK_BYTES)) > 0) {
		if (offset - start + (uint64_t)n > p->member->size_bytes) {
			offset += (uint64_t)n;
			break;
		}
		digest_update(h->digest, h->buf, (size_t)n);
		r = put_at(p->volume, h->buf, (size_t)n, offset, err);
		offset += (uint64_t)n;
		if (offset - flushed >= FLUSH_BYTES) {
			flush_begun(p->volume, flushed, offset);
			flushed = offset;
		}
		if (advance(h->writer, (uint64_t)n))
			return err_set(err, ERR_INTERRUPTED, "stopped");
	}
	if (n < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot read '%.300s'", source);
	*ret_size = offset - start;
	return r;
}

/* Padding is there already: what was never written is zero. */
static int write_place(struct hand *h, const struct place *p, struct err *err)
{
	CLEANUP(str_release) struct str header = STR_INIT;
	const struct pack_member *m = p->member;
	char hex[SHA256_HEX_SIZE];
	uint64_t size = 0;
	int r = tar_header_make(m->path, m->size_bytes, &header, err);

	if (r == 0)
		r = put_at(p->volume, header.buf, header.len, p->offset, err);
	if (r < 0)
		return r;
	if (!m->source && advance(h->writer, m->size_bytes))
		return err_set(err, ERR_INTERRUPTED, "stopped");
	if (!m->source)
		return put_at(p->volume, m->data.buf, m->data.len, p->offset + header.len, err);
	r = copy_source(h, p, p->offset + header.len, &size, err);
	digest_final_hex(h->digest, hex);
	if (r < 0)
		return r;
	if (size != m->size_bytes || strcmp(hex, m->sha256) != 0) {
		err_set(err, ERR_VERIFY, "'%.200s' is not '%.200s' any more: it has changed",
			m->source, m->path);
		err_detail(err, "run again: what is damaged in the cache is fetched anew");
		return -(int)err->code;
	}
	return 0;
}

/* -- all of them -- */

/* Those that stop because another one failed say nothing. */
static void fail_place(struct writer *w, size_t i, const struct err *err)
{
	if (err->code != ERR_INTERRUPTED && (w->err.code == ERR_NONE || i < w->err_place)) {
		w->err = *err;
		w->err_place = i;
	}
	w->stop = true;
}

static void take_places(struct hand *h)
{
	struct writer *w = h->writer;

	pthread_mutex_lock(&w->mutex);
	while (!w->stop && w->next < w->count) {
		struct err err = ERR_INIT;
		size_t i = w->next++;
		int r = 0;

		pthread_mutex_unlock(&w->mutex);
		r = write_place(h, &w->places[i], &err);
		pthread_mutex_lock(&w->mutex);
		if (r < 0)
			fail_place(w, i, &err);
		w->done++;
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->mutex);
}

static void *work(void *arg)
{
	struct writer *w = arg;
	CLEANUP(digest_freep) struct digest *digest = NULL;
	cleanup_free char *buf = malloc(CHUNK_BYTES);
	struct hand hand = { .writer = w, .buf = buf };
	struct err err = ERR_INIT;
	int r = buf ? digest_new(&digest, &err) : err_nomem(&err);

	hand.digest = digest;
	if (r == 0) {
		take_places(&hand);
		return NULL;
	}
	pthread_mutex_lock(&w->mutex);
	fail_place(w, 0, &err);
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* Signals are for the first thread. */
static int start_threads(struct writer *w, struct err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int wanted = cores > THREADS_MAX ? THREADS_MAX
			      : cores > 1         ? (unsigned int)cores
						  : 1;
	sigset_t all, old;
	int errnum = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (errnum == 0 && w->thread_count < wanted && w->thread_count < w->count) {
		errnum = pthread_create(&w->threads[w->thread_count], NULL, work, w);
		w->thread_count += errnum == 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (w->count && w->thread_count == 0)
		return err_errno(err, ERR_HOST, errnum, "cannot start a thread");
	return 0;
}

static void wait_some(struct writer *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&w->changed, &w->mutex, &until);
}

static int fill_places(struct writer *w, uint64_t total, struct err *err)
{
	struct progress progress;
	int r = start_threads(w, err);

	if (r < 0)
		return r;
	progress_start(&progress, "writing the bundle", total, (unsigned int)w->count);
	pthread_mutex_lock(&w->mutex);
	while (!w->stop && w->done < w->count) {
		wait_some(w);
		w->stop = w->stop || interrupt_seen();
		progress_update(&progress, w->done_bytes, (unsigned int)w->done);
	}
	pthread_mutex_unlock(&w->mutex);
	for (unsigned int i = 0; i < w->thread_count; i++)
		pthread_join(w->threads[i], NULL);
	progress_update(&progress, w->done_bytes, (unsigned int)w->done);
	r = interrupt_check(err);
	if (r == 0 && w->err.code != ERR_NONE) {
		*err = w->err;
		r = -(int)err->code;
	}
	if (r == 0)
		progress_done(&progress);
	else
		progress_abort(&progress);
	return r;
}

/* -- the archives -- */

uint64_t pack_volume_bytes(const struct index *index, size_t volume)
{
	uint64_t bytes = 0;
	size_t from = 0;
	size_t to = 0;

	index_volume_range(index, volume, &from, &to);
	for (size_t i = from; i < to; i++) {
		const struct index_member *m = &index->members[i];

		bytes += m->from_base ? 0 : tar_member_bytes(m->path, m->size_bytes);
	}
	return bytes;
}

/* A disk that is too small says so before anything is copied; a file system that cannot take room
 * beforehand, when it is full. */
static int take_room(const struct volume *v, uint64_t size, struct err *err)
{
	if (fallocate(v->fd, 0, 0, (off_t)size) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return err_errno(err, ERR_FAILED, errno, "no room for the %llu MiB of '%.300s'",
				 (unsigned long long)(size >> 20) + 1, v->name);
	if (ftruncate(v->fd, (off_t)size) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot write '%.300s'", v->name);
	return 0;
}

static int open_volume(struct volume *v, const char *path, const char *name, struct err *err)
{
	v->name = name;
	v->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (v->fd < 0 || fchmod(v->fd, 0644) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot create '%.300s'", path);
	return 0;
}

/* Index and signature now; the members' places for later. */
static int begin_volume(struct writer *w, const struct pack *pack, const struct index *index,
			size_t volume, const struct str *text, const struct str *signature,
			struct err *err)
{
	const struct volume *v = &w->volumes[volume];
	struct tar_writer tar = { .fd = v->fd, .name = v->name };
	uint64_t offset = tar_member_bytes(INDEX_NAME, text->len) +
			  tar_member_bytes(INDEX_SIGNATURE_NAME, signature->len);
	size_t from = 0;
	size_t to = 0;
	int r = take_room(v, offset + pack_volume_bytes(index, volume) + 2 * (uint64_t)TAR_BLOCK,
			  err);

	if (r == 0)
		r = tar_write_data(&tar, INDEX_NAME, text->buf, text->len, err);
	if (r == 0)
		r = tar_write_data(&tar, INDEX_SIGNATURE_NAME, signature->buf, signature->len, err);
	index_volume_range(index, volume, &from, &to);
	for (size_t i = from; i < to; i++) {
		const struct index_member *m = &index->members[i];

		if (m->from_base)
			continue;
		w->places[w->count++] = (struct place){ .member = &pack->members[i],
							.volume = v,
							.offset = offset };
		offset += tar_member_bytes(m->path, m->size_bytes);
	}
	return r;
}

static int sync_volumes(const struct writer *w, struct err *err)
{
	for (size_t i = 0; i < w->volume_count; i++)
		if (fsync(w->volumes[i].fd) < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot write '%.300s'",
					 w->volumes[i].name);
	return 0;
}

int pack_write(const struct pack *pack, const struct index *index, const struct str *text,
	       const struct str *signature, const struct strv *paths, const struct strv *names,
	       struct err *err)
{
	CLEANUP(writer_release)
	struct writer w = { .mutex = PTHREAD_MUTEX_INITIALIZER,
			    .changed = PTHREAD_COND_INITIALIZER,
			    .volumes = calloc(paths->count + 1, sizeof(*w.volumes)),
			    .places = calloc(pack->count + 1, sizeof(*w.places)) };
	int r = 0;

	if (!w.volumes || !w.places)
		return err_nomem(err);
	for (size_t i = 0; i < paths->count; i++)
		w.volumes[w.volume_count++].fd = -1;
	for (size_t i = 0; r == 0 && i < paths->count; i++) {
		r = open_volume(&w.volumes[i], paths->items[i], names->items[i], err);
		if (r == 0)
			r = begin_volume(&w, pack, index, i, text, signature, err);
	}
	if (r == 0)
		r = fill_places(&w, index_carried_bytes(index), err);
	return r < 0 ? r : sync_volumes(&w, err);
}
