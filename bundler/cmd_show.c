/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle show: what is inside a bundle, by service. */
#include "cleanup.h"
#include "commands.h"
#include "progress.h"
#include "show.h"

struct options {
	const char *ca;
	struct cli_list base;
	bool json;
};

static const struct cli_option show_options[] = {
	{ "ca", 0, CLI_VALUE, "FILE", "check the signature against this CA", false,
	  offsetof(struct options, ca) },
	{ "base", 0, CLI_LIST, "FILE|DIR", "of a delta: the bundle that it was made from", false,
	  offsetof(struct options, base) },
	{ "json", 0, CLI_FLAG, NULL, "for machines", false, offsetof(struct options, json) },
	CLI_OPTION_END,
};

static int cmd_show(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(show_release) struct show show = SHOW_INIT;
	struct err missing = ERR_INIT;
	int r = show_open(argv[0], o->ca, o->base.items, &show, err);

	(void)argc;
	if (r < 0)
		return r;
	r = o->json ? show_json(&show, err) : show_text(&show, err);
	if (r == 0 && contents_need_all(&show.contents, &missing) < 0)
		warning("this is not all: %s", missing.msg);
	return r;
}

const struct cli_command bundle_cmd_show = {
	.name = "show",
	.args = "BUNDLE.tar|DIR",
	.min_args = 1,
	.max_args = 1,
	.summary = "what is inside a bundle, by service; 'pgha-install verify' checks each byte",
	.options = show_options,
	.run = cmd_show,
	.options_size = sizeof(struct options),
};
