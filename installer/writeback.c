/* SPDX-License-Identifier: Apache-2.0 */
#include "writeback.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef WRITEBACK_PAUSE_MS
#define WRITEBACK_PAUSE_MS 50 /* between the end of one sync and the next */
#endif

/* Below the root: where administrators mount file systems of their own and packages have files. */
static const char *const places[] = { "usr", "var", "var/lib", "opt" };

struct writeback {
	char *root;
	int fds[1 + ARRAY_SIZE(places)]; /* one of each file system, the root's first */
	dev_t devices[1 + ARRAY_SIZE(places)];
	size_t count;
	int stop; /* an eventfd: readable when the thread is to end */
	bool running;
	pthread_t thread;
	int errnum; /* the first error; the thread's until it was joined */
};

/* A file system's error is told once to each descriptor: whoever sees it keeps it. */
static void sync_all(struct writeback *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (syncfs(w->fds[i]) < 0 && !w->errnum)
			w->errnum = errno;
}

static void *write_behind(void *arg)
{
	struct writeback *w = arg;
	struct pollfd stop = { .fd = w->stop, .events = POLLIN };

	pthread_setname_np(pthread_self(), WRITEBACK_THREAD);
	while (poll(&stop, 1, WRITEBACK_PAUSE_MS) == 0)
		sync_all(w);
	return NULL;
}

/* FD becomes the writeback's unless its file system is there. */
static int add_filesystem(struct writeback *w, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return err_errno(err, ERR_FAILED, errno, "cannot read '%.200s'", w->root);
	}
	for (size_t i = 0; i < w->count; i++)
		if (w->devices[i] == st.st_dev) {
			close(fd);
			return 0;
		}
	w->devices[w->count] = st.st_dev;
	w->fds[w->count++] = fd;
	return 0;
}

static int open_filesystems(struct writeback *w, struct err *err)
{
	int fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? err_errno(err, ERR_FAILED, errno, "cannot open '%.200s'", w->root)
		       : add_filesystem(w, fd, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
		/* An empty root has none of them, and what is a link leads to another of them. */
		fd = openat(w->fds[0], places[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			r = add_filesystem(w, fd, err);
	}
	return r;
}

static void start_thread(struct writeback *w)
{
	sigset_t all;
	sigset_t old;

	w->stop = eventfd(0, EFD_CLOEXEC);
	if (w->stop < 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	w->running = pthread_create(&w->thread, NULL, write_behind, w) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void end_thread(struct writeback *w)
{
	if (!w->running)
		return;
	/* Of an eventfd that holds 0 this cannot fail. */
	if (eventfd_write(w->stop, 1) == 0)
		pthread_join(w->thread, NULL);
	w->running = false;
}

int writeback_start(const char *root, struct writeback **ret, struct err *err)
{
	CLEANUP(writeback_freep) struct writeback *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w || !(w->root = strdup(root))) {
		if (w)
			w->stop = -1;
		return err_nomem(err);
	}
	w->stop = -1;
	r = open_filesystems(w, err);
	if (r < 0)
		return r;
	start_thread(w);
	*ret = steal_ptr(&w);
	return 0;
}

int writeback_finish(struct writeback *w, struct err *err)
{
	end_thread(w);
	sync_all(w);
	return w->errnum ? err_errno(err, ERR_FAILED, w->errnum, "cannot sync '%.200s'", w->root)
			 : 0;
}

void writeback_free(struct writeback *w)
{
	if (!w)
		return;
	end_thread(w);
	for (size_t i = 0; i < w->count; i++)
		close(w->fds[i]);
	if (w->stop >= 0)
		close(w->stop);
	free(w->root);
	free(w);
}
