/* SPDX-License-Identifier: Apache-2.0 */
/* The CA: DIR/ca.crt, the chain; and DIR/ca.key, perhaps under a passphrase, perhaps elsewhere. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "file.h"
#include "keys.h"
#include "keys_private.h"
#include "pkcs8.h"

DEFINE_CLEANUP(PKCS12 *, PKCS12_free);

#define PEM_ENCRYPTED "-----BEGIN " PEM_STRING_PKCS8 "-----"

/* Before anything is done, also where the key will not be needed. */
static int check_key_file(const struct keys *keys, struct err *err)
{
	cleanup_free char *path = NULL;
	struct stat st;
	int r = keys_path(keys, "ca.key", &path, err);

	if (r == 0 && lstat(path, &st) == 0 && (st.st_mode & 077))
		r = err_set(err, ERR_CONFIG,
			    "'%s' may be read by others (mode %04o): chmod 600 '%s'", path,
			    (unsigned int)st.st_mode & 07777, path);
	return r;
}

int keys_ca_load(struct keys *keys, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = check_key_file(keys, err);

	if (r == 0)
		r = keys_path(keys, "ca.crt", &path, err);
	if (r < 0 || !keys_exists(path))
		return r;
	r = x509_load_all(path, ERR_CONFIG, &keys->chain, err);
	if (r < 0)
		return r;
	keys->ca = sk_X509_value(keys->chain, 0);
	return X509_up_ref(keys->ca) == 1 ? 0 : err_nomem(err);
}

int keys_ca_write(struct keys *keys, STACK_OF(X509) *chain, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	cleanup_free char *path = NULL;
	int r = keys_path(keys, "ca.crt", &path, err);

	for (int i = 0; r == 0 && i < sk_X509_num(chain); i++)
		r = x509_to_pem(sk_X509_value(chain, i), &pem, err);
	if (r == 0)
		r = file_write_atomic(path, 0644, pem.buf, pem.len, err);
	if (r < 0)
		return r;
	x509_stack_free(steal_ptr(&keys->chain));
	X509_free(steal_ptr(&keys->ca));
	return keys_ca_load(keys, err);
}

int keys_ca_key_write(const struct keys *keys, EVP_PKEY *key, const char *passphrase,
		      struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_SECRET;
	cleanup_free char *path = NULL;
	int r = keys_path(keys, "ca.key", &path, err);

	if (r == 0)
		r = passphrase ? pkcs8_encrypt(key, passphrase, &pem, err)
			       : x509_key_to_pem(key, &pem, err);
	return r < 0 ? r : file_write_atomic(path, 0600, pem.buf, pem.len, err);
}

bool keys_has_ca_key(const struct keys *keys)
{
	cleanup_free char *path = NULL;
	struct err ignored = ERR_INIT;

	return keys->ca_key ||
	       (path_join(keys->dir, "ca.key", &path, &ignored) == 0 && keys_exists(path));
}

static int decrypt(struct keys *keys, const char *path, const struct str *pem, EVP_PKEY **ret,
		   struct err *err)
{
	CLEANUP(str_release) struct str passphrase = STR_SECRET;
	char advice[128];
	int r = 0;

	if (!strstr(pem->buf, PEM_ENCRYPTED))
		return x509_key_from_pem(path, pem->buf, pem->len, ret, err);
	if ((r = passphrase_read(&keys->ca_passphrase, path, &passphrase, err)))
		return r;
	passphrase_advice(&keys->ca_passphrase, advice, sizeof(advice));
	return pkcs8_decrypt(path, pem->buf, pem->len, passphrase.buf, advice, ret, err);
}

int keys_ca_unlock(struct keys *keys, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_SECRET;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_free char *path = NULL;
	int r = keys_path(keys, "ca.key", &path, err);

	if (r < 0 || keys->ca_key)
		return r;
	if (!keys->ca || !keys_exists(path))
		return err_set(err, ERR_CONFIG,
			       "the CA's key is not in '%s': have certificates issued by its "
			       "owner, with 'pgha-bundle keys request' and 'keys import'",
			       keys->dir);
	r = x509_read_private(path, ERR_CONFIG, &pem, err);
	if (r == 0)
		str_addc(&pem, '\n'); /* never empty */
	if (r == 0)
		r = str_check(&pem, err);
	if (r == 0)
		r = decrypt(keys, path, &pem, &key, err);
	if (r < 0)
		return r;
	if (X509_check_private_key(keys->ca, key) != 1)
		return x509_error(err, ERR_CONFIG, "'%s' does not belong to '%s/ca.crt'", path,
				  keys->dir);
	keys->ca_key = steal_ptr(&key);
	return 0;
}

/* -- a CA that exists ------------------------------------------------------------------------- */

static int wrong_passphrase(const char *path, const struct passphrase_source *source,
			    struct err *err)
{
	char advice[128];

	ERR_clear_error();
	passphrase_advice(source, advice, sizeof(advice));
	return err_set(err, ERR_VERIFY, "'%s': wrong passphrase: %s", path, advice);
}

/* What OpenSSL asks for when a key turns out to be encrypted. */
struct asker {
	const struct passphrase_source *source;
	const char *path;
	struct str *passphrase;
	struct err *err;
	int r;
};

static int give_passphrase(char *buf, int size, int writing, void *arg)
{
	struct asker *a = arg;

	(void)writing;
	a->r = passphrase_read(a->source, a->path, a->passphrase, a->err);
	if (a->r < 0 || size < 0 || a->passphrase->len > (size_t)size)
		return -1;
	memcpy(buf, a->passphrase->buf, a->passphrase->len);
	return (int)a->passphrase->len;
}

int keys_ca_from_files(const char *key_path, const char *cert_path,
		       const struct passphrase_source *passphrase, EVP_PKEY **ret_key,
		       STACK_OF(X509) **ret_chain, struct str *ret_passphrase, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_SECRET;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(x509_stack_freep) STACK_OF(X509) *chain = NULL;
	CLEANUP(BIO_free_allp) BIO *bio = NULL;
	struct asker asker = { passphrase, key_path, ret_passphrase, err, 0 };
	int r = x509_read_private(key_path, ERR_USAGE, &pem, err);

	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(pem.buf ? pem.buf : "", (int)pem.len);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asker);
	if (!key && asker.r < 0)
		return asker.r;
	if (!key && ret_passphrase->len)
		return wrong_passphrase(key_path, passphrase, err);
	if (!key)
		return x509_error(err, ERR_CONFIG, "'%s' is not a private key in PEM", key_path);
	r = x509_load_all(cert_path, ERR_USAGE, &chain, err);
	if (r == 0)
		r = x509_ca_chain(cert_path, chain, key, clock_now(), err);
	if (r < 0)
		return r;
	*ret_key = steal_ptr(&key);
	*ret_chain = steal_ptr(&chain);
	return 0;
}

/* OpenSSL 3 cannot read what old tools wrote with RC2 without its legacy provider. */
static int unreadable_pkcs12(const char *path, struct err *err)
{
	x509_error(err, ERR_VERIFY, "cannot open '%s'", path);
	err_detail(err,
		   "when the passphrase is right, convert it with AES: openssl pkcs12 -legacy -in "
		   "'%s' -nodes | openssl pkcs12 -export -out new.p12",
		   path);
	return -err->code;
}

static int parse_pkcs12(const char *path, PKCS12 *p12, const struct passphrase_source *source,
			const char *passphrase, EVP_PKEY **ret_key, STACK_OF(X509) **ret_chain,
			struct err *err)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	CLEANUP(x509_stack_freep) STACK_OF(X509) *chain = NULL;
	CLEANUP(X509_freep) X509 *cert = NULL;
	int r = 0;

	if (PKCS12_parse(p12, passphrase, &key, &cert, &chain) != 1) {
		unsigned long why = ERR_peek_last_error();

		if (ERR_GET_LIB(why) != ERR_LIB_PKCS12 ||
		    ERR_GET_REASON(why) != PKCS12_R_MAC_VERIFY_FAILURE)
			return unreadable_pkcs12(path, err);
		return wrong_passphrase(path, source, err);
	}
	if (!key || !cert)
		return err_set(err, ERR_CONFIG, "'%s' does not hold a key with its certificate",
			       path);
	if (!chain)
		chain = sk_X509_new_null();
	if (!chain || !sk_X509_push(chain, cert))
		return err_nomem(err);
	cert = NULL;
	r = x509_ca_chain(path, chain, key, clock_now(), err);
	if (r < 0)
		return r;
	*ret_key = steal_ptr(&key);
	*ret_chain = steal_ptr(&chain);
	return 0;
}

int keys_ca_from_pkcs12(const char *path, const struct passphrase_source *passphrase,
			EVP_PKEY **ret_key, STACK_OF(X509) **ret_chain, struct str *ret_passphrase,
			struct err *err)
{
	CLEANUP(str_release) struct str der = STR_SECRET;
	CLEANUP(PKCS12_freep) PKCS12 *p12 = NULL;
	const unsigned char *p = NULL;
	int r = x509_read_private(path, ERR_USAGE, &der, err);

	if (r < 0)
		return r;
	p = (const unsigned char *)der.buf;
	if (p)
		p12 = d2i_PKCS12(NULL, &p, (long)der.len);
	if (!p12)
		return x509_error(err, ERR_CONFIG, "'%s' is not a PKCS#12 file", path);
	r = passphrase_read(passphrase, path, ret_passphrase, err);
	return r < 0 ? r
		     : parse_pkcs12(path, p12, passphrase, ret_passphrase->buf, ret_key, ret_chain,
				    err);
}
