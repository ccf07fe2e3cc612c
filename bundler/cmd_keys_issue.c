/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle keys issue, renew and revoke: what needs the CA's key. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "file.h"
#include "keys.h"
#include "progress.h"

#define NAMES_MAX 1000

struct options {
	const char *keys;
	const char *client;
	const char *passphrase_file, *passphrase_fd;
};

#define OPTION_KEYS                                                      \
	{                                                                \
		"keys", 0, CLI_VALUE, "DIR", "the keys directory", true, \
			offsetof(struct options, keys)                   \
	}
#define OPTIONS_PASSPHRASE                                                                     \
	{ "passphrase-file",                                                                   \
	  0,                                                                                   \
	  CLI_VALUE,                                                                           \
	  "FILE",                                                                              \
	  "the CA key's passphrase (default: asked for, when there is one)",                   \
	  false,                                                                               \
	  offsetof(struct options, passphrase_file) },                                         \
	{                                                                                      \
		"passphrase-fd", 0, CLI_VALUE, "N", "the same from an open descriptor", false, \
			offsetof(struct options, passphrase_fd)                                \
	}

static const struct cli_option keys_issue_options[] = {
	OPTION_KEYS,
	{ "client", 0, CLI_VALUE, "NAME", "the application that connects", true,
	  offsetof(struct options, client) },
	OPTIONS_PASSPHRASE,
	CLI_OPTION_END,
};

static const struct cli_option keys_change_options[] = {
	OPTION_KEYS,
	OPTIONS_PASSPHRASE,
	CLI_OPTION_END,
};

static int open_keys(const struct options *o, struct keys *keys, struct err *err)
{
	const struct passphrase_source passphrase = { .file = o->passphrase_file,
						      .fd = o->passphrase_fd };
	int r = 0;

	if ((r = passphrase_check(&passphrase, "the CA's key", err)) ||
	    (r = keys_open_any(o->keys, keys, err)))
		return r;
	keys->ca_passphrase = passphrase;
	return 0;
}

/* -- issue ------------------------------------------------------------------------------------ */

static int issue_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	int r = open_keys(o, &keys, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = keys_issue_client(&keys, o->client, err);
	if (r < 0)
		return r;
	printf("%s/clients/%s.crt\n%s/clients/%s.key\n", keys.dir, o->client, keys.dir, o->client);
	notice("the application also needs '%s/ca.crt', to know the servers", keys.dir);
	return 0;
}

const struct cli_command bundle_cmd_keys_issue = {
	.name = "keys issue",
	.args = "",
	.summary = "make an application's certificate and key",
	.options = keys_issue_options,
	.run = issue_run,
	.options_size = sizeof(struct options),
};

/* -- renew ------------------------------------------------------------------------------------ */

static int need_item(const struct keys_list *list, const struct keys *keys, const char *name,
		     struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (keys_item_is(&list->items[i], name))
			return 0;
	return err_set(err, ERR_USAGE, "'%s' holds no certificate '%s': 'keys show' lists them",
		       keys->dir, name);
}

static int renew_one(struct keys *keys, const char *name, struct err *err)
{
	int r = keys_renew(keys, name, err);

	if (r == 0)
		printf("%s\n", name);
	return r;
}

static int renew_run(const void *options, int argc, char **argv, struct err *err)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	size_t renewed = 0;
	int r = open_keys(options, &keys, err);

	if (r == 0)
		r = keys_list_load(&keys, &list, err);
	for (int i = 0; r == 0 && i < argc; i++)
		r = need_item(&list, &keys, argv[i], err);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		bool wanted = argc == 0 && keys_is_due(&keys, &list.items[i]);

		for (int j = 0; j < argc; j++)
			wanted = wanted || keys_item_is(&list.items[i], argv[j]);
		if (wanted)
			r = renew_one(&keys, list.items[i].name, err);
		renewed += wanted;
	}
	if (r == 0 && !renewed)
		notice("nothing is due: a certificate that is named is renewed all the same");
	return r;
}

const struct cli_command bundle_cmd_keys_renew = {
	.name = "keys renew",
	.args = "[NAME...]",
	.max_args = NAMES_MAX,
	.summary = "make certificates anew: those named, or those whose life is nearly over",
	.options = keys_change_options,
	.run = renew_run,
	.options_size = sizeof(struct options),
};

/* -- revoke ----------------------------------------------------------------------------------- */

static int revoke_one(struct keys *keys, const struct keys_list *list, const char *name,
		      struct err *err)
{
	CLEANUP(str_release) struct str serial = STR_INIT;
	bool found = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const struct keys_item *item = &list->items[i];

		if (!item->loaded || !keys_item_is(item, name))
			continue;
		if (!strcmp(item->name, "ca"))
			return err_set(err, ERR_USAGE,
				       "a CA cannot revoke itself: make new keys with 'keys init'");
		found = true;
		r = keys_revoke(keys, item->facts.serial, err);
		if (r == 0)
			printf("%s %s\n", item->facts.serial, item->name);
	}
	if (r < 0 || found)
		return r;
	r = keys_known_serial(keys, name, &serial, err);
	if (r == 0)
		r = keys_revoke(keys, serial.buf, err);
	if (r == 0)
		printf("%s\n", serial.buf);
	return r;
}

static int revoke_run(const void *options, int argc, char **argv, struct err *err)
{
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	int r = open_keys(options, &keys, err);

	if (r == 0)
		r = keys_list_load(&keys, &list, err);
	for (int i = 0; r == 0 && i < argc; i++)
		r = revoke_one(&keys, &list, argv[i], err);
	if (r == 0)
		notice("the next bundle carries the list, and new certificates for the nodes' "
		       "revoked ones; bundles are checked against it, but no service reads it: "
		       "TLS accepts what was revoked until it expires");
	return r;
}

const struct cli_command bundle_cmd_keys_revoke = {
	.name = "keys revoke",
	.args = "NAME|SERIAL...",
	.min_args = 1,
	.max_args = NAMES_MAX,
	.summary = "put certificates on the CA's revocation list",
	.options = keys_change_options,
	.run = revoke_run,
	.options_size = sizeof(struct options),
};
