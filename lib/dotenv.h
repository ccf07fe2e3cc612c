/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .env files: NAME=value lines, '#' comments, optional "export ", values bare, in single quotes
 * (literal) or in double quotes (\" \\ \n \$). No expansion. A name that stands twice is an error.
 * Values are secrets until something says otherwise: they are cleansed when freed and never appear
 * in messages.
 */
#ifndef PGHA_DOTENV_H
#define PGHA_DOTENV_H

#include <stddef.h>

#include "err.h"
#include "str.h"

struct dotenv;

/* A file that others may read (mode & 077) is ERR_CONFIG: it holds passwords. */
int dotenv_load(const char *path, struct dotenv **ret, struct err *err) MUST_CHECK;
int dotenv_parse(const char *name, const char *text, struct dotenv **ret,
		 struct err *err) MUST_CHECK;
void dotenv_free(struct dotenv *env);
/* Borrowed, or NULL. */
const char *dotenv_get(const struct dotenv *env, const char *name);
/* Where NAME stands, from 1; 0 when it is not there. */
unsigned int dotenv_line(const struct dotenv *env, const char *name);
/* Iteration in the file's order; NULL at the end. */
const char *dotenv_name(const struct dotenv *env, size_t i);
/* Appends TEXT, which dotenv_parse() accepts, with VALUE for NAME: nothing else of it changes, but
 * that the last line ends as the others do. A NAME that is not there comes last. RET should be
 * secret. */
int dotenv_replace(const char *text, const char *name, const char *value, struct str *ret,
		   struct err *err) MUST_CHECK;
/* Appends VALUE as it stands behind NAME=, in quotes where it needs them. */
void dotenv_add_value(struct str *ret, const char *value);

#endif
