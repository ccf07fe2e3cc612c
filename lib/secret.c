/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>

#include "cleanup.h"

void secret_cleanse(void *p, size_t size_bytes)
{
	if (p)
		OPENSSL_cleanse(p, size_bytes);
}
