/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership by scope. A variable marked with one of these is released when its scope ends, so it
 * must always be initialised; steal_ptr() and steal_fd() hand the resource on.
 */
#ifndef PGHA_CLEANUP_H
#define PGHA_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/*
 * Defines RELEASEp(), the cleanup function for variables of TYPE (a pointer type) that RELEASE
 * releases: DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free) gives CLEANUP(yaml_doc_freep).
 */
#define DEFINE_CLEANUP(type, release)          \
	static inline void release##p(type *p) \
	{                                      \
		if (*p)                        \
			release(*p);           \
	}                                      \
	struct cleanup_swallow_semicolon

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define cleanup_free CLEANUP(cleanup_freep)
#define cleanup_close CLEANUP(cleanup_closep)
#define cleanup_fclose CLEANUP(cleanup_fclosep)
#define cleanup_closedir CLEANUP(cleanup_closedirp)

/* Overwrites a secret before it is freed; in lib/secret.c so that the compiler cannot drop it. */
void secret_cleanse(void *p, size_t size_bytes);

static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#define steal_ptr(pp)                                         \
	__extension__({                                       \
		__typeof__(pp) steal_pp_ = (pp);              \
		__typeof__(*steal_pp_) steal_p_ = *steal_pp_; \
		*steal_pp_ = NULL;                            \
		steal_p_;                                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
