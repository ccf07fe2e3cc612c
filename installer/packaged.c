/* SPDX-License-Identifier: Apache-2.0 */
#include "packaged.h"

#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "digest.h"
#include "rpmtx.h"

static inline void ts_free(rpmts *ts)
{
	rpmtsFree(*ts);
}

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

static inline void files_free(rpmfi *fi)
{
	rpmfiFree(*fi);
}

static bool has_content(Header h, const char *path, const char *sha256)
{
	CLEANUP(files_free) rpmfi fi = rpmfiNew(NULL, h, RPMTAG_BASENAMES, RPMFI_KEEPHEADER);

	for (fi = rpmfiInit(fi, 0); rpmfiNext(fi) >= 0;) {
		const unsigned char *digest = NULL;
		char hex[SHA256_HEX_SIZE];
		size_t len = 0;
		int algorithm = 0;

		if (strcmp(rpmfiFN(fi), path) != 0)
			continue;
		digest = rpmfiFDigest(fi, &algorithm, &len);
		if (!digest || algorithm != PGPHASHALGO_SHA256 || len != SHA256_HEX_SIZE / 2)
			continue;
		hex_encode(hex, digest, len);
		if (!strcmp(hex, sha256))
			return true;
	}
	return false;
}

int packaged_content(const struct install *in, const char *path, const char *sha256, bool *ret,
		     struct err *err)
{
	CLEANUP(ts_free) rpmts ts = NULL;
	CLEANUP(iterator_free) rpmdbMatchIterator it = NULL;
	sigset_t signals;
	Header h = NULL;
	int r = rpmtx_configure(in, err);

	*ret = false;
	if (r < 0 || !rpmtx_has_database(in))
		return r;
	rpmtx_hold_signals(&signals);
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root))
		r = err_set(err, ERR_FAILED, "librpm does not take the root '%.200s'", in->root);
	if (r == 0)
		it = rpmtsInitIterator(ts, RPMDBI_INSTFILENAMES, path, 0);
	while (r == 0 && !*ret && (h = rpmdbNextIterator(it)))
		*ret = has_content(h, path, sha256);
	rpmdbFreeIterator(it);
	it = NULL;
	rpmtsFree(ts);
	ts = NULL;
	rpmtx_release_signals(&signals);
	return r;
}
