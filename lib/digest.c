/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>

#include "cleanup.h"
#include "str.h"

struct digest {
	EVP_MD_CTX *ctx;
};

DEFINE_CLEANUP(struct digest *, digest_free);

int digest_new(struct digest **ret, struct err *err)
{
	CLEANUP(digest_freep) struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return err_nomem(err);
	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx)
		return err_nomem(err);
	if (EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_FAILED, "SHA-256 is not available in OpenSSL");
	*ret = steal_ptr(&d);
	return 0;
}

void digest_free(struct digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_update(struct digest *d, const void *data, size_t size_bytes)
{
	EVP_DigestUpdate(d->ctx, data, size_bytes);
}

void digest_final_hex(struct digest *d, char ret_hex[SHA256_HEX_SIZE])
{
	unsigned char raw[EVP_MAX_MD_SIZE] = { 0 };

	EVP_DigestFinal_ex(d->ctx, raw, NULL);
	hex_encode(ret_hex, raw, SHA256_SIZE);
	EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL);
}

int sha256_hex(const void *data, size_t size_bytes, char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(digest_freep) struct digest *d = NULL;
	int r = digest_new(&d, err);

	if (r < 0)
		return r;
	digest_update(d, data, size_bytes);
	digest_final_hex(d, ret_hex);
	return 0;
}

#define READ_SIZE (256U << 10)

int sha256_fd(int fd, const char *name, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size_bytes,
	      struct err *err)
{
	CLEANUP(digest_freep) struct digest *d = NULL;
	cleanup_free char *buf = malloc(READ_SIZE);
	uint64_t total = 0;
	int r;

	if (!buf)
		return err_nomem(err);
	r = digest_new(&d, err);
	if (r < 0)
		return r;
	for (;;) {
		ssize_t n = read(fd, buf, READ_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_FAILED, errno, "cannot read '%s'", name);
		if (n == 0)
			break;
		digest_update(d, buf, (size_t)n);
		total += (uint64_t)n;
	}
	digest_final_hex(d, ret_hex);
	if (ret_size_bytes)
		*ret_size_bytes = total;
	return 0;
}

int sha256_file(const char *path, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size_bytes,
		struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot open '%s'", path);
	return sha256_fd(fd, path, ret_hex, ret_size_bytes, err);
}
