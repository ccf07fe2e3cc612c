/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "cleanup.h"
#include "pkcs8.h"
#include "str.h"

#define KIND "pbkdf2-sha256"
#define SALT_SIZE 16
#define HASH_SIZE 32

unsigned int verifier_iterations = PKCS8_ITERATIONS;

struct parts {
	uint64_t iterations;
	unsigned char salt[SALT_SIZE];
	unsigned char hash[HASH_SIZE];
};

static int derive(struct parts *p, const char *secret, struct err *err)
{
	if (PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), p->salt, sizeof(p->salt),
			      (int)p->iterations, EVP_sha256(), sizeof(p->hash), p->hash) != 1)
		return err_set(err, ERR_FAILED, "OpenSSL cannot derive a verifier");
	return 0;
}

int verifier_make(const char *secret, char **ret, struct err *err)
{
	struct parts p = { .iterations = verifier_iterations };
	char salt[2 * SALT_SIZE + 1], hash[2 * HASH_SIZE + 1];
	int r = 0;

	if (RAND_bytes(p.salt, sizeof(p.salt)) != 1)
		return err_set(err, ERR_FAILED, "OpenSSL has no random numbers");
	r = derive(&p, secret, err);
	if (r < 0)
		return r;
	hex_encode(salt, p.salt, sizeof(p.salt));
	hex_encode(hash, p.hash, sizeof(p.hash));
	return str_printf(ret, err, "%s:%u:%s:%s", KIND, verifier_iterations, salt, hash);
}

static bool parse(const char *verifier, struct parts *ret)
{
	cleanup_free char *copy = strdup(verifier);
	struct err ignored = ERR_INIT;
	char *rest = copy;
	const char *kind = strsep(&rest, ":");
	const char *iterations = strsep(&rest, ":");
	const char *salt = strsep(&rest, ":");

	return kind && !strcmp(kind, KIND) && iterations && salt && rest &&
	       str_u64(&ret->iterations, iterations, 1000, 100000000, &ignored) == 0 &&
	       hex_decode(ret->salt, sizeof(ret->salt), salt) &&
	       hex_decode(ret->hash, sizeof(ret->hash), rest);
}

int verifier_check(const char *verifier, const char *secret, bool *ret_same, struct err *err)
{
	struct parts known = { .iterations = 0 };
	struct parts p = { .iterations = 0 };
	int r = 0;

	if (!parse(verifier, &known))
		return err_set(err, ERR_FAILED, "a verifier that another version wrote");
	p = known;
	r = derive(&p, secret, err);
	if (r == 0)
		*ret_same = CRYPTO_memcmp(p.hash, known.hash, sizeof(p.hash)) == 0;
	return r;
}
