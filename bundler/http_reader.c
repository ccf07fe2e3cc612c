/* SPDX-License-Identifier: Apache-2.0 */
#include "http_reader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "interrupt.h"

#define READ_SIZE (256U << 10)

/* Jobs one after the other, linked by their NEXT. */
struct line {
	struct http_job *head, **tail;
};

struct http_reader {
	struct line waiting, done;
	bool stop;
	pthread_mutex_t mutex; /* of all above */
	pthread_mutex_t look;  /* held by who looks */
	pthread_cond_t more;
	pthread_t thread;
	int fd; /* an event counter, 0 when nothing is done */
};

static void append(struct line *line, struct http_job *job)
{
	job->next = NULL;
	*line->tail = job;
	line->tail = &job->next;
}

static struct http_job *take_first(struct line *line)
{
	struct http_job *job = line->head;

	if (!job)
		return NULL;
	line->head = job->next;
	if (!line->head)
		line->tail = &line->head;
	job->next = NULL;
	return job;
}

/* -- reading -- */

DEFINE_CLEANUP(struct digest *, digest_free);

static bool is_stopped(struct http_reader *r)
{
	bool stop;

	if (!r)
		return false;
	pthread_mutex_lock(&r->mutex);
	stop = r->stop;
	pthread_mutex_unlock(&r->mutex);
	return stop;
}

static bool is_ended(struct http_reader *r)
{
	return is_stopped(r) || interrupt_seen();
}

/* An errno. The file's offset stays where it is: another try may go on there. */
static int digest_part(struct http_reader *r, struct http_job *job)
{
	struct http_transfer *t = job->transfer;
	CLEANUP(digest_freep) struct digest *d = NULL;
	cleanup_free char *buf = malloc(READ_SIZE);
	struct err err = ERR_INIT;
	off_t at = 0;
	ssize_t n;

	if (!buf || digest_new(&d, &err) < 0)
		return ENOMEM;
	while ((n = pread(job->part.fd, buf, READ_SIZE, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (is_ended(r))
			return ECANCELED;
		digest_update(d, buf, (size_t)n);
		if (t->feed)
			t->feed(t, (uint64_t)at, buf, (size_t)n, t->arg);
		at += n;
	}
	digest_final_hex(d, t->got_sha256);
	return 0;
}

static void read_job(struct http_reader *r, struct http_job *job)
{
	struct http_transfer *t = job->transfer;

	job->read_errnum = digest_part(r, job);
	if (job->read_errnum || !t->look || strcmp(t->got_sha256, t->sha256) != 0)
		return;
	if (r)
		pthread_mutex_lock(&r->look);
	t->look(t, job->part.fd, t->arg);
	if (r)
		pthread_mutex_unlock(&r->look);
}

void http_reader_read(struct http_job *job)
{
	read_job(NULL, job);
}

/* -- the thread -- */

static void *work(void *arg)
{
	struct http_reader *r = arg;

	pthread_mutex_lock(&r->mutex);
	while (!r->stop) {
		struct http_job *job = take_first(&r->waiting);

		if (!job) {
			pthread_cond_wait(&r->more, &r->mutex);
			continue;
		}
		pthread_mutex_unlock(&r->mutex);
		read_job(r, job);
		pthread_mutex_lock(&r->mutex);
		append(&r->done, job);
		(void)eventfd_write(r->fd, 1);
	}
	pthread_mutex_unlock(&r->mutex);
	return NULL;
}

int http_reader_start(struct http_reader **ret, struct err *err)
{
	struct http_reader *r = calloc(1, sizeof(*r));
	sigset_t all, old;
	int errnum;

	if (!r)
		return err_nomem(err);
	r->waiting.tail = &r->waiting.head;
	r->done.tail = &r->done.head;
	r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->fd < 0) {
		errnum = errno;
		free(r);
		return err_errno(err, ERR_HOST, errnum, "cannot make an event counter");
	}
	pthread_mutex_init(&r->mutex, NULL);
	pthread_mutex_init(&r->look, NULL);
	pthread_cond_init(&r->more, NULL);
	/* Signals are for the caller. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errnum = pthread_create(&r->thread, NULL, work, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (errnum == 0) {
		*ret = r;
		return 0;
	}
	close(r->fd);
	free(r);
	return err_errno(err, ERR_HOST, errnum, "cannot start a thread");
}

void http_reader_add(struct http_reader *reader, struct http_job *job)
{
	pthread_mutex_lock(&reader->mutex);
	append(&reader->waiting, job);
	pthread_cond_signal(&reader->more);
	pthread_mutex_unlock(&reader->mutex);
}

struct http_job *http_reader_take(struct http_reader *reader)
{
	struct http_job *job;
	eventfd_t count;

	pthread_mutex_lock(&reader->mutex);
	job = take_first(&reader->done);
	if (job && !reader->done.head)
		(void)eventfd_read(reader->fd, &count);
	pthread_mutex_unlock(&reader->mutex);
	return job;
}

struct http_job *http_reader_help(struct http_reader *reader)
{
	struct http_job *job;

	pthread_mutex_lock(&reader->mutex);
	job = take_first(&reader->waiting);
	pthread_mutex_unlock(&reader->mutex);
	if (job)
		read_job(reader, job);
	return job;
}

int http_reader_fd(const struct http_reader *reader)
{
	return reader->fd;
}

void http_reader_free(struct http_reader *reader)
{
	if (!reader)
		return;
	pthread_mutex_lock(&reader->mutex);
	reader->stop = true;
	pthread_cond_signal(&reader->more);
	pthread_mutex_unlock(&reader->mutex);
	pthread_join(reader->thread, NULL);
	pthread_cond_destroy(&reader->more);
	pthread_mutex_destroy(&reader->look);
	pthread_mutex_destroy(&reader->mutex);
	close(reader->fd);
	free(reader);
}
