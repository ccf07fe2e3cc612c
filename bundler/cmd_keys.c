/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle keys init: a cluster's CA, new or brought, and its bundle signer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificates.h"
#include "commands.h"
#include "file.h"
#include "keys.h"
#include "progress.h"

#define DAYS_MAX 36500

struct options {
	const char *out;
	const char *cluster;
	const char *definition;
	const char *permit;
	const char *rsa;
	const char *ca_days, *signer_days, *node_days, *client_days;
	const char *passphrase_file, *passphrase_fd;
	bool ask_passphrase;
	const char *ca_key, *ca_cert, *pkcs12;
	const char *source_file, *source_fd;
};

static const struct cli_option keys_init_options[] = {
	{ "out", 0, CLI_VALUE, "DIR", "the keys directory to make", true,
	  offsetof(struct options, out) },
	{ "cluster", 0, CLI_VALUE, "NAME",
	  "the cluster's name in the certificates (default: the one of --file, or pgha)", false,
	  offsetof(struct options, cluster) },
	{ "file", 'f', CLI_VALUE, "BUNDLE.yaml",
	  "name constraints: the CA may issue for this topology's names and addresses only", false,
	  offsetof(struct options, definition) },
	{ "permit", 0, CLI_VALUE, "NAME,…",
	  "further names, domains, addresses and networks (10.0.0.0/8) for the CA", false,
	  offsetof(struct options, permit) },
	{ "rsa", 0, CLI_VALUE, "BITS", "RSA keys, the CA's of BITS, 3072 to 8192 (default: ECDSA)",
	  false, offsetof(struct options, rsa) },
	{ "ca-days", 0, CLI_VALUE, "DAYS", "life of the CA (default: 3652)", false,
	  offsetof(struct options, ca_days) },
	{ "signer-days", 0, CLI_VALUE, "DAYS", "life of the bundle signer (default: 365)", false,
	  offsetof(struct options, signer_days) },
	{ "node-days", 0, CLI_VALUE, "DAYS", "life of the nodes' certificates (default: 825)",
	  false, offsetof(struct options, node_days) },
	{ "client-days", 0, CLI_VALUE, "DAYS", "life of applications' certificates (default: 365)",
	  false, offsetof(struct options, client_days) },
	{ "passphrase-file", 0, CLI_VALUE, "FILE",
	  "encrypt the CA's key: the passphrase is FILE's first line, mode 0600", false,
	  offsetof(struct options, passphrase_file) },
	{ "passphrase-fd", 0, CLI_VALUE, "N", "the same from an open descriptor", false,
	  offsetof(struct options, passphrase_fd) },
	{ "ask-passphrase", 0, CLI_FLAG, NULL, "the same, asked for on the terminal", false,
	  offsetof(struct options, ask_passphrase) },
	{ "ca-key", 0, CLI_VALUE, "FILE", "use an existing CA: its key, PEM", false,
	  offsetof(struct options, ca_key) },
	{ "ca-cert", 0, CLI_VALUE, "FILE", "its certificate and those above, to the root", false,
	  offsetof(struct options, ca_cert) },
	{ "pkcs12", 0, CLI_VALUE, "FILE", "use an existing CA: key and certificates in one", false,
	  offsetof(struct options, pkcs12) },
	{ "source-passphrase-file", 0, CLI_VALUE, "FILE",
	  "opens --ca-key or --pkcs12 (default: asked for)", false,
	  offsetof(struct options, source_file) },
	{ "source-passphrase-fd", 0, CLI_VALUE, "N", "the same from an open descriptor", false,
	  offsetof(struct options, source_fd) },
	CLI_OPTION_END,
};

/* What the options ask for, owned. */
struct wanted {
	struct keys_options keys;
	struct strv permitted;
	EVP_PKEY *ca_key;
	STACK_OF(X509) *chain;
	struct str passphrase; /* secret */
	char *cluster;
};

static void wanted_release(struct wanted *w)
{
	strv_release(&w->permitted);
	EVP_PKEY_free(w->ca_key);
	x509_stack_free(w->chain);
	str_release(&w->passphrase);
	free(w->cluster);
}

static int number(const char *option, const char *text, unsigned int min, unsigned int max,
		  unsigned int *ret, struct err *err)
{
	uint64_t value = 0;

	if (!text)
		return 0;
	if (str_u64(&value, text, min, max, err) < 0) {
		err->code = ERR_USAGE;
		return err_prefix(err, "option '--%s'", option);
	}
	*ret = (unsigned int)value;
	return 0;
}

static int take_numbers(const struct options *o, struct keys_options *ret, struct err *err)
{
	int r = number("rsa", o->rsa, X509_RSA_BITS_MIN, X509_RSA_BITS_MAX, &ret->rsa_bits, err);

	if (r == 0)
		r = number("ca-days", o->ca_days, 1, DAYS_MAX, &ret->ca_days, err);
	if (r == 0)
		r = number("signer-days", o->signer_days, 1, DAYS_MAX, &ret->signer_days, err);
	if (r == 0)
		r = number("node-days", o->node_days, 1, DAYS_MAX, &ret->node_days, err);
	if (r == 0)
		r = number("client-days", o->client_days, 1, DAYS_MAX, &ret->client_days, err);
	return r;
}

/* Where the option list is empty, the CA may name anything. The definition tells the cluster too. */
static int take_names(const struct options *o, struct wanted *w, struct err *err)
{
	CLEANUP(certificates_release) struct certificates c = CERTIFICATES_INIT;
	cleanup_free char *list = o->permit ? strdup(o->permit) : NULL;
	char *rest = NULL;
	int r = o->definition ? certificates_load(o->definition, &c, err) : 0;

	if (o->permit && !list)
		return err_nomem(err);
	if (r == 0 && o->definition)
		r = certificates_names(&c, &w->permitted, err);
	if (r == 0 && c.def.cluster)
		r = str_dup(&w->cluster, c.def.cluster, err);
	for (char *name = list ? strtok_r(list, ",", &rest) : NULL; r == 0 && name;
	     name = strtok_r(NULL, ",", &rest))
		r = strv_add(&w->permitted, name, err);
	w->keys.permitted = (const char *const *)w->permitted.items;
	return r;
}

static int check_combination(const struct options *o, struct err *err)
{
	bool existing = o->ca_key || o->ca_cert || o->pkcs12;

	if (!o->ca_key != !o->ca_cert)
		return err_set(err, ERR_USAGE, "--ca-key and --ca-cert go together");
	if (o->ca_key && o->pkcs12)
		return err_set(err, ERR_USAGE, "--pkcs12 or --ca-key, not both");
	if (existing && (o->rsa || o->ca_days || o->definition || o->permit))
		return err_set(err, ERR_USAGE,
			       "an existing CA is used as it is: --rsa, --ca-days, --file and "
			       "--permit are for a new one");
	if (!existing && (o->source_file || o->source_fd))
		return err_set(err, ERR_USAGE,
			       "--source-passphrase-… opens --ca-key or --pkcs12: a new CA's "
			       "passphrase is --passphrase-…");
	if (o->ask_passphrase && (o->passphrase_file || o->passphrase_fd))
		return err_set(err, ERR_USAGE, "--ask-passphrase or --passphrase-…, not both");
	return 0;
}

static struct passphrase_source source_passphrase(const struct options *o)
{
	return (struct passphrase_source){ .file = o->source_file,
					   .fd = o->source_fd,
					   .option = "--source-passphrase-file" };
}

static struct passphrase_source new_passphrase(const struct options *o)
{
	return (struct passphrase_source){ .file = o->passphrase_file, .fd = o->passphrase_fd };
}

static int check_passphrases(const struct options *o, struct err *err)
{
	const struct passphrase_source source = source_passphrase(o);
	const struct passphrase_source own = new_passphrase(o);
	int r = passphrase_check(&source, "the existing CA", err);

	return r < 0 ? r : passphrase_check(&own, "the CA's key", err);
}

/* Under a passphrase before, under the same one here unless another is given. */
static int take_existing(const struct options *o, struct wanted *w, struct err *err)
{
	const struct passphrase_source source = source_passphrase(o);
	int r = 0;

	if (o->pkcs12)
		r = keys_ca_from_pkcs12(o->pkcs12, &source, &w->ca_key, &w->chain, &w->passphrase,
					err);
	else if (o->ca_key)
		r = keys_ca_from_files(o->ca_key, o->ca_cert, &source, &w->ca_key, &w->chain,
				       &w->passphrase, err);
	w->keys.ca_key = w->ca_key;
	w->keys.chain = w->chain;
	if (r == 0 && w->ca_key && EVP_PKEY_base_id(w->ca_key) == EVP_PKEY_RSA)
		w->keys.rsa_bits = X509_RSA_BITS_MIN;
	return r;
}

static int take_passphrase(const struct options *o, struct wanted *w, struct err *err)
{
	const struct passphrase_source source = new_passphrase(o);
	int r = 0;

	if (o->passphrase_file || o->passphrase_fd || o->ask_passphrase) {
		str_release(&w->passphrase);
		r = passphrase_read_new(&source, "the CA's key", KEYS_PASSPHRASE_MIN,
					&w->passphrase, err);
	}
	if (r == 0 && w->passphrase.len)
		w->keys.passphrase = w->passphrase.buf;
	return r;
}

static int report(const struct options *o, bool encrypted, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *chain = NULL;
	cleanup_free char *ca_path = NULL;
	char fingerprint[X509_FINGERPRINT_TEXT_SIZE];
	char root[256];
	int r = path_join(o->out, "ca.crt", &ca_path, err);

	if (r == 0)
		r = x509_load_all(ca_path, ERR_FAILED, &chain, err);
	if (r == 0)
		r = x509_fingerprint_text(sk_X509_value(chain, 0), fingerprint, err);
	if (r < 0)
		return r;
	printf("CA SHA-256 fingerprint: %s\n", fingerprint);
	if (sk_X509_num(chain) > 1) {
		x509_subject(sk_X509_value(chain, sk_X509_num(chain) - 1), root, sizeof(root));
		warning("the nodes will trust whatever '%s' issues, itself or through others: it "
			"stands in '%s'",
			root, ca_path);
	}
	notice("the new keys are in '%s': keep it private, and keep a copy of it offline", o->out);
	notice("carry '%s' to every node on a path of its own, and compare the fingerprint there: "
	       "openssl x509 -in ca.crt -noout -fingerprint -sha256",
	       ca_path);
	notice("next: pgha-bundle build -f BUNDLE.yaml --keys '%s'%s --passphrases FILE -o DIR",
	       o->out, encrypted ? " --ca-passphrase-file CA-FILE" : "");
	return 0;
}

static int keys_init_run(const void *options, int argc, char **argv, struct err *err)
{
	const struct options *o = options;
	CLEANUP(wanted_release) struct wanted w = { .passphrase = STR_SECRET };
	int r = check_combination(o, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = check_passphrases(o, err);
	if (r == 0)
		r = take_numbers(o, &w.keys, err);
	if (r == 0)
		r = take_names(o, &w, err);
	w.keys.cluster = o->cluster ? o->cluster : w.cluster ? w.cluster : "pgha";
	if (r == 0)
		r = take_existing(o, &w, err);
	if (r == 0)
		r = take_passphrase(o, &w, err);
	if (r == 0)
		r = keys_init(o->out, &w.keys, err);
	if (r == 0)
		r = report(o, w.keys.passphrase != NULL, err);
	if (r == 0 && !w.keys.passphrase)
		notice("'%s/ca.key' is not encrypted, and whoever reads it can sign as the "
		       "cluster: with "
		       "--passphrase-file it would be",
		       o->out);
	return r;
}

const struct cli_command bundle_cmd_keys_init = {
	.name = "keys init",
	.args = "",
	.summary = "make a cluster's CA, or use an existing one, and make its bundle signer",
	.options = keys_init_options,
	.run = keys_init_run,
	.options_size = sizeof(struct options),
};
