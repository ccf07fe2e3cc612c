/* SPDX-License-Identifier: Apache-2.0 */
#include "revoked.h"

#include "crl.h"
#include "file.h"
#include "state.h"

#define REVOKED "revoked" /* STATE/revoked */

int revoked_check(const struct install *in, const struct verify *v, struct err *err)
{
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	int r = state_list_load(in, REVOKED, &known, err);

	if (r || !strv_has(&known, v->signer.serial))
		return r;
	return err_set(err, ERR_VERIFY,
		       "'%.200s' is signed with certificate %s, which was revoked: have it built "
		       "anew with the signer of today",
		       v->set.name, v->signer.serial);
}

static bool signed_by_one(X509_CRL *crl, STACK_OF(X509) *cas)
{
	for (int i = 0; i < sk_X509_num(cas); i++) {
		struct err ignored = ERR_INIT;

		if (!x509_crl_check(CRL_MEMBER, crl, sk_X509_value(cas, i), &ignored))
			return true;
	}
	return false;
}

static int add_known(const struct install *in, const struct strv *serials, struct err *err)
{
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	size_t before = 0;
	int r = state_list_load(in, REVOKED, &known, err);

	before = known.count;
	for (size_t i = 0; !r && i < serials->count; i++)
		if (!strv_has(&known, serials->items[i]))
			r = strv_add(&known, serials->items[i], err);
	if (r || known.count == before)
		return r;
	strv_sort(&known);
	return state_list_save(in, REVOKED, &known, err);
}

int revoked_remember(const struct install *in, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;
	CLEANUP(strv_release) struct strv serials = STRV_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *pem = NULL;
	size_t len = 0;
	int r = 0;

	if (!index_find(&in->index, CRL_MEMBER))
		return 0;
	if ((r = path_join(in->staging, CRL_MEMBER, &path, err)) ||
	    (r = file_read(path, CRL_MAX, ERR_FAILED, &pem, &len, err)) ||
	    (r = x509_crl_from_pem(CRL_MEMBER, pem, len, &crl, err)) ||
	    (r = x509_load_all(in->ca_path, ERR_USAGE, &cas, err)))
		return r;
	if (!signed_by_one(crl, cas))
		return 0;
	r = x509_crl_serials(crl, &serials, err);
	return r ? r : add_known(in, &serials, err);
}
