/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's revocation list for services: only one that can never surprise them. */
#ifndef PGHA_CRL_H
#define PGHA_CRL_H

#include "err.h"
#include "install.h"

#define CRL_MEMBER "certs/crl.pem"
#define CRL_MAX (16U << 20) /* bytes */

/*
 * The staged bundle's list in PEM, or NULL: there is none; it is not good to the CA's own end (an expired one
 * fails every connection); or the CA file has more than one certificate, whose lists are not all here (a server that checks
 * checks the whole chain). The caller frees. RET_WHY, static, says why a list that is there is not given, or is NULL.
 */
int crl_for_services(const struct install *in, char **ret_pem, const char **ret_why,
		     struct err *err) MUST_CHECK;

#endif
