/* SPDX-License-Identifier: Apache-2.0 */
/* One file or directory below the installation's root, for installer/place.c. */
#ifndef PGHA_PLACE_FILE_H
#define PGHA_PLACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "setup.h"

#define PLACE_ALL "all" /* in lists of paths: each of them */

/* Borrowed. PATH is absolute as the node sees it. */
struct place_item {
	const char *path;
	const char *owner, *group;
	mode_t mode;
	const void *data; /* files */
	size_t size_bytes;
	/* For a review: DATA with a mask for each secret; NULL: it is a private key. */
	const char *masked;
	bool is_certificate;
};

enum place_verdict {
	PLACE_SAME,
	PLACE_WRITE,
	PLACE_KEEP, /* somebody has changed it by hand, and nobody said what is to become of it */
};

/*
 * How the file is other than ITEM: absent, other content, owner or mode, no plain file. An owner that is not
 * there yet is a difference. KEEP: it goes together with one that is kept. What is to be written adds a line to
 * CHANGES, what is kept its path to setup->kept; both are told setup->review.
 */
int place_file_compare(struct setup *setup, const struct place_item *item, bool keep,
		       struct strv *changes, enum place_verdict *ret, struct err *err) MUST_CHECK;
/* The same and nothing else. */
int place_file_judge(struct setup *setup, const struct place_item *item, enum place_verdict *ret,
		     struct err *err) MUST_CHECK;
/* Of a file that is kept: takes away what its mode gives more than ITEM's, and adds nothing. */
int place_file_narrow(struct setup *setup, const struct place_item *item, bool apply,
		      struct strv *changes, struct err *err) MUST_CHECK;
/* Of a file that is kept: whether ITEM has something new, which goes beside it. */
int place_file_is_news(struct setup *setup, const struct place_item *item, bool *ret,
		       struct err *err) MUST_CHECK;
/* Whether LIST, of paths, names PATH or PLACE_ALL. LIST ends with NULL, or is NULL. */
bool place_is_named(const char *const *list, const char *path);
/* Keeps the file's content below STATE/previous/ and puts ITEM in its place. Missing directories
 * above are made (0755). */
int place_file_write(struct setup *setup, const struct place_item *item,
		     struct err *err) MUST_CHECK;
/* Puts on record what stands at a directory's PATH before packages make it, or change it. */
int place_note_directory(struct setup *setup, const char *path, struct err *err) MUST_CHECK;
/* Both for a directory, the second with APPLY. */
int place_directory(struct setup *setup, const struct place_item *item, bool apply,
		    struct strv *changes, struct err *err) MUST_CHECK;

/* Accounts of the root that is installed into, by its own files. RET_FOUND false: no such name. */
int place_uid(struct setup *setup, const char *name, bool *ret_found, uid_t *ret,
	      struct err *err) MUST_CHECK;
int place_gid(struct setup *setup, const char *name, bool *ret_found, gid_t *ret,
	      struct err *err) MUST_CHECK;
/* Is USER listed as a member of GROUP? */
int place_is_member(struct setup *setup, const char *group, const char *user, bool *ret,
		    struct err *err) MUST_CHECK;

/* In a path's text as in the record's (installer/record.h): what is a symbolic link at NAME of
 * PARENT, or RECORD_ABSENT. */
int place_link_was(int parent, const char *name, char **ret, struct err *err) MUST_CHECK;

/*
 * Opens the directory above PATH; RET_NAME is PATH's last part, borrowed from it. With MAKE missing
 * directories are made, and recorded; without, RET_FD is -1 when there is none.
 */
int place_open_parent(struct setup *setup, const char *path, bool make, int *ret_fd,
		      const char **ret_name, struct err *err) MUST_CHECK;

#endif
