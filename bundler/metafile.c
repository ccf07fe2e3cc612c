/* SPDX-License-Identifier: Apache-2.0 */
#include "metafile.h"

#include "cache.h"
#include "cleanup.h"
#include "unpack.h"

DEFINE_CLEANUP(struct unpack *, unpack_free);

/*
 * Fedora's filelists unpack to 800 MB. Others unpack to 40 times their size at the most; what is small
 * may be odd. It is read as a stream: the limit is one of time, the parsers' memory being smaller than
 * what they read.
 */
#define UNPACKED_RATIO_MAX 100
#define UNPACKED_FREE (UINT64_C(32) << 20)

int metafile_read(const struct metafile *file, int (*parse)(FILE *in, void *arg, struct err *err),
		  void *arg, struct err *err)
{
	CLEANUP(unpack_freep) struct unpack *unpack = NULL;
	cleanup_close int fd = -1;
	FILE *in = NULL;
	struct err why = ERR_INIT;
	int r = cache_open_verified(file->cache, file->sha256, &fd, err);

	if (r == 0 && fd < 0)
		r = err_set(err, ERR_FAILED, "it went away from the cache: run again");
	if (r == 0)
		r = unpack_open(steal_fd(&fd), file->location, file->xml,
				file->size_bytes * UNPACKED_RATIO_MAX + UNPACKED_FREE, &unpack, &in,
				err);
	if (r < 0)
		return r;
	r = parse(in, arg, err);
	/* A parser that met a limit says something about syntax: the stream knows better. */
	if (unpack_check(unpack, &why) < 0) {
		*err = why;
		r = -(int)err->code;
	}
	return r;
}
