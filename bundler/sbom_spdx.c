/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX 2.3 (ISO/IEC 5962), JSON. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "json.h"
#include "licenses.h"
#include "sbom.h"

static int write_checksum(struct json *j, const char *sha256)
{
	json_open(j, "checksums", '[');
	json_open(j, NULL, '{');
	json_string(j, "algorithm", "SHA256");
	json_string(j, "checksumValue", sha256);
	json_close(j, '}');
	json_close(j, ']');
	return 0;
}

static void write_purl(struct json *j, const char *purl)
{
	json_open(j, "externalRefs", '[');
	json_open(j, NULL, '{');
	json_string(j, "referenceCategory", "PACKAGE-MANAGER");
	json_string(j, "referenceType", "purl");
	json_string(j, "referenceLocator", purl);
	json_close(j, '}');
	json_close(j, ']');
}

/* What packages say in other words than SPDX's is quoted below `hasExtractedLicensingInfos`. */
static int write_license(struct json *j, const char *license, struct err *err)
{
	char ref[LICENSE_REF_SIZE];
	int r = 0;

	if (!license || license_is_spdx(license)) {
		json_string(j, "licenseDeclared", license ? license : "NOASSERTION");
		return 0;
	}
	r = license_ref(license, ref, err);
	json_string(j, "licenseDeclared", ref);
	return r;
}

static int write_part(struct json *j, const struct sbom_part *p, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	int r = 0;

	json_open(j, NULL, '{');
	str_addf(&text, "SPDXRef-%s", p->id);
	r = str_check(&text, err);
	if (r < 0)
		return r;
	json_string(j, "SPDXID", text.buf);
	json_string(j, "name", p->name);
	json_string(j, "versionInfo", p->version);
	json_string(j, "packageFileName", p->file);
	str_reset(&text);
	str_addf(&text, "Organization: %s", p->supplier ? p->supplier : "");
	r = str_check(&text, err);
	json_string(j, "supplier", r == 0 && p->supplier ? text.buf : "NOASSERTION");
	json_string(j, "downloadLocation",
		    p->url && !str_starts(p->url, "file:") ? p->url : "NOASSERTION");
	json_bool(j, "filesAnalyzed", false);
	write_checksum(j, p->sha256);
	json_string(j, "sourceInfo", p->origin);
	json_string(j, "licenseConcluded", "NOASSERTION");
	if (r == 0)
		r = write_license(j, p->license, err);
	json_string(j, "copyrightText", "NOASSERTION");
	write_purl(j, p->purl);
	json_close(j, '}');
	return r;
}

static void write_relation(struct json *j, const char *from, const char *what, const char *to)
{
	json_open(j, NULL, '{');
	json_string(j, "spdxElementId", from);
	json_string(j, "relationshipType", what);
	json_string(j, "relatedSpdxElement", to);
	json_close(j, '}');
}

static int write_relations(struct json *j, const struct sbom *sbom, struct err *err)
{
	int r = 0;

	json_open(j, "relationships", '[');
	write_relation(j, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-bundle");
	for (size_t i = 0; r == 0 && i < sbom->count; i++) {
		const struct sbom_part *p = &sbom->parts[i];
		cleanup_free char *id = NULL;
		cleanup_free char *parent = NULL;

		r = str_printf(&id, err, "SPDXRef-%s", p->id);
		if (r == 0 && p->parent != SBOM_ROOT)
			r = str_printf(&parent, err, "SPDXRef-%s", sbom->parts[p->parent].id);
		if (r < 0)
			return r;
		write_relation(j, "SPDXRef-bundle", "CONTAINS", id);
		if (parent)
			write_relation(j, parent, "DEPENDS_ON", id);
	}
	json_close(j, ']');
	return r;
}

static int write_extracted(struct json *j, const struct sbom *sbom, struct err *err)
{
	CLEANUP(strv_release) struct strv texts = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sbom->count; i++) {
		const char *license = sbom->parts[i].license;

		if (license && !license_is_spdx(license) && !strv_has(&texts, license))
			r = strv_add(&texts, license, err);
	}
	if (r < 0 || !texts.count)
		return r;
	strv_sort(&texts);
	json_open(j, "hasExtractedLicensingInfos", '[');
	for (size_t i = 0; r == 0 && i < texts.count; i++) {
		char ref[LICENSE_REF_SIZE];

		r = license_ref(texts.items[i], ref, err);
		if (r < 0)
			return r;
		json_open(j, NULL, '{');
		json_string(j, "licenseId", ref);
		json_string(j, "extractedText", texts.items[i]);
		json_string(j, "name", texts.items[i]);
		json_string(j, "comment", "what the package's own metadata say");
		json_close(j, '}');
	}
	json_close(j, ']');
	return r;
}

static void write_start(struct json *j, const struct sbom *sbom, const char *name_space)
{
	char created[CLOCK_TEXT_SIZE];

	clock_format(sbom->created, created);
	json_string(j, "spdxVersion", "SPDX-2.3");
	json_string(j, "dataLicense", "CC0-1.0");
	json_string(j, "SPDXID", "SPDXRef-DOCUMENT");
	json_string(j, "name", sbom->name);
	json_string(j, "documentNamespace", name_space);
	json_open(j, "creationInfo", '{');
	json_string(j, "created", created);
	json_open(j, "creators", '[');
	json_string(j, NULL, "Tool: pgha-bundle-" PGHA_VERSION);
	json_close(j, ']');
	json_close(j, '}');
	json_open(j, "packages", '[');
	json_open(j, NULL, '{');
	json_string(j, "SPDXID", "SPDXRef-bundle");
	json_string(j, "name", sbom->name);
	json_string(j, "versionInfo", sbom->version);
	json_string(j, "downloadLocation", "NOASSERTION");
	json_bool(j, "filesAnalyzed", false);
	json_string(j, "licenseConcluded", "NOASSERTION");
	json_string(j, "licenseDeclared", "NOASSERTION");
	json_string(j, "copyrightText", "NOASSERTION");
	json_string(j, "primaryPackagePurpose", "ARCHIVE");
	json_close(j, '}');
}

int sbom_spdx(const struct sbom *sbom, char **ret_text, struct err *err)
{
	CLEANUP(json_release) struct json j = JSON_INIT;
	cleanup_free char *name_space = NULL;
	int r = str_printf(&name_space, err, "urn:uuid:%s", sbom->uuid);

	if (r < 0)
		return r;
	json_open(&j, NULL, '{');
	write_start(&j, sbom, name_space);
	for (size_t i = 0; r == 0 && i < sbom->count; i++)
		r = write_part(&j, &sbom->parts[i], err);
	json_close(&j, ']');
	if (r == 0)
		r = write_extracted(&j, sbom, err);
	if (r == 0)
		r = write_relations(&j, sbom, err);
	json_close(&j, '}');
	return r < 0 ? r : json_done(&j, ret_text, err);
}
