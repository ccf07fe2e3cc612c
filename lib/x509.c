/* SPDX-License-Identifier: Apache-2.0 */
#include "x509.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

#define PEM_MAX (1U << 20) /* bytes of a key or certificate file */
#define PEM_BEGIN "-----BEGIN "

int x509_error(struct err *err, enum err_code code, const char *fmt, ...)
{
	/* The oldest entry is the cause; what lies above it only says who was asking. */
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return err_set(err, code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

/* -- reading and writing ---------------------------------------------------------------------- */

static BIO *memory_of(const void *data, size_t size_bytes)
{
	return size_bytes <= INT_MAX ? BIO_new_mem_buf(data, (int)size_bytes) : NULL;
}

static int memory_take(BIO *bio, struct str *ret, struct err *err)
{
	char *data = NULL;
	long size = BIO_get_mem_data(bio, &data);

	if (size > 0)
		str_add_len(ret, data, (size_t)size);
	return str_check(ret, err);
}

/* Whether another PEM block begins in what BIO, a memory, has not given yet. */
static bool more_pem(BIO *bio)
{
	char *rest = NULL;
	long size = BIO_get_mem_data(bio, &rest);

	return size > 0 && memmem(rest, (size_t)size, PEM_BEGIN, strlen(PEM_BEGIN));
}

/* Stands in for OpenSSL's own, which would ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

int x509_key_to_pem(EVP_PKEY *key, struct str *ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return x509_error(err, ERR_FAILED, "cannot encode a private key");
	return memory_take(bio, ret, err);
}

int x509_key_from_pem(const char *name, const char *pem, size_t len, EVP_PKEY **ret,
		      struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = memory_of(pem, len);
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;

	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (!key)
		return x509_error(err, ERR_CONFIG, "'%s' is not a private key in PEM", name);
	if (more_pem(bio))
		return err_set(err, ERR_CONFIG, "'%s' holds more than one private key", name);
	*ret = steal_ptr(&key);
	return 0;
}

int x509_key_write(const char *path, EVP_PKEY *key, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_SECRET;
	int r = x509_key_to_pem(key, &pem, err);

	if (r < 0)
		return r;
	return file_write_atomic(path, 0600, pem.buf, pem.len, err);
}

int x509_read_private(const char *path, enum err_code open_code, struct str *ret, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_errno(err, open_code, errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot examine '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, open_code, "'%s' is not a regular file", path);
	if (st.st_mode & 077)
		return err_set(err, ERR_CONFIG,
			       "'%s' may be read by others (mode %04o): chmod 600 '%s'", path,
			       (unsigned int)st.st_mode & 07777, path);
	return fd_read_all(fd, path, PEM_MAX, ret, err);
}

int x509_key_load(const char *path, enum err_code open_code, EVP_PKEY **ret, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_SECRET;
	int r = x509_read_private(path, open_code, &pem, err);

	if (r < 0)
		return r;
	return x509_key_from_pem(path, pem.buf ? pem.buf : "", pem.len, ret, err);
}

int x509_to_pem(X509 *cert, struct str *ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_X509(bio, cert) != 1)
		return x509_error(err, ERR_FAILED, "cannot encode a certificate");
	return memory_take(bio, ret, err);
}

static int certs_from_pem(const char *name, const char *pem, size_t len, enum err_code code,
			  STACK_OF(X509) **ret, struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = memory_of(pem, len);
	CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = sk_X509_new_null();

	if (!bio || !certs)
		return err_nomem(err);
	do {
		CLEANUP(X509_freep)
		X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

		if (!cert)
			return x509_error(err, code, "'%s' is not a certificate in PEM", name);
		if (!sk_X509_push(certs, cert))
			return err_nomem(err);
		cert = NULL;
	} while (more_pem(bio));
	*ret = steal_ptr(&certs);
	return 0;
}

int x509_from_pem(const char *name, const char *pem, size_t len, enum err_code code, X509 **ret,
		  struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = NULL;
	int r = certs_from_pem(name, pem, len, code, &certs, err);

	if (r < 0)
		return r;
	if (sk_X509_num(certs) != 1)
		return err_set(err, code, "'%s' holds more than one certificate", name);
	*ret = sk_X509_pop(certs);
	return 0;
}

int x509_load(const char *path, enum err_code open_code, X509 **ret, struct err *err)
{
	cleanup_free char *pem = NULL;
	size_t len = 0;
	int r = file_read(path, PEM_MAX, open_code, &pem, &len, err);

	if (r < 0)
		return r;
	return x509_from_pem(path, pem, len, ERR_CONFIG, ret, err);
}

int x509_load_all(const char *path, enum err_code open_code, STACK_OF(X509) **ret, struct err *err)
{
	cleanup_free char *pem = NULL;
	size_t len = 0;
	int r = file_read(path, PEM_MAX, open_code, &pem, &len, err);

	if (r < 0)
		return r;
	return certs_from_pem(path, pem, len, ERR_CONFIG, ret, err);
}

int x509_crl_from_pem(const char *name, const char *pem, size_t len, X509_CRL **ret,
		      struct err *err)
{
	CLEANUP(BIO_free_allp) BIO *bio = memory_of(pem, len);
	CLEANUP(X509_CRL_freep) X509_CRL *crl = NULL;

	if (bio)
		crl = PEM_read_bio_X509_CRL(bio, NULL, no_passphrase, NULL);
	if (!crl || more_pem(bio))
		return x509_error(err, ERR_VERIFY, "'%s' is not one revocation list in PEM", name);
	*ret = steal_ptr(&crl);
	return 0;
}

int x509_write(const char *path, X509 *cert, struct err *err)
{
	CLEANUP(str_release) struct str pem = STR_INIT;
	int r = x509_to_pem(cert, &pem, err);

	if (r < 0)
		return r;
	return file_write_atomic(path, 0644, pem.buf, pem.len, err);
}

/* -- properties ------------------------------------------------------------------------------- */

static int digest_of(X509 *cert, unsigned char ret[SHA256_SIZE], struct err *err)
{
	unsigned int len = 0;

	if (X509_digest(cert, EVP_sha256(), ret, &len) != 1 || len != SHA256_SIZE)
		return x509_error(err, ERR_FAILED, "cannot digest a certificate");
	return 0;
}

int x509_fingerprint(X509 *cert, char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	unsigned char md[SHA256_SIZE];
	int r = digest_of(cert, md, err);

	if (r < 0)
		return r;
	hex_encode(ret_hex, md, sizeof(md));
	return 0;
}

int x509_fingerprint_text(X509 *cert, char ret_text[X509_FINGERPRINT_TEXT_SIZE], struct err *err)
{
	unsigned char md[SHA256_SIZE];
	int r = digest_of(cert, md, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(md); i++)
		snprintf(ret_text + 3 * i, 4, "%02X%s", md[i], i + 1 < sizeof(md) ? ":" : "");
	return 0;
}

void x509_subject(X509 *cert, char *ret, size_t size_bytes)
{
	CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	if (bio &&
	    X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0,
			       XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &text);
	ERR_clear_error();
	snprintf(ret, size_bytes, "%.*s", (int)len, len > 0 ? text : "");
}

time_t x509_not_after(X509 *cert)
{
	struct tm tm = { .tm_sec = 0 };

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1) {
		ERR_clear_error();
		return -1;
	}
	return timegm(&tm);
}
