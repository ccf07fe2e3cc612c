/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys under a passphrase: PKCS#8 EncryptedPrivateKeyInfo (RFC 5958), PBES2 with
 * PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018). */
#ifndef PGHA_PKCS8_H
#define PGHA_PKCS8_H

#include <stddef.h>

#include "err.h"
#include "str.h"
#include "x509.h"

/* Of PBKDF2. The sanitizers' build, in which each takes five times as long, has fewer. */
#ifndef PKCS8_ITERATIONS
#define PKCS8_ITERATIONS 600000
#endif
#define PKCS8_SALT_SIZE 16

/* PEM ("ENCRYPTED PRIVATE KEY") of KEY under PASSPHRASE, appended to RET. */
int pkcs8_encrypt(EVP_PKEY *key, const char *passphrase, struct str *ret,
		  struct err *err) MUST_CHECK;
/* The reverse. Anything but PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC is refused before the
 * passphrase is tried. ERR_VERIFY: "wrong passphrase: ADVICE" among others; NAME is for messages. */
int pkcs8_decrypt(const char *name, const char *pem, size_t len, const char *passphrase,
		  const char *advice, EVP_PKEY **ret, struct err *err) MUST_CHECK;

#endif
