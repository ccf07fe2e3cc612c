/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of memory, streams and files, by OpenSSL's EVP. */
#ifndef PGHA_DIGEST_H
#define PGHA_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define SHA256_SIZE 32
#define SHA256_HEX_SIZE 65 /* with NUL */

struct digest; /* a running SHA-256 */

int digest_new(struct digest **ret, struct err *err) MUST_CHECK;
void digest_free(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t size_bytes);
/* Lower-case hexadecimal; the digest starts anew afterwards. */
void digest_final_hex(struct digest *d, char ret_hex[SHA256_HEX_SIZE]);

int sha256_hex(const void *data, size_t size_bytes, char ret_hex[SHA256_HEX_SIZE],
	       struct err *err) MUST_CHECK;
/* Digest and size of an open file, from its present offset to its end. */
int sha256_fd(int fd, const char *name, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size_bytes,
	      struct err *err) MUST_CHECK;
int sha256_file(const char *path, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size_bytes,
		struct err *err) MUST_CHECK;

#endif
