/* SPDX-License-Identifier: Apache-2.0 */
/* The names in certificates: subjectAltName, and what a CA may name (RFC 5280, 4.2.1.6 and 4.2.1.10). */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "x509.h"
#include "x509_private.h"

DEFINE_CLEANUP(ASN1_STRING *, ASN1_STRING_free);
DEFINE_CLEANUP(GENERAL_NAME *, GENERAL_NAME_free);
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free);
DEFINE_CLEANUP(GENERAL_SUBTREE *, GENERAL_SUBTREE_free);
DEFINE_CLEANUP(NAME_CONSTRAINTS *, NAME_CONSTRAINTS_free);

#define ADDRESS_SIZE_MAX sizeof(struct in6_addr)

static bool is_address(const char *san)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, san, address) == 1 || inet_pton(AF_INET6, san, address) == 1;
}

static GENERAL_NAME *general_name(const char *san)
{
	int type = is_address(san) ? GEN_IPADD : GEN_DNS;
	CLEANUP(GENERAL_NAME_freep) GENERAL_NAME *name = GENERAL_NAME_new();
	CLEANUP(ASN1_STRING_freep)
	ASN1_STRING *value = type == GEN_IPADD ? a2i_IPADDRESS(san) : ASN1_IA5STRING_new();

	if (!name || !value || (type == GEN_DNS && ASN1_STRING_set(value, san, -1) != 1))
		return NULL;
	GENERAL_NAME_set0_value(name, type, steal_ptr(&value));
	return steal_ptr(&name);
}

/* Sorted and each once, so that their order in a manifest means nothing. */
static int add_sans(X509 *cert, const struct x509_profile *profile, struct err *err)
{
	CLEANUP(strv_release) struct strv sans = STRV_INIT;
	CLEANUP(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();

	for (const char *const *san = profile->sans; san && *san; san++) {
		int r = 0;

		if (!is_address(*san) && !str_is_word(*san, ".-*"))
			return err_set(err, ERR_CONFIG,
				       "'%s' is neither a host name nor an address", *san);
		if (!strv_has(&sans, *san))
			r = strv_add(&sans, *san, err);
		if (r < 0)
			return r;
	}
	strv_sort(&sans);
	for (size_t i = 0; i < sans.count; i++) {
		CLEANUP(GENERAL_NAME_freep) GENERAL_NAME *name = general_name(sans.items[i]);

		if (!name || !names || !sk_GENERAL_NAME_push(names, name))
			return x509_error(err, ERR_FAILED, "cannot encode the name '%s'",
					  sans.items[i]);
		name = NULL;
	}
	if (sans.count && !x509_add_extension(cert, NID_subject_alt_name, names, false))
		return x509_error(err, ERR_FAILED, "cannot encode the certificate's names");
	return 0;
}

int x509_name_canonical(const char *name, struct strv *add_to, struct err *err)
{
	unsigned char address[ADDRESS_SIZE_MAX];
	char text[INET6_ADDRSTRLEN];
	cleanup_free char *lower = NULL;
	int family = inet_pton(AF_INET, name, address) == 1 ? AF_INET : AF_INET6;

	if (family == AF_INET || inet_pton(AF_INET6, name, address) == 1)
		return strv_add(add_to, inet_ntop(family, address, text, sizeof(text)), err);
	lower = strdup(name);
	if (!lower)
		return err_nomem(err);
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return strv_take(add_to, steal_ptr(&lower), err);
}

/* -- what a CA may name ------------------------------------------------------------------------ */

/* ADDRESS or ADDRESS/LENGTH as address and mask; 0 when it is neither. */
static size_t address_and_mask(const char *text, unsigned char ret[2 * ADDRESS_SIZE_MAX])
{
	const char *slash = strchr(text, '/');
	cleanup_free char *address = strndup(text, slash ? (size_t)(slash - text) : strlen(text));
	struct err ignored = ERR_INIT;
	uint64_t length = 0;
	size_t size = 0;

	if (!address)
		return 0;
	if (inet_pton(AF_INET, address, ret) == 1)
		size = sizeof(struct in_addr);
	else if (inet_pton(AF_INET6, address, ret) == 1)
		size = sizeof(struct in6_addr);
	if (!size)
		return 0;
	length = 8 * size;
	if (slash && str_u64(&length, slash + 1, 0, 8 * size, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < size; i++) {
		uint64_t bits = length > 8 * i ? length - 8 * i : 0;
		unsigned char mask = bits >= 8 ? 0xff : (unsigned char)(0xff00U >> bits);

		ret[size + i] = mask;
		ret[i] &= mask;
	}
	return 2 * size;
}

static GENERAL_SUBTREE *subtree(const char *permitted)
{
	unsigned char address[2 * ADDRESS_SIZE_MAX];
	size_t size = address_and_mask(permitted, address);
	CLEANUP(GENERAL_SUBTREE_freep) GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
	CLEANUP(ASN1_STRING_freep)
	ASN1_STRING *value = size ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	const void *data = size ? (const void *)address : permitted;

	if (!tree || !value || (!tree->base && !(tree->base = GENERAL_NAME_new())) ||
	    ASN1_STRING_set(value, data, size ? (int)size : -1) != 1)
		return NULL;
	GENERAL_NAME_set0_value(tree->base, size ? GEN_IPADD : GEN_DNS, steal_ptr(&value));
	return steal_ptr(&tree);
}

static int add_constraints(X509 *cert, const char *const *permitted, struct err *err)
{
	CLEANUP(NAME_CONSTRAINTS_freep) NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();

	if (constraints)
		constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
	if (!constraints || !constraints->permittedSubtrees)
		return err_nomem(err);
	for (const char *const *name = permitted; *name; name++) {
		unsigned char address[2 * ADDRESS_SIZE_MAX];
		CLEANUP(GENERAL_SUBTREE_freep) GENERAL_SUBTREE *tree = NULL;

		if (!address_and_mask(*name, address) && !str_is_word(*name, ".-"))
			return err_set(err, ERR_CONFIG,
				       "'%s' is neither a host name or domain nor an address or "
				       "network",
				       *name);
		tree = subtree(*name);
		if (!tree || !sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, tree))
			return x509_error(err, ERR_FAILED, "cannot encode the name '%s'", *name);
		tree = NULL;
	}
	if (!x509_add_extension(cert, NID_name_constraints, constraints, true))
		return x509_error(err, ERR_FAILED, "cannot encode the names that a CA may name");
	return 0;
}

int x509_add_names(X509 *cert, const struct x509_profile *profile, struct err *err)
{
	int r = add_sans(cert, profile, err);

	if (r == 0 && profile->permitted && *profile->permitted)
		r = add_constraints(cert, profile->permitted, err);
	return r;
}
