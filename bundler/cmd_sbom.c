/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle sbom: a bill of materials of a bundle, or of a lock. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "contents.h"
#include "file.h"
#include "sbom.h"
#include "tar.h"

struct options {
	const char *lock;
	struct cli_list base;
	const char *format;
	const char *output;
};

static const struct cli_option sbom_options[] = {
	{ "lock", 0, CLI_VALUE, "FILE", "describe a lock; licences of its wheels are not in it",
	  false, offsetof(struct options, lock) },
	{ "base", 0, CLI_LIST, "FILE|DIR", "of a delta: the bundle that it was made from", false,
	  offsetof(struct options, base) },
	{ "format", 0, CLI_VALUE, "NAME", "spdx (2.3, the default) or cyclonedx (1.5), JSON both",
	  false, offsetof(struct options, format) },
	{ "output", 'o', CLI_VALUE, "FILE", "write there instead of to the terminal", false,
	  offsetof(struct options, output) },
	CLI_OPTION_END,
};

/* A lock has no date of its own: SOURCE_DATE_EPOCH, or the tarballs' fixed time. */
static int lock_date(time_t *ret, struct err *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds = TAR_MTIME;

	if (text && str_u64(&seconds, text, 0, INT32_MAX, err) < 0)
		return err_prefix(err, "SOURCE_DATE_EPOCH");
	*ret = (time_t)seconds;
	return 0;
}

static int describe(const struct options *o, const char *bundle, struct contents *contents,
		    struct lock *lock, struct sbom *ret, struct err *err)
{
	time_t created = 0;
	int r = 0;

	if (o->lock) {
		r = lock_load(o->lock, lock, err);
		if (r == 0)
			r = lock_date(&created, err);
		return r < 0 ? r : sbom_make(lock, NULL, created, ret, err);
	}
	r = contents_open(bundle, o->base.items, contents, err);
	if (r == 0 && o->base.items[0])
		r = contents_check_bases(contents, err);
	if (r == 0)
		r = contents_need_all(contents, err);
	if (r < 0)
		return r;
	if (!contents->has_lock)
		return err_set(err, ERR_VERIFY, "'%s' carries no lock", bundle);
	return sbom_make(&contents->lock, contents, contents->set.index.created, ret, err);
}

static int cmd_sbom(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(contents_release) struct contents contents = CONTENTS_INIT;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	CLEANUP(sbom_release) struct sbom sbom = SBOM_INIT;
	cleanup_free char *text = NULL;
	bool cyclonedx = o->format && !strcmp(o->format, "cyclonedx");
	int r = 0;

	if (o->format && !cyclonedx && strcmp(o->format, "spdx") != 0)
		return err_set(err, ERR_USAGE, "--format is spdx or cyclonedx, not '%s'",
			       o->format);
	if ((argc == 1) == (o->lock != NULL))
		return err_set(err, ERR_USAGE, "name a bundle, or a lock with --lock FILE");
	if (o->lock && o->base.items[0])
		return err_set(err, ERR_USAGE, "a lock has no base: leave --base out");
	r = describe(o, argc ? argv[0] : NULL, &contents, &lock, &sbom, err);
	if (r == 0)
		r = cyclonedx ? sbom_cyclonedx(&sbom, &text, err) : sbom_spdx(&sbom, &text, err);
	if (r == 0 && o->output)
		r = file_write_atomic(o->output, 0644, text, strlen(text), err);
	else if (r == 0)
		cli_print(text);
	return r;
}

const struct cli_command bundle_cmd_sbom = {
	.name = "sbom",
	.args = "[BUNDLE.tar|DIR]",
	.max_args = 1,
	.summary = "a bill of materials with licence, origin and digest of every part",
	.options = sbom_options,
	.run = cmd_sbom,
	.options_size = sizeof(struct options),
};
