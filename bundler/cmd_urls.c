/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle urls: one artifact URL a line, for other download tools. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "commands.h"
#include "lock.h"

struct options {
	const char *lock;
};

static const struct cli_option urls_options[] = {
	{ "lock", 0, CLI_VALUE, "FILE", "what 'resolve' wrote", true,
	  offsetof(struct options, lock) },
	CLI_OPTION_END,
};

static int cmd_urls(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(lock_release) struct lock lock = LOCK_INIT;
	const struct lock_rpm *rpms = NULL;
	const struct lock_wheel *wheels = NULL;
	int r = lock_load(o->lock, &lock, err);

	(void)argc;
	(void)argv;
	rpms = lock.rpms.items;
	for (size_t i = 0; r == 0 && i < lock.rpms.count; i++) {
		cleanup_free char *url = NULL;

		r = lock_rpm_url(&lock, &rpms[i], &url, err);
		if (r == 0)
			puts(url);
	}
	wheels = lock.wheels.items;
	for (size_t i = 0; r == 0 && i < lock.wheels.count; i++)
		puts(wheels[i].url ? wheels[i].url : wheels[i].sdist.url);
	return r;
}

const struct cli_command bundle_cmd_urls = {
	.name = "urls",
	.args = "",
	.summary = "print one artifact URL a line",
	.options = urls_options,
	.run = cmd_urls,
	.options_size = sizeof(struct options),
};
