/* SPDX-License-Identifier: Apache-2.0 */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "interrupt.h"

#define TICK_MS 100

struct crew {
	const struct workers *plan;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t ended;
	size_t next;
	size_t failed; /* the first item that failed; plan->count: none */
	struct err err;
	unsigned int running;
};

struct worker {
	struct crew *crew;
	unsigned int number;
	pthread_t thread;
};

unsigned int workers_threads(size_t count)
{
	cpu_set_t set;
	unsigned int cores = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = (unsigned int)CPU_COUNT(&set);
	if (cores > WORKERS_MAX)
		cores = WORKERS_MAX;
	if (cores > count)
		cores = (unsigned int)count;
	return cores ? cores : 1;
}

static void *work(void *arg)
{
	const struct worker *self = arg;
	struct crew *crew = self->crew;

	pthread_mutex_lock(&crew->mutex);
	while (crew->next < crew->failed) {
		struct err err = ERR_INIT;
		size_t i = crew->next++;
		int r = 0;

		pthread_mutex_unlock(&crew->mutex);
		r = interrupt_check(&err);
		if (!r)
			r = crew->plan->run(crew->plan->arg, self->number, i, &err);
		pthread_mutex_lock(&crew->mutex);
		if (r && i < crew->failed) {
			crew->failed = i;
			crew->err = err;
		}
	}
	crew->running--;
	pthread_cond_signal(&crew->ended);
	pthread_mutex_unlock(&crew->mutex);
	return NULL;
}

static unsigned int start(struct crew *crew, struct worker *workers, unsigned int wanted,
			  int *ret_errnum)
{
	sigset_t all, old;
	unsigned int count = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&crew->mutex);
	for (; count < wanted; count++) {
		workers[count] = (struct worker){ .crew = crew, .number = count };
		*ret_errnum = pthread_create(&workers[count].thread, NULL, work, &workers[count]);
		if (*ret_errnum)
			break;
		crew->running++;
	}
	pthread_mutex_unlock(&crew->mutex);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return count;
}

static void wait_for(struct crew *crew)
{
	const struct workers *plan = crew->plan;

	pthread_mutex_lock(&crew->mutex);
	while (crew->running) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_cond_timedwait(&crew->ended, &crew->mutex, &until) == ETIMEDOUT &&
		    plan->tick) {
			pthread_mutex_unlock(&crew->mutex);
			plan->tick(plan->arg);
			pthread_mutex_lock(&crew->mutex);
		}
	}
	pthread_mutex_unlock(&crew->mutex);
}

int workers_run(const struct workers *plan, struct err *err)
{
	struct crew crew = { .plan = plan, .failed = plan->count };
	struct worker workers[WORKERS_MAX];
	unsigned int started = 0;
	int errnum = 0;

	pthread_mutex_init(&crew.mutex, NULL);
	pthread_cond_init(&crew.ended, NULL);
	started = start(&crew, workers, plan->threads, &errnum);
	wait_for(&crew);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_cond_destroy(&crew.ended);
	pthread_mutex_destroy(&crew.mutex);
	if (!started)
		return err_errno(err, ERR_HOST, errnum, "cannot start a thread");
	if (crew.failed == plan->count)
		return 0;
	*err = crew.err;
	return -(int)err->code;
}
