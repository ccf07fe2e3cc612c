/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <solv/solv_xfopen.h>

#include "cleanup.h"
#include "prolog.h"

#define PIECES 8
#define PIECE_SIZE (64U << 10)

struct unpack {
	FILE *packed; /* the thread's alone while it runs */
	FILE *in;     /* the caller's end */
	pthread_t thread;
	bool started;
	bool xml;
	struct prolog prolog;
	uint64_t max_bytes;

	/* What both ends share, under LOCK; CHANGED says that something did. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t sizes[PIECES];
	size_t first, count; /* pieces that are full */
	bool ended;          /* nothing follows these */
	bool broken, too_much, refused;
	bool left; /* the caller wants no more */

	size_t used; /* of the first piece: the caller's */
	char pieces[PIECES][PIECE_SIZE];
};

/* Waits for a free piece; -1 when the caller has left. */
static int free_piece(struct unpack *u)
{
	int i = -1;

	pthread_mutex_lock(&u->lock);
	while (u->count == PIECES && !u->left)
		pthread_cond_wait(&u->changed, &u->lock);
	if (!u->left)
		i = (int)((u->first + u->count) % PIECES);
	pthread_mutex_unlock(&u->lock);
	return i;
}

static void *unpack_all(void *arg)
{
	struct unpack *u = arg;
	uint64_t total = 0;
	bool ended = false;

	while (!ended) {
		int i = free_piece(u);
		size_t n = 0;
		bool refused = false;

		if (i < 0)
			return NULL;
		n = fread(u->pieces[i], 1, PIECE_SIZE, u->packed);
		total += n;
		refused = u->xml && !prolog_read(&u->prolog, u->pieces[i], n);
		ended = n < PIECE_SIZE || total > u->max_bytes || refused;
		pthread_mutex_lock(&u->lock);
		u->broken = ended && ferror(u->packed);
		u->too_much = total > u->max_bytes;
		u->refused = refused;
		u->ended = ended;
		u->sizes[i] = n;
		/* A piece that goes over the limit is kept back with all that follows, and one with
		 * a document type. */
		u->count += n && !u->too_much && !refused;
		pthread_cond_signal(&u->changed);
		pthread_mutex_unlock(&u->lock);
	}
	return NULL;
}

/* The size of the first full piece, which is waited for; 0 at the end. */
static size_t first_piece(struct unpack *u, bool *ret_failed)
{
	size_t n = 0;

	pthread_mutex_lock(&u->lock);
	while (!u->count && !u->ended)
		pthread_cond_wait(&u->changed, &u->lock);
	if (u->count)
		n = u->sizes[u->first];
	*ret_failed = !u->count && (u->broken || u->too_much || u->refused);
	pthread_mutex_unlock(&u->lock);
	return n;
}

static void drop_piece(struct unpack *u)
{
	pthread_mutex_lock(&u->lock);
	u->first = (u->first + 1) % PIECES;
	u->count--;
	u->used = 0;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

static ssize_t read_pieces(void *cookie, char *buf, size_t size)
{
	struct unpack *u = cookie;
	bool failed = false;
	size_t n = first_piece(u, &failed);

	if (failed) {
		errno = EIO;
		return -1;
	}
	if (!n)
		return 0;
	if (size > n - u->used)
		size = n - u->used;
	memcpy(buf, u->pieces[u->first] + u->used, size);
	u->used += size;
	if (u->used == n)
		drop_piece(u);
	return (ssize_t)size;
}

/* Signals are the main thread's business. */
static int start(struct unpack *u, struct err *err)
{
	sigset_t all;
	sigset_t before;
	int errnum = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&u->thread, NULL, unpack_all, u);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	u->started = errnum == 0;
	return errnum ? err_errno(err, ERR_HOST, errnum, "cannot start a thread") : 0;
}

DEFINE_CLEANUP(struct unpack *, unpack_free);

int unpack_open(int fd, const char *name, bool xml, uint64_t max_bytes, struct unpack **ret,
		FILE **ret_in, struct err *err)
{
	static const cookie_io_functions_t functions = { .read = read_pieces };
	cleanup_close int owned = fd;
	CLEANUP(unpack_freep) struct unpack *u = calloc(1, sizeof(*u));
	int r = 0;

	if (!u)
		return err_nomem(err);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	u->max_bytes = max_bytes;
	u->xml = xml;
	u->packed = solv_xfopen_fd(name, owned, "r");
	if (!u->packed)
		return err_set(err, ERR_VERIFY, "it is packed in a way that is not known here");
	steal_fd(&owned);
	u->in = fopencookie(u, "r", functions);
	if (!u->in)
		return err_nomem(err);
	setvbuf(u->in, NULL, _IOFBF, PIECE_SIZE);
	r = start(u, err);
	if (r < 0)
		return r;
	*ret_in = u->in;
	*ret = steal_ptr(&u);
	return 0;
}

/*
 * The packed file's digest was right, so what it unpacks to needs no digest of its own (and
 * repomd.xml's is wrong in the field where a tool repacked files).
 */
int unpack_check(struct unpack *u, struct err *err)
{
	bool broken = false;
	bool too_much = false;
	bool refused = false;

	pthread_mutex_lock(&u->lock);
	broken = u->broken;
	too_much = u->too_much;
	refused = u->refused;
	pthread_mutex_unlock(&u->lock);
	if (too_much)
		return err_set(err, ERR_VERIFY, "it unpacks to more than %llu bytes",
			       (unsigned long long)u->max_bytes);
	if (refused)
		return err_set(err, ERR_VERIFY, "%s", PROLOG_REFUSED_TEXT);
	if (broken)
		return err_set(err, ERR_VERIFY, "it cannot be unpacked");
	return 0;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->left = true;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
	if (u->started)
		pthread_join(u->thread, NULL);
	if (u->in)
		fclose(u->in);
	if (u->packed)
		fclose(u->packed);
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->changed);
	free(u);
}
