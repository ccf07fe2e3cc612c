/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle keys show and check: what there is, and what needs attention. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "json.h"
#include "keys.h"

#define WITHIN_DAYS 60

struct options {
	const char *keys;
	const char *within;
	bool json;
};

static const struct cli_option keys_show_options[] = {
	{ "keys", 0, CLI_VALUE, "DIR", "the keys directory", true, offsetof(struct options, keys) },
	{ "json", 0, CLI_FLAG, NULL, "for machines", false, offsetof(struct options, json) },
	CLI_OPTION_END,
};

static const struct cli_option keys_check_options[] = {
	{ "keys", 0, CLI_VALUE, "DIR", "the keys directory", true, offsetof(struct options, keys) },
	{ "within", 0, CLI_VALUE, "DAYS", "what expires within DAYS counts too (default: 60)",
	  false, offsetof(struct options, within) },
	{ "json", 0, CLI_FLAG, NULL, "for machines", false, offsetof(struct options, json) },
	CLI_OPTION_END,
};

static long days_left(const struct keys_item *item)
{
	return (long)((item->facts.not_after - clock_now()) / KEYS_DAY_S);
}

/* What is to be done about ITEM, or NULL. */
static const char *concern(const struct keys_item *item, time_t within_s, char *buf, size_t size)
{
	if (item->problem)
		return item->problem;
	if (item->facts.not_after - clock_now() > within_s)
		return NULL;
	snprintf(buf, size, "expires in %ld days", days_left(item));
	return buf;
}

static void add_json(struct json *j, const struct keys_item *item, const char *problem)
{
	CLEANUP(str_release) struct str usage = STR_INIT;
	char from[CLOCK_TEXT_SIZE];
	char to[CLOCK_TEXT_SIZE];

	json_open(j, NULL, '{');
	json_string(j, "name", item->name);
	if (item->loaded) {
		x509_usage_text(item->facts.usage, &usage);
		clock_format(item->facts.not_before, from);
		clock_format(item->facts.not_after, to);
		json_string(j, "subject", item->facts.subject);
		json_strings(j, "sans", &item->facts.sans);
		json_string(j, "usages", usage.buf);
		json_string(j, "serial", item->facts.serial);
		json_string(j, "not_before", from);
		json_string(j, "not_after", to);
		json_string(j, "sha256", item->facts.fingerprint);
	}
	json_bool(j, "requested", item->waits);
	json_string(j, "problem", problem);
	json_close(j, '}');
}

static int print_json(const struct keys *keys, const struct keys_list *list, time_t within_s,
		      struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *text = NULL;
	int r = 0;

	json_open(&j, NULL, '{');
	json_open(&j, "certificates", '[');
	for (size_t i = 0; i < list->count; i++) {
		char buf[64];

		add_json(&j, &list->items[i], concern(&list->items[i], within_s, buf, sizeof(buf)));
	}
	json_close(&j, ']');
	json_number(&j, "revoked", keys->crl ? (uint64_t)x509_crl_count(keys->crl) : 0);
	json_close(&j, '}');
	r = json_done(&j, &text, err);
	if (r == 0)
		cli_print(text);
	return r;
}

static size_t widest(const struct keys_list *list)
{
	size_t width = 0;

	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->items[i].name) > width)
			width = strlen(list->items[i].name);
	return width;
}

/* Any other directory opens as well as one whose CA and signer are still to come. */
static int need_something(const struct keys *keys, const struct keys_list *list, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].loaded || list->items[i].waits)
			return 0;
	return err_set(err, ERR_USAGE,
		       "'%s' is no keys directory: neither a certificate nor a request is in it; "
		       "'pgha-bundle keys init --out DIR' makes one",
		       keys->dir);
}

static int load(const struct options *o, struct keys *keys, struct keys_list *list, struct err *err)
{
	int r = keys_open_any(o->keys, keys, err);

	if (r == 0)
		r = keys_list_load(keys, list, err);
	return r < 0 ? r : need_something(keys, list, err);
}

/* -- show ------------------------------------------------------------------------------------- */

static void show_item(const struct keys_item *item, int width)
{
	CLEANUP(str_release) struct str usage = STR_INIT;
	char until[CLOCK_TEXT_SIZE];

	printf("%-*s  ", width, item->name);
	if (item->loaded) {
		x509_usage_text(item->facts.usage, &usage);
		clock_format(item->facts.not_after, until);
		printf("until %.10s  %s\n", until, item->facts.subject);
		printf("%*s  serial %s  %s\n", width, "", item->facts.serial,
		       usage.buf ? usage.buf : "");
		if (item->facts.sans.count)
			printf("%*s ", width, "");
		for (size_t i = 0; i < item->facts.sans.count; i++)
			printf(" %s", item->facts.sans.items[i]);
		if (item->facts.sans.count)
			printf("\n");
	} else {
		printf("\n");
	}
	if (item->waits)
		printf("%*s  requested: 'keys import' takes the answer\n", width, "");
	if (item->problem)
		printf("%*s  problem: %s\n", width, "", item->problem);
}

static int show_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	int r = load(o, &keys, &list, err);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	if (o->json)
		return print_json(&keys, &list, 0, err);
	for (size_t i = 0; i < list.count; i++)
		show_item(&list.items[i], (int)widest(&list));
	if (keys.crl)
		printf("%d revoked\n", x509_crl_count(keys.crl));
	return 0;
}

const struct cli_command bundle_cmd_keys_show = {
	.name = "keys show",
	.args = "",
	.summary = "list the certificates of a keys directory",
	.options = keys_show_options,
	.run = show_run,
	.options_size = sizeof(struct options),
};

/* -- check ------------------------------------------------------------------------------------ */

static int check_crl(const struct keys *keys, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	struct err problem = ERR_INIT;

	if (keys_crl_pem(keys, &pem, &problem) == 0)
		return 0;
	printf("%s\n", problem.msg);
	return err_set(err, ERR_FAILED, "%s", problem.msg);
}

static int check_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	uint64_t days = WITHIN_DAYS;
	size_t bad = 0;
	int r = o->within ? str_u64(&days, o->within, 0, 36500, err) : 0;

	(void)argc;
	(void)argv;
	if (r < 0) {
		err->code = ERR_USAGE;
		return err_prefix(err, "option '--within'");
	}
	r = load(o, &keys, &list, err);
	if (r == 0 && o->json)
		r = print_json(&keys, &list, (time_t)days * KEYS_DAY_S, err);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		char buf[64];
		const char *why =
			concern(&list.items[i], (time_t)days * KEYS_DAY_S, buf, sizeof(buf));

		bad += why != NULL;
		if (!o->json && why)
			printf("%s: %s\n", list.items[i].name, why);
		else if (!o->json)
			printf("%s: good for %ld days\n", list.items[i].name,
			       days_left(&list.items[i]));
	}
	if (r == 0)
		r = check_crl(&keys, err);
	if (r == 0 && bad)
		r = err_set(err, ERR_FAILED,
			    "%zu of %zu certificates need attention: 'keys renew', or 'keys "
			    "request' where the CA is another's",
			    bad, list.count);
	return r;
}

const struct cli_command bundle_cmd_keys_check = {
	.name = "keys check",
	.args = "",
	.summary = "what expires when, and whether keys, chains and modes are right",
	.options = keys_check_options,
	.run = check_run,
	.options_size = sizeof(struct options),
};
