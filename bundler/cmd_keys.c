/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle keys init: a cluster's CA and its bundle signer. */
#include <stdio.h>

#include "commands.h"
#include "file.h"
#include "keys.h"
#include "progress.h"

struct options {
	const char *out;
	const char *cluster;
};

static const struct cli_option keys_init_options[] = {
	{ "out", 0, CLI_VALUE, "DIR", "the keys directory to make", true,
	  offsetof(struct options, out) },
	{ "cluster", 0, CLI_VALUE, "NAME", "the cluster's name in the certificates (default: pgha)",
	  false, offsetof(struct options, cluster) },
	CLI_OPTION_END,
};

static int keys_init_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(X509_freep) X509 *ca = NULL;
	cleanup_free char *ca_path = NULL;
	char fingerprint[X509_FINGERPRINT_TEXT_SIZE];
	int r = keys_init(o->out, o->cluster ? o->cluster : "pgha", err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = path_join(o->out, "ca.crt", &ca_path, err);
	if (r == 0)
		r = x509_load(ca_path, ERR_FAILED, &ca, err);
	if (r == 0)
		r = x509_fingerprint_text(ca, fingerprint, err);
	if (r < 0)
		return r;
	printf("CA SHA-256 fingerprint: %s\n", fingerprint);
	notice("the new keys are in '%s': keep it private, and keep a copy of it offline", o->out);
	notice("carry '%s' to every node on a path of its own, and compare the fingerprint there: "
	       "openssl x509 -in ca.crt -noout -fingerprint -sha256",
	       ca_path);
	notice("next: pgha-bundle build -f BUNDLE.yaml --keys '%s' --passphrases FILE -o DIR",
	       o->out);
	return 0;
}

const struct cli_command bundle_cmd_keys_init = {
	.name = "keys init",
	.args = "",
	.summary = "make a cluster's CA and its bundle signer",
	.options = keys_init_options,
	.run = keys_init_run,
	.options_size = sizeof(struct options),
};
