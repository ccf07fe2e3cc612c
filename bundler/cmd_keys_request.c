/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle keys request and import: for a CA that is somebody else's and elsewhere. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "certificates.h"
#include "commands.h"
#include "keys.h"
#include "progress.h"

#define NAMES_MAX 1000

struct options {
	const char *keys;
	const char *definition;
	const char *client;
	const char *cluster;
	const char *ca_cert;
	const char *crl;
	bool rsa;
};

/* -- request ---------------------------------------------------------------------------------- */

static const struct cli_option keys_request_options[] = {
	{ "keys", 0, CLI_VALUE, "DIR", "the keys directory; made when it is not there", true,
	  offsetof(struct options, keys) },
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml",
	  "the nodes' certificates, as far as they lack, do not fit, or end soon", false,
	  offsetof(struct options, definition) },
	{ "client", 0, CLI_VALUE, "NAME", "an application's certificate", false,
	  offsetof(struct options, client) },
	{ "cluster", 0, CLI_VALUE, "NAME",
	  "in a new directory, the cluster's name (default: the one of --file, or pgha)", false,
	  offsetof(struct options, cluster) },
	{ "rsa", 0, CLI_FLAG, NULL, "in a new directory, RSA keys of 3072 bits (default: EC P-256)",
	  false, offsetof(struct options, rsa) },
	CLI_OPTION_END,
};

struct requester {
	struct keys *keys;
	unsigned int count;
};

static int request_named(struct requester *q, const char *name, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = keys_request_named(q->keys, name, &path, err);

	if (r < 0)
		return r;
	printf("%s\n", path);
	q->count++;
	return 0;
}

static int request_node(void *arg, const char *node, const char *id,
			const struct x509_profile *profile, struct err *err)
{
	struct requester *q = arg;
	cleanup_free char *name = NULL;
	cleanup_free char *path = NULL;
	bool needed = false;
	int r = keys_node_needs(q->keys, node, id, profile, &needed, err);

	if (r < 0 || !needed)
		return r;
	r = str_printf(&name, err, "nodes/%s/%s", node, id);
	if (r == 0)
		r = keys_request(q->keys, name, profile, &path, err);
	if (r < 0)
		return r;
	printf("%s\n", path);
	q->count++;
	return 0;
}

static int request_nodes(struct requester *q, const char *definition, struct err *err)
{
	CLEANUP(certificates_release) struct certificates c = CERTIFICATES_INIT;
	int r = certificates_load(definition, &c, err);

	return r < 0 ? r : certificates_each(&c, request_node, q, err);
}

/* What is named, or what is due; the signer always when it is not there. */
static int request_listed(struct requester *q, const struct options *o, int argc, char **argv,
			  struct err *err)
{
	CLEANUP(keys_list_release) struct keys_list list = KEYS_LIST_INIT;
	int r = keys_list_load(q->keys, &list, err);

	for (int i = 0; r == 0 && i < argc; i++) {
		bool found = false;

		for (size_t j = 0; !found && j < list.count; j++)
			found = keys_item_is(&list.items[j], argv[i]);
		if (!found)
			r = err_set(err, ERR_USAGE, "'%s' holds no certificate '%s'", q->keys->dir,
				    argv[i]);
	}
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct keys_item *item = &list.items[i];
		bool signer = !strcmp(item->name, "signer");
		bool of_node = str_starts(item->name, "nodes/");
		bool wanted = argc == 0 && !o->client && strcmp(item->name, "ca") != 0 &&
			      (keys_is_due(q->keys, item) || (signer && !item->loaded));

		for (int j = 0; j < argc; j++)
			wanted = wanted || keys_item_is(item, argv[j]);
		if (wanted && !(of_node && o->definition)) /* the definition says more of these */
			r = request_named(q, item->name, err);
	}
	return r;
}

static int open_or_make(const struct options *o, struct keys *keys, struct err *err)
{
	CLEANUP(definition_release) struct definition def = DEFINITION_INIT;
	struct keys_options made = { .cluster = o->cluster,
				     .rsa_bits = o->rsa ? X509_RSA_BITS_MIN : 0,
				     .no_ca = true };
	struct stat st;
	int r = 0;

	if (lstat(o->keys, &st) < 0 && errno == ENOENT) {
		if (o->definition)
			r = definition_load(o->definition, &def, err);
		if (!made.cluster)
			made.cluster = def.cluster ? def.cluster : "pgha";
		if (r == 0)
			r = keys_init(o->keys, &made, err);
	} else if (o->cluster || o->rsa) {
		r = err_set(err, ERR_USAGE, "'%s' exists: --cluster and --rsa are for a new one",
			    o->keys);
	}
	return r < 0 ? r : keys_open_any(o->keys, keys, err);
}

static int request_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	cleanup_free char *client = NULL;
	struct requester q = { .keys = &keys };
	int r = 0;

	if (o->client && !str_is_word(o->client, ".-_"))
		return err_set(err, ERR_USAGE,
			       "client name '%s' may hold letters, digits, '.', '-' and '_'",
			       o->client);
	r = open_or_make(o, &keys, err);
	if (r == 0)
		r = request_listed(&q, o, argc, argv, err);
	if (r == 0 && o->definition)
		r = request_nodes(&q, o->definition, err);
	if (r == 0 && o->client)
		r = str_printf(&client, err, "clients/%s", o->client);
	if (r == 0 && client)
		r = request_named(&q, client, err);
	if (r < 0)
		return r;
	if (!q.count)
		notice("nothing is to be requested");
	else
		notice("the private keys stay in '%s'; carry the requests to the CA, and its "
		       "answers back: pgha-bundle keys import --keys '%s'%s FILE…",
		       keys.dir, keys.dir, keys.ca ? "" : " --ca-cert CHAIN.pem");
	return 0;
}

const struct cli_command bundle_cmd_keys_request = {
	.name = "keys request",
	.args = "[NAME...]",
	.max_args = NAMES_MAX,
	.summary = "write certificate requests for somebody else's CA",
	.options = keys_request_options,
	.run = request_run,
	.options_size = sizeof(struct options),
};

/* -- import ----------------------------------------------------------------------------------- */

static const struct cli_option keys_import_options[] = {
	{ "keys", 0, CLI_VALUE, "DIR", "the keys directory", true, offsetof(struct options, keys) },
	{ "ca-cert", 0, CLI_VALUE, "FILE",
	  "the CA's certificate and those above, to the root, the first time", false,
	  offsetof(struct options, ca_cert) },
	{ "crl", 0, CLI_VALUE, "FILE", "the CA's revocation list", false,
	  offsetof(struct options, crl) },
	CLI_OPTION_END,
};

static int import_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(keys_release) struct keys keys = KEYS_INIT;
	int r = 0;

	if (!argc && !o->ca_cert && !o->crl)
		return err_set(err, ERR_USAGE, "name certificates, --ca-cert or --crl");
	r = keys_open_any(o->keys, &keys, err);
	if (r == 0 && o->ca_cert)
		r = keys_import_ca(&keys, o->ca_cert, err);
	if (r == 0 && o->crl)
		r = keys_crl_import(&keys, o->crl, err);
	for (int i = 0; r == 0 && i < argc; i++) {
		cleanup_free char *name = NULL;

		r = keys_import(&keys, argv[i], &name, err);
		if (r == 0)
			printf("%s\n", name);
	}
	return r;
}

const struct cli_command bundle_cmd_keys_import = {
	.name = "keys import",
	.args = "[CERTIFICATE...]",
	.max_args = NAMES_MAX,
	.summary = "take the certificates that somebody else's CA has issued",
	.options = keys_import_options,
	.run = import_run,
	.options_size = sizeof(struct options),
};
