/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the installer changed on this node and what was there before, so that drift can be told
 * (status) and the changes undone (uninstall). A record for each bundle, below STATE/record/SEQUENCE/:
 *
 *	entries       a line for each change: kind, object, what was, what is; fsynced before the
 *	              change is made. A last line that was cut short by a kill counts for nothing:
 *	              its change was not made.
 *	files/PATH    what a file held before (0600)
 *	begun         when it was begun: the boot, and microseconds of its monotonic clock
 *	undone        a rollback was begun, and how far it has come (installer/rollback.h, removal.h)
 *	secrets       STATE/secrets as it was before (installer/held.h)
 *
 * Attributes are text: "MODE:UID:GID" of a directory, "MODE:UID:GID:SHA256" of a file (the mode is
 * octal), ">TARGET" of a symbolic link, "-" of what was not there.
 */
#ifndef PGHA_RECORD_H
#define PGHA_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "digest.h"
#include "err.h"
#include "install.h"
#include "str.h"

#define RECORD_ABSENT "-"

enum record_kind {
	RECORD_PACKAGE,   /* object: name; was, now: NEVRA */
	RECORD_GROUP,     /* object: name */
	RECORD_USER,      /* object: name */
	RECORD_MEMBER,    /* object: GROUP:USER */
	RECORD_DIRECTORY, /* object: path */
	RECORD_TREE,      /* object: path of a directory that is ours with all that is in it */
	RECORD_LINK,      /* object: path */
	RECORD_FILE,      /* object: path */
	RECORD_UNIT,      /* object: unit; words of RECORD_UNIT_*, comma between */
	RECORD_HELD,      /* object: a secret that the running cluster holds, and was to change */
	/* object: package that does not go back; was: NEVRA; now: NEVRA, a blank, and the reason */
	RECORD_ONE_WAY,
	RECORD_PORT,   /* object: NUMBER/tcp of the firewall; RECORD_PORT_* */
	RECORD_SYSCTL, /* object: name; was, now: the running kernel's value */
	RECORD_PACKAGED, /* object: path of a file that held a package's own content; was, now: its SHA-256 */
	RECORD_BOOLEAN, /* object: SELinux's boolean; was, now: on, off */
	RECORD_PORT_TYPE, /* object: NUMBER/tcp; was, now: its type by SELinux's store, - the policy's */
	RECORD_DEFAULT, /* object: path of what librpm has put beside a configuration file (NAME.rpmnew) */
};
#define RECORD_KINDS (RECORD_DEFAULT + 1)

#define RECORD_PORT_CLOSED "closed"
#define RECORD_PORT_OPEN "open"

#define RECORD_HELD_BY_HAND "by hand" /* the operator has changed it in the cluster */

#define RECORD_UNIT_OFF "off"
#define RECORD_UNIT_ENABLED "enabled"
#define RECORD_UNIT_ACTIVE "active"
#define RECORD_UNIT_BOTH "enabled,active"

struct record_entry {
	enum record_kind kind;
	char *object;
	char *was, *now;
	uint64_t sequence; /* of the record that has WAS, and the file's content */
};

struct record_entries {
	struct record_entry *items; /* in the order of the changes */
	size_t count;
};

#define RECORD_ENTRIES_INIT    \
	{                      \
		.items = NULL, \
	}

void record_entries_release(struct record_entries *entries);

struct record; /* of one bundle, open for more */

/* Opens, or begins, the record of SEQUENCE. STATE is locked by the caller. */
int record_open(const struct install *in, uint64_t sequence, struct record **ret,
		struct err *err) MUST_CHECK;
void record_free(struct record *record);
uint64_t record_sequence(const struct record *record);

/*
 * Call it before the change is made. What stands there already is not written again; of an object
 * that is changed more than once the first WAS counts, and the last NOW. NULL records nothing.
 * OBJECT and the values are without tabs and line ends.
 */
int record_add(struct record *record, enum record_kind kind, const char *object, const char *was,
	       const char *now, struct err *err) MUST_CHECK;
/*
 * Between these two the entries that are added reach the disk together, at the end: for changes of which none begins before
 * record_settle() has said 0.
 */
void record_gather(struct record *record);
int record_settle(struct record *record, struct err *err) MUST_CHECK;
/* What is there before something else than this program changes it: WAS, until record_add() tells what it
 * has become. */
int record_note(struct record *record, enum record_kind kind, const char *object, const char *was,
		struct err *err) MUST_CHECK;
/* The same for a file whose content was DATA; WAS are its attributes without digest, or NULL when
 * there was none. */
int record_add_file(struct record *record, const char *path, const struct stat *was,
		    const void *data, size_t size_bytes, const char *now,
		    struct err *err) MUST_CHECK;

/* What was there before RECORD's bundle, borrowed; NULL when it is not on this record. */
const char *record_was(const struct record *record, enum record_kind kind, const char *object);

/* The attributes' text; SHA256 is NULL for a directory. */
#define RECORD_ATTRIBUTES_SIZE (8 + 11 + 11 + SHA256_HEX_SIZE)
void record_attributes(char ret[RECORD_ATTRIBUTES_SIZE], mode_t mode, uid_t uid, gid_t gid,
		       const char *sha256);
/* Reads it back: false when TEXT is not such attributes. RET_SHA256 becomes "" without a digest. */
bool record_parse(const char *text, mode_t *ret_mode, uid_t *ret_uid, gid_t *ret_gid,
		  char ret_sha256[SHA256_HEX_SIZE]);

/* All records as one: an entry for each object, WAS from the oldest, NOW from the newest. */
int record_load(const struct install *in, struct record_entries *ret, struct err *err) MUST_CHECK;
/* Every line of all records as it stands there, the oldest first. */
int record_load_history(const struct install *in, struct record_entries *ret,
			struct err *err) MUST_CHECK;
/* The newest record's sequence; 0: there is none. */
int record_newest(const struct install *in, uint64_t *ret, struct err *err) MUST_CHECK;
/* That of SEQUENCE alone. */
int record_load_one(const struct install *in, uint64_t sequence, struct record_entries *ret,
		    struct err *err) MUST_CHECK;
/* When the record of SEQUENCE was begun, in microseconds of CLOCK_MONOTONIC; 0: before this boot, or nobody knows. */
int record_begun(const struct install *in, uint64_t sequence, uint64_t *ret_us,
		 struct err *err) MUST_CHECK;
/* Where FILE of that record is ("secrets"); the caller frees. */
int record_path(const struct install *in, uint64_t sequence, const char *file, char **ret,
		struct err *err) MUST_CHECK;
/* The name below STATE of that record's file "undone". */
#define RECORD_MARK_SIZE 64
void record_mark(uint64_t sequence, char ret[RECORD_MARK_SIZE]);
/* Forgets SEQUENCE. */
int record_remove(const struct install *in, uint64_t sequence, struct err *err) MUST_CHECK;
/* Where the content of ENTRY's file, as it was, is kept; the caller frees. */
int record_kept_path(const struct install *in, const struct record_entry *entry, char **ret_path,
		     struct err *err) MUST_CHECK;

/*
 * Makes one of all records that are older than BEFORE: what was there before the first one stays,
 * what lay between goes (it may hold old keys and passwords).
 */
int record_squash(const struct install *in, uint64_t before, struct err *err) MUST_CHECK;
int record_remove_all(const struct install *in, struct err *err) MUST_CHECK;

#endif
