/* SPDX-License-Identifier: Apache-2.0 */
/* CycloneDX 1.5 (ECMA-424's predecessor), JSON. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "json.h"
#include "licenses.h"
#include "sbom.h"

static void write_license(struct json *j, const char *license)
{
	json_open(j, "licenses", '[');
	json_open(j, NULL, '{');
	if (license_is_spdx(license)) {
		json_string(j, "expression", license);
	} else {
		json_open(j, "license", '{');
		json_string(j, "name", license);
		json_close(j, '}');
	}
	json_close(j, '}');
	json_close(j, ']');
}

static void write_reference(struct json *j, const char *type, const char *url, const char *comment)
{
	json_open(j, NULL, '{');
	json_string(j, "type", type);
	json_string(j, "url", url);
	if (comment)
		json_string(j, "comment", comment);
	json_close(j, '}');
}

static void write_part(struct json *j, const struct sbom_part *p)
{
	json_open(j, NULL, '{');
	json_string(j, "type", "library");
	json_string(j, "bom-ref", p->id);
	if (p->supplier) {
		json_open(j, "supplier", '{');
		json_string(j, "name", p->supplier);
		json_close(j, '}');
	}
	json_string(j, "name", p->name);
	json_string(j, "version", p->version);
	json_open(j, "hashes", '[');
	json_open(j, NULL, '{');
	json_string(j, "alg", "SHA-256");
	json_string(j, "content", p->sha256);
	json_close(j, '}');
	json_close(j, ']');
	if (p->license)
		write_license(j, p->license);
	json_string(j, "purl", p->purl);
	if (p->url) {
		json_open(j, "externalReferences", '[');
		write_reference(j, "distribution", p->url, p->origin);
		json_close(j, ']');
	}
	json_open(j, "properties", '[');
	json_open(j, NULL, '{');
	json_string(j, "name", "pgha:file");
	json_string(j, "value", p->file);
	json_close(j, '}');
	json_open(j, NULL, '{');
	json_string(j, "name", "pgha:origin");
	json_string(j, "value", p->origin);
	json_close(j, '}');
	json_close(j, ']');
	json_close(j, '}');
}

static int write_dependency(struct json *j, const struct sbom *sbom, size_t of, const char *ref,
			    struct err *err)
{
	CLEANUP(strv_release) struct strv on = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sbom->count; i++)
		if (sbom->parts[i].parent == of)
			r = strv_add(&on, sbom->parts[i].id, err);
	json_open(j, NULL, '{');
	json_string(j, "ref", ref);
	json_strings(j, "dependsOn", &on);
	json_close(j, '}');
	return r;
}

int sbom_cyclonedx(const struct sbom *sbom, char **ret_text, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *serial = NULL;
	char created[CLOCK_TEXT_SIZE];
	int r = str_printf(&serial, err, "urn:uuid:%s", sbom->uuid);

	if (r < 0)
		return r;
	clock_format(sbom->created, created);
	json_open(&j, NULL, '{');
	json_string(&j, "bomFormat", "CycloneDX");
	json_string(&j, "specVersion", "1.5");
	json_string(&j, "serialNumber", serial);
	json_number(&j, "version", 1);
	json_open(&j, "metadata", '{');
	json_string(&j, "timestamp", created);
	json_open(&j, "tools", '{');
	json_open(&j, "components", '[');
	json_open(&j, NULL, '{');
	json_string(&j, "type", "application");
	json_string(&j, "name", "pgha-bundle");
	json_string(&j, "version", PGHA_VERSION);
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, '}');
	json_open(&j, "component", '{');
	json_string(&j, "type", "file");
	json_string(&j, "bom-ref", "bundle");
	json_string(&j, "name", sbom->name);
	json_string(&j, "version", sbom->version);
	json_close(&j, '}');
	json_close(&j, '}');
	json_open(&j, "components", '[');
	for (size_t i = 0; i < sbom->count; i++)
		write_part(&j, &sbom->parts[i]);
	json_close(&j, ']');
	json_open(&j, "dependencies", '[');
	r = write_dependency(&j, sbom, SBOM_ROOT, "bundle", err);
	for (size_t i = 0; r == 0 && i < sbom->count; i++)
		r = write_dependency(&j, sbom, i, sbom->parts[i].id, err);
	json_close(&j, ']');
	json_close(&j, '}');
	return r < 0 ? r : json_done(&j, ret_text, err);
}
