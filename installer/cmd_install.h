/* SPDX-License-Identifier: Apache-2.0 */
/* What cmd_install.c and cmd_plan.c share: an installation, and one that only says what it would do. */
#ifndef PGHA_CMD_INSTALL_H
#define PGHA_CMD_INSTALL_H

#include <stdbool.h>

#include "cli.h"

struct install_options {
	const char *node;
	struct cli_list bundle;
	struct cli_list base;
	const char *ca;
	const char *ca_sha256;
	const char *passphrase_file;
	const char *passphrase_fd;
	const char *root;
	const char *accept_key;
	const char *accept_change;
	const char *plan;
	struct cli_list take_ours;
	struct cli_list keep_theirs;
	struct cli_list ignore_preflight;
	bool accept_irreversible;
	bool keep_failed;
	bool dry_run;
	bool wait;
	bool unguarded;
	bool json;
};

int cmd_install_run(const struct install_options *o, struct err *err) MUST_CHECK;

/* Rows of options that both commands have. */
#define INSTALL_OPTION(member, kind, text, arg, what, must)                            \
	{                                                                              \
		.name = (text), .type = (kind), .value = (arg), .help = (what),        \
		.required = (must), .offset = offsetof(struct install_options, member) \
	}

#define INSTALL_OPTIONS_SHARED                                                                    \
	INSTALL_OPTION(node, CLI_VALUE, "node", "NAME",                                           \
		       "the node of the topology that this machine is", true),                    \
		INSTALL_OPTION(                                                                   \
			bundle, CLI_LIST, "bundle", "FILE|DIR",                                   \
			"the tarball; of a bundle in volumes several, or their directories "      \
			"(default: the newest beside this program or in the current directory)",  \
			false),                                                                   \
		INSTALL_OPTION(                                                                   \
			base, CLI_LIST, "base", "FILE|DIR",                                       \
			"the bundle that a delta was made from (default: what this machine "      \
			"has kept)",                                                              \
			false),                                                                   \
		INSTALL_OPTION(ca, CLI_VALUE, "ca", "FILE",                                       \
			       "the cluster's CA, PEM (default: the one of this machine's first " \
			       "installation)",                                                   \
			       false),                                                            \
		INSTALL_OPTION(ca_sha256, CLI_VALUE, "ca-sha256", "FPR",                          \
			       "its SHA-256 fingerprint: without --ca the ca.crt beside the "     \
			       "bundle must have it",                                             \
			       false),                                                            \
		INSTALL_OPTION(passphrase_file, CLI_VALUE, "passphrase-file", "FILE",             \
			       "the node's passphrase (default: ask on the terminal)", false),    \
		INSTALL_OPTION(passphrase_fd, CLI_VALUE, "passphrase-fd", "N",                    \
			       "the same from an open descriptor", false),                        \
		INSTALL_OPTION(root, CLI_VALUE, "root", "DIR", "install into another root",       \
			       false),                                                            \
		INSTALL_OPTION(accept_key, CLI_VALUE, "accept-key", "FPR[,FPR]",                  \
			       "trust a vendor key that is new on this machine", false),          \
		INSTALL_OPTION(accept_change, CLI_VALUE, "accept-change", "NAME[,NAME]",          \
			       "passwords whose change in the running cluster is made by hand",   \
			       false),                                                            \
		INSTALL_OPTION(take_ours, CLI_LIST, "take-ours", "PATH",                          \
			       "write this file though it was changed by hand here; or \"all\"",  \
			       false),                                                            \
		INSTALL_OPTION(keep_theirs, CLI_LIST, "keep-theirs", "PATH",                      \
			       "leave this file as it was changed by hand, without the bundle's " \
			       "beside it as PATH.pgha-new; or \"all\"",                          \
			       false),                                                            \
		INSTALL_OPTION(ignore_preflight, CLI_LIST, "ignore-preflight", "NAME",            \
			       "go on although this check of the machine finds a problem "        \
			       "(docs/preflight.md)",                                             \
			       false),                                                            \
		INSTALL_OPTION(json, CLI_FLAG, "json", NULL, "results as JSON", false)

#endif
