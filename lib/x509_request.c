/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests, for a CA that is somebody else's. */
#include <openssl/pem.h>

#include "x509.h"
#include "x509_private.h"

DEFINE_CLEANUP(X509_REQ *, X509_REQ_free);

/* The extensions that the CA is asked for; key identifiers are its own affair. */
static STACK_OF(X509_EXTENSION) *wanted_extensions(X509 *like)
{
	STACK_OF(X509_EXTENSION) *wanted = NULL;
	bool ok = true;

	for (int i = 0; ok && i < X509_get_ext_count(like); i++) {
		X509_EXTENSION *ext = X509_get_ext(like, i);

		if (OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_subject_key_identifier)
			ok = X509v3_add_ext(&wanted, ext, -1);
	}
	if (ok)
		return wanted;
	sk_X509_EXTENSION_pop_free(wanted, X509_EXTENSION_free);
	return NULL;
}

int x509_request(const struct x509_profile *profile, EVP_PKEY *key, struct str *ret,
		 struct err *err)
{
	CLEANUP(X509_freep) X509 *like = X509_new();
	CLEANUP(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	char *pem = NULL;
	long size = 0;
	bool ok = false;
	int r = 0;

	if (!like || !request || !bio)
		return err_nomem(err);
	r = x509_build(like, profile, key, err);
	if (r < 0)
		return r;
	extensions = wanted_extensions(like);
	ok = extensions && X509_REQ_set_version(request, 0) == 1 &&
	     X509_REQ_set_subject_name(request, X509_get_subject_name(like)) == 1 &&
	     X509_REQ_set_pubkey(request, key) == 1 &&
	     X509_REQ_add_extensions(request, extensions) == 1 &&
	     X509_REQ_sign(request, key, x509_digest_for(key)) > 0 &&
	     PEM_write_bio_X509_REQ(bio, request) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	if (!ok)
		return x509_error(err, ERR_FAILED, "cannot make a certificate request");
	size = BIO_get_mem_data(bio, &pem);
	if (size > 0)
		str_add_len(ret, pem, (size_t)size);
	return str_check(ret, err);
}

/* Signed by a key that is thrown away: OpenSSL digests no half certificate. */
static bool copy_request(X509 *cert, X509_REQ *request)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *any = NULL;
	struct err ignored = ERR_INIT;

	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);
	bool ok = key && X509_REQ_verify(request, key) == 1 && X509_set_version(cert, 2) == 1 &&
		  X509_set_subject_name(cert, X509_REQ_get_subject_name(request)) == 1 &&
		  X509_set_pubkey(cert, key) == 1;

	for (int i = 0; ok && i < sk_X509_EXTENSION_num(extensions); i++)
		ok = X509_add_ext(cert, sk_X509_EXTENSION_value(extensions, i), -1) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return ok && X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), 0) &&
	       x509_key_generate(X509_KEY_P256, &any, &ignored) == 0 &&
	       X509_sign(cert, any, EVP_sha256()) > 0;
}

int x509_request_read(const char *name, const char *pem, size_t len, X509 **ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	CLEANUP(X509_REQ_freep) X509_REQ *request = NULL;
	CLEANUP(X509_freep) X509 *cert = X509_new();

	if (bio)
		request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	if (!request || !cert || !copy_request(cert, request))
		return x509_error(err, ERR_CONFIG, "'%s' is not a certificate request in PEM",
				  name);
	*ret = steal_ptr(&cert);
	return 0;
}
