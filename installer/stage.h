/* SPDX-License-Identifier: Apache-2.0 */
/* From the tarball on its media to verified files in private staging, or to nothing at all. */
#ifndef PGHA_STAGE_H
#define PGHA_STAGE_H

#include "cms.h"
#include "digest.h"
#include "err.h"
#include "install.h"

struct stage_result {
	char index_sha256[SHA256_HEX_SIZE];
	struct cms_signer signer;
};

/*
 * Empties in->staging, verifies the bundle into it, and fills in->index. Before the members are
 * read: the machine's architecture (ERR_HOST), what the node has committed
 * (state_committed_check()), and disk space (ERR_HOST). In a dry run in->staging becomes a
 * temporary directory outside of STATE. On failure the staging directory is gone.
 */
int stage_bundle(struct install *in, struct stage_result *ret, struct err *err) MUST_CHECK;

/* Removes the staging directory; call it at the end, however it ends. What a dry run that was killed left is
 * removed by whichever run comes next. */
int stage_clear(struct install *in, struct err *err) MUST_CHECK;

#endif
