/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "verify.h"

struct verify_options {
	const char *bundle;
	const char *ca;
};

static int run_verify(const void *options, int argc, char **argv, struct err *err)
{
	const struct verify_options *o = options;
	CLEANUP(verify_release) struct verify v = VERIFY_INIT;
	char created[CLOCK_TEXT_SIZE];
	char expires[CLOCK_TEXT_SIZE];
	int r = 0;

	(void)argc;
	(void)argv;
	if ((r = verify_open(&v, o->bundle, o->ca, err)) || (r = verify_members(&v, -1, NULL, err)))
		return r;
	clock_format(v.index.created, created);
	clock_format(v.index.expires, expires);
	printf("%s: intact\n", v.name);
	printf("cluster    %s\n", v.index.cluster);
	printf("sequence   %" PRIu64 "\n", v.index.sequence);
	printf("created    %s\n", created);
	printf("expires    %s\n", expires);
	printf("platform   %s %s\n", v.index.platform.id, v.index.platform.arch);
	printf("members    %zu, %" PRIu64 " bytes\n", v.index.member_count,
	       index_total_bytes(&v.index));
	printf("payload    %s\n", v.index.payload_sha256);
	printf("installer  %s\n", v.index.installer_sha256);
	printf("signer     %s\n", v.signer.subject);
	printf("           %s\n", v.signer.fingerprint);
	return 0;
}

static const struct cli_option options[] = {
	{ .name = "bundle",
	  .type = CLI_VALUE,
	  .value = "FILE",
	  .help = "the bundle's tarball",
	  .required = true,
	  .offset = offsetof(struct verify_options, bundle) },
	{ .name = "ca",
	  .type = CLI_VALUE,
	  .value = "FILE",
	  .help = "the cluster's CA, PEM",
	  .required = true,
	  .offset = offsetof(struct verify_options, ca) },
	CLI_OPTION_END,
};

const struct cli_command install_verify_command = {
	.name = "verify",
	.args = "",
	.summary = "check signature, index and every member of a bundle; stores nothing",
	.options = options,
	.run = run_verify,
	.options_size = sizeof(struct verify_options),
};
