/* SPDX-License-Identifier: Apache-2.0 */
/* The options of .repo files; for repofile.c alone. */
#ifndef PGHA_REPOFILE_OPTIONS_H
#define PGHA_REPOFILE_OPTIONS_H

#include <stdbool.h>

#include "err.h"
#include "repofile.h"
#include "str.h"

struct repofile_option;

/* An option as it stands in a file; all borrowed. */
struct repofile_line {
	const char *path;
	unsigned int number;
	const char *key;
	const char *value; /* variables not replaced yet; may be a secret */
};

/* A repository whose section is being read. */
struct repofile_section {
	struct repofile_repo *repo;       /* borrowed */
	const struct repofile_vars *vars; /* borrowed */
	struct strv notes;                /* warnings, for the case that it is enabled */
	struct err refused;               /* the first refusal, for the same case */
	double bandwidth, throttle;       /* as they stand there */
};

/* The option of a repository, or of [main] alone; NULL: there is none of that name. */
const struct repofile_option *repofile_option_find(const char *key, bool main);
/* Whether [main] may say it for all repositories, and whether a repository's own adds to that. */
bool repofile_option_inherits(const struct repofile_option *option);
bool repofile_option_adds(const struct repofile_option *option);

/* ERR_CONFIG with "file:line" and never with the value. */
int repofile_option_apply(const struct repofile_option *option, const struct repofile_line *line,
			  struct repofile_section *section, struct err *err) MUST_CHECK;
/* For an option that repofile_option_find() did not find in a section of that kind. */
int repofile_option_unknown(const struct repofile_line *line, bool main, struct err *err);
/* What only the whole section can tell, and what follows from several options. */
int repofile_section_check(struct repofile_section *section, struct err *err) MUST_CHECK;
void repofile_section_release(struct repofile_section *section);

/* Frees *SECRET, overwritten. */
void repofile_secret_freep(char **secret);

#endif
