/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/crl.pem, what was revoked. A list that we make is good to the end of its CA: an expired one fails
 * every chain, and nodes without a network cannot fetch the next.
 */
#include <ctype.h>
#include <string.h>

#include "clock.h"
#include "file.h"
#include "keys.h"
#include "keys_private.h"

#define CRL_NAME "crl.pem"
#define CRL_MAX (16U << 20) /* bytes */

static int read_crl(const struct keys *keys, const char *path, enum err_code open_code,
		    X509_CRL **ret, struct err *err)
{
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;
	cleanup_free char *pem = NULL;
	size_t len = 0;
	int r = file_read(path, CRL_MAX, open_code, &pem, &len, err);

	if (r == 0)
		r = x509_crl_from_pem(path, pem, len, &crl, err);
	if (r == 0)
		r = x509_crl_check(path, crl, keys->ca, err);
	if (r == 0)
		*ret = steal_ptr(&crl);
	return r;
}

int keys_crl_load(struct keys *keys, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = keys_path(keys, CRL_NAME, &path, err);

	if (r < 0 || !keys->ca || !keys_exists(path))
		return r;
	return read_crl(keys, path, ERR_CONFIG, &keys->crl, err);
}

static int write_crl(struct keys *keys, X509_CRL *crl, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	cleanup_free char *path = NULL;
	int r = keys_path(keys, CRL_NAME, &path, err);

	if (r == 0)
		r = x509_crl_to_pem(crl, &pem, err);
	if (r == 0)
		r = file_write_atomic(path, 0644, pem.buf, pem.len, err);
	if (r < 0)
		return r;
	X509_CRL_free(keys->crl);
	keys->crl = crl;
	return 0;
}

static int add_to_list(struct keys *keys, const char *serial, struct err *err)
{
	X509_CRL *crl = NULL;
	int r = keys_ca_unlock(keys, err);

	/* Somebody may have added to it since it was read. */
	X509_CRL_free(steal_ptr(&keys->crl));
	if (r == 0)
		r = keys_crl_load(keys, err);
	if (r < 0 || (keys->crl && x509_crl_has_serial(keys->crl, serial)))
		return r;
	r = x509_crl_make(keys->ca, keys->ca_key, keys->crl, serial, clock_now(),
			  x509_not_after(keys->ca), &crl, err);
	if (r == 0)
		r = x509_crl_check("the new revocation list", crl, keys->ca, err);
	if (r == 0)
		r = write_crl(keys, crl, err);
	if (r < 0)
		X509_CRL_free(crl);
	return r;
}

int keys_revoke(struct keys *keys, const char *serial, struct err *err)
{
	int r = keys_lock(keys, err);

	if (r < 0)
		return r;
	r = add_to_list(keys, serial, err);
	keys_unlock(keys);
	return r < 0 ? err_prefix(err, "serial number %s", serial) : 0;
}

int keys_known_serial(const struct keys *keys, const char *text, struct str *ret, struct err *err)
{
	cleanup_free char *name = NULL;
	int r = 0;

	for (const char *p = text; *p; p++)
		if (isxdigit((unsigned char)*p))
			str_addc(ret, (char)toupper((unsigned char)*p));
		else if (*p != ':')
			return err_set(err, ERR_USAGE,
				       "'%s' is neither the name of a certificate ('keys show' "
				       "lists them) nor a serial number",
				       text);
	r = str_check(ret, err);
	if (r == 0 && ret->len)
		r = keys_log_find(keys, ret->buf, &name, err);
	if (r == 0 && !name)
		r = err_set(err, ERR_USAGE,
			    "'%s' is neither the name nor the serial number of a certificate of "
			    "'%s'",
			    text, keys->dir);
	return r;
}

int keys_crl_import(struct keys *keys, const char *path, struct err *err)
{
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;
	int r = 0;

	if (!keys->ca)
		return err_set(err, ERR_CONFIG,
			       "'%s/ca.crt' is not there: import the CA's certificates first",
			       keys->dir);
	r = read_crl(keys, path, ERR_USAGE, &crl, err);
	if (r < 0)
		return r;
	if (x509_crl_next(crl) >= 0 && x509_crl_next(crl) <= clock_now())
		return err_set(err, ERR_VERIFY, "'%s' has expired: bring the CA's latest", path);
	if (keys->crl && ASN1_TIME_compare(X509_CRL_get0_lastUpdate(crl),
					   X509_CRL_get0_lastUpdate(keys->crl)) < 0)
		return err_set(err, ERR_VERIFY, "'%s' is older than the list that is there", path);
	r = keys_lock(keys, err);
	if (r < 0)
		return r;
	r = write_crl(keys, crl, err);
	if (r == 0)
		crl = NULL;
	keys_unlock(keys);
	return r;
}

int keys_crl_pem(const struct keys *keys, struct str *ret, struct err *err)
{
	if (!keys->crl)
		return 0;
	if (x509_crl_next(keys->crl) >= 0 && x509_crl_next(keys->crl) <= clock_now())
		return err_set(err, ERR_VERIFY,
			       "the revocation list '%s/%s' has expired: bring the CA's latest "
			       "with 'pgha-bundle keys import --crl FILE'",
			       keys->dir, CRL_NAME);
	return x509_crl_to_pem(keys->crl, ret, err);
}
