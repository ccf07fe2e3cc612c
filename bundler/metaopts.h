/* SPDX-License-Identifier: Apache-2.0 */
/* The options that all commands which read repositories share. */
#ifndef PGHA_METAOPTS_H
#define PGHA_METAOPTS_H

#include <stdbool.h>

#include "cli.h"
#include "err.h"
#include "metadata.h"
#include "str.h"

/* A member of a command's options structure; METAOPTS() fills it. */
struct metaopts {
	bool refresh;
	const char *accept_older;
};

/* clang-format off */
/* The rows of a table of cli_option for MEMBER, a struct metaopts in struct TYPE. */
#define METAOPTS(type, member)                                                             \
	{ "refresh", 0, CLI_FLAG, NULL, "ask every repository, whatever metadata_expire says", \
	  false, offsetof(type, member.refresh) },                                         \
	{ "accept-older", 0, CLI_VALUE, "REPO[,REPO]",                                     \
	  "take metadata that is older than what was seen of these", false,                \
	  offsetof(type, member.accept_older) }
/* clang-format on */

/* Sets RET's refresh and accept_older; IDS, which holds what the latter points to, is released by the
 * caller after RET's use. */
int metaopts_parse(const struct metaopts *options, struct strv *ids, struct metadata_options *ret,
		   struct err *err) MUST_CHECK;

#endif
