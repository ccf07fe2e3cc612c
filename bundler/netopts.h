/* SPDX-License-Identifier: Apache-2.0 */
/* The options that all commands with downloads share. */
#ifndef PGHA_NETOPTS_H
#define PGHA_NETOPTS_H

#include <stdbool.h>

#include "cli.h"
#include "err.h"
#include "http.h"

/* A member of a command's options structure; NETOPTS() fills it. */
struct netopts {
	const char *parallel;
	const char *per_host;
	const char *limit_rate;
	bool offline;
};

/* The rows of a table of cli_option for MEMBER, a struct netopts in struct TYPE. */
#define NETOPTS(type, member)                                                                 \
	{ "parallel",                                                                         \
	  0,                                                                                  \
	  CLI_VALUE,                                                                          \
	  "N",                                                                                \
	  "downloads at the same time (default: 8)",                                          \
	  false,                                                                              \
	  offsetof(type, member.parallel) },                                                  \
		{ "per-host",                                                                 \
		  0,                                                                          \
		  CLI_VALUE,                                                                  \
		  "N",                                                                        \
		  "of these from one server (default: 6)",                                    \
		  false,                                                                      \
		  offsetof(type, member.per_host) },                                          \
		{ "limit-rate",                                                               \
		  0,                                                                          \
		  CLI_VALUE,                                                                  \
		  "RATE",                                                                     \
		  "bytes a second of all together; 500K, 2M and 1G are understood",           \
		  false,                                                                      \
		  offsetof(type, member.limit_rate) },                                        \
	{                                                                                     \
		"offline", 0, CLI_FLAG, NULL, "use no network: what is there must do", false, \
			offsetof(type, member.offline)                                        \
	}

/* ERR_USAGE for a number that is none, or out of range. */
int netopts_parse(const struct netopts *options, struct http_limits *ret,
		  struct err *err) MUST_CHECK;

#endif
