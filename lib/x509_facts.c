/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a certificate, and whether it is what would be made. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <string.h>

#include "x509.h"
#include "x509_private.h"

DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free);
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free);

static const struct {
	unsigned int usage;
	const char *text;
} usage_names[] = {
	{ X509_USE_SERVER, "serverAuth" },
	{ X509_USE_CLIENT, "clientAuth" },
	{ X509_USE_EMAIL, SN_email_protect },
	{ X509_USE_BUNDLE, "bundleSigner" },
	{ X509_USE_SEAL, "seal" },
	{ X509_USE_CA, "CA" },
	{ X509_USE_OTHER, "other" },
};

void x509_usage_text(unsigned int usage, struct str *ret)
{
	bool more = false;

	for (size_t i = 0; i < ARRAY_SIZE(usage_names); i++) {
		if (!(usage & usage_names[i].usage))
			continue;
		str_add(ret, more ? ", " : "");
		str_add(ret, usage_names[i].text);
		more = true;
	}
}

void x509_facts_release(struct x509_facts *facts)
{
	free(facts->organization);
	free(facts->unit);
	free(facts->common_name);
	strv_release(&facts->sans);
	*facts = (struct x509_facts){ .usage = 0 };
}

struct x509_profile x509_profile_of(const struct x509_facts *facts)
{
	return (struct x509_profile){
		.organization = facts->organization,
		.unit = facts->unit,
		.common_name = facts->common_name,
		.sans = (const char *const *)facts->sans.items,
		.usage = facts->usage,
	};
}

/* -- reading ---------------------------------------------------------------------------------- */

static int subject_part(X509 *cert, int nid, char **ret, bool *repeated, struct err *err)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *utf8 = NULL;
	int len = 0;
	int r = 0;

	if (at < 0)
		return 0;
	if (X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		*repeated = true;
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len < 0 || memchr(utf8, '\0', (size_t)len))
		r = x509_error(err, ERR_VERIFY, "a certificate's subject cannot be read");
	else
		r = str_printf(ret, err, "%.*s", len, (const char *)utf8);
	OPENSSL_free(utf8);
	return r;
}

/* An address as a host's name is no address: who connects to it finds none. */
static int add_host(const char *host, struct strv *sans, struct err *err)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return strv_addf(sans, err, "(name) %s", host);
	return x509_name_canonical(host, sans, err);
}

static int add_name(const GENERAL_NAME *name, struct strv *sans, struct err *err)
{
	int type = 0;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *data = NULL;
	char address[INET6_ADDRSTRLEN];
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (type != GEN_DNS && type != GEN_IPADD)
		return strv_addf(sans, err, "(type %d)", type);
	data = ASN1_STRING_get0_data(value);
	len = (size_t)ASN1_STRING_length(value);
	if (type == GEN_DNS && !memchr(data, '\0', len)) {
		int r = str_printf(&text, err, "%.*s", (int)len, (const char *)data);

		return r < 0 ? r : add_host(text, sans, err);
	}
	if (type == GEN_IPADD && (len == sizeof(struct in_addr) || len == sizeof(struct in6_addr)))
		return strv_add(sans,
				inet_ntop(len == sizeof(struct in_addr) ? AF_INET : AF_INET6, data,
					  address, sizeof(address)),
				err);
	return strv_add(sans, "(unreadable)", err);
}

static int read_sans(X509 *cert, struct strv *sans, struct err *err)
{
	CLEANUP(GENERAL_NAMES_freep)
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int r = 0;

	ERR_clear_error();
	for (int i = 0; r == 0 && i < sk_GENERAL_NAME_num(names); i++)
		r = add_name(sk_GENERAL_NAME_value(names, i), sans, err);
	strv_sort(sans);
	return r;
}

static unsigned int usage_of(const ASN1_OBJECT *oid)
{
	char text[64];

	switch (OBJ_obj2nid(oid)) {
	case NID_server_auth:
		return X509_USE_SERVER;
	case NID_client_auth:
		return X509_USE_CLIENT;
	case NID_email_protect:
		return X509_USE_EMAIL;
	default:
		if (OBJ_obj2txt(text, sizeof(text), oid, 1) <= 0)
			return X509_USE_OTHER;
		if (!strcmp(text, X509_OID_BUNDLE_SIGNER))
			return X509_USE_BUNDLE;
		return strcmp(text, X509_OID_SEAL) ? X509_USE_OTHER : X509_USE_SEAL;
	}
}

static unsigned int read_usage(X509 *cert)
{
	CLEANUP(EXTENDED_KEY_USAGE_freep)
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	const uint32_t seal = X509v3_KU_KEY_AGREEMENT | X509v3_KU_KEY_ENCIPHERMENT;
	uint32_t flags = X509_get_extension_flags(cert);
	unsigned int usage = flags & EXFLAG_CA ? X509_USE_CA : 0U;

	ERR_clear_error();
	for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		usage |= usage_of(sk_ASN1_OBJECT_value(usages, i));
	if (usage || usages)
		return usage;
	if ((flags & EXFLAG_KUSAGE) && (X509_get_key_usage(cert) & seal) &&
	    !(X509_get_key_usage(cert) & ~seal))
		return X509_USE_SEAL;
	return X509_USE_OTHER;
}

int x509_serial_text(const ASN1_INTEGER *serial, char ret[X509_SERIAL_SIZE], struct err *err)
{
	CLEANUP(BN_freep) BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
	char *hex = NULL;

	if (!number || BN_is_negative(number) || BN_num_bytes(number) > (X509_SERIAL_SIZE - 1) / 2)
		return x509_error(err, ERR_VERIFY, "a certificate has an unusual serial number");
	hex = BN_bn2hex(number);
	if (!hex)
		return err_nomem(err);
	snprintf(ret, X509_SERIAL_SIZE, "%s", hex);
	OPENSSL_free(hex);
	return 0;
}

int x509_serial(X509 *cert, char ret[X509_SERIAL_SIZE], struct err *err)
{
	return x509_serial_text(X509_get0_serialNumber(cert), ret, err);
}

static time_t time_of(const ASN1_TIME *t)
{
	struct tm tm = { .tm_sec = 0 };

	if (ASN1_TIME_to_tm(t, &tm) != 1) {
		ERR_clear_error();
		return -1;
	}
	return timegm(&tm);
}

int x509_describe(X509 *cert, struct x509_facts *ret, struct err *err)
{
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = read_usage(cert) };
	int r = subject_part(cert, NID_organizationName, &facts.organization, &facts.repeated, err);

	if (r == 0)
		r = subject_part(cert, NID_organizationalUnitName, &facts.unit, &facts.repeated,
				 err);
	if (r == 0)
		r = subject_part(cert, NID_commonName, &facts.common_name, &facts.repeated, err);
	if (r == 0)
		r = read_sans(cert, &facts.sans, err);
	if (r == 0)
		r = x509_serial(cert, facts.serial, err);
	if (r == 0)
		r = x509_fingerprint(cert, facts.fingerprint, err);
	if (r < 0)
		return r;
	x509_subject(cert, facts.subject, sizeof(facts.subject));
	facts.not_before = time_of(X509_get0_notBefore(cert));
	facts.not_after = time_of(X509_get0_notAfter(cert));
	*ret = facts;
	facts = (struct x509_facts){ .usage = 0 };
	return 0;
}

/* -- comparing -------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* As sets. */
static bool same_names(const struct strv *a, const char *const *wanted)
{
	CLEANUP(strv_release) struct strv b = STRV_INIT;
	struct err ignored = ERR_INIT;

	for (const char *const *name = wanted; name && *name; name++)
		if (x509_name_canonical(*name, &b, &ignored) < 0)
			return false;
	for (size_t i = 0; i < a->count; i++)
		if (!strv_has(&b, a->items[i]))
			return false;
	for (size_t i = 0; i < b.count; i++)
		if (!strv_has(a, b.items[i]))
			return false;
	return true;
}

/* digitalSignature, or what a sealing key has; never what a CA's key may. */
static bool key_usage_fits(X509 *cert, unsigned int usage)
{
	uint32_t has =
		X509_get_extension_flags(cert) & EXFLAG_KUSAGE ? X509_get_key_usage(cert) : 0;

	if (has & (X509v3_KU_KEY_CERT_SIGN | X509v3_KU_CRL_SIGN))
		return false;
	if (usage & X509_USE_SEAL)
		return has & (X509v3_KU_KEY_AGREEMENT | X509v3_KU_KEY_ENCIPHERMENT);
	return has & X509v3_KU_DIGITAL_SIGNATURE;
}

static const char *facts_unfit(X509 *cert, const struct x509_facts *facts,
			       const struct x509_profile *profile)
{
	const unsigned int extended =
		X509_USE_SERVER | X509_USE_CLIENT | X509_USE_EMAIL | X509_USE_BUNDLE;

	if (facts->repeated || !same_text(facts->organization, profile->organization) ||
	    !same_text(facts->unit, profile->unit) ||
	    !same_text(facts->common_name, profile->common_name))
		return "subject";
	if (!same_names(&facts->sans, profile->sans))
		return "names";
	if ((facts->usage & (extended | X509_USE_OTHER)) != (profile->usage & extended))
		return "extended key usage";
	if ((facts->usage & X509_USE_CA) != (profile->usage & X509_USE_CA))
		return "basic constraints";
	if (!key_usage_fits(cert, profile->usage))
		return "key usage";
	return NULL;
}

const char *x509_unfit(X509 *cert, const struct x509_profile *profile, X509 *issuer, time_t now,
		       time_t min_life_s)
{
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	struct err ignored = ERR_INIT;
	time_t end = now + min_life_s;
	const char *why = NULL;

	if (!X509_get0_pubkey(cert) || x509_describe(cert, &facts, &ignored) < 0)
		return "encoding";
	why = facts_unfit(cert, &facts, profile);
	if (why)
		return why;
	if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) ||
	    X509_verify(cert, X509_get0_pubkey(issuer)) != 1) {
		ERR_clear_error();
		return "issuer";
	}
	if (X509_cmp_time(X509_get0_notBefore(cert), &now) >= 0 ||
	    X509_cmp_time(X509_get0_notAfter(cert), &end) <= 0)
		return "validity";
	return NULL;
}
