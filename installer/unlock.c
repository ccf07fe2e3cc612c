/* SPDX-License-Identifier: Apache-2.0 */
#include "unlock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capsule.h"
#include "cleanup.h"
#include "cms.h"
#include "file.h"
#include "passphrase.h"
#include "pkcs8.h"

#define SEALED_MAX (16U << 20) /* bytes of a key file or capsule */

/* The staged nodes/NODE.SUFFIX. */
static int read_sealed(const struct install *in, const char *suffix, char **ret_name,
		       char **ret_data, size_t *ret_size, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = 0;

	if ((r = str_printf(ret_name, err, "nodes/%s.%s", in->node, suffix)))
		return r;
	if (!index_find(&in->index, *ret_name))
		return err_set(err, ERR_VERIFY, "the bundle holds no '%s'", *ret_name);
	r = str_printf(&path, err, "%s/%s", in->staging, *ret_name);
	return r ? r : file_read(path, SEALED_MAX, ERR_FAILED, ret_data, ret_size, err);
}

static int open_capsule(struct install *in, EVP_PKEY *key, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct capsule capsule = CAPSULE_INIT;
	cleanup_free char *name = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;
	int r = 0;

	if ((r = read_sealed(in, "cms", &name, &data, &size, err)))
		return r;
	if ((r = cms_open(data, size, key, &text, err)))
		return err_prefix(err, "'%s'", name);
	if ((r = capsule_parse(name, text.buf ? text.buf : "", text.len, &capsule, err)))
		return r;
	if (strcmp(capsule.node, in->node) != 0 ||
	    strcmp(capsule.cluster, in->index.cluster) != 0) {
		capsule_release(&capsule);
		return err_set(err, ERR_VERIFY, "'%s' was sealed for another node or cluster",
			       name);
	}
	in->capsule = malloc(sizeof(*in->capsule));
	if (!in->capsule) {
		capsule_release(&capsule);
		return err_nomem(err);
	}
	*in->capsule = capsule;
	return 0;
}

int unlock_capsule(struct install *in, struct err *err)
{
	const struct passphrase_source from = { .file = in->passphrase_path,
						.fd = in->passphrase_fd };
	CLEANUP(str_release) struct str passphrase = STR_SECRET;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_free char *name = NULL;
	cleanup_free char *data = NULL;
	char advice[256];
	size_t size = 0;
	int r = 0;

	snprintf(advice, sizeof(advice),
		 "run this again with the one of node '%.60s' in the --passphrases file that "
		 "sequence %" PRIu64 " of cluster '%.60s' was built with",
		 in->node, in->index.sequence, in->index.cluster);
	if ((r = read_sealed(in, "key", &name, &data, &size, err)) ||
	    (r = passphrase_read(&from, in->node, &passphrase, err)) ||
	    (r = pkcs8_decrypt(name, data, size, passphrase.buf, advice, &key, err)))
		return r;
	return open_capsule(in, key, err);
}
