/* SPDX-License-Identifier: Apache-2.0 */
#include "crl.h"

#include <stdlib.h>

#include "cleanup.h"
#include "file.h"
#include "x509.h"

static int load_cas(const struct install *in, STACK_OF(X509) **ret, struct err *err)
{
	cleanup_free char *known = NULL;
	int r = 0;

	if (in->ca_path)
		return x509_load_all(in->ca_path, ERR_USAGE, ret, err);
	r = path_join(in->state_dir, INSTALL_CA_NAME, &known, err);
	return r ? r : x509_load_all(known, ERR_FAILED, ret, err);
}

int crl_for_services(const struct install *in, char **ret_pem, const char **ret_why,
		     struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;
	cleanup_free char *path = NULL;
	cleanup_free char *pem = NULL;
	struct err ignored = ERR_INIT;
	X509 *ca = NULL;
	size_t len = 0;
	int r = path_join(in->staging, CRL_MEMBER, &path, err);

	*ret_pem = NULL;
	*ret_why = NULL;
	if (r || access(path, F_OK) < 0)
		return r;
	if ((r = file_read(path, CRL_MAX, ERR_FAILED, &pem, &len, err)) ||
	    (r = x509_crl_from_pem(CRL_MEMBER, pem, len, &crl, err)) ||
	    (r = load_cas(in, &cas, err)))
		return r;
	ca = sk_X509_value(cas, 0);
	if (sk_X509_num(cas) != 1)
		*ret_why = "the CA is a chain, and the lists of those above it are not here";
	else if (x509_crl_check(CRL_MEMBER, crl, ca, &ignored))
		*ret_why = "it is not the CA's";
	else if (x509_crl_next(crl) < x509_not_after(ca))
		*ret_why = "it ends before the CA, and an expired list fails every connection";
	else
		*ret_pem = steal_ptr(&pem);
	return 0;
}
