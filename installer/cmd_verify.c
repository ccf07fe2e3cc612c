/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "install.h"
#include "trust.h"
#include "verify.h"

struct verify_options {
	struct cli_list bundle;
	struct cli_list base;
	const char *ca;
	const char *ca_sha256;
};

/* One line for what was looked at, and one for what was not. */
static void print_parts(const struct verify *v)
{
	const struct index *index = &v->set.index;
	bool all = true;

	for (size_t i = 0; i < v->set.count; i++) {
		if (v->set.items[i].fd >= 0 && index->volumes.count)
			printf("%s: intact, volume %zu of %zu\n", v->set.items[i].name, i + 1,
			       v->set.count);
		else if (v->set.items[i].fd >= 0)
			printf("%s: intact\n", v->set.items[i].name);
		else
			all = false;
	}
	for (size_t i = 0; !all && i < v->set.count; i++)
		if (v->set.items[i].fd < 0)
			printf("volume %zu of %zu: not given\n", i + 1, v->set.count);
	if (index->base_sequence)
		printf("delta      on top of sequence %" PRIu64 "%s\n", index->base_sequence,
		       v->base.count ? ", which has the rest" : ", whose part was not looked at");
}

static void print_index(const struct verify *v)
{
	const struct index *index = &v->set.index;
	char created[CLOCK_TEXT_SIZE];
	char expires[CLOCK_TEXT_SIZE];

	clock_format(index->created, created);
	clock_format(index->expires, expires);
	printf("cluster    %s\n", index->cluster);
	printf("sequence   %" PRIu64 "\n", index->sequence);
	printf("created    %s\n", created);
	printf("expires    %s\n", expires);
	printf("platform   %s %s\n", index->platform.id, index->platform.arch);
	printf("members    %zu, %" PRIu64 " bytes\n", index->member_count,
	       index_total_bytes(index));
	printf("payload    %s\n", index->payload_sha256);
	printf("installer  %s\n", index->installer_sha256);
	printf("signer     %s\n", v->signer.subject);
	printf("           %s\n", v->signer.fingerprint);
}

static int run_verify(const void *options, int argc, char **argv, struct err *err)
{
	const struct verify_options *o = options;
	CLEANUP(trust_release) struct trust trust = TRUST_INIT;
	CLEANUP(verify_release) struct verify v = VERIFY_INIT;
	CLEANUP(strv_release) struct strv files = STRV_INIT;
	CLEANUP(strv_release) struct strv base = STRV_INIT;
	const struct trust_source from = { .ca = o->ca,
					   .sha256 = o->ca_sha256,
					   .known = INSTALL_STATE_DIR "/" INSTALL_CA_NAME,
					   .place = TRUST_PLACE,
					   .beside = &files };
	int r = 0;

	(void)argc;
	(void)argv;
	if ((r = archives_find_or_newest(o->bundle.items, &files, err)) ||
	    (r = archives_find(o->base.items, &base, err)) ||
	    (r = trust_find(&from, &trust, err)) ||
	    (r = verify_open(&v, &files, trust.path, err)) ||
	    (r = verify_open_base(&v, &base, NULL, err)) || (r = verify_members(&v, -1, NULL, err)))
		return r;
	print_parts(&v);
	print_index(&v);
	return 0;
}

static const struct cli_option options[] = {
	{ .name = "bundle",
	  .type = CLI_LIST,
	  .value = "FILE|DIR",
	  .help = "the bundle's tarball; or volumes, all or some, or their directories (default: "
		  "the "
		  "newest beside this program or in the current directory)",
	  .offset = offsetof(struct verify_options, bundle) },
	{ .name = "base",
	  .type = CLI_LIST,
	  .value = "FILE|DIR",
	  .help = "the bundle that a delta was made from",
	  .offset = offsetof(struct verify_options, base) },
	{ .name = "ca",
	  .type = CLI_VALUE,
	  .value = "FILE",
	  .help = "the cluster's CA, PEM (default: the one that this machine knows)",
	  .offset = offsetof(struct verify_options, ca) },
	{ .name = "ca-sha256",
	  .type = CLI_VALUE,
	  .value = "FPR",
	  .help = "its SHA-256 fingerprint: without --ca the ca.crt beside the bundle must have it",
	  .offset = offsetof(struct verify_options, ca_sha256) },
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
