/* SPDX-License-Identifier: Apache-2.0 */
#include "eachpkg.h"

#include <rpm/rpmdb.h>
#include <rpm/rpmts.h>
#include <signal.h>

#include "cleanup.h"
#include "plan.h"
#include "rpmtx.h"

static inline void iterator_free(rpmdbMatchIterator *it)
{
	rpmdbFreeIterator(*it);
}

static int each_version(rpmts ts, const char *nevra, eachpkg_visit visit, void *context,
			struct err *err)
{
	CLEANUP(iterator_free) rpmdbMatchIterator it = NULL;
	cleanup_free char *name = NULL;
	Header h = NULL;
	int r = plan_nevra_name(nevra, &name, err);

	if (r < 0)
		return r;
	it = rpmtsInitIterator(ts, RPMDBI_NAME, name, 0);
	while (r == 0 && (h = rpmdbNextIterator(it)))
		r = visit(h, nevra, context, err);
	return r;
}

int eachpkg_installed(const struct install *in, const struct strv *nevras, eachpkg_visit visit,
		      void *context, struct err *err)
{
	sigset_t signals;
	rpmts ts = NULL;
	int r = rpmtx_configure(in, err);

	if (r < 0 || !nevras->count || !rpmtx_has_database(in))
		return r;
	rpmtx_hold_signals(&signals);
	ts = rpmtsCreate();
	if (rpmtsSetRootDir(ts, in->root))
		r = err_set(err, ERR_FAILED, "librpm does not take the root '%.200s'", in->root);
	for (size_t i = 0; r == 0 && i < nevras->count; i++)
		r = each_version(ts, nevras->items[i], visit, context, err);
	rpmtsFree(ts);
	rpmtx_release_signals(&signals);
	return r;
}
