/* SPDX-License-Identifier: Apache-2.0 */
#include "revoked.h"

#include <unistd.h>

#include "file.h"
#include "state.h"

#define CRL_MAX (16U << 20) /* bytes */

static bool signed_by_one(X509_CRL *crl, const char *path, STACK_OF(X509) *cas)
{
	for (int i = 0; i < sk_X509_num(cas); i++) {
		struct err ignored = ERR_INIT;

		if (!x509_crl_check(path, crl, sk_X509_value(cas, i), &ignored))
			return true;
	}
	return false;
}

/* The kept list, or "". */
static int list_path(const struct install *in, char **ret, struct err *err)
{
	CLEANUP(state_committed_release) struct state_committed committed = STATE_COMMITTED_INIT;
	cleanup_free char *kept = NULL;
	int r = state_committed_load(in, &committed, err);

	if (r)
		return r;
	if (!committed.sequence)
		return str_dup(ret, "", err);
	r = state_kept_path(in, committed.sequence, &kept, err);
	return r ? r : path_join(kept, "certs/crl.pem", ret, err);
}

int revoked_check(const struct install *in, const struct verify *v, struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;
	cleanup_free char *path = NULL;
	cleanup_free char *pem = NULL;
	size_t len = 0;
	int r = list_path(in, &path, err);

	if (r || !*path || access(path, F_OK) < 0)
		return r;
	if ((r = file_read(path, CRL_MAX, ERR_FAILED, &pem, &len, err)) ||
	    (r = x509_crl_from_pem(path, pem, len, &crl, err)) ||
	    (r = x509_load_all(in->ca_path, ERR_USAGE, &cas, err)))
		return r;
	if (!signed_by_one(crl, path, cas) || !x509_crl_has_serial(crl, v->signer.serial))
		return 0;
	return err_set(err, ERR_VERIFY,
		       "'%.200s' is signed with certificate %s, which was revoked: have it built "
		       "anew with the signer of today",
		       v->set.name, v->signer.serial);
}
