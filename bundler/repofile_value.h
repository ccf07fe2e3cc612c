/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the '=' in .repo files; for repofile_options.c alone. */
#ifndef PGHA_REPOFILE_VALUE_H
#define PGHA_REPOFILE_VALUE_H

#include "repofile_options.h"

/* All of them: TEXT is the value with its variables replaced; ERR_CONFIG with "file:line" and the
 * option's name, never with the value. */

/* ERR_CONFIG: the option must be WHAT. */
int repofile_value_bad(const struct repofile_line *line, struct err *err, const char *what);
/* Numbers, times in seconds (s, m, h, d), sizes in bytes (k, M, G); a throttle may be a percentage. */
int repofile_value_bool(const struct repofile_line *line, const char *text, bool *ret,
			struct err *err) MUST_CHECK;
int repofile_value_int(const struct repofile_line *line, const char *text, int *ret,
		       struct err *err) MUST_CHECK;
int repofile_value_seconds(const struct repofile_line *line, const char *text, double *ret,
			   struct err *err) MUST_CHECK;
int repofile_value_bytes(const struct repofile_line *line, const char *text, double *ret,
			 struct err *err) MUST_CHECK;
int repofile_value_throttle(const struct repofile_line *line, const char *text, double *ret,
			    struct err *err) MUST_CHECK;
int repofile_value_ip(const struct repofile_line *line, const char *text, int *ret,
		      struct err *err) MUST_CHECK;
/* These append. */
int repofile_value_list(const char *text, struct strv *list, struct err *err) MUST_CHECK;
int repofile_value_urls(const struct repofile_line *line, const char *text, struct strv *list,
			struct err *err) MUST_CHECK;
int repofile_value_baseurl(struct repofile_section *s, const struct repofile_line *line,
			   const char *text, struct err *err) MUST_CHECK;
/* These replace *RET, which is owned. */
int repofile_value_listurl(struct repofile_section *s, const struct repofile_line *line,
			   const char *text, char **ret, struct err *err) MUST_CHECK;
int repofile_value_path(const struct repofile_line *line, const char *text, char **ret,
			struct err *err) MUST_CHECK;
int repofile_value_string(const struct repofile_line *line, const char *text, char **ret,
			  struct err *err) MUST_CHECK;
int repofile_value_proxy(const struct repofile_line *line, const char *text, char **ret,
			 struct err *err) MUST_CHECK;
int repofile_value_auth(const struct repofile_line *line, const char *text, char **ret,
			struct err *err) MUST_CHECK;
int repofile_value_secret(const char *text, char **ret, struct err *err) MUST_CHECK;

#endif
