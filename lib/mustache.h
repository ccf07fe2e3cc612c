/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mustache templates (the published specification, mustache(5) of version 1.4, without lambdas and
 * inheritance) over a tree of strings, booleans, lists and maps.
 *
 * Strict mode, which configuration uses, makes a name that does not resolve an error with the
 * template's name and line, in sections too: a slip in {{#env.VERIFY}} must not turn a check off.
 * Lenient mode is the specification's own: such a name is empty.
 *
 * Templates and data may come from hostile media: nesting, partials and the size of the output are
 * limited.
 */
#ifndef PGHA_MUSTACHE_H
#define PGHA_MUSTACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "err.h"
#include "str.h"

#define MUSTACHE_DEPTH_MAX 64           /* nested sections, also through partials */
#define MUSTACHE_PARTIAL_MAX 32         /* nested partials */
#define MUSTACHE_OUTPUT_MAX (16U << 20) /* bytes */

enum mustache_type { MUSTACHE_STRING, MUSTACHE_BOOL, MUSTACHE_LIST, MUSTACHE_MAP };

/* A value owns what is below it. Strings are cleansed when freed. */
struct mustache_value;

/* New values; NULL when memory is short, which mustache_set() and mustache_append() report. The
 * texts "true" and "false" become booleans in mustache_scalar(), not in mustache_string(). */
struct mustache_value *mustache_string(const char *text);
struct mustache_value *mustache_scalar(const char *text);
struct mustache_value *mustache_bool(bool on);
struct mustache_value *mustache_list(void);
struct mustache_value *mustache_map(void);
void mustache_free(struct mustache_value *value);
DEFINE_CLEANUP(struct mustache_value *, mustache_free);

/* Own VALUE from then on, also when they fail; a key that is there already gets the new value. */
int mustache_set(struct mustache_value *map, const char *key, struct mustache_value *value,
		 struct err *err) MUST_CHECK;
int mustache_append(struct mustache_value *list, struct mustache_value *value,
		    struct err *err) MUST_CHECK;
/* A secret renders only where the options allow it. */
void mustache_mark_secret(struct mustache_value *value);
/* In strict mode too, a section on a name that MAP does not have is false, and no error. */
void mustache_mark_open(struct mustache_value *map);
/* Borrowed; NULL when MAP has no such key or is no map. */
struct mustache_value *mustache_get(const struct mustache_value *map, const char *key);

/* How {{x}} quotes; {{{x}}} and {{&x}} never do. */
struct mustache_format {
	const char *name;
	int (*quote)(struct str *out, const char *text, struct err *err);
};

/* By the name that manifests use (see manifests/schema.md), or NULL. */
const struct mustache_format *mustache_format(const char *name);
/* The names of all formats, NULL-terminated, for messages. */
const char *const *mustache_format_names(void);

struct mustache_options {
	const struct mustache_format *format; /* NULL: text */
	bool strict;
	bool no_secrets; /* a secret value is ERR_CONFIG: for what becomes visible, as arguments do */
	/* Gives the partial NAME's text, borrowed while the rendering runs, or NULL when there is
	 * none (an error in strict mode). NULL: there are no partials. */
	const char *(*partial)(const void *context, const char *name);
	const void *context;
};

/* Renders TEXT, called NAME in messages, and appends to OUT, which should be secret. Failures are
 * ERR_CONFIG with "NAME:line: …". On failure OUT may hold a part. */
int mustache_render(const char *name, const char *text, const struct mustache_value *data,
		    const struct mustache_options *options, struct str *out,
		    struct err *err) MUST_CHECK;

/*
 * Checks the syntax, and calls VISIT (may be NULL) for every tag with its kind ('v' variable,
 * '&' unquoted variable, '#', '^', '>') and name; VISIT's failure ends the walk. The line is from
 * 1.
 */
int mustache_check(const char *name, const char *text,
		   int (*visit)(void *context, char kind, const char *tag, unsigned int line,
				struct err *err),
		   void *context, struct err *err) MUST_CHECK;

#endif
