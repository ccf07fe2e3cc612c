/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modularity as dnf 4 does it (libdnf's ModulePackageContainer): which module streams are active, and
 * which packages they show and hide. Documents: modulemd 1 and 2, modulemd-defaults 1; obsoletes are
 * not followed, as dnf does not by default.
 */
#ifndef PGHA_MODULES_H
#define PGHA_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <solv/bitmap.h>
#include <solv/pool.h>

#include "err.h"
#include "repofile.h"
#include "str.h"

/* Changes with the layout of what modules_compile() makes; part of the cache's key. */
#define MODULES_FORMAT 1

/*
 * Reads modules.yaml into one block of bytes without pointers, which a cache may keep and a later
 * process map: what modules_add() takes. A document that makes no sense is left out, and the block has a
 * note that modules_resolve() gives; the others stay. NAME is for messages; ERR_VERIFY when it is not
 * YAML.
 */
int modules_compile(const char *name, FILE *in, struct str *ret_block, struct err *err) MUST_CHECK;

struct modules;

/* An empty set; both strings are borrowed. PLATFORM_ID as "platform:el8", ARCH as rpm names it. */
int modules_new(const char *platform_id, const char *arch, struct modules **ret,
		struct err *err) MUST_CHECK;
void modules_free(struct modules *modules);

/*
 * Adds what one repository says. BLOCK is borrowed until modules_free() and, coming from a cache, not
 * believed: ERR_FAILED when it is damaged.
 */
int modules_add(struct modules *modules, const char *repo, const void *block, size_t size_bytes,
		struct err *err) MUST_CHECK;

/*
 * Decides which streams are active: those of ENABLE ("name:stream", or "name" for its default
 * stream), and default streams of modules that are neither there nor in DISABLE (names; "*" for
 * all), with what these require. ERR_NETWORK, with the streams by name and place, for a module or
 * stream that is not there (with the nearest ones), two streams of one module, and streams that
 * exclude one another or miss one; a default stream that cannot be active is a note in WARNINGS,
 * as is what modules_compile() left out.
 * WHERE is what a message begins with: "FILE:LINE:COLUMN" of the list ENABLE.
 */
int modules_resolve(struct modules *modules, const struct strv *enable, const struct strv *disable,
		    const char *where, struct strv *warnings, struct err *err) MUST_CHECK;

/*
 * Clears in CONSIDERED, and sets in HIDDEN, the packages of POOL that the streams hide: artifacts of
 * streams that are not active, and, from whichever repository, what has the name of an active
 * stream's package or provides it. Packages of repositories for which IS_HOTFIX() is true (it gets
 * the repository's name and ARG), of @System, and active artifacts stay.
 */
int modules_hide(const struct modules *modules, Pool *pool,
		 bool (*is_hotfix)(const char *repo, void *arg), void *arg, Map *considered,
		 Map *hidden, struct err *err) MUST_CHECK;

/*
 * Why package P, which modules_hide() has hidden, is: "it belongs to postgresql:16, and that stream
 * is not enabled (the default is postgresql:10)". Into BUF; returns BUF.
 */
const char *modules_explain(const struct modules *modules, Pool *pool, Id p, char *buf,
			    size_t size);
/* Whether this context of this stream is active; "" stands for any context. */
bool modules_is_active(const struct modules *modules, const char *name, const char *stream,
		       const char *context);
/* The module stream ("postgresql:16") that artifact P belongs to and is active, or NULL. Borrowed
 * until the next call. */
const char *modules_stream(const struct modules *modules, Pool *pool, Id p);

#endif
