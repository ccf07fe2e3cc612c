/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/keys.yaml: what `keys init` was told and later commands go by. */
#include <string.h>

#include "file.h"
#include "keys.h"
#include "keys_private.h"
#include "schema.h"

#define DAYS_MAX 36500

struct settings_file {
	unsigned int version;
	struct keys_settings settings;
};

static const struct schema_field fields[] = {
	SCHEMA_UINT(struct settings_file, version, "pgha-keys", SCHEMA_REQUIRED, 1, 1),
	SCHEMA_STRING(struct settings_file, settings.cluster, "cluster", SCHEMA_NONEMPTY),
	SCHEMA_UINT(struct settings_file, settings.rsa_bits, "rsa_bits", 0, X509_RSA_BITS_MIN,
		    X509_RSA_BITS_MAX),
	SCHEMA_UINT(struct settings_file, settings.signer_days, "signer_days", 0, 1, DAYS_MAX),
	SCHEMA_UINT(struct settings_file, settings.node_days, "node_days", 0, 1, DAYS_MAX),
	SCHEMA_UINT(struct settings_file, settings.client_days, "client_days", 0, 1, DAYS_MAX),
	SCHEMA_END,
};

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

int keys_settings_load(struct keys *keys, struct err *err)
{
	struct settings_file file = { .settings = { .signer_days = KEYS_SIGNER_DAYS,
						    .node_days = KEYS_NODE_DAYS,
						    .client_days = KEYS_CLIENT_DAYS } };
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	cleanup_free char *path = NULL;
	int r = keys_path(keys, "keys.yaml", &path, err);

	/* Directories that are older than the file have the defaults. */
	if (r == 0 && keys_exists(path)) {
		r = yaml_load(path, ERR_CONFIG, &doc, err);
		if (r == 0)
			r = schema_load(yaml_root(doc), fields, &file, err);
	}
	if (r < 0) {
		schema_release(fields, &file);
		return r;
	}
	keys->settings = file.settings;
	return 0;
}

int keys_settings_write(const struct keys *keys, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	const struct keys_settings *s = &keys->settings;
	int r = keys_path(keys, "keys.yaml", &path, err);

	if (r < 0)
		return r;
	str_add(&text, "pgha-keys: 1\ncluster: ");
	yaml_emit_scalar(&text, s->cluster);
	if (s->rsa_bits)
		str_addf(&text, "\nrsa_bits: %u", s->rsa_bits);
	str_addf(&text, "\nsigner_days: %u\nnode_days: %u\nclient_days: %u\n", s->signer_days,
		 s->node_days, s->client_days);
	r = str_check(&text, err);
	return r < 0 ? r : file_write_atomic(path, 0600, text.buf, text.len, err);
}
