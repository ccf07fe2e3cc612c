/* SPDX-License-Identifier: Apache-2.0 */
#include "digest_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "interrupt.h"

#define THREADS_MAX 4
#define WAIT_MS 200 /* how soon an interrupt is seen */

struct digest_pool {
	struct digest_job *jobs; /* borrowed */
	bool *done;
	size_t count;
	size_t next; /* the first one that nobody has taken */
	bool stop;
	pthread_mutex_t mutex; /* of all above but the jobs themselves */
	pthread_cond_t changed;
	pthread_t threads[THREADS_MAX];
	unsigned int thread_count;
};

static void run_job(struct digest_job *job)
{
	cleanup_close int fd = open(job->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct err err = ERR_INIT;

	if (fd < 0) {
		job->errnum = errno;
		return;
	}
	errno = 0;
	if (sha256_fd(fd, job->path, job->sha256, &job->size_bytes, &err) < 0)
		job->errnum = errno ? errno : EIO;
}

static void *work(void *arg)
{
	struct digest_pool *p = arg;

	pthread_mutex_lock(&p->mutex);
	while (!p->stop && p->next < p->count) {
		size_t i = p->next++;

		pthread_mutex_unlock(&p->mutex);
		run_job(&p->jobs[i]);
		pthread_mutex_lock(&p->mutex);
		p->done[i] = true;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* One core is the caller's own. Signals are for the caller. */
static int start_threads(struct digest_pool *p, struct err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int wanted = cores > THREADS_MAX ? THREADS_MAX
			      : cores > 2         ? (unsigned int)cores - 1
						  : 1;
	sigset_t all, old;
	int errnum = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (errnum == 0 && p->thread_count < wanted && p->thread_count < p->count) {
		errnum = pthread_create(&p->threads[p->thread_count], NULL, work, p);
		p->thread_count += errnum == 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (p->count && p->thread_count == 0)
		return err_errno(err, ERR_HOST, errnum, "cannot start a thread");
	return 0;
}

int digest_pool_start(struct digest_job *jobs, size_t count, struct digest_pool **ret,
		      struct err *err)
{
	struct digest_pool *p = calloc(1, sizeof(*p));
	bool *done = calloc(count + 1, sizeof(*done));
	int r;

	if (!p || !done) {
		free(p);
		free(done);
		return err_nomem(err);
	}
	p->jobs = jobs;
	p->done = done;
	p->count = count;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->changed, NULL);
	r = start_threads(p, err);
	if (r < 0)
		digest_pool_free(p);
	else
		*ret = p;
	return r;
}

int digest_pool_wait(struct digest_pool *pool, size_t i, struct err *err)
{
	bool interrupted = interrupt_seen();

	pthread_mutex_lock(&pool->mutex);
	while (!pool->done[i] && !interrupted) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WAIT_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&pool->changed, &pool->mutex, &until);
		interrupted = interrupt_seen();
	}
	pthread_mutex_unlock(&pool->mutex);
	return interrupted ? interrupt_check(err) : 0;
}

void digest_pool_free(struct digest_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->stop = true;
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned int i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->mutex);
	free(pool->done);
	free(pool);
}
