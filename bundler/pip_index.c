/* SPDX-License-Identifier: Apache-2.0 */
#include "pip_index.h"

#include <string.h>

#include "cleanup.h"
#include "digest.h"
#include "yaml.h"

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

/*
 * No command of pip shows an index's digests, so its own parts are asked: they have been the same
 * from pip 22 to 25. The address is compared without credentials, as in pip's report.
 */
static const char *const ask_index =
	"import json, re, sys\n"
	"from pip._internal.cli.cmdoptions import make_target_python\n"
	"from pip._internal.commands import create_command\n"
	"names = sys.argv.index('--names')\n"
	"wanted = dict(zip(sys.argv[names + 2::2], sys.argv[names + 1::2]))\n"
	"command = create_command('download')\n"
	"options, _ = command.parse_args(sys.argv[1:names])\n"
	"with command._build_session(options) as session:\n"
	"    finder = command._build_package_finder(\n"
	"        options=options, session=session, target_python=make_target_python(options))\n"
	"    for name in sorted(set(wanted.values())):\n"
	"        for candidate in finder.find_all_candidates(name):\n"
	"            link = candidate.link\n"
	"            url = re.sub('//[^/@]*@', '//', link.url_without_fragment, count=1)\n"
	"            if wanted.get(url) != name:\n"
	"                continue\n"
	"            digests = getattr(link, '_hashes', None) or {link.hash_name: link.hash}\n"
	"            print('- ' + json.dumps({\n"
	"                'url': url, 'sha256': (digests.get('sha256') or '').lower(),\n"
	"                'yanked': 'true' if link.is_yanked else 'false'}))\n"
	"print('- {url: end}')\n";

/* The file with this digest as the index has it, or else as the address says. */
static const char *const download =
	"import sys\n"
	"from pip._internal.commands import create_command\n"
	"name, url, sha256, path = sys.argv[1:]\n"
	"limit = 1 << 29\n"
	"command = create_command('download')\n"
	"options, _ = command.parse_args([])\n"
	"with command._build_session(options) as session, open(path, 'wb') as file:\n"
	"    finder = command._build_package_finder(options=options, session=session)\n"
	"    for candidate in finder.find_all_candidates(name):\n"
	"        link = candidate.link\n"
	"        digests = getattr(link, '_hashes', None) or {link.hash_name: link.hash}\n"
	"        if (digests.get('sha256') or '').lower() == sha256:\n"
	"            url = link.url_without_fragment\n"
	"            break\n"
	"    with session.get(url, stream=True, headers={'Accept-Encoding': 'identity'}) as "
	"answer:\n"
	"        answer.raise_for_status()\n"
	"        for part in answer.iter_content(1 << 16):\n"
	"            limit -= len(part)\n"
	"            if limit < 0:\n"
	"                sys.exit('it is larger than 512 MiB')\n"
	"            file.write(part)\n";

static bool is_remote(const struct pip_item *item)
{
	return str_starts(item->url, "http://") || str_starts(item->url, "https://");
}

static const char *text_of(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *value = yaml_get(node, key);

	return value && value->type == YAML_SCALAR ? value->text : "";
}

/* The index may list one file twice: what it says must hold each time. */
static int check_item(const struct pip_item *item, const struct yaml_node *list, struct err *err)
{
	bool found = false;

	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *said = list->items[i];
		const char *sha256 = text_of(said, "sha256");

		if (strcmp(text_of(said, "url"), item->url) != 0)
			continue;
		found = true;
		if (!strcmp(text_of(said, "yanked"), "true"))
			return err_set(err, ERR_VERIFY,
				       "'%s' %s was yanked from the index: ask for another version "
				       "under 'wheels: requirements'",
				       item->name, item->version);
		if (!*sha256)
			return err_set(err, ERR_VERIFY, "the index gives no SHA-256 for '%s' %s",
				       item->name, item->version);
		if (strcmp(sha256, item->sha256) != 0)
			return err_set(err, ERR_VERIFY,
				       "'%s' %s has SHA-256 %s, and the index says %s", item->name,
				       item->version, item->sha256, sha256);
	}
	if (!found)
		return err_set(err, ERR_VERIFY, "the index does not list '%.200s' of '%s' %s",
			       item->url, item->name, item->version);
	return 0;
}

int pip_index_check(const struct pip *pip, const struct pip_report *report,
		    const struct strv *target, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	cleanup_free char *text = NULL;
	size_t remote = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < target->count; i++)
		r = strv_add(&args, target->items[i], err);
	if (r == 0)
		r = strv_add(&args, "--names", err);
	for (size_t i = 0; r == 0 && i < report->count; i++) {
		if (!is_remote(&report->items[i]))
			continue;
		remote++;
		r = strv_add(&args, report->items[i].name, err);
		if (r == 0)
			r = strv_add(&args, report->items[i].url, err);
	}
	if (r < 0 || remote == 0)
		return r;
	if (pip_python(pip, ask_index, &args, &text, err) < 0)
		return err_prefix(err, "cannot ask the index for its digests");
	r = yaml_parse("the index's answer", text, strlen(text), ERR_VERIFY, &doc, err);
	for (size_t i = 0; r == 0 && i < report->count; i++)
		if (is_remote(&report->items[i]))
			r = check_item(&report->items[i], yaml_root(doc), err);
	return r;
}

int pip_index_download(const struct pip *pip, const char *name, const char *url, const char *sha256,
		       const char *path, struct err *err)
{
	CLEANUP(strv_release) struct strv args = STRV_INIT;
	char hex[SHA256_HEX_SIZE];
	int r = strv_add(&args, name, err);

	if (r == 0)
		r = strv_add(&args, url, err);
	if (r == 0)
		r = strv_add(&args, sha256, err);
	if (r == 0)
		r = strv_add(&args, path, err);
	if (r == 0)
		r = pip_python(pip, download, &args, NULL, err);
	if (r < 0 && err->code == ERR_FAILED)
		err->code = ERR_NETWORK;
	if (r < 0)
		return err_prefix(err, "cannot download '%.200s'", url);
	r = sha256_file(path, hex, NULL, err);
	if (r == 0 && strcmp(hex, sha256) != 0)
		r = err_set(err, ERR_VERIFY, "'%.200s' has SHA-256 %s, and %s is expected", url,
			    hex, sha256);
	return r;
}
